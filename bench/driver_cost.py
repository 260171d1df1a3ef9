# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""libdsql beside asyncpg, psycopg 3 and psycopg2.

Everything goes over TLS: through dsql-local, and to a bare server that sends what
dsql-local sent before (replay_server.c), which shows the driver alone. The contenders take
turns within one process; memory is measured in a process of its own for each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import contenders
import libdsql.local
import measure
import psycopg
import replay
import workloads
from contenders import Asyncio, Contender, Place
from endpoint_cost import running, through

LOCAL, SLOW, BARE = "dsql-local", "dsql-local --rtt 2", "bare server"
ROUNDS = 5
SHORT_ROUNDS = 20  # of what takes little time, and suffers from other programs


class Work(NamedTuple):
    """Something that is measured: `act` does `count` units of it."""

    name: str
    label: str
    act: Callable[[Contender, int], object]
    count: int
    servers: tuple[str, ...] = (LOCAL, BARE)
    memory: bool = False
    kinds: tuple[str, ...] = ("sync", "asyncio")


def _fetch(table: str) -> Callable[[Contender, int], object]:
    def act(contender: Contender, count: int) -> object:
        rows = contender.fetch(f"SELECT * FROM {table}")
        assert len(rows) == workloads.TABLES[table][2]
        return rows

    return act


BATCHES = workloads.inserted()


def _concurrent(contender: Contender, count: int) -> None:
    assert isinstance(contender, Asyncio)
    contender.concurrent(count)


WORKS = [
    Work("mixed", "200,000 rows of 9 mixed columns", _fetch("mixed"), 1, memory=True),
    Work("ints", "200,000 rows of 10 int4", _fetch("ints"), 1, memory=True),
    Work("wide", "20,000 rows of 2 kB of text", _fetch("wide"), 1, memory=True),
    Work("read", "one row by its key", lambda c, n: c.read(n), 500),
    Work(
        "one",
        "transaction of one statement",
        lambda c, n: c.transact(workloads.ONE, n),
        100,
        (LOCAL, SLOW, BARE),
    ),
    Work(
        "four",
        "transaction of four statements",
        lambda c, n: c.transact(workloads.FOUR, n),
        50,
        (LOCAL, SLOW, BARE),
    ),
    Work(
        "insert",
        "executemany of 10,000 rows, 4 transactions",
        lambda c, n: c.insert(BATCHES),
        1,
        memory=True,
    ),
    Work(
        "connect",
        "connect and close, the machine's authorities trusted",
        lambda c, n: c.connect(n),
        10,
    ),
    Work(
        "concurrent",
        "1,000 queries at once on 20 connections, each",
        _concurrent,
        1000,
        kinds=("asyncio",),
    ),
]
#: Only where nothing else is of its kind.
ONLY_CONCURRENT = ("psycopg async",)

Results = dict[tuple[str, str], dict[str, measure.Samples]]  # (work, server): contender
Memory = dict[tuple[str, str], int]  # (work, contender): bytes


@contextmanager
def made(names: list[str], at: Place) -> Iterator[list[Contender]]:
    opened: list[Contender] = []
    try:
        for name in names:
            opened.append(contenders.make(name, at))
        yield opened
    finally:
        for contender in opened:
            contender.close()


def takes_part(work: Work, contender: Contender) -> bool:
    if contender.name in ONLY_CONCURRENT:
        return work.name == "concurrent"
    return contender.kind in work.kinds


def measured(names: list[str], works: list[Work], server: str, at: Place) -> Results:
    results: Results = {}
    with made(names, at) as opened:
        for work in works:
            if server not in work.servers:
                continue
            # Waiting for the network says the same with fewer.
            count = work.count if server != SLOW else max(1, work.count // 5)
            acts = {
                contender.name: lambda w=work, c=contender, n=count: w.act(c, n)
                for contender in opened
                if takes_part(work, contender)
            }
            what = f"{work.name} on {server}"
            rounds = ROUNDS if work.count == 1 else SHORT_ROUNDS
            results[work.name, server] = measure.alternate(acts, rounds, count, what)
    return results


def record(names: list[str], works: list[Work], at: Place) -> None:
    """Everything that measured() will send."""
    with made(names, at) as opened:
        for work in works:
            for contender in opened:
                if BARE in work.servers and takes_part(work, contender):
                    for _ in range(contender.settled if work.count == 1 else 2):
                        work.act(contender, work.count)


def memory_of(names: list[str], works: list[Work], at: Place) -> Memory:
    grown: Memory = {}
    for work in works:
        for name in names:
            if work.memory and name not in ONLY_CONCURRENT:
                said = subprocess.run(
                    [sys.executable, __file__, "--memory", work.name, name],
                    input=json.dumps(at),
                    capture_output=True,
                    check=True,
                    text=True,
                ).stdout
                grown[work.name, name] = int(said)
    return grown


def memory_child(work_name: str, name: str) -> None:
    at = Place(*json.load(sys.stdin))
    work = next(work for work in WORKS if work.name == work_name)
    with made([name], at) as (contender,):
        contender.read(1)
        print(measure.peak_growth(lambda: work.act(contender, work.count)))


def collect(names: list[str], works: list[Work]) -> tuple[Results, Memory]:
    results: Results = {}
    with running("--connection-rate", "0") as (endpoint, _, _):
        with psycopg.connect(autocommit=True, **through(endpoint)) as connection:  # type: ignore[arg-type]
            workloads.fill(connection)
        results |= measured(names, works, LOCAL, contenders.place(endpoint))
        memory = memory_of(names, works, contenders.place(endpoint))
        results |= on_bare_server(names, works, endpoint)
    if any(SLOW in work.servers for work in works):
        with running("--connection-rate", "0", "--rtt", "2") as (endpoint, _, _):
            with psycopg.connect(autocommit=True, **through(endpoint)) as connection:  # type: ignore[arg-type]
                workloads.fill(connection, 5_000)
            results |= measured(names, works, SLOW, contenders.place(endpoint))
    return results, memory


def on_bare_server(
    names: list[str], works: list[Work], endpoint: libdsql.local.LocalEndpoint
) -> Results:
    with tempfile.TemporaryDirectory() as folder:
        tape = Path(folder) / "tape"
        with replay.recorded(endpoint, tape) as recorder:
            record(names, works, contenders.place(recorder))
        with replay.replayed(endpoint, tape) as player:
            return measured(names, works, BARE, contenders.place(player))


# ------------------------------------------------------------------------------- tables


def table(work: Work, results: Results, memory: Memory) -> str:
    heads = ["driver"]
    for server in work.servers:
        heads += [server, "ratio"]
    heads += ["its processor time"] + (["memory"] if work.memory else [])
    lines = [f"### {work.label}", "", "| " + " | ".join(heads) + " |"]
    lines.append("|---" * len(heads) + "|")
    for name in results[work.name, LOCAL]:
        cells = [name]
        for server in work.servers:
            these = results[work.name, server]
            base = these.get("libdsql") or these.get("libdsql.aio") or next(iter(these.values()))
            spent = these[name]
            cells.append(f"{measure.seconds(spent.median)} ({measure.seconds(spent.minimum)})")
            cells.append(f"{spent.median / base.median:.2f}")
        cells.append(measure.seconds(min(results[work.name, work.servers[-1]][name].cpu)))
        if work.memory:
            cells.append(f"{memory[work.name, name] / 1e6:,.1f} MB")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


class Budget(NamedTuple):
    work: str
    ours: str
    peer: str
    limit: float


BUDGETS = [
    Budget("mixed", "libdsql", "asyncpg", 0.30),
    Budget("mixed", "libdsql", "psycopg binary", 0.33),
    Budget("read", "libdsql", "asyncpg", 0.50),
    Budget("insert", "libdsql", "asyncpg", 1.00),
]


def budget_lines(results: Results, works: list[Work]) -> Iterator[str]:
    labels = {work.name: work.label for work in works}
    for budget in BUDGETS:
        if budget.work not in labels:
            continue
        cells = [labels[budget.work], f"{budget.limit:.2f} × {budget.peer}"]
        for server in (LOCAL, BARE):
            these = results[budget.work, server]
            if budget.ours not in these:
                return
            ratio = these[budget.ours].median / these[budget.peer].median
            least = these[budget.ours].minimum / these[budget.peer].minimum
            said = "met" if ratio <= budget.limit else "missed"
            cells.append(f"{ratio:.2f} ({least:.2f}), {said}")
        cells.append(f"{min(these[budget.ours].cpu) / min(these[budget.peer].cpu):.2f}")
        yield "| " + " | ".join(cells) + " |"


def run(names: list[str] | None = None, works: list[Work] | None = None) -> str:
    names, works = names or list(contenders.MAKERS), works or WORKS
    results, memory = collect(names, works)
    lines = [
        "## Drivers",
        "",
        f"{contenders.versions()}. Median (minimum) of {ROUNDS} rounds, {SHORT_ROUNDS} where many "
        "units make one, in turns within one process, the garbage collector on, everything over "
        "TLS; `bare server` sends bytes recorded from dsql-local, and so shows the driver alone; "
        "the driver's processor time is the least, on the last server of the row; memory is the "
        "most by which the resident set grew in a process of its own. `./dev bench drivers` makes "
        "these tables.",
        "",
        "| | budget | through dsql-local | bare server | processor time |",
        "|---|---|---|---|---|",
        *budget_lines(results, works),
    ]
    return "\n".join(lines) + "\n\n" + "\n\n".join(table(w, results, memory) for w in works)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        memory_child(*sys.argv[2:])
    else:
        chosen = [work for work in WORKS if work.name in sys.argv[1:]]
        print(run(works=chosen or None))
