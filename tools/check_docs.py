# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What the code offers stands in the documents, and the documents' links lead somewhere."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/*.md")])


def anchors(document: Path) -> set[str]:
    """The names by which the headings of a document are linked."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def dead_links() -> Iterator[str]:
    for document in documents():
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            if link.startswith(("https://", "http://", "mailto:")):
                continue
            if not target.exists():
                yield f"{document.relative_to(ROOT)}: there is no {path}"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{document.relative_to(ROOT)}: {path} has no heading #{anchor}"


def missing(document: str, names: set[str]) -> Iterator[str]:
    """The names that a document does not have as a word in code style."""
    text = re.sub(r"^```.*\n((?:.*\n)*?)```$", r"`\1`", read(document), flags=re.MULTILINE)
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", text))))
    if not names:
        yield f"{document}: found no names to look for, correct {Path(__file__).name}"
    for name in sorted(names - words):
        yield f"{document}: {name} is not explained"


def read(path: str) -> str:
    return (ROOT / path).read_text()


def python_constant(path: str, name: str) -> set[str]:
    """The strings of a tuple that a module assigns to a name."""
    for statement in ast.parse(read(path)).body:
        targets = getattr(statement, "targets", ())
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return set(ast.literal_eval(statement.value))  # type: ignore[attr-defined]
    return set()


def dialect_arguments() -> set[str]:
    """What the parts of the dialect take from create_engine() beside SQLAlchemy's own."""
    found: set[str] = set()
    for path in (ROOT / "python/aurora_dsql_sqlalchemy").glob("*.py"):
        for item in ast.walk(ast.parse(path.read_text())):
            if isinstance(item, ast.FunctionDef) and item.name == "__init__" and item.args.kwarg:
                found |= {argument.arg for argument in item.args.args}
    return found - {"self", "connect_args"}


def engine_options() -> set[str]:
    """The parameters of create_dsql_engine() that are options of a connection, and our others."""
    tree = ast.parse(read("python/aurora_dsql_sqlalchemy/__init__.py"))
    functions = {item.name: item for item in tree.body if isinstance(item, ast.FunctionDef)}
    given = {argument.arg for argument in functions["create_dsql_engine"].args.args}
    ours = python_constant("python/aurora_dsql_sqlalchemy/connect.py", "OWN_OPTIONS")
    return (given & {"sslmode", "sslrootcert", "application_name"}) | ours | dialect_arguments()


def environment_variables() -> set[str]:
    """The variables that the C library and the Python packages read."""
    sources = [*(ROOT / "src").rglob("*.c"), *(ROOT / "python").rglob("*.py")]
    text = "\n".join(source.read_text() for source in sources)
    return set(re.findall(r'"(AWS_[A-Z_]+|SSL_CERT_FILE|DSQL_LOCAL[A-Z_]*)"', text))


class Rule(NamedTuple):
    """A row of the endpoint's table of rules."""

    name: str
    sqlstate: str
    message: str
    section: str


def rules() -> list[Rule]:
    text = r'"((?:[^"\\]|\\.)*)"'
    table = read("dsql-local/rules/rules-table.h")
    rows = re.findall(rf"X\((\w+), {text}, {text}, {text}\)", table)
    return [Rule(*(column.replace('\\"', '"') for column in row)) for row in rows]


#: How a rule can be known; docs/dsql-rules.md explains the words.
SOURCES = {"guide", "probe", "live", "pattern"}


def rules_of_page(page: str) -> Iterator[tuple[Rule, str, str]]:
    """The rows of the page of rules, with their source and test."""
    row = r"^\| `(.+)` \| (.+) \| `(.+)` \| (.+) \| `(.+)` \|$"
    for section in read(page).split("\n## ")[1:]:
        title = section.split("\n")[0].lower()
        rows = re.findall(row, section, re.MULTILINE)
        if len(rows) != len(re.findall(r"^\| `", section, re.MULTILINE)):
            yield Rule("a row", "", "", title), "", ""
        for name, sqlstate, message, source, test in rows:
            yield Rule(name, sqlstate, message, title), source, test


def is_shown(rule: Rule, test: str) -> bool:
    """Whether a test names a rule, or at least its words."""
    path = ROOT / "tests" / test
    text = path.read_text() if path.is_file() else ""
    if path.name == "test_observed.py":
        text = read("tests/local/observed-answers.json")
    conflict = re.search(r"OC\d+", rule.message)
    words = conflict[0] if conflict else rule.message.partition("%")[0]
    return re.search(rf"\b{rule.name}\b", text) is not None or (
        path.suffix == ".py" and words in text
    )


def undocumented_rules() -> Iterator[str]:
    """Each rule has its row in its section of the page of rules, a source and a test that
    shows it; no other has; and the tests name no rule that is none."""
    page = "docs/dsql-rules.md"
    known = {rule.name: rule for rule in rules()}
    missing_rules = dict(known)
    for rule, source, test in rules_of_page(page):
        if rule.name not in known:
            yield f"{page}: {rule.section}: {rule.name} is not of the form of the others"
        elif missing_rules.pop(rule.name, None) != rule:
            yield f"{page}: {rule.name} is there twice, or not as the code has it"
        elif not set(re.findall(r"[a-z]+", source.partition(";")[0])) & SOURCES:
            yield f"{page}: {rule.name} has no source"
        elif not is_shown(rule, test):
            yield f"{page}: tests/{test} does not show {rule.name}"
    for name in missing_rules:
        yield f"{page}: {name} is not there"
    for path in sorted(ROOT.glob("tests/c/*.c")):
        for name in sorted(set(re.findall(r"\bRULE_\w+", path.read_text())) - known.keys()):
            yield f"{path.relative_to(ROOT)}: there is no {name}"


def commands() -> set[str]:
    return set(re.findall(r"^  ([a-z]+) +[a-z\[]", read("dev"), re.MULTILINE)) - {"help", "build"}


def problems() -> Iterator[str]:
    header = read("include/dsql.h")
    yield from dead_links()
    variables = environment_variables()
    of_sources = {name for name in variables if name.startswith("AWS_")}
    yield from missing("docs/url-parameters.md", engine_options() | variables - of_sources)
    yield from missing("docs/credentials.md", of_sources)
    yield from missing("docs/errors.md", set(re.findall(r"X\((DSQL_E_\w+),", header)))
    yield from missing("docs/c-api.md", set(re.findall(r"\b(dsql_\w+)\(", header)))
    yield from undocumented_rules()
    contributing = read("CONTRIBUTING.md")
    for command in sorted(commands()):
        if f"./dev {command}" not in contributing + read("README.md"):
            yield f"CONTRIBUTING.md: ./dev {command} is not explained"


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found) or f"{len(documents())} documents agree with the code")
    sys.exit(bool(found))
