# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The page of SQLAlchemy's tests lists the requirements that are closed and the classes that are
replaced, as the code has them, and the rules that they cite exist."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from check_docs import anchors
from suite_page import PAGE, ROOT, closed_requirements, replaced_classes, replaced_row

RULES = ROOT / "docs/dsql-rules.md"


def section(title: str) -> set[str]:
    """The first two cells of each row."""
    text = PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return {start(line) for line in re.findall(r"^\| `.*", text, re.MULTILINE)}


def start(line: str) -> str:
    return " | ".join(cell.strip() for cell in line.split("|")[1:3])


def differences() -> Iterator[str]:
    requirements = {start(item.row("")) for item in closed_requirements()}
    classes = {start(replaced_row(*item)) for item in replaced_classes()}
    for title, expected in (
        ("Closed requirements", requirements),
        ("Tests that are replaced", classes),
    ):
        found = section(title)
        for line in sorted(expected - found):
            yield f"docs/suite.md, {title}: this is not there: {line}"
        for line in sorted(found - expected):
            yield f"docs/suite.md, {title}: the code does not say: {line}"


def dead_rules() -> Iterator[str]:
    cited = {item.name: {item.section} - {""} for item in closed_requirements()}
    for name, why in replaced_classes():
        cited[name] = set(re.findall(r"dsql-rules\.md#([a-z-]+)", why)) or {"(none)"}
    for name, sections in cited.items():
        for missing in sorted(sections - anchors(RULES)):
            yield f"{name} cites dsql-rules.md#{missing}, which does not exist"


if __name__ == "__main__":
    problems = [*differences(), *dead_rules()]
    print("\n".join(problems) or "the page of SQLAlchemy's tests agrees with the code")
    sys.exit(bool(problems))
