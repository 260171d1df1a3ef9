# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What PEP 249 asks for by name, and the errors that programs know from psycopg."""

from __future__ import annotations

import datetime
import pickle
import time

import libdsql
import pytest


def test_module_globals():
    assert libdsql.apilevel == "2.0"
    assert libdsql.threadsafety == 2
    assert libdsql.paramstyle == "numeric_dollar"
    assert all(hasattr(libdsql, name) for name in libdsql.__all__)


def test_exceptions_are_the_tree_of_the_pep():
    assert issubclass(libdsql.Warning, Exception)
    assert issubclass(libdsql.InterfaceError, libdsql.Error)
    for name in ("Data", "Operational", "Integrity", "Internal", "Programming", "NotSupported"):
        assert issubclass(getattr(libdsql, f"{name}Error"), libdsql.DatabaseError)


def test_exceptions_are_attributes_of_connections(connect_driver):
    connection = connect_driver()
    for name in ("Warning", "Error", "InterfaceError", "DatabaseError", "DataError"):
        assert getattr(connection, name) is getattr(libdsql, name)
    for name in ("Operational", "Integrity", "Internal", "Programming", "NotSupported"):
        assert getattr(connection, f"{name}Error") is getattr(libdsql, f"{name}Error")


def test_constructors():
    ticks = 1_000_000_000
    assert libdsql.Date(2000, 1, 2) == datetime.date(2000, 1, 2)
    assert libdsql.Time(3, 4, 5) == datetime.time(3, 4, 5)
    assert libdsql.Timestamp(2000, 1, 2, 3) == datetime.datetime(2000, 1, 2, 3)
    assert libdsql.Binary(b"a") == b"a"
    local = time.localtime(ticks)
    assert libdsql.DateFromTicks(ticks) == datetime.date(*local[:3])
    assert libdsql.TimeFromTicks(ticks) == datetime.time(*local[3:6])
    assert libdsql.TimestampFromTicks(ticks) == datetime.datetime(*local[:6])


def test_type_objects_equal_the_codes_of_columns(connect_driver):
    cursor = connect_driver().execute(
        "SELECT 'a', 'a'::bytea, 1, 1.5, 2::float8, now(), current_date, 1::oid"
    )
    kinds = [column.type_code for column in cursor.description]
    number, datetime_ = libdsql.NUMBER, libdsql.DATETIME
    wanted = [libdsql.STRING, libdsql.BINARY, number, number, number, datetime_, datetime_]
    assert kinds == [*wanted, libdsql.ROWID]
    assert kinds[0] != libdsql.BINARY
    assert libdsql.STRING != libdsql.BINARY
    assert len({libdsql.STRING, libdsql.BINARY, libdsql.STRING}) == 2
    assert repr(libdsql.STRING) == "libdsql.STRING"


def test_sizes_need_not_be_told(connect_driver):
    cursor = connect_driver().cursor()
    assert cursor.setinputsizes([10, None]) is None
    assert cursor.setoutputsize(100) is None
    assert cursor.setoutputsize(100, 1) is None


def test_what_there_is_not():
    assert not hasattr(libdsql.Cursor, "callproc")
    assert not hasattr(libdsql.Cursor, "nextset")
    assert not hasattr(libdsql.Cursor, "lastrowid")
    for kind in (libdsql.Cursor, libdsql.Connection):
        with pytest.raises(TypeError):
            kind()


# Errors


@pytest.mark.parametrize(
    ("sql", "sqlstate", "kind"),
    [
        ("SELECT 1 / 0", "22012", libdsql.DataError),
        ("SELECT nothing", "42703", libdsql.ProgrammingError),
        ("SELEC", "42601", libdsql.ProgrammingError),
        ("SELECT * FROM nowhere", "42P01", libdsql.ProgrammingError),
        ("CREATE TEMP TABLE t (a int)", "0A000", libdsql.NotSupportedError),
        ("SELECT (SELECT 1 UNION SELECT 2)", "21000", libdsql.ProgrammingError),
        ("FETCH c", "0A000", libdsql.NotSupportedError),
    ],
)
def test_sqlstate_decides_the_class(connect_driver, sql, sqlstate, kind):
    with pytest.raises(libdsql.Error) as caught:
        connect_driver().execute(sql)
    assert (type(caught.value), caught.value.sqlstate) == (kind, sqlstate)


def test_error_tells_all_that_the_server_said(connect_driver):
    connection = connect_driver(autocommit=True)
    connection.execute("DROP TABLE IF EXISTS pep_test")
    connection.execute("CREATE TABLE pep_test (id int PRIMARY KEY)")
    connection.execute("INSERT INTO pep_test VALUES (1)")
    with pytest.raises(libdsql.IntegrityError) as caught:
        connection.execute("INSERT INTO pep_test VALUES ($1)", [1])
    error = caught.value
    message = 'duplicate key value violates unique constraint "pep_test_pkey"'
    detail = "Key (id)=(1) already exists."
    assert str(error) == f"{message}\nDETAIL: {detail}"
    assert error.sqlstate == error.pgcode == error.diag.sqlstate == "23505"
    assert error.code == "DSQL_E_SERVER"
    assert error.pgerror == f"ERROR:  {message}"
    assert (error.diag.severity, error.diag.message_primary) == ("ERROR", message)
    assert (error.diag.message_detail, error.diag.message_hint) == (detail, None)
    assert (error.diag.table_name, error.diag.constraint_name) == ("pep_test", "pep_test_pkey")


def test_error_says_where_in_the_statement(connect_driver):
    with pytest.raises(libdsql.ProgrammingError) as caught:
        connect_driver().execute("SELECT a, nothing FROM (SELECT 1 AS a) t")
    assert caught.value.diag.statement_position == "11"


def test_errors_that_are_not_the_servers_have_the_same_attributes():
    error = libdsql.OperationalError("mine")
    assert (error.code, error.sqlstate, error.pgcode, error.pgerror) == ("", None, None, None)
    assert set(error.diag) == {None}


def test_errors_can_be_pickled(connect_driver):
    with pytest.raises(libdsql.DataError) as caught:
        connect_driver().execute("SELECT 1 / 0")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is libdsql.DataError
    assert (str(again), again.sqlstate, again.diag) == (
        "division by zero",
        "22012",
        caught.value.diag,
    )
