# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A user's program, read by mypy --strict and never run: what each public function gives.

`./dev test` checks it against the installed packages. A comment that ignores an error is a test,
too: it is reported where there is no such error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import datetime
from typing import Any, Literal

import libdsql
import libdsql.aio
import libdsql.local
from aurora_dsql_sqlalchemy import (
    __version__,
    create_async_dsql_engine,
    create_dsql_engine,
    is_retryable,
    jobs,
)
from aurora_dsql_sqlalchemy.bulk import (
    BulkError,
    BulkReport,
    Part,
    Progress,
    bulk_delete,
    bulk_insert,
    bulk_update,
    forget,
    pandas_insert,
)
from aurora_dsql_sqlalchemy.ddl import ValidateConstraint
from aurora_dsql_sqlalchemy.testing import local_url
from aurora_dsql_sqlalchemy.transactions import (
    CommitOutcomeUnknown,
    Retry,
    RetrySettings,
    outcome_of,
    run_transaction,
    transactional,
)
from sqlalchemy import (
    URL,
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Identity,
    Index,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    select,
    text,
)
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from typing_extensions import assert_type


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "owner"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class OurSession(Session):
    pass


assert_type(__version__, str)
assert_type(is_retryable("40001"), bool)

engine = assert_type(
    create_dsql_engine(
        "local",
        user="app",
        driver="psycopg2",
        connect_args={"region": "us-east-1", "token_duration_secs": 60},
        foreign_keys=True,
        retries=RetrySettings(attempts=2),
        savepoints="outer",
        wait_for_jobs=60,
        pool_pre_ping=True,
    ),
    Engine,
)
aengine = assert_type(create_async_dsql_engine("local", driver="asyncpg"), AsyncEngine)
create_dsql_engine(host=5432)  # type: ignore[arg-type]
factory = sessionmaker(engine, class_=OurSession)
afactory = async_sessionmaker(aengine)


# Transactions


def count(connection: Connection) -> int:
    return connection.execute(select(Owner.id)).scalars().one()


def names(session: OurSession) -> list[str]:
    return list(session.scalars(select(Owner.name)))


async def acount(connection: AsyncConnection) -> int:
    return (await connection.execute(select(Owner.id))).scalars().one()


async def anames(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(Owner.name)))


assert_type(run_transaction(engine, count), int)
assert_type(run_transaction(factory, names, attempts=3, deadline=None, on_retry=print), list[str])
assert_type(run_transaction(factory, lambda session: session.get(Owner, 1)), Owner | None)
coroutine = assert_type(run_transaction(aengine, acount), Coroutine[Any, Any, int])
run_transaction(aengine, acount)  # type: ignore[unused-coroutine]
run_transaction(factory, names, attemts=3)  # type: ignore[call-overload]
run_transaction(factory, count)  # type: ignore[arg-type]
coroutine = run_transaction(aengine, count)  # type: ignore[arg-type]


@transactional(factory, attempts=3)
def rename(session: OurSession, key: int, *, name: str) -> bool:
    owner = session.get(Owner, key)
    return owner is not None and owner.name == name


@transactional(engine, RetrySettings(deadline=5.0))
def touch(connection: Connection) -> None:
    connection.execute(text("UPDATE owner SET name = name"))


@transactional(afactory)
async def arename(session: AsyncSession, key: int) -> Owner | None:
    return await session.get(Owner, key)


@transactional(aengine)  # type: ignore[arg-type]
def not_awaited(connection: AsyncConnection) -> int:
    return 1


assert_type(rename(1, name="Anna"), bool)
touch()
rename("one", name="Anna")  # type: ignore[arg-type]


async def main() -> None:
    async with aengine.connect() as connection:
        assert_type(await run_transaction(connection, acount), int)
        assert_type(await connection.run_sync(jobs.wait, timeout=60), list[jobs.Job])
    assert_type(await run_transaction(afactory, anames), list[str])
    assert_type(await arename(1), Owner | None)
    async with libdsql.aio.connect("local") as driver:
        cursor = await driver.execute("SELECT $1", [1])
        assert_type(await cursor.fetchone(), tuple[Any, ...] | None)


def on_retry(told: Retry) -> None:
    assert_type(told.attempt, int)
    assert_type(told.wait, float)
    assert_type(told.error, BaseException)
    assert_type(outcome_of(told.error), Literal["failed", "retry", "unknown"])


try:
    run_transaction(engine, count, RetrySettings(on_retry=on_retry))
except CommitOutcomeUnknown as unknown:
    assert_type(unknown.__cause__, BaseException | None)


# Many rows


def rows() -> Iterator[dict[str, object]]:
    yield {"name": "Anna"}


def progress(now: Progress) -> None:
    assert_type(now.done, int)
    assert_type(now.total, int | None)
    assert_type(now.rate, float)


report = assert_type(bulk_insert(engine, Owner, rows(), job="x", progress=progress), BulkReport)
assert_type(bulk_update(engine, Owner, [{"id": 1, "name": "Ben"}], parallel=2), BulkReport)
assert_type(bulk_delete(engine, Owner.metadata.tables["owner"], [1, (2,), {"id": 3}]), BulkReport)
assert_type(report.committed, int)
assert_type(report.parts, list[Part])
bulk_insert(engine, Owner, rows(), on_error="ignore")  # type: ignore[call-overload]
bulk_insert(engine, Owner, rows(), batchsize=10)  # type: ignore[call-overload]
try:
    forget(engine, "x")
except BulkError as error:
    assert_type(error.report, BulkReport)


async def arows() -> AsyncIterator[dict[str, object]]:
    yield {"name": "Anna"}


async def many() -> None:
    assert_type(await bulk_insert(aengine, Owner, arows(), parallel=2), BulkReport)
    assert_type(await bulk_update(aengine, Owner, [{"id": 1, "name": "Ben"}]), BulkReport)
    assert_type(await bulk_delete(aengine, Owner, [1]), BulkReport)
    await forget(aengine, "x")
    bulk_insert(aengine, Owner, [])  # type: ignore[unused-coroutine]
    bulk_insert(engine, Owner, arows())  # type: ignore[call-overload]


with engine.connect() as one:
    assert_type(pandas_insert(object(), one, ["n"], [[1]], parallel=2), int)


# DDL and jobs

table = Table(
    "visit",
    MetaData(),
    Column("id", String(26), Identity(always=True, cache=1), primary_key=True),
    Column("day", String(10)),
    UniqueConstraint("day", name="once", auroradsql_using_index="visit_day"),
)
Index("visit_day", table.c.day, unique=True, auroradsql_include=["id"], auroradsql_where=text("1"))
ValidateConstraint(CheckConstraint("1 > 0", name="c"))
found = assert_type(jobs.list_jobs(engine), list[jobs.Job])
assert_type(jobs.wait(engine, [found[0].id], timeout=None, progress=print), list[jobs.Job])
assert_type(found[0].started, datetime | None)
assert_type(found[0].finished, bool)
try:
    table.create(engine)
except jobs.JobTimeoutError as late:
    assert_type(late.jobs, list[jobs.Job])
except jobs.JobError as failed:
    assert_type(failed.jobs, list[jobs.Job])


# A local endpoint, and the driver

with libdsql.local.ephemeral("--rtt", "20") as endpoint:
    assert_type(endpoint, libdsql.local.LocalEndpoint)
    url = assert_type(local_url(endpoint, "psycopg"), URL)
    assert_type(create_engine(url), Engine)
    assert_type(create_async_engine(url), AsyncEngine)
with libdsql.connect("local", application_name="typed") as plain:
    assert_type(plain.execute("SELECT $1", [1]).fetchall(), list[tuple[Any, ...]])
