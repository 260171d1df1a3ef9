# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What the page of SQLAlchemy's tests says of a closed requirement, for those that write and check
it. The requirements are read, not imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/suite.md"
TESTS = ROOT / "tests/suite/test_suite.py"
REQUIREMENTS = ROOT / "python/aurora_dsql_sqlalchemy/requirements.py"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


class Requirement(NamedTuple):
    """A requirement that is closed, for a dialect at least."""

    name: str
    reason: str
    section: str

    @property
    def message(self) -> str:
        """As a test says it that is skipped."""
        rule = f" (dsql-rules.md#{self.section})" if self.section else ""
        return f"{self.name}: {self.reason}{rule}"

    def row(self, tests: str) -> str:
        rule = f" ([rule](dsql-rules.md#{self.section}))" if self.section else ""
        return row(f"`{self.name}`", self.reason + rule, tests)


def closed_requirements() -> Iterator[Requirement]:
    tree = ast.parse(REQUIREMENTS.read_text())
    (found,) = (
        item for item in tree.body if isinstance(item, ast.ClassDef) and item.name == "Requirements"
    )
    for statement in found.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
            continue
        (target,) = statement.targets
        assert isinstance(target, ast.Name)
        if ast.unparse(statement.value.func) == "closed":
            texts = [ast.literal_eval(argument) for argument in statement.value.args]
            yield Requirement(target.id, *texts, *[""] * (2 - len(texts)))


def replaced_classes() -> Iterator[tuple[str, str]]:
    """The names of classes that test_suite.py replaces, and why."""
    for item in ast.walk(ast.parse(TESTS.read_text())):
        if isinstance(item, ast.ClassDef):
            yield item.name, " ".join((ast.get_docstring(item) or "").split())


def replaced_row(name: str, why: str) -> str:
    return row(f"`{name}`", re.sub(r"(dsql-rules\.md#[a-z-]+): ", r"[rule](\1): ", why))
