# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The command dsql as a user's shell runs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from command import PROGRAM, Done, Run, check, environment


@pytest.fixture
def dsql() -> Run:
    """Runs dsql with these arguments; `given` is its standard input."""

    def run(
        *arguments: str | os.PathLike[str],
        given: str | bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Done:
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=given.encode() if isinstance(given, str) else given,
            capture_output=True,
            timeout=120,
            env=environment(**(variables or {})),
        )
        output = done.stdout.decode(), done.stderr.decode(errors="replace")
        return check(Done(done.args, done.returncode, *output))

    return run


@pytest.fixture
def place_of(endpoint) -> list[str]:
    """The options that lead to the shared endpoint under its host name."""
    return [
        "localhost",
        f"--port={endpoint.port}",
        f"--region={endpoint.region}",
        f"--ca-file={endpoint.ca}",
        f"--credentials-file={endpoint.credentials}",
        "--hostaddr=127.0.0.1",
    ]


KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Key pairs in the environment, and no files of the user's."""
    return {**KEYS, "HOME": str(tmp_path)}
