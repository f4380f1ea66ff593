"""A sandbox in which an image is made: the tree under construction, the operator's network, and nothing else.

It is built by the same launcher, with the same filter and capabilities as the runtimes that will use the image, so
that packages' scripts never run with the host's own root.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labora.base.errors import LaboraError, UnavailableError
from labora.host import folders, sandbox, seccomp
from labora.host.rootfs.disk import SMALLEST, make_image
from labora.host.rootfs.profile import CAPABILITIES
from labora.host.rootfs.userns import UIDS
from labora.host.spec import Bind, LaunchSpec, Root
from labora.host.starter import LAUNCHER, base_spec, memory_file

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
}


class CommandFailedError(UnavailableError):
    """A command ended with a code other than 0."""

    def __init__(self, name: str, code: int, lines: Sequence[str]) -> None:
        super().__init__(f"{name} ended with {code}: {' / '.join(lines[-8:])[-900:]}", code="image_failed")
        self.exit_code = code


@dataclass(frozen=True, slots=True)
class Box:
    """Runs commands where images are made.

    Args:
        owner: first of the host's uids that the image's files will belong to; None: our own uid, for all of them.
    """

    owner: int | None

    def run(
        self,
        command: Sequence[str],
        binds: Sequence[Bind],
        *,
        environment: Mapping[str, str] | None = None,
        line: Callable[[str], None] = lambda _: None,
        network: bool = False,
        whole_root: bool = True,
        root: Root | None = None,
    ) -> None:
        """Runs a command to its end. Blocks.

        Args:
            command: with its path inside.
            binds: what it sees; one on ``/`` unless ``whole_root`` is false.
            environment: variables beyond the few of every build.
            line: called with every line it prints.
            network: with the host's own network.
            whole_root: false for a look at the machine's own software.
            root: layers on ``/`` in place of such a bind.

        Raises:
            UnavailableError: ``image_failed``, with the last lines it printed.
        """
        found = sandbox.find_bwrap()
        if found is None:
            raise UnavailableError("bubblewrap is missing; install the package bubblewrap.", code="image_failed")
        links = [] if whole_root else sandbox.system_binds()[1]
        spec = replace(
            base_spec(command),
            bwrap=found[0],
            bwrap_libraries=found[1],
            binds=sandbox.order(binds),
            symlinks=links,
            uid=self.owner,
            many_uids=self.owner is not None,
            capabilities=list(CAPABILITIES) if self.owner is not None else [],
            environment={**_ENVIRONMENT, **(environment or {})},
            tmpfs_bytes=256 * 1024 * 1024,
            whole_root=whole_root,
            root=root,
            share_network=network,
            disable_userns=self.owner is None,
            plain=True,
        )
        self._launch(spec, command, line)

    def _launch(self, spec: LaunchSpec, command: Sequence[str], line: Callable[[str], None]) -> None:
        program = seccomp.assemble(
            pretend_owners=self.owner is None, allow_chroot=self.owner is not None, pretend_sync=True
        )
        filter_file = memory_file("seccomp", program) if program is not None else None
        spec_file = memory_file("spec", replace(spec, seccomp=filter_file).encode())
        given = [spec_file, *([filter_file] if filter_file is not None else [])]
        lines: list[str] = []
        try:
            with subprocess.Popen(
                [*LAUNCHER, str(spec_file)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=given,
                text=True,
                errors="replace",
                cwd="/",
            ) as process:
                assert process.stdout is not None  # noqa: S101 - PIPE was asked for
                for text in process.stdout:
                    lines.append(text.rstrip("\n"))
                    del lines[:-200]
                    line(text)
        finally:
            for descriptor in given:
                os.close(descriptor)
        if process.returncode:
            raise CommandFailedError(Path(command[0]).name, process.returncode, lines)


def overlay_problem(owner: int | None, folder: Path, *, disk: bool = False) -> str | None:
    """Tries whether a runtime with a root file system of its own would start here. None: it does. Blocks.

    A small sandbox is really made over the machine's own software, and in it a file changes its owner.

    Args:
        owner: first host uid for the trial; None as an ordinary user.
        folder: where the private layers of runtimes will lie, for its file system.
        disk: with a disk image for the private layer.
    """
    with contextlib.ExitStack() as stack:
        try:
            scratch = Path(tempfile.mkdtemp(prefix=".overlay-", dir=folder))
        except OSError as error:
            return f"{folder}: {error.strerror}"
        stack.callback(folders.wipe, scratch)
        lower = scratch / "lower"
        for name in ("etc", "tmp", "content"):
            (lower / name).mkdir(parents=True)
        (lower / "etc" / "below").touch()
        if owner is not None:
            for path in (lower, *lower.rglob("*")):
                os.chown(path, owner, owner)
        binds, links = sandbox.system_binds()
        for target, path_ in links:
            (lower / path_.lstrip("/")).symlink_to(target)
        for bind in binds:
            (lower / bind.target.lstrip("/")).mkdir(exist_ok=True)
        root = Root([str(lower)], owner, str(scratch / "private"), str(scratch / "disk.ext4") if disk else None)
        (scratch / "private").mkdir()
        try:
            if disk:
                make_image(scratch / "disk.ext4", SMALLEST, 1000)
            program = "chown 33:33 /etc/below && : > /tmp/made && rm /etc/below && test ! -e /etc/below"
            Box(None if owner is None else owner + UIDS).run(["/bin/sh", "-ec", program], binds, root=root)
        except (LaboraError, OSError) as error:
            return error.message if isinstance(error, LaboraError) else str(error)
    return None
