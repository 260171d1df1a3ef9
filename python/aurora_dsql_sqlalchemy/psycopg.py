# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Aurora DSQL with psycopg 3: auroradsql+psycopg://."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect


class AuroraDSQLDialect_psycopg(AuroraDSQLDialect, PGDialect_psycopg):
    driver = "psycopg"
    supports_statement_cache = True
    driver_keywords = frozenset(
        {"autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory"}
    )

    def libpq_version(self) -> int:
        from psycopg import pq

        return pq.version()

    def knows_option(self, name: str) -> bool:
        from psycopg import pq

        known = {row.keyword.decode() for row in pq.Conninfo.get_defaults()}
        return name in known or name in self.driver_keywords

    def server_version_number(self, dbapi_connection: Any) -> int:
        return int(dbapi_connection.info.server_version)


dialect = AuroraDSQLDialect_psycopg
