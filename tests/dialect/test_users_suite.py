# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Requirements and provision, as a suite of somebody else's uses them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import libdsql.local
import pytest
from sqlalchemy import URL
from support import connect_to
from versions import since

SUITE = Path(__file__).parents[2] / "examples" / "sqlalchemy-suite"


@since("2.0.10")  # provision.upsert() with keywords
@pytest.mark.parametrize("driver", ["libdsql", "psycopg"])
def test_suite_of_somebody_else_runs_with_our_requirements(
    driver: str, endpoint: libdsql.local.LocalEndpoint
) -> None:
    url = URL.create(
        f"auroradsql+{driver}",
        username="admin",
        host="localhost",
        port=endpoint.port,
        query={
            "hostaddr": "127.0.0.1",
            "sslrootcert": endpoint.ca,
            "credentials_file": endpoint.credentials,
        },
    )
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider"]
    command += ["-c", "setup.cfg", "--dburi", url.render_as_string()]
    done = subprocess.run(command, cwd=SUITE, capture_output=True, text=True, timeout=120)
    with connect_to(endpoint, autocommit=True) as connection:
        connection.execute("DROP SCHEMA test_schema")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b3 passed, 2 skipped\b", done.stdout), done.stdout
    said = re.sub(r"\s+", " ", done.stdout)
    assert "savepoints: there are no savepoints (dsql-rules.md#transactions)" in said
    assert "temporary_tables: there are no temporary tables (dsql-rules.md#tables)" in said
