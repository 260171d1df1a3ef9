# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""postgresql+auroradsql://, for programs that look at the name of the database.

Some take only URLs that begin with ``postgresql``, or do something for it alone, as an upsert. The
dialect is the one of auroradsql+libdsql://; its name is ``postgresql`` for whoever compares it.
Those that give options of their driver as well have postgresql+auroradsql_psycopg:// and so on.
"""

# SQLAlchemy's PostgreSQL dialect has few types.
# mypy: disable-error-code="misc"

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_dsql_sqlalchemy.asyncpg import AuroraDSQLDialect_asyncpg
from aurora_dsql_sqlalchemy.decorators import PostgreSQLName
from aurora_dsql_sqlalchemy.libdsql import (
    AuroraDSQLDialect_libdsql,
    AuroraDSQLDialectAsync_libdsql,
)
from aurora_dsql_sqlalchemy.options import FALLBACK, NAME
from aurora_dsql_sqlalchemy.psycopg import (
    AuroraDSQLDialect_psycopg,
    AuroraDSQLDialectAsync_psycopg,
)
from aurora_dsql_sqlalchemy.psycopg2 import AuroraDSQLDialect_psycopg2

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


class _OwnName(PostgreSQLName):
    """The same, found in dictionaries under our name: SQLAlchemy and Alembic have them."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(NAME)


class Libdsql(AuroraDSQLDialect_libdsql):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[LibdsqlAsync]:
        return LibdsqlAsync


class LibdsqlAsync(AuroraDSQLDialectAsync_libdsql):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True


class Psycopg(AuroraDSQLDialect_psycopg):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[PsycopgAsync]:
        return PsycopgAsync


class PsycopgAsync(AuroraDSQLDialectAsync_psycopg):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True


class Psycopg2(AuroraDSQLDialect_psycopg2):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True


class Asyncpg(AuroraDSQLDialect_asyncpg):
    name = _OwnName(FALLBACK)
    supports_statement_cache = True
