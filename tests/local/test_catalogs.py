# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What the catalogs say: as the service's, and good enough for those who read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from aurora_dsql_sqlalchemy import create_dsql_engine
from sqlalchemy import inspect
from support import connect_to, token_for

PAIRS = 'cat."a USING btree b"'


@pytest.fixture(scope="module")
def admin(endpoint) -> Iterator[psycopg.Connection]:
    """A connection, and a schema with a bit of everything."""
    with connect_to(endpoint, autocommit=True) as connection:
        for statement in (
            "CREATE SCHEMA cat",
            "CREATE TABLE cat.parent"
            " (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), x int, y text)",
            f'CREATE TABLE {PAIRS} (a int, b text, "C d" int, PRIMARY KEY (a, "C d") INCLUDE (b),'
            " UNIQUE (b) INCLUDE (a), CHECK (a > 0))",
            "CREATE TABLE cat.child (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,"
            " parent uuid REFERENCES cat.parent, z numeric(10, 2) DEFAULT 1)",
            "CREATE TABLE cat.bare (v int)",
            "CREATE UNIQUE INDEX ASYNC parent_x ON cat.parent (x) INCLUDE (y)"
            " NULLS NOT DISTINCT WHERE x > 3",
            "CREATE INDEX ASYNC parent_y ON cat.parent (lower(y) NULLS FIRST)",
            "CREATE VIEW cat.seen AS SELECT id, x FROM cat.parent",
            "CREATE SEQUENCE cat.numbers CACHE 1",
            "COMMENT ON TABLE cat.parent IS 'what others belong to'",
        ):
            connection.execute(statement)
        yield connection
        connection.execute("DROP SCHEMA cat CASCADE")


def definitions(admin: psycopg.Connection, sql: str) -> list[str]:
    return [text for (text,) in admin.execute(sql).fetchall()]


def test_index_definitions_name_the_services_method_and_what_a_primary_key_carries(admin):
    sql = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'cat' ORDER BY indexname COLLATE \"C\""
    )
    assert definitions(admin, sql) == [
        f'CREATE UNIQUE INDEX "a USING btree b_b_a_key" ON {PAIRS} USING btree_index (b)'
        " INCLUDE (a)",
        f'CREATE UNIQUE INDEX "a USING btree b_pkey" ON {PAIRS} USING btree_index (a, "C d")'
        " INCLUDE (b)",
        "CREATE UNIQUE INDEX child_pkey ON cat.child USING btree_index (id) INCLUDE (parent, z)",
        "CREATE UNIQUE INDEX parent_pkey ON cat.parent USING btree_index (id) INCLUDE (x, y)",
        "CREATE UNIQUE INDEX parent_x ON cat.parent USING btree_index (x) INCLUDE (y)"
        " NULLS NOT DISTINCT WHERE (x > 3)",
        "CREATE INDEX parent_y ON cat.parent USING btree_index (lower(y) NULLS FIRST)",
    ]


def test_forms_of_the_definition_functions_agree(admin):
    one, three, first = admin.execute(
        "SELECT pg_get_indexdef(i), pg_get_indexdef(i, 0, false), pg_get_indexdef(i, 1, true)"
        " FROM (SELECT 'cat.parent_pkey'::regclass AS i) s"
    ).fetchone()
    assert (one, first) == (three, "id")
    assert admin.execute("SELECT pg_get_indexdef(1), pg_get_constraintdef(1)").fetchone() == (
        None,
        None,
    )
    system = "SELECT pg_get_indexdef('pg_class_oid_index'::regclass)"
    assert definitions(admin, system)[0].endswith("USING btree (oid)")


def test_primary_key_constraint_shows_what_it_carries(admin):
    sql = "SELECT {} FROM pg_constraint WHERE conrelid = '{}'::regclass ORDER BY contype"
    for call in ("pg_get_constraintdef(oid)", "pg_get_constraintdef(oid, false)"):
        assert definitions(admin, sql.format(call, PAIRS)) == [
            "CHECK ((a > 0))",
            'PRIMARY KEY (a, "C d") INCLUDE (b)',
            "UNIQUE (b) INCLUDE (a)",
        ]


def test_access_methods_are_listed(admin):
    assert {"btree", "btree_index", "btree_table"} <= set(
        definitions(admin, "SELECT amname FROM pg_am")
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW server_version",
        "SELECT current_setting('server_version')",
        "SELECT current_setting('server_version', true)",
        "SELECT setting FROM pg_settings WHERE name = 'server_version'",
    ],
)
def test_version_is_the_services_everywhere(admin, sql):
    assert admin.execute(sql).fetchone() == ("16.15",)


def test_own_settings_are_not_listed(admin):
    sql = "SELECT count(*) FROM pg_settings WHERE name LIKE 'dsql\\_local%'"
    assert admin.execute(sql).fetchone() == (0,)


@pytest.mark.parametrize("call", ["pg_table_size('cat.parent')", "inet_server_addr()"])
def test_function_that_the_service_lacks_is_not_there(admin, call):
    with pytest.raises(psycopg.errors.UndefinedFunction):
        admin.execute(f"SELECT {call}")


# ----------------------------------------------------------------------- who reads them


@pytest.fixture
def psql(endpoint):
    """Runs psql; PostgreSQL's own package has it, the extra's has no TLS."""
    program = shutil.which("psql")
    assert program, "psql is missing: apt-get install postgresql-client"
    environment = {
        **os.environ,
        "PGPASSWORD": token_for(endpoint),
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": endpoint.ca,
        "PGHOST": "localhost",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": str(endpoint.port),
        "PGUSER": "admin",
        "PGDATABASE": "postgres",
    }
    environment.pop("LD_PRELOAD", None)

    def run(command: str) -> str:
        done = subprocess.run(
            [program, "-X", "-v", "ON_ERROR_STOP=1", "-c", command],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (r"\d cat.parent", '"parent_pkey" PRIMARY KEY, btree_index (id) INCLUDE (x, y)'),
        (r"\d+ cat.child", "child_parent_fkey"),
        (r"\dt cat.*", "parent"),
        (r"\di cat.*", "parent_y"),
        (r"\dv cat.*", "seen"),
        (r"\ds cat.*", "numbers"),
        (r"\dn", "cat"),
        (r"\du", "admin"),
        (r"\df cat.*", ""),
        (r"\dp cat.*", "parent"),
        (r"\dd", ""),
        (r"\l", "postgres"),
    ],
)
def test_psql_describes(admin, psql, command, shown):
    assert shown in psql(command)


def test_sqlalchemy_reflects_all_of_it(admin, endpoint):
    engine = create_dsql_engine(
        host="localhost",
        user="admin",
        driver="psycopg",
        sslrootcert=endpoint.ca,
        connect_args={
            "hostaddr": "127.0.0.1",
            "port": endpoint.port,
            "credentials_file": endpoint.credentials,
        },
    )
    look = inspect(engine)
    assert set(look.get_table_names("cat")) == {"parent", "a USING btree b", "child", "bare"}
    assert look.get_view_names("cat") == ["seen"]
    assert "numbers" in look.get_sequence_names("cat")
    assert look.get_pk_constraint("parent", "cat")["constrained_columns"] == ["id"]
    (key,) = look.get_foreign_keys("child", "cat")
    assert (key["referred_table"], key["constrained_columns"]) == ("parent", ["parent"])
    indexes = {index["name"]: index for index in look.get_indexes("parent", "cat")}
    assert indexes["parent_x"]["unique"]
    assert indexes["parent_x"]["dialect_options"]["auroradsql_include"] == ["y"]
    assert indexes["parent_y"]["expressions"] == ["lower(y) NULLS FIRST"]
    assert look.get_table_comment("parent", "cat") == {"text": "what others belong to"}
    assert look.get_check_constraints("a USING btree b", "cat")[0]["sqltext"] == "a > 0"
    (unique,) = look.get_unique_constraints("a USING btree b", "cat")
    assert unique["column_names"] == ["b"]
    engine.dispose()


def test_list_of_settings_stands_once_in_effect():
    """The rules and set_config() with a computed name agree on what may be set."""
    root = Path(__file__).parents[2] / "dsql-local"
    rules = (root / "rules" / "check_session.c").read_text()
    listed = rules.partition("settings[] = {")[2].partition("};")[0]
    script = (root / "bootstrap.sql").read_text()
    allowed = script.partition("lower(setting_name) NOT IN (")[2].partition(")")[0]
    assert set(re.findall(r'"([\w.]+)"', listed)) == set(re.findall(r"'([\w.]+)'", allowed))
