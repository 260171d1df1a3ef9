# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The example program, run as its README says."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Program, connect_to

CLINIC = Path(__file__).parents[2] / "examples" / "pet-clinic-app"

CLINICS = ("pet_clinic.py", "pet_clinic_async.py")

CLUSTER = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def local() -> Iterator[Program]:
    """A running endpoint that host="local" finds where its data is, in place of the user's own."""
    place = Path(tempfile.mkdtemp(prefix="dsql-test-", dir="/tmp"))
    place.chmod(0o711)
    program = Program("--port", "0", "--data", str(place / "dsql-local"))
    yield program
    program.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def run(local: Program, driver: str) -> Run:
    """Runs the pet clinic."""

    def runner(program: str = CLINICS[0], **settings: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(
            [sys.executable, CLINIC / program],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **inherited,
                "DRIVER": driver,
                "XDG_DATA_HOME": str(Path(local.endpoint.ca).parents[1]),
                **settings,
            },
        )

    return runner


def printed_by_readme(program: str) -> list[str]:
    """The output that the README shows, without the line that names endpoint and driver."""
    words = {"pet_clinic.py": "It prints:", "pet_clinic_async.py": "It prints as well:"}[program]
    lines = (CLINIC / "README.md").read_text().split(words)[1].split("##")[0].splitlines()
    return [line.strip() for line in lines if line.strip()][1:]


@pytest.mark.parametrize(
    ("program", "driver"),
    [
        *((CLINICS[0], driver) for driver in ("libdsql", "psycopg", "psycopg2")),
        *((CLINICS[1], driver) for driver in ("libdsql", "psycopg", "asyncpg")),
    ],
    indirect=["driver"],
)
def test_clinic_prints_what_its_readme_shows_and_leaves_no_tables(
    run: Run, program: str, driver: str, local: Program
) -> None:
    done = run(program)
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first == f"clinic   local as admin, driver {driver}"
    assert rest == printed_by_readme(program)
    with connect_to(local.endpoint, autocommit=True) as connection:
        left = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert not {"owner", "pet", "vet", "specialty", "checkup"} & {name for (name,) in left}


def test_clinic_runs_twice(run: Run) -> None:
    assert [run().returncode, run().returncode] == [0, 0]


def test_clinic_runs_as_a_role_with_a_schema_of_its_own(
    run: Run, driver: str, local: Program
) -> None:
    credentials = configparser.ConfigParser()
    credentials.read(local.endpoint.credentials)
    arn = credentials["default"]["dsql_arn"]
    role = f"clinic_{driver}"
    with connect_to(local.endpoint, autocommit=True) as admin:
        for statement in (
            f"CREATE ROLE {role} WITH LOGIN",
            f"AWS IAM GRANT {role} TO '{arn}'",
            f"CREATE SCHEMA {role}",
            f"GRANT ALL ON SCHEMA {role} TO {role}",
        ):
            admin.execute(statement)
    for program in CLINICS if driver == "libdsql" else CLINICS[:1]:
        done = run(program, CLUSTER_USER=role)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[0] == f"clinic   local as {role}, driver {driver}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CLUSTER_ENDPOINT": "abcdefghijklmnopqrstuvwxyz", "AWS_REGION": ""}, "needs a region"),
        ({"CLUSTER_ENDPOINT": CLUSTER, "HOME": "/dev/null"}, "no AWS credentials"),
        ({"DRIVER": "pg8000"}, "'libdsql' or 'psycopg' or 'psycopg2'"),
    ],
)
def test_wrong_setting_is_told_in_one_line(run: Run, settings: dict[str, str], words: str) -> None:
    done = run(**settings)
    assert done.returncode == 1
    assert done.stderr.startswith("pet clinic: ") and words in done.stderr
    assert done.stderr.count("\n") == 1
