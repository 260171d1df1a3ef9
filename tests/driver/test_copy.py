# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""COPY in and out, with the user's data and the user's mistakes."""

from __future__ import annotations

import io

import libdsql
import pytest


@pytest.fixture
def connection(connect_driver):
    return connect_driver(autocommit=True)


@pytest.fixture
def cursor(connection):
    connection.execute("DROP TABLE IF EXISTS copy_test")
    connection.execute("CREATE TABLE copy_test (id int, name text)")
    return connection.cursor()


IN = "COPY copy_test FROM STDIN"


def stored(cursor: libdsql.Cursor) -> list:
    return cursor.connection.execute("SELECT * FROM copy_test ORDER BY id").fetchall()


@pytest.mark.parametrize(
    "data",
    [
        b"1\ta\n2\tb\n",
        bytearray(b"1\ta\n2\tb\n"),
        memoryview(b"1\ta\n2\tb\n"),
        memoryview(b"1.\t.a.\n.2.\t.b.\n.")[::2],
        [b"1\ta", b"\n2\t", b"", b"b\n"],
        (line for line in [b"1\ta\n", bytearray(b"2\tb\n")]),
        io.BytesIO(b"1\ta\n2\tb\n"),
        "1\ta\n2\tb\n",
        ["1\ta\n", b"2\tb\n"],
        io.StringIO("1\ta\n2\tb\n"),
    ],
    ids=[
        *("bytes", "bytearray", "memoryview", "strided", "list", "generator", "file"),
        *("str", "mixed", "text-file"),
    ],
)
def test_data_of_every_kind(cursor, data):
    assert cursor.copy_in(IN, data) is None
    assert (cursor.rowcount, cursor.statusmessage) == (2, "COPY 2")
    assert stored(cursor) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("data", [b"", [], iter(()), io.BytesIO()])
def test_no_data(cursor, data):
    cursor.copy_in(IN, data)
    assert cursor.rowcount == 0


def test_text_is_utf8(cursor):
    cursor.copy_in(IN, "1\t\u00fc\u20ac\n")
    assert stored(cursor) == [(1, "\u00fc\u20ac")]
    with pytest.raises(UnicodeEncodeError):
        cursor.copy_in(IN, ["2\t\ud800\n"])
    assert len(stored(cursor)) == 1


def test_much_data(cursor):
    text = b"x" * 99_990
    cursor.copy_in(IN, (b"%d\t%s\n" % (number, text) for number in range(90)))
    assert cursor.rowcount == 90
    pieces: list[bytes] = []
    cursor.copy_out("COPY copy_test TO STDOUT", pieces.append)
    assert sum(map(len, pieces)) == sum(len(b"%d" % n) + 2 + len(text) for n in range(90))
    assert cursor.rowcount == 90
    cursor.connection.execute("DELETE FROM copy_test")
    cursor.copy_in(IN, b"".join(pieces))
    assert cursor.rowcount == 90


def test_within_a_transaction(connect_driver, cursor):
    connection = connect_driver()
    connection.cursor().copy_in(IN, b"1\ta\n")
    assert connection.transaction_status == "intrans"
    connection.rollback()
    assert stored(cursor) == []


def fails():
    yield b"1\ta\n"
    raise KeyError("mine")


@pytest.mark.parametrize(
    ("data", "error"), [(fails(), KeyError), ([b"1\ta\n", None], TypeError), ([5], TypeError)]
)
def test_users_mistake_ends_the_copy(cursor, data, error):
    with pytest.raises(error):
        cursor.copy_in(IN, data)
    assert stored(cursor) == []


@pytest.mark.parametrize("data", [5, None, object()])
def test_what_is_no_data(cursor, data):
    with pytest.raises(TypeError):
        cursor.copy_in(IN, data)
    assert stored(cursor) == []


def test_servers_error_ends_the_copy(cursor):
    taken = []

    def lines():
        for number in range(100_000):
            taken.append(number)
            yield b"wrong\n" if number == 5 else b"%d\t%s\n" % (number, b"x" * 1000)

    with pytest.raises(libdsql.DataError):
        cursor.copy_in(IN, lines())
    assert len(taken) < 100_000
    assert stored(cursor) == []


@pytest.mark.parametrize(
    "sql", ["COPY nowhere FROM STDIN", "COPY copy_test FROM STDIN WITH nothing"]
)
def test_statement_that_fails_takes_no_data(cursor, sql):
    source = iter([b"1\ta\n"])
    with pytest.raises(libdsql.ProgrammingError):
        cursor.copy_in(sql, source)
    assert next(source) == b"1\ta\n"


def test_writer_that_fails(cursor):
    def write(data):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        cursor.copy_out("COPY (SELECT generate_series(1, 100000)) TO STDOUT", write)
    assert cursor.execute("SELECT 5").fetchone() == (5,)
    with pytest.raises(libdsql.ProgrammingError, match="function"):
        cursor.copy_out("COPY copy_test TO STDOUT", [])


def test_user_code_that_uses_the_same_connection(cursor):
    def write(data):
        cursor.execute("SELECT 1")

    with pytest.raises(libdsql.ProgrammingError, match="under way"):
        cursor.copy_out("COPY (SELECT 1) TO STDOUT", write)
    assert cursor.execute("SELECT 5").fetchone() == (5,)


@pytest.mark.parametrize("sql", ["SELECT 1", "", "COPY (SELECT 1) TO STDOUT"])
def test_copy_in_of_what_copies_nothing_in(cursor, sql):
    with pytest.raises(libdsql.ProgrammingError):
        cursor.copy_in(sql, [b"1\ta\n"])
    assert cursor.execute("SELECT 5").fetchone() == (5,)


@pytest.mark.parametrize("sql", ["SELECT 1", "", IN])
def test_copy_out_of_what_copies_nothing_out(cursor, sql):
    with pytest.raises(libdsql.ProgrammingError):
        cursor.copy_out(sql, print)
    assert cursor.execute("SELECT 5").fetchone() == (5,)


@pytest.mark.parametrize("sql", [IN, "COPY (SELECT 1) TO STDOUT"])
def test_execute_does_not_copy(cursor, sql):
    with pytest.raises(libdsql.ProgrammingError, match="copy_in"):
        cursor.execute(sql)
    with pytest.raises(libdsql.ProgrammingError, match="copy_in"):
        cursor.executescript(sql)
    assert stored(cursor) == []


def test_executemany_does_not_copy(connect_driver, cursor):
    with pytest.raises(libdsql.Error):
        cursor.executemany(IN, [[], []])
    assert stored(connect_driver().cursor()) == []
