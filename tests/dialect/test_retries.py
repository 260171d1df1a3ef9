# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""run_transaction() under faults, counted: nothing is lost and nothing is applied twice."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from aurora_dsql_sqlalchemy.transactions import (
    CommitOutcomeUnknown,
    RetrySettings,
    outcome_of,
    run_transaction,
)
from sqlalchemy import Connection, Engine, Integer, Uuid, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

WORKERS = 4
ROUNDS = 15


class Base(DeclarativeBase):
    pass


class Counted(Base):
    __tablename__ = "counted"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    n: Mapped[int]


class Done(Base):
    __tablename__ = "done"
    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    counter: Mapped[int]


class Outcomes:
    """What the program was told about each piece of work, by its id."""

    def __init__(self) -> None:
        self.told: dict[uuid.UUID, str] = {}

    @contextmanager
    def of(self, key: uuid.UUID) -> Iterator[None]:
        """Around the work whose id this is."""
        try:
            yield
            self.told[key] = "committed"
        except CommitOutcomeUnknown:
            self.told[key] = "unknown"
        except DBAPIError as error:
            assert outcome_of(error) == "retry", error
            self.told[key] = "failed"

    def check(self, engine: Engine) -> None:
        """Against what is in the database, read through an endpoint without faults."""
        with engine.connect() as connection:
            present = set(connection.execute(select(Done.id)).scalars())
            total = connection.execute(select(func.sum(Counted.n))).scalar_one()
        committed = {key for key, said in self.told.items() if said == "committed"}
        failed = {key for key, said in self.told.items() if said == "failed"}
        assert len(self.told) == WORKERS * ROUNDS
        assert committed <= present, "a transaction was lost"
        assert not failed & present, "a transaction that failed was applied"
        assert present <= set(self.told)
        assert total == len(present), "a transaction was applied twice, or half"
        assert committed


SETTINGS = RetrySettings(attempts=40, first_wait=0.002, max_wait=0.02)
FAULTS = "occ=0.15,oc001=0.05,drop=0.02,unavailable=0.05"


@pytest.fixture
def engines(start: Callable[..., Any], driver: str) -> Iterator[Callable[..., Any]]:
    made: list[Engine] = []
    programs: list[Any] = []

    def maker(
        faults: str | None, data: str, create: Any = create_dsql_engine, **keywords: Any
    ) -> Any:
        for program in programs:
            program.stop()
        programs.append(start("--data", data, *(["--inject", faults] if faults else [])))
        place = programs[-1].endpoint
        engine = create(
            "localhost",
            sslrootcert=place.ca,
            connect_args={
                "hostaddr": "127.0.0.1",
                "port": place.port,
                "credentials_file": place.credentials,
            },
            **{"driver": driver, **keywords},
        )
        if create is create_dsql_engine:
            made.append(engine)
        return engine

    yield maker
    for engine in made:
        engine.dispose()


def prepare(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(Counted.__table__.insert(), [{"id": k, "n": 0} for k in range(3)])


def step(connection: Connection, key: uuid.UUID, counter: int) -> None:
    query = select(Counted.n).where(Counted.id == counter)
    n = connection.execute(query).scalar_one()
    connection.execute(Counted.__table__.update().where(Counted.id == counter), {"n": n + 1})
    connection.execute(Done.__table__.insert(), {"id": key, "counter": counter})


def in_threads(work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []

    def guarded(worker: int) -> None:
        try:
            work(worker)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("kind", ["engine", "session"])
def test_faults_lose_nothing_and_apply_nothing_twice(
    engines: Callable[..., Any], place: Any, kind: str
) -> None:
    data = str(place / "data")
    prepare(engines(None, data))
    outcomes = Outcomes()
    engine = engines(f"{FAULTS},seed=11", data, pool_size=WORKERS)
    factory = sessionmaker(engine)

    def in_session(session: Session, key: uuid.UUID, counter: int) -> None:
        session.get(Counted, counter).n += 1
        session.add(Done(id=key, counter=counter))

    def work(worker: int) -> None:
        for i in range(ROUNDS):
            key, counter = uuid.uuid4(), (worker + i) % 3

            with outcomes.of(key):
                if kind == "engine":
                    run_transaction(engine, lambda c, k=key, n=counter: step(c, k, n), SETTINGS)
                else:
                    run_transaction(
                        factory, lambda s, k=key, n=counter: in_session(s, k, n), SETTINGS
                    )

    in_threads(work)
    engine.dispose()
    outcomes.check(engines(None, data))


@pytest.mark.parametrize("driver", ["libdsql", "psycopg", "asyncpg"])
def test_faults_with_asyncio_lose_nothing_and_apply_nothing_twice(
    engines: Callable[..., Any], place: Any, driver: str
) -> None:
    data = str(place / "data")
    prepare(engines(None, data, driver="psycopg"))
    outcomes = Outcomes()

    async def in_session(session: AsyncSession, key: uuid.UUID, counter: int) -> None:
        (await session.get(Counted, counter)).n += 1
        session.add(Done(id=key, counter=counter))

    async def work(factory: async_sessionmaker[AsyncSession], worker: int) -> None:
        for i in range(ROUNDS):
            key, counter = uuid.uuid4(), (worker + i) % 3
            with outcomes.of(key):
                await run_transaction(
                    factory, lambda s, k=key, c=counter: in_session(s, k, c), SETTINGS
                )

    async def main() -> None:
        engine = engines(f"{FAULTS},seed=12", data, create_async_dsql_engine, pool_size=WORKERS)
        factory = async_sessionmaker(engine)
        await asyncio.gather(*(work(factory, k) for k in range(WORKERS)))
        await engine.dispose()

    asyncio.run(main())
    outcomes.check(engines(None, data, driver="psycopg"))
