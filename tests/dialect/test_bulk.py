# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""More rows than a transaction holds: batches, the ledger, progress, reports, pandas."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aurora_dsql_sqlalchemy import progress
from aurora_dsql_sqlalchemy.batches import Batch, Cutter, Part, Sizes, batches
from aurora_dsql_sqlalchemy.bulk import (
    BulkError,
    BulkReport,
    bulk_delete,
    bulk_insert,
    bulk_update,
    forget,
)
from aurora_dsql_sqlalchemy.bulk_rows import Target
from aurora_dsql_sqlalchemy.progress import Bar, Progress, line
from sqlalchemy import (
    Column,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    event,
    func,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, IntegrityError

MakeEngine = Callable[..., Engine]


@pytest.fixture
def items(engine: Engine) -> Iterator[Table]:
    metadata = MetaData()
    table = Table(
        "bulk_items",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(50)),
        Column("body", Text),
    )
    metadata.drop_all(engine)
    metadata.create_all(engine)
    yield table
    metadata.drop_all(engine)


def rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"id": first + i, "name": f"item {i}", "body": None} for i in range(count)]


def count(engine: Engine, table: Table, *conditions: Any) -> int:
    with engine.connect() as connection:
        query = select(func.count()).select_from(table).where(*conditions)
        return int(connection.execute(query).scalar_one())


class Commits:
    """Counts the transactions that an engine commits."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "commit", self.note)

    def note(self, connection: Any) -> None:
        self.count += 1


# Batches


def test_rows_are_cut_by_number_and_by_bytes() -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("b", Text))
    small = [{"id": i, "b": ""} for i in range(7)]
    assert [len(b.rows) for b in batches(Cutter(table, 3, 10**6), small)] == [3, 3, 1]
    large = [{"id": i, "b": "x" * 400} for i in range(5)]
    assert [(b.first, len(b.rows)) for b in batches(Cutter(table, 99, 1000), large)] == [
        (0, 2),
        (2, 2),
        (4, 1),
    ]
    assert list(batches(Cutter(table, 3, 10), [])) == []
    huge = [{"id": 1, "b": "x" * 5000}]
    assert len(list(batches(Cutter(table, 3, 1000), huge))) == 1


def test_index_entries_count_too() -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("b", Text))
    row = {"id": 1, "b": "x" * 1000}
    without = Sizes(table)(row)
    Index("i", table.c.b)
    assert Sizes(table)(row) > without + 1000
    assert Sizes(table)({"id": 1, "b": "é" * 1000}) > 4000


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ([(0, 4)], ["-0+4", "4+3", "7+3"]),
        ([(3, 3)], ["0+3", "-3+3", "6+3", "9+1"]),
        ([(2, 2), (4, 2), (9, 1)], ["0+2", "-2+4", "6+3", "-9+1"]),
        ([(0, 10)], ["-0+10"]),
        ([(8, 9)], ["0+3", "3+3", "6+2", "-8+2"]),
        ([(20, 5)], ["0+3", "3+3", "6+3", "9+1"]),
    ],
)
def test_rows_that_are_done_are_passed_over(
    done: list[tuple[int, int]], expected: list[str]
) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True))
    found = []
    for piece in batches(Cutter(table, 3, 10**6, done), [{"id": i} for i in range(10)]):
        if isinstance(piece, Part):
            found.append(f"-{piece.first}+{piece.rows}")
        else:
            assert piece.rows[0]["id"] == piece.first
            found.append(f"{piece.first}+{len(piece.rows)}")
    assert found == expected


# The three


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("kind", ["list", "generator"])
def test_many_rows_are_inserted_updated_and_deleted(
    engine: Engine, items: Table, parallel: int, kind: str
) -> None:
    def given(made: list[Any]) -> Any:
        return made if kind == "list" else iter(made)

    commits = Commits(engine)
    report = bulk_insert(engine, items, given(rows(7000)), parallel=parallel)
    assert (report.committed, report.failed, report.unknown) == (7000, 0, 0)
    assert [(part.first, part.rows) for part in report.parts] == [
        (0, 2500),
        (2500, 2500),
        (5000, 2000),
    ]
    assert commits.count == 3
    assert str(report) == "7,000 committed"
    assert count(engine, items) == 7000
    changes = [{"id": i, "name": "changed"} for i in range(3500)]
    assert bulk_update(engine, items, given(changes), parallel=parallel).committed == 3500
    assert count(engine, items, items.c.name == "changed") == 3500
    assert bulk_delete(engine, items, given(list(range(6000))), parallel=parallel).committed == 6000
    assert count(engine, items) == 1000


def test_keys_of_several_columns_and_ways_to_give_them(engine: Engine) -> None:
    metadata = MetaData()
    table = Table(
        "bulk_pairs",
        metadata,
        Column("a", Integer, primary_key=True, autoincrement=False),
        Column("b", String(10), primary_key=True),
        Column("n", Integer),
    )
    metadata.drop_all(engine)
    metadata.create_all(engine)
    bulk_insert(engine, table, [{"a": i, "b": str(i), "n": 0} for i in range(20)])
    bulk_update(engine, table, [{"a": i, "b": str(i), "n": 1} for i in range(10)])
    assert count(engine, table, table.c.n == 1) == 10
    bulk_delete(engine, table, [(i, str(i)) for i in range(5)])
    bulk_delete(engine, table, [{"a": 5, "b": "5", "n": 7}])
    assert count(engine, table) == 14
    for wrong in (1, (1,), (1, "1", 1)):
        with pytest.raises(BulkError, match="no key of bulk_pairs, which has 2 columns \\(a, b\\)"):
            bulk_delete(engine, table, [wrong])
    with pytest.raises(BulkError, match="row 1: rows need their keys: b is missing"):
        bulk_update(engine, table, [{"a": 1, "b": "1", "n": 1}, {"a": 1, "n": 1}])
    with pytest.raises(BulkError, match="has no new value"):
        bulk_update(engine, table, [{"a": 1, "b": "1"}])
    metadata.drop_all(engine)


def test_batch_that_is_too_large_in_truth_is_cut_in_two(engine: Engine, items: Table) -> None:
    body = "x" * 9000
    large = [{"id": i, "name": None, "body": body} for i in range(1500)]
    report = bulk_insert(engine, items, large, batch_bytes=10**9)
    assert report.committed == 1500
    assert [part.rows for part in report.parts] == [750, 750]
    assert count(engine, items) == 1500


def test_row_that_is_refused_stops_and_the_report_says_where(engine: Engine, items: Table) -> None:
    bulk_insert(engine, items, rows(1, first=35))
    with pytest.raises(BulkError) as caught:
        bulk_insert(engine, items, rows(100), batch_rows=10)
    report = caught.value.report
    assert (report.committed, report.failed) == (30, 10)
    assert [part.first for part in report.parts if part.outcome == "failed"] == [30]
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert str(caught.value).startswith(
        "not all rows were committed: 30 committed, 10 failed; rows 30 to 39: "
    )
    assert "duplicate key value" in str(caught.value)
    assert count(engine, items) == 31


@pytest.mark.parametrize("parallel", [1, 3])
def test_other_batches_go_on_when_asked_to(engine: Engine, items: Table, parallel: int) -> None:
    bulk_insert(engine, items, rows(1, first=35))
    with pytest.raises(BulkError) as caught:
        bulk_insert(engine, items, rows(100), batch_rows=10, on_error="continue", parallel=parallel)
    assert (caught.value.report.committed, caught.value.report.failed) == (90, 10)
    assert count(engine, items) == 91


def test_options_that_cannot_be_right_are_refused(engine: Engine, items: Table) -> None:
    wrong: list[Any] = [{"batch_rows": 3001}, {"parallel": 0}, {"on_error": "ignore"}]
    for options in [*wrong, {"batch_rows": 3000, "job": "full"}]:
        with pytest.raises(ArgumentError):
            bulk_insert(engine, items, rows(1), **options)
    with pytest.raises(ArgumentError, match="Table or a mapped class"):
        bulk_insert(engine, "bulk_items", rows(1))  # type: ignore[arg-type]
    keyless = Table("keyless", MetaData(), Column("n", Integer))
    with pytest.raises(ArgumentError, match="no primary key"):
        bulk_delete(engine, keyless, [1])


# Jobs


def test_job_goes_on_where_it_was_interrupted(engine: Engine, items: Table) -> None:
    def interrupted() -> Iterator[dict[str, Any]]:
        yield from rows(250)
        raise KeyboardInterrupt

    job = f"job {uuid.uuid4()}"
    told = BulkReport()
    with pytest.raises(KeyboardInterrupt):
        bulk_insert(engine, items, interrupted(), batch_rows=100, job=job, report=told)
    assert (count(engine, items), str(told)) == (200, "200 committed")
    report = bulk_insert(engine, items, rows(400), batch_rows=70, job=job)
    assert (report.skipped, report.committed) == (200, 200)
    assert count(engine, items) == 400
    assert bulk_insert(engine, items, rows(400), job=job).skipped == 400
    assert str(bulk_insert(engine, items, rows(400), job=job)) == "400 skipped"
    # A job may have several parts: one for each table and verb.
    assert bulk_delete(engine, items, range(400), batch_rows=100, job=job).committed == 400
    assert bulk_insert(engine, items, rows(400), job=job).skipped == 400
    forget(engine, job)
    assert bulk_insert(engine, items, rows(400), job=job).committed == 400
    forget(engine, job)


def test_update_that_is_no_repetition_is_made_once_by_its_job(engine: Engine, items: Table) -> None:
    bulk_insert(engine, items, rows(30))
    job = f"job {uuid.uuid4()}"
    changes = [{"id": i, "name": "changed"} for i in range(30)]
    bulk_update(engine, items, changes[:20], batch_rows=10, job=job)
    bulk_update(engine, items, [{"id": i, "name": "other"} for i in range(20)])
    report = bulk_update(engine, items, changes, batch_rows=10, job=job)
    assert (report.skipped, report.committed) == (20, 10)
    assert count(engine, items, items.c.name == "other") == 20
    forget(engine, job)


# Progress


def test_function_is_told_of_progress(engine: Engine, items: Table) -> None:
    told: list[Progress] = []
    bulk_insert(engine, items, rows(250), batch_rows=100, progress=told.append)
    assert [(now.done, now.total) for now in told] == [(100, 250), (200, 250), (250, 250)]
    told.clear()
    bulk_insert(
        engine, items, iter(rows(250, 250)), batch_rows=100, progress=told.append, total=300
    )
    assert [(now.done, now.total) for now in told] == [(100, 300), (200, 300), (250, 300)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_is_drawn_on_a_terminal_only(
    engine: Engine, items: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, file = Terminal(), io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    bulk_insert(engine, items, rows(10))
    bulk_insert(engine, items, rows(10, 10), progress=False)
    monkeypatch.setattr(progress.sys, "stderr", file)
    bulk_insert(engine, items, rows(10, 20))
    drawn = terminal.getvalue()
    assert drawn.startswith("\rinsert bulk_items: 100%|████████████████████| 10/10 [")
    assert drawn.count("100%") == 1 and drawn.endswith("\n")
    assert file.getvalue() == ""


def test_line_says_share_rows_times_and_rate() -> None:
    assert line("insert t", Progress(4500, 10_000, 3.0)) == (
        "insert t:  45%|█████████           | 4,500/10,000 [00:03<00:04, 1,500 rows/s]"
    )
    assert line("insert t", Progress(1, 40, 1.0)).startswith("insert t:   2%|▌ ")
    assert line("insert t", Progress(500, None, 3700)) == "insert t: 500 [1:01:40, 0 rows/s]"
    assert line("insert t", Progress(0, 10, 0.0)).endswith("0/10 [00:00<?, 0 rows/s]")


def test_bar_is_not_drawn_for_each_batch() -> None:
    stream = io.StringIO()
    bar = Bar("x", stream)
    for done in range(100):
        bar(Progress(done, 100, done / 1000))
    bar(Progress(100, 100, 0.1001))
    assert stream.getvalue().count("\r") == 2


# Keys


def test_keys_that_the_server_would_make_are_made_here() -> None:
    table = Table(
        "t",
        MetaData(),
        Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
        Column("part", Uuid, primary_key=True, default=uuid.uuid4),
        Column("n", Integer),
    )
    target = Target(table)
    found = [target.new_row({"n": 1}), target.new_row({"n": 2, "id": uuid.UUID(int=1)})]
    assert all(set(row) == {"id", "part", "n"} for row in found)
    assert found[1]["id"] == uuid.UUID(int=1)
    assert len({row["part"] for row in found}) == 2
    assert Batch(0, found).halves()[1] == Batch(1, found[1:])
