# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""--inject: faults that a program meets now and then, here as often as asked for."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator

import libdsql
import libdsql.local
import psycopg
import pytest
from support import Program, connect_to, token_for
from wire import fields, signed_in, sockets_are_closed

__all__ = ["sockets_are_closed"]  # a fixture

OC000 = "change conflicts with another transaction (OC000)"
OC001 = "schema has been updated by another transaction (OC001)"

ways = pytest.mark.parametrize("parameters", [None, (1,)], ids=["simple", "extended"])


class Faulty:
    """An endpoint with faults, and a table that was made without."""

    def __init__(self, place, start: Callable[..., Program], faults: str) -> None:
        data = f"{place}/data"
        program = start("--data", data)
        with connect_to(program.endpoint) as connection:
            connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
        program.stop()
        self.data, self.start = data, start
        self.program = start("--data", data, "--inject", faults)
        self.endpoint = self.program.endpoint

    def connect(self, **keywords) -> psycopg.Connection:
        return connect_to(self.endpoint, **keywords)

    def kept(self) -> list[int]:
        """What is there, told by an endpoint without faults."""
        self.program.stop()
        with connect_to(self.start("--data", self.data).endpoint) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM t ORDER BY id")]


@pytest.fixture
def faulty(place, start) -> Iterator[Callable[[str], Faulty]]:
    yield lambda faults: Faulty(place, start, faults)


def insert(connection, number: int, parameters) -> None:
    if parameters is None:
        connection.execute(f"INSERT INTO t VALUES ({number})")
    else:
        connection.execute("INSERT INTO t VALUES (%s)", (number,))


@ways
def test_occ_fails_the_commit_of_a_transaction_that_wrote(faulty, parameters):
    endpoint = faulty("occ=1")
    with endpoint.connect() as connection:
        insert(connection, 1, parameters)
        with pytest.raises(psycopg.errors.SerializationFailure, match=r"OC000") as caught:
            connection.commit()
        assert caught.value.diag.message_primary == OC000
        connection.execute("SELECT 1")
        connection.commit()  # read only
        insert(connection, 2, parameters)
        connection.rollback()
    with endpoint.connect(autocommit=True) as connection:
        with pytest.raises(psycopg.errors.SerializationFailure, match=r"OC000"):
            insert(connection, 3, parameters)
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.errors.SerializationFailure, match=r"OC000"):
            connection.execute("INSERT INTO t VALUES (4); INSERT INTO t VALUES (5)")
        copy = "COPY t FROM STDIN"
        with pytest.raises(psycopg.errors.SerializationFailure, match=r"OC000"):
            with connection.cursor() as cursor, cursor.copy(copy) as stream:
                stream.write("6\n")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert endpoint.kept() == []


@ways
def test_oc001_fails_a_statement_before_anything_was_done(faulty, parameters):
    endpoint = faulty("oc001=1")
    with endpoint.connect(autocommit=True) as connection:
        connection.execute("SET TimeZone TO 'UTC'")
        for sql in ("SELECT 1", "CREATE TABLE u (id int)"):
            with pytest.raises(psycopg.errors.SerializationFailure) as caught:
                connection.execute(sql)
            assert caught.value.diag.message_primary == OC001
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
            insert(connection, 1, parameters)
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
            insert(connection, 1, parameters)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.execute("ROLLBACK")
    assert endpoint.kept() == []


@ways
def test_unavailable_leaves_open_whether_the_commit_was_carried_out(faulty, parameters):
    endpoint = faulty("unavailable=1,seed=5")
    with endpoint.connect() as connection:
        for number in range(12):
            insert(connection, number, parameters)
            with pytest.raises(psycopg.errors.InternalError_) as caught:
                connection.commit()
            assert caught.value.diag.message_primary == "server unavailable"
            assert connection.execute("SELECT 1").fetchone() == (1,)  # the connection is usable
            connection.commit()
    with endpoint.connect(autocommit=True) as connection:
        for number in range(12, 24):
            with pytest.raises(psycopg.errors.InternalError_, match="server unavailable"):
                insert(connection, number, parameters)
        seen = [row[0] for row in connection.execute("SELECT id FROM t ORDER BY id")]
    assert 0 < len([number for number in seen if number < 12]) < 12
    assert 0 < len([number for number in seen if number >= 12]) < 12
    assert endpoint.kept() == seen


@ways
def test_drop_closes_the_connection_before_or_after_the_statement(faulty, parameters):
    endpoint = faulty("drop=1,seed=3")
    for number in range(12):
        with contextlib.closing(endpoint.connect(autocommit=True)) as connection:
            with pytest.raises(psycopg.OperationalError):
                insert(connection, number, parameters)
    assert 0 < len(endpoint.kept()) < 12


def test_drop_at_commit_may_come_after_it(faulty):
    endpoint = faulty("drop=0.5,seed=3")
    ends = set()
    for number in range(40):
        with contextlib.closing(endpoint.connect()) as connection:
            try:
                insert(connection, number, None)
                ends.add("written")
                connection.commit()
                ends.add("committed")
            except psycopg.OperationalError:
                ends.add("dropped")
    assert ends == {"written", "committed", "dropped"}
    assert 0 < len(endpoint.kept()) < 40


def test_a_dropped_connection_says_nothing_more(faulty):
    endpoint = faulty("drop=1,seed=1").endpoint
    for _ in range(6):
        wire = signed_in(endpoint, token_for(endpoint))
        wire.send(b"Q", b"DELETE FROM t\0")
        with pytest.raises((EOFError, ConnectionError)):
            wire.exactly(1)


def test_a_pipeline_that_is_dropped_ends_and_is_never_answered_in_part(faulty):
    endpoint = faulty("drop=0.05,seed=5").endpoint
    said = set()
    for number in range(40):
        with local_connection(endpoint) as connection:
            rows = [(number * 100 + row, "x") for row in range(30)]
            try:
                connection.cursor().executemany("DELETE FROM t WHERE id = $1 AND $2 = 'x'", rows)
                connection.rollback()
                said.add("good")
            except libdsql.OperationalError as error:
                said.add(error.code)
    assert said == {"good", "DSQL_E_CLOSED"}


@contextlib.contextmanager
def local_connection(endpoint) -> Iterator[libdsql.Connection]:
    connection = libdsql.connect(**libdsql.local.arguments(endpoint))
    try:
        yield connection
    finally:
        connection.close()


def outcomes(endpoint) -> list[str]:
    wire = signed_in(endpoint, token_for(endpoint))
    seen = []
    for number in range(60):
        answer = dict(wire.query(f"INSERT INTO t VALUES ({number})"))
        seen.append(fields(answer[b"E"])["M"] if b"E" in answer else "good")
    return seen


def test_the_same_seed_gives_the_same_faults(faulty, start):
    faults = "occ=0.3,oc001=0.2,unavailable=0.1,seed=42"
    first = faulty(faults)
    one = outcomes(first.endpoint)
    assert set(one) == {"good", OC000, OC001, "server unavailable"}
    first.program.stop()
    program = start("--data", first.data)
    with connect_to(program.endpoint) as connection:
        connection.execute("DELETE FROM t")
    program.stop()
    assert outcomes(start("--data", first.data, "--inject", faults).endpoint) == one


def test_faults_come_as_often_as_asked_for(faulty):
    endpoint = faulty("occ=0.25,seed=9").endpoint
    wire = signed_in(endpoint, token_for(endpoint))
    failed = sum(
        b"E" in dict(wire.query(f"INSERT INTO t VALUES ({number})")) for number in range(400)
    )
    assert 70 < failed < 130


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ("", 'takes a list such as occ=0.1,drop=0.01, not ""'),
        ("occ", 'takes a list such as occ=0.1,drop=0.01, not "occ"'),
        ("occ=", "occ takes a probability from 0 to 1"),
        ("occ=1.5", "occ takes a probability from 0 to 1"),
        ("occ=-1", "occ takes a probability from 0 to 1"),
        ("occ=0.1;drop=1", "occ takes a probability from 0 to 1"),
        ("occ=0.1,", "takes a list"),
        ("fire=1", 'not "fire"'),
        ("seed=x", "seed takes a number"),
    ],
)
def test_a_wrong_list_is_said_in_one_line(faults, says):
    done = subprocess.run(
        [libdsql.local.program(), "--inject", faults],
        capture_output=True,
        text=True,
        timeout=60,
        env=libdsql.local.environment(),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_transaction_fails_at_the_age_asked_for(start):
    endpoint = start("--ephemeral", "--max-transaction-age", "1").endpoint
    wire = signed_in(endpoint, token_for(endpoint))
    wire.query("CREATE TABLE t (id int PRIMARY KEY)")
    wire.query("BEGIN")
    wire.query("INSERT INTO t VALUES (1)")
    wire.query("SELECT pg_sleep(1.2)")
    kind, body = wire.query("COMMIT")[0]
    assert kind == b"E"
    assert (fields(body)["C"], fields(body)["M"]) == (
        "54000",
        "transaction age limit of 1s exceeded",
    )
