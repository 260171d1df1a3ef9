# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Aurora DSQL through psycopg2: auroradsql+psycopg2://."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql.psycopg2 import EXECUTEMANY_VALUES, PGDialect_psycopg2

from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect, import_driver
from aurora_dsql_sqlalchemy.types import whole_numbers

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

OWN_OPTIONS = ("connection_factory", "cursor_factory")
"""What psycopg2.connect() keeps for itself; the rest is for libpq."""


class AuroraDSQLDialect_psycopg2(AuroraDSQLDialect, PGDialect_psycopg2):
    driver = "psycopg2"
    supports_statement_cache = True
    colspecs = {  # noqa: RUF012
        **PGDialect_psycopg2.colspecs,
        **whole_numbers(PGDialect_psycopg2.colspecs),
    }
    executemany_is_atomic = False  # it sends pages

    @classmethod
    def import_dbapi(cls) -> Any:
        return import_driver("psycopg2")

    def is_driver_option(self, name: str) -> bool:
        if name in OWN_OPTIONS:
            return True
        try:
            self._psycopg2_extensions.parse_dsn(f"{name}=x")
        except self.loaded_dbapi.ProgrammingError:
            return False
        return True

    def libpq_version(self) -> int:
        return int(self._psycopg2_extensions.libpq_version())

    def initialize(self, connection: Connection) -> None:
        super().initialize(connection)
        self.supports_sane_multi_rowcount = self.executemany_mode is EXECUTEMANY_VALUES

    def socket_of(self, dbapi_connection: Any) -> int:
        return int(dbapi_connection.fileno())

    def read_waiting(self, dbapi_connection: Any) -> None:
        dbapi_connection.poll()

    def in_transaction(self, dbapi_connection: Any) -> bool:
        return int(dbapi_connection.get_transaction_status()) != 0

    @property
    def _isolation_lookup(self) -> dict[str, Any]:
        # The service has one level. psycopg2 would ask for it by name with a SET that is refused.
        return {
            "AUTOCOMMIT": self._psycopg2_extensions.ISOLATION_LEVEL_AUTOCOMMIT,
            "REPEATABLE READ": None,
        }

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        dbapi_connection: Any = connection.connection.dbapi_connection
        number: int = dbapi_connection.server_version
        return divmod(number, 10000)


dialect = AuroraDSQLDialect_psycopg2
