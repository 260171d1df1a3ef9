# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Foreign keys between sessions: parents, children, cascades, deferred checks."""

from __future__ import annotations

import pytest

ACTIONS = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"]
CHILD = "CREATE TABLE child (id int PRIMARY KEY, p int DEFAULT 3 REFERENCES parent {}, note text)"


def make(database, clause=""):
    """Parents 1, 2, 3; the child 20 of parent 2."""
    database.create(
        "CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE, note text)",
        CHILD.format(clause),
        "INSERT INTO parent VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')",
        "INSERT INTO child VALUES (20, 2, 'x')",
    )
    return database.session(), database.session()


@pytest.fixture
def pair(database):
    return make(database)


@pytest.fixture(params=ACTIONS)
def any_action(request, database):
    return make(database, f"ON DELETE {request.param}")


def orphans(session):
    return session(
        "SELECT * FROM child WHERE p IS NOT NULL AND p NOT IN (SELECT id FROM parent) ORDER BY id"
    )


# ------------------------------------------------------ a new child, its parent goes away

GOING = {
    "delete": ["DELETE FROM parent WHERE id = 1"],
    "delete of all but the used one": ["DELETE FROM parent WHERE id <> 2"],
    "key update": ["UPDATE parent SET id = 9 WHERE id = 1"],
    "update, then delete": [
        "UPDATE parent SET note = 'x' WHERE id = 1",
        "DELETE FROM parent WHERE id = 1",
    ],
    "update, then key update": [
        "UPDATE parent SET note = 'x' WHERE id = 1",
        "UPDATE parent SET id = 9 WHERE id = 1",
    ],
    "delete and insert": [
        "DELETE FROM parent WHERE id = 1",
        "INSERT INTO parent VALUES (1, 10, 'new')",
    ],
}
COMING = {
    "insert": ["INSERT INTO child VALUES (10, 1)"],
    "update": ["UPDATE child SET p = 1 WHERE id = 20"],
    "upsert": ["INSERT INTO child VALUES (20) ON CONFLICT (id) DO UPDATE SET p = 1"],
    "insert, then update": [
        "INSERT INTO child VALUES (10, NULL)",
        "UPDATE child SET p = 1 WHERE id = 10",
    ],
}


@pytest.mark.parametrize("going", GOING)
@pytest.mark.parametrize("coming", COMING)
@pytest.mark.parametrize("order", ["child first", "parent first"])
def test_new_child_and_end_of_its_parent_conflict(pair, going, coming, order):
    a, b = pair
    a.begin()
    b.begin()
    for statement in COMING[coming]:
        assert a(statement).split()[-1] == "1"
    for statement in GOING[going]:
        assert b(statement).split()[-1] in "12"
    winner, loser = (a, b) if order == "child first" else (b, a)
    winner.commit()
    loser.loses()
    assert orphans(a) == []


def test_new_child_of_any_kind_conflicts_with_the_end_of_its_parent(any_action):
    a, b = any_action
    for winner, loser in ((a, b), (b, a)):
        a.begin()
        b.begin()
        assert a("INSERT INTO child VALUES (10, 1)") == "INSERT 0 1"
        assert b("DELETE FROM parent WHERE id = 1") == "DELETE 1"
        winner.commit()
        loser.loses()
        assert orphans(a) == []
        a("DELETE FROM child WHERE id = 10")
        a("INSERT INTO parent VALUES (1, 10) ON CONFLICT DO NOTHING")


@pytest.mark.parametrize("order", ["child first", "parent first"])
@pytest.mark.parametrize("change", ["note = 'new'", "id = id, note = 'new'", "code = code"])
def test_new_child_does_not_conflict_with_other_changes_of_its_parent(pair, change, order):
    a, b = pair
    a.begin()
    b.begin()
    assert a("INSERT INTO child VALUES (10, 1)") == "INSERT 0 1"
    assert b(f"UPDATE parent SET {change} WHERE id = 1") == "UPDATE 1"
    for session in (a, b) if order == "child first" else (b, a):
        session.commit()
    assert a.value("SELECT p FROM child WHERE id = 10") == 1


def test_children_of_one_parent_do_not_conflict(pair, database):
    sessions = [*pair, database.session()]
    for number, session in enumerate(sessions):
        session.begin()
        session("INSERT INTO child VALUES (%s, 1)", [number])
    for session in sessions:
        session.commit()


def test_child_whose_parent_changes_and_then_goes_away(pair):
    a, b = pair
    a.begin()
    a("INSERT INTO child VALUES (10, 1)")
    b("UPDATE parent SET note = 'new' WHERE id = 1")
    b("UPDATE parent SET note = 'newer' WHERE id = 1")
    b("DELETE FROM parent WHERE id = 1")
    a.loses()
    assert orphans(a) == []


def test_parent_of_the_own_transaction_may_have_changed_meanwhile_in_other_columns(pair):
    a, b = pair
    a.begin()
    a("UPDATE parent SET note = 'mine' WHERE id = 1")
    a("INSERT INTO child VALUES (10, 1)")
    a.commit()
    b.begin()
    b("SELECT 1")
    a("UPDATE parent SET note = 'yours' WHERE id = 1")
    b("INSERT INTO child VALUES (11, 1)")
    b.commit()
    assert orphans(b) == []


# -------------------------------------------------------- what the snapshot says, at once


def test_parent_that_is_not_there_is_refused_at_once(pair):
    a, b = pair
    a.begin()
    assert a.refusal("INSERT INTO child VALUES (10, 7)")[0] == "23503"
    a.rollback()
    a.begin()
    b.begin()
    b("INSERT INTO parent VALUES (7, 70)")
    assert a.refusal("INSERT INTO child VALUES (10, 7)")[0] == "23503"
    a.rollback()
    assert b("INSERT INTO child VALUES (10, 7)") == "INSERT 0 1"
    b.commit()


def test_parent_with_a_visible_child_is_kept_at_once(pair):
    a, b = pair
    a.begin()
    assert a.refusal("DELETE FROM parent WHERE id = 2")[0] == "23503"
    a.rollback()
    a.begin()
    a("SELECT 1")
    b("DELETE FROM child")
    assert a.refusal("DELETE FROM parent WHERE id = 2")[0] == "23503"
    a.rollback()
    assert a("DELETE FROM parent WHERE id = 2") == "DELETE 1"


def test_child_committed_after_the_snapshot_is_a_conflict_and_no_violation(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("INSERT INTO child VALUES (10, 1)")
    assert a("DELETE FROM parent WHERE id = 1") == "DELETE 1"
    a.loses()


def test_parent_deleted_after_the_snapshot_is_a_conflict_and_no_violation(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("DELETE FROM parent WHERE id = 1")
    assert a("INSERT INTO child VALUES (10, 1)") == "INSERT 0 1"
    assert a("SELECT p.note FROM child c JOIN parent p ON p.id = c.p WHERE c.id = 10") == [("a",)]
    a.loses()
    assert a.refusal("INSERT INTO child VALUES (10, 1)")[0] == "23503"


def test_children_and_parents_of_the_own_transaction_are_seen(pair):
    a, b = pair
    a.begin()
    a("INSERT INTO parent VALUES (7, 70)")
    a("INSERT INTO child VALUES (10, 7)")
    a("DELETE FROM child WHERE id = 20")
    a("DELETE FROM parent WHERE id = 2")
    a.commit()
    a.begin()
    a("DELETE FROM parent WHERE id = 1")
    assert a.refusal("INSERT INTO child VALUES (11, 1)")[0] == "23503"
    a.rollback()
    a.begin()
    a("INSERT INTO child VALUES (11, 1)")
    assert a.refusal("DELETE FROM parent WHERE id = 1")[0] == "23503"
    a.rollback()
    assert b("SELECT id, p FROM child") == [(10, 7)]


# ------------------------------------------------------------------------------- cascades

AFTER_DELETE = {"CASCADE": [], "SET NULL": [(20, None, "x")], "SET DEFAULT": [(20, 3, "x")]}
CHILD_WRITES = {
    "update": "UPDATE child SET note = 'touched' WHERE id = 20",
    "new parent": "UPDATE child SET p = 1 WHERE id = 20",
    "delete": "DELETE FROM child WHERE id = 20",
    "lock": "SELECT id FROM child WHERE id = 20 FOR UPDATE",
}


@pytest.mark.parametrize("action", AFTER_DELETE)
@pytest.mark.parametrize("order", ["child first", "parent first"])
@pytest.mark.parametrize("write", CHILD_WRITES)
def test_cascade_conflicts_with_a_write_of_the_child(database, action, write, order):
    a, b = make(database, f"ON DELETE {action}")
    a.begin()
    b.begin()
    assert a("DELETE FROM parent WHERE id = 2") == "DELETE 1"
    assert a("SELECT * FROM child") == AFTER_DELETE[action]
    b(CHILD_WRITES[write])
    winner, loser = (b, a) if order == "child first" else (a, b)
    rows = winner("SELECT * FROM child")
    winner.commit()
    loser.loses()
    assert a("SELECT * FROM child") == rows
    assert orphans(a) == []


@pytest.mark.parametrize("action", AFTER_DELETE)
def test_cascade_of_the_loser_follows_its_snapshot(database, action):
    a, b = make(database, f"ON DELETE {action}")
    a.begin()
    a("SELECT 1")
    b("UPDATE child SET note = 'other' WHERE id = 20")
    b("INSERT INTO child VALUES (21, 2, 'new')")
    assert a("DELETE FROM parent WHERE id = 2") == "DELETE 1"
    assert a("SELECT * FROM child") == AFTER_DELETE[action]
    a.loses()
    assert a("SELECT * FROM child ORDER BY id") == [(20, 2, "other"), (21, 2, "new")]


def test_cascaded_update_of_the_key_conflicts_with_a_write_of_the_child(database):
    a, b = make(database, "ON UPDATE CASCADE")
    for winner, loser, rows in ((b, a, [(20, 2, "touched")]), (a, b, [(20, 9, "touched")])):
        a.begin()
        b.begin()
        assert a("UPDATE parent SET id = 9 WHERE id = 2") == "UPDATE 1"
        assert a("SELECT p FROM child") == [(9,)]
        b("UPDATE child SET note = 'touched' WHERE id = 20")
        winner.commit()
        loser.loses()
        assert a("SELECT * FROM child") == rows


def test_set_default_conflicts_with_the_end_of_the_default_parent(database):
    a, b = make(database, "ON DELETE SET DEFAULT")
    for winner, loser in ((a, b), (b, a)):
        a.begin()
        b.begin()
        assert a("DELETE FROM parent WHERE id = 2") == "DELETE 1"
        assert b("DELETE FROM parent WHERE id = 3") == "DELETE 1"
        winner.commit()
        loser.loses()
        assert orphans(a) == []
        a("INSERT INTO parent VALUES (2, 20), (3, 30) ON CONFLICT DO NOTHING")
        a("UPDATE child SET p = 2")


def test_cascade_through_three_tables(database):
    a, b = make(database, "ON DELETE CASCADE")
    database.create(
        "CREATE TABLE grandchild (id int PRIMARY KEY, c int REFERENCES child ON DELETE CASCADE)",
        "INSERT INTO grandchild VALUES (200, 20)",
    )
    a, b = database.session(), database.session()
    for number, order in enumerate(("up", "down")):
        a.begin()
        b.begin()
        a("DELETE FROM parent WHERE id = 2")
        assert a("SELECT * FROM grandchild") == []
        b("INSERT INTO grandchild VALUES (%s, 20)", [201 + number])
        winner, loser = (a, b) if order == "down" else (b, a)
        winner.commit()
        loser.loses()
    assert a("SELECT * FROM child") == a("SELECT * FROM grandchild") == []


# ------------------------------------------------- deferred, self-referencing, two columns

DEFERRED = "DEFERRABLE INITIALLY DEFERRED"


def test_deferred_child_comes_before_its_parent(database):
    a, b = make(database, DEFERRED)
    a.begin()
    a("INSERT INTO child VALUES (10, 7)")
    a("INSERT INTO parent VALUES (7, 70)")
    a.commit()
    a.begin()
    a("INSERT INTO child VALUES (11, 8)")
    assert a.refusal("COMMIT")[0] == "23503"
    a.begin()
    a("DELETE FROM parent WHERE id = 2")
    a("DELETE FROM child WHERE p = 2")
    a.commit()
    assert b("SELECT id FROM child") == [(10,)]


@pytest.mark.parametrize("order", ["child first", "parent first"])
def test_deferred_check_against_another_session_is_a_conflict(database, order):
    a, b = make(database, DEFERRED)
    a.begin()
    b.begin()
    assert a("INSERT INTO child VALUES (10, 1)") == "INSERT 0 1"
    assert b("DELETE FROM parent WHERE id = 1") == "DELETE 1"
    winner, loser = (a, b) if order == "child first" else (b, a)
    winner.commit()
    loser.loses()
    assert orphans(a) == []


def test_constraint_made_immediate_by_hand(database):
    a, _ = make(database, "DEFERRABLE")
    a.begin()
    assert a.refusal("INSERT INTO child VALUES (10, 7)")[0] == "23503"
    a.rollback()
    a.begin()
    if a.outcome("SET CONSTRAINTS ALL DEFERRED") == "SET CONSTRAINTS":
        a("INSERT INTO child VALUES (10, 7)")
        assert a.refusal("COMMIT")[0] == "23503"
    else:
        a.rollback()


def test_self_referencing_rows(database):
    database.create(
        "CREATE TABLE staff (id int PRIMARY KEY, boss int REFERENCES staff, note text)",
        "INSERT INTO staff VALUES (1, 1), (2, 1), (3, NULL)",
    )
    a, b = database.session(), database.session()
    for winner, loser in ((a, b), (b, a)):
        a.begin()
        b.begin()
        assert a("INSERT INTO staff VALUES (10, 3)") == "INSERT 0 1"
        assert b("DELETE FROM staff WHERE id = 3") == "DELETE 1"
        winner.commit()
        loser.loses()
        a("DELETE FROM staff WHERE id = 10")
        a("INSERT INTO staff VALUES (3, NULL) ON CONFLICT DO NOTHING")
    assert a.refusal("DELETE FROM staff WHERE id = 1")[0] == "23503"
    a.begin()
    assert a("INSERT INTO staff VALUES (7, 8), (8, 7)") == "INSERT 0 2"
    assert a("DELETE FROM staff WHERE id IN (1, 2)") == "DELETE 2"
    a.commit()
    assert b.column("SELECT id FROM staff ORDER BY id") == [3, 7, 8]


def test_reference_to_two_columns_and_to_a_unique_key(database):
    database.create(
        "CREATE TABLE parent (a int, b text, code int UNIQUE, PRIMARY KEY (a, b))",
        "CREATE TABLE child (id int PRIMARY KEY, a int, b text, code int REFERENCES parent (code),"
        " FOREIGN KEY (a, b) REFERENCES parent)",
        "INSERT INTO parent VALUES (1, 'x', 10), (1, 'y', 20)",
    )
    a, b = database.session(), database.session()
    for child, end in (
        ("(1, 1, 'x', NULL)", "DELETE FROM parent WHERE b = 'x'"),
        ("(1, 1, NULL, 10)", "DELETE FROM parent WHERE b = 'x'"),
        ("(1, NULL, NULL, 10)", "UPDATE parent SET code = 11 WHERE code = 10"),
    ):
        a.begin()
        b.begin()
        a(f"INSERT INTO child VALUES {child}")
        assert b(end).split()[-1] == "1"
        a.commit()
        b.loses()
        a("DELETE FROM child")
    assert a.outcome("INSERT INTO child VALUES (1, 1, 'z', NULL)")[0] == "23503"
    assert a("INSERT INTO child VALUES (1, 1, NULL, 20)") == "INSERT 0 1"
