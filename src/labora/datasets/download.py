"""Fetches one file: resumable, bounded by what the manifest says, and kept only when its checksum is right."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from labora.base.errors import UnavailableError
from labora.datasets.model import DataFile

TIMEOUT_S = 60.0
LARGEST = 64 * 1024**3
"""Bytes of a file whose manifest gives no size."""
_CHUNK = 256 * 1024
_TRIES = 3
_HOPS = 5
_RANGE = re.compile(r"bytes (\d+)-")
_UNSENT = (OSError, http.client.HTTPException)


class _RefusedError(Exception):
    """An address that will not do, with the reason."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows from https to https, and only where the manifest lets it."""

    max_redirections = _HOPS

    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if self._allowed and urlsplit(req.full_url).scheme == urlsplit(newurl).scheme == "https":
            return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        raise _RefusedError(f"it leads on to {newurl}, which is not followed; name that address in the manifest")


def fetch_file(file: DataFile, target: Path, report: Callable[[int], None]) -> None:
    """Brings a file to ``target``. What an interrupted fetch left in ``<target>.part`` is gone on from.

    Args:
        file: what to fetch.
        target: the path it gets once it is whole and its checksum is right.
        report: is told how many bytes are there.

    Raises:
        UnavailableError: no address gave the right file; the message has every reason.
    """
    if target.exists():
        if why_wrong(file, target) is None:
            return
        target.unlink()
    part = target.with_name(target.name + ".part")
    reasons = []
    for address in file.addresses:
        try:
            _fetch_from(address, file, part, report)
            if (why := why_wrong(file, part)) is not None:
                part.unlink()
                raise _RefusedError(why)
        except _RefusedError as error:
            reasons.append(f"{address}: {error}")
            continue
        part.rename(target)
        return
    raise UnavailableError(f"{file.name} could not be fetched. {'; '.join(reasons)}.", code="dataset_unavailable")


def why_wrong(file: DataFile, path: Path) -> str | None:
    """Returns what is wrong with a file by its size and checksum; None where it is right."""
    size = path.stat().st_size
    if file.bytes is not None and size != file.bytes:
        return f"it has {size} bytes and should have {file.bytes}"
    for kind, wanted in (("sha256", file.sha256), ("md5", file.md5)):
        if wanted is not None:
            return None if checksum(path, kind) == wanted else f"its {kind} checksum is wrong"
    return None


def checksum(path: Path, kind: str = "sha256") -> str:
    """Returns a file's checksum in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def _fetch_from(address: str, file: DataFile, part: Path, report: Callable[[int], None]) -> None:
    """Goes on with ``part`` until it is whole. Raises _RefusedError."""
    for attempt in range(_TRIES):
        before = part.stat().st_size if part.exists() else 0
        if before and before == file.bytes:
            return
        try:
            _read_on(address, file, part, before, report)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and before:  # what is there is not the beginning of what they have
                part.unlink()
                continue
            if error.code < 500 or attempt == _TRIES - 1:
                raise _RefusedError(f"the server answered {error.code}") from error
        except _UNSENT as error:
            grown = part.exists() and part.stat().st_size > before
            if (not grown and attempt == _TRIES - 1) or isinstance(error, (FileNotFoundError, PermissionError)):
                raise _RefusedError(str(getattr(error, "reason", None) or error) or type(error).__name__) from error
    raise _RefusedError("the connection broke again and again; fetch it again to go on")


def _read_on(address: str, file: DataFile, part: Path, before: int, report: Callable[[int], None]) -> None:
    opener = urllib.request.build_opener(_Redirects(file.redirects))
    headers = {"User-Agent": "labora", "Accept-Encoding": "identity"}
    if before and not address.startswith("file:"):
        headers["Range"] = f"bytes={before}-"
    with opener.open(urllib.request.Request(address, headers=headers), timeout=TIMEOUT_S) as answer:  # noqa: S310
        at = _start(answer, before)
        limit = LARGEST if file.bytes is None else file.bytes
        with part.open("r+b" if at else "wb") as sink:
            sink.seek(at)
            while chunk := answer.read(_CHUNK):
                at += len(chunk)
                if at > limit:
                    sink.truncate(0)
                    raise _RefusedError(f"it is longer than {limit} bytes")
                sink.write(chunk)
                report(at)
    expected = answer.headers.get("Content-Length")
    if file.bytes is not None and at < file.bytes and (expected is None or int(expected) + before > at):
        raise ConnectionResetError("the connection ended too early")


def _start(answer: Any, before: int) -> int:
    """Returns where in the file the answer begins. Raises ConnectionError where that is not where it should."""
    if not before or getattr(answer, "status", None) != 206:
        return 0
    found = _RANGE.match(answer.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != before:
        raise ConnectionAbortedError("the server sent another part than was asked for")
    return before
