"""Starts conversions, a few at a time, and ends those that take too long or that nobody waits for any more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labora.base.errors import InvalidError, TooLargeError, UnavailableError
from labora.base.logging import get_logger
from labora.base.settings import ExportSettings
from labora.convert import printing
from labora.convert.model import Options

_REFUSED = 3
_CHUNK = 1 << 18
_log = get_logger("convert")


class Converter:
    """Writes notebooks in other formats and reads texts as notebooks, in processes of their own.

    Args:
        settings: bounds, and where the browser for PDF is.
    """

    def __init__(self, settings: ExportSettings) -> None:
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.at_once)

    async def write(self, notebook: bytes, options: Options) -> bytes:
        """Returns an ``.ipynb`` in another format.

        Raises:
            InvalidError: it is no notebook, or has no such form.
            UnavailableError: ``export_too_slow``, ``export_failed``; for PDF also ``no_browser``, ``no_isolation``.
            TooLargeError: the result is above the limit.
        """
        browser = printing.find(self._settings.chromium) if options.format == "pdf" else None
        async with self._turns:
            page = await self._child({"write": options.as_json()}, notebook)
            return page if browser is None else await self._print(browser, page)

    async def read(self, text: bytes, name: str) -> bytes:
        """Returns a script or Markdown file, of the form that its name tells, as an ``.ipynb``.

        Raises:
            InvalidError: ``not_a_notebook``.
            UnavailableError: as :meth:`write`.
        """
        async with self._turns:
            return await self._child({"name": name}, text)

    async def _child(self, request: Mapping[str, Any], body: bytes) -> bytes:
        bounds = {"memory_bytes": self._settings.memory_bytes, "seconds": int(self._settings.timeout_s) + 1}
        head = json.dumps({**request, **bounds}).encode() + b"\n"
        code, out, err = await self._run([sys.executable, "-I", "-B", "-m", "labora.convert"], head + body)
        if code == 0:
            return out
        if code == _REFUSED:
            with contextlib.suppress(ValueError, KeyError):
                told = json.loads(err.splitlines()[-1])
                raise InvalidError(told["message"], code=told["code"])
        _log.warning("conversion failed", code=code, error=err[-2000:].decode(errors="replace"))
        raise UnavailableError(
            "The notebook could not be converted: it is too large or too intricate for this server. "
            "Download the .ipynb instead, or leave the outputs out.",
            code="export_failed",
        )

    async def _print(self, browser: printing.Browser, page: bytes) -> bytes:
        with tempfile.TemporaryDirectory(prefix="labora-print-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            await asyncio.to_thread((folder / printing.PAGE).write_bytes, page)
            code, _, err = await self._run(browser.command(folder), b"")
            if code == 0:
                made = await asyncio.to_thread(self._printed, folder / printing.RESULT)
                if made is not None:
                    return made
        _log.warning("printing failed", code=code, error=err[-2000:].decode(errors="replace"))
        raise UnavailableError(
            "The browser on the server could not print the page. Download HTML and print that instead.",
            code="export_failed",
        )

    def _printed(self, made: Path) -> bytes | None:
        """Returns what the browser wrote, or None where that is no file of its own.

        The page is hostile and the browser may be too: what it left may lead out of its folder, or never end.
        """
        try:
            descriptor = os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            if about.st_size > self._settings.result_bytes:
                raise self._too_large(about.st_size)
            content = file.read(self._settings.result_bytes + 1)
        if len(content) > self._settings.result_bytes:
            raise self._too_large(len(content))
        return content

    def _too_large(self, size: int) -> TooLargeError:
        limit = self._settings.result_bytes
        return TooLargeError(
            f"The result is larger than {limit:,} bytes. Leave the outputs out, or download the .ipynb.",
            code="export_too_large",
            details={"limit": limit, "actual": size},
        )

    async def _run(self, command: Sequence[str], body: bytes) -> tuple[int, bytes, bytes]:
        """Runs a program to its end, which comes at the latest with the timeout or when the caller is cancelled."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                out, err, _ = await asyncio.gather(
                    self._read(process.stdout), self._read(process.stderr), self._feed(process, body)
                )
                return await process.wait(), out, err
        except TimeoutError:
            raise UnavailableError(
                f"This took longer than {self._settings.timeout_s:.0f} seconds. Leave the outputs out, "
                "or download the .ipynb.",
                code="export_too_slow",
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())

    async def _read(self, stream: asyncio.StreamReader | None) -> bytes:
        if stream is None:
            return b""
        pieces, size = [], 0
        while piece := await stream.read(_CHUNK):
            size += len(piece)
            if size > self._settings.result_bytes:
                raise self._too_large(size)
            pieces.append(piece)
        return b"".join(pieces)

    @staticmethod
    async def _feed(process: asyncio.subprocess.Process, body: bytes) -> None:
        if process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for start in range(0, len(body), _CHUNK):
                process.stdin.write(body[start : start + _CHUNK])
                await process.stdin.drain()
        process.stdin.close()
