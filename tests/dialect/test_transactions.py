# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""run_transaction() and its decorator: what is run again, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine, retry
from aurora_dsql_sqlalchemy.transactions import (
    CommitOutcomeUnknown,
    Retry,
    RetrySettings,
    run_transaction,
    transactional,
)
from relay import Relay
from rows import ids, increment, meddle, read
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    text,
)
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    OperationalError,
)
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from support import wait_for

MakeEngine = Callable[..., Engine]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; these are the seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr(retry, "sleep", waited.append)
    return waited


class Meddler:
    """A callback that somebody else comes before, in its first tries."""

    def __init__(self, engine: Engine, table: Table, times: int) -> None:
        self.engine, self.table, self.times = engine, table, times
        self.given: list[Any] = []

    def __call__(self, connection: Any) -> str:
        self.given.append(connection)
        increment(connection, self.table)
        if len(self.given) <= self.times:
            meddle(self.engine, self.table)
        return f"try {len(self.given)}"


@pytest.mark.parametrize("kind", ["engine", "connection", "sessionmaker"])
def test_a_conflict_runs_the_transaction_again(
    engine: Engine, table: Table, waits: list[float], kind: str
) -> None:
    work = Meddler(engine, table, 2)
    connection = engine.connect()
    bind: Any = {"engine": engine, "connection": connection, "sessionmaker": sessionmaker(engine)}
    assert run_transaction(bind[kind], work) == "try 3"
    connection.close()
    assert read(engine, table) == 201
    assert len(waits) == 2
    assert 0.025 <= waits[0] <= 0.05 and 0.05 <= waits[1] <= 0.1
    if kind == "sessionmaker":
        assert len({id(session) for session in work.given}) == 3


def test_hook_and_log_tell_of_each_retry(
    engine: Engine, table: Table, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Retry] = []
    with caplog.at_level(logging.INFO, "aurora_dsql_sqlalchemy.retry"):
        run_transaction(engine, Meddler(engine, table, 1), on_retry=told.append)
    assert [(item.attempt, item.wait) for item in told] == [(1, waits[0])]
    assert retry.sqlstate(told[0].error) == "40001"
    assert "failed with 40001: try 2 of 5" in caplog.text


def test_what_the_hook_raises_ends_the_tries(engine: Engine, table: Table) -> None:
    def hook(told: Retry) -> None:
        raise KeyError("enough")

    work = Meddler(engine, table, 9)
    with pytest.raises(KeyError):
        run_transaction(engine, work, on_retry=hook)
    assert len(work.given) == 1


def test_the_last_error_comes_out_when_the_tries_are_used_up(
    engine: Engine, table: Table, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    work = Meddler(engine, table, 9)
    with pytest.raises(OperationalError) as caught:
        run_transaction(engine, work, attempts=3)
    assert retry.sqlstate(caught.value) == "40001"
    assert (len(work.given), len(waits)) == (3, 2)
    assert read(engine, table) == 300
    assert "failed 3 times: given up" in caplog.text


def test_no_try_begins_after_the_deadline(
    engine: Engine, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(retry, "now", lambda: clock[0])
    monkeypatch.setattr(retry, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    work = Meddler(engine, table, 99)
    settings = RetrySettings(attempts=99, first_wait=1, max_wait=1, jitter=0, deadline=3.5)
    with pytest.raises(OperationalError):
        run_transaction(engine, work, settings)
    assert len(work.given) == 4


@pytest.mark.parametrize("changes", [{"attempts": 0}, {"jitter": 2}, {"multiplier": 0.5}])
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"attempt|share|multiplier"):
        RetrySettings(**changes)


def test_other_errors_come_out_at_once(engine: Engine, table: Table) -> None:
    tries = []

    def twice(connection: Connection) -> None:
        tries.append(1)
        connection.execute(table.insert(), {"id": 3})
        connection.execute(table.insert(), {"id": 3})

    with pytest.raises(IntegrityError):
        run_transaction(engine, twice)
    with pytest.raises(ZeroDivisionError):
        run_transaction(engine, lambda c: increment(c, table) or 1 / 0)  # type: ignore[func-returns-value]
    assert len(tries) == 1
    assert ids(engine, table) == [1, 2]
    assert read(engine, table) == 0


def test_error_that_the_callback_passes_over_is_not_taken_for_a_commit(
    engine: Engine, table: Table
) -> None:
    def careless(connection: Connection) -> None:
        increment(connection, table)
        with contextlib.suppress(IntegrityError):
            connection.execute(table.insert(), {"id": 1})

    with pytest.raises(InvalidRequestError, match="went on after an error"):
        run_transaction(engine, careless)
    assert read(engine, table) == 0


def test_commit_of_the_callback_is_not_repeated(engine: Engine, table: Table) -> None:
    tries = []

    def hasty(connection: Connection) -> None:
        tries.append(1)
        increment(connection, table)
        connection.commit()
        raise OperationalError("x", None, conflict())

    with pytest.raises(OperationalError):
        run_transaction(engine, hasty)
    assert (len(tries), read(engine, table)) == (1, 1)

    def hasty_session(session: Session) -> None:
        tries.append(1)
        increment(session, table)
        session.commit()
        raise OperationalError("x", None, conflict())

    with pytest.raises(OperationalError):
        run_transaction(sessionmaker(engine), hasty_session)
    assert (len(tries), read(engine, table)) == (2, 2)


def conflict() -> Exception:
    error = Exception("conflict")
    error.sqlstate = "40001"  # type: ignore[attr-defined]
    return error


def test_binds_that_cannot_run_again_are_refused(
    engine: Engine, make_engine: MakeEngine, table: Table
) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(InvalidRequestError, match="in no transaction"):
            run_transaction(connection, lambda c: None)
    with pytest.raises(InvalidRequestError, match="AUTOCOMMIT"):
        run_transaction(make_engine(isolation_level="AUTOCOMMIT"), lambda c: None)
    with pytest.raises(ArgumentError, match="fresh session"):
        run_transaction(Session(engine), lambda s: None)  # type: ignore[call-overload]
    with pytest.raises(ArgumentError, match="fresh session"):
        transactional(scoped_session(sessionmaker(engine)))
    sqlite = create_engine("sqlite://")
    with pytest.raises(ArgumentError, match="auroradsql"):
        run_transaction(sqlite, lambda c: None)
    sqlite.dispose()

    async def of_asyncio(connection: Any) -> None:
        raise AssertionError("not awaited")

    with pytest.raises(TypeError, match="engine of asyncio"):
        run_transaction(engine, of_asyncio)
    other = make_engine()
    factory = sessionmaker(engine)

    def both(session: Session) -> None:
        session.execute(text("SELECT 1"))
        session.execute(text("SELECT 1"), bind_arguments={"bind": other})

    with pytest.raises(InvalidRequestError, match="second engine"):
        run_transaction(factory, both)


def test_decorator_gives_the_connection_and_passes_arguments(
    engine: Engine, table: Table, waits: list[float]
) -> None:
    meddled = []

    @transactional(engine, attempts=2)
    def add(connection: Connection, amount: int, *, key: int = 1) -> int:
        """Adds."""
        connection.execute(table.update().where(table.c.id == key).values(n=table.c.n + amount))
        if not meddled:
            meddled.append(meddle(engine, table))
        return amount

    assert add(5) == 5
    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    assert read(engine, table) == 105


def close(connection: Connection) -> None:
    """End the connection behind the driver's back, as the network does."""
    raw: Any = connection.connection.dbapi_connection
    number = raw.fileno() if callable(getattr(raw, "fileno", None)) else raw.pgconn.socket
    with socket.socket(fileno=os.dup(number)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


def test_connection_that_ends_at_commit_leaves_the_outcome_unknown(
    make_engine: Callable[..., Engine], endpoint: Any, engine: Engine, table: Table
) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        increment(connection, table)
        relay.cut_after(0)  # the server gets the COMMIT, and nobody its answer

    with Relay(endpoint.port) as relay:
        through = make_engine(connect_args={"port": relay.port})
        with pytest.raises(CommitOutcomeUnknown) as caught:
            run_transaction(through, work)
    assert tries == [1]
    assert isinstance(caught.value.__cause__, DBAPIError)
    wait_for(lambda: read(engine, table) == 1)


def test_connection_that_ended_before_commit_was_sent_is_no_loss(
    engine: Engine, table: Table, waits: list[float]
) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        increment(connection, table)
        if len(tries) == 1:
            close(connection)

    run_transaction(engine, work)
    assert (len(tries), read(engine, table)) == (2, 1)


def test_transaction_of_which_a_part_was_committed_is_not_run_again(
    make_engine: Callable[..., Engine], table: Table
) -> None:
    engine = make_engine(implicit_commit=True)
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        increment(connection, table)
        connection.execute(text("ALTER TABLE transactions ADD COLUMN more int"))
        increment(connection, table)
        meddle(engine, table)

    with pytest.raises(OperationalError, match="OC000"):
        run_transaction(engine, work)
    assert (len(tries), read(engine, table)) == (1, 101)


def test_server_unavailable_at_commit_leaves_the_outcome_unknown(
    start: Callable[..., Any], driver: str
) -> None:
    place = start("--ephemeral", "--inject", "unavailable=1,seed=3").endpoint
    engine = create_dsql_engine(
        "localhost",
        driver=driver,
        sslrootcert=place.ca,
        connect_args={
            "hostaddr": "127.0.0.1",
            "port": place.port,
            "credentials_file": place.credentials,
        },
    )
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("INSERT INTO t VALUES (1)"))

    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (id int PRIMARY KEY)"))
    with pytest.raises(CommitOutcomeUnknown) as caught:
        run_transaction(engine, work)
    assert tries == [1]
    assert retry.sqlstate(caught.value.__cause__) == "XX000"
    engine.dispose()


def test_connection_that_ends_before_commit_is_no_loss(
    engine: Engine, table: Table, waits: list[float]
) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        increment(connection, table)
        if len(tries) == 1:
            close(connection)
            increment(connection, table)

    run_transaction(engine, work)
    assert (len(tries), read(engine, table)) == (2, 1)
    tries.clear()
    with pytest.raises(OperationalError):
        run_transaction(engine, work, lost_connections=False)
    assert (len(tries), read(engine, table)) == (1, 1)


# asyncio


@pytest.mark.parametrize("driver", ["psycopg"])
@pytest.mark.parametrize("async_driver", ["libdsql", "psycopg", "asyncpg"])
def test_asyncio_runs_again_and_a_cancelled_commit_is_unknown(
    engine: Engine,
    endpoint: Any,
    place_args: dict[str, Any],
    table: Table,
    driver: str,
    async_driver: str,
) -> None:
    async def main() -> tuple[list[int], Any]:
        made = create_async_dsql_engine(
            "localhost", driver=async_driver, sslrootcert=endpoint.ca, connect_args=place_args
        )
        counts = []

        async def work(connection: Any) -> int:
            counts[-1] += 1
            await connection.execute(table.update().values(n=table.c.n + 1))
            if counts[-1] == 1:
                meddle(engine, table)
            return counts[-1]

        counts.append(0)
        assert await run_transaction(made, work, first_wait=0) == 2
        async with made.connect() as connection:
            counts.append(0)
            assert await run_transaction(connection, work, first_wait=0) == 2
        counts.append(0)
        factory = async_sessionmaker(made)
        assert await run_transaction(factory, work, first_wait=0) == 2

        @transactional(factory, first_wait=0)
        async def decorated(session: AsyncSession, more: int) -> int:
            return await work(session) + more

        counts.append(0)
        assert await decorated(10) == 12

        async def last(session: AsyncSession) -> None:
            await session.execute(table.update().values(n=-1))
            task = asyncio.current_task()
            assert task is not None
            event.listen(session.sync_session, "before_commit", lambda s: task.cancel())

        try:
            await run_transaction(factory, last)
        except BaseException as error:
            caught = error
        await made.dispose()
        return counts, caught

    counts, caught = asyncio.run(main())
    assert counts == [2, 2, 2, 2]
    assert isinstance(caught, CommitOutcomeUnknown)
    assert isinstance(caught.__cause__, asyncio.CancelledError)
