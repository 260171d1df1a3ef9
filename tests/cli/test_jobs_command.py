# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from support import Program, connect_to


class Slow:
    """An endpoint whose jobs take their time."""

    def __init__(self, program: Program) -> None:
        self.endpoint = program.endpoint
        self.place = [
            "localhost",
            f"--port={self.endpoint.port}",
            f"--ca-file={self.endpoint.ca}",
            f"--credentials-file={self.endpoint.credentials}",
        ]

    def connect(self) -> psycopg.Connection:
        return connect_to(self.endpoint, autocommit=True)

    def index(self, rows: str = "", unique: str = "") -> str:
        """A table with an index that is being built: the id of its job."""
        with self.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS slow")
            connection.execute("CREATE TABLE slow (a int)")
            if rows:
                connection.execute(f"INSERT INTO slow VALUES {rows}")
            row = connection.execute(f"CREATE {unique} INDEX ASYNC slow_a ON slow (a)").fetchone()
        assert row is not None
        return str(row[0])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Slow]:
    program = Program("--port", "0", "--ephemeral", "--job-delay", "2000")
    yield Slow(program)
    program.stop()


def test_no_jobs(dsql, endpoint):
    assert dsql("jobs", *endpoint.place).stdout == "no jobs\n"
    done = dsql("jobs", *endpoint.place, "--json", "--wait")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_job_is_listed_while_it_runs_and_waited_for(dsql, endpoint):
    job = endpoint.index()
    done = dsql("jobs", *endpoint.place)
    assert done.returncode == 0
    pattern = rf"{job}  (submitted |processing)  INDEX_BUILD  .*  public\.slow_a\n"
    assert re.fullmatch(pattern, done.stdout), done.stdout

    too_short = dsql("jobs", *endpoint.place, "--wait", "--timeout=1")
    assert (too_short.returncode, too_short.stdout) == (1, "")
    assert too_short.stderr == "dsql jobs: 1 job is still under way after 1 s\n"

    (listed,) = json.loads(dsql("jobs", *endpoint.place, "--wait", "--json").stdout)
    assert listed["job_id"] == job
    assert (listed["status"], listed["job_type"]) == ("completed", "INDEX_BUILD")
    assert listed["object_name"] == "public.slow_a"


def test_job_that_fails_is_told_with_its_reason(dsql, endpoint):
    job = endpoint.index(rows="(1), (1)", unique="UNIQUE")
    done = dsql("jobs", *endpoint.place, job, "--wait")
    assert done.returncode == 1
    line, reason = done.stdout.splitlines()
    assert line.startswith(f"{job}  failed")
    assert "Key (a)=(1) is duplicated" in reason
    # It is known, so that nobody waits for it: only who names it is told again.
    assert dsql("jobs", *endpoint.place, "--wait").returncode == 0
    assert dsql("jobs", *endpoint.place, job, "--wait").returncode == 1
    assert dsql("jobs", *endpoint.place, job).returncode == 0


def test_job_that_is_not_there_is_a_failure(dsql, endpoint):
    done = dsql("jobs", *endpoint.place, "abcdefghijklmnopqrstuvwxyz")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no job abcdefghijklmnopqrstuvwxyz" in done.stderr


def test_connection_that_does_not_come_about_is_a_failure(dsql, keys):
    done = dsql("jobs", "localhost", "--port=1", variables=keys)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dsql jobs: cannot connect to localhost")
