# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Connections that end, at each point of their life, with every driver: what the program sees."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from aurora_dsql_sqlalchemy.transactions import outcome_of, run_transaction
from everywhere import KINDS, arguments_for, run
from impostor import Stream, fields, impostor, message
from relay import Relay
from sqlalchemy import Column, Connection, Engine, MetaData, Table, Uuid, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError
from sqlalchemy.orm import sessionmaker
from support import Program, wait_for

ADD = text("INSERT INTO endings VALUES (gen_random_uuid())")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def faulty() -> Iterator[Any]:
    """An endpoint that ends every other connection at a statement."""
    program = Program("--ephemeral", "--port", "0", "--inject", "drop=0.5,seed=1")
    yield program.endpoint
    program.stop()


@pytest.fixture
def relay(endpoint: Any) -> Iterator[Relay]:
    with Relay(endpoint.port) as relay:
        yield relay


@pytest.fixture
def other(connect: Callable[..., psycopg.Connection]) -> psycopg.Connection:
    """Another session, with an empty table for the one that ends."""
    session = connect(autocommit=True)
    session.execute("DROP TABLE IF EXISTS endings")
    session.execute("CREATE TABLE endings (id uuid PRIMARY KEY)")
    return session


def rows(other: psycopg.Connection) -> int:
    found = other.execute("SELECT count(*) FROM endings").fetchone()
    assert found is not None
    return int(found[0])


def pid(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def errors_of(engine: Engine) -> list[Any]:
    """What the engine's statements fail with, from now on."""
    errors: list[Any] = []
    event.listen(engine, "handle_error", lambda context: errors.append(context.original_exception))
    return errors


def terminate(other: psycopg.Connection, number: int) -> None:
    other.execute("SELECT pg_terminate_backend(%s)", [number])


def end(relay: Relay, other: psycopg.Connection, connection: Connection, how: str) -> None:
    """End a connection from outside: the line is cut, or the server says 57P01."""
    number = pid(connection)
    if how == "EOF":
        relay.cut()
    else:
        terminate(other, number)


def wait_for_the_end(engine: Engine, connection: Connection) -> None:
    """Until the news has arrived; the driver has not read it yet."""
    dialect: Any = engine.dialect
    raw = connection.connection.dbapi_connection
    wait_for(lambda: not dialect.is_open(raw))


def fails(connection: Connection, work: Callable[[], Any]) -> tuple[str, DBAPIError]:
    """The outcome of work that must lose its connection."""
    with pytest.raises(DBAPIError) as caught:
        work()
    assert caught.value.connection_invalidated
    assert connection.invalidated
    return outcome_of(caught.value), caught.value


@pytest.mark.parametrize("how", ["EOF", "57P01"])
def test_ended_in_the_pool(
    kind: str, how: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        errors = errors_of(engine)
        with engine.connect() as connection, engine.connect() as second:
            first, kept = pid(connection), pid(second)
            raw = connection.connection.dbapi_connection
        if how == "EOF":
            relay.cut()
        else:
            terminate(other, first)
            dialect: Any = engine.dialect
            wait_for(lambda: not dialect.is_open(raw))
        with engine.connect() as connection, engine.connect() as second:
            found = {pid(connection), pid(second)}
        assert first not in found
        assert (kept in found) == (how == "57P01")
        assert not errors

    run(kind, body, **arguments_for(endpoint, port=relay.port))


def test_ended_while_the_engine_asks_its_first_question(kind: str, faulty: Any) -> None:
    outcomes = []

    def body(engine: Engine) -> None:
        try:
            engine.connect().close()
        except DBAPIError as error:
            outcomes.append(outcome_of(error))
        else:
            outcomes.append("connected")

    for _ in range(12):
        run(kind, body, **arguments_for(faulty))
    assert set(outcomes) == {"connected", "retry"}


@pytest.mark.parametrize("pre_ping", [False, True])
def test_taking_a_connection_from_the_pool_costs_no_trip(
    kind: str, endpoint: Any, relay: Relay, pre_ping: bool
) -> None:
    def body(engine: Engine) -> None:
        for _ in range(2):
            with engine.connect() as connection:
                first = pid(connection)
        before = relay.trips
        for _ in range(3):
            with engine.connect():
                pass
        assert relay.trips == before
        with engine.connect() as connection:
            assert pid(connection) == first

    run(kind, body, **arguments_for(endpoint, port=relay.port), pool_pre_ping=pre_ping)


def test_ended_in_the_middle_of_a_statement(
    kind: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(ADD)
            relay.cut_after(0)
            outcome, _ = fails(connection, lambda: connection.execute(ADD))
            assert outcome == "retry"
            relay.cut_after(None)
            connection.rollback()
            connection.execute(ADD)
            connection.commit()

    run(kind, body, **arguments_for(endpoint, port=relay.port))
    assert rows(other) == 1


@pytest.mark.parametrize("how", ["EOF", "57P01"])
def test_ended_in_the_middle_of_a_transaction(
    kind: str, how: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(ADD)
            end(relay, other, connection, how)
            outcome, error = fails(connection, lambda: connection.execute(ADD))
            assert outcome == "retry", error

    run(kind, body, **arguments_for(endpoint, port=relay.port))
    assert rows(other) == 0


@pytest.mark.parametrize("how", ["EOF", "57P01"])
def test_ended_before_commit_was_sent(
    kind: str, how: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(ADD)
            end(relay, other, connection, how)
            wait_for_the_end(engine, connection)
            outcome, error = fails(connection, connection.commit)
            assert outcome == "retry", error

    run(kind, body, **arguments_for(endpoint, port=relay.port))
    assert rows(other) == 0


def test_ended_while_commit_was_under_way(
    kind: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(ADD)
            relay.cut_after(0)
            outcome, _ = fails(connection, connection.commit)
            assert outcome == "unknown"

    run(kind, body, **arguments_for(endpoint, port=relay.port))
    wait_for(lambda: rows(other) == 1)


def test_ended_while_a_statement_that_commits_itself_was_under_way(
    kind: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(ADD)  # asyncpg prepares it in a trip of its own
            relay.cut_after(0)
            outcome, _ = fails(connection, lambda: connection.execute(ADD))
            assert outcome == "unknown"
        relay.cut_after(None)
        with engine.connect() as connection:
            pid(connection)
            relay.cut_after(0)
            outcome, _ = fails(connection, lambda: connection.execute(text("SELECT 1")))
            assert outcome == "retry"

    isolation: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
    run(kind, body, **arguments_for(endpoint, port=relay.port), **isolation)
    wait_for(lambda: rows(other) == 2)


def test_ended_while_a_commit_written_as_text_was_under_way(
    kind: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(ADD)
            relay.cut_after(0)
            outcome, _ = fails(connection, lambda: connection.execute(text("COMMIT")))
            assert outcome == "unknown"

    run(kind, body, **arguments_for(endpoint, port=relay.port))


def test_rows_of_which_a_part_commits_itself_have_no_certain_outcome(
    kind: str, endpoint: Any, other: psycopg.Connection
) -> None:
    table = Table("endings", MetaData(), Column("id", Uuid, primary_key=True))
    keys = [uuid.UUID(int=number) for number in (1, 2, 3, 1)]

    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            statement = table.insert().returning(table.c.id)
            with pytest.raises(IntegrityError) as caught:
                connection.execute(statement, [{"id": key} for key in keys])
            assert outcome_of(caught.value) == "unknown"
            with pytest.raises(IntegrityError) as caught:
                connection.execute(table.insert(), {"id": keys[0]})
            assert outcome_of(caught.value) == "failed"

    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "insertmanyvalues_page_size": 2}
    run(kind, body, **arguments_for(endpoint), **options)
    assert rows(other) == 2


@pytest.mark.parametrize("bind", ["engine", "session"])
def test_callback_that_passes_over_the_end_of_its_connection_has_committed_nothing(
    kind: str, bind: str, endpoint: Any, relay: Relay, other: psycopg.Connection
) -> None:
    def body(engine: Engine) -> None:
        def work(connection: Any) -> None:
            connection.execute(ADD)
            relay.cut()
            with contextlib.suppress(DBAPIError):
                connection.execute(ADD)

        with pytest.raises((DBAPIError, InvalidRequestError)):
            run_transaction(engine if bind == "engine" else sessionmaker(engine), work, attempts=1)
        assert rows(other) == 0

    run(kind, body, **arguments_for(endpoint, port=relay.port))


def test_last_word_of_a_connection_is_known_by_its_sqlstate(kind: str, endpoint: Any) -> None:
    def dying(stream: Stream) -> None:
        stream.sign_in()
        stream.message()
        stream.send(message("E", fields(S="FATAL", V="FATAL", C="08006", M="the node is gone")))

    def body(engine: Engine) -> None:
        dialect: Any = engine.dialect
        connection = dialect.connect(**dialect.create_connect_args(engine.url)[1])
        with pytest.raises(dialect.loaded_dbapi.Error) as caught:
            connection.cursor().execute("SELECT 1")
        assert dialect.is_disconnect(caught.value, connection, None)
        assert not dialect.is_disconnect(caught.value, None, None)
        dialect.do_terminate(connection) if dialect.is_async else connection.close()

    with impostor(endpoint, dying) as server:
        run(kind, body, **arguments_for(endpoint, port=server.port))


def test_errors_of_statements_leave_the_connection_in_the_pool(kind: str, endpoint: Any) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            first = pid(connection)
        for sql in ("SELECT 1 / 0", "SELECT nonsense", "SAVEPOINT x"):
            with engine.connect() as connection:
                with pytest.raises(DBAPIError) as caught:
                    connection.execute(text(sql))
                assert not caught.value.connection_invalidated
                assert outcome_of(caught.value) == "failed"
        with engine.connect() as connection:
            assert pid(connection) == first

    run(kind, body, **arguments_for(endpoint))
