# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The driver for asyncio: the names of libdsql.Connection and Cursor, awaited.

>>> async with libdsql.aio.connect("local") as connection:
...     cursor = await connection.execute("SELECT $1 + 1", [41])
...     await cursor.fetchone()
(42,)

A connection belongs to the loop in which it was opened; tasks that share it take turns. A task that
is cancelled while it awaits an answer (also by a timeout) takes the connection with it: the answer
that comes later would be taken for the next statement's, so the connection is closed at once and
the server ends its transaction. Whether a COMMIT that was under way took effect is not known then.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import Any

import libdsql
from libdsql import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    DatabaseError,
    DataError,
    Date,
    DateFromTicks,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    Json,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    Warning,
    _libdsql,
    apilevel,
    is_retryable,
    local,
    paramstyle,
    threadsafety,
)
from libdsql.connection import blocks, start

WANT_READ = 1
WANT_WRITE = 2

TURN_SECONDS = 0.005
"""How long a stream whose rows are there already keeps the loop from others."""


class Connection:
    """A connection to Aurora DSQL; made by connect()."""

    Warning = libdsql.Warning
    Error = libdsql.Error
    InterfaceError = libdsql.InterfaceError
    DatabaseError = libdsql.DatabaseError
    DataError = libdsql.DataError
    OperationalError = libdsql.OperationalError
    IntegrityError = libdsql.IntegrityError
    InternalError = libdsql.InternalError
    ProgrammingError = libdsql.ProgrammingError
    NotSupportedError = libdsql.NotSupportedError

    def __init__(self, core: _libdsql.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._core = core
        self._loop = loop
        self._lock = asyncio.Lock()
        self._watched = -1  # the descriptor whose reading end the loop watches
        self._writing = -1  # the one of which it waits until it can be written to
        self._connected = False
        self._waiter: asyncio.Future[None] | None = None
        self._turn_ends = 0.0  # when a stream lets others have the loop, by its clock

    # Waiting. The reader stays with the loop between statements: taking it away and putting it
    # back would cost two system calls each time. The loop must forget a descriptor before it is
    # closed: the next one that is opened, by whomever, gets its number. While connecting, each
    # step may close one.

    async def _run(self) -> None:
        """Go on with what was started on the core until it is over."""
        core = self._core
        try:
            wants = core._step()
            while wants:
                try:
                    await self._wait(core.fileno(), wants)
                except BaseException:
                    self._unwatch()
                    core._abandon()
                    raise
                wants = core._step()
        finally:
            if self._watched != core.fileno():
                self._unwatch()

    async def _wait(self, fd: int, wants: int) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise libdsql.InterfaceError(
                "the connection belongs to another event loop: open one in each loop"
            )
        if self._watched != fd:
            self._unwatch()
            self._loop.add_reader(fd, self._on_ready)
            self._watched = fd
        waiter = self._waiter = self._loop.create_future()
        milliseconds = self._core._timeout_ms()
        timer = None
        if milliseconds >= 0:
            timer = self._loop.call_later(milliseconds / 1000, self._wake)
        if wants & WANT_WRITE:
            self._loop.add_writer(fd, self._wake)
            self._writing = fd
        try:
            await waiter
        finally:
            self._waiter = None
            self._stop_writing()
            if not self._connected:
                self._unwatch()
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _on_ready(self) -> None:
        """Bytes, or the end, have come; unasked for where nobody waits: let them lie."""
        if self._waiter is None:
            self._unwatch()
        else:
            self._wake()

    def _stop_writing(self) -> None:
        if self._writing >= 0:
            self._loop.remove_writer(self._writing)
            self._writing = -1

    def _unwatch(self) -> None:
        self._stop_writing()
        if self._watched >= 0:
            self._loop.remove_reader(self._watched)
            self._watched = -1

    # The interface.

    @property
    def autocommit(self) -> bool:
        return self._core.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._core.autocommit = value

    @property
    def read_only(self) -> bool:
        return self._core.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._core.read_only = value

    @property
    def json_loads(self) -> Callable[[str], Any] | None:
        return self._core.json_loads

    @json_loads.setter
    def json_loads(self, value: Callable[[str], Any] | None) -> None:
        self._core.json_loads = value

    @property
    def closed(self) -> bool:
        return self._core.closed

    @property
    def broken(self) -> bool:
        return self._core.broken

    @property
    def transaction_status(self) -> str:
        return self._core.transaction_status

    @property
    def server_version(self) -> int:
        return self._core.server_version

    @property
    def notices(self) -> list[_libdsql.Diagnostic]:
        return self._core.notices

    def parameter_status(self, name: str) -> str | None:
        return self._core.parameter_status(name)

    def is_alive(self) -> bool:
        return self._core.is_alive()

    def fileno(self) -> int:
        return self._core.fileno()

    def cursor(self, *, stream: bool = False) -> Cursor:
        return Cursor(self, stream)

    async def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> Cursor:
        return await Cursor(self, False).execute(sql, parameters)

    async def commit(self) -> None:
        async with self._lock:
            self._core._start_commit()
            await self._run()

    async def rollback(self) -> None:
        async with self._lock:
            self._core._start_rollback()
            await self._run()

    async def close(self) -> None:
        self.terminate()

    def terminate(self) -> None:
        """Close at once, also while a statement is under way; what awaits it fails."""
        self._unwatch()
        if self._waiter is None:
            self._core.close()
        else:
            self._core._abandon()
            self._wake()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self.closed:
                await (self.commit() if kind is None else self.rollback())
        finally:
            await self.close()


class Cursor:
    """Statements and their rows. With stream=True rows are read as they are fetched."""

    def __init__(self, connection: Connection, stream: bool) -> None:
        self._connection = connection
        self._core = connection._core.cursor(stream=stream)
        self._stream = stream

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def description(self) -> Sequence[_libdsql.Column] | None:
        return self._core.description

    @property
    def rowcount(self) -> int:
        return self._core.rowcount

    @property
    def rownumber(self) -> int | None:
        return self._core.rownumber

    @property
    def statusmessage(self) -> str | None:
        return self._core.statusmessage

    @property
    def closed(self) -> bool:
        return self._core.closed

    @property
    def arraysize(self) -> int:
        return self._core.arraysize

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._core.arraysize = value

    async def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> Cursor:
        connection = self._connection
        async with connection._lock:
            self._core._start_execute(sql, parameters)
            await connection._run()
        return self

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        async with self._connection._lock:
            self._core._start_executemany(sql, parameters)
            await self._connection._run()

    async def executescript(self, sql: str) -> None:
        async with self._connection._lock:
            self._core._start_executescript(sql)
            await self._connection._run()

    async def copy_in(self, sql: str, data: Any) -> None:
        if hasattr(data, "__aiter__"):
            raise libdsql.ProgrammingError(
                "copy_in() takes str, bytes, an iterable of them or a file, "
                f"not {type(data).__name__}"
            )
        async with self._connection._lock:
            self._core._start_copy_in(sql, data)
            await self._connection._run()

    async def copy_out(self, sql: str, write: Callable[[bytes], object]) -> None:
        if inspect.iscoroutinefunction(write):
            raise libdsql.ProgrammingError(
                "copy_out() calls write() without awaiting it: give a plain function"
            )
        async with self._connection._lock:
            self._core._start_copy_out(sql, write)
            await self._connection._run()

    async def _read(self, count: int) -> None:
        """Have that many rows of a stream at hand, or all that are left (count -1)."""
        if not self._stream:
            return
        connection = self._connection
        if connection._loop.time() >= connection._turn_ends:
            await asyncio.sleep(0)
            connection._turn_ends = connection._loop.time() + TURN_SECONDS
        async with connection._lock:
            if not self._core._start_fetch(count):
                await connection._run()

    async def fetchone(self) -> tuple[Any, ...] | None:
        await self._read(1)
        return self._core.fetchone()

    async def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        await self._read(self.arraysize if size is None else size)
        return self._core.fetchmany(size)

    async def fetchall(self) -> list[tuple[Any, ...]]:
        await self._read(-1)
        return self._core.fetchall()

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Nothing: the types follow the values."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Nothing: columns of any size are read."""

    async def close(self) -> None:
        """Forget the rows; those of a stream that were not fetched are dropped as they come."""
        self._core.close()

    def __aiter__(self) -> AsyncIterator[tuple[Any, ...]]:
        return self

    async def __anext__(self) -> tuple[Any, ...]:
        row = await self.fetchone()
        if row is None:
            raise StopAsyncIteration
        return row

    async def __aenter__(self) -> Cursor:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


async def _open_once(host: str | None, options: dict[str, Any], again: bool) -> Connection:
    loop = asyncio.get_running_loop()
    if blocks(host, options):
        core = await loop.run_in_executor(None, lambda: start(host, again=again, **options))
    else:
        core = start(host, **options)
    connection = Connection(core, loop)
    try:
        await connection._run()
    except BaseException:
        connection.terminate()
        raise
    connection._connected = True
    return connection


async def _open(host: str | None, options: dict[str, Any]) -> Connection:
    try:
        return await _open_once(host, options, False)
    except libdsql.OperationalError:
        if not local.is_local(host):
            raise
    # The user's own endpoint may have ended since we last heard of it.
    return await _open_once(host, options, True)


class _Opening:
    """What connect() gives: to be awaited, or entered with `async with`."""

    def __init__(self, host: str | None, options: dict[str, Any]) -> None:
        self._host = host
        self._options = options
        self._connection: Connection | None = None

    def __await__(self) -> Generator[Any, None, Connection]:
        return _open(self._host, self._options).__await__()

    async def __aenter__(self) -> Connection:
        self._connection = await self
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._connection is not None
        await self._connection.__aexit__(kind, error, traceback)


def connect(host: str | None = None, **options: Any) -> _Opening:
    """Open a connection, with the options of libdsql.connect(): await it, or use `async with`.

    Resolving the name, TLS and signing in never block the loop; starting a local endpoint and
    asking a custom_credentials_provider are done in the loop's executor.
    """
    return _Opening(host, options)


__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Json",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "is_retryable",
    "paramstyle",
    "threadsafety",
]
