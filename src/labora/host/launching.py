"""From a request to a launch: the listening socket, the binds and the resource limits of one runtime."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import resource
import socket
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from labora.base.errors import InvalidError, UnavailableError
from labora.host import sandbox
from labora.host.agent import COLAB
from labora.host.levels import Isolation
from labora.host.model import Limits
from labora.host.rootfs.profile import CAPABILITIES
from labora.host.spec import Bind, LaunchSpec, Root
from labora.host.starter import base_spec

# sockaddr_un holds 108 bytes with the closing NUL; a little room is left for those who build on the path.
MAX_SOCKET_PATH = 100
OPEN_FILES = 65_536
_RUNTIME_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def check_id(runtime_id: str) -> None:
    """Raises InvalidError unless ``runtime_id`` is safe as a file name."""
    if not _RUNTIME_ID.match(runtime_id):
        raise InvalidError("A runtime id has 1 to 64 of the characters A-Z a-z 0-9 _ -.", code="bad_runtime_id")


def image_below(images_dir: str, image: str) -> Path:
    """Returns an image's folder. The control plane is not trusted to name just any: it must be one of ours.

    Raises:
        InvalidError: it lies elsewhere.
    """
    root = Path(images_dir).resolve()
    path = (root / image).resolve()
    if not path.is_relative_to(root) or path == root:
        raise InvalidError("An image is a folder below the images folder.", code="bad_image")
    return path


def socket_path(run: Path, runtime_id: str) -> Path:
    """Returns where a runtime's socket lies: in the run folder, or in a short one where that path is too long."""
    path = run / "runtimes" / f"{runtime_id}.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(run).encode()).hexdigest()[:12]
    short = Path(tempfile.gettempdir(), f"labora-{os.geteuid()}-{digest}")
    with contextlib.suppress(FileExistsError):
        short.mkdir(mode=0o711)
    info = short.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
        raise UnavailableError(
            f"{short} belongs to somebody else. Use a data folder with a shorter path.", code="socket_path"
        )
    name = runtime_id if len(runtime_id) <= 20 else hashlib.sha256(runtime_id.encode()).hexdigest()[:20]
    return short / f"{name}.sock"


def listen(run: Path, runtime_id: str, owner: int | None) -> tuple[str, socket.socket]:
    """Opens the socket that the agent will listen on; only ``owner`` (and root) may connect. Returns its path too."""
    path = socket_path(run, runtime_id)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        # chmod follows links, but only this process writes to the folder.
        path.chmod(0o600)
        if owner is not None and os.geteuid() == 0:
            os.chown(path, owner, owner, follow_symlinks=False)
        listener.listen(16)
    except BaseException:
        listener.close()
        raise
    return str(path), listener


def remove_socket(path: str) -> None:
    """Removes a runtime's socket, if it is there."""
    Path(path).unlink(missing_ok=True)


def resource_limits(limits: Limits, *, bounded: bool) -> list[tuple[int, int]]:
    """Returns RLIMITs that every sandbox gets: no core files on the host's disk, and a bounded number of open files.

    Where its disk is not ``bounded``, no single file grows beyond the disk's limit.
    """
    found = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, OPEN_FILES)]
    if limits.disk_bytes and not bounded:
        found.append((resource.RLIMIT_FSIZE, limits.disk_bytes))
    return found


def limit_processes(pid: int, processes: int) -> None:
    """Sets RLIMIT_NPROC on a sandbox that has not run yet.

    The kernel counts it per user namespace (Linux 5.14), so the owner's other processes do not count.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        resource.prlimit(pid, resource.RLIMIT_NPROC, (processes, processes))


def spec_for(
    isolation: Isolation,
    run: Path,
    folder: Path,
    image: Path,
    limits: Limits,
    env: dict[str, str],
    uid: int | None,
    disk: str | None = None,
) -> LaunchSpec:
    """Returns the launch of a runtime.

    Args:
        run: the host's run folder, with the generated ``/etc`` files.
        folder: the runtime's disk; its private folder where there is no isolation.
        image: the image's folder.
        env: variables beyond those of every runtime.
        uid: the slot's uid on a root host.
        disk: image to mount on ``folder``.

    Raises:
        UnavailableError: the image is not ready, or this host cannot run it.
    """
    about = sandbox.manifest(image)
    agent = image.parent / str(about["agent"])
    environment = sandbox.guest_environment(os.environ, env)
    spec = replace(base_spec(sandbox.AGENT_COMMAND), uid=uid, rlimits=resource_limits(limits, bounded=disk is not None))
    if isolation.level == "none":
        return _unisolated(spec, folder, image, agent, environment)
    common = replace(
        spec,
        bwrap=isolation.bwrap,
        bwrap_libraries=isolation.bwrap_libraries,
        cwd="/content",
        # A loopback of its own: programs find the agent where they look for it.
        environment={**environment, "LABORA_ASK_PORT": sandbox.ASK_PORT},
        tmpfs_bytes=max(limits.memory_bytes // 2, 16 * 1024 * 1024),
        disable_userns=isolation.disable_userns,
    )
    binds = [
        *sandbox.ca_binds(environment),
        *sandbox.colab_binds(run / "etc"),
        Bind(str(folder / "content"), "/content", writable=True),
    ]
    if about.get("root"):
        return _rooted(common, isolation, run, folder, image, about, binds, disk)
    system, links = sandbox.system_binds()
    binds += [
        *system,
        *sandbox.etc_binds(run / "etc"),
        Bind(str(folder / "home"), "/root", writable=True),
        *sandbox.image_binds(agent, image),
    ]
    root = Root([], None, str(folder), disk)
    return replace(common, binds=sandbox.order(binds), symlinks=links, root=root)


def _rooted(
    spec: LaunchSpec,
    isolation: Isolation,
    run: Path,
    folder: Path,
    image: Path,
    about: dict[str, Any],
    binds: list[Bind],
    disk: str | None,
) -> LaunchSpec:
    """Returns the launch of a runtime with a root file system of its own."""
    if not isolation.overlay:
        raise UnavailableError(
            "This host cannot give a runtime a root file system of its own (any more). `labora doctor` says why; "
            "`labora image build` makes an image that it can run.",
            code="image_not_ready",
        )
    lowers = [image / "layer", image.parent / str(about["root"]) / "tree"]
    binds = [*binds, *sandbox.rooted_binds(run / "etc", image.parent, image.parent / str(about["agent"]))]
    return replace(
        spec,
        binds=sandbox.order(binds),
        root=Root([str(lower) for lower in lowers], about["owner"], str(folder), disk),
        whole_root=True,
        many_uids=spec.uid is not None,
        capabilities=list(CAPABILITIES) if spec.uid is not None else [],
        environment={**spec.environment, "DEBIAN_FRONTEND": "noninteractive"},
    )


def _unisolated(spec: LaunchSpec, folder: Path, image: Path, agent: Path, environment: dict[str, str]) -> LaunchSpec:
    write_kernel_spec(folder / "kernels", image)
    return replace(
        spec,
        command=[str(agent / "bin" / "python"), "-m", "labora_guest"],
        cwd=str(folder / "content"),
        environment=environment
        | {
            "HOME": str(folder / "home"),
            "PATH": f"{image / 'env' / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(agent / COLAB),
            "LABORA_DATASETS": str(image.parent / "datasets"),
            "JUPYTER_PATH": f"{folder}:{image / 'env' / 'share' / 'jupyter'}",
        },
    )


def write_kernel_spec(folder: Path, image: Path) -> None:
    """Writes a kernelspec that names the image's interpreter where it really lies, for lack of a sandbox around it."""
    spec = {
        "argv": [str(image / "env" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    (folder / "python3").mkdir(parents=True, exist_ok=True)
    (folder / "python3" / "kernel.json").write_text(json.dumps(spec))
