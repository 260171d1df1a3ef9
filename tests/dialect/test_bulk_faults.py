# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Bulk under faults, counted: nothing is lost, nothing is applied twice, reports are true."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from aurora_dsql_sqlalchemy.bulk import (
    BulkError,
    BulkReport,
    bulk_delete,
    bulk_insert,
    bulk_update,
    forget,
)
from aurora_dsql_sqlalchemy.transactions import RetrySettings, run_repeatable
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, select
from support import wait_for

ROWS = 400
BATCH = 20
# All statements of a batch have to succeed in one try, and most drivers send one for each row.
FAULTS = "occ=0.1,oc001=0.003,drop=0.008,unavailable=0.15"
SETTINGS = RetrySettings(attempts=40, first_wait=0.002, max_wait=0.02)

METADATA = MetaData()
KEYED = Table(
    "keyed",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("n", Integer),
)
KEYLESS = Table("keyless", METADATA, Column("n", Integer))


@dataclass
class Endpoints:
    """An endpoint with one data directory, with and without faults."""

    start: Callable[..., Any]
    data: str
    program: Any = None
    engines: list[Engine] = field(default_factory=list)

    def restart(self, *options: str) -> None:
        for engine in self.engines:
            engine.dispose()
        if self.program is not None:
            self.program.stop()
        self.program = self.start("--data", self.data, "--connection-rate", "0", *options)

    def arguments(self, driver: str) -> dict[str, Any]:
        place = self.program.endpoint
        return {
            "host": "localhost",
            "driver": driver,
            "sslrootcert": place.ca,
            "connect_args": {
                "hostaddr": "127.0.0.1",
                "port": place.port,
                "credentials_file": place.credentials,
            },
        }

    def engine(self, driver: str = "libdsql") -> Engine:
        self.engines.append(create_dsql_engine(**self.arguments(driver)))
        return self.engines[-1]


@pytest.fixture
def endpoints(start: Callable[..., Any], place: Path) -> Iterator[Endpoints]:
    made = Endpoints(start, str(place / "data"))
    made.restart()
    METADATA.create_all(made.engine())
    yield made
    for engine in made.engines:
        engine.dispose()


Call = Callable[..., BulkReport]


def report_of(call: Callable[[], BulkReport]) -> BulkReport:
    try:
        return call()
    except BulkError as error:
        return error.report


def numbers(report: BulkReport, outcome: str) -> set[int]:
    return {
        number
        for part in report.parts
        if part.outcome == outcome
        for number in range(part.first, part.first + part.rows)
    }


def check(report: BulkReport, true: set[int], rows: int = ROWS) -> None:
    """A report against the numbers of the rows for which it is true that they were committed."""
    assert numbers(report, "committed") | numbers(report, "skipped") <= true, "rows were lost"
    assert not numbers(report, "failed") & true, "rows that failed were written"
    told = report.committed + report.skipped + report.failed + report.unknown
    assert told == rows == sum(part.rows for part in report.parts)


def stored(engine: Engine, table: Table) -> list[tuple[Any, ...]]:
    def read(connection: Connection) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(select(table))]

    return run_repeatable(engine, read, SETTINGS)


def work_through(endpoints: Endpoints, seed: int, do: Call, rows: int = ROWS) -> list[BulkReport]:
    """Inserts, updates, deletes by keys; then inserts without keys, as jobs."""

    def faulty(function: Any, table: Table, given: Any, **options: Any) -> BulkReport:
        options = {**options, "batch_rows": BATCH, "settings": SETTINGS, "on_error": "continue"}
        report = report_of(lambda: do(function, table, given, **options))
        reports.append(report)
        return report

    reports: list[BulkReport] = []
    endpoints.restart("--inject", f"{FAULTS},seed={seed}")
    engine = endpoints.engine()
    made = [{"id": i, "n": 0} for i in range(rows)]
    report = faulty(bulk_insert, KEYED, made)
    there = {key for key, _ in stored(engine, KEYED)}
    check(report, there, rows)
    # By their keys, all of it is settled.
    assert report.unknown == report.failed == 0 and there == set(range(rows))
    report = faulty(bulk_update, KEYED, [{"id": i, "n": i + 1} for i in range(rows)])
    now = {key for key, n in stored(engine, KEYED) if n == key + 1}
    check(report, now, rows)
    assert report.failed == 0, [part.error for part in report.parts if part.error]
    report = faulty(bulk_update, KEYED, [{"id": i, "n": -i - 1} for i in range(rows)], job="u")
    now = {key for key, n in stored(engine, KEYED) if n == -key - 1}
    check(report, now, rows)
    assert report.committed == rows
    report = faulty(bulk_delete, KEYED, range(rows // 2))
    gone = set(range(rows)) - {key for key, _ in stored(engine, KEYED)}
    check(report, gone, rows // 2)
    assert report.committed == rows // 2 == len(gone)
    report = faulty(bulk_insert, KEYLESS, [{"n": i} for i in range(rows)], job="k")
    times = Counter(n for (n,) in stored(engine, KEYLESS))
    assert report.committed == rows and times == Counter(range(rows))
    retries = sum(found.retries for found in reports)
    assert retries > 3
    return reports


@pytest.mark.parametrize(
    ("driver", "parallel"), [("libdsql", 1), ("libdsql", 3), ("psycopg", 3), ("psycopg2", 3)]
)
def test_faults_lose_nothing_and_apply_nothing_twice(
    endpoints: Endpoints, driver: str, parallel: int
) -> None:
    def do(function: Any, table: Table, given: Any, **options: Any) -> BulkReport:
        engine = endpoints.engine(driver)
        return function(engine, table, given, parallel=parallel, **options)  # type: ignore[no-any-return]

    work_through(endpoints, 20 + parallel, do)


@pytest.mark.parametrize("driver", ["libdsql", "psycopg", "asyncpg"])
def test_faults_with_asyncio_lose_nothing_and_apply_nothing_twice(
    endpoints: Endpoints, driver: str
) -> None:
    async def rows(given: Any) -> AsyncIterator[Any]:
        for row in given:
            yield row

    async def main(function: Any, table: Table, given: Any, **options: Any) -> BulkReport:
        engine = create_async_dsql_engine(**endpoints.arguments(driver))
        try:
            report: BulkReport = await function(engine, table, rows(given), parallel=3, **options)
            return report
        finally:
            await engine.dispose()

    work_through(endpoints, 30, lambda *args, **options: asyncio.run(main(*args, **options)))


PROGRAM = """
import json, sys
from aurora_dsql_sqlalchemy import create_dsql_engine
from aurora_dsql_sqlalchemy.bulk import bulk_insert
from sqlalchemy import Column, Integer, MetaData, Table

arguments, rows, parallel = json.loads(sys.argv[1])
table = Table("keyless", MetaData(), Column("n", Integer))
print("begins", flush=True)
report = bulk_insert(
    create_dsql_engine(**arguments),
    table,
    ({"n": i} for i in range(rows)),
    batch_rows=10,
    parallel=parallel,
    job="killed",
    progress=lambda now: print(now.done, flush=True),
)
print(report.committed, report.skipped, flush=True)
"""


def test_killed_program_goes_on_where_it_stopped(endpoints: Endpoints) -> None:
    def program(parallel: int) -> subprocess.Popen[str]:
        given = json.dumps([endpoints.arguments("libdsql"), ROWS, parallel])
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, given], stdout=subprocess.PIPE, text=True
        )

    engine = endpoints.engine()
    for kill in range(4):
        before = len(stored(engine, KEYLESS))
        running = program(1 + kill % 3)
        wait_for(lambda then=before, p=running: len(stored(engine, KEYLESS)) > then or p.poll())
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert running.returncode == -signal.SIGKILL
    there = len(stored(engine, KEYLESS))
    assert 0 < there < ROWS
    last, _ = program(2).communicate(timeout=60)
    assert last.splitlines()[-1] == f"{ROWS - there} {there}"
    assert Counter(n for (n,) in stored(engine, KEYLESS)) == Counter(range(ROWS))
    forget(engine, "killed")
