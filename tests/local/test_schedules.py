# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Random schedules of up to four concurrent transactions, driven by one thread and checked.

DSQL_SCHEDULES=20000 tries that many, new ones each time; without it a fixed
set is tried. What fails is made as short as it can be, and printed.
"""

from __future__ import annotations

import os

import pytest
from history import Violation
from hypothesis import HealthCheck, Phase, configuration, given, note, settings
from hypothesis import strategies as st
from schedules import MANNERS, TABLES, Driver, WireSession
from sessions import Database, Hang, role

WANTED = int(os.environ.get("DSQL_SCHEDULES", "0"))
SCHEDULES = WANTED or 400

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

key = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 4])
unique = st.sampled_from([1, 1, 2, 3])
number = st.integers(1, 9)
identity = st.sampled_from([1, 1, 2, 3])
value = st.integers(1, 2)
family = st.sampled_from(["child", "leaf"])
table = st.sampled_from(["t", "child", "leaf", "bare", "log"])


def operation(name, *arguments):
    return st.tuples(st.just(name), *arguments)


READS = [
    operation("read", table),
    operation("get", key),
    operation("find", unique),
    operation("sum"),
    operation("open", table),
    operation("fetch"),
]
CHANGES = [
    operation("add", key, number),
    operation("put", key, number),
    operation("delete", key),
    operation("move", key, key),
]
LOCKS = [operation("lock", key), operation("share", key), operation("lock_all")]
KEYS = [
    operation("put_u", key, unique, number),
    operation("offer", key, st.none() | unique, number),
    operation("insert", key, st.none() | unique, number),
    operation("set_u", key, st.none() | unique),
    operation("spread"),
]
FAMILY = [
    operation("add_child", family, identity, key),
    operation("adopt", family, identity, key),
    operation("remove", family, identity),
    operation("touch", family, identity, number),
]
OTHERS = [
    operation("add_all", number),
    operation("bare", value),
    operation("bump", value, value),
    operation("drop", value),
    operation("log", number),
]
GROUPS = [
    CHANGES,
    CHANGES + LOCKS,
    CHANGES + KEYS,
    CHANGES + FAMILY,
    CHANGES + LOCKS + FAMILY,
    CHANGES + OTHERS,
    CHANGES + LOCKS + KEYS + FAMILY + OTHERS,
]
ENDS = st.sampled_from([("commit",)] * 4 + [("rollback",)])


@st.composite
def schedules(draw):
    """Steps of two to four sessions, of related kinds, so that they meet."""
    sessions = st.integers(0, draw(st.integers(1, 3)))
    writes = draw(st.sampled_from(GROUPS))
    operations = st.one_of(*writes, st.one_of(*READS))
    step = st.tuples(
        sessions,
        st.integers(0, 9).flatmap(lambda dice: ENDS if dice < 2 else operations),
        st.sampled_from(MANNERS),
        st.integers(0, 9).map(lambda dice: dice == 0),  # outside of a transaction block, if so
    )
    length = draw(st.integers(4, 40))
    return draw(st.lists(step, min_size=length, max_size=length))


@pytest.fixture(scope="module")
def driver(endpoint, tmp_path_factory):
    configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
    database = Database(endpoint)
    with role(endpoint, database, "scheduler") as password:
        tables = "t, child, leaf, bare, log, t_view, child_view, leaf_view"
        database.create(*TABLES, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO scheduler")
        sessions = [
            database.session(),
            WireSession(endpoint),
            database.session("scheduler", password=password),
            database.session(),
        ]
        for session, switched_off in zip(sessions, PLANS, strict=True):
            for name in switched_off:
                session(f"SET {name} = off")
        sessions[3].connection.prepare_threshold = 0
        yield Driver(sessions)
        sessions[1].wire.close()


def test_random_schedules_keep_snapshot_isolation(driver):
    @SETTINGS
    @given(schedules())
    def run(schedule):
        try:
            driver.run(schedule)
        except (Violation, Hang, TimeoutError):
            note("\n".join(driver.log))
            driver.give_up()
            raise

    run()
    counts = driver.counts
    print(dict(counts))
    assert counts["schedules"] >= SCHEDULES
    assert counts["conflicts"] > SCHEDULES / 10
    assert counts["too many"] <= counts["ends"] / 100, counts
