# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of every kind in bulk: what they are made of, how large they are, how they end."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aurora_dsql_sqlalchemy.bulk import (
    BulkError,
    BulkReport,
    bulk_delete,
    bulk_insert,
    bulk_update,
    forget,
)
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    func,
    select,
)
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MakeEngine = Callable[..., Engine]
Make = Callable[..., Table]


@pytest.fixture(params=["libdsql"])
def driver(request: pytest.FixtureRequest) -> str:
    """What is looked at here is the same for all."""
    return str(request.param)


@pytest.fixture
def make(engine: Engine) -> Iterator[Make]:
    """Makes a table with a key and these columns."""
    metadata = MetaData()

    def maker(*columns: Any, key: Any = None) -> Table:
        first = Column("id", Integer, primary_key=True, autoincrement=False) if key is None else key
        table = Table(f"bulk_rows_{len(metadata.tables)}", metadata, first, *columns)
        table.drop(engine, checkfirst=True)
        table.create(engine)
        return table

    yield maker
    metadata.drop_all(engine)


def stored(engine: Engine, table: Table) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(table.c[0]))]


def number(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


# Kinds


@dataclasses.dataclass
class Point:
    id: int
    n: int


def test_rows_may_be_dictionaries_named_tuples_and_dataclass_objects(
    engine: Engine, make: Make
) -> None:
    table = make(Column("n", Integer, server_default="7"))
    named = namedtuple("named", ["id", "n"])
    with engine.connect() as connection:
        selected = connection.execute(select(table.c.id, table.c.n)).all()
    rows = [{"id": 1, "n": 1}, named(2, 2), Point(3, 3), {"id": 4}, {"id": 5, "n": None}, *selected]
    assert bulk_insert(engine, table, rows).committed == 5
    expected = [(1, 1), (2, 2), (3, 3), (4, 7), (5, None)]
    assert stored(engine, table) == expected
    with pytest.raises(BulkError, match=r"row 1: \(2, 3\) is no row: give dictionaries"):
        bulk_insert(engine, table, [{"id": 9}, (2, 3)])
    with pytest.raises(BulkError, match="row 1: bulk_rows_0 has no column m"):
        bulk_insert(engine, table, [{"id": 10}, {"id": 11, "m": 3}])
    assert stored(engine, table) == [*expected, (9, 7), (10, 7)]


def test_mapped_class_has_its_own_names_and_objects(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Animal(Base):
        __tablename__ = "bulk_animal"
        id: Mapped[uuid.UUID] = mapped_column("animal_id", primary_key=True, default=uuid.uuid4)
        kind: Mapped[str]
        called: Mapped[str] = mapped_column("name")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012

    class Dog(Animal):
        __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012

    class Badge(Dog):
        __tablename__ = "bulk_badge"
        id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Animal.id), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "badge"}  # noqa: RUF012

    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    bulk_insert(engine, Dog, [{"called": "Rex"}, Dog(called="Tom")])
    bulk_insert(engine, Animal, [Animal(called="Mia", kind="cat")])
    table: Any = Animal.__table__
    found = {name: (key, kind) for key, kind, name in stored(engine, table)}
    assert {name: kind for name, (_, kind) in found.items()} == {
        "Rex": "dog",
        "Tom": "dog",
        "Mia": "cat",
    }
    bulk_update(engine, Animal, [{"id": found["Rex"][0], "called": "Max"}])
    bulk_delete(engine, Animal, [Animal(id=found["Tom"][0]), {"id": found["Mia"][0]}])
    assert [row[1:] for row in stored(engine, table)] == [("dog", "Max")]
    with pytest.raises(ArgumentError, match=r"several tables \(bulk_animal, bulk_badge\)"):
        bulk_insert(engine, Badge, [])
    Base.metadata.drop_all(engine)


def test_table_without_a_primary_key_and_one_with_an_identity_take_rows(
    engine: Engine, make: Make
) -> None:
    keyless = make(key=Column("n", Integer))
    assert bulk_insert(engine, keyless, [{"n": 1}] * 4000).committed == 4000
    assert number(engine, keyless) == 4000
    with pytest.raises(ArgumentError, match="has no primary key"):
        bulk_update(engine, keyless, [{"n": 1}])
    identity = make(
        Column("n", Integer), key=Column("id", BigInteger, Identity(), primary_key=True)
    )
    assert bulk_insert(engine, identity, [{"n": i} for i in range(4000)]).committed == 4000
    assert len({key for key, _ in stored(engine, identity)}) == 4000


def test_keys_that_columns_make_are_made_before(engine: Engine, make: Make) -> None:
    counter = iter(range(100))
    table = make(
        Column("number", Integer, primary_key=True, default=lambda: next(counter)),
        Column("twice", Integer, default=lambda context: 2 * context.current_parameters["number"]),
        key=Column("tenant", String(10), primary_key=True, default="us"),
    )
    bulk_insert(engine, table, [{}, {}, {"tenant": "them"}])
    assert stored(engine, table) == [("them", 2, 4), ("us", 0, 0), ("us", 1, 2)]


def test_key_that_comes_twice_is_an_error_of_its_batch(engine: Engine, make: Make) -> None:
    table = make(Column("n", Integer))
    rows = [{"id": i, "n": 0} for i in [0, 1, 2, 3, 4, 4, 5, 6]]
    with pytest.raises(BulkError, match=r"rows 3 to 5: .*duplicate key value"):
        bulk_insert(engine, table, rows, batch_rows=3)
    assert [key for key, _ in stored(engine, table)] == [0, 1, 2]
    # Of two changes in one batch the last holds; a delete does not mind.
    bulk_update(engine, table, [{"id": 1, "n": 1}, {"id": 1, "n": 2}, {"id": 99, "n": 3}])
    assert stored(engine, table) == [(0, 0), (1, 2), (2, 0)]
    assert bulk_delete(engine, table, [1, 1, 99]).committed == 3
    assert number(engine, table) == 2


# Sizes


@pytest.mark.parametrize("driver", ["libdsql", "psycopg", "psycopg2"], indirect=True)
def test_wide_rows_and_their_index_entries_fit(engine: Engine, make: Make) -> None:
    table = make(
        Column("body", LargeBinary),
        Column("words", Text),
        Column("key1", String(900)),
        Column("key2", String(900)),
    )
    Index("bulk_wide", table.c.key1, auroradsql_include=["key2"]).create(engine)
    wide = [
        {"id": i, "body": b"\xff\\'" * 100_000, "words": "'\\é" * 100_000, "key1": "x", "key2": "y"}
        for i in range(18)
    ]
    report = bulk_insert(engine, table, wide)
    assert (report.committed, report.retries) == (18, 0)
    assert len(report.parts) > 2
    narrow = [
        {"id": 100 + i, "body": None, "words": None, "key1": f"{i:0900}", "key2": "z" * 900}
        for i in range(2500)
    ]
    assert bulk_insert(engine, table, narrow).committed == 2500
    assert number(engine, table) == 2518
    changes = [{"id": i, "words": "'" * 900_000} for i in range(12)]
    assert bulk_update(engine, table, changes).committed == 12
    assert bulk_delete(engine, table, range(18)).committed == 18


def test_row_that_is_too_large_is_named_and_the_others_go_in(engine: Engine, make: Make) -> None:
    table = make(Column("body", Text), UniqueConstraint("body"))
    rows = [{"id": i, "body": f"{i}"} for i in range(40)]
    rows[17]["body"] = "x" * 1_100_000
    rows[29]["body"] = "x" * 6_000_000
    with pytest.raises(BulkError) as caught:
        bulk_insert(engine, table, rows, on_error="continue")
    report = caught.value.report
    assert (report.committed, report.failed) == (38, 2)
    failed = {part.first: str(part.error) for part in report.parts if part.outcome == "failed"}
    assert "size" in failed[17]
    assert failed[29].startswith("row 29 has about 11.4 MiB: a row of Aurora DSQL holds 2 MiB")
    assert "; row 17: " in str(caught.value)
    assert number(engine, table) == 38


def test_rows_that_cascade_beyond_the_limit_are_cut_until_they_fit(make_engine: MakeEngine) -> None:
    engine = make_engine(foreign_keys=True)
    metadata = MetaData()
    parents = Table("bulk_parent", metadata, Column("id", Integer, primary_key=True))
    children = Table(
        "bulk_child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("parent", ForeignKey(parents.c.id, ondelete="CASCADE")),
    )
    metadata.drop_all(engine)
    metadata.create_all(engine)
    bulk_insert(engine, parents, [{"id": i} for i in range(1000)])
    bulk_insert(engine, children, [{"id": i, "parent": i % 1000} for i in range(5000)])
    report = bulk_delete(engine, parents, range(1000))
    assert [part.rows for part in report.parts] == [500, 500]
    assert (number(engine, parents), number(engine, children)) == (0, 0)
    metadata.drop_all(engine)


# Ends


@pytest.mark.parametrize("parallel", [1, 2])
def test_rows_that_raise_are_reported_with_what_was_committed(
    engine: Engine, make: Make, parallel: int
) -> None:
    table = make(Column("n", Integer))

    def rows() -> Iterator[dict[str, int]]:
        for i in range(25):
            yield {"id": i, "n": i}
        raise ValueError("line 26 is not a number")

    with pytest.raises(BulkError) as caught:
        bulk_insert(engine, table, rows(), batch_rows=10, parallel=parallel, on_error="continue")
    assert isinstance(caught.value.__cause__, ValueError)
    assert str(caught.value) == (
        "not all rows were committed: 25 committed; row 25: line 26 is not a number"
    )
    assert number(engine, table) == 25


def test_rows_that_raise_at_a_boundary_are_an_error_too(engine: Engine, make: Make) -> None:
    table = make(Column("n", Integer))
    with pytest.raises(BulkError, match="no rows; row 0: integer division"):
        bulk_insert(engine, table, ({"id": 1 // i} for i in range(3)))
    rows = ({"id": i, "n": 1 // (20 - i)} for i in range(30))
    with pytest.raises(BulkError, match="20 committed; row 20: integer division"):
        bulk_insert(engine, table, rows, batch_rows=20)
    assert number(engine, table) == 20


@pytest.mark.parametrize("parallel", [1, 2])
def test_report_is_right_after_an_interruption(engine: Engine, make: Make, parallel: int) -> None:
    table = make(Column("n", Integer))
    report = BulkReport()

    def rows() -> Iterator[dict[str, int]]:
        for i in range(25):
            yield {"id": i, "n": i}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bulk_insert(engine, table, rows(), batch_rows=10, parallel=parallel, report=report)
    assert [(part.first, part.rows, part.outcome) for part in report.parts] == [
        (0, 10, "committed"),
        (10, 10, "committed"),
    ]
    assert number(engine, table) == 20


def test_progress_is_told_in_the_callers_thread(engine: Engine, make: Make) -> None:
    table = make(Column("n", Integer))
    threads = set()
    bulk_insert(
        engine,
        table,
        [{"id": i} for i in range(40)],
        batch_rows=10,
        parallel=3,
        progress=lambda now: threads.add(threading.current_thread()),
    )
    assert threads == {threading.current_thread()}


def test_two_runs_of_one_job_at_once_write_each_row_once(engine: Engine, make: Make) -> None:
    table = make(key=Column("n", Integer))
    reports = []

    def run() -> None:
        rows = [{"n": i} for i in range(300)]
        reports.append(bulk_insert(engine, table, rows, batch_rows=10, job="at once"))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.committed for report in reports) == 300
    assert sum(report.skipped for report in reports) == 600
    assert sorted(n for (n,) in stored(engine, table)) == list(range(300))
    forget(engine, "at once")


# Connections


def test_connection_may_be_given_unless_it_is_in_a_transaction(engine: Engine, make: Make) -> None:
    table = make(Column("n", Integer))
    with engine.connect() as connection:
        bulk_insert(connection, table, [{"id": i} for i in range(30)], batch_rows=10, job="own")
        forget(connection, "own")
        assert not connection.in_transaction()
        with pytest.raises(ArgumentError, match="one transaction at a time"):
            bulk_insert(connection, table, [], parallel=2)
        connection.execute(select(1))
        with pytest.raises(InvalidRequestError, match="in no transaction"):
            bulk_insert(connection, table, [])
    with pytest.raises(ArgumentError, match="not sqlite"):
        bulk_insert(create_engine("sqlite://"), table, [])
    with pytest.raises(ArgumentError, match="give an engine"):
        bulk_insert("local", table, [])  # type: ignore[call-overload]
    assert number(engine, table) == 30
