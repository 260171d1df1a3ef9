# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The examples in the documents, run as they stand there."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def example(document: str, number: int = 0) -> str:
    """A Python example of a document, the first unless a number says otherwise."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return str(found[number])


def examples(document: str) -> str:
    """All Python examples of a document, one after the other; without those of absent packages."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    has_pandas = importlib.util.find_spec("pandas") is not None
    return "\n".join(part for part in found if has_pandas or "import pandas" not in part)


def run(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("document", "number", "printed"),
    [
        ("README.md", 0, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n"),
        ("docs/quickstart.md", 0, ""),
        ("docs/ddl.md", 0, ""),
        ("docs/ddl.md", 1, r"INDEX_BUILD public\.visit_once completed None\n"),
    ],
)
def test_example_runs_on_the_local_endpoint(
    place: Path, start: Callable[..., Any], document: str, number: int, printed: str
) -> None:
    # The example finds this endpoint in place of the user's own.
    start("--data", str(place / "dsql-local"))
    output = run("-W", "error", "-c", example(document, number), XDG_DATA_HOME=str(place))
    assert re.fullmatch(printed, output), output


def test_fixture_of_the_testing_page_gives_an_engine(tmp_path: Path) -> None:
    module = tmp_path / "test_it.py"
    test = "def test_it(engine):\n    with engine.connect():\n        pass\n"
    module.write_text(f"{example('docs/testing.md')}\n\n{test}")
    printed = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(module)
    )
    assert "1 passed" in printed


BULK = "10,000 committed\n10,000 committed\n3,500 committed, 2,500 skipped\n"


@pytest.mark.parametrize(
    ("document", "printed"), [("docs/transactions.md", "0\n"), ("docs/bulk.md", BULK)]
)
def test_examples_of_a_page_run_one_after_the_other(
    place: Path, start: Callable[..., Any], document: str, printed: str
) -> None:
    start("--data", str(place / "dsql-local"))
    output = run("-W", "error", "-c", examples(document), XDG_DATA_HOME=str(place))
    assert output == printed
