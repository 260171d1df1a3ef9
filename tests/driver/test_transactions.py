# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Transactions: when they begin and end, what they cost on the wire, and what is not known."""

from __future__ import annotations

import signal

import libdsql
import pytest
from relay import Relay
from support import drive_to, wait_for


@pytest.fixture
def relay(endpoint):
    with Relay(endpoint.port) as relay:
        yield relay


@pytest.fixture
def table(connect_driver):
    connection = connect_driver(autocommit=True)
    connection.execute("DROP TABLE IF EXISTS transaction_test")
    connection.execute("CREATE TABLE transaction_test (id int PRIMARY KEY)")
    connection.close()
    return "transaction_test"


def count(connection, table: str) -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_status_follows_the_transaction(connect_driver):
    connection = connect_driver()
    assert connection.transaction_status == "idle"
    connection.execute("SELECT 1")
    assert connection.transaction_status == "intrans"
    connection.commit()
    assert connection.transaction_status == "idle"
    with pytest.raises(libdsql.DataError):
        connection.execute("SELECT 1 / 0")
    assert connection.transaction_status == "inerror"
    connection.rollback()
    assert connection.transaction_status == "idle"
    connection.close()
    assert connection.transaction_status == "unknown"


def test_commit_stores_and_rollback_forgets(connect_driver, table):
    connection = connect_driver()
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    connection.rollback()
    assert count(connection, table) == 0
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    connection.commit()
    connection.execute(f"INSERT INTO {table} VALUES (2)")
    connection.close()
    assert count(connect_driver(), table) == 1


def test_statement_in_a_failed_transaction_is_refused(connect_driver):
    connection = connect_driver()
    with pytest.raises(libdsql.DataError):
        connection.execute("SELECT 1 / 0")
    with pytest.raises(libdsql.InternalError) as caught:
        connection.execute("SELECT 1")
    assert caught.value.sqlstate == "25P02"


def test_commit_of_a_failed_transaction_says_that_nothing_is_stored(connect_driver, table):
    connection = connect_driver()
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    with pytest.raises(libdsql.DataError):
        connection.execute("SELECT 1 / 0")
    with pytest.raises(libdsql.InternalError, match="nothing is stored") as caught:
        connection.commit()
    assert caught.value.sqlstate == caught.value.diag.sqlstate == "25P02"
    assert connection.transaction_status == "idle"
    connection.commit()
    assert count(connection, table) == 0


def test_autocommit_stores_each_statement(connect_driver, table):
    connection = connect_driver(autocommit=True)
    assert connection.autocommit
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert connection.transaction_status == "idle"
    with pytest.raises(libdsql.DataError):
        connection.execute("SELECT 1 / 0")
    connection.rollback()
    assert count(connect_driver(), table) == 1


def test_autocommit_and_read_only_change_outside_transactions_only(connect_driver):
    connection = connect_driver()
    connection.execute("SELECT 1")
    for name in ("autocommit", "read_only"):
        with pytest.raises(libdsql.ProgrammingError, match=f"{name} cannot be changed within"):
            setattr(connection, name, True)
        setattr(connection, name, False)
    connection.rollback()
    connection.autocommit = True
    connection.execute("SELECT 1")
    connection.autocommit = False
    with pytest.raises(AttributeError):
        del connection.autocommit


def test_read_only_transactions(connect_driver, table):
    connection = connect_driver()
    connection.read_only = True
    assert count(connection, table) == 0
    with pytest.raises(libdsql.InternalError) as caught:
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert caught.value.sqlstate == "25006"
    connection.rollback()
    connection.read_only = False
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    connection.commit()


def test_transaction_that_sql_began_is_ended_by_commit(connect_driver, table):
    connection = connect_driver(autocommit=True)
    connection.execute("BEGIN")
    assert connection.transaction_status == "intrans"
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    connection.commit()
    assert connection.transaction_status == "idle"
    assert count(connection, table) == 1


def test_conflict_is_retryable(connect_driver, table):
    first, second = connect_driver(), connect_driver()
    first.execute(f"INSERT INTO {table} VALUES (1)")
    first.commit()
    first.execute(f"UPDATE {table} SET id = 2")
    second.execute(f"UPDATE {table} SET id = 3")
    first.commit()
    with pytest.raises(libdsql.OperationalError) as caught:
        second.commit()
    assert libdsql.is_retryable(caught.value.sqlstate)
    assert second.transaction_status == "idle"


# Context managers


def test_connection_commits_at_the_end_of_its_block(connect_driver, table):
    with connect_driver() as connection:
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert connection.closed
    with pytest.raises(KeyError):
        with connect_driver() as connection:
            connection.execute(f"INSERT INTO {table} VALUES (2)")
            raise KeyError
    assert connection.closed
    assert count(connect_driver(), table) == 1


def test_block_whose_commit_fails_closes_and_raises(connect_driver):
    with pytest.raises(libdsql.InternalError, match="nothing is stored"):
        with connect_driver() as connection:
            with pytest.raises(libdsql.DataError):
                connection.execute("SELECT 1 / 0")
    assert connection.closed


def test_block_that_closed_its_connection_itself(connect_driver):
    with connect_driver() as connection:
        connection.close()


# What goes over the wire


def trips(relay: Relay, action) -> int:
    before = relay.trips
    action()
    return relay.trips - before


def test_begin_travels_with_the_first_statement(connect_driver, relay):
    connection = connect_driver(port=relay.port)

    def transaction():
        assert connection.execute("SELECT $1::int", [1]).fetchall() == [(1,)]
        connection.commit()

    assert trips(relay, transaction) == 2
    assert trips(relay, transaction) == 2


def test_each_statement_is_one_trip(connect_driver, relay):
    connection = connect_driver(port=relay.port, autocommit=True)
    assert trips(relay, lambda: connection.execute("SELECT $1", ["new"]).fetchall()) == 1
    assert trips(relay, lambda: connection.execute("SELECT $1", ["again"]).fetchall()) == 1
    rows = [[number] for number in range(100)]
    assert trips(relay, lambda: connection.cursor().executemany("SELECT $1::int", rows)) == 1


def test_what_costs_nothing(connect_driver, relay):
    connection = connect_driver(port=relay.port)

    def nothing():
        connection.commit()
        connection.rollback()
        connection.autocommit = True
        connection.autocommit = False
        connection.cursor().close()
        assert connection.is_alive()
        with pytest.raises(libdsql.DataError):
            connection.execute("SELECT $1", [object()])
        connection.commit()

    assert trips(relay, nothing) == 0


# What is not known


def test_commit_whose_answer_never_comes(connect_driver, relay, table):
    connection = connect_driver(port=relay.port)
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    relay.cut_after(0)
    with pytest.raises(
        libdsql.OperationalError, match="whether the transaction is stored"
    ) as caught:
        connection.commit()
    assert caught.value.code in ("DSQL_E_CLOSED", "DSQL_E_IO", "DSQL_E_TLS")
    assert connection.closed and connection.broken


def test_many_with_autocommit_whose_answer_never_comes(connect_driver, relay, table):
    connection = connect_driver(port=relay.port, autocommit=True)
    relay.cut_after(0)
    with pytest.raises(libdsql.OperationalError, match="whether the transaction is stored"):
        connection.cursor().executemany(f"INSERT INTO {table} VALUES ($1)", [[1], [2]])
    assert connection.broken


def test_commit_after_the_end_of_the_connection_was_seen_is_not_sent(start):
    program = start("--ephemeral")
    connection = drive_to(program.endpoint)
    connection.execute("SELECT 1")
    program.stop(signal.SIGKILL)
    wait_for(lambda: not connection.is_alive())
    with pytest.raises(libdsql.OperationalError, match="nothing is stored") as caught:
        connection.commit()
    assert caught.value.code == "DSQL_E_CLOSED"
    assert connection.broken
    connection.close()


def test_statement_whose_answer_never_comes(connect_driver, relay):
    connection = connect_driver(port=relay.port)
    relay.cut_after(0)
    with pytest.raises(libdsql.OperationalError) as caught:
        connection.execute("SELECT 1")
    assert "stored" not in str(caught.value)
    assert not connection.is_alive()
    for use in (connection.commit, lambda: connection.execute("SELECT 1")):
        with pytest.raises(libdsql.OperationalError, match="closed") as caught:
            use()
        assert caught.value.code == "DSQL_E_CLOSED"
    connection.close()


def test_fault_at_commit_is_the_servers_error(place, start):
    data = str(place / "data")
    program = start("--data", data)
    with drive_to(program.endpoint, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    program.stop()
    program = start("--data", data, "--inject", "occ=1")
    with drive_to(program.endpoint) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(libdsql.OperationalError, match="OC000") as caught:
            connection.commit()
        assert caught.value.sqlstate == "40001"
        connection.autocommit = True
        with pytest.raises(libdsql.OperationalError, match="OC000"):
            connection.cursor().executemany("INSERT INTO t VALUES ($1)", [[1], [2]])
        assert connection.transaction_status == "idle"
