# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""stream=True: rows that are read as they are fetched, and what happens beside them."""

from __future__ import annotations

import gc
import tracemalloc

import libdsql
import pytest
from relay import Relay

NUMBERS = "SELECT i FROM generate_series(1, $1::int) i"
FAILS = "SELECT 1 / (i - $1::int) FROM generate_series(1, 100000) i"


@pytest.fixture
def connection(connect_driver):
    return connect_driver()


def stream(connection, count: int = 1000) -> libdsql.Cursor:
    return connection.cursor(stream=True).execute(NUMBERS, [count])


def test_rows_come_one_by_one_in_lists_or_all(connection):
    cursor = stream(connection)
    assert (cursor.rowcount, cursor.rownumber) == (-1, 0)
    assert cursor.description[0].name == "i"
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(3) == [(2,), (3,), (4,)]
    assert next(cursor) == (5,)
    assert cursor.rownumber == 5
    rest = cursor.fetchall()
    assert (rest[0], rest[-1], len(rest)) == ((6,), (1000,), 995)
    assert (cursor.rowcount, cursor.statusmessage) == (1000, "SELECT 1000")
    assert (cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall()) == (None, [], [])


def test_iteration(connection):
    assert [number for (number,) in stream(connection, 5000)] == list(range(1, 5001))


def test_results_without_rows(connection):
    cursor = stream(connection, 0)
    assert (cursor.rowcount, cursor.fetchall()) == (0, [])
    cursor.execute("SET search_path = public")
    assert cursor.description is None


def test_rows_are_not_read_before_they_are_fetched(connect_driver, endpoint):
    with Relay(endpoint.port) as relay:
        connection = connect_driver(port=relay.port)
        cursor = connection.cursor(stream=True)
        cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 100000) i")
        cursor.fetchmany(10)
        assert relay.from_server < 50_000_000
        assert sum(1 for _ in cursor) == 99_990
        assert relay.from_server > 100_000_000


def test_memory_stays_flat(connection):
    cursor = connection.cursor(stream=True)
    tracemalloc.start()
    try:
        cursor.execute("SELECT repeat('x', 10000) FROM generate_series(1, 5000)")
        assert sum(len(text) for (text,) in cursor) == 50_000_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_another_statement_first_reads_the_rest(connection):
    first = stream(connection)
    assert first.fetchone() == (1,)
    assert connection.execute("SELECT 'other'").fetchone() == ("other",)
    second = stream(connection, 10)
    assert first.fetchone() == (2,)
    assert second.fetchone() == (1,)
    assert len(first.fetchall()) == 998
    assert (first.rowcount, first.rownumber) == (1000, 1000)
    assert len(second.fetchall()) == 9


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_end_of_the_transaction_first_reads_the_rest(connection, end):
    cursor = stream(connection)
    cursor.fetchone()
    assert connection.transaction_status == "intrans"
    getattr(connection, end)()
    assert connection.transaction_status == "idle"
    assert len(cursor.fetchall()) == 999


def test_many_and_copy_and_scripts_beside_a_stream(connection):
    other = connection.cursor()
    out = []
    for use in (
        lambda: other.executemany("SELECT $1::int", [[1], [2]]),
        lambda: other.executescript("SELECT 1"),
        lambda: other.copy_out("COPY (SELECT 1) TO STDOUT", out.append),
    ):
        cursor = stream(connection)
        cursor.fetchone()
        use()
        assert len(cursor.fetchall()) == 999
    assert out == [b"1\n"]


def test_stream_that_is_closed_or_used_anew_or_forgotten(connection):
    cursor = stream(connection, 100_000)
    cursor.fetchone()
    cursor.close()
    assert connection.execute("SELECT 5").fetchone() == (5,)
    cursor = stream(connection, 100_000)
    cursor.fetchone()
    assert cursor.execute(NUMBERS, [2]).fetchall() == [(1,), (2,)]
    cursor = stream(connection, 100_000)
    cursor.fetchone()
    del cursor
    gc.collect()
    assert connection.execute("SELECT 5").fetchone() == (5,)


def test_error_at_the_first_row_is_raised_by_execute(connection):
    cursor = connection.cursor(stream=True)
    with pytest.raises(libdsql.DataError):
        cursor.execute(FAILS, [1])
    assert cursor.description is None
    assert connection.transaction_status == "inerror"


def test_error_in_the_middle_is_raised_behind_the_rows_before_it(connection):
    cursor = connection.cursor(stream=True).execute(FAILS, [1001])
    assert sum(1 for _ in range(1000) if cursor.fetchone()) == 1000
    with pytest.raises(libdsql.DataError, match="division"):
        cursor.fetchone()
    with pytest.raises(libdsql.ProgrammingError):
        cursor.fetchone()
    assert connection.transaction_status == "inerror"


@pytest.mark.parametrize("fetch", [lambda cursor: cursor.fetchall(), list])
def test_error_in_the_middle_leaves_no_part_for_all(connection, fetch):
    cursor = connection.cursor(stream=True).execute(FAILS, [1001])
    with pytest.raises(libdsql.DataError, match="division"):
        fetch(cursor)


def test_error_of_a_rest_is_told_to_its_cursor(connection):
    cursor = connection.cursor(stream=True).execute(FAILS, [1001])
    connection.rollback()
    assert connection.execute("SELECT 5").fetchone() == (5,)
    assert len(cursor.fetchmany(1000)) == 1000
    with pytest.raises(libdsql.DataError, match="division"):
        cursor.fetchmany(1)


def test_value_that_python_has_not_in_a_rest(connection):
    cursor = connection.cursor(stream=True)
    cursor.execute(
        "SELECT CASE i WHEN 3 THEN '0044-03-15 BC'::date ELSE '2000-01-01'::date END"
        " FROM generate_series(1, 1000) i"
    )
    assert connection.execute("SELECT 5").fetchone() == (5,)
    assert cursor.fetchone() is not None
    assert cursor.fetchone() is not None
    with pytest.raises(libdsql.DataError):
        cursor.fetchone()


def test_connection_that_is_closed_cuts_the_stream(connection):
    cursor = stream(connection, 100_000)
    cursor.fetchone()
    connection.close()
    with pytest.raises(libdsql.OperationalError, match="closed"):
        cursor.fetchall()


def test_connection_that_breaks_cuts_the_stream(connect_driver, endpoint):
    with Relay(endpoint.port) as relay:
        connection = connect_driver(port=relay.port)
        cursor = connection.cursor(stream=True)
        cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
        cursor.fetchone()
        relay.cut_after(0)
        with pytest.raises(libdsql.OperationalError):
            cursor.fetchall()
        with pytest.raises(libdsql.OperationalError):
            cursor.fetchall()
        assert connection.broken


def test_json_function_that_closes_its_cursor(connection):
    cursor = connection.cursor(stream=True)
    connection.json_loads = lambda text: cursor.close()
    cursor.execute("SELECT '1'::json FROM generate_series(1, 1000)")
    assert cursor.closed
    assert connection.execute("SELECT 5").fetchone() == (5,)


def test_autocommit(connect_driver):
    connection = connect_driver(autocommit=True)
    cursor = stream(connection, 100_000)
    cursor.fetchone()
    assert connection.transaction_status == "intrans"
    with pytest.raises(libdsql.ProgrammingError):
        connection.autocommit = False
    assert len(cursor.fetchall()) == 99_999
    assert connection.transaction_status == "idle"
