# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A million statements of many kinds on one connection: the memory before and after."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import gc
import os
import subprocess
import uuid
from pathlib import Path

import libdsql
import libdsql.local

QUERIES = 1_000_000
WARM_UP = 50_000
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
VALUES = [
    1,
    2**40,
    2**80,
    1.5,
    True,
    None,
    "text",
    b"bytes",
    decimal.Decimal("12.340"),
    uuid.UUID(int=7),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
    datetime.date(2026, 1, 1),
    datetime.timedelta(days=1),
    [1, None, 2],
    {"key": [1, "x"]},
]


def resident_kb() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB


def ask(connection: libdsql.Connection, cursor: libdsql.Cursor, number: int) -> None:
    """One statement; the kinds take turns."""
    kind = number % 8
    if kind < 4:
        cursor.execute("SELECT $1, $2", [VALUES[number % len(VALUES)], number])
        cursor.fetchall()
    elif kind == 4:
        with contextlib.suppress(libdsql.Error):
            cursor.execute("SELECT 1 / $1", [0])
    elif kind == 5:
        cursor.execute(f"SELECT {number % 1000} AS n, $1::jsonb", ['{"a": [1, 2]}'])
        cursor.fetchone()
    elif kind == 6:
        with connection.cursor(stream=True) as stream:
            stream.execute("SELECT n, n::text FROM generate_series(1, 5) AS n")
            stream.fetchone()
    else:
        with contextlib.suppress(libdsql.DataError):
            cursor.execute("SELECT $1", [object()])


def run() -> str:
    program = subprocess.Popen(
        [libdsql.local.program(), "--ephemeral", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=libdsql.local.environment(),
    )
    assert program.stdout is not None
    endpoint = libdsql.local.parse_ready(program.stdout.readline().strip())
    connection = libdsql.connect(
        "localhost",
        hostaddr="127.0.0.1",
        port=endpoint.port,
        sslrootcert=endpoint.ca,
        credentials_file=endpoint.credentials,
        autocommit=True,
    )
    cursor = connection.cursor()
    try:
        for number in range(WARM_UP):
            ask(connection, cursor, number)
        before, objects = resident_kb(), len(gc.get_objects())
        for number in range(QUERIES):
            ask(connection, cursor, number)
        after, more = resident_kb(), len(gc.get_objects()) - objects
    finally:
        connection.close()
        program.terminate()
        program.wait()
    return (
        "## A million statements on one connection\n\n"
        "Parameters and results of all types, errors, statements that are prepared and closed, "
        "streams that are given up. `./dev bench soak` makes this table.\n\n"
        "| memory of the process before | after | objects of Python more |\n|---|---|---|\n"
        f"| {before:,} KB | {after:,} KB | {more:,} |"
    )
