# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the Python examples of a document, one after the other, as one program.

    python run_document.py DOCUMENT

A reader who copies them does the same. Tracebacks have the document's lines.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import NamedTuple

CLUSTER = "abcdefghijklmnopqrstuvwxyz"
"""For an example's `<id>`."""

FILE = re.compile(r"# (\w+\.py)\n")
"""How an example begins that is a file of its own, and no part of the program."""


class Block(NamedTuple):
    """What stands between two fences, and the number of its first line."""

    language: str
    line: int
    text: str


def blocks(document: Path) -> list[Block]:
    """All of a document's blocks; ValueError for one that is indented or does not end."""
    text = document.read_text()
    if re.search(r"^[ \t>]+```", text, re.MULTILINE) or text.count("\n```") % 2:
        raise ValueError(f"{document}: a block is indented, or does not end")
    return [
        Block(found[1], text.count("\n", 0, found.start(2)), found[2])
        for found in re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE)
    ]


def is_run(block: Block) -> bool:
    """Whether it is a part of the program, and needs no package that is nobody's duty to have."""
    if block.language != "python" or FILE.match(block.text):
        return False
    return "import pandas" not in block.text or importlib.util.find_spec("pandas") is not None


if __name__ == "__main__":
    path = Path(sys.argv[1])
    for block in blocks(path):
        if is_run(block):
            source = "\n" * block.line + block.text.replace("<id>", CLUSTER)
            exec(compile(source, path, "exec", dont_inherit=True), globals())
