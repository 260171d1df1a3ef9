# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""DataFrame.to_sql() with pandas_insert, under the rules of Aurora DSQL."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aurora_dsql_sqlalchemy.bulk import BulkError, forget, pandas_insert
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import ArgumentError

pandas = pytest.importorskip("pandas")

MakeEngine = Callable[..., Engine]


@pytest.fixture
def ask(engine: Engine) -> Iterator[Callable[[str], Any]]:
    """Rows of a query; the frame's table is dropped before and after."""

    def asker(query: str) -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def drop() -> None:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("DROP TABLE IF EXISTS bulk_frame"))

    drop()
    yield asker
    drop()


def test_frame_is_replaced_appended_to_and_refused(engine: Engine, ask: Any) -> None:
    frame = pandas.DataFrame({"n": range(6000), "name": [f"row {i}" for i in range(6000)]})
    method = functools.partial(pandas_insert, parallel=2)
    for _ in range(2):
        written = frame.to_sql(
            "bulk_frame", engine, if_exists="replace", index=False, method=method
        )
        assert written == 6000
    assert ask("SELECT count(*), sum(n) FROM bulk_frame") == [(6000, sum(range(6000)))]
    options: dict[str, Any] = {"if_exists": "append", "index": False, "method": method}
    assert frame[:10].to_sql("bulk_frame", engine, chunksize=4, **options) == 10
    assert ask("SELECT count(*) FROM bulk_frame") == [(6010,)]
    with pytest.raises(ValueError, match="already exists"):
        frame.to_sql("bulk_frame", engine, method=method)
    with engine.connect() as connection:
        assert frame[:10].to_sql("bulk_frame", connection, **options) == 10


def test_transaction_of_pandas_does_not_grow_old_meanwhile(engine: Engine, ask: Any) -> None:
    def rows_and_ddl(*arguments: Any) -> int:
        written = pandas_insert(*arguments)
        assert ask("SELECT count(*) FROM bulk_frame") == [(2,)]
        other = engine.execution_options(isolation_level="AUTOCOMMIT")
        with other.connect() as connection:
            connection.execute(text("COMMENT ON TABLE bulk_frame IS 'OC001 for everybody else'"))
        return written

    frame = pandas.DataFrame({"n": [1, 2]})
    assert frame.to_sql("bulk_frame", engine, index=False, method=rows_and_ddl) == 2


def test_missing_values_and_times_come_through(engine: Engine, ask: Any) -> None:
    zoned = pandas.Series(
        [pandas.Timestamp("2026-11-25 12:00", tz="Europe/Lisbon"), pandas.NaT, pandas.NaT]
    )
    frame = pandas.DataFrame(
        {
            "n": pandas.array([1, None, 3], dtype="Int64"),
            "ratio": [0.5, float("nan"), 1e300],
            "name": ["a", None, "\u00e9"],
            "at": [pandas.Timestamp("2026-01-02 03:04:05.678901"), pandas.NaT, pandas.NaT],
            "zoned": zoned,
            "ok": [True, False, True],
        }
    )
    frame.to_sql("bulk_frame", engine, index=False, method=pandas_insert)
    assert ask(
        "SELECT n, ratio, name, at::text, (zoned AT TIME ZONE 'UTC')::text, ok FROM bulk_frame "
        "ORDER BY name NULLS LAST"
    ) == [
        (1, 0.5, "a", "2026-01-02 03:04:05.678901", "2026-11-25 12:00:00", True),
        (3, 1e300, "\u00e9", None, None, True),
        (None, None, None, None, None, False),
    ]
    again = pandas.read_sql("SELECT * FROM bulk_frame ORDER BY name NULLS LAST", engine)
    assert again["name"].tolist()[:2] == ["a", "\u00e9"]


def test_index_of_a_frame_becomes_an_index_that_is_built_in_the_background(
    engine: Engine, ask: Any
) -> None:
    statements: list[str] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda c, cursor, statement, *rest: statements.append(statement),
    )
    frame = pandas.DataFrame({"n": range(3100)}, index=pandas.Index(range(3100), name="place"))
    frame.to_sql("bulk_frame", engine, method=pandas_insert)
    assert [s for s in statements if "INDEX" in s] == [
        "CREATE INDEX ASYNC ix_bulk_frame_place ON bulk_frame (place)"
    ]
    assert ask("SELECT count(*), max(place) FROM bulk_frame") == [(3100, 3099)]


def test_job_of_a_frame_is_resumed_and_chunks_are_refused(engine: Engine, ask: Any) -> None:
    frame = pandas.DataFrame({"n": range(3000)})
    job = f"frame {engine.driver}"
    method = functools.partial(pandas_insert, job=job, batch_rows=1000)
    options: dict[str, Any] = {"if_exists": "append", "index": False, "method": method}
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bulk_frame (n bigint PRIMARY KEY)"))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO bulk_frame VALUES (2500)"))
    with pytest.raises(BulkError, match="2,000 committed, 1,000 failed; rows 2,000 to 2,999"):
        frame.to_sql("bulk_frame", engine, **options)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM bulk_frame"))
        connection.execute(text("INSERT INTO bulk_frame VALUES (-1)"))
    with pytest.raises(ArgumentError, match="leave chunksize out"):
        frame.to_sql("bulk_frame", engine, chunksize=1000, **options)
    assert frame.to_sql("bulk_frame", engine, **options) == 1000
    assert ask("SELECT count(*), min(n), max(n) FROM bulk_frame") == [(1001, -1, 2999)]
    forget(engine, job)
