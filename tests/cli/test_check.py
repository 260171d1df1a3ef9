# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql check."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from command import PROGRAM, environment

ROOT = Path(__file__).parents[2]


def findings(dsql, sql: str | bytes, *options: str) -> list[dict[str, Any]]:
    told = json.loads(dsql("check", "--json", *options, "-", given=sql).stdout)
    return list(told["files"][0]["findings"])


def rules(dsql, sql: str | bytes, *options: str) -> list[tuple[int, str]]:
    """The line and the rule of each statement that is refused, or warned of."""
    return [(item["line"], item["rule"]) for item in findings(dsql, sql, *options)]


def test_finding_tells_place_words_rule_and_remedy(dsql, tmp_path):
    file = tmp_path / "a.sql"
    file.write_text("-- first\nSELECT 'ä'; TRUNCATE\n  t;\n")
    done = dsql("check", str(file))
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout == (
        f"{file}:2:13: 0A000 unsupported statement: Truncate\n"
        "    TRUNCATE t\n"
        "    instead: DELETE FROM, at most 3,000 rows in a transaction; or DROP TABLE and "
        "CREATE TABLE\n"
        "    RULE_STATEMENT, docs/dsql-rules.md#statements\n"
        "2 statements, 1 refused, 0 warnings\n"
    )


def test_good_files_are_counted_and_the_status_is_0(dsql, tmp_path):
    (tmp_path / "a.sql").write_text("SELECT 1; SELECT 2;")
    (tmp_path / "b.sql").write_text("")
    arguments = [str(tmp_path / "a.sql"), str(tmp_path / "b.sql")]
    done = dsql("check", *arguments)
    assert (done.returncode, done.stdout) == (0, "2 statements, 0 refused, 0 warnings\n")
    assert dsql("check", "--quiet", *arguments).stdout == ""


def test_json_has_each_file_with_its_counts(dsql, tmp_path):
    (tmp_path / "a.sql").write_text('VACUUM "\u0001\\";\nSELECT 1')
    done = dsql("check", "--json", str(tmp_path / "a.sql"), "-", given="SELECT 1")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "files": [
            {
                "file": str(tmp_path / "a.sql"),
                "findings": [
                    {
                        "line": 1,
                        "column": 1,
                        "severity": "refused",
                        "sqlstate": "0A000",
                        "rule": "RULE_VACUUM",
                        "section": "statements",
                        "message": "unsupported VACUUM statement",
                        "instead": "nothing: the service cleans up by itself; ANALYZE is there",
                        "statement": 'VACUUM "\u0001\\"',
                    }
                ],
                "statements": 2,
                "refused": 1,
                "warnings": 0,
            },
            {"file": "<stdin>", "findings": [], "statements": 1, "refused": 0, "warnings": 0},
        ],
        "statements": 3,
        "refused": 1,
        "warnings": 0,
    }


def test_file_that_cannot_be_read_is_status_2_and_the_others_are_judged(dsql, tmp_path):
    (tmp_path / "b.sql").write_text("TRUNCATE t")
    done = dsql("check", str(tmp_path / "none.sql"), str(tmp_path / "b.sql"), str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        f"dsql check: {tmp_path / 'none.sql'}: No such file or directory\n"
        f"dsql check: {tmp_path}: Is a directory\n"
    )
    assert "RULE_STATEMENT" in done.stdout
    assert dsql("check").stderr == (
        "dsql check: FILE is missing; - is standard input; see dsql check --help\n"
    )


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("BEGIN;\nCREATE TABLE a (i int);\nCREATE TABLE b (i int);\nCOMMIT;",
         [(3, "RULE_MULTIPLE_DDL")]),
        ("CREATE TABLE a (i int);\nCREATE TABLE b (i int);", []),
        ("BEGIN;\nSELECT 1;\nCREATE TABLE a (i int);\nINSERT INTO a VALUES (1);\nCOMMIT;",
         [(4, "RULE_DDL_AND_DML")]),
        ("BEGIN;\nUPDATE a SET i = 1;\nCREATE TABLE b (i int);\nROLLBACK;\nDROP TABLE b",
         [(3, "RULE_DDL_AND_DML")]),
        ("BEGIN;\nCREATE TABLE a (i serial);\nCREATE TABLE b (i int);\nCOMMIT;",
         [(2, "RULE_SERIAL"), (3, "RULE_MULTIPLE_DDL")]),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE;\nDROP TABLE a;\nDROP TABLE b;\nCOMMIT;",
         [(1, "RULE_ISOLATION"), (3, "RULE_MULTIPLE_DDL")]),
        ("BEGIN;\nLOCK TABLE a;\nINSERT INTO a VALUES (1);\nCOMMIT;", [(2, "RULE_STATEMENT")]),
        ("BEGIN;\nCREATE TABLE a (i int);\n\\connect other\nCREATE TABLE b (i int);", []),
        ("CREATE TABLE a (i int)\\; CREATE TABLE b (i int);\nDROP TABLE c;",
         [(1, "RULE_MULTIPLE_DDL")]),
    ],
)  # fmt: skip
def test_transactions_are_followed_over_the_file(dsql, sql, wanted):
    assert rules(dsql, sql) == wanted


def test_single_transaction_is_the_whole_file(dsql):
    sql = "CREATE TABLE a (i int);\nINSERT INTO a VALUES (1);"
    assert rules(dsql, sql) == []
    assert rules(dsql, sql, "--single-transaction") == [(2, "RULE_DDL_AND_DML")]


@pytest.mark.parametrize(
    ("head", "row", "end"),
    [
        ("INSERT INTO a (i) VALUES", "(abs(1)),\n", "(1) ON CONFLICT DO NOTHING;"),
        ("COPY a FROM STDIN;\n", "1\n", "1\n\\.\n"),
        ("\\copy a from stdin\n", "1\n", "1\n\\.\n"),
        ("BEGIN;", "INSERT INTO a VALUES (1);\n", "INSERT INTO a VALUES (1); COMMIT;"),
    ],
)
def test_more_rows_than_a_transaction_holds_are_seen(dsql, head, row, end):
    found = [rule for _, rule in rules(dsql, head + 3000 * row + end)]
    assert found == ["RULE_ROW_LIMIT"]
    assert rules(dsql, head + 2999 * row + end) == []


def test_what_is_psqls_own_is_passed_over(dsql):
    sql = r"""
\set ON_ERROR_STOP on
\echo 'TRUNCATE a;'
COPY a (i) FROM STDIN;
1	TRUNCATE a;
\.
SELECT :'name', :number FROM :"table" WHERE i = :number::int \gset
\copy b from 'file'
VACUUM \g
CREATE ROLE r :attributes;
"""
    assert rules(dsql, sql) == [(9, "RULE_VACUUM"), (10, "VARIABLE")]
    assert dsql("check", "-", given="CREATE ROLE r :attributes;").returncode == 0


def test_included_file_is_told_as_not_read(dsql):
    sql = "\\i 'other file.sql'\n\\ir sub/third.sql\nSELECT 1;\n"
    found = findings(dsql, sql)
    assert [(item["line"], item["rule"], item["severity"]) for item in found] == [
        (1, "INCLUDE", "warning"),
        (2, "INCLUDE", "warning"),
    ]
    assert found[0]["statement"] == "\\i 'other file.sql'"
    done = dsql("check", "-", given=sql)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "1 statement, 0 refused, 2 warnings",
    )


@pytest.mark.parametrize("copy", ["\\copy a from 'file'", "\\copy a from stdin\n1\n\\."])
def test_copy_of_psql_changes_rows_of_its_transaction(dsql, copy):
    sql = f"BEGIN;\nCREATE TABLE a (i int);\n{copy}\nCOMMIT;\n"
    assert rules(dsql, sql) == [(3, "RULE_DDL_AND_DML")]
    assert rules(dsql, sql.replace("BEGIN", "SELECT 1")) == []


def test_comment_without_an_end_is_told(dsql):
    (found,) = findings(dsql, "SELECT 1;\n /* a /* b */\nTRUNCATE t;\n")
    assert (found["line"], found["column"], found["rule"]) == (2, 2, "SYNTAX")
    assert found["message"] == "unterminated /* comment"


def test_words_for_people_stay_on_their_line(dsql):
    told = dsql("check", "-", given="SELECT 'a\n\x1b[31mb\n").stdout
    assert "\x1b" not in told
    assert told.splitlines()[0].startswith(
        "<stdin>:1:8: 42601 unterminated quoted string at or near"
    )
    assert len(told.splitlines()) == 5


def test_index_without_async_is_a_warning_once_the_session_allows_it(dsql):
    sql = (
        "CREATE INDEX i ON t (a);\nSET disable_sync_create_index TO off;\nCREATE INDEX j ON t (a);"
    )
    found = findings(dsql, sql)
    assert [(item["line"], item["severity"]) for item in found] == [(1, "refused"), (3, "warning")]


def test_syntax_error_is_placed_where_the_grammar_ends(dsql):
    (found,) = findings(dsql, "SELECT 1;\nSELECT 'ä' FROM\n  WHERE;")
    assert (found["line"], found["column"], found["sqlstate"]) == (3, 3, "42601")
    assert found["message"] == 'syntax error at or near "WHERE"'


def test_bytes_that_are_no_utf8_are_placed(dsql, tmp_path):
    (found,) = findings(dsql, b"SELECT 1;\nSELECT 'a\xe4';\nSELECT 2;")
    assert (found["line"], found["column"], found["rule"]) == (2, 10, "ENCODING")
    assert found["message"] == 'invalid byte sequence for encoding "UTF8": 0xe4'
    assert found["statement"] == "SELECT 'a\ufffd'"
    assert rules(dsql, b"SELECT '\0';") == [(1, "ENCODING")]
    (found,) = findings(dsql, b"\xef\xbb\xbfVACUUM;")
    assert (found["line"], found["column"]) == (1, 1)
    (tmp_path / "wide.sql").write_text("SELECT 1;", encoding="utf-16")
    done = dsql("check", str(tmp_path / "wide.sql"))
    assert (done.returncode, "UTF-16" in done.stderr) == (2, True)


def test_copy_with_a_file_of_the_server_is_refused_as_by_the_endpoint(dsql, connect):
    sql = "COPY pg_class FROM '/tmp/x';\nCOPY pg_class TO '/tmp/x';"
    connection = connect(autocommit=True)
    for found in findings(dsql, sql):
        assert (found["rule"], found["sqlstate"]) == ("FILE", "42501")
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
            connection.execute(found["statement"])
        assert raised.value.diag.message_primary == found["message"]
    assert rules(dsql, sql) == [(1, "FILE"), (2, "FILE")]


def test_statement_larger_than_a_message_is_refused(dsql):
    sql = "SELECT '" + (10 << 20) * "x" + "';"
    assert rules(dsql, sql) == [(1, "MESSAGE_SIZE")]


@pytest.mark.parametrize(
    "sql",
    [
        100_000 * "(",
        200_000 * "/*",
        "COPY a FROM STDIN;\n" + 300_000 * "x\n",
        "SELECT 1" + 50_000 * "+1",
        200_000 * "'a'\n",
        200_000 * "$a$b",
        200_000 * "\\g\n",
        50_000 * ":{?a",
    ],
    ids=["brackets", "comments", "data", "sum", "strings", "dollars", "commands", "variables"],
)
def test_large_and_odd_files_take_bounded_time(tmp_path, sql):
    """Processor time is limited by the system, so that a loop does not end well."""
    (tmp_path / "large.sql").write_text(sql)
    done = subprocess.run(
        [PROGRAM, "check", "--quiet", str(tmp_path / "large.sql")],
        capture_output=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)),
    )
    assert done.returncode in (0, 1), done.stderr


#: One statement for each way of being refused; they are run at the endpoint, too.
REFUSED = """
TRUNCATE a; VACUUM; LISTEN a; MERGE INTO a USING b ON true WHEN MATCHED THEN DO NOTHING;
CREATE TABLE a (i serial); CREATE TABLE a (i int[]); CREATE TEMP TABLE a (i int);
CREATE TABLE a (i text COLLATE "C"); CREATE TABLE a (i int GENERATED ALWAYS AS IDENTITY);
CREATE INDEX ASYNC ON a (i DESC); CREATE INDEX CONCURRENTLY ON a (i); SAVEPOINT a;
ALTER TABLE a ADD b int NOT NULL; ALTER TABLE a ALTER i TYPE text; ALTER TABLE a ADD UNIQUE (i);
CREATE TYPE a AS ENUM ('b'); CREATE SEQUENCE a; SET statement_timeout = 1;
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1 FROM a FOR SHARE; DROP TYPE a;
CREATE FUNCTION a() RETURNS int LANGUAGE plpgsql AS 'x'; CREATE PROCEDURE a() LANGUAGE sql AS 'x';
SELECT * FROM a TABLESAMPLE SYSTEM (1); SELECT pg_advisory_lock(1)
"""


def test_endpoint_answers_what_the_check_says(dsql, connect):
    connection = connect(autocommit=True)
    statements = [statement.strip() for statement in REFUSED.split(";")]
    found = findings(dsql, REFUSED)
    assert [item["statement"] for item in found] == statements
    for item in found:
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(item["statement"])
        assert raised.value.sqlstate == item["sqlstate"]
        assert raised.value.diag.message_primary == item["message"]


def test_every_rule_of_statements_has_advice(dsql):
    """None of those above is answered with the words for what is not known."""
    for item in findings(dsql, REFUSED):
        assert item["instead"] != "leave it out: the service has nothing like it", item


def test_sections_are_headings_of_the_page_of_rules(dsql):
    page = (ROOT / "docs" / "dsql-rules.md").read_text()
    headings = {title.lower() for title in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    assert {item["section"] for item in findings(dsql, REFUSED)} <= headings


def test_standard_input_may_be_a_pipe_of_any_length():
    sql = b"SELECT 1;\n" * 10_000
    read, write = os.pipe()
    with subprocess.Popen(
        [PROGRAM, "check", "-"], stdin=read, stdout=subprocess.PIPE, env=environment()
    ) as process:
        os.close(read)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(sql)
        assert process.stdout is not None
        assert process.stdout.read() == b"10000 statements, 0 refused, 0 warnings\n"
