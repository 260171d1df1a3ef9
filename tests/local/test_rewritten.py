# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What PostgreSQL is told otherwise than the client says it, and what it refuses itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest


@pytest.fixture
def connection(connect) -> Iterator[psycopg.Connection]:
    with connect(autocommit=True) as connection:
        yield connection
        connection.execute("DROP TABLE IF EXISTS rewritten_t")


def refusal(connection, statement):
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    return caught.value.sqlstate, caught.value.diag.message_primary


@pytest.mark.parametrize("prepare", [None, True])
def test_numeric_without_precision_stores_what_the_service_stores(connection, prepare):
    connection.execute(
        'CREATE TABLE rewritten_t (a numeric, b DECIMAL(20, 9), c pg_catalog."numeric")',
        prepare=prepare,
    )
    connection.execute("ALTER TABLE rewritten_t ADD COLUMN d dec", prepare=prepare)
    value = Decimal("1.123456789")
    connection.execute("INSERT INTO rewritten_t VALUES (%s, %s, %s, %s)", [value] * 4)
    rounded = Decimal("1.123457")
    row = connection.execute("SELECT * FROM rewritten_t").fetchone()
    assert row == (rounded, value, rounded, rounded)
    assert refusal(connection, "INSERT INTO rewritten_t (a) VALUES (1e12)") == (
        "22003",
        "numeric field overflow",
    )
    types = connection.execute(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'rewritten_t'::regclass AND attnum > 0 ORDER BY attnum"
    ).fetchall()
    assert [name for (name,) in types] == [
        "numeric(18,6)",
        "numeric(20,9)",
        "numeric(18,6)",
        "numeric(18,6)",
    ]


@pytest.mark.parametrize("simple", [False, True])
def test_error_position_is_right_behind_a_rewritten_type(connection, simple):
    statement = 'CREATE TABLE "ä" (a numeric, b dec, c int CHECK (nowhere > 0))'
    if simple:
        result = connection.pgconn.exec_(f"SELECT 'ö'; {statement}".encode())
        statement = f"SELECT 'ö'; {statement}"
    else:
        result = connection.pgconn.exec_params(statement.encode(), None)
    position = result.error_field(psycopg.pq.DiagnosticField.STATEMENT_POSITION)
    assert position is None or statement[int(position) - 1 :].startswith("nowhere")
    statement = " /* ü */ CREATE TABLE rewritten_t (a numeric, b dec, c nowhere)"
    result = connection.pgconn.exec_params(statement.encode(), None)
    position = result.error_field(psycopg.pq.DiagnosticField.STATEMENT_POSITION)
    assert position is not None
    assert statement[int(position) - 1 :].startswith("nowhere")


def test_computed_numbers_keep_all_their_digits(connection):
    row = connection.execute("SELECT 1.123456789::numeric * 1000000000000").fetchone()
    assert row == (Decimal("1123456789000.000000000"),)


@pytest.mark.parametrize(
    ("kind", "keys"), [("UNIQUE", "UNIQUE (a)"), ("PRIMARY KEY", "PRIMARY KEY (a)")]
)
def test_keys_cannot_be_left_unchecked(connection, kind, keys):
    connection.execute("CREATE TABLE rewritten_t (a int)")
    statement = f"ALTER TABLE rewritten_t ADD CONSTRAINT k {keys} NOT VALID"
    words = f"{kind} constraints cannot be marked NOT VALID"
    assert refusal(connection, statement) == ("0A000", words)


def test_syntax_newer_than_the_parser_is_judged(connection):
    query = "SELECT * FROM (SELECT 1_000) FOR SHARE"
    assert refusal(connection, query)[1].startswith("locking clauses")
    words = "ALTER TABLE ADD COLUMN with constraint not supported"
    connection.execute("CREATE TABLE rewritten_t (a int)")
    statement = "ALTER TABLE rewritten_t ADD b text STORAGE plain NOT NULL"
    assert refusal(connection, statement) == ("0A000", words)


def test_functions_texts_are_judged_when_they_are_made(connection):
    statement = "CREATE FUNCTION rewritten_f() RETURNS void LANGUAGE sql AS 'TRUNCATE rewritten_t'"
    assert refusal(connection, statement) == ("0A000", "unsupported statement: Truncate")


def allowed_settings() -> list[str]:
    """Those of the rules' own list."""
    source = Path(__file__).parents[2] / "dsql-local" / "rules" / "check_session.c"
    (names,) = re.findall(r"settings\[\] = \{(.*?)\};", source.read_text(), re.DOTALL)
    return re.findall(r'"([\w.]+)"', names)


def test_computed_names_of_settings_are_judged_when_they_are_set(connection):
    query = "SELECT set_config(lower(name), value, false) FROM (VALUES (%s, %s)) AS x (name, value)"
    for name in allowed_settings():
        shown = connection.execute("SELECT current_setting(%s, true)", [name]).fetchone()[0]
        value = shown or "on"
        if shown is None and "." not in name:
            continue  # this server does not know it
        assert connection.execute(query, [name.upper(), value]).fetchone() == (value,)
    for name in ("work_mem", "jit", "restrict_nonsystem_relation_kind", "my.own"):
        with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
            connection.execute(query, [name, "0"])
        words = f'setting configuration parameter "{name}" not supported'
        assert caught.value.diag.message_primary == words
    assert refusal(connection, "UPDATE pg_settings SET setting = 0")[0] == "42501"


def test_computed_setting_lasts_as_long_as_was_said(connection):
    query = "SELECT set_config('search' || '_path', %s, %s)"
    with connection.transaction():
        connection.execute(query, ["a", True])
        assert connection.execute("SHOW search_path").fetchone() == ("a",)
    assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)
    connection.execute(query, ["b", False])
    assert connection.execute("SHOW search_path").fetchone() == ("b",)
    assert connection.execute("SELECT current_setting('nowhere.x', true)").fetchone() == (None,)
    version = connection.execute("SELECT current_setting('Server_Version', true)")
    assert version.fetchone() == ("16.15",)
