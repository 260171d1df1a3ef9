# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The examples in the documents, run as they stand there. None is left out: a page's Python is run
from its top to its end and prints what the page says, its C is compiled, its commands are known."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import libdsql.local
import pytest
from aurora_dsql_sqlalchemy import create_dsql_engine
from aurora_dsql_sqlalchemy.testing import Cleaner
from run_document import FILE, Block, blocks
from support import Program

ROOT = Path(__file__).parents[2]
RUNNER = ROOT / "tests" / "run_document.py"

ELSEWHERE = {
    # A folder in which alembic is run, step by step.
    "docs/alembic.md": "dialect/test_alembic_document.py",
    # What the command dsql prints.
    "docs/cli.md": "cli/test_document.py",
}
"""Documents that another file of tests runs, all of them."""

PRINTED = {
    "README.md": "…-…-…-…-…\n(42,)\n",
}
"""What the examples of pages print that do not say it."""


def documents() -> Iterator[str]:
    for pattern in ("*.md", "docs/*.md", "examples/*/*.md"):
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT))


def of(document: str, language: str) -> list[Block]:
    return [block for block in blocks(ROOT / document) if block.language == language]


def with_blocks(language: str) -> list[str]:
    return [name for name in documents() if of(name, language) and name not in ELSEWHERE]


def files(document: str) -> dict[str, str]:
    """Its examples that are files of a user's tests, by their names."""
    found: dict[str, str] = {}
    for block in of(document, "python"):
        if name := FILE.match(block.text):
            assert name[1] not in found, f"{document} has {name[1]} twice"
            found[name[1]] = block.text
    return found


def test_every_block_is_run_or_checked() -> None:
    known = {"python", "sh", "c", "text"}
    for document in documents():
        for block in blocks(ROOT / document):
            where = f"{document}:{block.line}"
            if document in ELSEWHERE:
                runs = (ROOT / "tests" / ELSEWHERE[document]).read_text()
                assert f'"{Path(document).name}"' in runs, where
                assert re.search(rf'["`]{block.language}\b', runs), where
            elif document == "docs/design.md":
                assert block.language == "", f"{where} is no drawing"
            else:
                assert block.language in known, f"{where}: nothing runs {block.language!r}"


def test_pictures_are_what_their_tool_draws(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "tools").mkdir()
    run(Path(shutil.copy(ROOT / "tools" / "draw.py", tmp_path / "tools")))
    drawn = {path.name: path.read_text() for path in (tmp_path / "docs").iterdir()}
    assert drawn == {name: (ROOT / "docs" / name).read_text() for name in drawn} != {}


# Python

Place = tuple[Path, Cleaner]


@pytest.fixture(scope="module")
def local() -> Iterator[Place]:
    """Where an example finds an endpoint in place of the user's own, and what empties it."""
    place = Path(tempfile.mkdtemp(prefix="dsql-test-", dir="/tmp"))
    place.chmod(0o711)
    program = Program("--port", "0", "--data", str(place / "dsql-local"))
    engine = create_dsql_engine("localhost", connect_args=libdsql.local.arguments(program.endpoint))
    yield place, Cleaner(engine)
    engine.dispose()
    program.stop()
    shutil.rmtree(place, ignore_errors=True)


def run(*arguments: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pattern(text: str) -> str:
    """What a text of a page stands for: where it has an ellipsis, anything may be."""
    return ".*".join(map(re.escape, text.split("…")))


@pytest.mark.parametrize("document", with_blocks("python"))
def test_examples_of_a_page_run_and_print_what_it_says(document: str, local: Place) -> None:
    place, cleaner = local
    cleaner.prepare()
    output = run("-W", "error", RUNNER, ROOT / document, XDG_DATA_HOME=str(place))
    cleaner.clean()
    said = PRINTED.get(document, "") + "".join(block.text for block in of(document, "text"))
    assert re.fullmatch(pattern(said), output, re.DOTALL), output


@pytest.mark.parametrize("document", [name for name in with_blocks("python") if files(name)])
def test_examples_that_are_files_pass_in_pytest(document: str, tmp_path: Path) -> None:
    for name, text in files(document).items():
        (tmp_path / name).write_text(text)
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    output = run("-m", "pytest", *options, cwd=tmp_path)
    assert re.search(r"\n\d+ passed in ", output), output


# C

PRELUDE = """
#include <dsql.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void print_row(void *context, const struct dsql_event *row);
"""
"""What the examples that are no whole program stand behind."""

FUNCTION = re.compile(r"^static \w+\n\w+\([^)]*\)\n\{\n(?:.*\n)*?\}\n", re.MULTILINE)


@pytest.mark.parametrize("document", with_blocks("c"))
def test_examples_in_c_compile(document: str, tmp_path: Path) -> None:
    texts = [block.text for block in of(document, "c")]
    whole = [text for text in texts if "int\nmain(" in text]
    parts = "\n".join(text for text in texts if text not in whole)
    if parts:
        functions = PRELUDE + "\n".join(FUNCTION.findall(parts))
        parts = FUNCTION.sub("", parts)
        whole.append(f"{functions}\nvoid example(const char *host)\n{{\n{parts}\n}}\n")
    for number, text in enumerate(whole):
        source = tmp_path / f"{number}.c"
        source.write_text(text)
        environment = {**os.environ, "LD_PRELOAD": ""}
        command = ["cc", "-std=c11", "-Wall", "-Werror", "-Wno-unused", "-fsyntax-only"]
        command += [f"-I{ROOT / 'include'}", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, f"{document}: {done.stderr}"


# Commands


def commands(document: str) -> Iterator[list[str]]:
    """The words of each command; lines that end with a backslash go on."""
    for block in of(document, "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


def check_pip(words: list[str]) -> None:
    """Our own package with extras that it has."""
    project = (ROOT / "pyproject.toml").read_text()
    extras = project.partition("[project.optional-dependencies]")[2].partition("\n[project.")[0]
    assert words[1] == "install", words
    for word in words[2:]:
        found = re.fullmatch(r"(?:aurora-dsql-sqlalchemy|[./]+)(?:\[([\w,]+)\])?", word)
        assert found, f"{word} is not ours"
        for extra in (found[1] or "local").split(","):
            assert re.search(rf"^{extra} = ", extras, re.MULTILINE), f"there is no extra {extra}"


def check_options(words: list[str], explained: str) -> None:
    for word in words[1:]:
        if word.startswith("--"):
            assert word.partition("=")[0] in explained, f"{words[0]} has no {word}"


def check_dev(words: list[str]) -> None:
    usage = (ROOT / "dev").read_text().partition("\nEND")[0]
    assert f"\n  {words[1]} " in usage, words
    check_options(words, usage)


def check_dsql_local(words: list[str]) -> None:
    command = [libdsql.local.program(), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    check_options(words, done.stdout)


CHECKS = {"pip": check_pip, "./dev": check_dev, "dsql-local": check_dsql_local}


@pytest.mark.parametrize("document", with_blocks("sh"))
def test_commands_are_known(document: str) -> None:
    for words in commands(document):
        assert words[0] in CHECKS, f"{document}: nothing checks {words}"
        CHECKS[words[0]](words)
