# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What dsql-local costs beside the PostgreSQL behind it.

The same client, the same table, the same PostgreSQL: once through dsql-local (TCP, TLS,
rules), once over PostgreSQL's own Unix socket. The two take turns in one process.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import shutil
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import libdsql
import libdsql.local
import psycopg

ROUNDS = 9
READS = 1000
ROWS = 200_000
BATCH = 2_500
COLUMNS = (
    "id int PRIMARY KEY, a bigint, b text, c float8, d timestamptz, e bool, f uuid, g date, h text"
)
VALUES = """
    g, g * 1000, 'text ' || g, g / 7.0, now(), g % 2 = 0, gen_random_uuid(), current_date,
    repeat('x', 30)
"""


class Running(NamedTuple):
    """A dsql-local of our own."""

    endpoint: libdsql.local.LocalEndpoint
    socket: str  # the folder of its PostgreSQL's
    pid: int


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    place = tempfile.mkdtemp(prefix="dsql-bench-", dir="/tmp")
    os.chmod(place, 0o711)
    process = subprocess.Popen(
        [libdsql.local.program(), "--port", "0", "--data", f"{place}/data", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=libdsql.local.environment(),
    )
    assert process.stdout is not None
    try:
        endpoint = libdsql.local.parse_ready(process.stdout.readline())
        yield Running(endpoint, f"{place}/data/pg/socket", process.pid)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(place, ignore_errors=True)


def through(endpoint: libdsql.local.LocalEndpoint) -> dict[str, object]:
    """psycopg's way through dsql-local."""
    token = libdsql.token(
        "localhost",
        region=endpoint.region,
        credentials_file=endpoint.credentials,
        profile="default",
    )
    return {
        "host": "localhost",
        "hostaddr": "127.0.0.1",
        "port": endpoint.port,
        "user": "admin",
        "dbname": "postgres",
        "password": token,
        "sslmode": "verify-full",
        "sslrootcert": endpoint.ca,
    }


def fill(connection: psycopg.Connection) -> None:
    connection.execute(f"CREATE TABLE numbers ({COLUMNS})")
    connection.execute(
        "CREATE TABLE written (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v text)"
    )
    for first in range(1, ROWS, BATCH):
        last = first + BATCH - 1
        connection.execute(
            f"INSERT INTO numbers SELECT {VALUES} FROM generate_series({first}, {last}) g"
        )
    connection.execute("ANALYZE numbers")


Act = Callable[[], float]  # seconds for one


def psycopg_acts(connection: psycopg.Connection) -> dict[str, Act]:
    def read() -> float:
        began = time.perf_counter()
        for number in range(READS):
            connection.execute("SELECT * FROM numbers WHERE id = %s", [number + 1], prepare=True)
        return (time.perf_counter() - began) / READS

    def fetch() -> float:
        began = time.perf_counter()
        rows = connection.cursor(binary=True).execute("SELECT * FROM numbers").fetchall()
        assert len(rows) == ROWS
        return time.perf_counter() - began

    def write() -> float:
        began = time.perf_counter()
        for _ in range(READS // 10):
            connection.execute("INSERT INTO written (v) VALUES (%s)", ["x"], prepare=True)
        return (time.perf_counter() - began) / (READS // 10)

    return {"read": read, "fetch": fetch, "write": write}


def asyncpg_acts(loop: asyncio.AbstractEventLoop, connection: asyncpg.Connection) -> dict[str, Act]:
    async def read() -> float:
        statement = await connection.prepare("SELECT * FROM numbers WHERE id = $1")
        began = time.perf_counter()
        for number in range(READS):
            await statement.fetchrow(number + 1)
        return (time.perf_counter() - began) / READS

    async def fetch() -> float:
        began = time.perf_counter()
        assert len(await connection.fetch("SELECT * FROM numbers")) == ROWS
        return time.perf_counter() - began

    return {
        "read": lambda: loop.run_until_complete(read()),
        "fetch": lambda: loop.run_until_complete(fetch()),
    }


def asyncpg_connect(loop: asyncio.AbstractEventLoop, **keywords: object) -> asyncpg.Connection:
    return loop.run_until_complete(asyncpg.connect(database="postgres", **keywords))


def take_turns(here: dict[str, Act], there: dict[str, Act]) -> dict[str, tuple[list[float], ...]]:
    """For each act the samples of both, after one round to warm up."""
    samples: dict[str, tuple[list[float], ...]] = {name: ([], []) for name in here}
    for turn in range(ROUNDS + 1):
        for name in here:
            for side, acts in enumerate((here, there)):
                seconds = acts[name]()
                if turn > 0:
                    samples[name][side].append(seconds)
    return samples


def tables(
    endpoint: libdsql.local.LocalEndpoint, socket: str
) -> Iterator[tuple[str, str, tuple[list[float], ...]]]:
    loop = asyncio.new_event_loop()
    keywords = through(endpoint)
    context = ssl.create_default_context(cafile=endpoint.ca)
    with psycopg.connect(autocommit=True, **keywords) as here:  # type: ignore[arg-type]
        fill(here)
        direct = f"host={socket} user=postgres dbname=postgres"
        with psycopg.connect(direct, autocommit=True) as there:
            there.execute("SET dsql_local.limits = off")
            for name, samples in take_turns(psycopg_acts(here), psycopg_acts(there)).items():
                yield f"psycopg {importlib.metadata.version('psycopg')}", name, samples
    one = asyncpg_connect(
        loop,
        host="localhost",
        port=endpoint.port,
        user="admin",
        password=keywords["password"],
        ssl=context,
    )
    two = asyncpg_connect(loop, host=socket, user="postgres")
    for name, samples in take_turns(asyncpg_acts(loop, one), asyncpg_acts(loop, two)).items():
        yield f"asyncpg {importlib.metadata.version('asyncpg')}", name, samples


# ------------------------------------------------------------------------------ pgbench


def pgbench_program() -> str | None:
    """One that speaks TLS: the system's, not the extra's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return str(found[-1]) if found else shutil.which("pgbench")


def pgbench_fill(connection: psycopg.Connection) -> None:
    """Its tables; `pgbench -i` uses what the rules refuse."""
    connection.execute(
        "CREATE TABLE pgbench_accounts"
        " (aid int PRIMARY KEY, bid int, abalance int, filler char(84))"
    )
    connection.execute("CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int)")
    connection.execute("INSERT INTO pgbench_branches VALUES (1, 0)")
    for first in range(1, 100_001, BATCH):
        with connection.cursor() as cursor, cursor.copy("COPY pgbench_accounts FROM STDIN") as copy:
            for number in range(first, first + BATCH):
                copy.write_row((number, 1, 0, ""))


def pgbench_round(program: str, keywords: dict[str, object], clients: int) -> float:
    """Microseconds of a select-only transaction."""
    names = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER"}
    names |= {"password": "PGPASSWORD", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    variables = {names[key]: str(value) for key, value in keywords.items() if key in names}
    said = subprocess.run(
        [program, "-n", "-S", "-M", "prepared", "-T", "2", "-c", str(clients), "postgres"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    average = re.search(r"latency average = ([\d.]+) ms", said)
    assert average is not None, said
    return float(average[1]) * 1000


def pgbench_lines(endpoint: libdsql.local.LocalEndpoint, socket: str) -> Iterator[str]:
    program = pgbench_program()
    if program is None:
        return
    keywords = through(endpoint)
    with psycopg.connect(autocommit=True, **keywords) as connection:  # type: ignore[arg-type]
        pgbench_fill(connection)
    direct: dict[str, object] = {"host": socket, "user": "postgres"}
    for clients in (1, 8):
        sides: tuple[list[float], list[float]] = ([], [])
        for _ in range(3):
            sides[0].append(pgbench_round(program, keywords, clients))
            sides[1].append(pgbench_round(program, direct, clients))
        yield row("pgbench -S", f"{clients} client(s)", sides, 1, "us", "")


# ------------------------------------------------------------------------------- tables


def row(
    client: str, label: str, sides: tuple[list[float], ...], factor: float, unit: str, budget: str
) -> str:
    here, there = (statistics.median(side) for side in sides)
    cells = [
        f"{statistics.median(side) * factor:,.0f} {unit} ({min(side) * factor:,.0f})"
        for side in sides
    ]
    return "| " + " | ".join([client, label, *cells, f"{here / there:.2f}", budget]) + " |"


LABELS = {
    "read": ("one row by its key", 1e6, "us", "<= 1.5"),
    "fetch": ("200,000 rows x 9", 1e3, "ms", "<= 1.3"),
    "write": ("insert of one row, autocommit", 1e6, "us", ""),
}


def run() -> str:
    lines = [
        "## dsql-local beside its PostgreSQL",
        "",
        f"Median (minimum) of {ROUNDS} rounds, in turns; through dsql-local with TLS, directly",
        "over the Unix socket. Both are one PostgreSQL with its ordinary durability.",
        "",
        "| client | what | through dsql-local | directly | ratio | budget |",
        "|---|---|---|---|---|---|",
    ]
    with running() as (endpoint, socket, _):
        for client, name, samples in tables(endpoint, socket):
            lines.append(row(client, LABELS[name][0], samples, *LABELS[name][1:]))
        lines += pgbench_lines(endpoint, socket)
    return "\n".join(lines)


if __name__ == "__main__":
    print(run())
