"""Tells when a command replaced what this kernel has imported already."""

from __future__ import annotations

import importlib
import os
import re
import sys
import uuid

MIME = "application/vnd.colab-display-data+json"
_INSTALLS = re.compile(r"\b(pip|pip3|uv|conda|mamba|poetry)\b|-m\s+pip\b")
_MAX = 50


class Installs:
    """What distributions there are before a command, to be compared with those after it.

    Args:
        command: what will run; looked at only where it installs something.
    """

    def __init__(self, command: str) -> None:
        self._before = _distributions() if _INSTALLS.search(command) else None

    def tell(self) -> None:
        """Shows a notice where another version of something imported was installed."""
        if self._before is None:
            return
        importlib.invalidate_caches()
        after = _distributions()
        changed = [
            (name, folder, version)
            for name, (version, folder) in after.items()
            if name in self._before and self._before[name][0] != version
        ]
        packages: list[str] = []
        for _name, folder, version in changed:
            packages += [module for module in _imported(folder) if _version_of(module) != version]
        packages = sorted(set(packages))[:_MAX]
        if packages and "SKIP_COLAB_PIP_WARNING" not in os.environ:
            _show(packages)


def _distributions() -> dict[str, tuple[str, str]]:
    """Returns version and folder of what is installed, by name; only names of folders are read."""
    found: dict[str, tuple[str, str]] = {}
    for place in dict.fromkeys(sys.path):
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        for entry in names:
            if entry.endswith(".dist-info"):
                name, _, version = entry[: -len(".dist-info")].partition("-")
                found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), (version, os.path.join(place, entry)))
    return found


def _imported(folder: str) -> list[str]:
    """Returns the modules of a distribution that this kernel has imported; of a namespace, those below it."""
    try:
        with open(os.path.join(folder, "RECORD"), encoding="utf-8", errors="replace") as file:
            paths = [line.split(",", 1)[0].strip('"').split("/") for line in file]
    except OSError:
        return []
    packages = {path[0] for path in paths if len(path) > 1 and path[1] == "__init__.py"}
    modules = set()
    for path in paths:
        name = path[-1].partition(".")[0]
        if path[0] in ("..", "") or ".dist-info" in path[0] or not path[-1].endswith((".py", ".so", ".pyd")):
            continue
        if len(path) == 1 or path[0] in packages:
            modules.add(path[0] if len(path) > 1 else name)
        else:
            modules.add(f"{path[0]}.{path[1] if len(path) > 2 else name}")
    return [module for module in modules if module in sys.modules]


def _version_of(module: str) -> object:
    return getattr(sys.modules.get(module), "__version__", None)


def _show(packages: list[str]) -> None:
    from IPython.display import display

    text = (
        f"Imported before another version of it was installed: {', '.join(packages)}. "
        "Restart the runtime to use what is installed now."
    )
    notice = {"pip_warning": {"packages": packages}, "id": uuid.uuid4().hex}
    display({MIME: notice, "text/plain": text}, raw=True)
