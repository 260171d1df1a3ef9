# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The checker of histories takes what snapshot isolation allows, and nothing else."""

from __future__ import annotations

import pytest
from history import History, Row, Violation

START = [
    Row("t", (1, 10, 100)),
    Row("t", (2, None, 200)),
    Row("child", (7, 2, 0)),
    Row("bare", (1,)),
    Row("bare", (1,)),
]
ONE, TWO = (1, 10, 100), (2, None, 200)

# A line is: who, what, answer. COMMIT and ROLLBACK are their own answers.
BEGIN, COMMIT, CONFLICT = ("begin",), ("commit", "COMMIT"), ("commit", "40001")


def replay(lines):
    history = History(START)
    for who, what, *answer in lines:
        if what[0] == "begin":
            history.begin(who)
        elif what[0] == "commit":
            history.commit(who, what[1])
        elif what[0] == "rollback":
            history.rollback(who)
        elif what[0] == "final":
            history.final(what[1], what[2])
        else:
            history.run(who, what, *answer)
    return history


def both_begin(*lines):
    reads = [(who, ("sum",), [(2, 300)]) for who in "ab"]
    return [("a", BEGIN), ("b", BEGIN), *reads, *lines]


GOOD = {
    "a transaction reads what it wrote": [
        ("a", BEGIN),
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("a", ("insert", 3, None, 1), 1),
        ("a", ("delete", 1), 1),
        ("a", ("read", "t"), [TWO, (3, None, 1)]),
        ("a", COMMIT),
        ("b", ("read", "t"), [TWO, (3, None, 1)]),
    ],
    "the snapshot comes with the first statement": [
        ("a", BEGIN),
        ("b", ("add", 1, 5), [(1, 10, 105)]),
        ("a", ("get", 1), [(1, 10, 105)]),
        ("b", ("add", 1, 5), [(1, 10, 110)]),
        ("a", ("get", 1), [(1, 10, 105)]),
        ("a", COMMIT),
    ],
    "the loser works on its snapshot": both_begin(
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("b", ("add", 1, 7), [(1, 10, 107)]),
        ("b", COMMIT),
        ("a", ("add", 1, 1), [(1, 10, 106)]),
        ("a", CONFLICT),
        ("a", ("final", "t", [(1, 10, 107), TWO])),
    ),
    "write skew": both_begin(
        ("a", ("add", 1, 1), [(1, 10, 101)]),
        ("b", ("add", 2, 1), [(2, None, 201)]),
        ("a", COMMIT),
        ("b", COMMIT),
        ("a", ("final", "t", [(1, 10, 101), (2, None, 201)])),
    ),
    "two inserts of one key": both_begin(
        ("a", ("insert", 3, None, 1), 1),
        ("b", ("insert", 3, None, 2), 1),
        ("b", COMMIT),
        ("a", CONFLICT),
    ),
    "a visible key": both_begin(
        ("b", ("delete", 1), 1),
        ("b", COMMIT),
        ("a", ("insert", 1, None, 1), "23505"),
        ("a", ("sum",), "25P02"),
        ("a", ("commit", "ROLLBACK")),
    ),
    "a key freed and taken again": [
        ("a", BEGIN),
        ("a", ("delete", 1), 1),
        ("a", ("insert", 5, 10, 1), 1),
        ("a", ("move", 5, 1), 1),
        ("a", COMMIT),
        ("a", ("final", "t", [(1, 10, 1), TWO])),
    ],
    "a reader for key share and another column": both_begin(
        ("a", ("share", 1), [ONE]),
        ("b", ("add", 1, 1), [(1, 10, 101)]),
        ("b", COMMIT),
        ("a", COMMIT),
    ),
    "children and parents": both_begin(
        ("a", ("add_child", "leaf", 1, 1), 1),
        ("b", ("delete", 1), 1),
        ("a", COMMIT),
        ("b", CONFLICT),
        ("b", ("delete", 2), "23503"),
        ("b", ("delete", 1), 1),
        ("b", ("final", "leaf", [])),
        ("b", ("add_child", "leaf", 1, 1), "23503"),
    ),
    "a writer that rolls back": both_begin(
        ("a", ("add_all", 1), [(1, 10, 101), (2, None, 201)]),
        ("b", ("add_all", 2), [(1, 10, 102), (2, None, 202)]),
        ("a", ("rollback",)),
        ("b", COMMIT),
    ),
    "numbers are taken once": both_begin(
        ("a", ("log", 1), [(1, 1)]),
        ("b", ("log", 2), [(2, 2)]),
        ("a", ("rollback",)),
        ("b", ("bump", 1, 1), 2),
        ("b", ("drop", 2), 2),
        ("b", ("read", "bare"), []),
        ("b", COMMIT),
        ("a", ("log", 3), [(3, 3)]),
        ("a", ("final", "log", [(2, 2), (3, 3)])),
    ),
    "a portal": [
        ("a", BEGIN),
        ("a", ("open", "t"), "opened"),
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("b", ("spread",), 1),
        ("a", ("fetch",), [ONE, TWO]),
        ("a", COMMIT),
    ],
    "upserts": [
        ("a", ("put", 1, 5), [(1, 10, 105)]),
        ("a", ("put", 3, 5), [(3, None, 5)]),
        ("a", ("put_u", 9, 10, 5), [(1, 10, 110)]),
        ("a", ("put_u", 1, 11, 5), "23505"),
        ("a", ("offer", 9, 10, 5), 0),
        ("a", ("offer", 9, 11, 5), 1),
        ("a", ("find", 11), [(9, 11, 5)]),
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_history_that_is_allowed(name):
    counts = replay(GOOD[name]).counts
    assert counts["too many"] == counts["too many, of a touched row or key"] == 0


BAD = {
    "a dirty read": [
        ("a", BEGIN),
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("b", ("get", 1), [(1, 10, 105)]),
    ],
    "a read that changes": [
        ("a", BEGIN),
        ("a", ("get", 1), [ONE]),
        ("b", ("add", 1, 5), [(1, 10, 105)]),
        ("a", ("get", 1), [(1, 10, 105)]),
    ],
    "a phantom": [
        ("a", BEGIN),
        ("a", ("sum",), [(2, 300)]),
        ("b", ("insert", 3, None, 1), 1),
        ("a", ("sum",), [(3, 301)]),
    ],
    "an own write that is not seen": [
        ("a", BEGIN),
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("a", ("get", 1), [ONE]),
    ],
    "a lost update": both_begin(
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("b", ("add", 1, 7), [(1, 10, 107)]),
        ("b", COMMIT),
        ("a", COMMIT),
    ),
    "an update of what was committed since": both_begin(
        ("b", ("add", 1, 7), [(1, 10, 107)]),
        ("b", COMMIT),
        ("a", ("add", 1, 5), [(1, 10, 112)]),
    ),
    "write skew past a lock": both_begin(
        ("a", ("lock_all",), [ONE, TWO]),
        ("b", ("lock_all",), [ONE, TWO]),
        ("a", ("add", 1, 1), [(1, 10, 101)]),
        ("b", ("add", 2, 1), [(2, None, 201)]),
        ("a", COMMIT),
        ("b", COMMIT),
    ),
    "a writer after a reader for update": both_begin(
        ("a", ("lock", 1), [ONE]),
        ("b", ("add", 1, 1), [(1, 10, 101)]),
        ("a", COMMIT),
        ("b", COMMIT),
    ),
    "one key twice": both_begin(
        ("a", ("insert", 3, None, 1), 1),
        ("b", ("move", 1, 3), 1),
        ("b", COMMIT),
        ("a", COMMIT),
    ),
    "a violation by a row that is not visible": both_begin(
        ("b", ("insert", 3, None, 1), 1),
        ("b", COMMIT),
        ("a", ("insert", 3, None, 2), "23505"),
    ),
    "an orphan": both_begin(
        ("a", ("add_child", "child", 1, 1), 1),
        ("b", ("delete", 1), 1),
        ("b", COMMIT),
        ("a", COMMIT),
    ),
    "a key share past a delete": both_begin(
        ("a", ("share", 1), [ONE]),
        ("b", ("delete", 1), 1),
        ("b", COMMIT),
        ("a", COMMIT),
    ),
    "a number that is taken twice": both_begin(
        ("a", ("log", 1), [(1, 1)]), ("b", ("log", 2), [(1, 2)])
    ),
    "equal rows changed twice": both_begin(
        ("a", ("bump", 1, 1), 2), ("b", ("drop", 1), 2), ("a", COMMIT), ("b", COMMIT)
    ),
    "a portal that sees a later write": [
        ("a", BEGIN),
        ("a", ("open", "t"), "opened"),
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("a", ("fetch",), [(1, 10, 105), TWO]),
    ],
    "a wrong count": [("a", ("set_u", 9, 1), 1)],
    "a wrong error": [("a", ("add_child", "leaf", 1, 9), "23505")],
    "a cascade that leaves a row": [
        ("a", ("add_child", "leaf", 1, 1), 1),
        ("a", ("delete", 1), 1),
        ("a", ("final", "leaf", [(1, 1, 0)])),
    ],
    "a refused transaction that is stored": both_begin(
        ("a", ("add", 1, 5), [(1, 10, 105)]),
        ("a", CONFLICT),
        ("a", ("final", "t", [(1, 10, 105), TWO])),
    ),
    "a failed transaction that commits": [
        ("a", BEGIN),
        ("a", ("insert", 1, None, 1), "23505"),
        ("a", COMMIT),
    ],
    "another answer to COMMIT": [
        ("a", BEGIN),
        ("a", ("sum",), [(2, 300)]),
        ("a", ("commit", "XX000")),
    ],
}


@pytest.mark.parametrize("name", BAD)
def test_history_that_is_not_allowed(name):
    replay(BAD[name][:-1])
    with pytest.raises(Violation):
        replay(BAD[name])


def test_conflicts_too_many_are_counted():
    history = replay(
        both_begin(
            ("a", ("add", 1, 5), [(1, 10, 105)]),
            ("b", ("add", 2, 5), [(2, None, 205)]),
            ("b", COMMIT),
            ("a", CONFLICT),
            ("b", ("share", 1), [ONE]),
            ("a", ("share", 1), [ONE]),
        )
    )
    assert history.counts["too many"] == 1
    history = replay(
        both_begin(
            ("a", ("share", 1), [ONE]), ("b", ("share", 1), [ONE]), ("b", COMMIT), ("a", CONFLICT)
        )
    )
    assert history.counts["too many, of a touched row or key"] == 1
    assert history.counts["too many"] == 0
