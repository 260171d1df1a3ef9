# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Drivers of PostgreSQL behind one interface, each used as its manual says and with its
own defaults; whatever loops is inside, so that the interface itself costs nothing.

Reads run outside transactions (autocommit), `transact` and `insert` in transactions.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import re
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import asyncpg
import libdsql
import libdsql.aio
import libdsql.local
import psycopg
import psycopg2
import psycopg2.extras
import uvloop
from workloads import INSERT, READ, Statement

psycopg2.extras.register_uuid()

CONNECTIONS = 20
Batches = list[list[tuple[Any, ...]]]


class Place(NamedTuple):
    """Where to connect, and the password."""

    port: int
    ca: str
    token: str


def place(endpoint: libdsql.local.LocalEndpoint) -> Place:
    """The file of authorities is the machine's, as for a cluster, with the endpoint's own."""
    ca = Path(endpoint.ca).with_name("all.pem")
    if not ca.exists():
        ca.write_text(Path(libdsql.ca_file()).read_text() + Path(endpoint.ca).read_text())
    token = libdsql.token(
        "localhost",
        region=endpoint.region,
        credentials_file=endpoint.credentials,
        profile="default",
    )
    return Place(endpoint.port, str(ca), token)


class Contender(Protocol):
    name: str
    kind: str  # "sync" or "asyncio"
    settled: int  # executions after which it sends a statement as ever after

    def fetch(self, sql: str) -> list[Any]: ...
    def read(self, count: int) -> None: ...
    def transact(self, statements: list[Statement], count: int) -> None: ...
    def insert(self, batches: Batches) -> None: ...
    def connect(self, count: int) -> None: ...
    def close(self) -> None: ...


def percent(sql: str) -> str:
    """$1 as psycopg spells it."""
    return re.sub(r"\$\d+", "%s", sql)


class Blocking:
    """What PEP 249 is enough for."""

    kind = "sync"
    settled = 2

    def __init__(self, name: str, opener: Callable[[], Any], convert: Callable[[str], str]) -> None:
        self.name = name
        self._open = opener
        self._convert = convert
        self._reading, self._writing = opener(), opener()
        self._reading.autocommit = True
        self._writing.autocommit = False

    def cursor(self, connection: Any) -> Any:
        return connection.cursor()

    def fetch(self, sql: str) -> list[Any]:
        cursor = self.cursor(self._reading)
        cursor.execute(sql)
        rows: list[Any] = cursor.fetchall()
        return rows

    def read(self, count: int) -> None:
        sql = self._convert(READ)
        cursor = self.cursor(self._reading)
        for number in range(count):
            cursor.execute(sql, (number + 1,))
            assert cursor.fetchone() is not None

    def transact(self, statements: list[Statement], count: int) -> None:
        statements = [(self._convert(sql), values) for sql, values in statements]
        connection = self._writing
        cursor = self.cursor(connection)
        for _ in range(count):
            for sql, values in statements:
                cursor.execute(sql, values)
                if cursor.description is not None:
                    cursor.fetchall()
            connection.commit()

    def insert(self, batches: Batches) -> None:
        sql = self._convert(INSERT)
        cursor = self.cursor(self._writing)
        for rows in batches:
            cursor.executemany(sql, rows)
            self._writing.commit()

    def connect(self, count: int) -> None:
        for _ in range(count):
            self._open().close()

    def close(self) -> None:
        self._reading.close()
        self._writing.close()


class Psycopg(Blocking):
    settled = 7  # it prepares what comes more than five times


class PsycopgBinary(Psycopg):
    def cursor(self, connection: Any) -> Any:
        return connection.cursor(binary=True)


class Psycopg2(Blocking):
    """Its executemany() makes a trip for each row, so it inserts as its manual advises."""

    def insert(self, batches: Batches) -> None:
        sql = re.sub(r"VALUES \(.*", "VALUES %s", INSERT)
        cursor = self.cursor(self._writing)
        for rows in batches:
            psycopg2.extras.execute_values(cursor, sql, rows)
            self._writing.commit()


class Asyncio:
    """One loop, kept; a subclass says how its driver is used."""

    kind = "asyncio"
    settled = 2

    def __init__(self, name: str, place: Place, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self._place = place
        self._loop = loop
        self._reading: Any = self._run(self._open(autocommit=True))
        self._writing: Any = self._run(self._open(autocommit=False))
        self._many: list[Any] = []

    def _run(self, awaitable: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(awaitable)

    async def _open(self, autocommit: bool) -> Any:
        raise NotImplementedError

    async def _fetch(self, connection: Any, sql: str, values: tuple[Any, ...]) -> list[Any]:
        raise NotImplementedError

    async def _transact(self, statements: list[Statement], count: int) -> None:
        raise NotImplementedError

    async def _insert(self, batches: Batches) -> None:
        raise NotImplementedError

    def fetch(self, sql: str) -> list[Any]:
        rows: list[Any] = self._run(self._fetch(self._reading, sql, ()))
        return rows

    def read(self, count: int) -> None:
        async def read() -> None:
            for number in range(count):
                assert await self._fetch(self._reading, READ, (number + 1,))

        self._run(read())

    def transact(self, statements: list[Statement], count: int) -> None:
        self._run(self._transact(statements, count))

    def insert(self, batches: Batches) -> None:
        self._run(self._insert(batches))

    def connect(self, count: int) -> None:
        async def connect() -> None:
            for _ in range(count):
                await (await self._open(autocommit=True)).close()

        self._run(connect())

    def concurrent(self, count: int) -> None:
        """As many tasks at once, each with a query, on CONNECTIONS connections. One key:
        which connection gets which task is left to chance, and any must be answered."""

        async def one(free: asyncio.LifoQueue[Any]) -> None:
            connection = await free.get()
            assert await self._fetch(connection, READ, (4711,))
            free.put_nowait(connection)

        async def all_of_them() -> None:
            while len(self._many) < CONNECTIONS:
                self._many.append(await self._open(autocommit=True))
            free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
            for connection in self._many:
                free.put_nowait(connection)
            await asyncio.gather(*(one(free) for _ in range(count)))

        self._run(all_of_them())

    def close(self) -> None:
        async def close() -> None:
            for connection in [self._reading, self._writing, *self._many]:
                await connection.close()

        self._run(close())
        self._loop.close()


class Asyncpg(Asyncio):
    def __init__(self, name: str, place: Place, loop: asyncio.AbstractEventLoop) -> None:
        self._tls = ssl.create_default_context(cafile=place.ca)
        super().__init__(name, place, loop)

    async def _open(self, autocommit: bool) -> Any:
        return await asyncpg.connect(
            host="localhost",
            port=self._place.port,
            user="admin",
            database="postgres",
            password=self._place.token,
            ssl=self._tls,
        )

    async def _fetch(self, connection: Any, sql: str, values: tuple[Any, ...]) -> list[Any]:
        rows: list[Any] = await connection.fetch(sql, *values)
        return rows

    async def _transact(self, statements: list[Statement], count: int) -> None:
        for _ in range(count):
            async with self._writing.transaction():
                for sql, values in statements:
                    await self._writing.fetch(sql, *values)

    async def _insert(self, batches: Batches) -> None:
        for rows in batches:
            async with self._writing.transaction():
                await self._writing.executemany(INSERT, rows)


class Awaited(Asyncio):
    """Drivers whose asyncio side is PEP 249 awaited."""

    def _convert(self, sql: str) -> str:
        return sql

    async def _fetch(self, connection: Any, sql: str, values: tuple[Any, ...]) -> list[Any]:
        cursor = await connection.execute(self._convert(sql), values)
        rows: list[Any] = await cursor.fetchall()
        return rows

    async def _transact(self, statements: list[Statement], count: int) -> None:
        statements = [(self._convert(sql), values) for sql, values in statements]
        for _ in range(count):
            for sql, values in statements:
                cursor = await self._writing.execute(sql, values)
                if cursor.description is not None:
                    await cursor.fetchall()
            await self._writing.commit()

    async def _insert(self, batches: Batches) -> None:
        cursor = self._writing.cursor()
        for rows in batches:
            await cursor.executemany(self._convert(INSERT), rows)
            await self._writing.commit()


class PsycopgAsync(Awaited):
    def _convert(self, sql: str) -> str:
        return percent(sql)

    async def _open(self, autocommit: bool) -> Any:
        return await psycopg.AsyncConnection.connect(**libpq(self._place), autocommit=autocommit)


class LibdsqlAsync(Awaited):
    async def _open(self, autocommit: bool) -> Any:
        return await libdsql.aio.connect(**ours(self._place), autocommit=autocommit)


def libpq(place: Place) -> dict[str, Any]:
    return {
        "host": "localhost",
        "port": place.port,
        "user": "admin",
        "dbname": "postgres",
        "password": place.token,
        "sslmode": "verify-full",
        "sslrootcert": place.ca,
    }


def ours(place: Place) -> dict[str, Any]:
    return libpq(place)


def same(sql: str) -> str:
    return sql


MAKERS: dict[str, Callable[[str, Place], Contender]] = {
    "libdsql": lambda name, at: Blocking(name, lambda: libdsql.connect(**ours(at)), same),
    "psycopg": lambda name, at: Psycopg(name, lambda: psycopg.connect(**libpq(at)), percent),
    "psycopg binary": lambda name, at: PsycopgBinary(
        name, lambda: psycopg.connect(**libpq(at)), percent
    ),
    "psycopg2": lambda name, at: Psycopg2(name, lambda: psycopg2.connect(**libpq(at)), percent),
    "libdsql.aio": lambda name, at: LibdsqlAsync(name, at, asyncio.new_event_loop()),
    "libdsql.aio, uvloop": lambda name, at: LibdsqlAsync(name, at, uvloop.new_event_loop()),
    "asyncpg": lambda name, at: Asyncpg(name, at, asyncio.new_event_loop()),
    "asyncpg, uvloop": lambda name, at: Asyncpg(name, at, uvloop.new_event_loop()),
    "psycopg async": lambda name, at: PsycopgAsync(name, at, asyncio.new_event_loop()),
}


def make(name: str, at: Place) -> Contender:
    return MAKERS[name](name, at)


def versions() -> str:
    packages = ["asyncpg", "psycopg", "psycopg2-binary", "uvloop", "SQLAlchemy"]
    said = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    said.insert(0, f"libdsql {importlib.metadata.version('aurora-dsql-sqlalchemy')}")
    return f"{', '.join(said)}; libpq {psycopg.pq.version()}; {ssl.OPENSSL_VERSION}"
