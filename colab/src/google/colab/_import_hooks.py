"""What is set up when certain libraries are imported, at no cost before."""

from __future__ import annotations

import contextlib
import sys
import threading
from types import ModuleType
from typing import Any, Callable


def _cv2(module: ModuleType) -> None:
    from google.colab import patches

    patches._replace_windows(module)


def _renderer(name: str) -> Callable[[ModuleType], None]:
    def set_up(module: ModuleType) -> None:
        from google.colab import _renderers

        getattr(_renderers, name)(module)

    return set_up


def _torchvision(module: ModuleType) -> None:
    from google.colab import _datasets

    _datasets.torchvision(module)


HOOKS: dict[str, Callable[[ModuleType], None]] = {
    "altair": _renderer("altair"),
    "bokeh.io.notebook": _renderer("bokeh"),
    "cv2": _cv2,
    "plotly.io._renderers": _renderer("plotly"),
    "torchvision.datasets.mnist": _torchvision,
}
"""By the name of a module, what is done with it once it has been imported."""


class _Finder:
    """Finds as the others do, and lets a hook follow the import."""

    def __init__(self) -> None:
        # Of each thread: another one may import at the same time.
        self._looks = threading.local()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        hook = HOOKS.get(name)
        if hook is None or getattr(self._looks, "now", False):
            return None
        self._looks.now = True
        try:
            found = _found(name, path, target)
        finally:
            self._looks.now = False
        loader = getattr(found, "loader", None)
        if loader is None or not hasattr(loader, "exec_module"):
            return found
        execute = loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            try:
                hook(module)
            except Exception as error:  # noqa: BLE001 - another version of the library; it works without
                print(f"{name} was not set up for this notebook: {error}", file=sys.stderr)

        with contextlib.suppress(AttributeError):
            loader.exec_module = executed
        return found


def _found(name: str, path: Any, target: Any) -> Any:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        found = find(name, path, target) if find is not None else None
        if found is not None:
            return found
    return None


def install() -> None:
    """Watches for the libraries of :data:`HOOKS`. Safe to repeat."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
