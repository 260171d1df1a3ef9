# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The bare server of replay_server.c beside a dsql-local whose certificate it shows."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import libdsql.local
import rule_check


@contextmanager
def _server(endpoint: libdsql.local.LocalEndpoint, *arguments: str) -> Iterator[int]:
    certificate = Path(endpoint.ca).parent / "server"
    process = subprocess.Popen(
        [rule_check.build("replay_server"), f"{certificate}.pem", f"{certificate}.key", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().removeprefix("ready "))
    finally:
        process.terminate()
        if process.wait() != 0:
            raise RuntimeError("replay_server failed")


@contextmanager
def recorded(
    endpoint: libdsql.local.LocalEndpoint, tape: Path
) -> Iterator[libdsql.local.LocalEndpoint]:
    """What passes through the endpoint that this yields is on the tape afterwards."""
    with _server(endpoint, str(tape), "--record", str(endpoint.port), endpoint.ca) as port:
        yield endpoint._replace(port=port)


@contextmanager
def replayed(
    endpoint: libdsql.local.LocalEndpoint, tape: Path
) -> Iterator[libdsql.local.LocalEndpoint]:
    """Answers from the tape and nothing else."""
    with _server(endpoint, str(tape)) as port:
        yield endpoint._replace(port=port)
