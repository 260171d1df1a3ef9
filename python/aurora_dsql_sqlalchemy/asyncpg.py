# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Aurora DSQL through asyncpg: auroradsql+asyncpg://, for create_async_engine().

asyncpg has its own names for what libpq calls sslmode, sslrootcert, hostaddr and options. Here the
latter are taken, as with every other driver, and made into a TLS context and server_settings.
"""

# Neither asyncpg nor SQLAlchemy's dialect for it has types.
# mypy: disable-error-code="no-untyped-call, misc, import-untyped, has-type"

from __future__ import annotations

import asyncio
import inspect
import os
import ssl
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import libdsql
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_dbapi,
    PGDialect_asyncpg,
    PGExecutionContext_asyncpg,
)
from sqlalchemy.util import await_only

from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect, import_driver
from aurora_dsql_sqlalchemy.connect import DIRECT_TLS_LIBPQ, from_texts
from aurora_dsql_sqlalchemy.execution import BufferedStream

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

TRIES = 5
"""Of what is asked when a connection is set up, which may meet a conflict."""

OURS = {"dbname", "hostaddr", "sslmode", "sslrootcert", "sslnegotiation"}
OURS |= {"application_name", "options"}
SQLALCHEMYS = {
    "prepared_statement_cache_size": 100,
    "prepared_statement_name_func": None,
    "async_creator_fn": None,
}
NOT_TAKEN = {"dsn", "database", "passfile", "service", "servicefile", "ssl", "direct_tls"}
NOT_TAKEN |= {"target_session_attrs", "krbsrvname", "gsslib", "loop", "password"}


@lru_cache(maxsize=1)
def _driver_defaults() -> dict[str, Any]:
    import asyncpg

    parameters = inspect.signature(asyncpg.connect).parameters.values()
    own = {item.name: item.default for item in parameters if item.name not in NOT_TAKEN}
    return {**own, **SQLALCHEMYS}


@lru_cache(maxsize=1)
def connection_class() -> type[Any]:
    """asyncpg's Connection, told what the service does not have: it would send SQL for it."""
    import asyncpg

    class Connection(asyncpg.Connection):
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            # Unknown types are looked up behind a set_config('jit', …), which is refused.
            self._server_caps = self._server_caps._replace(jit=False)

        def get_reset_query(self) -> str:
            return "RESET ALL;"

    return Connection


class _SSLObject(ssl.SSLObject):
    """TLS that ends when we have said so, as with libpq: asyncio would wait for the server to
    say it too, and a program that ends before that would leave the socket open."""

    def unwrap(self) -> None:
        with suppress(ssl.SSLWantReadError):
            super().unwrap()


class _Context(ssl.SSLContext):
    """A TLS context that knows the name of the server, whatever address is connected to."""

    name: str
    sslobject_class = _SSLObject

    def wrap_bio(  # type: ignore[override]
        self, incoming: Any, outgoing: Any, server_side: bool = False, **keywords: Any
    ) -> ssl.SSLObject:
        keywords["server_hostname"] = self.name
        return super().wrap_bio(incoming, outgoing, server_side, **keywords)


@lru_cache(maxsize=16)
def _context(name: str, mode: str, authorities: str, changed: int) -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.name = name
    context.check_hostname = mode == "verify-full"
    context.load_verify_locations(authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["postgresql"])
    return context


def tls_context(name: str, mode: str, authorities: str) -> ssl.SSLContext:
    """A context for a server of this name; reading the machine's authorities costs 10 ms, so
    it is made anew only when their file has changed."""
    return _context(name, mode, authorities, os.stat(authorities).st_mtime_ns)


class AdaptedModule(AsyncAdapt_asyncpg_dbapi):
    """SQLAlchemy's, with the classes of PEP 249 for all kinds of errors."""

    def connect(self, *arguments: Any, **keywords: Any) -> Any:
        try:
            connection = super().connect(*arguments, **keywords)
        except (OSError, asyncio.TimeoutError, self.asyncpg.PostgresError, self.Error) as error:
            # SQLAlchemy 2.1 has its own class around it, and in that the hint is missing.
            said = error.__cause__ if isinstance(error, self.Error) else error
            if not isinstance(said, (OSError, asyncio.TimeoutError, self.asyncpg.PostgresError)):
                raise
            refused = self.OperationalError(str(said) or "the connection timed out")
            refused.sqlstate = refused.pgcode = getattr(said, "sqlstate", None)
            raise refused from said
        # SQLAlchemy 2.0.0 would begin with READ COMMITTED, which is refused.
        connection.isolation_level = connection._isolation_setting = None
        return connection

    @cached_property
    def _asyncpg_error_translate(self) -> dict[type[Exception], type[Exception]]:
        from asyncpg import exceptions

        return {
            **super()._asyncpg_error_translate,
            exceptions.DataError: self.DataError,
            exceptions.FeatureNotSupportedError: self.NotSupportedError,
            exceptions.InsufficientResourcesError: self.OperationalError,
            exceptions.InternalClientError: self.OperationalError,  # also after a last word
            exceptions.OperatorInterventionError: self.OperationalError,
            exceptions.PostgresConnectionError: self.OperationalError,
            exceptions.ProgramLimitExceededError: self.OperationalError,
            exceptions.TransactionRollbackError: self.OperationalError,
        }


class StreamingContext(BufferedStream, PGExecutionContext_asyncpg):
    pass


class AuroraDSQLDialect_asyncpg(AuroraDSQLDialect, PGDialect_asyncpg):
    driver = "asyncpg"
    supports_statement_cache = True
    supports_server_side_cursors = True
    execution_ctx_cls = StreamingContext

    @classmethod
    def import_dbapi(cls) -> Any:
        return AdaptedModule(import_driver("asyncpg"))

    def is_driver_option(self, name: str) -> bool:
        return name in OURS or name in _driver_defaults()

    def libpq_version(self) -> int:
        return DIRECT_TLS_LIBPQ  # it can begin with TLS

    def url_arguments(self, url: URL) -> dict[str, Any]:
        given = {**url.translate_connect_args(username="user", database="dbname"), **url.query}
        return from_texts(given, _driver_defaults())

    def to_driver(self, arguments: dict[str, Any]) -> None:
        server_settings = dict(arguments.pop("server_settings", None) or {})
        for name in ("application_name", "options"):
            if name in arguments:
                server_settings[name] = arguments.pop(name)
        arguments["server_settings"] = server_settings
        arguments["database"] = arguments.pop("dbname")
        arguments["direct_tls"] = arguments.pop("sslnegotiation") == "direct"
        name, mode = arguments["host"], arguments.pop("sslmode")
        authorities = arguments.pop("sslrootcert")
        try:
            arguments["ssl"] = tls_context(name, mode, authorities)
        except OSError as error:
            said = f'root certificate file "{authorities}" cannot be read: {error}'
            raise self.loaded_dbapi.OperationalError(said) from error
        arguments["host"] = arguments.pop("hostaddr", name)
        arguments.setdefault("connection_class", connection_class())

    def on_connect(self) -> Any:
        """What is set up on each connection: an asyncpg before 0.30 asks the server for types."""
        set_up = super().on_connect()

        def connect(connection: Any) -> None:
            for left in reversed(range(TRIES)):
                try:
                    return set_up(connection)  # type: ignore[no-any-return]
                except self.loaded_dbapi.asyncpg.PostgresError as error:
                    if not left or not libdsql.is_retryable(error.sqlstate):
                        failed: Any = self.loaded_dbapi.OperationalError(str(error))
                        failed.sqlstate = failed.pgcode = error.sqlstate
                        failed.connection_lost = self.is_closed(connection)
                        raise failed from error

        return connect

    def socket_of(self, dbapi_connection: Any) -> int:
        found = dbapi_connection.driver_connection._transport.get_extra_info("socket")
        return -1 if found is None else int(found.fileno())  # None: the loop has lost it

    def read_waiting(self, dbapi_connection: Any) -> None:
        await_only(asyncio.sleep(0))  # the loop reads

    def is_closed(self, dbapi_connection: Any) -> bool:
        return bool(dbapi_connection.driver_connection.is_closed())

    def in_transaction(self, dbapi_connection: Any) -> bool:
        return bool(dbapi_connection.driver_connection.is_in_transaction())

    @property
    def _isolation_lookup(self) -> dict[str, Any]:
        # The service has one level: to ask for it by name is needless.
        return {"AUTOCOMMIT": "autocommit", "REPEATABLE READ": None}

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        driver_connection: Any = connection.connection.driver_connection
        version = driver_connection.get_server_version()
        return (version.major, version.minor)


dialect = AuroraDSQLDialect_asyncpg
