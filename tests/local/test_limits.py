# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What a transaction, a row, a key and a catalog may hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from support import connect_to

MEBIBYTE = 1 << 20


@pytest.fixture
def admin(connect) -> Iterator[psycopg.Connection]:
    """A connection whose tables are dropped at the end."""
    connection = connect(autocommit=True)
    yield connection
    names = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename ~ '^lim_'"
    for (name,) in connection.execute(names).fetchall():
        connection.execute(f"DROP TABLE {name}")


def refusal(act: Callable[[], object]) -> tuple[str | None, str | None]:
    with pytest.raises(psycopg.Error) as caught:
        act()
    return caught.value.sqlstate, caught.value.diag.message_primary


# ------------------------------------------------------------------------------ rows


def test_rows_of_all_statements_of_a_transaction_count(admin):
    admin.execute("CREATE TABLE lim_rows (id int PRIMARY KEY, v int)")
    admin.execute("INSERT INTO lim_rows SELECT g, g FROM generate_series(1, 1500) g")
    too_many = ("54000", "transaction row limit exceeded")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded), admin.transaction():
        admin.execute("UPDATE lim_rows SET v = 0")
        admin.execute("DELETE FROM lim_rows")
        admin.execute("INSERT INTO lim_rows VALUES (1, 1)")
    one_more = "INSERT INTO lim_rows SELECT g, g FROM generate_series(2000, 5000) g"
    assert refusal(lambda: admin.execute(one_more)) == too_many
    assert admin.execute("SELECT count(*), sum(v) FROM lim_rows").fetchone() == (1500, 1125750)


def test_cascades_count_as_rows(admin):
    admin.execute("CREATE TABLE lim_parent (id int PRIMARY KEY)")
    admin.execute(
        "CREATE TABLE lim_child (id int PRIMARY KEY, p int REFERENCES lim_parent ON DELETE CASCADE)"
    )
    admin.execute("INSERT INTO lim_parent VALUES (1)")
    admin.execute("INSERT INTO lim_child SELECT g, 1 FROM generate_series(1, 2999) g")
    with admin.transaction(force_rollback=True):
        assert admin.execute("DELETE FROM lim_parent").rowcount == 1
    admin.execute("INSERT INTO lim_child VALUES (3000, 1)")
    drop_parent = "DELETE FROM lim_parent"
    assert refusal(lambda: admin.execute(drop_parent))[1] == "transaction row limit exceeded"


def test_copied_rows_count(admin):
    admin.execute("CREATE TABLE lim_copy (id int PRIMARY KEY)")

    def copy(rows: int) -> None:
        with admin.cursor() as cursor, cursor.copy("COPY lim_copy FROM STDIN") as copied:
            for number in range(rows):
                copied.write_row((number,))

    assert refusal(lambda: copy(3001)) == ("54000", "transaction row limit exceeded")
    copy(3000)
    assert admin.execute("SELECT count(*) FROM lim_copy").fetchone() == (3000,)


def test_rows_of_a_refused_transaction_do_not_count_for_the_next(admin):
    admin.execute("CREATE TABLE lim_next (id int)")
    many = "INSERT INTO lim_next SELECT g FROM generate_series(1, 3001) g"
    assert refusal(lambda: admin.execute(many))[0] == "54000"
    admin.execute("INSERT INTO lim_next SELECT g FROM generate_series(1, 3000) g")


# ------------------------------------------------------------------------------ sizes


def test_ten_mebibytes_are_refused_at_commit(admin):
    admin.execute("CREATE TABLE lim_size (id int PRIMARY KEY, v text)")
    row = "INSERT INTO lim_size SELECT g, repeat('x', 1000000) FROM generate_series(%s, %s::int) g"
    admin.execute(row, (1, 10))

    def commit() -> None:
        with admin.transaction():
            assert admin.execute(row, (11, 21)).rowcount == 11

    assert refusal(commit) == ("54000", "transaction size limit 10mb exceeded")
    assert admin.execute("SELECT count(*) FROM lim_size").fetchone() == (10,)


def test_index_entries_count_as_bytes(admin):
    keys = ", ".join(f"k{number} varchar(300)" for number in range(6))
    admin.execute(f"CREATE TABLE lim_entries (id int PRIMARY KEY, {keys})")
    for number in range(6):
        admin.execute(f"CREATE INDEX ASYNC ON lim_entries (k{number})")
    values = ", ".join(["repeat('x', 290)"] * 6)
    row = f"INSERT INTO lim_entries SELECT g, {values} FROM generate_series(1, 2950) g"
    # 5 MiB of rows and 5 MiB of entries
    assert refusal(lambda: admin.execute(row)) == ("54000", "transaction size limit 10mb exceeded")


@pytest.mark.parametrize("column", ["text", "bytea", "jsonb"])
def test_column_holds_one_mebibyte(admin, column):
    admin.execute(f"CREATE TABLE lim_column (id int PRIMARY KEY, v {column})")
    value = "'\"' || repeat('x', %s) || '\"'"
    insert = f"INSERT INTO lim_column VALUES (%s, ({value})::{column})"
    admin.execute(insert, (1, MEBIBYTE - 100))
    too_large = ("54000", "maximum column size exceeded")
    assert refusal(lambda: admin.execute(insert, (2, MEBIBYTE + 1))) == too_large
    update = f"UPDATE lim_column SET v = ({value})::{column}"
    assert refusal(lambda: admin.execute(update, (MEBIBYTE + 1,))) == too_large


def test_row_holds_two_mebibytes(admin):
    admin.execute("CREATE TABLE lim_row (a text, b text, c text)")
    three = "INSERT INTO lim_row SELECT v, v, v FROM (SELECT repeat('x', 800000) AS v) s"
    assert refusal(lambda: admin.execute(three)) == ("54000", "maximum row size exceeded")
    admin.execute("INSERT INTO lim_row SELECT v, v FROM (SELECT repeat('x', 800000) AS v) s")


def test_key_of_two_thousand_bytes_is_refused(admin):
    admin.execute("CREATE TABLE lim_key (k text PRIMARY KEY, v text)")
    admin.execute("INSERT INTO lim_key VALUES (repeat('x', 1900), repeat('y', 100000))")
    long = "INSERT INTO lim_key VALUES (repeat('x', 2000))"
    assert refusal(lambda: admin.execute(long)) == ("54000", "key size too large")
    admin.execute("CREATE INDEX ASYNC lim_key_v ON lim_key (lower(substr(v, 1, 3000)))")


def test_query_has_128_mebibytes_of_room(admin):
    rows = "SELECT repeat('x', 1000) || g AS v FROM generate_series(1, 300000) g"
    sort = f"SELECT max(v) FROM ({rows} ORDER BY 1 OFFSET 0) s"
    assert refusal(lambda: admin.execute(sort)) == (
        "54000",
        "query requires more than allowed temp space of 131072 KB to execute",
    )


# ------------------------------------------------------------------------------- age


def test_old_transaction_is_refused_at_commit(start):
    endpoint = start("--ephemeral", "--max-transaction-age", "1").endpoint
    with connect_to(endpoint) as connection:
        connection.execute("CREATE TABLE lim_age (id int)")
        connection.commit()
        connection.execute("INSERT INTO lim_age VALUES (1)")
        time.sleep(1.1)
        connection.execute("INSERT INTO lim_age VALUES (2)")
        assert refusal(connection.commit) == ("54000", "transaction age limit of 1s exceeded")
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM lim_age").fetchone() == (0,)


# --------------------------------------------------------------------------- catalog


@pytest.mark.parametrize("column", ["json", "jsonb", "bytea", "interval", "timetz"])
def test_column_of_this_type_is_no_key(admin, column):
    admin.execute(f"CREATE TABLE lim_types (id int PRIMARY KEY, v {column})")
    admin.execute(f"CREATE DOMAIN lim_domain AS {column}")
    try:
        admin.execute("CREATE TABLE lim_domains (id int PRIMARY KEY, v lim_domain)")
        for table in ("lim_types", "lim_domains"):
            index = f"CREATE INDEX ASYNC ON {table} (v)"
            code, words = refusal(lambda index=index: admin.execute(index))
            assert code == "0A000"
            assert words is not None and words.endswith(" is not supported in a key")
        admin.execute("DROP TABLE lim_domains")
    finally:
        admin.execute("DROP DOMAIN lim_domain")


def test_expression_of_such_a_type_is_no_key(admin):
    admin.execute("CREATE TABLE lim_expression (id int PRIMARY KEY, v text)")
    index = "CREATE INDEX ASYNC ON lim_expression ((v::bytea))"
    words = ("0A000", "datatype bytea is not supported in a key")
    assert refusal(lambda: admin.execute(index)) == words
    index = "CREATE INDEX ASYNC ON lim_expression (string_to_array(v, ','))"
    assert refusal(lambda: admin.execute(index))[1] == "datatype text[] is not supported in a key"
    admin.execute("CREATE INDEX ASYNC ON lim_expression (lower(v), (id + 1))")


def test_table_has_24_indexes_at_most(admin):
    admin.execute("CREATE TABLE lim_indexes (id int PRIMARY KEY, v int)")
    for _ in range(23):
        admin.execute("CREATE INDEX ASYNC ON lim_indexes (v)")
    words = ("54000", "more than 24 indexes per table are not allowed")
    assert refusal(lambda: admin.execute("CREATE INDEX ASYNC ON lim_indexes (v)")) == words


def test_table_has_255_columns_at_most(admin):
    columns = ", ".join(f"c{number} int" for number in range(254))
    admin.execute(f"CREATE TABLE lim_columns (id int PRIMARY KEY, {columns})")
    add = "ALTER TABLE lim_columns ADD COLUMN more int"
    words = ("54011", "tables can have at most 255 columns")
    assert refusal(lambda: admin.execute(add)) == words
    admin.execute("ALTER TABLE lim_columns DROP COLUMN c7")
    admin.execute(add)


def test_column_of_the_primary_key_stays(admin):
    admin.execute('CREATE TABLE lim_drop (a int, "B" int, c int, PRIMARY KEY (a, "B"))')
    words = ("0A000", "cannot drop primary key column B")
    assert refusal(lambda: admin.execute('ALTER TABLE lim_drop DROP "B"')) == words
    admin.execute("ALTER TABLE lim_drop DROP COLUMN IF EXISTS nothing, DROP COLUMN c")


def test_primary_key_itself_stays(admin):
    admin.execute('CREATE TABLE lim_drop_key (a int CONSTRAINT "K" PRIMARY KEY, b int UNIQUE)')
    words = ("0A000", "cannot drop primary key constraint K")
    drop = 'ALTER TABLE lim_drop_key DROP CONSTRAINT "K" CASCADE'
    assert refusal(lambda: admin.execute(drop)) == words
    admin.execute("ALTER TABLE lim_drop_key DROP CONSTRAINT lim_drop_key_b_key")
    admin.execute("ALTER TABLE lim_drop_key DROP CONSTRAINT IF EXISTS nothing")


def test_identity_is_added_to_bigint_columns_only(admin):
    admin.execute("CREATE TABLE lim_identity (a int NOT NULL, b bigint NOT NULL)")
    words = ("0A000", "datatype integer not supported, identity column type must be bigint")
    add = "ALTER TABLE lim_identity ALTER {} ADD GENERATED ALWAYS AS IDENTITY (CACHE 1)"
    assert refusal(lambda: admin.execute(add.format("a"))) == words
    admin.execute(add.format("b"))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE lim_more (a int, b lim_row)",
        "ALTER TABLE lim_row ADD COLUMN b public.lim_row",
        "CREATE DOMAIN lim_domain AS lim_row",
    ],
)
def test_rows_of_tables_are_no_type_of_columns(admin, statement):
    admin.execute("CREATE TABLE lim_row (a int)")
    words = ("0A000", "datatype lim_row not supported")
    assert refusal(lambda: admin.execute(statement)) == words
    assert admin.execute("SELECT (r).a FROM lim_row r").fetchall() == []


def test_ten_schemas_are_the_most(start):
    endpoint = start("--ephemeral").endpoint
    with connect_to(endpoint, autocommit=True) as connection:
        for number in range(10):
            connection.execute(f"CREATE SCHEMA lim_s{number}")
        words = ("54000", "more than 10 schemas not allowed")
        assert refusal(lambda: connection.execute("CREATE SCHEMA lim_more")) == words


def test_five_extended_statistics_a_table_are_the_most(admin):
    admin.execute("CREATE TABLE lim_statistics (a int, b int)")
    for number in range(5):
        admin.execute(f"CREATE STATISTICS lim_st{number} ON a, b FROM lim_statistics")
    words = ("54000", "more than 5 extended statistics per table are not allowed")
    more = "CREATE STATISTICS lim_more ON a, b FROM lim_statistics"
    assert refusal(lambda: admin.execute(more)) == words


def fill(data: str, most: int, statement: str) -> None:
    """Makes all but one that there may be, in one transaction, behind the endpoint's back."""
    superuser = psycopg.connect(host=f"{data}/pg/socket", user="postgres", autocommit=True)
    with superuser:
        superuser.execute("SET dsql_local.limits = off")
        superuser.execute(f"""
            DO $$ BEGIN
                FOR number IN 2..{most} LOOP EXECUTE format('{statement}', number); END LOOP;
            END $$""")


@pytest.mark.parametrize(
    ("words", "most", "statement"),
    [
        ("more than 1000 tables not allowed", 1000, "CREATE TABLE lim_s.n%s ()"),
        ("more than 5000 views not allowed", 5000, "CREATE VIEW lim_s.n%s AS SELECT"),
        ("more than 5000 sequences not allowed", 5000, "CREATE SEQUENCE lim_s.n%s CACHE 1"),
    ],
)
def test_number_of_relations_has_a_limit(place, start, words, most, statement):
    endpoint = start("--data", f"{place}/data").endpoint
    with connect_to(endpoint, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA lim_s")
        fill(f"{place}/data", most, statement)
        connection.execute(statement % "last")
        assert refusal(lambda: connection.execute(statement % "more")) == ("54000", words)
