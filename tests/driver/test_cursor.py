# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Cursors that hold their rows: executing, fetching, describing, many rows at once."""

from __future__ import annotations

import collections
import decimal

import libdsql
import pytest


@pytest.fixture
def connection(connect_driver):
    return connect_driver(autocommit=True)


@pytest.fixture
def table(connection):
    """A table of this test; the connection knows it."""
    connection.execute("DROP TABLE IF EXISTS cursor_test")
    connection.execute("CREATE TABLE cursor_test (id int PRIMARY KEY, name text)")
    return "cursor_test"


def numbers(connection, count: int) -> libdsql.Cursor:
    return connection.execute("SELECT i, 'r' || i FROM generate_series(1, $1::int) i", [count])


# Executing


def test_execute_gives_the_cursor(connection):
    cursor = connection.cursor()
    assert cursor.execute("SELECT 1") is cursor
    assert cursor.connection is connection


@pytest.mark.parametrize("parameters", [[1, "a"], (1, "a"), collections.UserList([1, "a"])])
def test_parameters_are_any_sequence(connection, parameters):
    assert connection.execute("SELECT $1::int, $2", parameters).fetchall() == [(1, "a")]


@pytest.mark.parametrize(
    "parameters", ["ab", b"ab", {"a": 1}, {1, 2}, 5, collections.OrderedDict()]
)
def test_what_is_no_sequence_is_refused(connection, parameters):
    with pytest.raises(libdsql.ProgrammingError, match="a list or a tuple"):
        connection.execute("SELECT $1", parameters)
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT $1", [1, 2]),
        ("SELECT $1, '$20', $", [1, 2]),
        ("SELECT 1", [None]),
        ("SELECT %s", [1]),
    ],
)
def test_too_many_parameters_are_refused(connect_driver, sql, parameters):
    connection = connect_driver()
    with pytest.raises(libdsql.ProgrammingError, match=r"no \$"):
        connection.execute(sql, parameters)
    with pytest.raises(libdsql.ProgrammingError, match=r"no \$"):
        connection.cursor().executemany(sql, [parameters])
    assert connection.transaction_status == "idle"
    assert connection.execute("SELECT $3 + $1::int, '$4'", [1, 5, 2]).fetchone() == (3, "$4")


def test_row_with_too_many_parameters_is_refused(connection, table):
    rows = [[1, "a"], [2, "b", 3]]
    with pytest.raises(libdsql.ProgrammingError, match=r"3 parameters, but no \$3"):
        connection.cursor().executemany("INSERT INTO cursor_test VALUES ($1, $2)", rows)
    assert connection.execute("SELECT count(*) FROM cursor_test").fetchone() == (0,)


def test_too_few_parameters_are_a_programming_error(connection):
    with pytest.raises(libdsql.ProgrammingError, match="supplies 1 parameters") as caught:
        connection.execute("SELECT $1::int, $2::int", [1])
    assert caught.value.sqlstate == "08P01"


def test_arguments_go_by_name(connection):
    cursor = connection.cursor()
    assert cursor.execute(sql="SELECT $1::int", parameters=[7]).fetchone() == (7,)
    for wrong in ({"sql": "SELECT 1", "more": 1}, {"parameters": []}, {}):
        with pytest.raises(TypeError):
            cursor.execute(**wrong)
    with pytest.raises(TypeError):
        cursor.execute("SELECT 1", sql="SELECT 2")


@pytest.mark.parametrize("sql", [b"SELECT 1", None, 1])
def test_sql_is_a_str(connection, sql):
    with pytest.raises(libdsql.ProgrammingError, match="str"):
        connection.execute(sql)


@pytest.mark.parametrize("sql", ["SELECT 1\0", "SELECT '\ud800'"])
def test_sql_that_cannot_be_sent_is_refused_before_anything_is(connect_driver, sql):
    connection = connect_driver()
    with pytest.raises(libdsql.Error):
        connection.execute(sql)
    assert connection.transaction_status == "idle"
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_value_that_cannot_be_encoded_sends_nothing(connect_driver):
    connection = connect_driver()
    with pytest.raises(libdsql.DataError):
        connection.execute("SELECT $1, $2", [1, object()])
    assert connection.transaction_status == "idle"
    assert connection.execute("SELECT $1::int", [3]).fetchone() == (3,)


@pytest.mark.parametrize("parameters", [[], [1]])
def test_wrong_number_of_parameters_is_the_servers_error(connection, parameters):
    with pytest.raises(libdsql.Error) as caught:
        connection.execute("SELECT $1::int, $2::int", parameters)
    assert caught.value.code == "DSQL_E_SERVER"
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_more_parameters_than_the_protocol_has_are_refused(connection):
    with pytest.raises(libdsql.ProgrammingError, match="65536 parameters"):
        connection.execute("SELECT 1", [1] * 65536)


def test_list_that_changes_while_it_is_read_is_noticed(connection):
    parameters = []

    class Changes:
        def __index__(self):
            parameters.clear()
            return 1

        __int__ = __index__

    parameters.extend([Changes(), 2, 3])
    with pytest.raises(libdsql.Error):
        connection.execute("SELECT $1, $2, $3", parameters)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_same_text_with_other_types_is_another_statement(connection):
    for value in (1, "a", 2.5, None, 1, "b"):
        assert connection.execute("SELECT $1", [value]).fetchone() == (value,)


def test_empty_statement(connection):
    cursor = connection.execute("")
    assert cursor.description is None
    assert cursor.rowcount == -1
    assert cursor.statusmessage is None


# Fetching


def test_fetchone_then_many_then_all(connection):
    cursor = numbers(connection, 10)
    assert cursor.rownumber == 0
    assert cursor.fetchone() == (1, "r1")
    assert cursor.fetchmany(3) == [(2, "r2"), (3, "r3"), (4, "r4")]
    assert cursor.rownumber == 4
    assert [row[0] for row in cursor.fetchall()] == [5, 6, 7, 8, 9, 10]
    assert cursor.rownumber == 10
    assert cursor.fetchone() is None
    assert cursor.fetchmany(5) == []
    assert cursor.fetchall() == []


def test_arraysize_is_how_many_fetchmany_gives(connection):
    cursor = numbers(connection, 10)
    assert cursor.arraysize == 1
    assert len(cursor.fetchmany()) == 1
    cursor.arraysize = 4
    assert len(cursor.fetchmany()) == 4
    assert len(cursor.fetchmany(size=2)) == 2
    assert cursor.fetchmany(0) == []
    assert len(cursor.fetchmany(None)) == 3
    with pytest.raises(libdsql.ProgrammingError):
        cursor.fetchmany(-1)


def test_iteration(connection):
    cursor = numbers(connection, 3)
    assert iter(cursor) is cursor
    assert [number for number, _ in cursor] == [1, 2, 3]
    assert list(cursor) == []


def test_list_that_was_handed_out_is_the_users(connection):
    cursor = numbers(connection, 3)
    rows = cursor.fetchall()
    rows.append("mine")
    assert cursor.fetchall() == []
    assert numbers(connection, 1).fetchall() == [(1, "r1")]


def test_statement_without_rows_has_none_to_fetch(connection, table):
    cursor = connection.execute(f"INSERT INTO {table} VALUES (1, 'a')")
    assert (cursor.description, cursor.rownumber) == (None, None)
    for fetch in (cursor.fetchone, cursor.fetchall, cursor.fetchmany, cursor.__next__):
        with pytest.raises(libdsql.ProgrammingError, match="no rows"):
            fetch()


def test_failed_statement_leaves_no_rows_of_the_one_before(connection):
    cursor = numbers(connection, 3)
    with pytest.raises(libdsql.DataError):
        cursor.execute("SELECT 1 / (3 - i) FROM generate_series(1, 5) i")
    assert cursor.description is None
    with pytest.raises(libdsql.ProgrammingError):
        cursor.fetchall()


def test_closed_cursor_does_nothing(connection):
    with numbers(connection, 3) as cursor:
        assert not cursor.closed
    assert cursor.closed
    cursor.close()
    for use in (cursor.fetchone, cursor.fetchall, lambda: cursor.execute("SELECT 1")):
        with pytest.raises(libdsql.InterfaceError, match="cursor is closed"):
            use()


# Describing


def test_description(connection):
    cursor = connection.execute(
        "SELECT 1::int AS i, 'a'::varchar(5) AS v, 1.5::numeric(7, 3) AS n, now() AS t"
    )
    integer, text, numeric, stamp = cursor.description
    assert integer == ("i", 23, None, 4, None, None, None)
    assert (text.name, text.type_code, text.internal_size) == ("v", 1043, None)
    assert (numeric.precision, numeric.scale) == (7, 3)
    assert (stamp.name, stamp.internal_size, stamp.null_ok) == ("t", 8, None)
    assert integer.type_code == libdsql.NUMBER != libdsql.STRING == text.type_code
    assert stamp.type_code == libdsql.DATETIME


def test_description_belongs_to_each_result(connection):
    first = connection.execute("SELECT 1 AS a")
    second = connection.execute("SELECT 'x' AS b, 2 AS c")
    assert [column.name for column in first.description] == ["a"]
    assert [column.name for column in second.description] == ["b", "c"]


def test_same_columns_with_other_names(connection):
    for name in ("a", "b", "ä", "a"):
        assert connection.execute(f'SELECT 1 AS "{name}"').description[0].name == name


def test_result_without_columns(connection):
    cursor = connection.execute("SELECT FROM generate_series(1, 3)")
    assert cursor.description == ()
    assert cursor.fetchall() == [(), (), ()]


def test_rowcount_and_status(connection, table):
    cursor = connection.cursor()
    assert (cursor.rowcount, cursor.statusmessage) == (-1, None)
    cursor.execute(f"INSERT INTO {table} VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    assert (cursor.rowcount, cursor.statusmessage) == (3, "INSERT 0 3")
    cursor.execute(f"UPDATE {table} SET name = 'x' WHERE id > $1", [1])
    assert (cursor.rowcount, cursor.statusmessage) == (2, "UPDATE 2")
    cursor.execute(f"SELECT * FROM {table}")
    assert (cursor.rowcount, cursor.statusmessage) == (3, "SELECT 3")
    cursor.execute(f"DELETE FROM {table} WHERE id = 9")
    assert cursor.rowcount == 0


def test_table_that_changes_under_a_prepared_statement(connection, table):
    """The plan is made again, without the program's noticing."""
    connection.execute(f"INSERT INTO {table} VALUES (1, 'a')")
    assert connection.execute(f"SELECT * FROM {table}").fetchall() == [(1, "a")]
    connection.execute(f"ALTER TABLE {table} ADD COLUMN more text")
    cursor = connection.execute(f"SELECT * FROM {table}")
    assert cursor.fetchall() == [(1, "a", None)]
    assert len(cursor.description) == 3
    connection.autocommit = False
    connection.execute(f"SELECT * FROM {table}")
    connection.rollback()
    connection.execute(f"ALTER TABLE {table} ADD COLUMN last text")
    connection.commit()
    assert connection.execute(f"SELECT * FROM {table}").fetchall() == [(1, "a", None, None)]
    assert connection.transaction_status == "intrans"


def test_more_statements_than_are_kept_prepared(connection):
    for _ in range(2):
        for number in range(250):
            row = connection.execute(f"SELECT $1::int + {number}", [1]).fetchone()
            assert row == (1 + number,)


def test_long_texts_are_not_kept(connection):
    text = "x" * 100_000
    for _ in range(3):
        assert connection.execute(f"SELECT '{text}'").fetchone() == (text,)


# Many


def test_many_rows(connection, table):
    cursor = connection.cursor()
    rows = ((number, "x" * 50) for number in range(2500))
    assert cursor.executemany(f"INSERT INTO {table} VALUES ($1, $2)", rows) is None
    assert (cursor.rowcount, cursor.statusmessage) == (2500, "INSERT 0 1")
    assert connection.execute(f"SELECT count(*), max(id) FROM {table}").fetchone() == (2500, 2499)


def test_many_rows_that_are_more_than_the_sockets_hold(connection, table):
    text = "y" * 100_000
    connection.cursor().executemany(
        f"INSERT INTO {table} VALUES ($1, $2)", ([number, text] for number in range(90))
    )
    result = connection.execute(f"SELECT count(*), min(length(name)) FROM {table}")
    assert result.fetchone() == (90, 100_000)


def test_many_answers_that_are_more_than_the_sockets_hold(connection):
    """The rows that come back are read while parameters still go out."""
    cursor = connection.cursor()
    cursor.executemany("SELECT repeat('z', $1::int)", ([100_000] for _ in range(200)))
    assert cursor.rowcount == 200
    with pytest.raises(libdsql.ProgrammingError):
        cursor.fetchone()


@pytest.mark.parametrize("rows", [[], iter(())])
def test_many_of_none(connection, rows):
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO nowhere VALUES ($1)", rows)
    assert cursor.rowcount == -1
    assert connection.transaction_status == "idle"


def test_many_rows_of_several_types(connection, table):
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table}_n (id int, value numeric)")
    connection.execute(f"DELETE FROM {table}_n")
    values = [None, 1, None, 2.5, decimal.Decimal("3.25"), 2**35, "7", None]
    connection.cursor().executemany(
        f"INSERT INTO {table}_n VALUES ($1, $2)", list(enumerate(values))
    )
    found = connection.execute(f"SELECT value FROM {table}_n ORDER BY id").fetchall()
    wanted = [None if value is None else decimal.Decimal(str(value)) for value in values]
    assert [row[0] for row in found] == wanted


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("at", [0, 1, 1999])
def test_row_that_cannot_be_encoded_stores_none(connection, table, autocommit, at):
    connection.autocommit = autocommit
    rows = [[number, "x" * 100] for number in range(2000)]
    rows[at][1] = object()
    cursor = connection.cursor()
    with pytest.raises(libdsql.DataError, match=rf"^row {at + 1} of the parameters: "):
        cursor.executemany(f"INSERT INTO {table} VALUES ($1, $2)", rows)
    connection.rollback()
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("count", [3, 2500])
def test_row_that_the_server_refuses_stores_none(connection, table, autocommit, count):
    connection.autocommit = autocommit
    rows = [[number, "x" * 100] for number in range(count)]
    rows[count // 2][0] = 0
    with pytest.raises(libdsql.IntegrityError):
        connection.cursor().executemany(f"INSERT INTO {table} VALUES ($1, $2)", rows)
    assert connection.transaction_status == ("idle" if autocommit else "inerror")
    connection.rollback()
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_iterable_that_fails_stores_none(connection, table):
    def rows():
        yield [1, "a"]
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        connection.cursor().executemany(f"INSERT INTO {table} VALUES ($1, $2)", rows())
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_iterable_that_uses_the_same_connection_is_told_so(connection, table):
    def rows():
        yield connection.execute("SELECT 1").fetchone()

    with pytest.raises(libdsql.ProgrammingError, match="under way"):
        connection.cursor().executemany(f"INSERT INTO {table} VALUES ($1, 'a')", rows())
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_many_within_a_transaction_that_autocommit_does_not_know(connection, table):
    connection.execute("BEGIN")
    connection.cursor().executemany(f"INSERT INTO {table} VALUES ($1, 'a')", [[1], [2]])
    assert connection.transaction_status == "intrans"
    connection.rollback()
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("parameters", [5, None])
def test_many_of_no_iterable(connection, parameters):
    with pytest.raises(TypeError):
        connection.cursor().executemany("SELECT $1", parameters)
    with pytest.raises(libdsql.ProgrammingError):
        connection.cursor().executemany("SELECT $1", [5])
    assert connection.execute("SELECT 1").fetchone() == (1,)


# Scripts


def test_script_runs_several_statements(connection, table):
    cursor = connection.cursor()
    assert cursor.executescript(f"INSERT INTO {table} VALUES (1, 'a'); SELECT 1") is None
    assert cursor.statusmessage == "SELECT 1"
    assert cursor.description is None
    assert connection.execute(f"SELECT * FROM {table}").fetchall() == [(1, "a")]


def test_script_fails_as_a_whole(connection, table):
    with pytest.raises(libdsql.DataError):
        connection.cursor().executescript(f"INSERT INTO {table} VALUES (1, 'a'); SELECT 1 / 0")
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_script_in_a_transaction_begins_it(connect_driver):
    connection = connect_driver()
    connection.cursor().executescript("SELECT 1; SELECT 2")
    assert connection.transaction_status == "intrans"


# Values on their way


def test_bad_value_in_a_row_leaves_the_connection_in_step(connection):
    cursor = connection.cursor()
    with pytest.raises(libdsql.DataError):
        cursor.execute(
            "SELECT CASE i WHEN 3 THEN '0044-03-15 BC'::date ELSE '2000-01-01'::date END "
            "FROM generate_series(1, 1000) i"
        )
    with pytest.raises(libdsql.ProgrammingError):
        cursor.fetchone()
    assert connection.execute("SELECT 5").fetchone() == (5,)


def test_json_is_read_by_a_function_of_the_users(connection):
    query = "SELECT '{\"a\": 1}'::json"
    assert connection.execute(query).fetchone() == ({"a": 1},)
    row = connection.execute("SELECT ROW(1, '[1]'::json), ARRAY['{}'::jsonb]").fetchone()
    assert row == ((1, [1]), [{}])
    connection.json_loads = lambda text: ("mine", text)
    assert connection.execute(query).fetchone() == (("mine", '{"a": 1}'),)
    connection.json_loads = None
    assert connection.execute(query).fetchone() == ('{"a": 1}',)
    with pytest.raises(TypeError):
        connection.json_loads = 5


def test_json_function_whose_end_looks_at_the_cursor(connection):
    query = "SELECT '1'::json"
    cursor, other = connection.cursor(), connection.cursor()
    seen = []

    class Reader:
        def __call__(self, text: str) -> str:
            return text

        def __del__(self) -> None:
            seen.append((cursor.description, cursor.rownumber))

    connection.json_loads = Reader()
    cursor.execute(query)
    assert len(cursor.description) == 1
    connection.json_loads = None
    other.execute(query)
    assert seen == []
    cursor.close()
    assert seen == [(None, None)]


def test_json_function_that_fails_or_misuses_the_connection(connection):
    query = "SELECT '1'::json FROM generate_series(1, 100)"
    cursor = connection.cursor()

    def fail(text):
        raise KeyError("mine")

    connection.json_loads = fail
    with pytest.raises(KeyError, match="mine"):
        cursor.execute(query)
    connection.json_loads = lambda text: connection.execute("SELECT 1")
    with pytest.raises(libdsql.ProgrammingError, match="under way"):
        cursor.execute(query)
    connection.json_loads = lambda text: connection.close()
    with pytest.raises(libdsql.ProgrammingError, match="under way"):
        cursor.execute(query)
    connection.json_loads = lambda text: cursor.close()
    cursor.execute(query)
    assert cursor.closed
    assert connection.execute("SELECT 1").fetchone() == (1,)
