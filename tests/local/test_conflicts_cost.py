# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What a conflict costs grows with the rows touched, not with the table: blocks are counted."""

from __future__ import annotations

import pytest
from sessions import Database
from support import wait_for

SMALL, LARGE = 100, 100_000
BATCH = 3000

BLOCKS = """
    SELECT heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)
        + coalesce(toast_blks_hit + toast_blks_read, 0)
    FROM pg_statio_all_tables WHERE relid = '{}'::regclass
"""
SCANNED = "SELECT seq_tup_read FROM pg_stat_all_tables WHERE relid = '{}'::regclass"

LOSERS = {
    "update": ["UPDATE {t} SET v = 1 WHERE k = 50"],
    "delete": ["DELETE FROM {t} WHERE k = 50"],
    "update of the key": ["UPDATE {t} SET u = -u WHERE k = 50"],
    "upsert": ["INSERT INTO {t} VALUES (50, 50, 1) ON CONFLICT (k) DO UPDATE SET v = 1"],
    "insert and more": ["INSERT INTO {t} VALUES (-1, -1, 0)", "UPDATE {t} SET v = 1 WHERE k = 50"],
    "lock": ["SELECT * FROM {t} WHERE k = 50 FOR UPDATE"],
}


@pytest.fixture(scope="module")
def tables(endpoint):
    """A small and a large table."""
    made = Database(endpoint)
    for name, size in (("small", SMALL), ("large", LARGE)):
        made.create(
            f"CREATE TABLE {name} (k int PRIMARY KEY, u int UNIQUE, v int)",
            *(
                f"INSERT INTO {name} SELECT g, g, 0"
                f" FROM generate_series({first}, {min(first + BATCH - 1, size)}) g"
                for first in range(1, size + 1, BATCH)
            ),
        )
    yield made
    made.remove()


def counted(database, statement, table):
    """A counter that the sessions before have reported to the end: it is read until it rests."""
    session = database.session()
    seen = [session.value(statement.format(table))]

    def rests():
        seen.append(session.value(statement.format(table)))
        return len(seen) > 5 and len(set(seen[-5:])) == 1

    wait_for(rests)
    session.connection.close()
    return seen[-1]


def run_and_lose(database, table, statements):
    """A transaction that loses by row 50, and one that wins."""
    a, b = database.session(), database.session()
    a.begin()
    a("SELECT 1")
    b(f"UPDATE {table} SET v = v + 1 WHERE k = 50")
    for statement in statements:
        a(statement.format(t=table))
    a.loses()
    a("BEGIN")
    for statement in statements:
        a(statement.format(t=table))
    a.commit()
    a(f"INSERT INTO {table} VALUES (50, 50, 0) ON CONFLICT (k) DO UPDATE SET u = 50")
    a(f"DELETE FROM {table} WHERE k = -1")
    for session in (a, b):
        session.connection.close()


def blocks(database, table, run, *arguments):
    before = counted(database, BLOCKS, table)
    run(database, *arguments)
    return counted(database, BLOCKS, table) - before


def touches_no_more_than(most, database, table, run, *arguments):
    """In one of three runs, since autovacuum's work on the table is counted, too."""
    seen = []
    for _ in range(3):
        seen.append(blocks(database, table, run, *arguments))
        if seen[-1] <= most:
            return
    raise AssertionError(f"{seen} blocks of {table} were touched, more than {most} each time")


@pytest.mark.parametrize("kind", LOSERS)
def test_conflict_on_one_row_touches_few_blocks_of_a_large_table(tables, kind):
    cost = blocks(tables, "small", run_and_lose, "small", LOSERS[kind])
    assert cost > 0
    touches_no_more_than(4 * cost + 100, tables, "large", run_and_lose, "large", LOSERS[kind])


def test_no_conflict_reads_a_large_table_from_end_to_end(tables):
    before = counted(tables, SCANNED, "large")
    for statements in LOSERS.values():
        run_and_lose(tables, "large", statements)
    assert counted(tables, SCANNED, "large") - before < LARGE


def write_and_read(database, writes):
    """A transaction that changes rows, then reads twenty others."""
    session = database.session()
    session.begin()
    session("UPDATE large SET v = v + 1 WHERE k BETWEEN 1001 AND %s", [1000 + writes])
    for key in range(20):
        session("SELECT v FROM large WHERE k = %s", [90_000 + key])
    session.rollback()
    session.connection.close()


def test_later_statements_do_not_pay_for_each_row_written_before(tables):
    few = blocks(tables, "large", write_and_read, 10) / 10
    touches_no_more_than(1000 * (4 * few + 10), tables, "large", write_and_read, 1000)
