# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs SQLAlchemy's own tests for dialects on a local endpoint, once for each driver named.

python tests/suite/run.py [DRIVER...] [-- ARGUMENT OF PYTEST...]

What became of each test is written to build/suite/, for tools/make_suite_page.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import sqlalchemy
from sqlalchemy import URL

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parents[1] / "build/suite"
sys.path.insert(0, str(FOLDER.parent))

from support import Program  # noqa: E402

#: Each driver, for asyncio under the name that SQLAlchemy gives such a URL in its tests.
DRIVERS = ("libdsql", "libdsql_async", "psycopg", "psycopg_async", "psycopg2", "asyncpg")


def main(arguments: list[str]) -> int:
    drivers, _, options = (" ".join(arguments)).partition("--")
    failed = 0
    for driver in drivers.split() or DRIVERS:
        program = Program("--ephemeral", "--port", "0")
        endpoint = program.endpoint
        url = URL.create(
            f"auroradsql+{driver}",
            username="admin",
            host="localhost",
            port=endpoint.port,
            database="postgres",
            query={
                "hostaddr": "127.0.0.1",
                "sslrootcert": endpoint.ca,
                "credentials_file": endpoint.credentials,
                "foreign_keys": "true",
            },
        )
        print(f"-- SQLAlchemy's tests, driver {driver}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-c", "setup.cfg", "test_suite.py"]
        results = RESULTS / f"{driver}-{sqlalchemy.__version__}.json"
        command += ["--dburi", url.render_as_string(), "-p", "results", "--results", str(results)]
        command += options.split()
        try:
            failed += subprocess.run(command, cwd=FOLDER).returncode != 0
        finally:
            program.stop()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
