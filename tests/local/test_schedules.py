# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Random schedules of up to four concurrent transactions, driven by one thread and checked.

DSQL_SCHEDULES=20000 tries that many, new ones each time; without it a fixed
set is tried. What fails is made as short as it can be, and printed.
"""

from __future__ import annotations

import os
from collections import Counter

import psycopg
import pytest
from history import History, Row, Violation
from hypothesis import HealthCheck, Phase, configuration, given, note, settings
from hypothesis import strategies as st
from sessions import Database, Hang

WANTED = int(os.environ.get("DSQL_SCHEDULES", "0"))
SCHEDULES = WANTED or 300

SETTINGS = settings(
    max_examples=SCHEDULES,
    derandomize=not WANTED,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

# What the sessions set, so that rows are found in different ways.
PLANS = [
    [],
    ["enable_seqscan"],
    ["enable_seqscan", "enable_indexscan", "enable_indexonlyscan"],
    ["enable_indexscan", "enable_bitmapscan"],
]

TABLES = [
    "CREATE TABLE t (k int PRIMARY KEY, u int CONSTRAINT tu UNIQUE, v int)",
    "CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES t, v int)",
    "CREATE TABLE leaf (id int PRIMARY KEY, p int REFERENCES t ON DELETE CASCADE, v int)",
]
START = [
    Row("t", (1, 1, 10)),
    Row("t", (2, 2, 20)),
    Row("t", (3, None, 30)),
    Row("child", (1, 1, 0)),
    Row("leaf", (1, 2, 0)),
]

INSERT = "INSERT INTO t VALUES (%s, %s, %s)"
ADD = "DO UPDATE SET v = t.v + excluded.v RETURNING *"
STATEMENTS = {
    "read": "SELECT * FROM {}",
    "get": "SELECT * FROM t WHERE k = %s",
    "find": "SELECT * FROM t WHERE u = %s",
    "sum": "SELECT count(*), sum(v) FROM t",
    "insert": INSERT,
    "offer": f"{INSERT} ON CONFLICT DO NOTHING",
    "put": f"INSERT INTO t (k, v) VALUES (%s, %s) ON CONFLICT (k) {ADD}",
    "put_u": f"{INSERT} ON CONFLICT ON CONSTRAINT tu {ADD}",
    "add": "UPDATE t SET v = v + %(2)s WHERE k = %(1)s RETURNING *",
    "add_all": "UPDATE t SET v = v + %s RETURNING *",
    "set_u": "UPDATE t SET u = %(2)s WHERE k = %(1)s",
    "move": "UPDATE t SET k = %(2)s WHERE k = %(1)s",
    "adopt": "UPDATE {} SET p = %(2)s WHERE id = %(1)s",
    "touch": "UPDATE {} SET v = %(2)s WHERE id = %(1)s",
    "delete": "DELETE FROM t WHERE k = %s",
    "remove": "DELETE FROM {} WHERE id = %s",
    "add_child": "INSERT INTO {} VALUES (%s, %s, 0)",
    "lock": "SELECT * FROM t WHERE k = %s FOR UPDATE",
    "lock_all": "SELECT * FROM t FOR UPDATE",
    "share": "SELECT * FROM t WHERE k = %s FOR KEY SHARE",
}

key = st.integers(1, 4)
unique = st.integers(1, 3)
number = st.integers(1, 9)
identity = st.integers(1, 3)
family = st.sampled_from(["child", "leaf"])


def operation(name, *arguments):
    return st.tuples(st.just(name), *arguments)


OPERATIONS = st.one_of(
    operation("add", key, number),
    operation("add", key, number),
    operation("put", key, number),
    operation("put_u", key, unique, number),
    operation("offer", key, st.none() | unique, number),
    operation("insert", key, st.none() | unique, number),
    operation("delete", key),
    operation("move", key, key),
    operation("set_u", key, st.none() | unique),
    operation("lock", key),
    operation("share", key),
    operation("add_child", family, identity, key),
    operation("remove", family, identity),
    operation("adopt", family, identity, key),
    operation("touch", family, identity, number),
    operation("read", st.sampled_from(["t", "child", "leaf"])),
    operation("get", key),
    operation("find", unique),
    operation("sum"),
    operation("add_all", number),
    operation("lock_all"),
)
ENDS = st.sampled_from([("commit",)] * 4 + [("rollback",)])
SCHEDULE = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 9).flatmap(lambda dice: ENDS if dice < 3 else OPERATIONS),
        st.integers(0, 9).map(lambda dice: dice == 0),  # outside of a transaction block, if so
    ),
    min_size=6,
    max_size=40,
)


class Driver:
    """Sends a schedule's statements, and shows each answer to the checker."""

    def __init__(self, sessions):
        self.sessions = sessions
        self.counts = Counter()
        self.reset()

    def reset(self):
        self.history = History(START)
        self.log = []
        session = self.sessions[0]
        for table in ("leaf", "child", "t"):
            session(f"DELETE FROM {table}")
        for row in START:
            session(f"INSERT INTO {row.table} VALUES (%s, %s, %s)", row.values)

    def say(self, who, statement, parameters=None):
        """Rows, a number of rows, a command tag or an SQLSTATE."""
        try:
            answer = self.sessions[who](statement, parameters)
        except psycopg.Error as error:
            answer = error.sqlstate
        if isinstance(answer, list):
            answer.sort(key=lambda row: tuple((value is None, value) for value in row))
        elif answer.startswith(("INSERT", "UPDATE", "DELETE")):
            answer = int(answer.split()[-1])
        self.log.append(f"{'ABCD'[who]}: {statement} {parameters or ''} -> {answer}")
        return answer

    def step(self, who, what, alone):
        history, name = self.history, "ABCD"[who]
        if what == ("commit",) or history.failed(name):
            if name in history.open:
                history.commit(name, self.say(who, "COMMIT"))
        elif what == ("rollback",):
            if name in history.open:
                self.say(who, "ROLLBACK")
                history.rollback(name)
        else:
            if not alone and name not in history.open:
                self.say(who, "BEGIN")
                history.begin(name)
            statement = STATEMENTS[what[0]]
            arguments = what[1:]
            if "{}" in statement:
                statement, arguments = statement.format(arguments[0]), arguments[1:]
            if "%(" in statement:
                arguments = {str(at): value for at, value in enumerate(arguments, 1)}
            history.run(name, what, self.say(who, statement, arguments))

    def end(self):
        for name in list(self.history.open):
            self.step("ABCD".index(name), ("commit",), False)
        for who in range(len(self.sessions)):
            for table in ("t", "child", "leaf"):
                self.history.final(table, self.say(who, f"SELECT * FROM {table}"))
        self.counts += self.history.counts
        self.counts["schedules"] += 1

    def give_up(self):
        for session in self.sessions:
            session.connection.rollback()


@pytest.fixture(scope="module")
def driver(endpoint, tmp_path_factory):
    configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
    database = Database(endpoint)
    database.create(*TABLES)
    sessions = [database.session() for _ in PLANS]
    for session, switched_off in zip(sessions, PLANS, strict=True):
        for name in switched_off:
            session(f"SET {name} = off")
    sessions[3].connection.prepare_threshold = 0
    yield Driver(sessions)
    database.remove()


def test_random_schedules_keep_snapshot_isolation(driver):
    @SETTINGS
    @given(SCHEDULE)
    def run(schedule):
        driver.reset()
        try:
            for who, what, alone in schedule:
                driver.step(who, what, alone)
            driver.end()
        except (Violation, Hang):
            note("\n".join(driver.log))
            driver.give_up()
            raise

    run()
    counts = driver.counts
    print(dict(counts))
    assert counts["schedules"] >= SCHEDULES
    assert counts["conflicts"] > SCHEDULES / 10
    assert counts["too many"] <= counts["ends"] / 100, counts
