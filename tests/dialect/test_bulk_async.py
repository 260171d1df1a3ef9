# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Bulk with asyncio: engines, connections, async generators, tasks, cancellation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import libdsql.local
import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine
from aurora_dsql_sqlalchemy.bulk import (
    BulkError,
    BulkReport,
    bulk_delete,
    bulk_insert,
    bulk_update,
    forget,
    pandas_insert,
)
from aurora_dsql_sqlalchemy.progress import Progress
from sqlalchemy import Column, Integer, MetaData, String, Table, event, func, select, text
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine

Work = Callable[[AsyncEngine], Awaitable[Any]]
ITEMS = Table(
    "bulk_async",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(50)),
)


@pytest.fixture(params=["libdsql", "psycopg", "asyncpg"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(
    endpoint: libdsql.local.LocalEndpoint, place_args: dict[str, Any], driver: str
) -> Callable[[Work], Any]:
    """Runs something with an engine, and with the table, which is empty."""

    async def main(work: Work) -> Any:
        engine = create_async_dsql_engine(
            "localhost", driver=driver, sslrootcert=endpoint.ca, connect_args=place_args
        )
        try:
            async with engine.connect() as connection:
                await connection.run_sync(ITEMS.drop, checkfirst=True)
                await connection.run_sync(ITEMS.create)
            return await work(engine)
        finally:
            async with engine.connect() as connection:
                await connection.run_sync(ITEMS.drop)
            await engine.dispose()

    return lambda work: asyncio.run(main(work))


async def count(engine: AsyncEngine, *conditions: Any) -> int:
    async with engine.connect() as connection:
        query = select(func.count()).select_from(ITEMS).where(*conditions)
        return int((await connection.execute(query)).scalar_one())


async def rows(first: int, last: int) -> AsyncIterator[dict[str, Any]]:
    for i in range(first, last):
        if i % 1000 == 0:
            await asyncio.sleep(0)
        yield {"id": i, "name": f"item {i}"}


def plain(first: int, last: int) -> list[dict[str, Any]]:
    return [{"id": i, "name": f"item {i}"} for i in range(first, last)]


def test_many_rows_are_inserted_updated_and_deleted(run: Callable[[Work], Any]) -> None:
    async def work(engine: AsyncEngine) -> None:
        told: list[Progress] = []
        report = await bulk_insert(engine, ITEMS, rows(0, 6000), parallel=3, progress=told.append)
        assert [(part.first, part.rows) for part in report.parts] == [
            (0, 2500),
            (2500, 2500),
            (5000, 1000),
        ]
        assert (str(report), told[-1].done, told[-1].total) == ("6,000 committed", 6000, None)
        changes = [{"id": i, "name": "changed"} for i in range(3000)]
        assert (await bulk_update(engine, ITEMS, changes)).committed == 3000
        assert await count(engine, ITEMS.c.name == "changed") == 3000
        gone = (row["id"] for row in changes)
        assert (await bulk_delete(engine, ITEMS, gone, parallel=2)).committed == 3000
        async with engine.connect() as connection:
            report = await bulk_insert(connection, ITEMS, plain(0, 30), batch_rows=10)
            assert report.committed == 30
            with pytest.raises(ArgumentError, match="one transaction at a time"):
                bulk_insert(connection, ITEMS, [], parallel=2)
            await connection.execute(select(1))
            with pytest.raises(InvalidRequestError, match="in no transaction"):
                bulk_insert(connection, ITEMS, [])
        assert await count(engine) == 3030

    run(work)


def test_batches_run_at_once_in_the_callers_thread(run: Callable[[Work], Any]) -> None:
    async def work(engine: AsyncEngine) -> tuple[int, set[threading.Thread]]:
        connections: set[Any] = set()
        threads: set[threading.Thread] = set()

        def note(connection: Any) -> None:
            connections.add(connection.connection.dbapi_connection)
            threads.add(threading.current_thread())

        event.listen(engine.sync_engine, "begin", note)
        await bulk_insert(engine, ITEMS, plain(0, 90), batch_rows=10, parallel=3)
        return len(connections), threads

    assert run(work) == (3, {threading.main_thread()})


@pytest.mark.parametrize("parallel", [1, 3])
def test_rows_that_raise_and_rows_that_are_refused_are_reported(
    run: Callable[[Work], Any], parallel: int
) -> None:
    async def broken() -> AsyncIterator[dict[str, Any]]:
        async for row in rows(0, 25):
            yield row
        raise ValueError("line 26 is not a number")

    async def work(engine: AsyncEngine) -> None:
        with pytest.raises(BulkError, match="25 committed; row 25: line 26 is not a number"):
            await bulk_insert(engine, ITEMS, broken(), batch_rows=10, parallel=parallel)
        with pytest.raises(BulkError) as caught:
            await bulk_insert(
                engine,
                ITEMS,
                plain(20, 80),
                batch_rows=10,
                parallel=parallel,
                on_error="continue",
            )
        assert str(caught.value.report) == "50 committed, 10 failed"
        assert await count(engine) == 75

    run(work)


def test_cancelled_job_goes_on_where_it_stopped(run: Callable[[Work], Any], driver: str) -> None:
    job = f"cancelled {driver}"

    async def work(engine: AsyncEngine) -> None:
        some = asyncio.Event()

        def told(now: Progress) -> None:
            if now.done >= 60:
                some.set()

        report = BulkReport()
        task = asyncio.ensure_future(
            bulk_insert(
                engine,
                ITEMS,
                plain(0, 2000),
                batch_rows=10,
                parallel=3,
                job=job,
                progress=told,
                report=report,
            )
        )
        await some.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        there = await count(engine)
        assert 60 <= report.committed <= there <= report.committed + report.unknown < 2000
        again = await bulk_insert(engine, ITEMS, rows(0, 2000), batch_rows=500, job=job)
        assert (again.skipped, again.committed) == (there, 2000 - there)
        assert await count(engine) == 2000
        await forget(engine, job)
        again = await bulk_delete(engine, ITEMS, range(2000), job=job)
        assert (again.skipped, again.committed) == (0, 2000)
        await forget(engine, job)

    run(work)


def test_frame_of_pandas_goes_in_below_an_async_engine(run: Callable[[Work], Any]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": range(3100), "name": "x"})

    async def work(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            written = await connection.run_sync(
                lambda below: frame.to_sql(
                    "bulk_async", below, if_exists="append", index=False, method=pandas_insert
                )
            )
        assert written == await count(engine) == 3100
        with pytest.raises(ArgumentError, match="give the AsyncEngine itself"):
            bulk_insert(engine.sync_engine, ITEMS, [], parallel=2)
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1

    run(work)
