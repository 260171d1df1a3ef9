# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The rules of the service's transactions, as part of the dialect.

What the program need not notice is tried again; what would lose or commit rows behind its back is
refused before it is sent.
"""

# Methods of SQLAlchemy's dialects, which have few types, are overridden here.
# mypy: disable-error-code="no-untyped-call, misc"

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import libdsql
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql.base import (
    PGDialect,
    PGExecutionContext,
    PGReadOnlyConnectionCharacteristic,
)
from sqlalchemy.util import warn

from aurora_dsql_sqlalchemy import retry
from aurora_dsql_sqlalchemy.connect import boolean, choice
from aurora_dsql_sqlalchemy.ddl import NOT_EMITTED
from aurora_dsql_sqlalchemy.pooling import PoolMixin
from aurora_dsql_sqlalchemy.refusals import explain
from aurora_dsql_sqlalchemy.retry import RetrySettings, Tries, sqlstate

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

TRANSPARENT = RetrySettings(first_wait=0.01)
"""How a single statement is tried again."""

INFO = "auroradsql_transaction"
"""Key in the info of a connection of the pool: its Transaction."""

COMMITS = "auroradsql_implicit_commit"
"""Execution option with which a text of DDL is committed at once."""

NO_SAVEPOINTS = (
    "Aurora DSQL has no savepoints: leave out begin_nested(), or give savepoints='outer' to "
    "create_engine(), which makes what is nested a part of the outer transaction"
)
UNDONE = (
    "the nested transaction was rolled back, and since Aurora DSQL has no savepoints the outer one "
    "with it: roll it back and begin again"
)
ROWS_WAIT = (
    "rows that this transaction wrote wait for COMMIT, and Aurora DSQL takes no DDL in the same "
    "transaction: commit() first, or give implicit_commit=True to create_engine(), which then "
    "commits before each DDL statement"
)


WEAKER = ("READ COMMITTED", "READ UNCOMMITTED")
"""Levels of which all that they promise holds with REPEATABLE READ as well."""

INDEX = re.compile(r"\s*create\s+index\b", re.IGNORECASE)
NOT_SUPPORTED = "0A000"

QUERY = re.compile(r"[\s(]*(select|with|values|table|show)\b", re.IGNORECASE)
CALL = re.compile(r'([\w."$]+)\s*\(')
HARMLESS = re.compile(
    r"pg_.*|and|any|array|as|bool_and|by|case|cast|char|count|distinct|else|exists|filter|from|in|"
    r"join|lateral|max|min|not|numeric|on|or|over|select|sum|then|using|values|varchar|when|where|"
    r"with|array_agg|coalesce|generate_subscripts|lower|now|unnest|upper",
    re.IGNORECASE,
)
"""What stands before a parenthesis and writes nothing, in queries of reflection among others."""

READS_KEPT = 100
"""How many texts of a transaction are remembered that seem to read."""


def only_reads(text: str) -> bool:
    """Whether a text, which is no DML, leaves nothing behind: a function of the program's own may
    write, and SET holds for what comes after it."""
    return bool(QUERY.match(text)) and all(map(HARMLESS.fullmatch, CALL.findall(text)))


APART = "auroradsql_apart"
"""Execution option of a connection, a set of tables and of statements: these statements, and what
reads these tables or the catalog, are transactions of their own where they would begin one. What
comes next begins another, so that each of them is tried again when it meets a conflict."""

_NAME = r'(?:"(?:[^"]|"")*"|[\w$]+)'
READ_FROM = re.compile(rf"\b(?:from|join)\s+(?:lateral\s+)?({_NAME}(?:\.{_NAME})*)?", re.IGNORECASE)
CATALOG = re.compile(r"pg_\w+(?:\.\w+)?|information_schema\.\w+|sys\.\w+", re.IGNORECASE)


def reads_from(text: str, tables: Collection[str]) -> bool:
    """Whether a text only reads, from the catalog or from these tables, and locks nothing."""
    if not only_reads(text) or re.search(r"\bfor\b", text, re.IGNORECASE):
        return False
    found = READ_FROM.findall(text)
    return all(not name or CATALOG.fullmatch(name) or name in tables for name in found)


class Transaction:
    """What a connection's transaction has done so far, as far as it went through SQLAlchemy.

    wrote: it may have written rows. read: the texts that do not look so. failed: the error that
    made the server refuse all but ROLLBACK. statements: how many there were. savepoints: by name,
    statements when it was made. undone: it was rolled back with a nested part, which the program
    has not noticed yet. commits: how many transactions of this connection were committed, which
    clear() leaves alone.
    """

    __slots__ = ("commits", "failed", "read", "savepoints", "statements", "undone", "wrote")

    def __init__(self) -> None:
        self.commits = 0
        self.clear()

    def clear(self) -> None:
        self.wrote = False
        self.read: set[str] = set()
        self.failed: BaseException | None = None
        self.statements = 0
        self.savepoints: dict[str, int] = {}
        self.undone = False

    def has_only_read(self) -> bool:
        """Whether nothing is lost with it; what the driver was told alone is not known."""
        known = self.statements > 0 and len(self.read) < READS_KEPT
        return known and not self.wrote and all(map(only_reads, self.read))


def transaction_of(connection: Any) -> Transaction:
    """Of a connection of the pool, as the dialect is given it."""
    try:
        info = getattr(connection, "info", None)
    except NotImplementedError:  # a connection on its way into the pool
        return Transaction()
    if not isinstance(info, dict):  # a connection of the driver itself: psycopg's has an info too
        return Transaction()
    found = info.get(INFO)
    if found is None:
        found = info[INFO] = Transaction()
    return found


KEPT_LENGTH = 4000
"""Texts up to this length are remembered with what they do."""

_known_kind = lru_cache(maxsize=1000)(libdsql.sql_kind)


def kind_of(context: Any, statement: str) -> int:
    """libdsql.SQL_...; what SQLAlchemy has compiled is known without reading it."""
    if context.isddl:
        return libdsql.SQL_DDL
    if context.isinsert or context.isupdate or context.isdelete:
        return libdsql.SQL_DML
    return (_known_kind if len(statement) <= KEPT_LENGTH else libdsql.sql_kind)(statement)


class BufferedStream(PGExecutionContext):
    """For asyncio's drivers with cursors of the server, which the service lacks: the rows of
    stream() are read at once."""

    def create_server_side_cursor(self) -> Any:
        return self._dbapi_connection.cursor()


class TransactionMixin(PoolMixin):
    """The options of an engine about transactions, and what they do.

    retries: whether a statement that fails with a conflict (40001) is tried again where that
    cannot be noticed, or RetrySettings for it.
    implicit_commit: commit what was written before each DDL statement, instead of refusing it.
    savepoints: "refuse", or "outer": begin_nested() is a part of the outer transaction.
    isolation: "exact", or "stronger": READ COMMITTED, where it is asked for, is REPEATABLE READ.
    """

    connection_characteristics = PGDialect.connection_characteristics.union(
        {"auroradsql_readonly": PGReadOnlyConnectionCharacteristic()}
    )

    unsupported: str
    executemany_is_atomic = True
    """Whether the driver's executemany() in AUTOCOMMIT stores all rows or none."""

    def __init__(
        self,
        retries: bool | RetrySettings = True,
        implicit_commit: bool = False,
        savepoints: str = "refuse",
        isolation: str = "exact",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.retries = TRANSPARENT if retries is True else retries
        self.implicit_commit = implicit_commit
        self.savepoints = _savepoints(savepoints)
        self.isolation = _isolation(isolation)

    def take_transaction_options(self, url: URL) -> URL:
        """Read these options from a URL; returns it without them."""
        query = url.query
        if "retries" in query:
            self.retries = TRANSPARENT if boolean("retries", query["retries"]) else False
        if "implicit_commit" in query:
            self.implicit_commit = boolean("implicit_commit", query["implicit_commit"])
        if "savepoints" in query:
            self.savepoints = _savepoints(query["savepoints"])
        if "isolation" in query:
            self.isolation = _isolation(query["isolation"])
        given: Any = self._on_connect_isolation_level
        if given is not None:
            given = self._level(given)
            self._on_connect_isolation_level = given
        return url.difference_update_query(
            ["retries", "implicit_commit", "savepoints", "isolation"]
        )

    def in_transaction(self, dbapi_connection: Any) -> bool:
        """Whether the server has seen a statement of the transaction that is under way."""
        raise NotImplementedError

    # Statements

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        run = partial(super().do_execute, cursor, statement, parameters, context)
        self._execute(context, statement, run, False)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        run = partial(super().do_execute_no_params, cursor, statement, context)
        self._execute(context, statement, run, False)

    def do_executemany(
        self, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        run = partial(super().do_executemany, cursor, statement, parameters, context)
        self._execute(context, statement, run, True)

    def _execute(
        self, context: Any, statement: str, run: Callable[[], None], several: bool
    ) -> None:
        if context is None:
            return run()
        if statement.startswith(NOT_EMITTED):
            return None
        connection = context.root_connection.connection
        transaction = transaction_of(connection)
        if transaction.undone:
            raise exc.InvalidRequestError(UNDONE)
        kind = kind_of(context, statement)
        begins = not self.in_transaction(connection.dbapi_connection)
        if begins and not transaction.savepoints:
            transaction.clear()
        elif kind & libdsql.SQL_DDL and transaction.wrote:
            if not self.implicit_commit:
                raise exc.InvalidRequestError(ROWS_WAIT)
            self.do_commit(connection)
            begins = True
        autocommit = bool(getattr(connection.dbapi_connection, "autocommit", False))
        if (kind and autocommit and begins) or kind & libdsql.SQL_CONTROL:
            # Many rows may take several statements: the first one has noted what was before.
            before = vars(context).setdefault("auroradsql_commits", transaction.commits)
            part = autocommit and (
                transaction.commits != before or (several and not self.executemany_is_atomic)
            )
            run = partial(self._committing, transaction, run, part)
        # A transaction of Aurora DSQL has room for one DDL statement and nothing else.
        implicit = context.execution_options.get(COMMITS, self.implicit_commit)
        commits = context.isddl or (implicit and kind & libdsql.SQL_DDL)
        apart = context.execution_options.get(APART)
        if apart is not None and begins and not (autocommit or transaction.savepoints):
            commits = commits or statement in apart or (not kind and reads_from(statement, apart))
        once = kind & (libdsql.SQL_CONTROL | libdsql.SQL_SEVERAL) or (several and autocommit)
        # Whatever a transaction has only read is no loss to a DDL statement, which ends it.
        alone = begins or (commits and transaction.has_only_read())
        transaction.statements += 1
        if kind & libdsql.SQL_DML:
            transaction.wrote = True
        elif not kind and len(transaction.read) < READS_KEPT:
            transaction.read.add(statement)
        self._run(
            connection, run, bool(commits), bool(alone and not once), self._spared(statement, kind)
        )
        return None

    def _spared(self, statement: str, kind: int) -> str:
        """The statement, if it may be left out where the server refuses it: it makes an index that
        no result depends on."""
        spared = self.unsupported == "omit" and kind & libdsql.SQL_DDL and INDEX.match(statement)
        return statement if spared else ""

    def _committing(
        self, transaction: Transaction, run: Callable[[], None], part: bool = False
    ) -> None:
        """Run what commits, or holds a COMMIT. part: when it fails, others may be committed that
        belong to it."""
        try:
            run()
        except BaseException as error:
            setattr(error, retry.MARK, True)
            setattr(error, retry.PART, part)
            raise
        transaction.commits += 1

    def _run(
        self,
        connection: Any,
        run: Callable[[], None],
        commits: bool,
        repeatable: bool,
        spared: str = "",
    ) -> None:
        """Run a statement; again, when it met a conflict and nothing else would be repeated."""
        tries: Tries | None = None
        while True:
            try:
                run()
                if commits:
                    self.do_commit(connection)
                return
            except self.loaded_dbapi.Error as error:
                self._note(connection, error)
                if spared and repeatable and sqlstate(error) == NOT_SUPPORTED:
                    warn(f"{str(error).splitlines()[0]}: {spared} is left out")
                    return self.do_rollback(connection)
                explain(error)
                if not repeatable or not self.retries or not libdsql.is_retryable(sqlstate(error)):
                    raise
                tries = tries or Tries(self.retries, "a statement")
                wait = tries.again(error)
                if wait is None:
                    raise
            transaction = transaction_of(connection)
            kept = transaction.wrote, transaction.statements, transaction.savepoints
            self.do_rollback(connection)
            transaction.wrote, transaction.statements, transaction.savepoints = kept
            retry.pause(self, wait)

    def _note(self, connection: Any, error: BaseException) -> None:
        """Remember that the transaction has failed, unless the error is the driver's own."""
        if sqlstate(error) is not None and not getattr(error, retry.MARK, False):
            transaction_of(connection).failed = error

    # The ends of transactions

    def do_commit(self, dbapi_connection: Any) -> None:
        transaction = transaction_of(dbapi_connection)
        if transaction.undone:
            raise exc.InvalidRequestError(UNDONE)
        commit = partial(super().do_commit, dbapi_connection)
        # Where the server has closed the connection already, no driver sends the COMMIT.
        sent = self.is_open(getattr(dbapi_connection, "dbapi_connection", dbapi_connection))
        try:
            if sent:
                self._committing(transaction, commit)
            else:
                commit()
        except BaseException as error:
            explain(error)
            raise
        finally:
            transaction.clear()

    def do_rollback(self, dbapi_connection: Any) -> None:
        transaction_of(dbapi_connection).clear()
        super().do_rollback(dbapi_connection)

    # Savepoints, which the service does not have

    def do_savepoint(self, connection: Connection, name: str) -> None:
        if self.savepoints != "outer":
            raise exc.InvalidRequestError(NO_SAVEPOINTS)
        transaction = transaction_of(connection.connection)
        if transaction.undone:
            raise exc.InvalidRequestError(UNDONE)
        if not self.in_transaction(connection.connection.dbapi_connection):
            transaction.clear()
        transaction.savepoints[name] = transaction.statements

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        transaction_of(connection.connection).savepoints.pop(name, None)

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        transaction = transaction_of(connection.connection)
        before = transaction.savepoints.pop(name, 0)
        undone = transaction.undone or 0 < before < transaction.statements
        if before == transaction.statements:
            return  # it has done nothing
        outer = {name: 0 for name in transaction.savepoints}
        self.do_rollback(connection.connection)
        transaction.savepoints = outer
        transaction.undone = undone

    def do_begin_twophase(self, connection: Connection, xid: Any) -> None:
        raise exc.InvalidRequestError(
            "Aurora DSQL has no two-phase transactions: leave out twophase and begin_twophase()"
        )

    # Isolation

    def _level(self, level: str) -> str:
        """The level that a program gets which asks for this one; ArgumentError for none."""
        levels = self.get_isolation_level_values(None)
        wanted = level.replace("_", " ").upper()
        if wanted in levels:
            return wanted
        advice = "leave isolation_level out"
        if wanted in WEAKER:
            if self.isolation == "stronger":
                return "REPEATABLE READ"
            advice += ", or give isolation='stronger' to create_engine(), which takes it for more"
        raise exc.ArgumentError(  # SQLAlchemy's own sentence, and what to do
            f"Invalid value '{level}' for isolation_level. Valid isolation levels for "
            f"'{self.name}' are {', '.join(levels)}: {advice}, and read rows "
            "that a decision depends on with with_for_update()"
        )

    def _assert_and_set_isolation_level(self, dbapi_conn: Any, level: Any) -> None:
        super()._assert_and_set_isolation_level(dbapi_conn, self._level(level))


def _savepoints(value: Any) -> str:
    return choice("savepoints", value, ("refuse", "outer"))


def _isolation(value: Any) -> str:
    return choice("isolation", value, ("exact", "stronger"))
