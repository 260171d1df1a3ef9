# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Transactions that run again when they met a conflict.

    >>> run_transaction(engine, lambda connection: connection.execute(...))

The callback gets a fresh connection or session for each try, and may run several times: it should
do nothing that is not undone with its transaction. COMMIT is run_transaction's.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from aurora_dsql_sqlalchemy import retry
from aurora_dsql_sqlalchemy.execution import Transaction, transaction_of
from aurora_dsql_sqlalchemy.retry import (
    CommitOutcomeUnknown,
    Retry,
    RetrySettings,
    Tries,
    outcome_of,
)

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    class Changes(TypedDict, total=False):
        """Single members of RetrySettings."""

        attempts: int
        first_wait: float
        max_wait: float
        multiplier: float
        jitter: float
        deadline: float | None
        lost_connections: bool
        on_retry: Callable[[Retry], object] | None


__all__ = [
    "CommitOutcomeUnknown",
    "Retry",
    "RetrySettings",
    "outcome_of",
    "run_transaction",
    "transactional",
]

T = TypeVar("T")
P = ParamSpec("P")
S = TypeVar("S", bound=Session)
A = TypeVar("A", bound=AsyncSession)

DEFAULT = RetrySettings()

UNKNOWN = (
    "nobody can tell whether this transaction was committed, so it is not run again: look for what "
    "it wrote before you repeat it"
)
GONE_ON = "the callback went on after an error that ended its transaction: let such errors out"


@overload
def run_transaction(
    bind: Engine | Connection,
    callback: Callable[[Connection], T],
    settings: RetrySettings = ...,
    **changes: Unpack[Changes],
) -> T: ...
@overload
def run_transaction(
    bind: sessionmaker[S],
    callback: Callable[[S], T],
    settings: RetrySettings = ...,
    **changes: Unpack[Changes],
) -> T: ...
@overload
def run_transaction(
    bind: AsyncEngine | AsyncConnection,
    callback: Callable[[AsyncConnection], Awaitable[T]],
    settings: RetrySettings = ...,
    **changes: Unpack[Changes],
) -> Coroutine[Any, Any, T]: ...
@overload
def run_transaction(
    bind: async_sessionmaker[A],
    callback: Callable[[A], Awaitable[T]],
    settings: RetrySettings = ...,
    **changes: Unpack[Changes],
) -> Coroutine[Any, Any, T]: ...
def run_transaction(
    bind: Any,
    callback: Callable[[Any], Any],
    settings: RetrySettings = DEFAULT,
    **changes: Unpack[Changes],
) -> Any:
    """Run callback in a transaction, commit, and return what it returned.

    bind: an engine (the callback gets a connection of its pool), a connection that is in no
    transaction, or a sessionmaker (the callback gets a session); of asyncio too, and then the
    callback is awaited and so is the result of this function.
    settings: how often and how soon it is tried again.
    changes: single members of settings: attempts=3, deadline=10, on_retry=...

    A conflict (40001), at a statement or at COMMIT, and a connection that ended before COMMIT
    make it run again; every other error comes out as it is, and the last one when the tries are
    used up. Raises CommitOutcomeUnknown when COMMIT may have been carried out or not.
    """
    one, is_async = _one_try(bind)
    if changes:
        settings = replace(settings, **changes)
    if is_async:
        return _run_async(one, bind, callback, settings)
    tries = Tries(settings, "a transaction")
    callback = _blocking(callback)
    while True:
        watch = _Watch()
        try:
            return one(bind, callback, watch)
        except BaseException as error:
            wait = watch.wait_after(error, tries)
            if wait is None:
                raise
        retry.pause(
            getattr(watch.connections[0] if watch.connections else bind, "dialect", None), wait
        )


def _blocking(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Refuses a function of asyncio, of which nothing would be done before COMMIT."""

    def call(connection: Any) -> Any:
        result = callback(connection)
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError("the callback is a function of asyncio: give an engine of asyncio, too")
        return result

    return call


def run_repeatable(
    bind: Engine | Connection, callback: Callable[[Connection], T], settings: RetrySettings
) -> T:
    """run_transaction() for what may be done twice: also again when nobody can tell whether it was.

    bind may be what is below an engine or a connection of asyncio, in SQLAlchemy's greenlet.
    """
    tries = Tries(settings, "a transaction that may be repeated")
    while True:
        try:
            return run_transaction(bind, callback, settings)
        except CommitOutcomeUnknown as error:
            if not isinstance(error.__cause__, Exception):
                raise
            wait = tries.again(error)
            if wait is None:
                raise
        retry.pause(bind.dialect, wait)


async def _run_async(one: Any, bind: Any, callback: Any, settings: RetrySettings) -> Any:
    tries = Tries(settings, "a transaction")
    while True:
        watch = _Watch()
        try:
            return await one(bind, callback, watch)
        except BaseException as error:
            wait = watch.wait_after(error, tries)
            if wait is None:
                raise
        await retry.sleep_async(wait)


@overload
def transactional(
    bind: Engine | Connection, settings: RetrySettings = ..., **changes: Unpack[Changes]
) -> Callable[[Callable[Concatenate[Connection, P], T]], Callable[P, T]]: ...
@overload
def transactional(
    bind: sessionmaker[S], settings: RetrySettings = ..., **changes: Unpack[Changes]
) -> Callable[[Callable[Concatenate[S, P], T]], Callable[P, T]]: ...
@overload
def transactional(
    bind: AsyncEngine | AsyncConnection,
    settings: RetrySettings = ...,
    **changes: Unpack[Changes],
) -> Callable[
    [Callable[Concatenate[AsyncConnection, P], Awaitable[T]]],
    Callable[P, Coroutine[Any, Any, T]],
]: ...
@overload
def transactional(
    bind: async_sessionmaker[A], settings: RetrySettings = ..., **changes: Unpack[Changes]
) -> Callable[[Callable[Concatenate[A, P], Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]: ...
def transactional(
    bind: Any, settings: RetrySettings = DEFAULT, **changes: Unpack[Changes]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the function's first argument is the connection or session of a transaction.

    The other arguments are the caller's, and are the same for each try. bind, settings and changes
    are those of run_transaction(). With a bind of asyncio the function is one of asyncio.
    """
    _one_try(bind)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            def callback(connection: Any) -> Any:
                return function(connection, *args, **kwargs)

            return run_transaction(bind, callback, settings, **changes)

        return run

    return decorate


class _Watch:
    """Over one try: what would be wrong to run again."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.own_commit = False
        self.transaction: Transaction | None = None
        self.commits = 0

    def begun(self, connection: Connection) -> None:
        """A transaction begins on this connection; refuses what could be applied twice."""
        if connection.dialect.name != "auroradsql":
            raise exc.ArgumentError(
                f"run_transaction() is for engines of auroradsql, not {connection.dialect.name}"
            )
        if getattr(connection.connection.dbapi_connection, "autocommit", False):
            raise exc.InvalidRequestError(
                "with AUTOCOMMIT there is no transaction to run again: "
                "leave isolation_level out for run_transaction()"
            )
        if self.connections:
            raise exc.InvalidRequestError(
                "run_transaction() commits one transaction: do not use a second engine, "
                "and leave commit() and rollback() to it"
            )
        self.connections.append(connection)
        self.transaction = transaction_of(connection.connection)
        self.commits = self.transaction.commits

    def returned(self) -> None:
        """The callback has returned: its COMMIT would be a ROLLBACK if something had failed."""
        for connection in self.connections:
            if connection.invalidated or connection.closed or not connection.in_transaction():
                continue
            failed = transaction_of(connection.connection).failed
            if failed is None:
                continue
            if outcome_of(failed) == "retry":
                raise failed
            raise exc.InvalidRequestError(GONE_ON) from failed

    def wait_after(self, error: BaseException, tries: Tries) -> float | None:
        """Seconds until the next try; None: the error is to come out."""
        outcome = outcome_of(error)
        if outcome == "unknown" and not isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise CommitOutcomeUnknown(UNKNOWN) from error
        if outcome != "retry" or self.own_commit:
            return None
        if self.transaction is not None and self.transaction.commits != self.commits:
            return None  # a part of it was committed: a DDL statement, or before one
        if retry.sqlstate(error) is None and not tries.settings.lost_connections:
            return None
        return tries.again(error)


def _try_connection(connection: Connection, callback: Any, watch: _Watch) -> Any:
    if connection.in_transaction():
        raise exc.InvalidRequestError(
            "run_transaction() needs a connection that is in no transaction: "
            "what was done in it before could not be done again"
        )
    with connection.begin() as transaction:
        watch.begun(connection)
        try:
            result = callback(connection)
        finally:
            watch.own_commit = connection.get_transaction() is not transaction
        watch.returned()
    return result


def _try_engine(engine: Engine, callback: Any, watch: _Watch) -> Any:
    with engine.connect() as connection:
        return _try_connection(connection, callback, watch)


def _watch_session(session: Session, watch: _Watch) -> None:
    def begun(session: Session, transaction: Any, connection: Connection) -> None:
        if connection not in watch.connections:
            watch.begun(connection)

    def committed(session: Session) -> None:
        if not session.in_nested_transaction():  # that one commits nothing
            watch.own_commit = True

    event.listen(session, "after_begin", begun)
    event.listen(session, "after_commit", committed)


def _try_session(factory: Any, callback: Any, watch: _Watch) -> Any:
    with factory() as session:
        _watch_session(session, watch)
        with session.begin():
            result = callback(session)
            watch.returned()
        return result


async def _try_async_connection(connection: AsyncConnection, callback: Any, watch: _Watch) -> Any:
    if connection.in_transaction():
        raise exc.InvalidRequestError(
            "run_transaction() needs a connection that is in no transaction: "
            "what was done in it before could not be done again"
        )
    sync = connection.sync_connection
    assert sync is not None
    async with connection.begin():
        transaction = sync.get_transaction()
        watch.begun(sync)
        try:
            result = await callback(connection)
        finally:
            watch.own_commit = sync.get_transaction() is not transaction
        watch.returned()
    return result


async def _try_async_engine(engine: AsyncEngine, callback: Any, watch: _Watch) -> Any:
    async with engine.connect() as connection:
        return await _try_async_connection(connection, callback, watch)


async def _try_async_session(factory: Any, callback: Any, watch: _Watch) -> Any:
    async with factory() as session:
        _watch_session(session.sync_session, watch)
        async with session.begin():
            result = await callback(session)
            watch.returned()
        return result


_WAYS: tuple[tuple[type[Any], Any, bool], ...] = (
    (Engine, _try_engine, False),
    (Connection, _try_connection, False),
    (sessionmaker, _try_session, False),
    (AsyncEngine, _try_async_engine, True),
    (AsyncConnection, _try_async_connection, True),
    (async_sessionmaker, _try_async_session, True),
)


def _one_try(bind: Any) -> tuple[Any, bool]:
    """The function that tries once with this kind of bind, and whether it is to be awaited."""
    for kind, function, is_async in _WAYS:
        if isinstance(bind, kind):
            return function, is_async
    advice = "give an engine, a connection or a sessionmaker"
    if isinstance(bind, (Session, AsyncSession, scoped_session)):
        advice = "each try needs a fresh session: give the sessionmaker"
    raise exc.ArgumentError(f"run_transaction() cannot use {type(bind).__name__}: {advice}")
