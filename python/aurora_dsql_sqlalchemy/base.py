# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What is the same for every driver: options, signing in, the first connection."""

# SQLAlchemy's PostgreSQL dialect has few types; its methods are called and overridden here.
# mypy: disable-error-code="no-untyped-call, override, misc"

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import libdsql
from libdsql import local
from libdsql.credentials import asks_outside
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import await_only

from aurora_dsql_sqlalchemy.connect import advice, boolean, check, choice, driver_arguments
from aurora_dsql_sqlalchemy.creating import RunningDDL, seconds
from aurora_dsql_sqlalchemy.ddl import SEQUENCE_CACHE, AuroraDSQLDDLCompiler, sequence_cache_of
from aurora_dsql_sqlalchemy.execution import TransactionMixin
from aurora_dsql_sqlalchemy.keys import make_keys
from aurora_dsql_sqlalchemy.pooling import watch_connections
from aurora_dsql_sqlalchemy.postgresql import PostgreSQLNames
from aurora_dsql_sqlalchemy.reflection import Reflection
from aurora_dsql_sqlalchemy.registration import register_with_alembic

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine


def unsupported_of(word: Any) -> str:
    return choice("unsupported", word, ("refuse", "omit"))


URL_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "foreign_keys": partial(boolean, "foreign_keys"),
    "sequence_cache": sequence_cache_of,
    "unsupported": unsupported_of,
    "alter_by_copy": partial(boolean, "alter_by_copy"),
    "wait_for_jobs": seconds,
}
"""What a URL may say instead of create_engine(), and how its text is read."""


def _leave_frames(error: BaseException | None) -> None:
    """Take from an error, and those that it comes from, the driver's frames, whose variables hold
    the token."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__


class AuroraDSQLDialect(RunningDDL, TransactionMixin, Reflection, PostgreSQLNames):
    """PostgreSQL's dialect, fitted to Aurora DSQL; each driver has a class of its own below it.

    connect_args: as in create_engine(); taken here, so that wrong names are refused at once.
    foreign_keys: whether foreign keys of the metadata are created in the database.
    sequence_cache: values of an identity or a sequence that a session takes at once, where the
        model does not say: with 1 keys grow from row to row, with 65536 from session to session.
    unsupported: "refuse", or "omit": leave out of tables and indexes, with a warning, what the
        service lacks and no result depends on.
    alter_by_copy: Alembic's operations that the service lacks copy their table, as within
        batch_alter_table(), for migrations that cannot be changed.
    """

    name = "auroradsql"
    default_schema_name = "public"
    ddl_compiler = AuroraDSQLDDLCompiler
    supports_statement_cache = True

    # Aurora DSQL has no CREATE TYPE, no virtual columns, no cursors on the server, and builds
    # indexes in the background without CONCURRENTLY.
    supports_native_enum = False
    supports_virtual_generated_columns = False
    supports_server_side_cursors = False
    _backslash_escapes = False  # standard_conforming_strings cannot be turned off
    _supports_create_index_concurrently = False
    _supports_drop_index_concurrently = False

    def __init__(
        self,
        connect_args: Mapping[str, Any] | None = None,
        foreign_keys: bool = False,
        sequence_cache: int = SEQUENCE_CACHE,
        unsupported: str = "refuse",
        alter_by_copy: bool = False,
        **kwargs: Any,
    ) -> None:
        # Looking for the hstore type takes a query, and with psycopg a SAVEPOINT.
        kwargs.setdefault("use_native_hstore", False)
        super().__init__(**kwargs)
        self.connect_args = dict(connect_args or {})
        self.foreign_keys = foreign_keys
        self.sequence_cache = sequence_cache_of(sequence_cache)
        self.unsupported = unsupported_of(unsupported)
        self.alter_by_copy = alter_by_copy

    # Connecting

    def is_driver_option(self, name: str) -> bool:
        """Whether the driver's connect() knows a parameter of this name."""
        raise NotImplementedError

    def libpq_version(self) -> int:
        """The version of the driver's libpq as a number, 170002 for 17.2."""
        raise NotImplementedError

    def url_arguments(self, url: URL) -> dict[str, Any]:
        """What a URL says, by libpq's names, and what SQLAlchemy's dialect adds to it."""
        _, arguments = super().create_connect_args(url)
        return dict(arguments)

    def create_connect_args(self, url: URL) -> Any:
        for name, read in URL_OPTIONS.items():
            if name in url.query:
                setattr(self, name, read(url.query[name]))
        url = url.difference_update_query(list(URL_OPTIONS))
        url = self.take_transaction_options(url)
        given = {**self.url_arguments(url), **self.connect_args}
        context = {"context": given.pop("context")} if "context" in given else {}
        checked = check(given, self.driver, self.is_driver_option, self.libpq_version())
        return [], {**checked, **context}

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        return self.sign_in(cparams, lambda: self._connect_once(cparams))

    def _connect_once(self, cparams: dict[str, Any]) -> Any:
        try:
            if libdsql.local.is_local(cparams.get("host")):
                return self._connect_local(cparams)
            arguments = self._driver_arguments(cparams)
        except libdsql.Error as error:
            raise self.loaded_dbapi.OperationalError(str(error)) from error
        return self._connect_driver(arguments)

    def _driver_arguments(
        self, cparams: dict[str, Any], endpoint: local.LocalEndpoint | None = None
    ) -> dict[str, Any]:
        if self.is_async and asks_outside(cparams.get("host"), cparams):
            return await_only(asyncio.to_thread(driver_arguments, cparams, endpoint))
        return driver_arguments(cparams, endpoint)

    def _connect_local(self, cparams: dict[str, Any]) -> Any:
        """Connect to the user's own endpoint; it may have ended since we last heard of it."""
        endpoint = self._local_endpoint()
        try:
            return self._connect_driver(self._driver_arguments(cparams, endpoint))
        except self.loaded_dbapi.OperationalError:
            renewed = self._local_endpoint(again=True)
            if renewed == endpoint:
                raise
        return self._connect_driver(self._driver_arguments(cparams, renewed))

    def _local_endpoint(self, again: bool = False) -> local.LocalEndpoint:
        if self.is_async:  # it may have to be started, which takes a second
            return await_only(asyncio.to_thread(local.endpoint, again=again))
        return local.endpoint(again=again)

    def to_driver(self, arguments: dict[str, Any]) -> None:
        """Change arguments with libpq's names, in place, into those of the driver's connect()."""

    def _connect_driver(self, arguments: dict[str, Any]) -> Any:
        try:
            self.to_driver(arguments)
            return super().connect(**arguments)
        except self.loaded_dbapi.Error as error:
            sentence = advice(str(error))
            if sentence:
                error.args = (f"{str(error).rstrip()}\n{sentence}", *error.args[1:])
            _leave_frames(error)
            raise error
        finally:
            arguments.clear()  # no frame of a traceback is to show the token

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        super().engine_created(engine)
        watch_connections(engine)
        make_keys(engine)

    # The first connection

    def initialize(self, connection: Connection) -> None:
        """Learn what the server is: one query, the name of the schema that is ours by default.

        PGDialect would ask for settings that have one value only in Aurora DSQL.
        """
        DefaultDialect.initialize(self, connection)

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        return "REPEATABLE READ"

    def get_isolation_level_values(self, dbapi_conn: Any) -> Any:
        return ("REPEATABLE READ", "AUTOCOMMIT")


def import_driver(name: str) -> Any:
    """Import a driver, or say how to install it."""
    try:
        return __import__(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ModuleNotFoundError(
            f'the driver {name} is not installed: pip install "aurora-dsql-sqlalchemy[{name}]"',
            name=name,
        ) from error


register_with_alembic()
