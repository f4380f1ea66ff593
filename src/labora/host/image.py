"""Images: the default Python environment and the agent's own, prepared once and shared read-only by all runtimes.

``images/python-<digest>/`` holds ``env/`` (the environment, at /opt/python inside), ``manifest.json`` and
``status.json``; ``images/agent-<digest>/`` the agent's environment (at /opt/labora). A digest is that of what went
in, so a ready image never changes; folders appear by rename, whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.resources
import json
import os
import platform
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from labora.base.errors import LaboraError, UnavailableError
from labora.host import environment
from labora.host.pip_output import ImageProgress
from labora.host.process import is_alive, start_time
from labora.host.registry import write_atomically

__all__ = ["ImageProgress", "ImageStatus", "image_folder", "image_status", "prepare_image"]

ENVIRONMENT_PATH = "/opt/python"
AGENT_PATH = "/opt/labora"
_FORMAT = "1"
_ALWAYS = ("ipykernel", "pip")


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """State of one image. ``message`` says what to do where it failed."""

    name: str
    status: Literal["missing", "preparing", "ready", "failed"]
    progress: ImageProgress | None
    message: str | None

    def as_json(self) -> dict[str, Any]:
        """Returns the object of ``GET /images``."""
        progress = {"label": self.progress.label, "fraction": self.progress.fraction} if self.progress else None
        return {"name": self.name, "status": self.status, "progress": progress, "message": self.message}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _wanted(packages: Sequence[str]) -> list[str]:
    return sorted({*packages, *_ALWAYS})


def image_folder(images_dir: Path, packages: Sequence[str]) -> Path:
    """Returns the folder of the image with these packages, there or not; this is what ``HostClient.start`` takes."""
    digest = _digest(_FORMAT, environment.base_python(), platform.python_version(), *_wanted(packages))
    return images_dir.absolute() / f"python-{digest}"


def image_status(images_dir: Path, packages: Sequence[str]) -> ImageStatus:
    """Returns the state of the image, as another process may be preparing it. Blocks for one small file."""
    folder = image_folder(images_dir, packages)
    try:
        data = json.loads((folder / "status.json").read_text())
        progress = data.get("progress")
        state: Literal["missing", "preparing", "ready", "failed"] = data["status"]
        message = data.get("message")
        if state == "preparing" and not is_alive(int(data["pid"]), int(data["start_time"])):
            state, message = "failed", "The preparation was interrupted. Run `labora image build`, or start again."
        return ImageStatus(
            folder.name, state, ImageProgress(progress["label"], progress["fraction"]) if progress else None, message
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ImageStatus(folder.name, "missing", None, None)


class _Status:
    """Writes ``status.json`` and calls back; the fraction never goes back."""

    def __init__(self, folder: Path, progress: Callable[[ImageProgress], None]) -> None:
        self._folder = folder
        self._callback = progress
        self._fraction = 0.0
        self._written = 0.0

    def report(self, progress: ImageProgress) -> None:
        self._fraction = max(self._fraction, min(1.0, progress.fraction))
        progress = ImageProgress(progress.label, self._fraction)
        self._callback(progress)
        if time.monotonic() - self._written > 0.1:
            self.write("preparing", progress, None)

    def write(self, status: str, progress: ImageProgress | None, message: str | None) -> None:
        self._written = time.monotonic()
        data = {
            "status": status,
            "progress": {"label": progress.label, "fraction": round(progress.fraction, 4)} if progress else None,
            "message": message,
            "pid": os.getpid(),
            "start_time": start_time(os.getpid()),
            "updated_at": time.time(),
        }
        write_atomically(self._folder / "status.json", json.dumps(data), 0o644)


@contextlib.contextmanager
def _locked(images_dir: Path) -> Iterator[None]:
    """One preparation at a time; a second process waits and then finds the work done."""
    descriptor = os.open(images_dir / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def prepare_image(images_dir: Path, packages: Sequence[str], progress: Callable[[ImageProgress], None]) -> Path:
    """Makes the image with these packages and the agent's environment, or finds them made. Blocks for minutes.

    A ready image needs no network. pip's own settings (PIP_*, proxies, CA bundle) hold. After a failure a second
    call starts over with what pip has cached.

    Args:
        images_dir: folder of images; made if need be.
        packages: requirements as pip takes them; ipykernel and pip are always there.
        progress: called with every step.

    Returns:
        The image's folder, for ``HostClient.start``.

    Raises:
        UnavailableError: ``image_failed``; the message says what to do, and ``status.json`` holds it too.
    """
    images_dir = images_dir.absolute()
    folder = image_folder(images_dir, packages)
    if _is_done(images_dir, folder):  # needs no right to write
        return folder
    images_dir.mkdir(parents=True, exist_ok=True)
    with _locked(images_dir):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        status = _Status(folder, progress)
        try:
            _prepare(images_dir, folder, packages, status)
        except (LaboraError, OSError) as error:
            message = error.message if isinstance(error, LaboraError) else f"{error.strerror}: {error.filename}"
            with contextlib.suppress(OSError):
                status.write("failed", None, message)
            if isinstance(error, LaboraError):
                raise
            raise UnavailableError(f"The image was not made: {message}.", code="image_failed") from error
    return folder


def _prepare(images_dir: Path, folder: Path, packages: Sequence[str], status: _Status) -> None:
    if _is_done(images_dir, folder):  # by the process that held the lock before us
        return
    agent = agent_name()
    if not (images_dir / agent).is_dir():
        status.report(ImageProgress("Preparing the runtime's agent", 0.0))
        _build(images_dir, images_dir / agent, AGENT_PATH, _agent_requirements(), lambda _: None, _copy_agent)
    if not (folder / "env").is_dir():
        status.report(ImageProgress("Preparing the Python image", 0.0))
        _build(images_dir, folder / "env", ENVIRONMENT_PATH, _wanted(packages), status.report)
    manifest = {
        "format": _FORMAT,
        "agent": agent,
        "python": platform.python_version(),
        "requirements": _wanted(packages),
        "packages": environment.installed(folder / "env"),
    }
    write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1), 0o644)
    ready = ImageProgress("Ready", 1.0)
    status.report(ready)
    status.write("ready", ready, None)


def _is_done(images_dir: Path, folder: Path) -> bool:
    """Says whether image and agent of this very Labora are ready."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        agent = json.loads((folder / "manifest.json").read_text())["agent"]
        ready = json.loads((folder / "status.json").read_text())["status"] == "ready"
        return ready and agent == agent_name() and (images_dir / agent).is_dir() and (folder / "env").is_dir()
    return False


def _build(
    images_dir: Path,
    destination: Path,
    target: str,
    requirements: Sequence[str],
    report: environment.Report,
    finish: Callable[[Path], None] | None = None,
) -> None:
    """Builds an environment beside its place and renames it there."""
    for stale in images_dir.glob(".build-*"):
        shutil.rmtree(stale, ignore_errors=True)  # of an interrupted preparation; we hold the lock
    with tempfile.TemporaryDirectory(prefix=".build-", dir=images_dir, ignore_cleanup_errors=True) as scratch:
        made = Path(scratch, "env")
        environment.make_environment(made)
        environment.install(requirements, made, report)
        if finish is not None:
            finish(made)
        report(ImageProgress("Compiling", environment.INSTALLED))
        environment.relocate(made, target)
        environment.compile_bytecode(made)
        made.chmod(0o755)
        made.rename(destination)


# -- the agent ---------------------------------------------------------------------------------------------------


def _bundled_wheel() -> Path | None:
    """Returns the agent's wheel that an installed Labora carries."""
    bundled = Path(str(importlib.resources.files("labora"))) / "_bundled"
    return next(iter(sorted(bundled.glob("labora_guest-*.whl"))), None)


def _source_tree() -> Path:
    """Returns ``guest/`` of the checkout that this code runs from."""
    return Path(__file__).resolve().parents[3] / "guest"


def agent_name() -> str:
    """Returns the folder name of the agent that belongs to this Labora: a digest of its code.

    Raises:
        UnavailableError: neither a wheel nor a checkout is there.
    """
    wheel = _bundled_wheel()
    surroundings = (_FORMAT, environment.base_python(), platform.python_version())
    if wheel is not None:
        return f"agent-{_digest(*surroundings, hashlib.sha256(wheel.read_bytes()).hexdigest())}"
    source = _source_tree()
    if not (source / "pyproject.toml").exists():
        raise UnavailableError("This Labora is incomplete: its agent is missing. Install it again.", code="no_agent")
    files = [source / "pyproject.toml", *sorted((source / "src").rglob("*.py"))]
    texts = [f"{path.relative_to(source)}\0{path.read_text()}" for path in files]
    return f"agent-{_digest(*surroundings, *texts)}"


def _agent_requirements() -> list[str]:
    wheel = _bundled_wheel()
    if wheel is not None:
        return [str(wheel)]
    project = tomllib.loads((_source_tree() / "pyproject.toml").read_text())["project"]
    return [str(requirement) for requirement in project["dependencies"]]


def _copy_agent(made: Path) -> None:
    """From a checkout the agent's package is copied: no build tool is needed."""
    if _bundled_wheel() is None:
        site = next(made.glob("lib/python*/site-packages"))
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_source_tree() / "src" / "labora_guest", site / "labora_guest", ignore=ignore)
