# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping dsql-local, and what goes wrong with it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import libdsql.local
import psycopg
import pytest
from support import connect_to, wait_for

MANUAL = Path(__file__).parents[2] / "dsql-local" / "dsql-local.1"


def run(*arguments: str, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [libdsql.local.program(), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**libdsql.local.environment(), **variables},
    )


def refused(*arguments: str, **variables: str) -> str:
    """The one sentence of a start that fails."""
    done = run(*arguments, **variables)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("dsql-local: ")
    return done.stderr


# ------------------------------------------------------------------------ command line


def test_help_fits_a_screen_and_names_the_options_of_the_manual():
    text = run("--help").stdout
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 90
    in_help = set(re.findall(r"--[a-z-]+", text))
    in_manual = {f"--{name}" for name in re.findall(r"Fl -([a-z-]+)", MANUAL.read_text())}
    assert in_help == in_manual


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--nonsense"], "there is no option --nonsense"),
        (["--port"], "--port lacks its value"),
        (["--port", "x"], "--port takes a number"),
        (["--port", "65536"], "--port takes a number"),
        (["--data", "/x", "--ephemeral"], "contradict"),
        (["--listen", "0.0.0.0"], "--allow-public-listen"),
        (["argument"], 'no argument "argument"'),
        (["--background", "--ephemeral"], "--ephemeral"),
    ],
)
def test_wrong_usage_is_said_in_one_line(arguments, says):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


# ------------------------------------------------------------------------------- faults


def test_port_in_use_is_said(place, start):
    port = str(start("--ephemeral").endpoint.port)
    assert f"port {port} of 127.0.0.1 is in use" in refused("--ephemeral", "--port", port)


def test_directory_in_use_is_said(place, start):
    start("--data", f"{place}/data")
    assert "in use by another dsql-local" in refused("--data", f"{place}/data", "--port", "0")


def test_data_of_another_version_is_said(place, start):
    start("--data", f"{place}/data").stop()
    version = place / "data" / "pg" / "data" / "PG_VERSION"
    version.write_text("11\n")
    assert "is of PostgreSQL 11" in refused("--data", f"{place}/data", "--port", "0")


def test_missing_postgresql_is_said(place):
    said = refused("--ephemeral", "--postgres", str(place))
    assert "no working initdb and postgres" in said


def test_postgresql_that_cannot_start_is_said_with_its_log(place, start):
    start("--data", f"{place}/data").stop()
    (place / "data" / "pg" / "data" / "global" / "pg_control").unlink()
    said = refused("--data", f"{place}/data", "--port", "0")
    assert "PostgreSQL could not be started" in said
    assert "pg_control" in said


def test_file_in_place_of_the_directory_is_said(place):
    (place / "file").write_text("")
    assert "--data" in refused("--data", f"{place}/file", "--port", "0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_directory_out_of_postgresqls_reach_is_said(place):
    (place / "private").mkdir(mode=0o700)
    said = refused("--data", f"{place}/private/data", "--port", "0")
    assert "outside of private homes" in said


def test_wrong_region_is_said():
    assert "not an AWS region" in refused("--ephemeral", "--region", "nowhere")


# ------------------------------------------------------------------------------ keeping


def test_data_identity_and_keys_stay_from_run_to_run(place, start):
    first = start("--data", f"{place}/data", "--ready-file", f"{place}/ready")
    assert libdsql.local.parse_ready((place / "ready").read_text().strip()) == first.endpoint
    ca = Path(first.endpoint.ca).read_bytes()
    with connect_to(first.endpoint) as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.commit()
        connection.execute("INSERT INTO kept VALUES (1)")
    assert first.stop()[0] == 0
    assert not (place / "data" / "ready").exists()
    second = start("--data", f"{place}/data")
    assert second.endpoint.cluster == first.endpoint.cluster
    assert Path(second.endpoint.ca).read_bytes() == ca
    with connect_to(second.endpoint) as connection:
        assert connection.execute("SELECT * FROM kept").fetchall() == [(1,)]


def test_another_region_gets_another_certificate(place, start):
    start("--data", f"{place}/data").stop()
    program = start("--data", f"{place}/data", "--region", "eu-west-3")
    assert program.endpoint.region == "eu-west-3"
    with connect_to(program.endpoint) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_ephemeral_leaves_nothing(start):
    program = start("--ephemeral")
    folder = Path(program.endpoint.ca).parent
    assert folder.is_dir()
    assert program.stop(signal.SIGINT)[0] == 0
    assert not folder.exists()


def test_secrets_are_for_their_owner_only(start):
    folder = Path(start("--ephemeral").endpoint.ca).parent
    for name in ["ca.key", "server.key", "credentials"]:
        assert (folder / name).stat().st_mode & 0o077 == 0


def test_added_key_pairs_are_taken_up(start):
    endpoint = start("--ephemeral").endpoint
    token = libdsql.token("localhost", access_key="AKIANEW", secret_key="S")
    with pytest.raises(psycopg.OperationalError, match="security token"):
        connect_to(endpoint, password=token)
    with open(endpoint.credentials, "a") as file:
        file.write("[new]\naws_access_key_id=AKIANEW\naws_secret_access_key=S\n")
    connect_to(endpoint, password=token).close()


# ------------------------------------------------------------------------------- deaths


def postmaster(endpoint: libdsql.local.LocalEndpoint) -> int:
    return int((Path(endpoint.ca).parent / "pg/data/postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def write_until_it_breaks(endpoint, committed: list[int]) -> None:
    with contextlib.suppress(psycopg.Error), connect_to(endpoint, autocommit=True) as connection:
        for number in range(len(committed), 100_000):
            connection.execute("INSERT INTO survivors VALUES (%s)", [number])
            committed.append(number)


def make_survivors(endpoint) -> None:
    with connect_to(endpoint, autocommit=True) as connection:
        connection.execute("CREATE TABLE survivors (id int PRIMARY KEY)")


def survivors(endpoint) -> set[int]:
    with connect_to(endpoint) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM survivors")}


def test_killed_postgresql_comes_back_with_all_that_was_committed(place, start):
    import threading

    endpoint = start("--data", f"{place}/data").endpoint
    make_survivors(endpoint)
    committed: list[int] = []
    writer = threading.Thread(target=write_until_it_breaks, args=(endpoint, committed))
    writer.start()
    wait_for(lambda: len(committed) > 50)
    os.kill(postmaster(endpoint), signal.SIGKILL)
    writer.join(30)

    def answers() -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            connect_to(endpoint).close()
            return True
        return False

    wait_for(answers)
    assert set(committed) <= survivors(endpoint)


def test_killed_endpoint_leaves_no_orphan_and_loses_nothing(place, start):
    import threading

    program = start("--data", f"{place}/data")
    make_survivors(program.endpoint)
    committed: list[int] = []
    writer = threading.Thread(target=write_until_it_breaks, args=(program.endpoint, committed))
    writer.start()
    wait_for(lambda: len(committed) > 50)
    orphan = postmaster(program.endpoint)
    program.stop(signal.SIGKILL)
    writer.join(30)
    again = start("--data", f"{place}/data")
    wait_for(lambda: not is_alive(orphan))
    assert set(committed) <= survivors(again.endpoint)


def test_clients_are_told_when_the_endpoint_stops(start):
    program = start("--ephemeral")
    connection = connect_to(program.endpoint)
    assert program.stop()[0] == 0
    with pytest.raises(psycopg.OperationalError, match="administrator command"):
        connection.execute("SELECT 1")
    connection.close()


def test_connection_without_a_word_keeps_nobody_waiting(start):
    program = start("--ephemeral")
    with socket.create_connection(("127.0.0.1", program.endpoint.port)):
        connect_to(program.endpoint).close()
        assert program.stop()[0] == 0


def test_round_trips_can_be_made_slow(start):
    endpoint = start("--ephemeral", "--rtt", "60").endpoint
    with connect_to(endpoint, autocommit=True) as connection:
        began = time.monotonic()
        for _ in range(5):
            connection.execute("SELECT 1")
        assert time.monotonic() - began >= 5 * 0.06


# --------------------------------------------------------------------------- background


def test_many_at_once_share_one_endpoint(place):
    command = [libdsql.local.program(), "--background", "--data", f"{place}/data"]
    command += ["--idle-exit", "2"]
    programs = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=libdsql.local.environment()
        )
        for _ in range(8)
    ]
    lines = {program.communicate(timeout=120)[0] for program in programs}
    assert [program.returncode for program in programs] == [0] * 8
    assert len(lines) == 1
    endpoint = libdsql.local.parse_ready(lines.pop().strip())
    connect_to(endpoint).close()
    pid = postmaster(endpoint)
    wait_for(lambda: not is_alive(pid))  # idle for two seconds
    assert not (place / "data" / "ready").exists()


def test_background_failure_is_said_by_the_starter(place):
    said = refused("--background", "--data", f"{place}/data", "--postgres", str(place))
    assert "no working initdb and postgres" in said


def test_stale_ready_file_is_not_believed(place):
    (place / "data").mkdir(mode=0o711)
    (place / "data" / "ready").write_text("ready host=localhost port=1 cluster=x\n")
    done = run("--background", "--data", f"{place}/data", "--idle-exit", "1")
    assert done.returncode == 0, done
    endpoint = libdsql.local.parse_ready(done.stdout.strip())
    assert endpoint.port != 1
    connect_to(endpoint).close()
    pid = postmaster(endpoint)
    wait_for(lambda: not is_alive(pid))
