# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Conflicts are found whatever the statement that wrote looks like, and whoever sent it."""

from __future__ import annotations

import pytest
from sessions import OC000
from support import wait_for

TABLES = [
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.t (k int PRIMARY KEY, v int)",
    "CREATE TABLE bare (k int, v int)",
    "CREATE VIEW shop.seen AS SELECT k AS key, v AS val FROM shop.t WHERE v < 1000",
    "CREATE FUNCTION shop.put(key int, val int) RETURNS int LANGUAGE sql AS"
    " $$ UPDATE shop.t SET v = val WHERE k = key RETURNING v $$",
    "CREATE FUNCTION shop.begun(key int, val int) RETURNS int LANGUAGE sql BEGIN ATOMIC"
    " UPDATE shop.t SET v = val WHERE k = key RETURNING v; END",
    "CREATE FUNCTION shop.drop(key int) RETURNS void LANGUAGE sql AS"
    " $$ DELETE FROM shop.t WHERE k = key $$",
    "INSERT INTO shop.t VALUES (1, 10), (2, 20), (3, 30)",
    "INSERT INTO bare VALUES (1, 10), (1, 10), (2, 20)",
]

# Each changes row 1 of shop.t; {v} is a number.
FORMS = {
    "qualified": "UPDATE shop.t SET v = {v} WHERE k = 1",
    "quoted": 'UPDATE "shop"."t" AS "T" SET "v" = {v} WHERE "T".k = 1',
    "with the database's name": "UPDATE postgres.shop.t SET v = {v} WHERE k = 1",
    "only": "UPDATE ONLY shop.t SET v = {v} WHERE k = 1",
    "view": "UPDATE shop.seen SET val = {v} WHERE key = 1",
    "delete by view": "DELETE FROM shop.seen WHERE key = 1 AND {v} > 0",
    "upsert by view": "INSERT INTO shop.seen VALUES (1, {v})"
    " ON CONFLICT (key) DO UPDATE SET val = excluded.val",
    "function": "SELECT shop.put(1, {v})",
    "function of a parsed body": "SELECT shop.begun(1, {v})",
    "function in FROM": "SELECT * FROM shop.put(1, {v}) AS x",
    "function in a condition": "SELECT 1 FROM (VALUES (1)) AS x (y) WHERE shop.put(y, {v}) > 0",
    "function that deletes": "SELECT shop.drop(1), {v}",
    "function in an insert": "INSERT INTO bare SELECT 9, shop.put(1, {v})",
    "cte": "WITH x AS (UPDATE shop.t SET v = {v} WHERE k = 1 RETURNING *) SELECT * FROM x",
    "cte that nobody reads": "WITH x AS (UPDATE shop.t SET v = {v} WHERE k = 1) SELECT 1",
    "cte below an insert": "WITH x AS (DELETE FROM shop.t WHERE k = 1 RETURNING k)"
    " INSERT INTO bare SELECT k, {v} FROM x",
    "update from": "UPDATE shop.t SET v = {v} FROM bare b WHERE shop.t.k = b.k - 1 AND b.k = 2",
    "update from a query": "UPDATE shop.t SET v = x.v FROM (SELECT {v} AS v) AS x WHERE k = 1",
    "update of several columns": "UPDATE shop.t SET (k, v) = (SELECT 1, {v}) WHERE k = 1",
    "update by subselect": "UPDATE shop.t SET v = {v} WHERE k = (SELECT min(k) FROM shop.t)",
    "delete using": "DELETE FROM shop.t USING bare b WHERE shop.t.k = b.k AND b.k = 1 AND {v} > 0",
    "insert select": "INSERT INTO shop.t SELECT 1, {v}"
    " ON CONFLICT ON CONSTRAINT t_pkey DO UPDATE SET v = {v}",
    "explain analyze": "EXPLAIN (ANALYZE, COSTS OFF) UPDATE shop.t SET v = {v} WHERE k = 1",
    "locking": "SELECT v, {v} FROM shop.t WHERE k = 1 FOR UPDATE",
    "locking by view": "SELECT val, {v} FROM shop.seen WHERE key = 1 FOR UPDATE",
}


@pytest.fixture
def pair(database):
    database.create(*TABLES)
    return database.session(), database.session()


def rows(session):
    return session("SELECT * FROM shop.t ORDER BY k")


@pytest.mark.parametrize("form", FORMS)
def test_loser_of_every_form_is_told_at_commit(pair, form):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("UPDATE shop.t SET v = 99 WHERE k = 1")
    a(FORMS[form].format(v=5))
    seen = rows(a)
    assert seen[0] in [(1, 10), (1, 5), (2, 20)]
    a.loses()
    assert rows(a)[0] == (1, 99)


@pytest.mark.parametrize("form", FORMS)
def test_winner_of_every_form_is_stored(pair, form):
    a, b = pair
    a.begin()
    b.begin()
    b("UPDATE shop.t SET v = 99 WHERE k = 1")
    a(FORMS[form].format(v=5))
    seen = rows(a)
    a.commit()
    b.loses()
    assert rows(b) == seen


@pytest.mark.parametrize("form", FORMS)
def test_forms_meet_themselves_by_prepared_statements(pair, form):
    a, b = pair
    for session in pair:
        session.connection.prepare_threshold = 0
    for number in range(3):
        a.begin()
        b.begin()
        a(FORMS[form].format(v=5))
        b(FORMS[form].format(v=6))
        seen = rows(b)
        b.commit()
        if "lock" in form:
            assert a.outcome("COMMIT") in ("COMMIT", OC000)
        else:
            a.loses()
        assert rows(a) == seen
        a("INSERT INTO shop.t VALUES (1, %s) ON CONFLICT DO NOTHING", [number])


def test_transaction_that_wrote_other_tables_before_its_conflict(pair):
    a, b = pair
    a.begin()
    a("INSERT INTO bare SELECT k, v FROM shop.t")
    a("DELETE FROM bare WHERE v = 10")
    a("UPDATE shop.t SET v = 0 WHERE k = 3")
    b("UPDATE shop.t SET v = 99 WHERE k = 1")
    assert a("UPDATE shop.t SET v = v + 1 WHERE k = 1 RETURNING v") == [(11,)]
    a("INSERT INTO shop.t VALUES (4, 40)")
    a.loses()
    assert rows(a) == [(1, 99), (2, 20), (3, 30)]
    assert b("SELECT * FROM bare ORDER BY k") == [(1, 10), (1, 10), (2, 20)]


# ----------------------------------------------------------------------- tables without a key


@pytest.mark.parametrize("order", ["as written", "other way round"])
def test_rows_of_a_table_without_a_key(pair, order):
    a, b = pair
    a.begin()
    b.begin()
    assert a("UPDATE bare SET v = v + 1 WHERE k = 1") == "UPDATE 2"
    assert b("DELETE FROM bare WHERE v = 10") == "DELETE 2"
    a("INSERT INTO bare VALUES (5, 50)")
    b("INSERT INTO bare VALUES (5, 50)")
    winner, loser = (a, b) if order == "as written" else (b, a)
    seen = winner("SELECT * FROM bare ORDER BY k, v")
    winner.commit()
    loser.loses()
    assert a("SELECT * FROM bare ORDER BY k, v") == seen


def test_equal_rows_without_a_key_are_different_rows(pair):
    a, b = pair
    places = a.column("SELECT ctid::text FROM bare WHERE k = 1")
    a.begin()
    b.begin()
    a("UPDATE bare SET v = 11 WHERE ctid = %s::tid", places[:1])
    b("UPDATE bare SET v = 12 WHERE ctid = %s::tid", places[1:])
    a("INSERT INTO bare VALUES (7, 7)")
    b("INSERT INTO bare VALUES (7, 7)")
    a.commit()
    b.commit()
    assert a("SELECT * FROM bare ORDER BY k, v") == [(1, 11), (1, 12), (2, 20), (7, 7), (7, 7)]


# -------------------------------------------------------------------------------------- COPY


def test_copied_keys_conflict_at_commit(pair):
    a, b = pair
    a.begin()
    a("SELECT 1")
    b("INSERT INTO shop.t VALUES (5, 55)")
    a.copy("COPY shop.t FROM STDIN", ["4\t40", "5\t50"])
    assert rows(a)[3:] == [(4, 40), (5, 50)]
    a("UPDATE shop.t SET v = v + 1 WHERE k >= 4")
    assert rows(a)[3:] == [(4, 41), (5, 51)]
    a.loses()
    assert rows(a)[3:] == [(5, 55)]


def test_copied_visible_key_is_refused_at_once(pair):
    a, b = pair
    with pytest.raises(Exception, match="duplicate key"):
        a.copy("COPY shop.t FROM STDIN", ["4\t40", "1\t50"])
    a.copy("COPY shop.t (v, k) FROM STDIN", [f"{k}\t{k}" for k in range(100, 1100)])
    assert b.value("SELECT count(*) FROM shop.t") == 1003


def test_copied_child_and_end_of_its_parent(database):
    database.create(
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child (id int, p int REFERENCES parent)",
        "INSERT INTO parent VALUES (1), (2)",
    )
    a, b = database.session(), database.session()
    a.begin()
    a.copy("COPY child FROM STDIN", ["1\t1", "2\t2"])
    b("DELETE FROM parent WHERE id = 1")
    a.loses()
    a.begin()
    a.copy("COPY child FROM STDIN", ["1\t2", "2\t2"])
    b.begin()
    b("DELETE FROM parent WHERE id = 2")
    a.commit()
    b.loses()


def test_copy_out_reads_the_snapshot_and_own_writes(pair):
    a, b = pair
    a.begin()
    a("UPDATE shop.t SET v = 11 WHERE k = 1")
    b("UPDATE shop.t SET v = 22 WHERE k = 2")
    for statement in ("COPY shop.t TO STDOUT", "COPY (SELECT * FROM shop.t) TO STDOUT"):
        with a.connection.cursor().copy(statement) as copy:
            assert sorted(copy.rows()) == [("1", "11"), ("2", "20"), ("3", "30")]
    a.commit()


def test_slow_copy_that_commits_alone_is_told_of_its_conflict_itself(pair):
    a, b = pair
    with pytest.raises(Exception, match="OC000"):
        with a.connection.cursor().copy("COPY shop.t FROM STDIN") as copy:
            copy.write("7\t70\n" + "".join(f"{k}\t0\n" for k in range(1000, 2000)))
            under_way = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY shop.t FROM%'"
            wait_for(lambda: b.value(f"{under_way} AND wait_event = 'ClientRead'") == 1)
            b("INSERT INTO shop.t VALUES (7, 77)")
    assert rows(b)[3:] == [(7, 77)]


# ------------------------------------------------------------------------------- other roles


@pytest.fixture
def mixed(database, writer):
    """A session of another role, and one of admin."""
    database.create(
        *TABLES,
        "GRANT USAGE ON SCHEMA shop TO writer",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.t TO writer",
        "GRANT SELECT, UPDATE ON shop.seen TO writer",
    )
    return writer(), database.session()


ROLE_FORMS = ["qualified", "view", "function", "cte", "insert select", "locking"]


@pytest.mark.parametrize("form", ROLE_FORMS)
def test_another_role_loses_to_admin(mixed, form):
    role, admin = mixed
    role.begin()
    role("SELECT 1")
    admin("UPDATE shop.t SET v = 99 WHERE k = 1")
    role(FORMS[form].format(v=5))
    role.loses()
    assert rows(admin)[0] == (1, 99)


@pytest.mark.parametrize("form", ROLE_FORMS)
def test_admin_loses_to_another_role(mixed, form):
    role, admin = mixed
    admin.begin()
    admin("DELETE FROM shop.t WHERE k = 1")
    role.begin()
    role(FORMS[form].format(v=5))
    seen = rows(role)
    role.commit()
    admin.loses()
    assert rows(admin) == seen


def test_two_sessions_of_another_role(mixed, writer):
    one, two = mixed[0], writer()
    one.begin()
    two.begin()
    one("INSERT INTO shop.t VALUES (7, 70)")
    two("INSERT INTO shop.t VALUES (7, 71)")
    two.commit()
    one.loses()
    assert one("SELECT v FROM shop.t WHERE k = 7") == [(71,)]


def test_role_without_the_right_is_refused_at_once(mixed):
    role, admin = mixed
    assert role.refusal("UPDATE bare SET v = 0")[0] == "42501"
    admin.begin()
    admin("SELECT 1")
    assert role.refusal("SELECT * FROM bare FOR UPDATE")[0] == "42501"
    admin("UPDATE bare SET v = 0")
    admin.commit()


def test_foreign_key_to_a_table_that_the_role_may_not_read(database, writer):
    database.create(
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.parent (id int PRIMARY KEY, note text)",
        "CREATE TABLE shop.child (id int PRIMARY KEY, p int REFERENCES shop.parent)",
        "INSERT INTO shop.parent VALUES (1), (2)",
        "GRANT USAGE ON SCHEMA shop TO writer",
        "GRANT SELECT, INSERT ON shop.child TO writer",
    )
    role, admin = writer(), database.session()
    for winner in ("role", "admin"):
        role.begin()
        admin.begin()
        role("INSERT INTO shop.child VALUES (1, 1)")
        admin("DELETE FROM shop.parent WHERE id = 1")
        first, second = (role, admin) if winner == "role" else (admin, role)
        first.commit()
        second.loses()
        admin("DELETE FROM shop.child")
    assert role.refusal("INSERT INTO shop.child VALUES (1, 1)")[0] == "23503"
