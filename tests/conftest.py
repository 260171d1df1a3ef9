# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A local endpoint for the tests, and connections to it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libdsql
import libdsql.local
import psycopg
import pytest
from support import Program, connect_to, drive_to, token_for

# No test asks a cloud that it happens to run in, unless it brings one of its own.
os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Where libdsql's credentials are compared with botocore's."""
    from aws_ground import on_ground

    yield from on_ground(monkeypatch, tmp_path)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the user under whom PostgreSQL runs can reach."""
    path = Path(tempfile.mkdtemp(prefix="dsql-test-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """Starts endpoints of a test's own; they are ended with it."""
    programs: list[Program] = []

    def starter(*arguments: str) -> Program:
        programs.append(Program("--port", "0", *arguments))
        return programs[-1]

    yield starter
    for program in programs:
        program.stop()


@pytest.fixture(scope="session")
def endpoint() -> Iterator[libdsql.local.LocalEndpoint]:
    """An endpoint that the tests of a run share."""
    program = Program("--ephemeral", "--port", "0")
    yield program.endpoint
    status, said = program.stop()
    assert status == 0, said
    assert "ERROR: AddressSanitizer" not in said, said
    assert "runtime error" not in said, said


@pytest.fixture
def token(endpoint: libdsql.local.LocalEndpoint) -> Callable[..., str]:
    """Makes tokens for the shared endpoint."""
    return lambda user="admin", **keywords: token_for(endpoint, user, **keywords)


@pytest.fixture
def connect(endpoint: libdsql.local.LocalEndpoint) -> Iterator[Callable[..., psycopg.Connection]]:
    """Opens connections to the shared endpoint; they are closed with the test."""
    connections: list[psycopg.Connection] = []

    def connector(**keywords: Any) -> psycopg.Connection:
        connections.append(connect_to(endpoint, **keywords))
        return connections[-1]

    yield connector
    for connection in connections:
        connection.close()


@pytest.fixture
def connect_driver(
    endpoint: libdsql.local.LocalEndpoint,
) -> Iterator[Callable[..., libdsql.Connection]]:
    """Opens the driver's connections to the shared endpoint; they are closed with the test."""
    connections: list[libdsql.Connection] = []

    def connector(**keywords: Any) -> libdsql.Connection:
        connections.append(drive_to(endpoint, **keywords))
        return connections[-1]

    yield connector
    for connection in connections:
        connection.close()
