# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What the dialect is with every driver."""

from __future__ import annotations

import random
import time
from typing import Any, ClassVar

from sqlalchemy import event
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DisconnectionError

from aurora_dsql_sqlalchemy.connect import Connector, advice, check_options
from aurora_dsql_sqlalchemy.ddl import AuroraDSQLDDLCompiler

#: The service ends a connection after 60 minutes; we retire it before that, at a
#: time of its own, so that a pool does not connect anew all at once.
CONNECTION_SECONDS = 3300
CONNECTION_JITTER = 0.1

_RETIRE_AT = "auroradsql_retire_at"


def _set_retirement(dbapi_connection: Any, record: Any) -> None:
    jitter = random.uniform(0, CONNECTION_SECONDS * CONNECTION_JITTER)
    record.info[_RETIRE_AT] = time.monotonic() + CONNECTION_SECONDS - jitter


def _retire(dbapi_connection: Any, record: Any, proxy: Any) -> None:
    if time.monotonic() >= record.info.get(_RETIRE_AT, float("inf")):
        raise DisconnectionError("the connection nears its limit of 60 minutes")


class AuroraDSQLDialect(PGDialect):
    """Aurora DSQL, whatever the driver; the driver's class comes behind it."""

    name = "auroradsql"
    default_schema_name = "public"
    ddl_compiler = AuroraDSQLDDLCompiler
    supports_statement_cache = True
    supports_native_enum = False  # dsql-rules.md#statements: no CREATE TYPE
    supports_identity_columns = True
    supports_sequences = True

    #: Keywords that the driver's connect() has beyond libpq's.
    driver_keywords: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, foreign_keys: bool = False, **kwargs: Any) -> None:
        """foreign_keys: emit them, in CREATE TABLE and by ALTER TABLE; by default a
        model's foreign keys are left out, as programs for the service expect."""
        kwargs.setdefault("use_native_hstore", False)  # its probe needs a SAVEPOINT
        super().__init__(**kwargs)
        self.foreign_keys = foreign_keys
        self.supports_alter = foreign_keys

    # -- connecting ------------------------------------------------------------

    def libpq_version(self) -> int:
        """The version of the libpq that the driver uses, as 170002."""
        raise NotImplementedError

    def knows_option(self, name: str) -> bool:
        """Whether the driver's connect() takes this keyword."""
        raise NotImplementedError

    def check_options(self, options: dict[str, Any]) -> None:
        check_options(options, self.knows_option, self.driver)

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        options: dict[str, Any] = {}
        for name, value in url.query.items():
            if not isinstance(value, str):
                raise ArgumentError(f"the option {name!r} stands more than once in the URL")
            options[name] = value
        if url.password is not None:
            options["password"] = ""
        self.check_options(options)
        places = {
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "dbname": url.database,
        }
        options.update({name: value for name, value in places.items() if value is not None})
        return [], options

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        self.check_options(cparams)
        connector = Connector(cparams, self.driver, self.libpq_version())
        try:
            return self._connect(connector, cargs)
        except self.loaded_dbapi.OperationalError:
            if not connector.is_local:
                raise
        return self._connect(connector, cargs, again=True)

    def _connect(self, connector: Connector, cargs: Any, *, again: bool = False) -> Any:
        arguments = connector.arguments(again=again)
        try:
            return super().connect(*cargs, **arguments)
        except self.loaded_dbapi.OperationalError as error:
            hint = advice(str(error), arguments.get("sslrootcert"))
            if hint is None:
                raise
            raise type(error)(f"{str(error).rstrip()}\n{hint}") from None

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        event.listen(engine.pool, "connect", _set_retirement)
        event.listen(engine.pool, "checkout", _retire)

    # -- what need not be asked --------------------------------------------------

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        number = self.server_version_number(connection.connection.dbapi_connection)
        return divmod(number, 10000)

    def server_version_number(self, dbapi_connection: Any) -> int:
        """As 160015, from what the server said at connect."""
        raise NotImplementedError

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:
        return "REPEATABLE READ"

    def get_isolation_level_values(self, dbapi_conn: Any) -> Any:
        return ("REPEATABLE READ", "AUTOCOMMIT")

    # -- statements ------------------------------------------------------------

    def do_execute(
        self, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        super().do_execute(cursor, statement, parameters, context)
        self._end_ddl(cursor, context)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        super().do_execute_no_params(cursor, statement, context)
        self._end_ddl(cursor, context)

    def _end_ddl(self, cursor: Any, context: Any) -> None:
        """A transaction holds one DDL statement at the most. It never holds rows
        as well: the service refuses the mixture before we get here."""
        if context is not None and context.isddl:
            cursor.connection.commit()

    # -- reflection --------------------------------------------------------------

    def get_multi_indexes(self, *args: Any, **kw: Any) -> Any:
        for key, indexes in super().get_multi_indexes(*args, **kw):
            for index in indexes:
                options = index.get("dialect_options", {})
                if options.get("postgresql_using") == "btree_index":
                    del options["postgresql_using"]  # the service's only method
            yield key, indexes
