"""What the supervisor tells the launcher, as one JSON line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Bind:
    """One path of the machine shown inside the sandbox."""

    source: str
    target: str
    writable: bool = False
    directory: bool = True


@dataclass(frozen=True, slots=True)
class Root:
    """A runtime's own disk in ``folder``, and the root file system that it is the writable layer of.

    ``lowers`` are the shared folders, topmost first; on a root host their files belong to ``owner`` and the uids above
    it. Without any, the machine's own software is what the runtime sees, and ``folder`` brings its home alone.
    ``disk`` is an ext4 image to mount on ``folder``, None where ``folder`` itself is the disk.
    """

    lowers: list[str]
    owner: int | None
    folder: str
    disk: str | None = None


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One sandbox to start.

    Descriptors are numbers in the launcher: ``listener`` and ``key`` become 3 and 4 of the agent.
    ``uid`` is the slot's uid on a root host, None where the launcher keeps its own. ``many_uids`` gives the sandbox
    all uids from ``uid`` on instead of that one. ``whole_root`` says that ``root``, or a bind on ``/``, brings all
    there is. ``plain`` starts a program without the agent's descriptors.
    """

    bwrap: str | None
    bwrap_libraries: str | None
    binds: list[Bind]
    symlinks: list[tuple[str, str]]
    uid: int | None
    command: list[str]
    cwd: str
    hostname: str
    environment: dict[str, str]
    tmpfs_bytes: int
    listener: int
    key: int
    status: int
    info: int
    block: int
    seccomp: int | None
    disable_userns: bool
    cgroup_procs: list[str] = field(default_factory=list)
    rlimits: list[tuple[int, int]] = field(default_factory=list)
    root: Root | None = None
    whole_root: bool = False
    many_uids: bool = False
    capabilities: list[str] = field(default_factory=list)
    share_network: bool = False
    plain: bool = False

    def encode(self) -> bytes:
        """Returns the JSON text."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, text: bytes) -> LaunchSpec:
        """Reads what :meth:`encode` wrote."""
        data = json.loads(text)
        data["binds"] = [Bind(**bind) for bind in data["binds"]]
        data["symlinks"] = [(target, path) for target, path in data["symlinks"]]
        data["root"] = Root(**data["root"]) if data.get("root") else None
        data["rlimits"] = [(which, value) for which, value in data["rlimits"]]
        return cls(**data)
