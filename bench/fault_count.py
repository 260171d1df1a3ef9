# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Programs on pools whose connections are ended at random, for minutes: what they were told, and
what is found. DSQL_BENCH_MINUTES says how long each driver's program runs, 1 unless set."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from aurora_dsql_sqlalchemy import create_dsql_engine
from everywhere import KINDS, arguments_for
from faults import FAULTS, go, until
from support import Program

WORKERS = 8
SEED = 20261125
AGE = 7
COLUMNS = {
    "begun": "transactions begun",
    "conflicts": "conflicts",
    "unavailable": "server unavailable",
    "ended": "connections ended under them",
    "committed": "told: committed",
    "failed": "told: not committed",
    "unknown": "told: unknown",
    "settled as stored": "found stored",
    "settled as not stored": "found not stored",
    "rows expected": "rows expected",
    "rows found": "rows found",
}


def count(kind: str, seconds: float) -> dict[str, int]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        options = ["--data", f"{folder}/data", "--port", "0"]
        faults = ["--inject", f"{FAULTS},seed={SEED}", "--max-connection-age", str(AGE)]
        faulty = Program(*options, *faults, "--connection-rate", "0")
        program = go(
            kind, faulty.endpoint, SEED, WORKERS, lambda: until(time.monotonic() + seconds)
        )
        faulty.stop()
        sound = Program(*options)
        engine = create_dsql_engine(**arguments_for(sound.endpoint))
        with engine.connect() as connection:
            counts = program.check(connection)
        engine.dispose()
        sound.stop()
    assert counts["rows expected"] == counts["rows found"]
    return counts


def run() -> str:
    minutes = float(os.environ.get("DSQL_BENCH_MINUTES", "1"))
    lines = []
    for kind in KINDS:
        counts = count(kind, minutes * 60)
        print(f"bench: {kind}: {counts}", file=sys.stderr)
        numbers = " | ".join(f"{counts[name]:,}" for name in COLUMNS)
        lines.append(f"| {kind.replace(' asyncio', ', asyncio')} | {numbers} |")
    return (
        "## Connections that end at random\n\n"
        f"{WORKERS} threads or tasks share a pool for {minutes:g} minutes with each driver, on a "
        f"dsql-local with `--inject {FAULTS} --max-connection-age {AGE}`: transactions with "
        "`run_transaction()` and without, sessions that flush several statements, statements that "
        "commit themselves. Every row is accounted for: what was told committed is there once, "
        "what was told not committed is not, and what nobody could know was looked up. "
        "`DSQL_BENCH_MINUTES=3 ./dev bench faults` makes this table.\n\n"
        f"| driver | {' | '.join(COLUMNS.values())} |\n|{'---|' * (len(COLUMNS) + 1)}\n"
        + "\n".join(lines)
    )
