"""What the host tells about itself and its runtimes (docs/protocols.md, section 4)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Level = Literal["a", "b", "none"]
"""Isolation level: ``a`` own uid per runtime on a root host, ``b`` user namespace of one ordinary user, ``none``."""

CgroupVersion = Literal["v1", "v2", "none"]

NetworkKind = Literal["veth", "pasta", "relay", "off", "host"]
"""How runtimes reach the internet: ``veth`` or ``pasta`` (all protocols), ``relay`` (HTTP and what goes through
``CONNECT``), ``off`` (not at all), ``host`` (no isolation: the machine's own network)."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing the operator should know about this host's isolation or limits."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class HostInfo:
    """Answer of ``ping``."""

    version: str
    pid: int
    level: Level
    cgroup: CgroupVersion
    notes: tuple[Note, ...] = ()
    network: NetworkKind = "off"
    network_settings: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON object of the protocol."""
        return asdict(self) | {"notes": [asdict(note) for note in self.notes]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> HostInfo:
        """Reads what :meth:`as_json` wrote; unknown keys are ignored."""
        return cls(
            version=data["version"],
            pid=data["pid"],
            level=data["level"],
            cgroup=data["cgroup"],
            notes=tuple(Note(note["code"], note["message"]) for note in data.get("notes", ())),
            network=data.get("network", "off"),
            network_settings=data.get("network_settings", ""),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one runtime may use."""

    memory_bytes: int
    cpus: float
    processes: int
    disk_bytes: int = 0
    """0: as much as the host has."""
    inodes: int = 0
    weight: int = 100
    """Share of the processors while they are short, from 1 to 10,000, beside the other runtimes'."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Limits:
        """Reads the ``limits`` argument. Raises ValueError, KeyError or TypeError where it makes no sense."""
        disk, inodes, weight = int(data.get("disk_bytes", 0)), int(data.get("inodes", 0)), int(data.get("weight", 100))
        limits = cls(int(data["memory_bytes"]), float(data["cpus"]), int(data["processes"]), disk, inodes, weight)
        if not 1 <= weight <= 10_000:
            raise ValueError("the weight is from 1 to 10,000")
        if disk < 0 or inodes < 0 or 0 < disk < 32 * 1024 * 1024 or 0 < inodes < 1000:
            raise ValueError("limits need at least 32 MiB of disk and 1000 inodes, or 0 for no limit")
        if limits.memory_bytes < 16 * 1024 * 1024 or not 0.01 <= limits.cpus <= 4096 or limits.processes < 4:
            raise ValueError("limits need at least 16 MiB of memory, 0.01 cpus and 4 processes")
        return limits


@dataclass(frozen=True, slots=True)
class Exit:
    """How a runtime's first process ended.

    ``oom`` is true only with proof: the kernel counted an out-of-memory kill in the runtime's cgroup (or the
    watchdog made one) and the process died of SIGKILL. ``reason`` is ``killed``, ``deadline``, ``reboot`` or null
    where the process ended by itself.
    """

    code: int | None
    signal: int | None
    oom: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Handle:
    """One runtime as the host knows it; kept in ``run/runtimes/<runtime_id>.json``."""

    runtime_id: str
    generation: int
    pid: int
    start_time: int
    socket: str
    level: Level
    cgroup: str | None
    slot: int
    started_at: float
    alive: bool
    exit: Exit | None
    monitor_pid: int
    monitor_start_time: int
    boot_id: str
    deadline: float | None
    limits: Limits
    image: str = ""
    memory_kills: int = 0
    disk_kills: int = 0
    """Processes that the host itself has ended, for lack of a cgroup and of a disk of its own: over restarts too."""

    def with_exit(self, exit_: Exit) -> Handle:
        """Returns this handle as that of an ended runtime."""
        return replace(self, alive=False, exit=exit_)

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON object that is stored and sent."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Handle:
        """Reads what :meth:`as_json` wrote; unknown keys are ignored, so that an older host can adopt."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        known["limits"] = Limits(**data["limits"])
        known["exit"] = Exit(**data["exit"]) if data.get("exit") else None
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Meter:
    """What one runtime uses now. ``disk_bytes`` may be some seconds old; a limit of 0 means unlimited.

    ``oom_kills`` and ``disk_kills`` count its processes that were ended for memory and for writing beyond the disk.
    """

    memory_bytes: int
    memory_limit: int
    cpu_seconds: float
    processes: int
    oom_kills: int
    disk_bytes: int
    disk_limit: int = 0
    disk_kills: int = 0

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON object of the protocol."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How runtimes may reach the internet (settings section ``network``)."""

    egress: Literal["auto", "off"] = "auto"
    means: Literal["auto", "veth", "pasta", "relay"] = "auto"
    allow: tuple[str, ...] = ()
    subnet: str | None = None
    uid: int = 199_998

    @property
    def fingerprint(self) -> str:
        """Tells whether a living host has these very settings."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What the supervisor is started with."""

    run_dir: str
    runtimes_dir: str
    images_dir: str
    isolation: Literal["auto", "a", "b", "none"] = "auto"
    base_uid: int = 200_000
    control_uid: int | None = None
    log_level: str = "info"
    until_pid: int | None = None
    network: NetworkOptions = NetworkOptions()
    mount_uid: int = 199_997
    """Uid of the daemons that serve mounts, on a root host."""
