# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Two sessions change the same rows: snapshots, who wins, and what the loser was told."""

from __future__ import annotations

import pytest
from sessions import OC000
from support import wait_for


@pytest.fixture
def pair(database):
    """Two sessions, and a table of three rows."""
    database.create(
        "CREATE TABLE t (k int PRIMARY KEY, v int, note text)",
        "INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')",
    )
    return database.session(), database.session()


def values(session):
    return dict(session("SELECT k, v FROM t"))


# ------------------------------------------------------------------------ the snapshot


def test_snapshot_is_taken_at_the_first_statement_not_at_begin(pair):
    a, b = pair
    a.begin()
    b("UPDATE t SET v = 11 WHERE k = 1")
    assert values(a) == {1: 11, 2: 20, 3: 30}
    b("UPDATE t SET v = 12 WHERE k = 1")
    b("INSERT INTO t VALUES (4, 40)")
    b("DELETE FROM t WHERE k = 3")
    assert values(a) == {1: 11, 2: 20, 3: 30}
    a.commit()
    assert values(a) == {1: 12, 2: 20, 4: 40}


def test_what_is_not_committed_is_seen_by_nobody_else(pair):
    a, b = pair
    a.begin()
    a("UPDATE t SET v = 11 WHERE k = 1")
    a("INSERT INTO t VALUES (4, 40)")
    a("DELETE FROM t WHERE k = 3")
    assert values(b) == {1: 10, 2: 20, 3: 30}
    a.rollback()
    assert values(b) == values(a) == {1: 10, 2: 20, 3: 30}


def test_read_only_transaction_never_conflicts(pair):
    a, b = pair
    a.begin("READ ONLY")
    assert values(a)[1] == 10
    b("UPDATE t SET v = 11")
    assert values(a)[1] == 10
    a.commit()


def test_reading_what_others_change_is_no_conflict(pair):
    a, b = pair
    a.begin()
    assert values(a)[1] == 10
    b("UPDATE t SET v = 11 WHERE k = 1")
    a("UPDATE t SET v = 21 WHERE k = 2")
    a.commit()
    assert values(b) == {1: 11, 2: 21, 3: 30}


# ------------------------------------------------------------------------------ who wins

CHANGES = {
    "update": "UPDATE t SET v = {v} WHERE k = 1",
    "update of all": "UPDATE t SET v = {v}",
    "update of the key": "UPDATE t SET k = 1{v} WHERE k = 1",
    "delete": "DELETE FROM t WHERE k = 1",
    "upsert": "INSERT INTO t VALUES (1, 0) ON CONFLICT (k) DO UPDATE SET v = {v}",
}


@pytest.mark.parametrize("second", CHANGES)
@pytest.mark.parametrize("first", CHANGES)
@pytest.mark.parametrize("order", ["as written", "other way round"])
def test_earliest_commit_wins_whoever_wrote_first(pair, first, second, order):
    a, b = pair
    a.begin()
    b.begin()
    a(CHANGES[first].format(v=1))
    b(CHANGES[second].format(v=2))
    seen_by_a, seen_by_b = values(a), values(b)
    winner, loser, kept = (a, b, seen_by_a) if order == "as written" else (b, a, seen_by_b)
    winner.commit()
    assert values(loser) == (seen_by_b if winner is a else seen_by_a)
    loser.loses()
    assert values(a) == values(b) == kept


@pytest.mark.parametrize("change", CHANGES)
def test_writer_that_rolled_back_conflicts_with_nobody(pair, change):
    a, b = pair
    a.begin()
    b.begin()
    a(CHANGES[change].format(v=1))
    b(CHANGES[change].format(v=2))
    a.rollback()
    seen = values(b)
    b.commit()
    assert values(a) == seen


@pytest.mark.parametrize("change", CHANGES)
def test_statement_that_commits_alone_wins_over_an_open_transaction(pair, change):
    a, b = pair
    a.begin()
    a(CHANGES[change].format(v=1))
    b(CHANGES[change].format(v=2))
    seen = values(b)
    a.loses()
    assert values(a) == seen


@pytest.mark.parametrize("change", CHANGES)
def test_change_committed_between_snapshot_and_write_is_a_conflict_at_commit(pair, change):
    a, b = pair
    a.begin()
    before = values(a)
    b(CHANGES[change].format(v=2))
    after = values(b)
    assert a(CHANGES[change].format(v=1)).split()[-1] == ("3" if change.endswith("all") else "1")
    assert values(a) != before
    a.loses()
    assert values(a) == after


def test_change_committed_before_the_snapshot_is_no_conflict(pair):
    a, b = pair
    a.begin()
    b("UPDATE t SET v = v + 1 WHERE k = 1")
    a("UPDATE t SET v = v + 1 WHERE k = 1")
    a.commit()
    assert values(b)[1] == 12


def test_disjoint_rows_do_not_conflict(pair):
    a, b = pair
    a.begin()
    b.begin()
    a("UPDATE t SET v = 11 WHERE k = 1")
    b("UPDATE t SET v = 21 WHERE k = 2")
    b("DELETE FROM t WHERE k = 3")
    a("INSERT INTO t VALUES (4, 40)")
    a.commit()
    b.commit()
    assert values(a) == {1: 11, 2: 21, 4: 40}


def test_all_of_many_open_writers_but_the_first_to_commit_lose(pair, database):
    writers = [database.session() for _ in range(6)]
    for number, writer in enumerate(writers):
        writer.begin()
        assert writer("UPDATE t SET v = v + %s WHERE k = 1 RETURNING v", [number]) == [
            (10 + number,)
        ]
    winner = writers.pop(3)
    winner.commit()
    for writer in writers:
        writer.loses()
    assert values(winner)[1] == 13


def test_conflict_on_one_row_undoes_the_whole_transaction(pair):
    a, b = pair
    a.begin()
    a("INSERT INTO t VALUES (4, 40)")
    a("DELETE FROM t WHERE k = 3")
    a("UPDATE t SET v = 0")
    b("UPDATE t SET v = 21 WHERE k = 2")
    a.loses()
    assert values(a) == {1: 10, 2: 21, 3: 30}


def test_same_transaction_tried_again_after_its_conflict_succeeds(pair):
    a, b = pair
    for expected in (OC000, "COMMIT"):
        a.begin()
        a("UPDATE t SET v = v + 1 WHERE k = 1")
        if expected == OC000:
            b("UPDATE t SET v = v + 1 WHERE k = 1")
        assert a.outcome("COMMIT") == expected
    assert values(b)[1] == 12


def test_no_deadlock_when_two_sessions_write_crosswise(pair):
    a, b = pair
    a.begin()
    b.begin()
    a("UPDATE t SET v = 1 WHERE k = 1")
    b("UPDATE t SET v = 2 WHERE k = 2")
    a("UPDATE t SET v = 1 WHERE k = 2")
    b("UPDATE t SET v = 2 WHERE k = 1")
    a.commit()
    b.loses()
    assert values(a) == {1: 1, 2: 1, 3: 30}


# ------------------------------------------------------- what the loser sees and is told


def test_loser_is_told_the_rows_and_counts_of_its_snapshot(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("UPDATE t SET v = 99, note = 'changed' WHERE k = 1")
    b("DELETE FROM t WHERE k = 2")
    b("INSERT INTO t VALUES (4, 40, 'new')")
    assert a("UPDATE t SET v = v + 1 RETURNING k, v, note") == [
        (1, 11, "a"),
        (2, 21, "b"),
        (3, 31, "c"),
    ]
    assert a("UPDATE t SET note = 'x' WHERE note = 'changed' OR k = 4") == "UPDATE 0"
    assert a("DELETE FROM t WHERE v IN (11, 21) RETURNING k, note") == [(1, "a"), (2, "b")]
    assert values(a) == {3: 31}
    a.loses()
    assert values(a) == {1: 99, 3: 30, 4: 40}


def test_loser_that_updates_twice_sees_both_updates(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("UPDATE t SET v = 99 WHERE k = 1")
    assert a("UPDATE t SET v = v + 1 WHERE k = 1 RETURNING v") == [(11,)]
    assert a("UPDATE t SET v = v * 2 WHERE k = 1 RETURNING v") == [(22,)]
    assert a("SELECT v FROM t WHERE k = 1") == [(22,)]
    a.loses()
    assert values(a)[1] == 99


def test_update_that_finds_nothing_in_its_snapshot_is_no_conflict(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("UPDATE t SET v = 99 WHERE k = 1")
    assert a("UPDATE t SET v = 0 WHERE v = 99") == "UPDATE 0"
    assert a("DELETE FROM t WHERE v = 99") == "DELETE 0"
    a.commit()
    assert values(a)[1] == 99


def test_counter_loses_no_increment(pair):
    a, b = pair
    committed = 0
    for number in range(20):
        a.begin()
        b.begin()
        for session in (a, b) if number % 2 else (b, a):
            session("UPDATE t SET v = v + 1 WHERE k = 1")
        for session in (a, b) if number % 3 else (b, a):
            committed += session.outcome("COMMIT") == "COMMIT"
    assert committed == 20
    assert values(a)[1] == 30


# ------------------------------------------------------------------- errors and autocommit


def test_failed_statement_aborts_its_transaction_and_keeps_nothing(pair):
    a, b = pair
    a.begin()
    a("UPDATE t SET v = 11 WHERE k = 1")
    assert a.refusal("INSERT INTO t VALUES (2, 0)")[0] == "23505"
    assert a.refusal("SELECT 1")[0] == "25P02"
    assert a("COMMIT") == "ROLLBACK"
    assert values(a) == values(b) == {1: 10, 2: 20, 3: 30}


def test_statement_that_fails_half_way_conflicts_with_nobody(pair):
    a, b = pair
    b.begin()
    b("UPDATE t SET v = 0")
    assert a.refusal("UPDATE t SET v = 100 / (k - 3)")[0] == "22012"
    b.commit()
    assert values(a) == {1: 0, 2: 0, 3: 0}


def test_slow_statement_that_commits_alone_is_told_of_its_conflict_itself(pair):
    a, b = pair
    a.connection.pgconn.send_query(
        b"UPDATE t SET v = v + 1 FROM (SELECT pg_sleep(1)) AS slow WHERE k = 1"
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_for(lambda: b.value(sleeping) == 1)
    b("UPDATE t SET v = 99 WHERE k = 1")
    result = a.connection.pgconn.get_result()
    assert b"(OC000)" in result.error_message
    assert a.connection.pgconn.get_result() is None
    assert values(a)[1] == 99


def test_statements_of_one_simple_query_are_one_transaction(pair):
    a, b = pair
    a.connection.pgconn.send_query(
        b"UPDATE t SET v = 0 WHERE k = 2; SELECT pg_sleep(1); UPDATE t SET v = 0 WHERE k = 1"
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_for(lambda: b.value(sleeping) == 1)
    b("UPDATE t SET v = 99 WHERE k = 1")
    results = []
    while (result := a.connection.pgconn.get_result()) is not None:
        results.append(result.error_message)
    assert b"(OC000)" in results[-1]
    assert values(a) == {1: 99, 2: 20, 3: 30}


def test_client_that_vanishes_conflicts_with_nobody(pair):
    a, b = pair
    a.begin()
    a("UPDATE t SET v = 0")
    a.connection.pgconn.finish()
    b.begin()
    b("UPDATE t SET v = v + 1")
    b.commit()
    assert values(b) == {1: 11, 2: 21, 3: 31}
