# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql psql."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pytest

CLUSTER = "abcdefghijklmnopqrstuvwxyz"
HOST = f"{CLUSTER}.dsql.eu-west-1.on.aws"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@pytest.fixture
def impostor(tmp_path: Path) -> dict[str, str]:
    """A PATH whose psql tells its arguments and its environment."""
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\nprintf "argument %s\\n" "$@"\nenv\nexit 3\n')
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:{SYSTEM_PATH}"}


def settings(output: str) -> dict[str, str]:
    lines = (line.partition("=") for line in output.splitlines())
    return {name: value for name, _, value in lines if name.startswith("PG")}


def test_psql_is_signed_in(dsql, place_of):
    done = dsql("psql", *place_of, "--", "-X", "-At", "-c", "SELECT current_user, 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "admin|1\n", "")


def test_script_on_standard_input_runs_and_its_status_is_told(dsql, place_of):
    script = "SELECT 'ä';\nTRUNCATE a;\n"
    done = dsql("psql", *place_of, "--", "-X", "-At", "-v", "ON_ERROR_STOP=1", given=script)
    assert (done.returncode, done.stdout) == (3, "ä\n")
    assert "unsupported statement: Truncate" in done.stderr


def test_server_is_verified(dsql, place_of):
    place = [word for word in place_of if not word.startswith("--ca-file")]
    done = dsql("psql", *place, "--", "-c", "SELECT 1")
    assert done.returncode == 2
    assert "certificate verify failed" in done.stderr


def test_token_and_settings_are_in_the_environment_only(dsql, keys, impostor):
    done = dsql("psql", HOST, "--user=app", "--", "-c", "x", variables={**keys, **impostor})
    assert done.returncode == 3
    words = [line.partition(" ")[2] for line in done.stdout.splitlines() if line[:9] == "argument "]
    assert words == ["-c", "x"]
    told = settings(done.stdout)
    assert told.pop("PGPASSWORD").startswith(f"{HOST}/?Action=DbConnect&")
    assert Path(told.pop("PGSSLROOTCERT")).is_file()
    assert told.pop("PGAPPNAME").startswith("dsql-psql/")
    assert told == {
        "PGHOST": HOST,
        "PGPORT": "5432",
        "PGUSER": "app",
        "PGDATABASE": "postgres",
        "PGSSLMODE": "verify-full",
        "PGSSLNEGOTIATION": "direct",
        "PGSSLSNI": "1",
        "PGGSSENCMODE": "disable",
        "PGCONNECT_TIMEOUT": "30",
    }


def test_environment_leads_a_newer_library_there_with_direct_tls(dsql, place_of, tmp_path):
    """psycopg stands for a psql whose library is newer than the system's may be."""
    assert psycopg.pq.version() >= 170000
    program = tmp_path / "psql"
    program.write_text(
        f"#!{sys.executable}\n"
        "import psycopg\n"
        "connection = psycopg.connect('')\n"
        "print(connection.info.user, connection.pgconn.ssl_in_use)\n"
    )
    program.chmod(0o755)
    done = dsql("psql", *place_of, variables={"PATH": f"{tmp_path}:{SYSTEM_PATH}"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "admin True\n"


def test_what_would_lead_elsewhere_is_left_out(dsql, keys, impostor):
    misleading = {"PGSERVICE": "x", "PGHOSTADDR": "192.0.2.1", "PGCHANNELBINDING": "require"}
    kept = {"PGAPPNAME": "mine", "PGTZ": "UTC"}
    variables = {**keys, **impostor, **misleading, **kept}
    told = settings(dsql("psql", HOST, variables=variables).stdout)
    assert not misleading.keys() & told.keys()
    assert kept.items() <= told.items()


def test_privatelink_names_its_cluster_in_the_settings(dsql, keys, impostor):
    host = "vpce-0a1b.dsql-fnh4.eu-west-1.vpce.amazonaws.com"
    variables = {**keys, **impostor, "PGOPTIONS": "-c a=b"}
    done = dsql("psql", host, f"--cluster-id={CLUSTER}", variables=variables)
    told = settings(done.stdout)
    assert told["PGPASSWORD"].startswith(f"{HOST}/?")
    assert told["PGOPTIONS"] == f"-c a=b -c amzn-cluster-id={CLUSTER}"
    assert told["PGSSLMODE"] == "verify-ca"


def test_arguments_of_psql_stand_behind_two_dashes(dsql, keys):
    done = dsql("psql", HOST, "other", variables=keys)
    assert done.returncode == 2
    assert done.stderr == ("dsql psql: psql's arguments stand behind --; see dsql psql --help\n")


def test_missing_psql_is_told_with_what_to_install(dsql, keys, tmp_path):
    variables = {**keys, "PATH": str(tmp_path), "DSQL_LOCAL_POSTGRES": str(tmp_path)}
    done = dsql("psql", HOST, variables=variables)
    assert done.returncode == 127
    assert "psql is not installed: apt-get install postgresql-client" in done.stderr


def test_psql_of_the_local_endpoints_postgresql_is_taken_when_there_is_no_other(
    dsql, keys, impostor, tmp_path
):
    empty = tmp_path / "empty"
    empty.mkdir()
    variables = {**keys, "PATH": str(empty), "DSQL_LOCAL_POSTGRES": str(tmp_path)}
    assert "argument -c" in dsql("psql", HOST, "--", "-c", variables=variables).stdout
