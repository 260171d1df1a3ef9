# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What it costs to sign a connection in, beside the package that this one replaces.

That package lives in a virtual environment of its own, made here at the first
run. Every sample of "import and first token" is a new process; the contenders
take turns. Memory is the growth of the resident set.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROUNDS = 9
TOKENS = 200
PEER = "aurora-dsql-sqlalchemy==1.3.0"
FOLDER = Path(__file__).parents[1] / "build" / "peer"
HOST = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws"

# What both do: SQLAlchemy is there already; what comes on top is measured.
THERE = "import sqlalchemy, sqlalchemy.dialects.postgresql.psycopg, psycopg"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
_FRAME = """
import json, sys, time
{there}

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

memory, began = resident(), time.perf_counter()
{first}
first, memory = time.perf_counter() - began, resident() - memory
samples = []
for _ in range({times}):
    began = time.perf_counter()
    act()
    samples.append(time.perf_counter() - began)
json.dump([first, memory, sorted(samples)[len(samples) // 2], min(samples)], sys.stdout)
"""

OURS = f"""
import aurora_dsql_sqlalchemy, libdsql
act = lambda: libdsql.token("{HOST}", "admin")
act()
"""

THEIRS = f"""
import aurora_dsql_sqlalchemy, aurora_dsql_psycopg
from dsql_core.connection_utils import ConnectionUtilities
options = {{"host": "{HOST}", "user": "admin", "custom_credentials_provider": None}}
act = lambda: ConnectionUtilities.parse_properties_and_set_token(
    None, dict(options), driver_name="psycopg"
)
act()
"""


def peer() -> Path:
    """The interpreter of the environment that holds the existing package."""
    python = FOLDER / "bin" / "python"
    if not (FOLDER / "ready").exists():
        print(f"bench: installing {PEER} into {FOLDER}", file=sys.stderr)
        venv.create(FOLDER, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", PEER, "psycopg[binary,pool]"]
        subprocess.run(command, check=True)
        (FOLDER / "ready").touch()
    return python


def version(python: Path, name: str) -> str:
    program = f"import importlib.metadata as m; print(m.version({name!r}))"
    return subprocess.run(
        [python, "-c", program], check=True, capture_output=True, text=True
    ).stdout.strip()


def sample(
    python: Path | str, first: str, times: int, environment: dict[str, str], there: str = ""
) -> list[float]:
    """Of a new process: seconds and bytes of `first`, which defines act() and calls it; median and
    minimum of act() after that. there: what is imported before."""
    source = _FRAME.format(there=there, first=first, times=times)
    done = subprocess.run(
        [python, "-c", source], check=True, capture_output=True, text=True, env=environment
    )
    return json.loads(done.stdout)


def row(name: str, ours: list[float], theirs: list[float], scale: float, unit: str) -> str:
    mine, its = statistics.median(ours) * scale, statistics.median(theirs) * scale
    return (
        f"| {name} | {mine:,.1f} {unit} ({min(ours) * scale:,.1f}) "
        f"| {its:,.1f} {unit} ({min(theirs) * scale:,.1f}) | {its / mine:,.0f} |"
    )


def run() -> str:
    python = peer()
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], **KEYS}
        for number in range(ROUNDS):
            ours.append(sample(sys.executable, OURS, 20 * TOKENS, environment, THERE))
            theirs.append(sample(python, THEIRS, TOKENS // 20, environment, THERE))
            if sys.stderr.isatty():
                print(f"\rbench: token, round {number + 1} of {ROUNDS} ", end="", file=sys.stderr)
    mine = importlib.metadata.version("aurora-dsql-sqlalchemy")
    peers = {name: version(python, name) for name in ("aurora-dsql-sqlalchemy", "boto3")}
    return "\n".join(
        [
            "## Signing in",
            "",
            f"aurora-dsql-sqlalchemy {mine} beside aurora-dsql-sqlalchemy "
            f"{peers['aurora-dsql-sqlalchemy']} (boto3 {peers['boto3']}); median and (minimum) of "
            f"{ROUNDS} processes each; on top of SQLAlchemy and psycopg, which both import first. "
            "`./dev bench token` makes this table.",
            "",
            "| | this package | the existing one | ratio |",
            "|---|---|---|---|",
            row(
                "token for a new connection",
                [s[2] for s in ours],
                [s[2] for s in theirs],
                1e6,
                "µs",
            ),
            row("import and first token", [s[0] for s in ours], [s[0] for s in theirs], 1e3, "ms"),
            row("memory of that", [s[1] for s in ours], [s[1] for s in theirs], 1e-6, "MB"),
        ]
    )
