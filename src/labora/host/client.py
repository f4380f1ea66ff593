"""The control plane's side of the host's socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labora.base.errors import ConflictError, InvalidError, LaboraError, NotFoundError, UnavailableError
from labora.host.model import Handle, HostInfo, Limits, Meter
from labora.host.mounting import Mounted
from labora.host.unix import connect_unix

_ERRORS: dict[str, type[LaboraError]] = {
    "invalid": InvalidError,
    "bad_image": InvalidError,
    "bad_runtime_id": InvalidError,
    "unknown_runtime": NotFoundError,
    "stale_generation": ConflictError,
    "in_use": ConflictError,
    "bad_mountpoint": InvalidError,
    "no_mountpoint": NotFoundError,
    "mountpoint_not_empty": ConflictError,
    "too_many_mounts": ConflictError,
}
ANSWER_TIMEOUT_S = 60.0
MAX_ANSWER = 16 * 1024 * 1024


class HostClient:
    """One method per verb. Every call opens its own connection, so calls never wait for each other.

    Every verb raises UnavailableError (code ``host_unreachable``) when no host answers, and the error that the host
    names otherwise.

    Args:
        socket_path: ``run/host.sock`` of the data folder.
    """

    def __init__(self, socket_path: Path | str) -> None:
        self._path = Path(socket_path)

    async def ping(self) -> HostInfo:
        """Returns version, isolation level, cgroup version and notes for the operator."""
        return HostInfo.from_json(await self._call("ping", {}))

    async def start(
        self,
        runtime_id: str,
        generation: int,
        image: Path | str,
        limits: Limits,
        deadline: float | None,
        key: str,
        env: Mapping[str, str] | None = None,
    ) -> Handle:
        """Starts a runtime, or returns the handle of the same (runtime_id, generation) started before.

        Args:
            image: the image's folder.
            deadline: unix seconds at which the host ends the runtime by itself; None: never.
            key: the pairing key that the agent will ask of whoever connects.

        Raises:
            UnavailableError: ``no_isolation``, ``image_not_ready``, ``sandbox_failed`` or ``cgroup_failed``.
            ConflictError: ``stale_generation``.
        """
        arguments = {
            "runtime_id": runtime_id,
            "generation": generation,
            "image": str(image),
            "limits": _limits(limits),
            "deadline": deadline,
            "key": key,
            "env": dict(env or {}),
        }
        return Handle.from_json(await self._call("start", arguments))

    async def list(self) -> list[Handle]:
        """Returns every runtime, ended ones too until they are wiped."""
        return [Handle.from_json(data) for data in await self._call("list", {})]

    async def meter(self, runtime_id: str) -> Meter:
        """Returns what the runtime uses. Raises NotFoundError."""
        return Meter(**await self._call("meter", {"runtime_id": runtime_id}))

    async def limit(self, runtime_id: str, limits: Limits) -> None:
        """Changes the limits. Raises NotFoundError, or ConflictError (``in_use``)."""
        await self._call("limit", {"runtime_id": runtime_id, "limits": _limits(limits)})

    async def deadline(self, runtime_id: str, deadline: float | None) -> None:
        """Moves the deadline (unix seconds). Raises NotFoundError."""
        await self._call("deadline", {"runtime_id": runtime_id, "deadline": deadline})

    async def kill(self, runtime_id: str, *, wipe: bool = False) -> None:
        """Ends the runtime; with ``wipe`` its files go too. Idempotent."""
        await self._call("kill", {"runtime_id": runtime_id, "wipe": wipe})

    async def mount(self, runtime_id: str, target: str, *, readonly: bool = False) -> Mounted:
        """Mounts a file system on an empty folder of a runtime, or returns the mount that is there.

        Its daemon listens at ``socket`` for whoever says what is in it (:mod:`labora.mount`).

        Raises:
            InvalidError: ``bad_mountpoint``.
            NotFoundError: ``unknown_runtime``, ``no_mountpoint``.
            ConflictError: ``mountpoint_not_empty``, ``too_many_mounts``.
            UnavailableError: ``no_fuse``, ``no_isolation``, ``mount_failed``.
        """
        return Mounted(**await self._call("mount", {"runtime_id": runtime_id, "target": target, "readonly": readonly}))

    async def unmount(self, runtime_id: str, target: str) -> None:
        """Takes a mount away; what programs still have open of it ends with their use. Idempotent."""
        await self._call("unmount", {"runtime_id": runtime_id, "target": target})

    async def mounts(self) -> Sequence[Mounted]:
        """Returns the mounts of runtimes that live."""
        return [Mounted(**data) for data in await self._call("mounts", {})]

    async def leave(self) -> None:
        """Ends the host but not its runtimes; the next host adopts them."""
        await self._call("leave", {})

    async def stop(self) -> None:
        """Ends every runtime and the host."""
        await self._call("stop", {})

    async def _call(self, verb: str, args: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                line = await self._exchange(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            answer = json.loads(line)
        except (OSError, TimeoutError, ValueError) as error:
            raise UnavailableError(
                "The host supervisor does not answer. `labora serve` starts it again; its log is run/host.log in the "
                "data folder.",
                retry_after=2.0,
                code="host_unreachable",
            ) from error
        if answer["ok"]:
            return answer["result"]
        raise _ERRORS.get(answer["code"], UnavailableError)(answer["message"], code=answer["code"])

    async def _exchange(self, request: bytes) -> bytes:
        connection = connect_unix(self._path, 5.0)  # a local socket accepts at once, or refuses
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=MAX_ANSWER)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()


def _limits(limits: Limits) -> dict[str, Any]:
    return asdict(limits)
