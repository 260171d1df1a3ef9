# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The tables that drivers are measured with, and what is asked of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg

ROWS = 200_000
WIDE_ROWS = 20_000
BATCH = 2_500  # a transaction may change 3,000 rows
INSERTED = 10_000

#: Name: columns, values of row g, rows.
TABLES = {
    "mixed": (
        "id int8 PRIMARY KEY, n int4, t text, v varchar(40), u uuid, at timestamptz,"
        " amount numeric(12,2), ok bool, ratio float8",
        "g, g % 1000, 'text of row ' || g, CASE WHEN g % 8 > 0 THEN 'kind ' || g % 100 END,"
        " md5(g::text)::uuid, timestamptz '2026-01-01 00:00:00+00' + g * interval '61.5 seconds',"
        " g * 1.25, g % 3 = 0, g / 7.0",
        ROWS,
    ),
    "ints": (
        "id int4 PRIMARY KEY, " + ", ".join(f"c{number} int4" for number in range(1, 10)),
        "g, g % 2, g % 10, g % 100, g * 3, g * 5, g * 7, -g, 123456789, g % 50000",
        ROWS,
    ),
    "wide": (
        "id int4 PRIMARY KEY, body text",
        "g, repeat('wide text, row ' || g || '; ', 80)",
        WIDE_ROWS,
    ),
}
WRITTEN = (
    "CREATE TABLE written (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),"
    " a int8, b text, c float8, d bool, e timestamptz)"
)

READ = "SELECT id, n, t, v, u, at, amount, ok, ratio FROM mixed WHERE id = $1"
INSERT = "INSERT INTO written (a, b, c, d, e) VALUES ($1, $2, $3, $4, $5)"

Statement = tuple[str, tuple[Any, ...]]
ONE: list[Statement] = [(READ, (4711,))]
FOUR: list[Statement] = [
    (READ, (4711,)),
    ("SELECT count(*) FROM mixed WHERE id BETWEEN $1 AND $2", (100, 110)),
    ("UPDATE mixed SET n = $1 WHERE id = $2", (7, 4711)),
    ("SELECT n FROM mixed WHERE id = $1", (4711,)),
]


def inserted() -> list[list[tuple[Any, ...]]]:
    """Rows for INSERT, a list for each transaction."""
    began = datetime(2026, 1, 1, tzinfo=timezone.utc)
    rows = [
        (number, f"row {number}", number / 3, number % 2 == 0, began + timedelta(seconds=number))
        for number in range(INSERTED)
    ]
    return [rows[first : first + BATCH] for first in range(0, INSERTED, BATCH)]


def fill(connection: psycopg.Connection, rows: int | None = None) -> None:
    """Makes the tables and fills them, with fewer rows if told."""
    for name, (columns, values, count) in TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({columns})")
        for first in range(1, (rows or count) + 1, BATCH):
            last = min(first + BATCH - 1, rows or count)
            connection.execute(
                f"INSERT INTO {name} SELECT {values} FROM generate_series({first}, {last}) g"
            )
        connection.execute(f"ANALYZE {name}")
    connection.execute(WRITTEN)
