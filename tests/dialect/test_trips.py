# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Round trips of the ORM through libdsql, counted on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import libdsql.local
import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from relay import Relay
from sqlalchemy import Engine, Uuid, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support import drive_to


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "trips_item"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]


@pytest.fixture
def relay(endpoint: libdsql.local.LocalEndpoint) -> Iterator[Relay]:
    with Relay(endpoint.port) as relay:
        yield relay


@pytest.fixture
def arguments(
    endpoint: libdsql.local.LocalEndpoint, place_args: dict[str, Any], relay: Relay
) -> dict[str, Any]:
    return {
        "host": "localhost",
        "sslrootcert": endpoint.ca,
        "connect_args": {**place_args, "port": relay.port},
    }


@pytest.fixture
def engine(arguments: dict[str, Any]) -> Iterator[Engine]:
    """With a table, and a connection in its pool that knows of it."""
    engine = create_dsql_engine(**arguments, pool_pre_ping=True, pool_size=1, max_overflow=0)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(Item(id=1, name="Anna"))
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


def counted(relay: Relay, action: Callable[[], object]) -> int:
    before = relay.trips
    action()
    return relay.trips - before


def test_transaction_of_one_statement_is_two(engine: Engine, relay: Relay) -> None:
    def read() -> None:
        with Session(engine) as session, session.begin():
            assert session.scalars(select(Item)).one().name == "Anna"

    def write() -> None:
        with Session(engine) as session, session.begin():
            session.execute(text("UPDATE trips_item SET name = 'Ann' || 'a' WHERE id = 1"))

    assert [counted(relay, read) for _ in range(3)] == [2, 2, 2]
    assert [counted(relay, write) for _ in range(3)] == [2, 2, 2]


def test_many_rows_are_one_statement(engine: Engine, relay: Relay) -> None:
    def write(first: int) -> None:
        with Session(engine) as session, session.begin():
            session.add_all([Item(id=first + number, name="x") for number in range(50)])

    assert [counted(relay, lambda: write(100)), counted(relay, lambda: write(200))] == [2, 2]


def test_transaction_in_which_nothing_is_asked_is_none(engine: Engine, relay: Relay) -> None:
    def nothing() -> None:
        with engine.connect():
            pass
        with engine.begin():
            pass
        with Session(engine) as session, session.begin():
            pass

    assert counted(relay, nothing) == 0


def test_autocommit_is_one_for_each_statement(engine: Engine, relay: Relay) -> None:
    automatic = engine.execution_options(isolation_level="AUTOCOMMIT")

    def read() -> None:
        with automatic.connect() as connection:
            assert connection.execute(select(Item.name)).scalar_one() == "Anna"

    assert [counted(relay, read), counted(relay, read)] == [1, 1]


def test_first_connection_of_an_engine_costs_one_more_than_the_drivers(
    endpoint: libdsql.local.LocalEndpoint, arguments: dict[str, Any], relay: Relay
) -> None:
    # None is closed meanwhile: a farewell would count as well.
    opened: list[Any] = []
    driver = counted(relay, lambda: opened.append(drive_to(endpoint, port=relay.port)))
    engine = create_dsql_engine(**arguments)
    first = counted(relay, lambda: opened.append(engine.connect()))
    later = counted(relay, lambda: opened.append(engine.connect()))
    for connection in opened:
        connection.close()
    engine.dispose()
    assert (first, later) == (driver + 1, driver)


def test_asyncio_costs_the_same(
    endpoint: libdsql.local.LocalEndpoint,
    arguments: dict[str, Any],
    engine: Engine,
    relay: Relay,
) -> None:
    async def main() -> tuple[int, list[int], int]:
        asynchronous = create_async_dsql_engine(**arguments, pool_pre_ping=True)
        before = relay.trips
        async with asynchronous.connect():
            pass
        first = relay.trips - before
        costs = []
        for _ in range(3):
            before = relay.trips
            async with AsyncSession(asynchronous) as session, session.begin():
                assert (await session.scalars(select(Item))).one().name == "Anna"
            costs.append(relay.trips - before)
        before = relay.trips
        async with asynchronous.begin():
            pass
        nothing = relay.trips - before
        await asynchronous.dispose()
        return first, costs, nothing

    opened: list[Any] = []
    driver = counted(relay, lambda: opened.append(drive_to(endpoint, port=relay.port)))
    assert asyncio.run(main()) == (driver + 1, [2, 2, 2], 0)
    opened[0].close()


class Owner(Base):
    __tablename__ = "trips_owner"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=text("gen_random_uuid()"))
    name: Mapped[str]


@pytest.mark.parametrize("driver", ["libdsql", "psycopg", "psycopg2", "asyncpg"])
def test_many_objects_with_keys_of_the_server_are_few_trips(
    arguments: dict[str, Any], engine: Engine, relay: Relay, driver: str
) -> None:
    def write(session: Session) -> None:
        session.add_all([Owner(name=f"owner {i}") for i in range(2000)])
        session.flush()

    async def main() -> int:
        asynchronous = create_async_dsql_engine(**arguments, driver=driver)
        async with AsyncSession(asynchronous) as session:
            await session.scalars(select(Owner))
            before = relay.trips
            await session.run_sync(write)
            spent = relay.trips - before
        await asynchronous.dispose()
        return spent

    if driver == "asyncpg":
        trips = asyncio.run(main())
    else:
        blocking = create_dsql_engine(**arguments, driver=driver)
        with Session(blocking) as session:
            session.scalars(select(Owner)).all()
            trips = counted(relay, lambda: write(session))
        blocking.dispose()
    assert trips <= 4
