# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql-local --stats: what a running endpoint has counted."""

from __future__ import annotations

import contextlib
import json
import stat
import subprocess
from pathlib import Path

import libdsql.local
import psycopg
import pytest
from support import connect_to, token_for, wait_for
from wire import Wire, dial, signed_in, sockets_are_closed

__all__ = ["sockets_are_closed"]  # a fixture


def ask(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [libdsql.local.program(), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=libdsql.local.environment(),
    )


def directory(program) -> str:
    return str(Path(program.endpoint.ca).parent)


def counted(program) -> dict:
    done = ask("--stats=json", "--data", directory(program))
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_clients_statements_and_transactions_are_counted(start):
    program = start("--ephemeral")
    before = counted(program)
    assert (before["clients"], before["statements"], before["transactions"]) == (0, 0, 0)
    with connect_to(program.endpoint) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
        connection.commit()
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("INSERT INTO t VALUES (%s)", (2,))
        connection.rollback()
        connection.autocommit = True
        connection.execute("SELECT 1")
        seen = counted(program)
        assert (seen["clients"], seen["clients_most"], seen["postgres_connections"]) == (1, 1, 1)
        # BEGIN, CREATE, COMMIT, BEGIN, INSERT, INSERT, ROLLBACK, SELECT
        assert (seen["statements"], seen["errors"]) == (8, 0)
        assert (seen["transactions"], seen["commits"]) == (3, 2)
        assert seen["bytes_in"] > 500 and seen["bytes_out"] > 500
        assert 0 < seen["statement_median_us"] <= seen["statement_p99_us"] < 60_000_000
        assert seen["memory_bytes"] > 1 << 20
        assert seen["postgres_version"] >= 15
    wait_for(lambda: counted(program)["clients"] == 0)
    after = counted(program)
    assert (after["clients_most"], after["clients_signed_in"]) == (1, 1)
    assert after["bytes_in"] >= seen["bytes_in"]


def test_a_waiting_client_is_counted_without_a_postgresql_connection(start):
    program = start("--ephemeral")
    signed_in(program.endpoint, token_for(program.endpoint))
    seen = counted(program)
    assert (seen["clients"], seen["postgres_connections"]) == (1, 0)


def test_errors_are_counted_by_the_rule_that_was_met(start):
    program = start("--ephemeral")
    with connect_to(program.endpoint, autocommit=True) as connection:
        for sql in ("TRUNCATE t", "LOCK TABLE t", "SAVEPOINT a", "CREATE TEMP TABLE t (id int)"):
            with pytest.raises(psycopg.Error):
                connection.execute(sql)
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1/0")
    seen = counted(program)
    assert seen["rules"] == {
        "RULE_STATEMENT": 2,
        "RULE_TRANSACTION_STATEMENT": 1,
        "RULE_CREATE_CLAUSE": 1,
    }
    assert seen["errors"] == 5


def test_conflicts_are_counted(start):
    program = start("--ephemeral")
    with (
        connect_to(program.endpoint) as one,
        connect_to(program.endpoint) as two,
    ):
        one.execute("CREATE TABLE t (id int PRIMARY KEY)")
        one.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            two.execute("SELECT 1")
        two.rollback()
        one.execute("INSERT INTO t VALUES (1)")
        two.execute("INSERT INTO t VALUES (1)")
        one.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            two.commit()
    seen = counted(program)
    assert seen["rules"] == {"RULE_OC000": 1, "RULE_OC001": 1}
    assert seen["transactions"] == 4
    assert seen["commits"] == 2


def test_refused_connections_are_counted_by_reason(start):
    program = start("--ephemeral")
    dial(program.endpoint).sendall(b"GET / HTTP/1.1\r\n\r\n")
    for _ in range(2):
        wire = Wire(program.endpoint)
        wire.startup(user="admin", jit="on")
        wire.fatal()
    wire = Wire(program.endpoint)
    wire.sign_in("not a token")
    wire.fatal()
    wait_for(lambda: sum(counted(program)["refused"].values()) == 4)
    seen = {reason: count for reason, count in counted(program)["refused"].items() if count}
    assert seen == {
        "first bytes are not PostgreSQL's": 1,
        "start-up packet or a setting in it": 2,
        "access denied": 1,
    }


def test_people_get_a_table(start):
    program = start("--ephemeral")
    with connect_to(program.endpoint, autocommit=True) as connection:
        with contextlib.suppress(psycopg.Error):
            connection.execute("TRUNCATE t")
        done = ask("--stats", "--data", directory(program))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("dsql-local ")
    assert any(line.startswith("up since       20") for line in lines)
    assert "clients        1 now, 1 at most, 1 signed in" in lines
    assert "refused        nobody" in lines
    assert "rules                 1  0A000  unsupported statement: %s" in lines
    assert max(map(len, lines)) <= 100


def test_only_its_user_may_ask(start):
    program = start("--ephemeral")
    facts = (Path(directory(program)) / "stats").stat()
    assert stat.S_ISSOCK(facts.st_mode)
    assert stat.S_IMODE(facts.st_mode) == 0o600


def test_a_directory_that_nobody_serves_is_said(place, start):
    done = ask("--stats", "--data", f"{place}/none")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no endpoint serves" in done.stderr
    program = start("--data", f"{place}/data")
    program.stop()
    assert "no endpoint serves" in ask("--stats", "--data", f"{place}/data").stderr


def test_a_long_path_does_no_harm(place, start):
    deep = place / ("d" * 100) / ("e" * 60)
    program = start("--data", str(deep))
    assert counted(program)["clients"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stats", "--ephemeral"], "name its directory with --data"),
        (["--stats", "--background"], "name its directory with --data"),
        (["--stats=xml"], "takes nothing or =json"),
    ],
)
def test_wrong_usage_is_said(arguments, says):
    done = ask(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
