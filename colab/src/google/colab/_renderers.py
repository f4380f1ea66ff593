"""How plotting libraries show their plots here: as data that the page draws, or with all that they need. Nothing is
loaded from elsewhere, so plots are drawn without a network, and again from the saved notebook.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any


def altair(module: ModuleType) -> None:
    """Shows charts of Altair as data."""
    module.renderers.enable("mimetype")


def plotly(module: ModuleType) -> None:
    """Shows figures of Plotly as data, also where a notebook names the renderer of Colab."""
    renderers = module.renderers
    renderers["colab"] = renderers["plotly_mimetype"]
    if not os.environ.get("PLOTLY_RENDERER"):
        renderers.default = "plotly_mimetype"


def bokeh(module: ModuleType) -> None:
    """Shows plots of Bokeh with their own copy of BokehJS: every cell's output is a page of its own."""
    run = module.run_notebook_hook

    def run_notebook_hook(notebook_type: str, action: str, *args: Any, **kwargs: Any) -> Any:
        if notebook_type != "jupyter" or action not in ("load", "doc"):
            return run(notebook_type, action, *args, **kwargs)
        if action == "load":
            # Each plot brings it.
            return None
        from google.colab.output import _publish

        _publish.javascript(_bokehjs(args[0]))
        return run(notebook_type, action, *args, **kwargs)

    module.run_notebook_hook = run_notebook_hook  # type: ignore[attr-defined]


def _bokehjs(shown: Any) -> str:
    """Returns the parts of BokehJS that a plot needs, for a page that has not loaded them."""
    from bokeh.embed.bundle import bundle_for_objs_and_resources
    from bokeh.resources import Resources

    bundle = bundle_for_objs_and_resources([shown], Resources("inline"))
    parts = [str(part) for part in bundle.js_raw]
    loading = "\n".join(f"(function() {{\n{part}\n}}).call(window);" for part in parts)
    names = "|".join(str(len(part)) for part in parts)
    return (
        f"(() => {{ const loaded = window.laboraBokeh ??= new Set(); if (loaded.has('{names}')) return; "
        f"loaded.add('{names}');\n{loading}\n}})();"
    )
