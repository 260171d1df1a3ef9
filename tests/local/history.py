# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A checker of histories: snapshot isolation in which the earliest COMMIT wins.

It knows five tables, holds what was committed, and compares each answer with
what the transaction's snapshot and own writes make of the operation:

    t     (k int PRIMARY KEY, u int UNIQUE, v int)
    child (id int PRIMARY KEY, p int REFERENCES t, v int)
    leaf  (id int PRIMARY KEY, p int REFERENCES t ON DELETE CASCADE, v int)
    bare  (v int)
    log   (n bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, v int)

An operation is a tuple of its name and its arguments; see the methods do_…
An answer is a sorted list of rows, a number of rows, or an SQLSTATE.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

KEYS = {"t": ("k", "u"), "child": ("id",), "leaf": ("id",), "bare": (), "log": ("n",)}
COLUMNS = {
    "t": ("k", "u", "v"),
    "child": ("id", "p", "v"),
    "leaf": ("id", "p", "v"),
    "bare": ("v",),
    "log": ("n", "v"),
}
FAMILY = ("child", "leaf")  # the tables whose rows have a parent

UNIQUE, FOREIGN, ABORTED, CONFLICT = "23505", "23503", "25P02", "40001"


class Violation(Exception):
    """An answer that snapshot isolation does not allow."""


class Refused(Exception):
    """A statement that must fail, with its SQLSTATE."""


@dataclass(frozen=True)
class Row:
    table: str
    values: tuple[int | None, ...]

    def __getitem__(self, column: str) -> int | None:
        return self.values[COLUMNS[self.table].index(column)]

    def having(self, **changes: int | None) -> Row:
        names = COLUMNS[self.table]
        pairs = zip(names, self.values, strict=True)
        return Row(self.table, tuple(changes.get(name, value) for name, value in pairs))

    def unique_keys(self) -> set[tuple[str, str, int]]:
        """The unique keys that it occupies."""
        pairs = ((name, self[name]) for name in KEYS[self.table])
        return {(self.table, name, value) for name, value in pairs if value is not None}


Rows = dict[int, Row]  # by a number that a row keeps for life


@dataclass
class Footprint:
    """What a transaction did to rows of its snapshot, and to keys."""

    written: set[int] = field(default_factory=set)
    rekeyed: set[int] = field(default_factory=set)  # deleted, or moved to another key
    locked: set[int] = field(default_factory=set)  # FOR UPDATE
    shared: set[int] = field(default_factory=set)  # FOR KEY SHARE, and parents
    keys: set[tuple[str, str, int]] = field(default_factory=set)  # taken or freed

    def conflicts(self, other: Footprint) -> bool:
        return bool(
            self.written & (other.written | other.locked)
            or self.locked & other.written
            or self.shared & other.rekeyed
            or self.rekeyed & other.shared
        )

    def touches(self, other: Footprint) -> bool:
        """Whether a conflict too many is at least understandable."""
        mine, theirs = (f.written | f.locked | f.shared for f in (self, other))
        return bool(mine & theirs or self.keys & other.keys)


def breaks_rules(rows: Rows) -> bool:
    """Whether rows share a unique key or lack their parent."""
    keys = [key for row in rows.values() for key in row.unique_keys()]
    parents = {row["k"] for row in rows.values() if row.table == "t"}
    orphans = (row for row in rows.values() if row.table in FAMILY and row["p"] not in parents)
    return len(keys) != len(set(keys)) or any(orphans)


class Transaction:
    """A snapshot and what was made of it."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.start = len(history.commits)
        self.base: Rows = dict(history.rows)
        self.rows: Rows = dict(history.rows)
        self.did = Footprint()
        self.portal: Any = []
        self.failed = False

    # --------------------------------------------------------------- finding and changing

    def find(self, table: str, **wanted: int | None) -> list[int]:
        return [
            number
            for number, row in self.rows.items()
            if row.table == table and all(row[name] == value for name, value in wanted.items())
        ]

    def tell(self, numbers: list[int]) -> list[tuple[int | None, ...]]:
        rows = [self.rows[number].values for number in numbers]
        return sorted(rows, key=lambda row: tuple((value is None, value) for value in row))

    def insert(self, row: Row) -> int:
        if any(row.unique_keys() & other.unique_keys() for other in self.rows.values()):
            raise Refused(UNIQUE)
        self.need_parent(row)
        number = self.history.next_number()
        self.rows[number] = row
        self.did.keys |= row.unique_keys()
        return number

    def update(self, number: int, **changes: int | None) -> None:
        old = self.rows[number]
        new = old.having(**changes)
        others = (row for other, row in self.rows.items() if other != number)
        if any(new.unique_keys() & other.unique_keys() for other in others):
            raise Refused(UNIQUE)
        if old.table == "t" and old["k"] != new["k"] and self.children(old):
            raise Refused(FOREIGN)
        if old.table in FAMILY and old["p"] != new["p"]:
            self.need_parent(new)
        self.rows[number] = new
        self.did.keys |= old.unique_keys() ^ new.unique_keys()
        if number in self.base:
            self.did.written.add(number)
            if old.unique_keys() != new.unique_keys():
                self.did.rekeyed.add(number)

    def delete(self, number: int) -> None:
        row = self.rows[number]
        if row.table == "t":
            if self.find("child", p=row["k"]):
                raise Refused(FOREIGN)
            for leaf in self.find("leaf", p=row["k"]):
                self.delete(leaf)
        del self.rows[number]
        self.did.keys |= row.unique_keys()
        if number in self.base:
            self.did.written.add(number)
            self.did.rekeyed.add(number)

    def children(self, row: Row) -> list[int]:
        return self.find("child", p=row["k"]) + self.find("leaf", p=row["k"])

    def need_parent(self, row: Row) -> None:
        if row.table not in FAMILY:
            return
        parents = self.find("t", k=row["p"])
        if not parents:
            raise Refused(FOREIGN)
        self.did.shared |= set(parents) & self.base.keys()

    def lock(self, numbers: list[int], where: set[int]) -> list[tuple[int | None, ...]]:
        where |= set(numbers) & self.base.keys()
        return self.tell(numbers)

    # ------------------------------------------------------------------------- operations

    def do(self, operation: tuple[Any, ...]) -> Any:
        """The answer that it must have."""
        if self.failed:
            return ABORTED
        before, did = dict(self.rows), self.did
        try:
            return getattr(self, f"do_{operation[0]}")(*operation[1:])
        except Refused as refused:
            self.rows, self.did, self.failed = before, did, True
            return str(refused)

    def do_read(self, table: str) -> Any:
        return self.tell(self.find(table))

    def do_get(self, k: int) -> Any:
        return self.tell(self.find("t", k=k))

    def do_find(self, u: int) -> Any:
        return self.tell(self.find("t", u=u))

    def do_sum(self) -> Any:
        values = [self.rows[number]["v"] or 0 for number in self.find("t")]
        return [(len(values), sum(values) if values else None)]

    def do_insert(self, k: int, u: int | None, v: int) -> Any:
        self.insert(Row("t", (k, u, v)))
        return 1

    def do_offer(self, k: int, u: int | None, v: int) -> Any:
        """INSERT … ON CONFLICT DO NOTHING."""
        if self.find("t", k=k) or (u is not None and self.find("t", u=u)):
            return 0
        return self.do_insert(k, u, v)

    def do_put(self, k: int, v: int) -> Any:
        """INSERT … ON CONFLICT (k) DO UPDATE SET v = t.v + excluded.v RETURNING *."""
        return self.upsert(self.find("t", k=k), Row("t", (k, None, v)))

    def do_put_u(self, k: int, u: int, v: int) -> Any:
        """INSERT … ON CONFLICT ON CONSTRAINT tu DO UPDATE SET v = t.v + excluded.v RETURNING *."""
        return self.upsert(self.find("t", u=u), Row("t", (k, u, v)))

    def upsert(self, found: list[int], row: Row) -> Any:
        for number in found:
            self.update(number, v=(self.rows[number]["v"] or 0) + (row["v"] or 0))
            return self.tell([number])
        return self.tell([self.insert(row)])

    def do_add(self, k: int, more: int) -> Any:
        """UPDATE t SET v = v + more WHERE k RETURNING *."""
        return self.add(self.find("t", k=k), more)

    def do_add_all(self, more: int) -> Any:
        return self.add(self.find("t"), more)

    def add(self, numbers: list[int], more: int) -> Any:
        for number in numbers:
            self.update(number, v=(self.rows[number]["v"] or 0) + more)
        return self.tell(numbers)

    def do_set_u(self, k: int, u: int | None) -> Any:
        return self.change(self.find("t", k=k), u=u)

    def do_move(self, k: int, to: int) -> Any:
        return self.change(self.find("t", k=k), k=to)

    def do_adopt(self, table: str, number: int, p: int) -> Any:
        return self.change(self.find(table, id=number), p=p)

    def do_touch(self, table: str, number: int, v: int) -> Any:
        return self.change(self.find(table, id=number), v=v)

    def change(self, numbers: list[int], **changes: int | None) -> Any:
        for number in numbers:
            self.update(number, **changes)
        return len(numbers)

    def do_delete(self, k: int) -> Any:
        return self.delete_all(self.find("t", k=k))

    def do_remove(self, table: str, number: int) -> Any:
        return self.delete_all(self.find(table, id=number))

    def delete_all(self, numbers: list[int]) -> Any:
        for number in numbers:
            self.delete(number)
        return len(numbers)

    def do_add_child(self, table: str, number: int, p: int) -> Any:
        self.insert(Row(table, (number, p, 0)))
        return 1

    def do_spread(self) -> Any:
        """INSERT INTO t SELECT k + 1, NULL, v FROM t WHERE k < 4 ON CONFLICT DO NOTHING."""
        found = [self.rows[number] for number in self.find("t")]
        return sum(
            self.do_offer(row["k"] + 1, None, row["v"]) for row in found if (row["k"] or 9) < 4
        )

    def do_bare(self, v: int) -> Any:
        self.insert(Row("bare", (v,)))
        return 1

    def do_bump(self, v: int, more: int) -> Any:
        """UPDATE bare SET v = v + more WHERE v."""
        return self.change(self.find("bare", v=v), v=v + more)

    def do_drop(self, v: int) -> Any:
        return self.delete_all(self.find("bare", v=v))

    def do_log(self, v: int) -> Any:
        """INSERT … RETURNING *: each call takes the next number, once and for all."""
        self.history.identity += 1
        return self.tell([self.insert(Row("log", (self.history.identity, v)))])

    def do_open(self, table: str) -> Any:
        """A portal is opened on SELECT * FROM table; its rows are told when it is fetched."""
        self.portal = self.do_read(table)
        return "opened"

    def do_fetch(self) -> Any:
        return self.portal

    def do_lock(self, k: int) -> Any:
        """SELECT … FOR UPDATE."""
        return self.lock(self.find("t", k=k), self.did.locked)

    def do_lock_all(self) -> Any:
        return self.lock(self.find("t"), self.did.locked)

    def do_share(self, k: int) -> Any:
        """SELECT … FOR KEY SHARE."""
        return self.lock(self.find("t", k=k), self.did.shared)

    # ---------------------------------------------------------------------------- the end

    def merged(self) -> Rows:
        """What is committed now, with this transaction's changes on top."""
        rows = dict(self.history.rows)
        for number in self.base.keys() - self.rows.keys():
            rows.pop(number, None)
        for number, row in self.rows.items():
            if self.base.get(number) != row:
                rows[number] = row
        return rows

    def since(self) -> list[Footprint]:
        return self.history.commits[self.start :]

    def must_fail(self) -> bool:
        return any(self.did.conflicts(other) for other in self.since()) or (
            self.rows != self.base and breaks_rules(self.merged())
        )


class History:
    """What was committed so far, and the transactions under way."""

    def __init__(self, rows: list[Row], identity: int = 0) -> None:
        self.numbers = 0
        self.identity = identity  # the last number that log.n gave
        self.rows: Rows = {self.next_number(): row for row in rows}
        self.commits: list[Footprint] = []
        self.open: dict[str, Transaction | None] = {}
        self.counts: Counter[str] = Counter()

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def begin(self, who: str) -> None:
        assert who not in self.open
        self.open[who] = None  # the snapshot comes with the first statement

    def failed(self, who: str) -> bool:
        transaction = self.open.get(who)
        return transaction is not None and transaction.failed

    def run(self, who: str, operation: tuple[Any, ...], answer: Any) -> None:
        """A statement was answered; outside of a transaction it commits alone."""
        alone = who not in self.open
        if alone:
            self.begin(who)
        transaction = self.open[who] = self.open[who] or Transaction(self)
        expected = transaction.do(operation)
        if alone and answer == CONFLICT:
            self.commit(who, CONFLICT)
            return
        if answer != expected:
            raise Violation(f"{who}: {operation} must answer {expected}, and said {answer}")
        if alone:
            self.commit(who, "ROLLBACK" if transaction.failed else "COMMIT")

    def rollback(self, who: str) -> None:
        del self.open[who]

    def commit(self, who: str, answer: str) -> None:
        """COMMIT was answered with its command tag or an SQLSTATE."""
        transaction = self.open.pop(who) or Transaction(self)
        self.counts["ends"] += 1
        if transaction.failed:
            if answer != "ROLLBACK":
                raise Violation(f"{who}: COMMIT of a failed transaction said {answer}")
        elif answer == CONFLICT:
            self.counts["conflicts"] += 1
            if not transaction.must_fail():
                known = any(transaction.did.touches(other) for other in transaction.since())
                self.counts["too many, of a touched row or key" if known else "too many"] += 1
        elif answer != "COMMIT":
            raise Violation(f"{who}: COMMIT said {answer}")
        elif transaction.must_fail():
            raise Violation(f"{who}: COMMIT succeeded in spite of a conflict")
        else:
            self.rows = transaction.merged()
            self.commits.append(transaction.did)

    def final(self, table: str, rows: Any) -> None:
        """What a table holds at the end."""
        expected = Transaction(self).do_read(table)
        if rows != expected:
            raise Violation(f"{table} must hold {expected}, and holds {rows}")
