# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""`dsql check` beside the package dsql-lint: what it costs, and who is right.

Both are judged by what a cluster answered (tests/local/observed-answers.json), then by single
statements for which a source decides. dsql-lint lives in a virtual environment of its own, made
here at the first run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import NamedTuple

import libdsql.local

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "peer-lint"
PEER = "dsql-lint==0.2.22"
ROUNDS = 9
STATEMENTS = 10_000
OBSERVED = ROOT / "tests" / "local" / "observed-answers.json"

#: What a program's migrations and scripts hold; %d is a number of its own.
FORMS = (
    "CREATE TABLE orders_%d (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer uuid NOT "
    "NULL, item text NOT NULL, amount numeric(12, 2) CHECK (amount > 0), placed timestamptz "
    "DEFAULT now())",
    "CREATE INDEX ASYNC orders_customer_%d ON orders (customer) INCLUDE (amount)",
    "ALTER TABLE orders ADD COLUMN note_%d text",
    "ALTER TABLE orders ADD CONSTRAINT positive_%d CHECK (amount > 0) NOT VALID",
    "INSERT INTO orders (id, customer, item, amount) VALUES (gen_random_uuid(), "
    "'11111111-1111-1111-1111-111111111111', 'item %d', 12.50)",
    "UPDATE orders SET amount = amount * 1.1 WHERE item = 'item %d'",
    "DELETE FROM orders WHERE placed < now() - interval '%d days'",
    "SELECT c.name, count(*) AS orders, sum(o.amount) FROM customers AS c JOIN orders AS o "
    "ON o.customer = c.id WHERE o.amount > %d GROUP BY c.name ORDER BY orders DESC LIMIT 20",
    "CREATE VIEW large_%d AS SELECT * FROM orders WHERE amount > 1000",
    "COMMENT ON TABLE orders IS 'number %d'",
    "GRANT SELECT ON orders TO reader_%d",
    "DROP TABLE IF EXISTS old_%d",
    "CREATE TABLE serial_%d (id serial PRIMARY KEY)",
    "TRUNCATE old_%d",
)


class Case(NamedTuple):
    """A statement, whether the service refuses it (None: nobody knows), and how that is known."""

    sql: str
    refused: bool | None
    fact: str


CASES = (
    Case("SELECT * FROM t FOR SHARE", True, "user guide: FOR UPDATE and FOR KEY SHARE only"),
    Case("SET statement_timeout = 5000", True, "user guide: the list of settings; recorded"),
    Case("SELECT set_config('lock_timeout', '5', true)", True, "set_config() is SET"),
    Case("EXECUTE p (1)", True, "user guide: no PREPARE"),
    Case("SELECT a INTO t FROM u", True, "user guide: no CREATE TABLE AS, whose other form it is"),
    Case("CREATE TABLE t (a jsonb PRIMARY KEY)", True, "seen on a cluster: not in a key"),
    Case("CREATE INDEX ASYNC i ON t (a text_ops)", True, "seen on a cluster"),
    Case("CREATE TABLE t (a varchar(70000))", True, "user guide: 65,535 bytes"),
    Case(
        "CREATE TABLE t (a int, PRIMARY KEY (a, b, c, d, e, f, g, h, i))",
        True,
        "user guide: 8 columns",
    ),
    Case("SELECT pg_advisory_lock(1)", True, "seen on a cluster"),
    Case("GRANT USAGE ON SCHEMA public TO r", True, "seen on a cluster"),
    Case("ALTER TABLE t SET (fillfactor = 50)", True, "user guide: not among ALTER TABLE's forms"),
    Case(
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'TRUNCATE t'",
        True,
        "what a function runs is refused when it runs",
    ),
    Case("SELECT 'a' FROM FROM", True, "PostgreSQL's grammar"),
    Case("ALTER INDEX i RENAME TO j", False, "seen on a cluster: it works"),
    Case("CREATE INDEX ASYNC i ON t USING btree_index (a)", False, "seen on a cluster: it works"),
    Case(
        "CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 65_536))",
        False,
        "PostgreSQL 16 reads 65_536 as 65536",
    ),
    Case("CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT)", False, "user guide: CREATE TABLE"),
    Case("ALTER TABLE t SET SCHEMA s", False, "user guide: ALTER TABLE"),
    Case("COMMENT ON CONSTRAINT c ON t IS 'x'", False, "user guide: COMMENT"),
    Case("GRANT a TO b WITH ADMIN OPTION", False, "user guide: GRANT"),
    Case("TABLE t", False, "another spelling of SELECT"),
    Case("SELECT * FROM t WHERE a IS JSON", False, "PostgreSQL 16"),
    Case("CREATE TABLE t (a interval PRIMARY KEY)", True, "user guide: not in a key"),
    Case("CREATE TABLE t (a int UNIQUE DEFERRABLE)", True, "user guide: of foreign keys only"),
    Case(
        "CREATE INDEX ASYNC i ON t (a) WITH (fillfactor = 50)",
        True,
        "user guide: not among CREATE INDEX's clauses",
    ),
    Case("CREATE TEMP SEQUENCE s CACHE 1", True, "user guide: nothing temporary"),
    Case("CREATE DOMAIN d AS int[]", True, "user guide: arrays in queries only"),
    Case("SET ROLE r", True, "user guide: SET LOCAL ROLE only"),
    Case("CREATE TABLE t (a numeric(1001))", True, "PostgreSQL's own limit, which no grammar has"),
    Case("INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1)", False, "user guide: INSERT"),
    Case(
        "SELECT * FROM ROWS FROM (generate_series(1, 2)) WITH ORDINALITY",
        False,
        "another spelling of FROM generate_series()",
    ),
    Case("ALTER ROLE r NOLOGIN", None, "nobody has told of a cluster"),
    Case("ALTER FUNCTION f(int) IMMUTABLE", None, "nobody has told of a cluster"),
)

#: SQLSTATEs of what is refused for what it says, not for the rows that are there.
REFUSALS = {"0A000", "42704", "42601", "42804", "54000", "54011"}


def peer() -> Path:
    """The program of the environment that holds dsql-lint."""
    if not (FOLDER / "ready").exists():
        print(f"bench: installing {PEER} into {FOLDER}", file=sys.stderr)
        venv.create(FOLDER, with_pip=True, clear=True)
        command = [FOLDER / "bin" / "python", "-m", "pip", "install", "-q", PEER]
        subprocess.run(command, check=True)
        (FOLDER / "ready").touch()
    return FOLDER / "bin" / "dsql-lint"


def ours() -> Path:
    return Path(libdsql.local.program()).with_name("dsql")


class Cost(NamedTuple):
    seconds: float
    cpu: float  # seconds of the processor
    memory: float  # bytes, at most


def measure(command: list[str | Path]) -> Cost:
    """One process, its output thrown away."""
    began = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
        _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    seconds = time.perf_counter() - began
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def row(name: str, unit: str, scale: float, mine: list[float], its: list[float]) -> str:
    return (
        f"| {name} | {statistics.median(mine) * scale:,.1f} {unit} ({min(mine) * scale:,.1f}) "
        f"| {statistics.median(its) * scale:,.1f} {unit} ({min(its) * scale:,.1f}) "
        f"| {statistics.median(its) / statistics.median(mine):,.1f} |"
    )


def costs(check: list[str | Path], lint: list[str | Path]) -> list[str]:
    rows = ["| | dsql check | dsql-lint | ratio |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        many, one = Path(folder, "many.sql"), Path(folder, "one.sql")
        texts = (FORMS[number % len(FORMS)] % number for number in range(STATEMENTS))
        many.write_text("".join(f"{text};\n" for text in texts))
        one.write_text("SELECT 1;\n")
        for name, file in (("one statement", one), (f"{STATEMENTS:,} statements", many)):
            mine, its = [], []
            for _ in range(ROUNDS + 1):
                mine.append(measure([*check, file]))
                its.append(measure([*lint, file]))
            del mine[0], its[0]
            rows.append(row(name, "ms", 1e3, [c.seconds for c in mine], [c.seconds for c in its]))
        rows.append(
            row("processor time of that", "ms", 1e3, [c.cpu for c in mine], [c.cpu for c in its])
        )
        rows.append(
            row("memory of that", "MB", 1e-6, [c.memory for c in mine], [c.memory for c in its])
        )
    return rows


def verdicts(command: list[str | Path], key: str, files: list[Path]) -> list[list[str]]:
    """For each file the rules by which it is refused."""
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    found = {Path(file["file"]): file[key] for file in json.loads(done.stdout)["files"]}
    return [
        [item["rule"] for item in found.get(file, []) if item.get("severity") != "warning"]
        for file in files
    ]


def judge(texts: list[str]) -> list[tuple[list[str], list[str]]]:
    """What both say of each text, in a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number:04}.sql") for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        mine = verdicts([ours(), "check", "--json"], "findings", files)
        its = verdicts([peer(), "--format", "json"], "diagnostics", files)
    return list(zip(mine, its, strict=True))


def word(rules: list[str]) -> str:
    return "refused" if rules else "good"


def cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return f"`{text if len(text) <= 90 else text[:87] + '...'}`"


def observed() -> list[str]:
    """Against the recorded answers of a cluster."""
    cases = [
        case
        for case in json.loads(OBSERVED.read_text())["cases"]
        if "steps" in case and case["group"] not in ("multi_statement", "occ")
    ]
    answers = judge(["".join(f"{step};\n" for step in case["steps"]) for case in cases])
    refused = [is_refused(case) for case in cases]
    right = [
        sum(bool(answer[tool]) == wanted for answer, wanted in zip(answers, refused, strict=True))
        for tool in (0, 1)
    ]
    lines = [
        f"Of {len(cases)} recorded scripts `dsql check` tells {right[0]} as the cluster did, "
        f"dsql-lint {right[1]}. Those that one of them, or both, tell otherwise:",
        "",
        "| script | cluster | dsql check | dsql-lint |",
        "|---|---|---|---|",
    ]
    for case, (mine, its) in zip(cases, answers, strict=True):
        if not (bool(mine) == bool(its) == is_refused(case)):
            refusals = [step for step in case["observed"] if step.get("sqlstate") in REFUSALS]
            said = refusals[0]["message"] if refusals else "good"
            script = cell("; ".join(case["steps"]))
            lines.append(f"| {script} | {said} | {word(mine)} | {word(its)} |")
    return lines


def is_refused(case: dict[str, list[dict[str, str]]]) -> bool:
    return any(step.get("sqlstate") in REFUSALS for step in case["observed"])


def known() -> list[str]:
    """Statements that both tell differently, and what decides."""
    lines = [
        "Other statements of which they differ:",
        "",
        "| statement | dsql check | dsql-lint | right | by |",
        "|---|---|---|---|---|",
    ]
    for case, (mine, its) in zip(CASES, judge([f"{case.sql};\n" for case in CASES]), strict=True):
        if bool(mine) != bool(its):
            who = "dsql check" if bool(mine) == case.refused else "dsql-lint"
            right = "open" if case.refused is None else who
            its_word = "cannot be parsed" if its == ["parse_error"] else word(its)
            cells = (cell(case.sql), word(mine), its_word, right, case.fact)
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def run() -> str:
    lines = [
        "## dsql check",
        "",
        f"Beside dsql-lint {PEER.partition('==')[2]}; median and (minimum) of {ROUNDS} processes "
        "each, which take turns; the file holds statements of migrations and scripts, each seventh "
        f"is refused; the machine's load was {os.getloadavg()[0]:.0f}. `./dev bench check` makes "
        "this table.",
        "",
        *costs([ours(), "check"], [peer()]),
        "",
        *observed(),
        "",
        *known(),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(run())
