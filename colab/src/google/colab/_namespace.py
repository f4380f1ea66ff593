"""Keeps ``google`` open to the other packages that share the name."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any


class Others:
    """Finds modules of ``google`` that came after it was imported: ``!pip install`` in a kernel that runs.

    A namespace package looks for its folders once, when ``sys.path`` changes; those installed later lie in a folder
    ``google`` that was not there then.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Returns where ``google.<name>`` lies in a folder that is not on the package's path yet, or None.

        Names below that are shared too (``google.cloud.<name>``), as long as no package owns them.
        """
        if not name.startswith("google."):
            return None
        above = name.rpartition(".")[0]
        package = sys.modules.get(above)
        if package is None or (above != "google" and getattr(package, "__file__", None)):
            return None
        known = {os.path.abspath(folder) for folder in package.__path__}
        for place in sys.path:
            folder = os.path.abspath(os.path.join(place, *above.split(".")))
            if folder in known or not os.path.isdir(folder):
                continue
            found = PathFinder.find_spec(name, [folder])
            if found is not None:
                return found
        return None


def install() -> None:
    """Puts :class:`Others` behind the finders that there are. Safe to repeat."""
    if not any(finder is Others for finder in sys.meta_path):
        sys.meta_path.append(Others)
