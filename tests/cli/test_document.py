# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The shell examples of docs/cli.md, run as they stand there, and what they print."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from command import PROGRAM, check, environment
from support import end_endpoint

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_examples_of_the_page_run(place: Path) -> None:
    examples = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert examples
    path = f"{PROGRAM.parent}:/usr/local/bin:/usr/bin:/bin"
    try:
        done = subprocess.run(
            ["bash", "-euc", "\n".join(examples)],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=120,
            env=environment(XDG_DATA_HOME=str(place), PATH=path),
        )
        check(done)
        assert done.returncode == 0, done.stdout + done.stderr
        for printed in re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL):
            assert printed in done.stdout
    finally:
        end_endpoint(place)
