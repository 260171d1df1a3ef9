# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Aurora DSQL through psycopg 3: auroradsql+psycopg://, for programs with and without asyncio."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql.psycopg import (
    PGDialect_psycopg,
    PGDialectAsync_psycopg,
    PGExecutionContext_psycopg,
)

from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect, import_driver
from aurora_dsql_sqlalchemy.execution import BufferedStream
from aurora_dsql_sqlalchemy.types import whole_numbers

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection


@lru_cache(maxsize=1)
def _driver_options() -> frozenset[str]:
    import psycopg

    libpq = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    own = set(inspect.signature(psycopg.Connection.connect).parameters)
    return frozenset(libpq | own - {"conninfo", "kwargs"})


class AuroraDSQLDialect_psycopg(AuroraDSQLDialect, PGDialect_psycopg):
    driver = "psycopg"
    supports_statement_cache = True
    colspecs = {  # noqa: RUF012
        **PGDialect_psycopg.colspecs,
        **whole_numbers(PGDialect_psycopg.colspecs),
    }
    executemany_is_atomic = False  # with a libpq without pipelines

    @classmethod
    def import_dbapi(cls) -> Any:
        return import_driver("psycopg")

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[AuroraDSQLDialectAsync_psycopg]:
        return AuroraDSQLDialectAsync_psycopg

    def is_driver_option(self, name: str) -> bool:
        return name in _driver_options()

    def libpq_version(self) -> int:
        return int(self.loaded_dbapi.pq.version())

    def socket_of(self, dbapi_connection: Any) -> int:
        return int(self._libpq(dbapi_connection).socket)

    def read_waiting(self, dbapi_connection: Any) -> None:
        self._libpq(dbapi_connection).consume_input()

    def _libpq(self, dbapi_connection: Any) -> Any:
        """libpq's connection; asyncio's is within an adapter."""
        return getattr(dbapi_connection, "driver_connection", dbapi_connection).pgconn

    def in_transaction(self, dbapi_connection: Any) -> bool:
        return int(dbapi_connection.info.transaction_status) != 0

    @property
    def _isolation_lookup(self) -> dict[str, Any]:
        # The service has one level: to ask for it by name is needless.
        return {"REPEATABLE READ": None}

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        dbapi_connection: Any = connection.connection.dbapi_connection
        number: int = dbapi_connection.info.server_version
        return divmod(number, 10000)


class StreamingContext(BufferedStream, PGExecutionContext_psycopg):
    pass


class AuroraDSQLDialectAsync_psycopg(AuroraDSQLDialect_psycopg, PGDialectAsync_psycopg):
    supports_statement_cache = True
    supports_server_side_cursors = True
    execution_ctx_cls = StreamingContext

    @classmethod
    def import_dbapi(cls) -> Any:
        import_driver("psycopg")
        return PGDialectAsync_psycopg.import_dbapi()  # type: ignore[no-untyped-call]


dialect = AuroraDSQLDialect_psycopg
