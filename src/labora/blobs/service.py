"""Puts, reads and sweeps bytes that are named by their SHA-256.

A put returns only when the bytes are durable: obstore writes a file beside and renames it but does not call fsync, so
on a local store the file and its folders are synced here before the blob is registered.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as MissingObjectError
from obstore.store import LocalStore

from labora.base.clock import Clock, SystemClock, timestamp
from labora.base.errors import LaboraError, NotFoundError, TooLargeError, UnavailableError
from labora.base.ids import new_id
from labora.base.logging import get_logger
from labora.blobs import store
from labora.blobs.model import BlobRef
from labora.db import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1024 * 1024
_SWEEP_BATCH = 100
_INCOMING = "incoming"
_MANY = 16
_libc = ctypes.CDLL(None, use_errno=True)


class Blobs:
    """Content-addressed bytes below one folder.

    Args:
        database: registers every blob.
        folder: ``blobs`` in the data folder; made when missing.
        min_free_bytes: puts are refused below this free space, so that the database can still write.
        clock: for tests.
    """

    def __init__(
        self, database: Database, folder: Path, *, min_free_bytes: int = 0, clock: Clock | None = None
    ) -> None:
        self._database = database
        self._folder = folder.absolute()
        self._min_free = min_free_bytes
        self._clock = clock or SystemClock()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._store = LocalStore(prefix=self._folder)
        # A sweep and the last step of a put exclude each other: neither deletes what the other just wrote.
        self._names = asyncio.Lock()

    async def put(self, data: bytes, media_type: str = "application/octet-stream") -> BlobRef:
        """Stores ``data`` durably and returns its reference; the same bytes are stored once.

        Raises UnavailableError with code ``storage_full`` or ``storage_failed``.
        """
        digest = hashlib.sha256(data).hexdigest() if len(data) <= _CHUNK else await asyncio.to_thread(_digest, data)
        ref = BlobRef(digest, len(data), media_type)
        async with self._database.read() as connection:
            known = await store.find(connection, digest)
        incoming = None
        with _storage_errors():
            if known is None:
                await self._check_space(len(data))
                incoming = f"{_INCOMING}/{new_id()}"
                await obstore.put_async(self._store, incoming, data, use_multipart=False)
        return await self._keep(ref, incoming, data=data)

    async def put_many(self, items: Sequence[tuple[bytes, str]]) -> None:
        """Stores several values, each with its media type, durably: files are synced side by side, rows committed once.

        A program that prints fast fills many small blobs a second; one after the other each would wait for the disk
        several times. Raises UnavailableError as :meth:`put` does; then some may be stored, which a sweep finds.
        """
        found = {_digest(data): (data, media_type) for data, media_type in items}
        with _storage_errors():
            await self._check_space(sum(len(data) for data, _ in found.values()))
        async with self._names:
            with _storage_errors():
                settling = (asyncio.to_thread(self._settle, key, None, data) for key, (data, _) in found.items())
                for result in await asyncio.gather(*settling, return_exceptions=True):
                    if isinstance(result, BaseException):
                        raise result
            now = timestamp(self._clock.now())
            async with self._database.transaction() as connection:
                for key, (data, media_type) in found.items():
                    await store.register(connection, BlobRef(key, len(data), media_type), now)

    async def adopt(self, items: Sequence[tuple[Path, str]]) -> list[BlobRef]:
        """Takes finished files over as blobs, durably and without a copy; each is gone from its place then.

        Args:
            items: path and media type of each. The files lie on the file system of the blobs, belong to this process
                and are not written any more.

        Raises UnavailableError as :meth:`put` does; then some may be stored, which a sweep finds.
        """
        with _storage_errors():
            digests = await asyncio.to_thread(lambda: [_digest_file(path) for path, _ in items])
        refs = [BlobRef(key, size, kind) for (key, size), (_, kind) in zip(digests, items, strict=True)]
        places = [(ref.sha256, path) for ref, (path, _) in zip(refs, items, strict=True)]
        async with self._names:
            with _storage_errors():
                if len(places) > _MANY:
                    await asyncio.to_thread(self._settle_many, places)
                else:
                    settling = [asyncio.to_thread(self._settle, key, str(path), None) for key, path in places]
                    for result in await asyncio.gather(*settling, return_exceptions=True):
                        if isinstance(result, BaseException):
                            raise result
            now = timestamp(self._clock.now())
            async with self._database.transaction() as connection:
                await store.register_many(connection, list({ref.sha256: ref for ref in refs}.values()), now)
        return refs

    async def require_space(self, wanted: int) -> None:
        """Raises UnavailableError, ``storage_full``, where the disk has no room for ``wanted`` more bytes."""
        with _storage_errors():
            await self._check_space(wanted)

    def path(self, sha256: str) -> Path:
        """Returns the file that holds a stored blob, for a reader of this machine."""
        return self._folder / _key(sha256)

    async def put_stream(
        self,
        chunks: AsyncIterator[bytes],
        media_type: str = "application/octet-stream",
        *,
        limit: int | None = None,
    ) -> BlobRef:
        """Stores a stream durably without holding it in memory.

        Raises:
            TooLargeError: more than ``limit`` bytes came; nothing is kept.
            UnavailableError: ``storage_full`` or ``storage_failed``.
        """
        digest, size = hashlib.sha256(), 0
        failure: BaseException | None = None

        async def measured() -> AsyncIterator[bytes]:
            nonlocal size, failure
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    if limit is not None and size > limit:
                        raise TooLargeError(
                            f"The content is larger than the limit of {limit:,} bytes.",
                            details={"limit": limit, "actual": size},
                        )
                    digest.update(chunk)
                    yield chunk
            except BaseException as error:
                failure = error
                raise

        incoming = f"{_INCOMING}/{new_id()}"
        try:
            with _storage_errors():
                await self._check_space(0)
                await obstore.put_async(self._store, incoming, measured(), chunk_size=5 * _CHUNK, max_concurrency=1)
        except BaseException as error:
            await asyncio.to_thread(self._drop_incoming, incoming)
            # The store wraps what our iterator raised; callers want the original.
            if failure is not None:
                raise failure from error
            raise
        return await self._keep(BlobRef(digest.hexdigest(), size, media_type), incoming)

    async def _keep(self, ref: BlobRef, incoming: str | None, *, data: bytes | None = None) -> BlobRef:
        async with self._names:
            with _storage_errors():
                await asyncio.to_thread(self._settle, ref.sha256, incoming, data)
            async with self._database.transaction() as connection:
                await store.register(connection, ref, timestamp(self._clock.now()))
        return ref

    def _settle(self, sha256: str, incoming: str | None, data: bytes | None) -> None:
        target = self._folder / _key(sha256)
        source = self._folder / incoming if incoming else None
        if target.exists():
            if source is not None:
                source.unlink(missing_ok=True)
            return
        if source is None:
            # Known by its row, but swept between the look-up and here: write it again.
            source = self._folder / _INCOMING / new_id()
            source.parent.mkdir(exist_ok=True)
            try:
                source.write_bytes(data or b"")
            except OSError:
                source.unlink(missing_ok=True)
                raise
        _sync(source)
        fresh = [folder for folder in (target.parent, target.parent.parent) if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        for folder in {target.parent, *(folder.parent for folder in fresh)}:
            _sync(folder)

    def _settle_many(self, places: Sequence[tuple[str, Path]]) -> None:
        """Puts many finished files in their places: the whole file system is synced, which costs less than each."""
        _sync_all(self._folder)  # first what they hold, so that no name ever stands for less
        for sha256, source in places:
            target = self._folder / _key(sha256)
            if target.exists():
                source.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
        _sync_all(self._folder)

    def _drop_incoming(self, incoming: str) -> None:
        name = Path(incoming).name
        for leftover in (self._folder / _INCOMING).glob(f"{name}*"):
            leftover.unlink(missing_ok=True)

    async def _check_space(self, wanted: int) -> None:
        free = (await asyncio.to_thread(shutil.disk_usage, self._folder)).free
        if free - wanted < self._min_free:
            _storage_full(None)

    async def stat(self, sha256: str) -> BlobRef:
        """Returns size and media type. Raises NotFoundError."""
        async with self._database.read() as connection:
            ref = await store.find(connection, sha256)
        if ref is None:
            raise NotFoundError("These bytes are not stored here (any more).", code="no_such_blob")
        return ref

    async def get(self, sha256: str) -> bytes:
        """Returns the whole content; meant for small blobs. Raises NotFoundError."""
        with _storage_errors():
            result = await obstore.get_async(self._store, _key(sha256))
            return bytes(await result.bytes_async())

    async def open(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Returns the bytes from ``start`` up to, not including, ``end``, in pieces.

        Raises NotFoundError before anything is read.
        """
        ref = await self.stat(sha256)
        stop = ref.size if end is None else min(end, ref.size)
        return self._pieces(sha256, start, stop)

    async def _pieces(self, sha256: str, start: int, stop: int) -> AsyncIterator[bytes]:
        while start < stop:
            length = min(_CHUNK, stop - start)
            with _storage_errors():
                piece = await obstore.get_range_async(self._store, _key(sha256), start=start, length=length)
            yield bytes(piece)
            start += length

    async def sweep(self, grace: timedelta = timedelta(hours=24)) -> int:
        """Deletes blobs that nothing refers to and that were last put longer than ``grace`` ago; returns how many.

        The grace covers the time between a put and the commit of the row that refers to it. While a backup is made
        nothing is deleted.
        """
        before, swept = self._clock.now() - grace, 0
        while True:
            async with self._names:
                async with self._database.transaction() as connection:
                    if await store.is_held(connection, timestamp(self._clock.now())):
                        return swept
                    batch = await store.unreferenced(connection, timestamp(before), _SWEEP_BATCH)
                    await store.forget(connection, batch)
                await asyncio.to_thread(self._unlink, batch)
            swept += len(batch)
            if len(batch) < _SWEEP_BATCH:
                break
        await asyncio.to_thread(self._reap_incoming, before.timestamp())
        if swept:
            get_logger("blobs").info("swept", count=swept)
        return swept

    def _unlink(self, hashes: list[str]) -> None:
        for sha256 in hashes:
            (self._folder / _key(sha256)).unlink(missing_ok=True)

    def _reap_incoming(self, before: float) -> None:
        for leftover in (self._folder / _INCOMING).glob("*"):
            if leftover.stat().st_mtime < before:
                leftover.unlink(missing_ok=True)


def _key(sha256: str) -> str:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise NotFoundError("This is not the name of a blob.", code="no_such_blob")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_file(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def _sync_all(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turns failures of the disk into the product's errors."""
    try:
        yield
    except LaboraError:
        raise
    except (MissingObjectError, FileNotFoundError) as error:
        raise NotFoundError("These bytes are not stored here (any more).", code="no_such_blob") from error
    except (BaseError, OSError) as error:
        text = str(error)
        # ENOSPC and EDQUOT; obstore tells the number only in its text.
        if "os error 28" in text or "os error 122" in text or getattr(error, "errno", None) in {28, 122}:
            _storage_full(error)
        get_logger("blobs").error("storage failed", error=text)
        raise UnavailableError(
            "The server's storage failed to write or read. Nothing was lost that was shown as saved; "
            "its operator has to look at the disk.",
            code="storage_failed",
        ) from error


def _storage_full(cause: BaseException | None) -> NoReturn:
    raise UnavailableError(
        "The server's disk is full. Reading and deleting work; free space, then try again.", code="storage_full"
    ) from cause
