# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests share: a running dsql-local, tokens and connections for it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libdsql
import libdsql.local
import psycopg


class Program:
    """A running dsql-local."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [libdsql.local.program(), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"dsql-local did not start: {self.process.communicate()[1]}")
        self.endpoint = libdsql.local.parse_ready(line)

    @staticmethod
    def environment() -> dict[str, str]:
        """As the library gives it; a sanitized program also looks for its own leaks."""
        variables = libdsql.local.environment()
        variables.pop("ASAN_OPTIONS", None)
        return variables

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit status and what it said on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


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


def drive_to(endpoint: libdsql.local.LocalEndpoint, **keywords: Any) -> libdsql.Connection:
    return libdsql.connect(
        **{
            "host": "localhost",
            "hostaddr": "127.0.0.1",
            "port": endpoint.port,
            "region": endpoint.region,
            "sslrootcert": endpoint.ca,
            "credentials_file": endpoint.credentials,
            **keywords,
        }
    )


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Until it holds; fails when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def endpoint_process(data: Path) -> int:
    """For host="local": the process that serves the data directory: the one that holds its lock."""
    lock = (data / "dsql-local" / "lock").stat()
    identity = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if identity in words and "->" not in words:
            return int(words[4])
    raise ProcessLookupError(f"nobody holds the lock of {data}")


def end_endpoint(data: Path) -> None:
    """Ends the endpoint that host="local" has started there, if one runs."""
    try:
        process = endpoint_process(data)
    except OSError:
        return
    os.kill(process, signal.SIGTERM)
    wait_for(lambda: not Path(f"/proc/{process}").exists())
