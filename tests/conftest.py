# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A local endpoint for the tests, and connections to it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libdsql
import libdsql.local
import psycopg
import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the user under whom PostgreSQL runs can reach."""
    path = Path(tempfile.mkdtemp(prefix="dsql-test-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Program:
    """A running dsql-local."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [libdsql.local.program(), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=libdsql.local.environment(),
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"dsql-local did not start: {self.process.communicate()[1]}")
        self.endpoint = libdsql.local.parse_ready(line)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit status and what it said on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


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


def token_for(endpoint: libdsql.local.LocalEndpoint, user: str = "admin", **keywords: Any) -> str:
    return libdsql.token(
        "localhost",
        user,
        region=endpoint.region,
        **{"credentials_file": endpoint.credentials, "profile": "default", **keywords},
    )


def connect_to(
    endpoint: libdsql.local.LocalEndpoint, user: str = "admin", **keywords: Any
) -> psycopg.Connection:
    return psycopg.connect(
        **{
            "host": "localhost",
            "hostaddr": "127.0.0.1",
            "port": endpoint.port,
            "user": user,
            "dbname": "postgres",
            "sslmode": "verify-full",
            "sslrootcert": endpoint.ca,
            "password": token_for(endpoint, user),
            "connect_timeout": 30,
            **keywords,
        }
    )


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


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Until it holds; fails when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
