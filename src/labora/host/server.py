"""The host's socket: JSON lines, one request one answer (docs/protocols.md, section 4)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from labora.base.errors import InvalidError, LaboraError
from labora.base.logging import get_logger
from labora.host.model import Limits
from labora.host.supervisor import Supervisor
from labora.host.unix import bind_unix

_log = get_logger("host")
MAX_LINE = 256 * 1024

Verb = Callable[[dict[str, Any]], Awaitable[Any]]


class HostServer:
    """Serves one supervisor's verbs to the control plane.

    Args:
        supervisor: opened already.
        path: of the socket; mode 0600, owned by ``control_uid`` where this process is root.
    """

    def __init__(self, supervisor: Supervisor, path: Path) -> None:
        self._supervisor = supervisor
        self._path = path
        self._control_uid = supervisor.options.control_uid
        self.ended = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._verbs: dict[str, Verb] = {
            "ping": self._ping,
            "start": self._start,
            "list": self._list,
            "meter": self._meter,
            "limit": self._limit,
            "deadline": self._deadline,
            "kill": self._kill,
            "mount": self._mount,
            "unmount": self._unmount,
            "mounts": self._mounts,
            "leave": self._leave,
            "stop": self._stop,
        }

    async def open(self) -> None:
        """Begins to listen. The caller holds the host's lock, so a socket that is there is a dead one's."""
        listener = bind_unix(self._path)
        self._path.chmod(0o600)
        if self._control_uid is not None and os.geteuid() == 0:
            os.chown(self._path, self._control_uid, self._control_uid, follow_symlinks=False)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE)

    async def close(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._connections):
                writer.close()
            await self._server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            peer = writer.get_extra_info("socket")
            _pid, uid, _gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if uid not in {0, os.geteuid(), self._control_uid}:
                return
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # ValueError: a line beyond the limit
            pass
        finally:
            self._connections.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            verb = self._verbs[request["verb"]]
            arguments = request.get("args") or {}
            if not isinstance(arguments, dict):
                raise InvalidError("args is an object.")
            return {"ok": True, "result": await verb(arguments)}
        except LaboraError as error:
            return {"ok": False, "code": error.error_code, "message": error.message}
        except (KeyError, TypeError, ValueError) as error:
            return {"ok": False, "code": "invalid", "message": f"The host does not understand this request: {error}."}
        except Exception as error:  # noqa: BLE001 - a fault in one verb must not end the host that keeps all runtimes
            _log.exception("verb_failed")
            return {"ok": False, "code": "internal", "message": f"The host failed: {error}. See its log, run/host.log."}

    async def _ping(self, _args: dict[str, Any]) -> Any:
        return self._supervisor.ping().as_json()

    async def _start(self, args: dict[str, Any]) -> Any:
        env = {str(name): str(value) for name, value in (args.get("env") or {}).items()}
        handle = await self._supervisor.start(
            runtime_id=str(args["runtime_id"]),
            generation=int(args["generation"]),
            image=str(args["image"]),
            limits=Limits.from_json(args["limits"]),
            deadline=None if args.get("deadline") is None else float(args["deadline"]),
            key=str(args["key"]),
            env=env,
        )
        return handle.as_json()

    async def _list(self, _args: dict[str, Any]) -> Any:
        return [handle.as_json() for handle in self._supervisor.list()]

    async def _meter(self, args: dict[str, Any]) -> Any:
        return (await self._supervisor.meter(str(args["runtime_id"]))).as_json()

    async def _limit(self, args: dict[str, Any]) -> Any:
        await self._supervisor.limit(str(args["runtime_id"]), Limits.from_json(args["limits"]))
        return {}

    async def _deadline(self, args: dict[str, Any]) -> Any:
        deadline = args["deadline"]
        await self._supervisor.deadline(str(args["runtime_id"]), None if deadline is None else float(deadline))
        return {}

    async def _kill(self, args: dict[str, Any]) -> Any:
        await self._supervisor.kill(str(args["runtime_id"]), wipe=bool(args.get("wipe", False)))
        return {}

    async def _mount(self, args: dict[str, Any]) -> Any:
        made = await self._supervisor.mounts.mount(
            str(args["runtime_id"]), str(args["target"]), readonly=bool(args.get("readonly", False))
        )
        return made.as_json()

    async def _unmount(self, args: dict[str, Any]) -> Any:
        await self._supervisor.mounts.unmount(str(args["runtime_id"]), str(args["target"]))
        return {}

    async def _mounts(self, _args: dict[str, Any]) -> Any:
        return [found.as_json() for found in self._supervisor.mounts.list()]

    async def _leave(self, _args: dict[str, Any]) -> Any:
        asyncio.get_running_loop().call_later(0.05, self.ended.set)
        return {}

    async def _stop(self, _args: dict[str, Any]) -> Any:
        await self._supervisor.kill_all()
        return await self._leave({})
