# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""postgresql+auroradsql://, for programs that look at the name of the database.

Some take only URLs that begin with ``postgresql``, or do something for it alone, as an upsert. The
dialect is the one of auroradsql+libdsql://; its name is ``postgresql`` for whoever compares it.
"""

# SQLAlchemy's PostgreSQL dialect has few types.
# mypy: disable-error-code="misc"

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_dsql_sqlalchemy.decorators import PostgreSQLName
from aurora_dsql_sqlalchemy.libdsql import (
    AuroraDSQLDialect_libdsql,
    AuroraDSQLDialectAsync_libdsql,
)
from aurora_dsql_sqlalchemy.options import FALLBACK, NAME

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


class _OwnName(PostgreSQLName):
    """The same, found in dictionaries under our name: SQLAlchemy and Alembic have them."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(NAME)


class AuroraDSQLDialect_as_postgresql(AuroraDSQLDialect_libdsql):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[AuroraDSQLDialectAsync_as_postgresql]:
        return AuroraDSQLDialectAsync_as_postgresql


class AuroraDSQLDialectAsync_as_postgresql(AuroraDSQLDialectAsync_libdsql):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True
