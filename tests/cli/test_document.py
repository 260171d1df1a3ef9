# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The shell examples of docs/cli.md, run as they stand there, and what they print."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from command import PROGRAM, environment
from run_document import blocks
from support import end_endpoint

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


PATH = f"{PROGRAM.parent}:/usr/local/bin:/usr/bin:/bin"


def shell(script: str, place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What it prints is in stdout, all of it."""
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        env=environment(PATH=PATH, **variables),
    )


def of(language: str) -> list[str]:
    return [block.text for block in blocks(PAGE) if block.language == language]


def test_examples_of_the_page_run_and_print_what_it_says(place: Path) -> None:
    try:
        done = shell("\n".join(of("sh")), place, XDG_DATA_HOME=str(place))
        assert done.returncode == 0, done.stdout
        assert "AddressSanitizer" not in done.stdout
        assert of("text")
        for printed in of("text"):
            assert printed in done.stdout
    finally:
        end_endpoint(place)


def without_times(text: str) -> str:
    return re.sub(r" +[0-9.]+ ms", " - ms", text)


def test_failures_of_the_page_are_told_so(place: Path, keys: dict[str, str]) -> None:
    assert of("console")
    for example in of("console"):
        command, _, printed = example.removeprefix("$ ").partition("\n")
        done = shell(command, place, **keys)
        assert done.returncode == 1
        assert without_times(done.stdout) == without_times(printed)
