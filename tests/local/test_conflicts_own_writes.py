# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A transaction reads its own writes, whatever path the reading takes, and COMMIT stores them."""

from __future__ import annotations

import pytest

PATHS = {
    "sequential": ["enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan"],
    "index": ["enable_seqscan", "enable_bitmapscan"],
    "index only": ["enable_seqscan", "enable_bitmapscan", "enable_indexscan"],
    "bitmap": ["enable_seqscan", "enable_indexscan", "enable_indexonlyscan"],
}


@pytest.fixture
def pair(database):
    """Two sessions, and a table with several indexes."""
    database.create(
        "CREATE TABLE t (k int PRIMARY KEY, v int, note text)",
        "CREATE INDEX ASYNC tv ON t (v) INCLUDE (k)",
        "CREATE INDEX ASYNC tn ON t (lower(note))",
        "INSERT INTO t SELECT g, g * 10, 'N' || g FROM generate_series(1, 100) g",
    )
    return database.session(), database.session()


@pytest.fixture(params=PATHS)
def by_path(request, pair):
    """The first session reads by one kind of plan only."""
    a, b = pair
    for setting in PATHS[request.param]:
        a(f"SET {setting} = off")
    return a, b


# ------------------------------------------------------------------------- paths of reading


def test_own_writes_are_found_by_every_path(by_path):
    a, b = by_path
    a.begin()
    a("UPDATE t SET v = 5555 WHERE k = 1")
    a("UPDATE t SET k = 1002 WHERE k = 2")
    a("DELETE FROM t WHERE k = 3")
    a("INSERT INTO t VALUES (1000, 10000, 'New')")
    b("UPDATE t SET v = -1 WHERE k IN (4, 5)")
    for _ in range(2):
        assert a("SELECT v FROM t WHERE k = 1") == [(5555,)]
        assert a("SELECT k FROM t WHERE v = 10") == []
        assert a("SELECT k FROM t WHERE v = 5555") == [(1,)]
        assert a("SELECT k, v FROM t WHERE k IN (2, 1002)") == [(1002, 20)]
        assert a("SELECT k FROM t WHERE v IN (20, 30, 40)  ORDER BY k") == [(4,), (1002,)]
        assert a("SELECT k FROM t WHERE k = 3") == []
        assert a("SELECT v FROM t WHERE k BETWEEN 99 AND 1001 ORDER BY k") == [
            (990,),
            (1000,),
            (10000,),
        ]
        assert a("SELECT k FROM t WHERE lower(note) = 'new'") == [(1000,)]
        assert a("SELECT k FROM t WHERE lower(note) = 'n2'") == [(1002,)]
        assert a("SELECT count(*), min(v), max(v) FROM t WHERE v > 0") == [(100, 20, 10000)]
    a.commit()
    assert a("SELECT count(*), min(v), max(v) FROM t") == [(100, -1, 10000)]
    assert a("SELECT k FROM t WHERE v = 5555") == b("SELECT k FROM t WHERE v = 5555") == [(1,)]


def test_order_of_an_index_holds_with_own_writes(by_path):
    a, _ = by_path
    a.begin()
    a("UPDATE t SET v = 1005 - v WHERE k <= 50")
    a("INSERT INTO t VALUES (0, 507), (101, 3)")
    ordered = a("SELECT v, k FROM t ORDER BY v, k")
    assert ordered == sorted(ordered)
    assert len(ordered) == 102
    assert a("SELECT v FROM t WHERE v > 500 ORDER BY v LIMIT 2") == [(505,), (507,)]
    assert a("SELECT v FROM t WHERE v < 505 ORDER BY v DESC LIMIT 1") == [(3,)]
    a.commit()
    assert a("SELECT v, k FROM t ORDER BY v, k") == ordered


def test_aggregates_subselects_and_joins_see_own_writes(by_path):
    a, b = by_path
    a.begin()
    a("UPDATE t SET v = v + 1000 WHERE k > 50")
    a("DELETE FROM t WHERE k <= 10")
    b("DELETE FROM t WHERE k BETWEEN 20 AND 30")
    assert a("SELECT count(*), sum(v) FROM t") == [(90, 99950)]
    assert a.value("SELECT count(*) FROM t x WHERE v = (SELECT max(v) FROM t)") == 1
    assert a.value("SELECT count(*) FROM t x JOIN t y ON y.v = x.v + 1500") == 40
    assert a("SELECT x.k, y.v FROM t x JOIN t y USING (k) WHERE x.v > 1980 ORDER BY 1") == [
        (99, 1990),
        (100, 2000),
    ]
    assert a("SELECT k FROM t WHERE NOT EXISTS (SELECT 1 FROM t y WHERE y.k = t.k - 1)") == [(11,)]
    assert a.value("WITH x AS (SELECT v FROM t WHERE v > 1000) SELECT count(*) FROM x") == 50
    a.rollback()


def test_statement_does_not_see_its_own_rows(pair):
    a, b = pair
    a.begin()
    assert a("INSERT INTO t SELECT k + 100, v, note FROM t") == "INSERT 0 100"
    assert a("INSERT INTO t SELECT k + 200, v, note FROM t") == "INSERT 0 200"
    assert a("UPDATE t SET v = v + 10 WHERE v > 900") == "UPDATE 40"
    assert a("UPDATE t SET v = v + 10 WHERE v > 1000") == "UPDATE 4"
    a.commit()
    assert b("SELECT count(*), max(v) FROM t") == [(400, 1020)]


# ----------------------------------------------------------------- several writes of one row


def test_row_is_updated_many_times(pair):
    a, b = pair
    a.begin()
    for number in range(200):
        assert a("UPDATE t SET v = v + 1, k = k WHERE k = 1 RETURNING v") == [(11 + number,)]
    assert b("SELECT v FROM t WHERE k = 1") == [(10,)]
    a.commit()
    assert b("SELECT v FROM t WHERE k = 1") == [(210,)]
    assert b("SELECT k FROM t WHERE v = 210 ORDER BY k") == [(1,), (21,)]


def test_row_is_updated_and_deleted(pair):
    a, b = pair
    a.begin()
    a("UPDATE t SET v = 0 WHERE k = 1")
    a("UPDATE t SET k = -1 WHERE k = 1")
    assert a("DELETE FROM t WHERE k = 1") == "DELETE 0"
    assert a("DELETE FROM t WHERE k = -1 RETURNING v") == [(0,)]
    assert a("UPDATE t SET v = 1 WHERE k IN (1, -1)") == "UPDATE 0"
    a.commit()
    assert b("SELECT * FROM t WHERE k < 2") == []


def test_row_is_deleted_and_inserted_again(pair):
    a, b = pair
    a.begin()
    for number in range(5):
        assert a("DELETE FROM t WHERE k = 1") == "DELETE 1"
        assert a("INSERT INTO t VALUES (1, %s, 'again')", [number]) == "INSERT 0 1"
        assert a("UPDATE t SET v = v + 100 WHERE k = 1 RETURNING v") == [(100 + number,)]
    a.commit()
    assert b("SELECT * FROM t WHERE k = 1") == [(1, 104, "again")]


def test_row_is_inserted_updated_and_deleted_in_one_transaction(pair):
    a, b = pair
    a.begin()
    a("INSERT INTO t VALUES (0, 0, 'brief')")
    a("UPDATE t SET v = 1, k = -5 WHERE k = 0")
    assert a("SELECT k, v FROM t WHERE k <= 0") == [(-5, 1)]
    assert a("DELETE FROM t WHERE k = -5") == "DELETE 1"
    assert a("SELECT k FROM t WHERE k <= 0") == []
    a.commit()
    assert b.value("SELECT count(*) FROM t") == 100


def test_all_rows_are_deleted_and_inserted_by_one_statement_each(pair):
    a, b = pair
    rows = a("SELECT * FROM t ORDER BY k")
    a.begin()
    assert len(a("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone")) == 100
    assert a("SELECT * FROM t") == []
    for row in rows:
        a("INSERT INTO t VALUES (%s, %s, %s)", row)
    a.commit()
    assert b("SELECT * FROM t ORDER BY k") == rows


def test_many_rows_of_one_transaction(pair):
    a, b = pair
    a.begin()
    a("UPDATE t SET v = v + 1")
    a("INSERT INTO t SELECT g, g, 'x' FROM generate_series(101, 1000) g")
    assert a("UPDATE t SET v = 7 WHERE k > 900") == "UPDATE 100"
    assert a("DELETE FROM t WHERE k > 950") == "DELETE 50"
    seen = a("SELECT * FROM t ORDER BY k")
    a.commit()
    assert b("SELECT * FROM t ORDER BY k") == seen
    assert b("SELECT count(*), sum(v) FROM t WHERE v = 7") == [(50, 350)]


# ------------------------------------------------------------------------------ long values

LONG = "(SELECT string_agg(md5((g * {0})::text), '') FROM generate_series(1, 3000) g)"
SHORT_OF = "SELECT k, length(body), md5(body), v FROM t ORDER BY k"


@pytest.fixture
def long_values(database):
    """Two sessions, and rows of about 100 kB that do not compress."""
    database.create("CREATE TABLE t (k int PRIMARY KEY, v int, body text)")
    database.create(f"INSERT INTO t VALUES (1, 10, {LONG.format(1)}), (2, 20, {LONG.format(2)})")
    return database.session(), database.session()


def test_long_value_survives_updates_of_another_column(long_values):
    a, b = long_values
    rows = a(SHORT_OF)
    assert rows[0][1] == 96000
    for session in (a, b, a):
        session("UPDATE t SET v = v + 1")
    a.begin()
    for _ in range(3):
        a("UPDATE t SET v = v + 1 WHERE k = 1")
    assert [row[:3] for row in a(SHORT_OF)] == [row[:3] for row in rows]
    a.commit()
    assert b(SHORT_OF) == [(*rows[0][:3], 16), (*rows[1][:3], 23)]


def test_long_value_of_the_own_transaction(long_values):
    a, b = long_values
    a.begin()
    a(f"INSERT INTO t VALUES (3, 30, {LONG.format(3)})")
    a(f"UPDATE t SET body = {LONG.format(4)} WHERE k = 1")
    a("UPDATE t SET v = 0")
    a("UPDATE t SET k = 4 WHERE k = 2")
    seen = a(SHORT_OF)
    assert [(row[0], row[1], row[3]) for row in seen] == [
        (1, 96000, 0),
        (3, 96000, 0),
        (4, 96000, 0),
    ]
    assert a.value("SELECT count(DISTINCT body) FROM t") == 3
    a.commit()
    assert b(SHORT_OF) == seen


def test_long_value_of_a_snapshot_outlives_its_replacement(long_values):
    a, b = long_values
    a.begin()
    rows = a(SHORT_OF)
    b("UPDATE t SET body = 'short'")
    b("DELETE FROM t WHERE k = 2")
    assert a(SHORT_OF) == rows
    a("UPDATE t SET v = v + 1")
    assert [row[:3] for row in a(SHORT_OF)] == [row[:3] for row in rows]
    a.loses()
    assert b("SELECT k, body FROM t") == [(1, "short")]


def test_long_value_comes_back_by_returning(long_values):
    a, b = long_values
    bodies = dict(a("SELECT k, body FROM t"))
    a.begin()
    a("UPDATE t SET v = v + 1")
    assert dict(a("UPDATE t SET v = v + 1 RETURNING k, body")) == bodies
    assert dict(a("DELETE FROM t RETURNING k, body")) == bodies
    a.rollback()
    assert dict(b("SELECT k, body FROM t")) == bodies
    body = "x" * 50_000 + "y" * 50_000
    a.begin()
    a("UPDATE t SET body = %s WHERE k = 1", [body])
    a("INSERT INTO t VALUES (1, 5) ON CONFLICT (k) DO UPDATE SET v = excluded.v")
    a.commit()
    assert b("SELECT v, body FROM t WHERE k = 1") == [(5, body)]


def test_own_writes_are_seen_when_a_large_table_is_read_whole(database):
    database.create(
        "CREATE TABLE t (k int PRIMARY KEY, v int, filling text)",
        *(
            f"INSERT INTO t SELECT g, 1, repeat('f', 1900) FROM generate_series({first}, {last}) g"
            for first, last in ((1, 3000), (3001, 6000), (6001, 9000))
        ),
        "ANALYZE t",
    )
    a, b = database.session(), database.session()
    a.begin()
    a("DELETE FROM t WHERE k <= 1000")
    a("UPDATE t SET v = 2 WHERE k <= 2000")
    b("UPDATE t SET v = 100 WHERE k = 9000")
    # So many conditions that PostgreSQL would share the work between processes.
    total = "SELECT count(*), sum(v) FROM t WHERE " + " AND ".join(f"v <> {-n}" for n in range(300))
    assert a(total) == [(8000, 9000)]
    a.commit()
    assert b(total) == [(8000, 9099)]
