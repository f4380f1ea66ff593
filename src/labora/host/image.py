"""Images: what runtimes start from, prepared once and shared read-only by all of them.

A *debian* image is a root file system of its own: ``root-<digest>/tree`` and over it ``python-<digest>/layer``, which
brings the environment at /opt/python. A *host* image shows this machine's software and brings the environment alone
(``python-<digest>/env``); it is what is left where no root file system can be made or used, and ``apt-get`` does not
work in it. ``agent-<digest>`` is the agent's environment (at /opt/labora). A digest is that of what went in, so a
ready image never changes; folders appear by rename, whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from labora.base.errors import LaboraError, UnavailableError
from labora.base.settings import RuntimeSettings
from labora.host import environment, folders
from labora.host.agent import agent_name, agent_requirements, copy_agent, digest
from labora.host.pip_output import ImageProgress
from labora.host.process import is_alive, start_time
from labora.host.registry import write_atomically
from labora.host.rootfs import debian
from labora.host.rootfs.box import Box, overlay_problem
from labora.host.rootfs.python import BoxBuilder, versions

__all__ = ["ImageProgress", "ImageStatus", "Recipe", "image_folder", "image_status", "prepare_image"]

ENVIRONMENT_PATH = "/opt/python"
AGENT_PATH = "/opt/labora"
_FORMAT = "3"
_ALWAYS = ("ipykernel", "pip")
_ROOT_SHARE = 0.5  # of the whole preparation, for the progress shown

Base = Literal["debian", "host"]
State = Literal["missing", "preparing", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made of.

    Args:
        packages: requirements as pip takes them; ipykernel and pip are always there.
        system_packages: Debian packages beside the essential ones.
        base: ``debian``, ``host``, or ``auto``: debian, and host where that cannot be had.
        owner: as root, the first host uid that the files of a root file system belong to.
    """

    packages: tuple[str, ...]
    system_packages: tuple[str, ...] = ()
    base: Literal["auto", "debian", "host"] = "auto"
    owner: int = 200_000

    @classmethod
    def of(cls, settings: RuntimeSettings) -> Recipe:
        """Returns the recipe of the default image."""
        base = "host" if settings.isolation == "none" else settings.image_base
        return cls(tuple(settings.image_packages), tuple(settings.image_system_packages), base, settings.base_uid)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recipe:
        """Reads a recipe from its fields."""
        lists = {name: tuple(data[name]) for name in ("packages", "system_packages")}
        return cls(**{**data, **lists})

    @property
    def bases(self) -> tuple[Base, ...]:
        """What is tried, in this order."""
        return ("debian", "host") if self.base == "auto" else (self.base,)

    def root_name(self) -> str:
        """Returns the folder name of the root file system."""
        return f"root-{digest(_FORMAT, debian.release(), *sorted(self.system_packages))}"

    def name(self, base: Base) -> str:
        """Returns the folder name of the image on this base."""
        under = self.root_name() if base == "debian" else f"{environment.base_python()} {platform.python_version()}"
        return f"python-{digest(_FORMAT, base, under, *self.requirements())}"

    def requirements(self) -> list[str]:
        """Returns what pip is asked for."""
        return sorted({*self.packages, *_ALWAYS})


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


def image_folder(images_dir: Path, recipe: Recipe) -> Path:
    """Returns the folder of the best ready image of this recipe, else of the one that will be there.

    This is what ``HostClient.start`` takes. Blocks for a small file or two.
    """
    folders_ = [images_dir.absolute() / recipe.name(base) for base in recipe.bases]
    return next((folder for folder in folders_ if read_status(folder).status == "ready"), folders_[0])


def image_status(images_dir: Path, recipe: Recipe) -> ImageStatus:
    """Returns the state of the image, as another process may be preparing it. Blocks for a small file or two.

    A ready image counts, even while a better one is being made.
    """
    found = [read_status(images_dir.absolute() / recipe.name(base)) for base in recipe.bases]
    order: tuple[State, ...] = ("ready", "preparing", "failed", "missing")
    return min(found, key=lambda status: order.index(status.status))


def image_identity(images_dir: Path, recipe: Recipe) -> str | None:
    """Returns what tells the ready image of this recipe from one that is made anew; None while there is none.

    Blocks for a small file or two.
    """
    folder = image_folder(images_dir, recipe)
    try:
        made = (folder / "manifest.json").stat()
    except OSError:
        return None
    return f"{folder.name}:{made.st_ino}:{made.st_mtime_ns}" if read_status(folder).status == "ready" else None


def read_status(folder: Path) -> ImageStatus:
    """Returns the state of the image in ``folder``."""
    try:
        data = json.loads((folder / "status.json").read_text())
        progress = data.get("progress")
        state: State = data["status"]
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

    def part(self, low: float, high: float) -> environment.Report:
        """Returns a callback for a part of the whole."""
        return lambda step: self.report(ImageProgress(step.label, low + (high - low) * step.fraction))

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
def locked(images_dir: Path) -> Iterator[None]:
    """One preparation at a time; a second process waits and then finds the work done."""
    descriptor = os.open(images_dir / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def prepare_image(images_dir: Path, recipe: Recipe, progress: Callable[[ImageProgress], None]) -> Path:
    """Makes the image of this recipe and the agent's environment, or finds them made. Blocks for minutes.

    A ready image needs no network. The settings of apt and pip (PIP_*, proxies, CA bundle) hold.

    Args:
        images_dir: folder of images; made if need be.
        recipe: what the image is made of.
        progress: called with every step.

    Returns:
        The image's folder, for ``HostClient.start``.

    Raises:
        UnavailableError: ``image_failed``; the message says what to do, and ``status.json`` holds it too.
    """
    images_dir = images_dir.absolute()
    first = images_dir / recipe.name(recipe.bases[0])
    if _is_done(images_dir, first, recipe, recipe.bases[0]):  # needs no right to write
        return first
    images_dir.mkdir(parents=True, exist_ok=True)
    reason: str | None = None
    with locked(images_dir):
        for stale in images_dir.glob(".build-*"):  # of an interrupted preparation
            with contextlib.suppress(OSError):
                folders.wipe(stale)
        for base in recipe.bases:
            folder = images_dir / recipe.name(base)
            if _is_done(images_dir, folder, recipe, base) and reason is None:
                return folder  # by the process that held the lock before us
            try:
                _attempt(images_dir, folder, recipe, base, progress, reason)
            except UnavailableError as error:
                if base == recipe.bases[-1]:
                    raise
                reason = " ".join(error.message.split())
            else:
                return folder
    raise UnavailableError("The recipe of the image names no base.", code="image_failed")


def _attempt(
    images_dir: Path,
    folder: Path,
    recipe: Recipe,
    base: Base,
    progress: Callable[[ImageProgress], None],
    reason: str | None,
) -> None:
    """Makes one image. Where another base is left to try, a failure leaves no status behind."""
    if base == "debian" and (why := _why_no_root(images_dir, recipe)):
        raise UnavailableError(why, code="image_failed")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    status = _Status(folder, progress)
    last = base == recipe.bases[-1]
    try:
        _prepare(images_dir, folder, recipe, base, status, reason)
    except (LaboraError, OSError) as error:
        message = error.message if isinstance(error, LaboraError) else f"{error.strerror}: {error.filename}"
        with contextlib.suppress(OSError):
            if last or (folder / "layer").is_dir():
                status.write("failed", None, message)
            else:
                folders.wipe(folder)
        raise UnavailableError(message, code="image_failed") from error


def _why_no_root(images_dir: Path, recipe: Recipe) -> str | None:
    """Says why a root file system is of no use here; None where it is. A trial sandbox is started."""
    problem = overlay_problem(recipe.owner if os.geteuid() == 0 else None, images_dir)
    if problem is not None:
        return f"runtimes cannot have a root file system of their own on this machine: {problem}"
    return None if (images_dir / recipe.root_name() / "manifest.json").exists() else debian.why_not()


def _prepare(images_dir: Path, folder: Path, recipe: Recipe, base: Base, status: _Status, reason: str | None) -> None:
    owner = recipe.owner if os.geteuid() == 0 else None
    root = None
    if base == "debian":
        root = make_root(images_dir, recipe, status.part(0.0, _ROOT_SHARE))
    if root is not None:
        made_for = json.loads((root / "manifest.json").read_text())["owner"]
        if (made_for is None) != (owner is None):
            raise UnavailableError(
                f"{root} was made by another user. Set storage.images_dir to a folder of your own.", code="image_failed"
            )
        owner = made_for
    agent = agent_name(root)
    report = status.part(_ROOT_SHARE if root else 0.0, 1.0)
    if not (images_dir / agent).is_dir():
        report(ImageProgress("Preparing the runtime's agent", 0.0))
        _build(
            images_dir, images_dir / agent, AGENT_PATH, agent_requirements(), lambda _: None, root, owner, agent=True
        )
    place = folder / ("layer" if root else "env")
    if not place.is_dir():
        report(ImageProgress("Preparing the Python image", 0.0))
        _build(images_dir, place, ENVIRONMENT_PATH, recipe.requirements(), report, root, owner)
    about = json.loads((root / "manifest.json").read_text()) if root else {"python": platform.python_version()}
    manifest = {
        "format": _FORMAT,
        "agent": agent,
        "base": base,
        "root": root.name if root else None,
        "owner": owner,
        "release": about.get("release"),
        "python": about["python"],
        "requirements": recipe.requirements(),
        "packages": environment.installed(environment_of(folder)),
    }
    write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1), 0o644)
    ready = ImageProgress("Ready", 1.0)
    status.report(ready)
    note = None
    if reason is not None:
        note = (
            "This image shows the machine's own software, read-only: apt-get and packages of the system do not work in "
            f"it ({reason}). `labora image build` tries again."
        )
    status.write("ready", ready, note)


def environment_of(image: Path) -> Path:
    """Returns where on this machine an image's Python environment lies."""
    layer = image / "layer"
    return layer / ENVIRONMENT_PATH.lstrip("/") if layer.is_dir() else image / "env"


def _is_done(images_dir: Path, folder: Path, recipe: Recipe, base: Base) -> bool:
    """Says whether image and agent of this very Labora are ready."""
    root = images_dir / recipe.root_name() if base == "debian" else None
    with contextlib.suppress(OSError, ValueError, KeyError):
        agent = json.loads((folder / "manifest.json").read_text())["agent"]
        ready = json.loads((folder / "status.json").read_text())["status"] == "ready"
        parts = [images_dir / agent, environment_of(folder), *([root] if root else [])]
        return ready and agent == agent_name(root) and all(part.is_dir() for part in parts)
    return False


@contextlib.contextmanager
def _scratch(images_dir: Path) -> Iterator[Path]:
    """A folder beside the images, gone afterwards whatever was put there."""
    folder = images_dir / f".build-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folders.wipe(folder)


def make_root(images_dir: Path, recipe: Recipe, report: environment.Report) -> Path:
    """Makes the root file system of a recipe beside its place and renames it there, or finds it made. Blocks.

    Raises:
        UnavailableError: ``image_failed``.
    """
    root = images_dir / recipe.root_name()
    if root.is_dir():
        return root
    report(ImageProgress("Preparing the system", 0.0))
    owner = recipe.owner if os.geteuid() == 0 else None
    with _scratch(images_dir) as scratch:
        made, box = scratch / "root", Box(owner)
        # Set-user-id programs lie in there: nobody else on this machine comes near them.
        made.mkdir(mode=0o700)
        (made / "tree").mkdir(mode=0o755)
        if owner is not None:
            os.chown(made / "tree", owner, owner)
        (scratch / "downloads").mkdir()
        debian.make_tree(made / "tree", scratch / "downloads", recipe.system_packages, box, report)
        python, packages = versions(box, made / "tree")
        manifest = {
            "format": _FORMAT,
            "release": debian.release(),
            "python": python,
            "owner": owner,
            "system_packages": sorted(recipe.system_packages),
            "packages": packages,
        }
        write_atomically(made / "manifest.json", json.dumps(manifest, indent=1), 0o644)
        made.rename(root)
    return root


def _build(
    images_dir: Path,
    destination: Path,
    target: str,
    requirements: Sequence[str],
    report: environment.Report,
    root: Path | None,
    owner: int | None,
    *,
    agent: bool = False,
) -> None:
    """Builds an environment beside its place and renames it there; in a layer for an image with a root of its own."""
    with _scratch(images_dir) as scratch:
        whole = scratch / "layer"
        made = whole if agent or root is None else whole / target.lstrip("/")
        builder: environment.Builder = environment.HostBuilder()
        if root is None:
            environment.make_environment(made)
        else:
            made.mkdir(parents=True)
            for path in (whole, *whole.rglob("*")):
                path.chmod(0o755)
                if owner is not None:
                    os.chown(path, owner, owner)
            (scratch / "private").mkdir()
            builder = BoxBuilder(Box(owner), [root / "tree"], scratch / "private", target)
            builder.make(made)
        environment.install(builder, requirements, made, report)
        if agent:
            copy_agent(made)
        report(ImageProgress("Compiling", environment.INSTALLED))
        if root is None:
            environment.relocate(made, target)
        environment.compile_bytecode(builder, made)
        made.chmod(0o755)
        whole.rename(destination)
