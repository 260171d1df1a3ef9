# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Portals that stay open while their transaction, or another, writes; prepared statements."""

from __future__ import annotations

import pytest
from sessions import OC000
from wire_client import Wire


@pytest.fixture
def wires(endpoint, database):
    """Two clients that speak the protocol themselves, and a table of ten rows."""
    database.create(
        "CREATE TABLE t (k int PRIMARY KEY, v int)",
        "INSERT INTO t SELECT g, g * 10 FROM generate_series(1, 10) g",
    )
    pair = Wire(endpoint), Wire(endpoint)
    yield pair
    for wire in pair:
        wire.close()


def said(wire, statement):
    answer = wire.query(statement)
    assert answer.error is None, answer.error
    return answer


def loses(wire):
    answer = wire.query("COMMIT")
    assert (answer.error, answer.status) == (OC000, "I")


def numbers(answer):
    assert answer.error is None, answer.error
    return [tuple(int(value) for value in row) for row in answer.rows]


ROWS = [(k, k * 10) for k in range(1, 11)]
SELECT = "SELECT k, v FROM t ORDER BY k"


def test_client_reads_in_portions(wires):
    wire, _ = wires
    said(wire, "BEGIN")
    first = wire.open("p", SELECT, 3)
    assert (numbers(first), first.suspended, first.status) == (ROWS[:3], True, "T")
    rest = wire.fetch("p")
    assert (numbers(rest), rest.suspended, rest.tags) == (ROWS[3:], False, ["SELECT 7"])
    assert numbers(wire.run("SELECT $1::int + 1", ("41",))) == [(42,)]
    assert wire.run("SELECT $1::text", (None,)).rows == [(None,)]
    said(wire, "COMMIT")


WRITES = [
    "UPDATE t SET v = v + 1",
    "UPDATE t SET k = k + 100",
    "DELETE FROM t",
    "DELETE FROM t WHERE k > 3",
    "INSERT INTO t SELECT k + 10, v FROM t",
    "INSERT INTO t SELECT k, 0 FROM t ON CONFLICT (k) DO UPDATE SET v = -1",
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("statement", [SELECT, "SELECT k, v FROM t"])
def test_open_portal_does_not_see_later_writes_of_its_transaction(wires, write, statement):
    wire, other = wires
    said(wire, "BEGIN")
    rows = numbers(wire.open("p", statement, 3))
    said(wire, write)
    after = numbers(said(wire, SELECT))
    rows += numbers(wire.fetch("p", 4))
    said(wire, write.replace("k + 10", "k + 40"))
    rows += numbers(wire.fetch("p"))
    assert sorted(rows) == ROWS
    assert after != ROWS
    stored = numbers(said(wire, SELECT))
    said(wire, "COMMIT")
    assert numbers(said(other, SELECT)) == stored


@pytest.mark.parametrize("write", WRITES)
def test_open_portal_does_not_see_what_others_commit(wires, write):
    wire, other = wires
    said(wire, "BEGIN")
    rows = numbers(wire.open("p", SELECT, 3))
    said(other, write)
    rows += numbers(wire.fetch("p"))
    assert rows == ROWS == numbers(said(wire, SELECT))
    said(wire, "COMMIT")
    assert numbers(said(wire, SELECT)) != ROWS


def test_portal_opened_after_a_write_sees_it_and_no_later_one(wires):
    wire, other = wires
    said(wire, "BEGIN")
    said(wire, "UPDATE t SET v = v + 1 WHERE k <= 5")
    said(wire, "DELETE FROM t WHERE k = 9")
    expected = [(k, v + (k <= 5)) for k, v in ROWS if k != 9]
    rows = numbers(wire.open("p", SELECT, 1))
    said(wire, "UPDATE t SET v = 0")
    said(wire, "DELETE FROM t WHERE k = 2")
    said(wire, "INSERT INTO t VALUES (9, 0), (11, 0)")
    rows += numbers(wire.fetch("p"))
    assert rows == expected
    said(wire, "COMMIT")
    assert numbers(said(other, SELECT)) == [(k, 0) for k in range(1, 12) if k != 2]


def test_two_portals_and_a_write_between_them(wires):
    wire, _ = wires
    said(wire, "BEGIN")
    before = numbers(wire.open("p", SELECT, 2))
    said(wire, "UPDATE t SET v = -v")
    after = numbers(wire.open("q", SELECT, 2))
    said(wire, "DELETE FROM t")
    for _ in range(4):
        before += numbers(wire.fetch("p", 2))
        after += numbers(wire.fetch("q", 2))
    assert before == ROWS
    assert after == [(k, -v) for k, v in ROWS]
    assert numbers(said(wire, SELECT)) == []
    said(wire, "ROLLBACK")


def test_rows_returned_in_portions_are_those_stored(wires):
    wire, other = wires
    said(wire, "BEGIN")
    rows = numbers(wire.open("p", "UPDATE t SET v = v + 1 RETURNING k, v", 4))
    said(wire, "UPDATE t SET v = 0 WHERE k = 10")
    rows += numbers(wire.fetch("p"))
    assert sorted(rows) == [(k, v + 1) for k, v in ROWS]
    said(wire, "COMMIT")
    assert numbers(said(other, SELECT)) == [(k, v + 1) for k, v in ROWS[:-1]] + [(10, 0)]


def test_loser_with_an_open_portal_is_told_at_commit(wires):
    wire, other = wires
    said(wire, "BEGIN")
    numbers(wire.open("p", SELECT, 2))
    said(other, "UPDATE t SET v = 0 WHERE k = 7")
    said(wire, "UPDATE t SET v = 1 WHERE k = 7")
    assert numbers(wire.fetch("p")) == ROWS[2:]
    loses(wire)
    assert numbers(said(wire, "SELECT v FROM t WHERE k = 7")) == [(0,)]


def test_rows_locked_by_a_portal_join_the_check(wires):
    wire, other = wires
    said(wire, "BEGIN")
    numbers(wire.open("p", f"{SELECT} FOR UPDATE", 2))
    said(other, "UPDATE t SET v = 0 WHERE k = 1")
    loses(wire)
    said(wire, "BEGIN")
    rows = numbers(wire.open("p", f"{SELECT} FOR UPDATE", 2))
    said(other, "UPDATE t SET v = 0 WHERE k = 9")
    rows += numbers(wire.fetch("p"))
    assert rows[8] == (9, 90)
    loses(wire)


def test_portal_without_a_transaction_block_is_one_transaction_until_sync(wires):
    wire, other = wires
    wire.parse("", "UPDATE t SET v = 0 WHERE k = 1").bind("").execute("")
    wire.parse("", "SELECT pg_sleep(0)").bind("").execute("")
    wire.parse("", "INSERT INTO t VALUES (1, 1)").bind("").execute("")
    answer = wire.sync().answer()
    assert answer.error is not None
    assert answer.error[0] == "23505"
    assert numbers(said(other, SELECT)) == ROWS


def test_commit_by_the_extended_protocol_tells_of_the_conflict(wires):
    wire, other = wires
    assert wire.run("BEGIN").status == "T"
    wire.run("UPDATE t SET v = $1 WHERE k = $2", ("1", "1"))
    said(other, "UPDATE t SET v = 2 WHERE k = 1")
    answer = wire.run("COMMIT")
    assert (answer.error, answer.status) == (OC000, "I")


def test_pipeline_that_ends_in_a_refused_commit(wires):
    wire, other = wires
    wire.query("BEGIN")
    wire.query("SELECT 1 FROM t")
    said(other, "UPDATE t SET v = 2 WHERE k = 1")
    wire.parse("", "UPDATE t SET v = 1 WHERE k = 1 RETURNING v").bind("").execute("")
    wire.parse("", "COMMIT").bind("").execute("")
    wire.parse("", "SELECT 1").bind("").execute("")
    answer = wire.sync().answer()
    assert (answer.rows, answer.tags, answer.error) == ([("1",)], ["UPDATE 1"], OC000)
    assert answer.status == "I"
    assert numbers(said(wire, "SELECT v FROM t WHERE k = 1")) == [(2,)]


def test_prepared_statements_meet_the_rows_of_their_transaction(wires):
    wire, other = wires
    add = "UPDATE t SET v = v + $1::int WHERE k = $2::int RETURNING v"
    wire.parse("add", add).parse("get", "SELECT v FROM t WHERE k = $1::int").sync().answer()
    for number in range(12):
        said(wire, "BEGIN")
        wire.bind("", "add", ("1", "3")).execute("")
        wire.bind("", "get", ("3",)).execute("")
        answer = wire.sync().answer()
        assert numbers(answer) == [(31 + number // 2,)] * 2
        if number % 2:
            said(wire, "COMMIT")
        else:
            wire.bind("", "add", ("100", "3")).execute("").sync().answer()
            said(other, "UPDATE t SET v = v WHERE k = 3")
            loses(wire)
    assert numbers(said(other, "SELECT v FROM t WHERE k = 3")) == [(36,)]


def test_error_in_the_middle_of_a_portal_keeps_nothing(wires):
    wire, other = wires
    said(wire, "BEGIN")
    said(wire, "UPDATE t SET v = 0 WHERE k = 1")
    wire.open("p", "SELECT 1 / (k - 3) FROM t ORDER BY k", 1)
    answer = wire.fetch("p")
    assert answer.status == "E"
    assert wire.query("COMMIT").tags == ["ROLLBACK"]
    assert numbers(said(other, SELECT)) == ROWS
