"""The agent that belongs to this Labora: where its code comes from and what its environment is called."""

from __future__ import annotations

import hashlib
import importlib.resources
import platform
import shutil
import tomllib
from pathlib import Path

from labora.base.errors import UnavailableError
from labora.host import environment

_FORMAT = "3"
COLAB = "colab"
"""Folder of the agent's environment that programs in a runtime import ``google.colab`` from."""


def digest(*parts: str) -> str:
    """Returns a short name for what ``parts`` say."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _bundled_wheel() -> Path | None:
    """Returns the agent's wheel that an installed Labora carries."""
    bundled = Path(str(importlib.resources.files("labora"))) / "_bundled"
    return next(iter(sorted(bundled.glob("labora_guest-*.whl"))), None)


def _source_tree() -> Path:
    """Returns ``guest/`` of the checkout that this code runs from."""
    return Path(__file__).resolve().parents[3] / "guest"


def agent_name(root: Path | None = None) -> str:
    """Returns the folder name of the agent that belongs to this Labora: a digest of its code and what it rests on.

    Args:
        root: the root file system whose Python it runs on; this machine's own by default.

    Raises:
        UnavailableError: neither a wheel nor a checkout is there.
    """
    wheel = _bundled_wheel()
    colab = [f"{path.relative_to(_colab_tree())}\0{path.read_text()}" for path in _colab_files()]
    surroundings = (_FORMAT, *colab, root.name if root else f"{environment.base_python()} {platform.python_version()}")
    if wheel is not None:
        return f"agent-{digest(*surroundings, hashlib.sha256(wheel.read_bytes()).hexdigest())}"
    source = _source_tree()
    if not (source / "pyproject.toml").exists():
        raise UnavailableError("This Labora is incomplete: its agent is missing. Install it again.", code="no_agent")
    files = [source / "pyproject.toml", *sorted((source / "src").rglob("*.py"))]
    texts = [f"{path.relative_to(source)}\0{path.read_text()}" for path in files]
    return f"agent-{digest(*surroundings, *texts)}"


def _colab_tree() -> Path:
    """Returns the sources of ``google.colab``: bundled with an installed Labora, or of the checkout."""
    bundled = Path(str(importlib.resources.files("labora"))) / "_bundled" / COLAB
    return bundled if bundled.is_dir() else _source_tree().parent / "colab" / "src"


def _colab_files() -> list[Path]:
    found = sorted(_colab_tree().rglob("*"))
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def agent_requirements() -> list[str]:
    """Returns what pip installs for the agent."""
    wheel = _bundled_wheel()
    if wheel is not None:
        return [str(wheel)]
    project = tomllib.loads((_source_tree() / "pyproject.toml").read_text())["project"]
    return [str(requirement) for requirement in project["dependencies"]]


def copy_agent(made: Path) -> None:
    """Puts ``google.colab`` beside the agent; from a checkout the agent's package too: no build tool is needed."""
    shutil.copytree(_colab_tree(), made / COLAB, ignore=shutil.ignore_patterns("__pycache__"))
    if _bundled_wheel() is None:
        site = next(made.glob("lib/python*/site-packages"))
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_source_tree() / "src" / "labora_guest", site / "labora_guest", ignore=ignore)
