# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What the rules cost dsql-local for each statement: builds rule_check.c and runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "bench"


def meson(*arguments: str | Path) -> None:
    """The one beside this Python, as ninja is, or else the system's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["/usr/bin/env", "meson", *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PATH": path},
    )


def build(program: str) -> Path:
    """A program of this folder's meson.build."""
    if not (FOLDER / "build.ninja").exists():
        options = ["-Dbuild_tests=true", "-Dbuildtype=release", "-Dpython=disabled"]
        meson("setup", FOLDER, *options)
    meson("compile", "-C", FOLDER, program)
    return FOLDER / "bench" / program


def microseconds(median: str, minimum: str) -> str:
    return f"{int(median) / 1000:.2f} µs ({int(minimum) / 1000:.2f})"


def run() -> str:
    output = subprocess.run(
        [build("rule_check")], check=True, capture_output=True, text=True
    ).stdout
    lines = [
        "## Rules of dsql-local, for each statement",
        "",
        "The statement is parsed and judged; its median and (minimum) of 41 rounds, taking turns "
        "with the same one found in the cache. `./dev bench rules` makes this table.",
        "",
        "| statement | bytes | read anew | from the cache | ratio |",
        "|---|---|---|---|---|",
    ]
    for line in output.splitlines():
        name, length, median, minimum, kept, kept_minimum = line.split("\t")
        cells = microseconds(median, minimum), microseconds(kept, kept_minimum)
        ratio = f"{int(kept) / int(median):.3f}"
        lines.append(f"| {name} | {length} | {cells[0]} | {cells[1]} | {ratio} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(run())
