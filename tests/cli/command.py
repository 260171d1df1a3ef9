# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Where dsql is, and the environment it runs in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import libdsql.local

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]

#: The program beside dsql-local, which the package brings.
PROGRAM = Path(libdsql.local.program()).with_name("dsql")


def environment(**variables: str) -> dict[str, str]:
    """Without the AWS variables of whoever runs the tests, and without EC2's metadata; a
    sanitized program looks for its own leaks."""
    inherited = libdsql.local.environment()
    inherited.pop("ASAN_OPTIONS", None)
    kept = {name: value for name, value in inherited.items() if not name.startswith(("AWS_", "PG"))}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", **variables}


def check(done: Done) -> Done:
    for sanitizer in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error"):
        assert sanitizer not in done.stderr, done.stderr
    return done
