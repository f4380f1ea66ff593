"""Engine and unit of work.

One writer at a time on SQLite: :meth:`Database.transaction` holds an in-process lock and begins IMMEDIATE, so a
transaction never fails half-way for a lock that another coroutine holds. Readers go beside it (WAL).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from labora.base.errors import UnavailableError

RETRY_S = 5.0
_BUSY_MS = 30_000
_SCRUB_BUSY_MS = 100
LOOKS_AT_ONCE = 2
"""How many short reads go on at the same time; more threads would only wait for the interpreter."""
_NOTES = "labora_notes"

T = TypeVar("T")


class Database:
    """Connections to one database.

    Args:
        url: async SQLAlchemy URL (``sqlite+aiosqlite:///…``; PostgreSQL later).
        attached: more SQLite files, by the schema name under which statements find their tables.
        durable: a commit survives a power cut; without, the newest ones may be lost, for what can be made again.
    """

    def __init__(self, url: str, *, attached: Mapping[str, Path] | None = None, durable: bool = True) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {}
        if self.is_sqlite:
            options = {"poolclass": AsyncAdaptedQueuePool, "pool_size": 4, "max_overflow": 8}
        self.engine: AsyncEngine = create_async_engine(url, **options)
        self._writer = asyncio.Lock()
        self._short: Engine | None = None
        self._listeners: dict[str, list[Callable[[Sequence[Any]], None]]] = {}
        # A thread of its own: who waits for a commit does not wait for what else takes the threads of all.
        self._thread = ThreadPoolExecutor(1, "database")
        self._lookers = ThreadPoolExecutor(LOOKS_AT_ONCE, "database-look")
        if self.is_sqlite:
            self._short = create_engine(url.replace("+aiosqlite", ""), pool_size=1 + LOOKS_AT_ONCE, max_overflow=0)
            configure = _sqlite_configuration(attached or {}, durable=durable)
            for engine in (self.engine.sync_engine, self._short):
                event.listen(engine, "connect", configure)
                event.listen(engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Opens one writing transaction; commits at the end of the block, rolls back on an exception.

        Raises UnavailableError, code ``storage_full`` or ``storage_busy``, for a failure that waiting can cure.
        """
        with _passing_failures():
            if not self.is_sqlite:
                async with self.engine.begin() as connection:
                    connection.info.pop(_NOTES, None)
                    yield connection
                    notes = connection.info.pop(_NOTES, ())
                self._announce(notes)
                return
            async with self._writer, self._connected() as connection:
                connection.info.pop(_NOTES, None)
                await connection.execution_options(labora_write=True)
                async with connection.begin():
                    yield connection
                    notes = connection.info.pop(_NOTES, ())
            self._announce(notes)

    def on_committed(self, topic: str, callback: Callable[[Sequence[Any]], None]) -> None:
        """Calls ``callback`` with what :func:`note` was given under ``topic``, after each commit of such a transaction.

        It is called in the event loop, must not wait and must not fail.
        """
        self._listeners.setdefault(topic, []).append(callback)

    def _announce(self, notes: Sequence[tuple[str, Any]]) -> None:
        for topic, callbacks in self._listeners.items():
            values = [value for noted, value in notes if noted == topic]
            for callback in callbacks if values else ():
                callback(values)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one writing transaction, in one trip to another thread where the database is SQLite.

        For a few statements that somebody waits for: each statement of :meth:`transaction` is a trip of its own. Once
        begun it is done whole, also when the caller is cancelled. Raises as :meth:`transaction` does.
        """
        with _passing_failures():
            if self._short is None:
                async with self.engine.begin() as connection:
                    return await connection.run_sync(work)
            async with self._writer:
                # A thread cannot be stopped, and nobody else may write before it ends.
                return await _whole(asyncio.get_running_loop().run_in_executor(self._thread, _write, self._short, work))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Opens one reading transaction with a consistent view; never waits for the writer.

        Raises UnavailableError as :meth:`transaction` does.
        """
        with _passing_failures():
            async with self._connected() as connection:
                yield connection

    async def look(self, work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """Runs ``work`` in one reading transaction, in one trip to another thread where the database is SQLite.

        For several small queries that somebody waits for: each statement of :meth:`read` is several trips. ``work``
        may await nothing but the connection's ``execute`` and ``scalar``, and touches only what is its own.

        Raises as :meth:`read` does, and RuntimeError when ``work`` awaits something else.
        """
        if self._short is None:
            async with self.read() as connection:
                return await work(connection)
        with _passing_failures():
            loop = asyncio.get_running_loop()
            return await _whole(loop.run_in_executor(self._lookers, _look, self._short, work))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection, whole even when the caller is cancelled meanwhile: half-open ones would be lost."""
        connection = self.engine.connect()
        opening = asyncio.ensure_future(connection.start())
        try:
            await _whole(opening)
        except asyncio.CancelledError:
            if opening.exception() is None:
                await _whole(asyncio.ensure_future(connection.close()))
            raise
        try:
            yield connection
        finally:
            await _whole(asyncio.ensure_future(connection.close()))

    async def scrub(self) -> bool:
        """Takes out of the files of SQLite what was deleted before; returns False while a reader is in the way.

        Deleted rows are overwritten in the database when they are deleted; the log of recent changes still holds what
        they were until it is emptied, which is what happens here.
        """
        if self._short is None:
            return True
        async with self._writer:
            return await _whole(asyncio.get_running_loop().run_in_executor(self._thread, _empty_log, self._short))

    async def close(self) -> None:
        """Closes every connection."""
        await self.engine.dispose()
        if self._short is not None:
            self._short.dispose()
        self._thread.shutdown(wait=False)
        self._lookers.shutdown(wait=False)


def note(connection: AsyncConnection, topic: str, value: Any) -> None:
    """Notes within a transaction what others are told once it is committed; see :meth:`Database.on_committed`."""
    connection.info.setdefault(_NOTES, []).append((topic, value))


async def _whole(work: asyncio.Future[T]) -> T:
    """Waits for ``work`` to its end, also when the caller is cancelled meanwhile, who is told afterwards."""
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return work.result()


def _write(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect().execution_options(labora_write=True) as connection, connection.begin():
        return work(connection)


def _empty_log(engine: Engine) -> bool:
    # Not within a transaction, and without waiting long: meanwhile nobody writes.
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_SCRUB_BUSY_MS}")
        (busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        cursor.close()
    finally:
        raw.close()
    return not busy


class _Straight:
    """What a look uses of an AsyncConnection, over one that answers at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        return self._connection.scalar(statement, parameters)


def _look(engine: Engine, work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
    with engine.connect() as connection:
        running = work(cast("AsyncConnection", _Straight(connection)))
        try:
            running.send(None)
        except StopIteration as done:
            return cast("T", done.value)
        running.close()
        raise RuntimeError("a look may wait for its connection only")


@contextmanager
def _passing_failures() -> Iterator[None]:
    """Tells failures that pass from those that do not, which stay what they are."""
    try:
        yield
    except PoolTimeoutError as error:
        raise _busy() from error
    except OperationalError as error:
        # SQLite's own words for SQLITE_FULL, SQLITE_BUSY and SQLITE_LOCKED (https://www.sqlite.org/rescode.html).
        text = str(error.orig).lower()
        if "disk is full" in text:
            raise UnavailableError(
                "The server's disk is full. Reading works; free space, then try again.",
                code="storage_full",
                retry_after=RETRY_S,
            ) from error
        if "is locked" in text:
            raise _busy() from error
        raise


def _busy() -> UnavailableError:
    return UnavailableError(
        "The server's database is busy. Try again in a moment.", code="storage_busy", retry_after=RETRY_S
    )


def _sqlite_configuration(attached: Mapping[str, Path], *, durable: bool) -> Callable[[Any, Any], None]:
    def configure(dbapi_connection: Any, _record: Any) -> None:
        # The driver must not begin transactions itself: _begin_sqlite chooses how.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: with NORMAL a power cut can take commits that were acknowledged.
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        # What is deleted is overwritten in the file: private outputs must not be left in free pages.
        cursor.execute("PRAGMA secure_delete=ON")
        for schema, path in attached.items():
            cursor.execute(f"ATTACH DATABASE ? AS {schema}", (str(path),))
        cursor.close()

    return configure


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("labora_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN DEFERRED")
