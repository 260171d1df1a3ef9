# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Races for unique keys: a visible key is refused at once, another at COMMIT."""

from __future__ import annotations

import pytest
from sessions import OC000

# A table definition, further statements, and two different rows with one key.
KINDS = {
    "primary key": ("k int PRIMARY KEY, v int", [], "(1, 10)", "(1, 20)"),
    "unique column": (
        "id uuid DEFAULT gen_random_uuid() PRIMARY KEY, k int UNIQUE, v int",
        [],
        "(DEFAULT, 1, 10)",
        "(DEFAULT, 1, 20)",
    ),
    "no primary key": ("k text UNIQUE, v int", [], "('one', 10)", "('one', 20)"),
    "two columns": (
        "a int, b text, v int, PRIMARY KEY (a, b)",
        [],
        "(1, 'x', 10)",
        "(1, 'x', 20)",
    ),
    "nulls not distinct": (
        "id int PRIMARY KEY, k int UNIQUE NULLS NOT DISTINCT",
        [],
        "(1, NULL)",
        "(2, NULL)",
    ),
    "two columns, one null, not distinct": (
        "id int PRIMARY KEY, a int, b int, UNIQUE NULLS NOT DISTINCT (a, b)",
        [],
        "(1, 1, NULL)",
        "(2, 1, NULL)",
    ),
    "with included columns": (
        "k int, v int, UNIQUE (k) INCLUDE (v)",
        [],
        "(1, 10)",
        "(1, 20)",
    ),
    "unique index": (
        "k int, v int",
        ["CREATE UNIQUE INDEX ASYNC ti ON t (k)"],
        "(1, 10)",
        "(1, 20)",
    ),
    "partial index": (
        "k int, v int",
        ["CREATE UNIQUE INDEX ASYNC ti ON t (k) WHERE v > 0"],
        "(1, 10)",
        "(1, 20)",
    ),
    "expression": (
        "k text, v int",
        ["CREATE UNIQUE INDEX ASYNC ti ON t (lower(k))"],
        "('One', 10)",
        "('ONE', 20)",
    ),
    "long keys": (
        "k text PRIMARY KEY, v int",
        [],
        "(repeat('k', 900), 10)",
        "(repeat('k', 900), 20)",
    ),
}


@pytest.fixture(params=KINDS)
def race(request, database):
    """Two sessions, and two rows of one key."""
    columns, more, first, second = KINDS[request.param]
    database.create(f"CREATE TABLE t ({columns})", *more)
    return database.session(), database.session(), first, second


@pytest.fixture
def pair(database):
    """Two sessions, and a table with two keys."""
    database.create(
        "CREATE TABLE t (k int PRIMARY KEY, u int, v int, CONSTRAINT tu UNIQUE (u))",
        "INSERT INTO t VALUES (1, 100, 10), (2, 200, 20)",
    )
    return database.session(), database.session()


def table(session):
    return session("SELECT * FROM t ORDER BY k")


def test_both_inserts_of_one_key_succeed_and_the_second_commit_is_refused(race):
    a, b, first, second = race
    a.begin()
    b.begin()
    assert a(f"INSERT INTO t VALUES {first}") == "INSERT 0 1"
    assert b(f"INSERT INTO t VALUES {second}") == "INSERT 0 1"
    rows = b("SELECT * FROM t")
    b.commit()
    assert a.value("SELECT count(*) FROM t") == 1
    a.loses()
    assert a("SELECT * FROM t") == rows


def test_key_committed_after_the_snapshot_is_a_conflict_at_commit(race):
    a, b, first, second = race
    a.begin()
    a("SELECT 1")
    b(f"INSERT INTO t VALUES {second}")
    assert a(f"INSERT INTO t VALUES {first}") == "INSERT 0 1"
    assert a.value("SELECT count(*) FROM t") == 1
    a.loses()
    assert b.value("SELECT count(*) FROM t") == 1


def test_key_visible_in_the_snapshot_is_refused_at_once(race):
    a, b, first, second = race
    b(f"INSERT INTO t VALUES {second}")
    a.begin()
    assert a.refusal(f"INSERT INTO t VALUES {first}")[0] == "23505"
    a.rollback()
    assert a.refusal(f"INSERT INTO t VALUES {first}")[0] == "23505"


def test_key_deleted_after_the_snapshot_is_still_there_for_it(race):
    a, b, first, second = race
    b(f"INSERT INTO t VALUES {second}")
    a.begin()
    a("SELECT 1")
    b("DELETE FROM t")
    assert a.refusal(f"INSERT INTO t VALUES {first}")[0] == "23505"
    a.rollback()
    assert a(f"INSERT INTO t VALUES {first}") == "INSERT 0 1"


def test_key_of_a_rolled_back_insert_is_free(race):
    a, b, first, second = race
    a.begin()
    a(f"INSERT INTO t VALUES {first}")
    b.begin()
    b(f"INSERT INTO t VALUES {second}")
    a.rollback()
    b.commit()
    assert a.refusal(f"INSERT INTO t VALUES {first}")[0] == "23505"


def test_own_insert_occupies_the_key_for_its_transaction(race):
    a, _, first, second = race
    a.begin()
    a(f"INSERT INTO t VALUES {first}")
    assert a.refusal(f"INSERT INTO t VALUES {second}")[0] == "23505"
    a.rollback()


def test_key_freed_in_the_own_transaction_can_be_used_again(race):
    a, b, first, second = race
    a(f"INSERT INTO t VALUES {first}")
    for _ in range(3):
        a.begin()
        assert a("DELETE FROM t") == "DELETE 1"
        assert a(f"INSERT INTO t VALUES {second}") == "INSERT 0 1"
        assert a.refusal(f"INSERT INTO t VALUES {first}")[0] == "23505"
        a.rollback()
        a.begin()
        for row in (second, first, second):
            assert a("DELETE FROM t") == "DELETE 1"
            assert a(f"INSERT INTO t VALUES {row}") == "INSERT 0 1"
        rows = a("SELECT * FROM t")
        a.commit()
        assert b("SELECT * FROM t") == rows


def test_key_freed_and_taken_again_conflicts_with_a_change_of_the_row(race):
    a, b, first, second = race
    a(f"INSERT INTO t VALUES {first}")
    a.begin()
    b.begin()
    a("DELETE FROM t")
    a(f"INSERT INTO t VALUES {second}")
    b("DELETE FROM t")
    rows = a("SELECT * FROM t")
    a.commit()
    b.loses()
    assert b("SELECT * FROM t") == rows


def test_do_nothing_inserts_what_its_snapshot_does_not_hold(race):
    a, b, first, second = race
    a.begin()
    a("SELECT 1")
    b(f"INSERT INTO t VALUES {second}")
    assert a(f"INSERT INTO t VALUES {first} ON CONFLICT DO NOTHING") == "INSERT 0 1"
    assert a(f"INSERT INTO t VALUES {first} ON CONFLICT DO NOTHING") == "INSERT 0 0"
    a.loses()
    assert a(f"INSERT INTO t VALUES {first} ON CONFLICT DO NOTHING") == "INSERT 0 0"


def test_many_sessions_race_for_one_key_and_one_gets_it(race, database):
    sessions = [*race[:2], *(database.session() for _ in range(4))]
    for session in sessions:
        session.begin()
        assert session(f"INSERT INTO t VALUES {race[2]}") == "INSERT 0 1"
    outcomes = [session.outcome("COMMIT") for session in reversed(sessions)]
    assert outcomes == ["COMMIT"] + [OC000] * 5
    assert sessions[0].value("SELECT count(*) FROM t") == 1


# ------------------------------------------------------------------ updates of key columns


def test_insert_races_with_an_update_to_its_key(pair):
    a, b = pair
    for first, second in ((a, b), (b, a)):
        a.begin()
        b.begin()
        a("INSERT INTO t VALUES (3, 300, 30)")
        b("UPDATE t SET k = 3 WHERE k = 1")
        first.commit()
        second.loses()
        a("DELETE FROM t WHERE k = 3")
        a("INSERT INTO t VALUES (1, 100, 10) ON CONFLICT DO NOTHING")


def test_two_updates_to_one_key_race(pair):
    a, b = pair
    a.begin()
    b.begin()
    assert a("UPDATE t SET u = 300 WHERE k = 1 RETURNING k, u") == [(1, 300)]
    assert b("UPDATE t SET u = 300 WHERE k = 2 RETURNING k, u") == [(2, 300)]
    b.commit()
    a.loses()
    assert table(a) == [(1, 100, 10), (2, 300, 20)]


def test_update_to_a_visible_key_is_refused_at_once(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("DELETE FROM t WHERE k = 2")
    assert a.refusal("UPDATE t SET u = 200 WHERE k = 1")[0] == "23505"
    a.rollback()
    assert a("UPDATE t SET u = 200 WHERE k = 1") == "UPDATE 1"


def test_key_moved_away_is_free_for_its_transaction_only(pair):
    a, b = pair
    a.begin()
    a("UPDATE t SET u = 101 WHERE k = 1")
    assert a("INSERT INTO t VALUES (3, 100, 30)") == "INSERT 0 1"
    assert b.refusal("INSERT INTO t VALUES (4, 100, 40)")[0] == "23505"
    a.commit()
    assert table(b) == [(1, 101, 10), (2, 200, 20), (3, 100, 30)]


def test_key_moved_away_and_back_is_the_same_row(pair):
    a, b = pair
    a.begin()
    for key in (11, 12, 1):
        a("UPDATE t SET k = %s WHERE u = 100", [key])
    a("UPDATE t SET v = v + 1 WHERE k = 1")
    a.commit()
    assert table(b) == [(1, 100, 11), (2, 200, 20)]


def test_swap_of_keys_by_way_of_a_third(pair):
    a, b = pair
    a.begin()
    b.begin()
    for before, after in ((1, 0), (2, 1), (0, 2)):
        a("UPDATE t SET k = %s WHERE k = %s", [after, before])
    b("UPDATE t SET v = 0 WHERE k = 2")
    assert table(a) == [(1, 200, 20), (2, 100, 10)]
    a.commit()
    b.loses()
    assert table(b) == [(1, 200, 20), (2, 100, 10)]


def test_swap_of_keys_in_one_statement_is_right_or_refused(pair):
    a, b = pair
    answer = a.outcome("UPDATE t SET u = 300 - u")
    if answer == "UPDATE 2":
        assert table(b) == [(1, 200, 10), (2, 100, 20)]
    else:
        assert answer[0] == "23505"
        assert table(b) == [(1, 100, 10), (2, 200, 20)]


def test_keys_moved_onto_each_other_crosswise_conflict(pair):
    a, b = pair
    a.begin()
    b.begin()
    a("UPDATE t SET u = 500 WHERE k = 1")
    b("UPDATE t SET u = 500 WHERE k = 2")
    b("UPDATE t SET u = 201 WHERE k = 2")
    b.commit()
    a.outcome("COMMIT")  # 500 was taken for a moment only: either is right
    assert table(a)[1] == (2, 201, 20)


# ----------------------------------------------------------------------------- ON CONFLICT


@pytest.mark.parametrize("target", ["(u)", "ON CONSTRAINT tu"])
def test_do_update_changes_the_row_of_its_snapshot(pair, target):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("UPDATE t SET v = 99 WHERE k = 1")
    upsert = f"INSERT INTO t VALUES (7, 100, 5) ON CONFLICT {target}"
    assert a(f"{upsert} DO UPDATE SET v = t.v + excluded.v RETURNING *") == [(1, 100, 15)]
    assert a(f"{upsert} DO UPDATE SET v = t.v + excluded.v RETURNING *") == [(1, 100, 20)]
    a.loses()
    assert table(a)[0] == (1, 100, 99)


@pytest.mark.parametrize("target", ["(u)", "ON CONSTRAINT tu"])
def test_do_update_inserts_what_its_snapshot_does_not_hold(pair, target):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("INSERT INTO t VALUES (3, 300, 30)")
    upsert = f"INSERT INTO t VALUES (4, 300, 5) ON CONFLICT {target}"
    assert a(f"{upsert} DO UPDATE SET v = t.v + 1 RETURNING *") == [(4, 300, 5)]
    assert a(f"{upsert} DO UPDATE SET v = t.v + 1 RETURNING *") == [(4, 300, 6)]
    a.loses()
    assert table(b)[2:] == [(3, 300, 30)]


def test_do_update_of_a_row_deleted_since_is_a_conflict(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("DELETE FROM t WHERE k = 1")
    upsert = "INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (k) DO UPDATE SET v = t.v + 1 RETURNING *"
    assert a(upsert) == [(1, 100, 11)]
    a.loses()
    assert a(upsert) == [(1, 1, 1)]


def test_do_nothing_tells_of_rows_deleted_since(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("DELETE FROM t WHERE k = 1")
    assert a("INSERT INTO t VALUES (1, 1, 1) ON CONFLICT DO NOTHING") == "INSERT 0 0"
    assert a("INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (k) DO NOTHING RETURNING k") == []
    a.rollback()
    assert a("INSERT INTO t VALUES (1, 1, 1) ON CONFLICT DO NOTHING") == "INSERT 0 1"


def test_on_conflict_sees_the_own_transactions_rows(pair):
    a, b = pair
    a.begin()
    a("DELETE FROM t WHERE k = 1")
    a("UPDATE t SET k = 3 WHERE k = 2")
    upsert = "INSERT INTO t VALUES (%s, NULL, 1) ON CONFLICT (k) DO UPDATE SET v = t.v + 1"
    for key in (1, 2, 3, 1):
        a(upsert, [key])
    assert table(a) == [(1, None, 2), (2, None, 1), (3, 200, 21)]
    a.commit()
    assert table(b) == [(1, None, 2), (2, None, 1), (3, 200, 21)]


def test_do_update_with_a_condition_that_fails_changes_nothing(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("UPDATE t SET v = 99 WHERE k = 1")
    upsert = "INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (k) DO UPDATE SET v = 0 WHERE t.v = 99"
    assert a(upsert) == "INSERT 0 0"
    a.rollback()
    assert table(a)[0] == (1, 100, 99)


def test_upsert_by_one_key_is_refused_by_another_visible_one(pair):
    a, _ = pair
    upsert = "INSERT INTO t VALUES (1, 7, 1) ON CONFLICT (k) DO UPDATE SET u = 200"
    assert a.refusal(upsert)[0] == "23505"
    assert a.refusal("INSERT INTO t VALUES (7, 200, 1) ON CONFLICT (k) DO NOTHING")[0] == "23505"


def test_statement_that_inserts_one_key_twice_is_refused(pair):
    a, _ = pair
    assert a.refusal("INSERT INTO t VALUES (5, 5, 5), (5, 6, 6)")[0] == "23505"
    twice = "INSERT INTO t VALUES (5, 5, 5), (5, 6, 6) ON CONFLICT (k)"
    assert a.refusal(f"{twice} DO UPDATE SET v = 0")[0] == "21000"
    assert a(f"{twice} DO NOTHING") == "INSERT 0 1"
