# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Connections of the pool: when they are replaced, and how they are made again.

Aurora DSQL closes each connection 60 minutes after it was opened. A connection that is taken from
the pool when it is older than its own limit is replaced by a new one. The limits are spread, so
that connections which were opened together are not replaced together. A connection that the server
has closed meanwhile is replaced, too: its socket tells, without a word to the server.
"""

# Methods of SQLAlchemy's dialects, which have few types, are overridden here.
# mypy: disable-error-code="no-untyped-call, misc"

from __future__ import annotations

import os
import random
import select
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import libdsql
from sqlalchemy import event, exc
from sqlalchemy.dialects.postgresql.base import PGDialect

from aurora_dsql_sqlalchemy import retry
from aurora_dsql_sqlalchemy.retry import RetrySettings, sqlstate

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import ConnectionPoolEntry

LIFETIME_SECONDS = 3300.0
"""The longest that a connection is handed out for: a transaction of five minutes still fits."""

SPREAD = 0.1
"""The share of the lifetime by which the limits of connections differ."""

RETIRE_AT = "auroradsql_retire_at"
"""Key in ConnectionPoolEntry.info: the time at which the connection is not handed out any more."""

PROCESS = "auroradsql_process"
"""Key in ConnectionPoolEntry.info: the process that opened the connection."""

SIGN_IN_SECONDS = 30.0
"""How long a sign-in is tried again, unless the option connect_timeout says otherwise."""

LATER = RetrySettings(first_wait=0.2)
"""How long to wait before that."""

LOOKS = 10
"""How often a socket with something to read is looked at, until it is quiet or at its end."""


def now() -> float:
    """Seconds since the epoch; tests replace it."""
    return time.time()


def readable(descriptor: int) -> bool:
    """Whether there is something to read on a socket, its end among it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _sign_in_seconds(options: Mapping[str, Any]) -> float:
    return float(options.get("connect_timeout") or options.get("timeout") or SIGN_IN_SECONDS)


def _stamp(dbapi_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info[PROCESS] = os.getpid()
    entry.info[RETIRE_AT] = now() + LIFETIME_SECONDS * (1 - SPREAD * random.random())


def watch_connections(engine: Engine) -> None:
    """Replace connections that are old, unless the engine has a pool_recycle, that the server has
    closed, or that belong to the process from which this one was forked."""
    dialect: Any = engine.dialect
    retires = engine.pool._recycle == -1

    def check(dbapi_connection: Any, entry: Any, proxy: Any) -> None:
        if entry.info.get(PROCESS) not in (None, os.getpid()):
            entry.dbapi_connection = proxy.dbapi_connection = None  # not to be closed by this one
            raise exc.DisconnectionError("the connection belongs to another process")
        if retires and now() >= entry.info.get(RETIRE_AT, float("inf")):
            raise exc.DisconnectionError("the connection is near the end of its 60 minutes")
        if not dialect.is_open(dbapi_connection):
            raise exc.DisconnectionError("the server has closed the connection")

    event.listen(engine.pool, "connect", _stamp)
    event.listen(engine.pool, "checkout", check)


class PoolMixin(PGDialect):
    """What the pool asks of a dialect."""

    def socket_of(self, dbapi_connection: Any) -> int:
        """The descriptor of an open connection's socket, -1 when it has none any more."""
        raise NotImplementedError

    def read_waiting(self, dbapi_connection: Any) -> None:
        """Let the driver read what has come unasked; it may raise an error of its own."""
        raise NotImplementedError

    def is_closed(self, dbapi_connection: Any) -> bool:
        """Whether the driver knows that the connection has ended."""
        return bool(dbapi_connection.closed)

    def is_open(self, dbapi_connection: Any) -> bool:
        """Whether a connection with no statement under way can be used, as far as can be known
        without asking the server."""
        try:
            for _ in range(LOOKS):
                if self.is_closed(dbapi_connection):
                    return False
                if not readable(self.socket_of(dbapi_connection)):
                    return True
                self.read_waiting(dbapi_connection)
        except (self.loaded_dbapi.Error, OSError, ValueError):
            return False
        return True

    def do_ping(self, dbapi_connection: Any) -> bool:
        return self.is_open(dbapi_connection)

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        if connection is None:  # none was made, so that none has ended, but while it was set up
            return getattr(e, "connection_lost", False)
        if not isinstance(e, self.loaded_dbapi.Error):
            return False
        return (
            libdsql.ends_connection(sqlstate(e))
            or not self.is_open(getattr(connection, "dbapi_connection", connection))
            or bool(super().is_disconnect(e, connection, cursor))
        )

    def sign_in(self, options: Mapping[str, Any], connect: Callable[[], Any]) -> Any:
        """Connect; again where the server asks for it, with a token of its own for each try."""
        began, attempt, anew = retry.now(), 0, False
        while True:
            try:
                return connect()
            except self.loaded_dbapi.Error as error:
                refusal = libdsql.refusal(sqlstate(error), str(error))
                if refusal == "expired" and not anew and "password" not in options:
                    anew = True
                    continue
                attempt += 1
                wait = LATER.wait(attempt)
                if refusal != "later" or retry.now() + wait > began + _sign_in_seconds(options):
                    raise
            retry.pause(self, wait)
