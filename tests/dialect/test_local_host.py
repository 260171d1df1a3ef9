# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""host="local": the endpoint of this user is found or started, and started again when it ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import libdsql
import libdsql.local
import pytest
from aurora_dsql_sqlalchemy import create_dsql_engine
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from support import end_endpoint


@pytest.fixture
def data(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the endpoint of this test keeps its data; it is ended with the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
    monkeypatch.setattr(libdsql.local, "_known", None)
    yield place
    end_endpoint(place)


def user_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT current_user")).scalar_one())


def test_endpoint_is_started_shared_and_started_again(
    data: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    # Neither the user's AWS settings nor a CA of theirs has a part in it.
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAELSEWHERE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "elsewhere")
    engine = create_dsql_engine("local", driver=driver, sslrootcert="/nowhere.pem")
    assert user_of(engine) == "admin"
    first = libdsql.local.endpoint()

    other_process = "import libdsql.local; print(libdsql.local.endpoint().port)"
    said = subprocess.run(
        [sys.executable, "-c", other_process], capture_output=True, text=True, check=True
    )
    assert int(said.stdout) == first.port

    engine.dispose()
    end_endpoint(data)
    assert user_of(engine) == "admin"
    assert libdsql.local.endpoint().cluster == first.cluster
    engine.dispose()


def test_plain_url_reaches_it(data: Path, driver: str) -> None:
    engine = create_engine(f"auroradsql+{driver}://admin@local/postgres")
    assert user_of(engine) == "admin"
    engine.dispose()


def test_program_that_is_not_there_is_named(
    data: Path, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSQL_LOCAL", str(data / "nowhere"))
    engine = create_dsql_engine("local", driver=driver)
    with pytest.raises(OperationalError, match="nowhere cannot be run: No such file"):
        engine.connect()


def test_endpoint_that_does_not_start_says_why(data: Path, driver: str) -> None:
    (data / "dsql-local").write_text("a file stands in the way")
    engine = create_dsql_engine("local", driver=driver)
    with pytest.raises(OperationalError, match=f"{data}/dsql-local.*--data"):
        engine.connect()


def test_console_script_in_path_is_not_taken_for_the_program(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = place / "dsql-local"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.delenv("DSQL_LOCAL", raising=False)
    monkeypatch.setattr(libdsql.local, "__file__", str(place / "elsewhere" / "local.py"))
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(libdsql.InterfaceError, match="dsql-local is not installed"):
        libdsql.local.program()


def test_ready_line_may_hold_file_names_with_spaces() -> None:
    line = "ready host=localhost port=5 cluster=c region=r ca=/a b/ca.pem credentials=/a b/keys\n"
    assert libdsql.local.parse_ready(line) == ("localhost", 5, "c", "r", "/a b/ca.pem", "/a b/keys")


@pytest.mark.parametrize("line", ["", "ready", "error host=a", "ready host=a port=x cluster=b"])
def test_line_that_is_no_ready_line_is_refused(line: str) -> None:
    with pytest.raises(libdsql.OperationalError, match="did not say where it is"):
        libdsql.local.parse_ready(line)
