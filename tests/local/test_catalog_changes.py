# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A catalog change costs every other session one OC001, and neither waits nor makes others wait."""

from __future__ import annotations

import pytest
from sessions import OC001
from wire_client import Wire

CHANGES = {
    "create table": "CREATE TABLE made (k int PRIMARY KEY)",
    "create view": "CREATE VIEW made_view AS SELECT k FROM t",
    "create sequence": "CREATE SEQUENCE made_sequence CACHE 1",
    "create function": "CREATE FUNCTION made_function() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "create index": "CREATE INDEX ASYNC ON t (v)",
    "add column": "ALTER TABLE t ADD COLUMN extra int",
    "drop column": "ALTER TABLE t DROP COLUMN note",
    "rename column": "ALTER TABLE t RENAME COLUMN note TO remark",
    "rename": "ALTER TABLE other RENAME TO another",
    "default": "ALTER TABLE t ALTER COLUMN v SET DEFAULT 7",
    "drop table": "DROP TABLE other",
    "grant": "GRANT SELECT ON t TO PUBLIC",
    "revoke": "REVOKE ALL ON other FROM PUBLIC",
    "comment": "COMMENT ON TABLE t IS 'a table'",
}


@pytest.fixture
def pair(database):
    database.create(
        "CREATE TABLE t (k int PRIMARY KEY, v int, note text)",
        "CREATE TABLE other (k int)",
        "INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b')",
    )
    database.made += [("TABLE", name) for name in ("made", "another", "x", "y")]
    database.made += [("SEQUENCE", "made_sequence"), ("FUNCTION", "made_function")]
    a, b = database.session(), database.session()
    a("SELECT 1")
    b("SELECT 1")
    return a, b


# ------------------------------------------------------------------- told once, and cleared


@pytest.mark.parametrize("change", CHANGES)
def test_next_statement_of_another_session_is_told_once(pair, change):
    a, b = pair
    b(CHANGES[change])
    assert a.refusal("SELECT k FROM t") == OC001
    assert a("SELECT k FROM t ORDER BY k") == [(1,), (2,)]
    assert b("SELECT k FROM t ORDER BY k") == [(1,), (2,)]


@pytest.mark.parametrize("change", CHANGES)
def test_open_transaction_is_told_at_its_next_statement_or_commit(pair, change):
    a, b = pair
    for end in ("SELECT k FROM t", "COMMIT"):
        a.begin()
        a("SELECT k FROM t")
        b(CHANGES[change] if end != "COMMIT" else "CREATE TABLE x (k int)")
        assert a.refusal(end) == OC001
        if end != "COMMIT":
            assert a.refusal("SELECT 1")[0] == "25P02"
            a.rollback()
        a.begin()
        assert a("SELECT k FROM t ORDER BY k") == [(1,), (2,)]
        a.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "UPDATE t SET v = 0",
        "INSERT INTO t VALUES (3)",
        "SELECT k FROM t WHERE k = 1 FOR UPDATE",
        "SELECT count(*) FROM pg_class",
        "CREATE TABLE y (k int)",
    ],
)
def test_every_kind_of_statement_is_told(pair, statement):
    a, b = pair
    b("CREATE TABLE x (k int)")
    assert a.refusal(statement) == OC001
    assert isinstance(a.outcome(statement), (list, str))
    assert a.value("SELECT count(*) FROM t") in (2, 3)


def test_read_only_transactions_are_told_too(pair):
    a, b = pair
    a.begin("READ ONLY")
    a("SELECT k FROM t")
    b("CREATE TABLE x (k int)")
    assert a.refusal("SELECT k FROM t") == OC001
    a.rollback()
    a.begin("READ ONLY")
    a("SELECT k FROM t")
    b("DROP TABLE x")
    assert a.refusal("COMMIT") == OC001
    a.begin("READ ONLY")
    assert a("SELECT k FROM t ORDER BY k") == [(1,), (2,)]
    a.commit()


def test_transaction_that_wrote_is_undone(pair):
    a, b = pair
    a.begin()
    a("UPDATE t SET v = 0")
    a("INSERT INTO t VALUES (3, 30)")
    b("CREATE TABLE x (k int)")
    assert a.refusal("COMMIT") == OC001
    assert a("SELECT k, v FROM t ORDER BY k") == [(1, 10), (2, 20)]


def test_several_changes_are_told_once(pair):
    a, b = pair
    for statement in ("CREATE TABLE x (k int)", "CREATE TABLE y (k int)", "DROP TABLE x"):
        b(statement)
    assert a.refusal("SELECT 1") == OC001
    assert a.value("SELECT count(*) FROM t") == 2


def test_session_that_made_the_change_is_not_told(pair):
    a, b = pair
    b("CREATE TABLE x (k int)")
    assert b("SELECT * FROM x") == []
    b.begin()
    b("CREATE TABLE y (k int)")
    b.commit()
    b.begin()
    assert b("INSERT INTO y VALUES (1)") == "INSERT 0 1"
    b.commit()
    assert a.refusal("SELECT 1") == OC001
    assert a("SELECT k FROM y") == [(1,)]


def test_session_that_comes_later_is_not_told(pair, database):
    _, b = pair
    b("CREATE TABLE x (k int)")
    assert database.session()("SELECT * FROM x") == []


def test_rolled_back_change_tells_nobody(pair):
    a, b = pair
    b.begin()
    b("ALTER TABLE t ADD COLUMN extra int")
    b.rollback()
    b.begin()
    b("CREATE TABLE x (k int)")
    assert b.refusal("SELECT 1/0")[0] == "22012"
    assert b("COMMIT") == "ROLLBACK"
    assert a.value("SELECT count(*) FROM t") == 2


def test_refused_and_idle_statements_tell_nobody(pair):
    a, b = pair
    assert b.refusal("CREATE TABLE t (k int)")[0] == "42P07"
    assert b.refusal("TRUNCATE t")[0] == "0A000"
    b("SET search_path = public")
    assert a.value("SELECT count(*) FROM t") == 2


@pytest.mark.parametrize(
    "change",
    ["CREATE TABLE x (k int)", "CREATE INDEX ASYNC ON t (v)", "GRANT SELECT ON t TO PUBLIC"],
)
def test_prepared_statement_is_told_once_and_works_on(pair, change):
    a, b = pair
    for _ in range(2):
        assert a("SELECT * FROM t WHERE k = %s", [1], prepare=True) == [(1, 10, "a")]
    b(change)
    with pytest.raises(Exception, match="OC001"):
        a("SELECT * FROM t WHERE k = %s", [1], prepare=True)
    assert a("SELECT * FROM t WHERE k = %s", [1], prepare=True) == [(1, 10, "a")]


def test_prepared_statement_whose_table_has_changed_is_told_first(pair):
    a, b = pair
    for _ in range(2):
        assert a("SELECT * FROM t WHERE k = %s", [1], prepare=True) == [(1, 10, "a")]
    b("ALTER TABLE t RENAME COLUMN note TO remark")
    with pytest.raises(Exception, match="OC001"):
        a("SELECT * FROM t WHERE k = %s", [1], prepare=True)
    assert a("SELECT * FROM t WHERE k = 1") == [(1, 10, "a")]


def test_extended_protocol_is_told_once(pair, endpoint):
    _, b = pair
    wire = Wire(endpoint)
    wire.query("SELECT 1")
    b("CREATE TABLE x (k int)")
    assert wire.run("SELECT k FROM t WHERE k = $1::int", ("1",)).error == OC001
    assert wire.run("SELECT k FROM t WHERE k = $1::int", ("1",)).rows == [("1",)]
    wire.query("BEGIN")
    wire.open("p", "SELECT k FROM t", 1)
    b("DROP TABLE x")
    first, last = wire.fetch("p"), wire.query("COMMIT")
    assert OC001 in (first.error, last.error)
    assert wire.run("SELECT k FROM t WHERE k = $1::int", ("1",)).rows == [("1",)]
    wire.close()


def test_copy_is_told_and_works_when_tried_again(pair):
    a, b = pair
    b("CREATE TABLE x (k int)")
    with pytest.raises(Exception, match="OC001"):
        a.copy("COPY t (k) FROM STDIN", ["3", "4"])
    a.copy("COPY t (k) FROM STDIN", ["3", "4"])
    assert b.value("SELECT count(*) FROM t") == 4


def test_copy_that_its_client_fails_is_no_change_of_the_catalog(pair, endpoint):
    wire = Wire(endpoint)
    wire.send_query("COPY t (k) FROM STDIN")
    assert wire.message()[0] == "G"
    assert wire.put("f", b"no data\0").flush_socket().answer().error == (
        "57014",
        "COPY from stdin failed: no data",
    )
    wire.close()


# ------------------------------------------------------------------------- nobody waits

LIVE = ["SELECT * FROM t", "UPDATE t SET v = 0", "SELECT * FROM t FOR UPDATE", "DELETE FROM t"]
INTRUSIVE = [
    "ALTER TABLE t ADD COLUMN extra int",
    "ALTER TABLE t DROP COLUMN note",
    "DROP TABLE t",
    "CREATE INDEX ASYNC ON t (v)",
    "CREATE UNIQUE INDEX ASYNC ON t (v)",
    "ALTER TABLE t RENAME TO x",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (v < 100) NOT VALID",
]


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("change", INTRUSIVE)
def test_change_does_not_wait_for_an_open_transaction(pair, live, change):
    a, b = pair
    a.begin()
    a(live)
    b(change)
    assert a.refusal("COMMIT") == OC001
    if "DROP TABLE" not in change and "TO x" not in change:
        assert b("SELECT k, v FROM t ORDER BY k") == [(1, 10), (2, 20)]
    assert a.value("SELECT 1") == 1


def test_change_does_not_wait_for_a_transaction_with_an_open_portal(pair, endpoint):
    _, b = pair
    wire = Wire(endpoint)
    wire.query("BEGIN")
    wire.open("p", "SELECT * FROM t", 1)
    b("DROP TABLE t")
    assert wire.fetch("p").error == OC001
    assert wire.query("ROLLBACK").error is None
    wire.close()


def uncommitted(session, change):
    session.begin()
    session(change)


@pytest.mark.parametrize("change", [*INTRUSIVE, "REVOKE ALL ON t FROM PUBLIC"])
def test_reader_does_not_wait_for_an_uncommitted_change(pair, change):
    a, b = pair
    uncommitted(a, change)
    answer = b.outcome("SELECT k, v, note FROM t ORDER BY k")
    assert answer in ([(1, 10, "a"), (2, 20, "b")], OC001)
    assert a.outcome("COMMIT") in ("COMMIT", OC001)
    b.outcome("SELECT 1")
    a.outcome("SELECT 1")
    assert a.value("SELECT 1") == b.value("SELECT 1") == 1


@pytest.mark.parametrize("change", INTRUSIVE)
def test_writer_does_not_wait_for_an_uncommitted_change(pair, change):
    a, b = pair
    uncommitted(a, change)
    written = b.outcome("UPDATE t SET v = 99 WHERE k = 1")
    assert written in ("UPDATE 1", OC001)
    committed = a.outcome("COMMIT")
    assert committed in ("COMMIT", OC001)
    a.outcome("SELECT 1")
    if committed == "COMMIT" and ("DROP TABLE" in change or "TO x" in change):
        assert a("SELECT to_regclass('t')") == [(None,)]
    else:
        assert a("SELECT v FROM t WHERE k = 1") == [(99 if written == "UPDATE 1" else 10,)]


def test_transaction_and_uncommitted_change_meet(pair):
    a, b = pair
    b.begin()
    b("UPDATE t SET v = 99 WHERE k = 1")
    uncommitted(a, "ALTER TABLE t ADD COLUMN extra int")
    outcomes = [b.outcome("SELECT v FROM t WHERE k = 1"), a.outcome("COMMIT"), b.outcome("COMMIT")]
    assert "COMMIT" in outcomes[1:] or OC001 in outcomes
    b.outcome("SELECT 1")
    columns = a.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass")
    assert columns >= 9


def test_changes_of_one_name_do_not_wait_and_one_of_them_wins(pair):
    a, b = pair
    uncommitted(a, "CREATE TABLE x (k int)")
    second = b.outcome("CREATE TABLE x (k int, second int)")
    first = a.outcome("COMMIT")
    assert (first, second) in [("COMMIT", OC001), (OC001, "CREATE TABLE")]
    for session in pair:
        session.outcome("SELECT 1")
    columns = a.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'x'::regclass")
    assert columns == (7 if first == "COMMIT" else 8)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GRANT SELECT ON t TO PUBLIC", "GRANT INSERT ON t TO PUBLIC"),
        ("ALTER TABLE t ADD COLUMN p int", "ALTER TABLE t ADD COLUMN q int"),
        ("COMMENT ON TABLE t IS 'one'", "COMMENT ON TABLE t IS 'two'"),
        ("DROP TABLE other", "DROP TABLE other"),
        ("DROP TABLE other", "ALTER TABLE other ADD COLUMN p int"),
        ("CREATE INDEX ASYNC i ON t (v)", "CREATE INDEX ASYNC i ON t (note)"),
        ("ALTER TABLE t RENAME TO x", "ALTER TABLE other RENAME TO x"),
    ],
)
def test_changes_of_one_object_do_not_wait_and_are_told(pair, first, second):
    a, b = pair
    uncommitted(a, first)
    answers = [b.outcome(second), a.outcome("COMMIT")]
    done = [answer for answer in answers if answer != OC001]
    assert done, answers
    for answer in done:
        assert not isinstance(answer, tuple), answers
    for session in pair:
        session.outcome("SELECT 1")
        assert session.value("SELECT 1") == 1


def test_changes_of_different_objects_do_not_wait(pair):
    a, b = pair
    uncommitted(a, "CREATE TABLE x (k int)")
    uncommitted(b, "CREATE TABLE y (k int)")
    outcomes = [a.outcome("COMMIT"), b.outcome("COMMIT")]
    assert outcomes in (["COMMIT", "COMMIT"], ["COMMIT", OC001], [OC001, "COMMIT"])
    for session in pair:
        session.outcome("SELECT 1")
    made = a.value("SELECT count(*) FROM pg_class WHERE relname IN ('x', 'y')")
    assert made == outcomes.count("COMMIT")


def test_reference_to_a_table_that_others_write(pair):
    a, b = pair
    b.begin()
    b("UPDATE t SET v = 0")
    a("CREATE TABLE x (k int PRIMARY KEY, t int REFERENCES t)")
    assert b.refusal("COMMIT") == OC001
    a("INSERT INTO x VALUES (1, 1)")
    assert b.refusal("DELETE FROM t WHERE k = 1")[0] == "23503"


def test_many_idle_transactions_do_not_hold_up_a_change(pair, database):
    sessions = [database.session() for _ in range(10)]
    for session in sessions:
        session.begin()
        session("SELECT * FROM t")
    pair[0]("DROP TABLE t")
    assert [session.refusal("COMMIT") for session in sessions] == [OC001] * 10
