# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql local."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libdsql.local
import psycopg
import pytest
from command import PROGRAM, environment
from support import connect_to, wait_for


@pytest.fixture
def data(place: Path, dsql) -> Iterator[str]:
    """A data directory whose endpoint, if there is one, ends with the test."""
    yield f"--data={place / 'data'}"
    dsql("local", "stop", "--now", f"--data={place / 'data'}")


def test_endpoint_is_started_once_told_and_stopped(dsql, data, place):
    done = dsql("local", "start", data, "--max-connections", "7")
    assert (done.returncode, done.stderr) == (0, "")
    assert dsql("local", "start", data).stdout == done.stdout
    ready = libdsql.local.parse_ready(done.stdout)

    told = json.loads(dsql("local", "status", data, "--json").stdout)
    process = told.pop("pid")
    assert (Path("/proc") / str(process) / "cmdline").read_bytes().count(b"--max-connections") == 1
    assert told == {"running": True, "data": str(place / "data"), **ready._asdict()}

    table = dsql("local", "status", data)
    assert table.returncode == 0
    assert table.stdout.startswith(f"running      process {process}\nhost         localhost, port ")

    assert dsql("local", "stop", data).stdout == "stopped\n"
    assert dsql("local", "status", data).returncode == 1


def test_endpoint_that_does_not_run_is_told_by_the_status(dsql, data, place):
    done = dsql("local", "status", data)
    assert (done.returncode, done.stdout) == (1, f"not running  {place / 'data'}\n")
    told = json.loads(dsql("local", "status", data, "--json").stdout)
    assert told == {"running": False, "data": str(place / "data")}
    stopped = dsql("local", "stop", data)
    assert (stopped.returncode, stopped.stdout) == (0, "was not running\n")


def test_reset_removes_the_rows_and_keeps_the_identity(dsql, data):
    before = libdsql.local.parse_ready(dsql("local", "start", data).stdout)
    with connect_to(before, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    assert dsql("local", "reset", data).returncode == 0
    assert dsql("local", "status", data).returncode == 1
    after = libdsql.local.parse_ready(dsql("local", "start", data).stdout)
    assert after._replace(port=before.port) == before
    with connect_to(after, autocommit=True) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)


def test_reset_of_what_never_was_is_no_failure(dsql, data):
    assert dsql("local", "reset", data).returncode == 0


def test_now_ends_open_transactions_at_once(dsql, data):
    ready = libdsql.local.parse_ready(dsql("local", "start", data, "--drain", "3600").stdout)
    connection = connect_to(ready)
    connection.execute("SELECT 1")
    assert dsql("local", "stop", "--now", data).stdout == "stopped\n"
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_logs_are_those_of_the_endpoint_or_of_its_postgresql(dsql, data):
    missing = dsql("local", "logs", data)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "No such file or directory" in missing.stderr
    ready = libdsql.local.parse_ready(dsql("local", "start", data, "--verbose").stdout)
    connect_to(ready).close()
    wait_for(lambda: "user admin signed in" in dsql("local", "logs", data).stdout)
    assert "user admin" not in dsql("local", "logs", "--postgres", data).stdout


def test_logs_are_followed(dsql, data):
    ready = libdsql.local.parse_ready(dsql("local", "start", data, "--verbose").stdout)
    with subprocess.Popen(
        [PROGRAM, "local", "logs", "--follow", data], stdout=subprocess.PIPE, env=environment()
    ) as process:
        connect_to(ready).close()
        assert process.stdout is not None
        assert any(b"user admin signed in" in line for line in process.stdout)
        process.kill()


def test_users_own_endpoint_is_meant_without_a_directory(dsql, place):
    variables = {"XDG_DATA_HOME": str(place)}
    done = dsql("local", "status", "--json", variables=variables)
    assert json.loads(done.stdout)["data"] == os.fspath(place / "dsql-local")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to do: start, status, stop, reset, logs"),
        (["restart"], 'there is no action "restart"'),
        (["stop", "reset"], "one at a time"),
        (["--json", "start"], '"start" comes before its options'),
    ],
)
def test_wrong_usage(dsql, arguments, said):
    done = dsql("local", *arguments)
    assert (done.returncode, done.stderr) == (
        2,
        f"dsql local: {said}; see dsql local --help\n",
    )


def test_wrong_options_of_start_are_told_by_dsql_local(dsql):
    done = dsql("local", "start", "--port", "x")
    assert done.returncode == 2
    assert done.stderr.startswith("dsql-local: --port takes a number")
