# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Aurora DSQL with psycopg2: auroradsql+psycopg2://."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect


class AuroraDSQLDialect_psycopg2(AuroraDSQLDialect, PGDialect_psycopg2):
    driver = "psycopg2"
    supports_statement_cache = True
    driver_keywords = frozenset({"connection_factory", "cursor_factory"})

    def libpq_version(self) -> int:
        from psycopg2 import extensions

        return int(extensions.libpq_version())

    def knows_option(self, name: str) -> bool:
        from psycopg2 import ProgrammingError, extensions

        if name in self.driver_keywords:
            return True
        try:
            extensions.parse_dsn(f"{name}=''")
        except ProgrammingError:
            return False
        return True

    def server_version_number(self, dbapi_connection: Any) -> int:
        return int(dbapi_connection.server_version)


dialect = AuroraDSQLDialect_psycopg2
