# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What it costs to find credentials, in C, from Python, and with botocore.

botocore is in the virtual environment of the package that this one replaces (token_cost.py). Each
sample is a new process; the contenders take turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rule_check import build
from token_cost import HOST, KEYS, ROUNDS, peer, sample, version

OURS = f"""
import libdsql
act = lambda: libdsql.token("{HOST}", "admin", profile={{profile!r}})
act()
"""
THEIRS = """
import botocore.session
act = lambda: botocore.session.Session(
    profile={profile!r}
).get_credentials().get_frozen_credentials()
act()
"""


def cell(values: list[float], scale: float, unit: str) -> str:
    middle, least = statistics.median(values) * scale, min(values) * scale
    return f"{middle:,.1f} {unit} ({least:,.1f})"


def rows(where: str, profile: str | None, environment: dict[str, str], python: Path) -> list[str]:
    ours, theirs = [], []
    for number in range(ROUNDS):
        ours.append(sample(sys.executable, OURS.format(profile=profile), 2000, environment))
        theirs.append(sample(python, THEIRS.format(profile=profile), 20, environment))
        if sys.stderr.isatty():
            print(f"\rbench: chain, round {number + 1} of {ROUNDS} ", end="", file=sys.stderr)
    program = [str(build("chain_cost")), *([profile] if profile else [])]
    output = subprocess.run(program, check=True, capture_output=True, text=True, env=environment)
    in_c = {}
    for line in output.stdout.splitlines():
        name, *values = line.split("\t")
        in_c[name] = f"{int(values[0]) / 1000:,.1f} µs ({int(values[1]) / 1000:,.1f})"
    found = []
    for act, index, scale, unit, c in (
        (f"{where}: import and first", 0, 1e3, "ms", ""),
        (f"{where}: memory of that", 1, 1e-6, "MB", ""),
        (f"{where}: once more, and signed", 2, 1e6, "µs", in_c["token"]),
    ):
        mine, its = [s[index] for s in ours], [s[index] for s in theirs]
        ratio = statistics.median(its) / max(statistics.median(mine), 1e-9)
        found.append(
            f"| {act} | {c} | {cell(mine, scale, unit)} | {cell(its, scale, unit)} | {ratio:,.0f} |"
        )
    found.append(f"| {where}: looked for anew, in C | {in_c['looked for anew']} | | | |")
    found.append(f"| {where}: kept by the process, in C | {in_c['kept by the process']} | | | |")
    return found


def run() -> str:
    python = peer()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / ".aws"
        folder.mkdir()
        lines = ["[work]", *(f"{name.lower()} = {value}" for name, value in KEYS.items())]
        (folder / "credentials").write_text("\n".join([*lines, ""]))
        plain = {"HOME": home, "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
        table = rows("environment", None, {**plain, **KEYS}, python)
        table += rows("profile", "work", plain, python)
    return "\n".join(
        [
            "## Finding credentials",
            "",
            f"libdsql beside botocore {version(python, 'botocore')} with a new session each time; "
            f"median and (minimum) of {ROUNDS} processes each, in C of 41 rounds. botocore only "
            "finds keys, libdsql signs a token, too. `./dev bench chain` makes this table.",
            "",
            "| | libdsql, C | libdsql, Python | botocore | ratio |",
            "|---|---|---|---|---|",
            *table,
        ]
    )
