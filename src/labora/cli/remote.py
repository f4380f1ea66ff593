"""``labora run --server``: the same over REST (docs/protocols.md, section 6)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from labora.base.errors import InvalidError, LaboraError, UnauthenticatedError, UnavailableError
from labora.cli.embedded import CellDone, Report

_FINISHED = {"ok", "error", "aborted", "lost"}
_POLL_S = 0.5
_PATIENCE_S = 120.0
"""So long a run is looked for while the server does not answer: it goes on while the server is restarted."""
_AWAY = frozenset({502, 503, 504})
_FORGOTTEN = {"status": "lost", "reason": "The server no longer knows how this cell ended."}


async def run_remote(
    server: str, token: str, name: str, data: bytes, parameters: dict[str, Any], report: Report
) -> tuple[bytes, bool]:
    """Uploads the notebook into the token's account, runs it there and fetches the result.

    Returns:
        The notebook's bytes after the run, and whether every cell succeeded.

    Raises:
        LaboraError: what the server answered, with its code.
    """
    if not token.isascii() or not token.isprintable():
        raise InvalidError("This is no API token: it holds characters that none has.", code="bad_token")
    headers = {"Authorization": f"Bearer {token}"}
    base = server.rstrip("/") + "/api/v1"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
        file = (await call(client, "POST", "/files/upload", params={"name": name}, content=data)).json()
        report(f"Uploaded as {server.rstrip('/')}/drive/{file['id']}")
        started = await call(client, "POST", f"/files/{file['id']}/executions", json={"parameters": parameters})
        wanted = [execution["id"] for execution in started.json()["executions"]]
        succeeded = await _follow(client, file["id"], wanted, report)
        result = await call(client, "GET", f"/files/{file['id']}/download")
        return result.content, succeeded


async def _follow(client: httpx.AsyncClient, file_id: str, wanted: list[str], report: Report) -> bool:
    """Polls until every execution has ended; reports each once, in order."""
    told: set[str] = set()
    while True:
        answer = (await call(client, "GET", f"/files/{file_id}/executions")).json()
        known = {execution["id"]: execution for execution in answer["executions"]}
        for index, execution_id in enumerate(wanted, 1):
            execution = known.setdefault(execution_id, _FORGOTTEN)
            if execution_id in told or execution["status"] not in _FINISHED:
                continue
            told.add(execution_id)
            report(CellDone(index, len(wanted), execution["status"], _seconds(execution), execution.get("reason")))
        if len(told) == len(wanted):
            return all(known[execution_id]["status"] == "ok" for execution_id in wanted)
        await asyncio.sleep(_POLL_S)


def _seconds(execution: dict[str, Any]) -> float:
    from labora.base.clock import parse_timestamp

    if not execution.get("started_at") or not execution.get("finished_at"):
        return 0.0
    took = parse_timestamp(execution["finished_at"]) - parse_timestamp(execution["started_at"])
    return took.total_seconds()


async def call(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
    """Asks the server; reading requests wait for a server that is being restarted. Raises LaboraError."""
    until = time.monotonic() + (_PATIENCE_S if method == "GET" else 0.0)
    while True:
        try:
            answer = await client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if time.monotonic() >= until:
                raise UnavailableError(f"The server cannot be reached: {error}.", code="server_unreachable") from error
        else:
            if answer.status_code not in _AWAY or time.monotonic() >= until:
                return checked(answer)
        await asyncio.sleep(_POLL_S)


def checked(answer: httpx.Response) -> httpx.Response:
    """Returns an answer that is none of failure. Raises LaboraError with what the server said."""
    if answer.status_code == UnauthenticatedError.status:
        raise UnauthenticatedError("The server does not know this token. Make one under Settings → API tokens.")
    if answer.is_error:
        try:
            body = answer.json()
        except ValueError:
            body = {"code": "internal", "message": f"The server answered {answer.status_code}."}
        raise LaboraError(str(body.get("message")), code=str(body.get("code")))
    return answer
