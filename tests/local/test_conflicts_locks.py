# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""FOR UPDATE and FOR KEY SHARE never wait: they join the check at COMMIT."""

from __future__ import annotations

import pytest

LOCK = "SELECT k, v FROM t WHERE k = 1 FOR UPDATE"
SHARE = "SELECT k, v FROM t WHERE k = 1 FOR KEY SHARE"

# Conflicts with FOR UPDATE; with FOR KEY SHARE as well, where the key goes.
WRITES = {
    "update": "UPDATE t SET v = 99 WHERE k = 1",
    "update by upsert": "INSERT INTO t VALUES (1) ON CONFLICT (k) DO UPDATE SET v = 99",
}
KEY_WRITES = {
    "delete": "DELETE FROM t WHERE k = 1",
    "update of the primary key": "UPDATE t SET k = 9 WHERE k = 1",
    "update of another unique key": "UPDATE t SET u = 99 WHERE k = 1",
}
ALL_WRITES = {**WRITES, **KEY_WRITES}


@pytest.fixture
def pair(database):
    """Two sessions, and a table of three rows with two unique keys."""
    database.create(
        "CREATE TABLE t (k int PRIMARY KEY, v int, u int UNIQUE)",
        "INSERT INTO t VALUES (1, 10, 100), (2, 20, 200), (3, 30, 300)",
    )
    return database.session(), database.session()


def table(session):
    return session("SELECT * FROM t ORDER BY k")


@pytest.mark.parametrize("write", ALL_WRITES)
def test_reader_for_update_loses_to_a_write_committed_first(pair, write):
    a, b = pair
    a.begin()
    assert a(LOCK) == [(1, 10)]
    b(ALL_WRITES[write])
    assert a(LOCK) == [(1, 10)]
    a("UPDATE t SET v = 0 WHERE k = 2")
    a.loses()
    assert (2, 20, 200) in table(a)


@pytest.mark.parametrize("write", ALL_WRITES)
def test_reader_for_update_that_writes_nothing_loses_too(pair, write):
    a, b = pair
    a.begin()
    a(LOCK)
    b(ALL_WRITES[write])
    a.loses()


@pytest.mark.parametrize("write", ALL_WRITES)
def test_write_committed_before_the_row_is_read_for_update_is_a_conflict(pair, write):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b(ALL_WRITES[write])
    assert a(LOCK) == [(1, 10)]
    a.loses()


@pytest.mark.parametrize("write", ALL_WRITES)
def test_writer_loses_to_a_reader_for_update_that_committed_first(pair, write):
    a, b = pair
    a.begin()
    b.begin()
    b(ALL_WRITES[write])
    assert a(LOCK) == [(1, 10)]
    a.commit()
    b.loses()
    assert table(b)[0] == (1, 10, 100)


@pytest.mark.parametrize("write", ALL_WRITES)
def test_writer_loses_to_a_reader_for_update_that_is_long_gone(pair, write):
    a, b = pair
    b.begin()
    b("SELECT 1")
    a.begin()
    a(LOCK)
    a.commit()
    a.connection.close()
    b(ALL_WRITES[write])
    b.loses()


@pytest.mark.parametrize("lock", [LOCK, SHARE])
@pytest.mark.parametrize("write", ALL_WRITES)
def test_reader_that_rolled_back_conflicts_with_nobody(pair, lock, write):
    a, b = pair
    a.begin()
    b.begin()
    a(lock)
    b(ALL_WRITES[write])
    a.rollback()
    b.commit()


@pytest.mark.parametrize("lock", [LOCK, SHARE])
@pytest.mark.parametrize("write", ALL_WRITES)
def test_reader_that_committed_before_the_snapshot_conflicts_with_nobody(pair, lock, write):
    a, b = pair
    a.begin()
    b.begin()
    a(lock)
    a.commit()
    b(ALL_WRITES[write])
    b.commit()


def test_locked_rows_are_those_that_were_found(pair):
    a, b = pair
    a.begin()
    assert a("SELECT k FROM t WHERE v > 15 ORDER BY k FOR UPDATE") == [(2,), (3,)]
    b("UPDATE t SET v = 11 WHERE k = 1")
    a.commit()
    a.begin()
    assert a("SELECT k FROM t WHERE v > 15 FOR UPDATE") == [(2,), (3,)]
    b("UPDATE t SET v = 31 WHERE k = 3")
    a.loses()


@pytest.mark.parametrize("order", ["reader first", "writer first"])
@pytest.mark.parametrize("write", WRITES)
def test_key_share_does_not_conflict_with_a_change_of_other_columns(pair, write, order):
    a, b = pair
    a.begin()
    b.begin()
    assert a(SHARE) == [(1, 10)]
    b(WRITES[write])
    for session in (a, b) if order == "reader first" else (b, a):
        session.commit()
    assert table(a)[0] == (1, 99, 100)


@pytest.mark.parametrize("write", KEY_WRITES)
def test_key_share_loses_to_a_change_of_the_key_committed_first(pair, write):
    a, b = pair
    a.begin()
    b.begin()
    assert a(SHARE) == [(1, 10)]
    b(KEY_WRITES[write])
    b.commit()
    assert a(SHARE) == [(1, 10)]
    a.loses()


@pytest.mark.parametrize("write", KEY_WRITES)
def test_change_of_the_key_loses_to_a_key_share_that_committed_first(pair, write):
    a, b = pair
    b.begin()
    b("SELECT 1")
    a.begin()
    assert a(SHARE) == [(1, 10)]
    a.commit()
    a.connection.close()
    b(KEY_WRITES[write])
    b.loses()
    assert table(b)[0] == (1, 10, 100)


def test_key_shares_do_not_conflict_with_each_other(pair):
    a, b = pair
    a.begin()
    b.begin()
    a(SHARE)
    b(SHARE)
    a("UPDATE t SET v = 21 WHERE k = 2")
    b("UPDATE t SET v = 31 WHERE k = 3")
    a.commit()
    b.commit()
    assert table(a) == [(1, 10, 100), (2, 21, 200), (3, 31, 300)]


def test_two_readers_for_update_never_wait_and_one_of_them_commits(pair):
    a, b = pair
    a.begin()
    b.begin()
    assert a(LOCK) == b(LOCK) == [(1, 10)]
    a.commit()
    b.outcome("COMMIT")
    assert b(LOCK) == [(1, 10)]


@pytest.mark.parametrize("clause", ["NOWAIT", "SKIP LOCKED"])
def test_no_row_is_ever_locked(pair, clause):
    a, b = pair
    a.begin()
    b.begin()
    a("SELECT k FROM t FOR UPDATE")
    b("UPDATE t SET v = 0 WHERE k = 2")
    statement = f"SELECT k, v FROM t ORDER BY k FOR UPDATE {clause}"
    assert a(statement) == [(1, 10), (2, 20), (3, 30)]
    assert b(statement) == [(1, 10), (2, 0), (3, 30)]
    b.commit()
    a.loses()


def test_row_of_the_own_transaction_can_be_locked(pair):
    a, b = pair
    a.begin()
    a("INSERT INTO t VALUES (4, 40, 400)")
    a("UPDATE t SET v = 11 WHERE k = 1")
    a("DELETE FROM t WHERE k = 2")
    rows = [(1, 11, 100), (3, 30, 300), (4, 40, 400)]
    assert a("SELECT * FROM t ORDER BY k FOR UPDATE") == rows
    assert a("SELECT * FROM t ORDER BY k FOR KEY SHARE") == rows
    a("UPDATE t SET v = v + 1")
    a.commit()
    assert table(b) == [(k, v + 1, u) for k, v, u in rows]


def test_row_that_is_locked_and_then_written_is_stored(pair):
    a, b = pair
    for lock in (LOCK, SHARE):
        a.begin()
        (row,) = a(lock)
        a("UPDATE t SET v = %s WHERE k = 1", [row[1] + 1])
        a("UPDATE t SET u = u + 1 WHERE k = 1")
        a.commit()
    assert table(b)[0] == (1, 12, 102)


def test_lock_of_one_table_in_a_join(pair, database):
    a, _ = pair
    database.create("CREATE TABLE s (k int PRIMARY KEY, t int)", "INSERT INTO s VALUES (7, 1)")
    a, b, c = (database.session() for _ in range(3))
    a.begin()
    join = "SELECT s.k, v FROM s JOIN t ON t.k = s.t FOR UPDATE OF t"
    assert a(join) == [(7, 10)]
    b("UPDATE s SET t = 2")
    a.commit()
    a.begin()
    assert a(join) == [(7, 20)]
    c("UPDATE t SET v = 0 WHERE k = 2")
    a.loses()


def test_lock_in_a_subselect_and_in_a_cte(pair):
    a, b = pair
    for statement in (
        "SELECT count(*) FROM (SELECT * FROM t WHERE k = 1 FOR UPDATE) AS locked",
        "WITH locked AS (SELECT * FROM t WHERE k = 1 FOR UPDATE) SELECT count(*) FROM locked",
    ):
        a.begin()
        assert a(statement) == [(1,)]
        b("UPDATE t SET v = v + 1 WHERE k = 1")
        a.loses()


# -------------------------------------------------------------------------------- write skew


def on_call(session):
    return session.value("SELECT count(*) FROM t WHERE v > 0")


def test_write_skew_is_possible_without_locks(pair):
    a, b = pair
    a("DELETE FROM t WHERE k = 3")
    a.begin()
    b.begin()
    assert on_call(a) == on_call(b) == 2
    a("UPDATE t SET v = 0 WHERE k = 1")
    b("UPDATE t SET v = 0 WHERE k = 2")
    a.commit()
    b.commit()
    assert on_call(a) == 0


def test_write_skew_is_impossible_when_the_rows_are_read_for_update(pair):
    a, b = pair
    a("DELETE FROM t WHERE k = 3")
    a.begin()
    b.begin()
    for session in (a, b):
        assert session("SELECT k FROM t WHERE v > 0 ORDER BY k FOR UPDATE") == [(1,), (2,)]
    a("UPDATE t SET v = 0 WHERE k = 1")
    b("UPDATE t SET v = 0 WHERE k = 2")
    a.commit()
    b.loses()
    assert on_call(a) == 1
