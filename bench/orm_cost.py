# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What SQLAlchemy's ORM costs on each driver: 50,000 objects of nine attributes, loaded."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import json
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import contenders
import libdsql.local
import measure
import psycopg
import replay
import workloads
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from endpoint_cost import running, through
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

ROUNDS = 5
LOADED = 50_000
NAMES = ["libdsql", "psycopg", "psycopg2", "libdsql, async", "asyncpg, async"]
LABEL = "ORM load of 50,000 objects"
LOCAL, BARE = "dsql-local", "bare server"


class Base(DeclarativeBase):
    pass


class Mixed(Base):
    __tablename__ = "mixed"

    id: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int]
    t: Mapped[str]
    v: Mapped[str | None]
    u: Mapped[uuid.UUID]
    at: Mapped[datetime.datetime]
    amount: Mapped[decimal.Decimal]
    ok: Mapped[bool]
    ratio: Mapped[float]


QUERY = select(Mixed).where(Mixed.id <= LOADED)


def arguments(driver: str, endpoint: libdsql.local.LocalEndpoint) -> dict[str, Any]:
    places = {"port": endpoint.port, "credentials_file": endpoint.credentials}
    return {
        "host": "localhost",
        "user": "admin",
        "driver": driver,
        "sslrootcert": endpoint.ca,
        "connect_args": {**places, "region": endpoint.region, "profile": "default"},
    }


class Loader:
    """An engine; each load is a session of its own."""

    def __init__(self, driver: str, endpoint: libdsql.local.LocalEndpoint) -> None:
        self._engine = create_dsql_engine(**arguments(driver, endpoint))

    def load(self) -> list[Mixed]:
        with Session(self._engine) as session:
            objects = list(session.scalars(QUERY))
        assert len(objects) == LOADED
        return objects

    def connect(self) -> None:
        self._engine.connect().close()

    def close(self) -> None:
        self._engine.dispose()


class AsyncLoader:
    """The same under asyncio."""

    def __init__(self, driver: str, endpoint: libdsql.local.LocalEndpoint) -> None:
        self._loop = asyncio.new_event_loop()
        self._engine = create_async_dsql_engine(**arguments(driver, endpoint))

    def load(self) -> list[Mixed]:
        async def load() -> list[Mixed]:
            async with AsyncSession(self._engine) as session:
                return list(await session.scalars(QUERY))

        objects = self._loop.run_until_complete(load())
        assert len(objects) == LOADED
        return objects

    def connect(self) -> None:
        async def connect() -> None:
            async with self._engine.connect():
                pass

        self._loop.run_until_complete(connect())

    def close(self) -> None:
        self._loop.run_until_complete(self._engine.dispose())
        self._loop.close()


def make(name: str, endpoint: libdsql.local.LocalEndpoint) -> Loader | AsyncLoader:
    driver, _, manner = name.partition(", ")
    return AsyncLoader(driver, endpoint) if manner else Loader(driver, endpoint)


def measured(server: str, endpoint: libdsql.local.LocalEndpoint) -> dict[str, measure.Samples]:
    loaders = {name: make(name, endpoint) for name in NAMES}
    try:
        acts: dict[str, measure.Act] = {name: loader.load for name, loader in loaders.items()}
        return measure.alternate(acts, ROUNDS, 1, f"orm on {server}")
    finally:
        for loader in loaders.values():
            loader.close()


def record(endpoint: libdsql.local.LocalEndpoint) -> None:
    for name in NAMES:
        loader = make(name, endpoint)
        for _ in range(contenders.Psycopg.settled):
            loader.load()
        loader.close()


def memory_of(name: str, endpoint: libdsql.local.LocalEndpoint) -> int:
    said = subprocess.run(
        [sys.executable, __file__, "--memory", name],
        input=json.dumps(endpoint),
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return int(said)


def memory_child(name: str) -> None:
    loader = make(name, libdsql.local.LocalEndpoint(*json.load(sys.stdin)))
    loader.connect()
    print(measure.peak_growth(loader.load))
    loader.close()


def collect() -> tuple[dict[str, measure.Samples], dict[str, measure.Samples], dict[str, int]]:
    with running("--connection-rate", "0") as (endpoint, _, _):
        with psycopg.connect(autocommit=True, **through(endpoint)) as connection:  # type: ignore[arg-type]
            workloads.fill(connection, LOADED)
        local = measured(LOCAL, endpoint)
        memory = {name: memory_of(name, endpoint) for name in NAMES}
        with tempfile.TemporaryDirectory() as folder:
            tape = Path(folder) / "tape"
            with replay.recorded(endpoint, tape) as recorder:
                record(recorder)
            with replay.replayed(endpoint, tape) as player:
                return local, measured(BARE, player), memory


def row(
    name: str,
    sides: tuple[dict[str, measure.Samples], dict[str, measure.Samples]],
    memory: dict[str, int],
) -> str:
    cells = [name]
    for side in sides:
        spent, base = side[name], side["libdsql"]
        cells.append(f"{measure.seconds(spent.median)} ({measure.seconds(spent.minimum)})")
        cells.append(f"{spent.median / base.median:.2f}")
    cells += [measure.seconds(min(sides[1][name].cpu)), f"{memory[name] / 1e6:,.1f} MB"]
    return "| " + " | ".join(cells) + " |"


def run() -> str:
    local, bare, memory = collect()
    ratios = [side["libdsql"].median / side["psycopg"].median for side in (local, bare)]
    said = [f"{ratio:.2f}, {'met' if ratio <= 0.72 else 'missed'}" for ratio in ratios]
    return "\n".join(
        [
            "## SQLAlchemy's ORM on the drivers",
            "",
            f"{LABEL} of nine attributes, a new session each time: median (minimum) of {ROUNDS} "
            "rounds as above. "
            f"Budget 0.72 × psycopg: {said[0]} through dsql-local, {said[1]} from the bare "
            "server. `./dev bench orm` makes this table.",
            "",
            f"| driver | {LOCAL} | ratio | {BARE} | ratio | processor time | memory |",
            "|---" * 7 + "|",
            *(row(name, (local, bare), memory) for name in NAMES),
        ]
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        memory_child(sys.argv[2])
    else:
        print(run())
