# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Types: those of other databases under their names here, and those no column or key can have."""

# SQLAlchemy's type compiler has few types.
# mypy: disable-error-code="no-untyped-call, no-any-return"

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.dialects.postgresql.ranges import AbstractRange
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import immutabledict

from aurora_dsql_sqlalchemy.options import FALLBACK, NAME, refuse

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Dialect

CITEXT: Any = getattr(postgresql, "CITEXT", postgresql.TSVECTOR)
"""SQLAlchemy has it from 2.0.7."""

NO_COLUMN: tuple[tuple[type[Any], str], ...] = (
    (types.ARRAY, "use JSONB, or a table with a row for each element"),
    (AbstractRange, "use two columns, for the lower and the upper bound"),
    (postgresql.HSTORE, "use JSONB"),
    (postgresql.INET, "use String(43)"),
    (postgresql.CIDR, "use String(43)"),
    (postgresql.MACADDR, "use String(17)"),
    (postgresql.MACADDR8, "use String(23)"),
    (postgresql.BIT, "use Boolean, BigInteger or LargeBinary"),
    (postgresql.MONEY, "use Numeric(18, 2)"),
    (postgresql.TSVECTOR, "use Text"),
    (CITEXT, "use String, and an index on func.lower() of the column"),
    (postgresql.TSQUERY, "use Text"),
    (postgresql.OID, "use BigInteger"),
    (postgresql.REGCLASS, "use String"),
    (postgresql.REGCONFIG, "use String"),
)
"""Types of PostgreSQL that expressions may have, but no column, and what to use."""

NO_KEY: tuple[tuple[type[Any], str], ...] = (
    (types.JSON, "index a text in it, as (data ->> 'key'), which is data['key'].astext"),
    (types.LargeBinary, "use String for a digest's hexadecimal digits"),
    (types.BINARY, "use String for a digest's hexadecimal digits"),
    (types.VARBINARY, "use String for a digest's hexadecimal digits"),
    (types.Interval, "use BigInteger for the seconds"),
    (postgresql.INTERVAL, "use BigInteger for the seconds"),
)
"""Types that columns may have, but not those of a key, and what to use."""

COUNTERPARTS = {
    # the SQL standard's, and those that SQLAlchemy names without a dialect
    "BLOB": "BYTEA",
    "BINARY": "BYTEA",
    "VARBINARY": "BYTEA",
    "CLOB": "TEXT",
    "NCLOB": "TEXT",
    "DOUBLE": "DOUBLE PRECISION",
    # MySQL's and MariaDB's
    "TINYINT": "SMALLINT",
    "MEDIUMINT": "INTEGER",
    "YEAR": "SMALLINT",
    "TINYTEXT": "TEXT",
    "MEDIUMTEXT": "TEXT",
    "LONGTEXT": "TEXT",
    "TINYBLOB": "BYTEA",
    "MEDIUMBLOB": "BYTEA",
    "LONGBLOB": "BYTEA",
    # SQL Server's
    "NTEXT": "TEXT",
    "IMAGE": "BYTEA",
    "DATETIME2": "TIMESTAMP WITHOUT TIME ZONE",
    "SMALLDATETIME": "TIMESTAMP WITHOUT TIME ZONE",
    "DATETIMEOFFSET": "TIMESTAMP WITH TIME ZONE",
    "UNIQUEIDENTIFIER": "UUID",
    "SMALLMONEY": "NUMERIC(10, 4)",
    "XML": "TEXT",
    # Oracle's
    "BINARY_DOUBLE": "DOUBLE PRECISION",
    "BINARY_FLOAT": "REAL",
    "RAW": "BYTEA",
    "LONG": "TEXT",
    "ROWID": "TEXT",
}
"""Names of other databases' types, and of ours for the same values."""

NO_COUNTERPART = {
    "SET": "use JSONB, or a table with a row for each element",
    "ROWVERSION": "use a BigInteger that version_id_col counts",
    "SQL_VARIANT": "use JSONB or Text",
    "BFILE": "use LargeBinary",
}
"""Names of other databases' types that have no like, and what to use."""

LONGEST = {"VARCHAR": 65535, "CHAR": 4096}


def plain(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """What a type comes to for the dialect, without variants, decorators and domains."""
    type_ = type_.dialect_impl(dialect)
    while True:
        if isinstance(type_, TypeDecorator):
            type_ = type_.impl_instance
        elif isinstance(type_, postgresql.DOMAIN):
            type_ = type_.data_type.dialect_impl(dialect)
        else:
            return type_


def has_column(type_: TypeEngine[Any], dialect: Dialect) -> bool:
    """Whether a column can be of the type."""
    found = plain(type_, dialect)
    return not any(isinstance(found, kind) for kind, _ in NO_COLUMN)


def variant_of(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any] | None:
    """What with_variant() says for PostgreSQL, if that is ours.

    It is not, where no column could have it, as an array, and the type itself is one for columns.
    """
    variants = type_._variant_mapping
    if FALLBACK not in variants or NAME in variants:
        return None
    found = variants[FALLBACK]
    base = copy(type_)
    base._variant_mapping = immutabledict()
    return found if has_column(found, dialect) or not has_column(base, dialect) else None


def check_column(column: Column[Any], dialect: Dialect) -> None:
    """Refuse a column of a type that the service has for expressions only, or not at all."""
    name = column.type.__visit_name__
    if name in NO_COUNTERPART:
        refuse(f"columns of type {name}", NO_COUNTERPART[name])
    type_ = plain(column.type, dialect)
    for kind, advice in NO_COLUMN:
        if isinstance(type_, kind):
            name = "array" if kind is types.ARRAY else type_.__visit_name__
            refuse(f"columns of type {name}", advice)


def check_collation(name: str | None) -> None:
    """Refuse an order of texts that is not the one that there is."""
    if name and name not in ("C", "POSIX", "default", "ucs_basic"):
        refuse(f"collation {name}", "leave collation out, texts are ordered by their code points")


def declared_bytes(type_: TypeEngine[Any], dialect: Dialect) -> int:
    """What a text in a key counts by its declaration, 0 for all other types."""
    found = plain(type_, dialect)
    if not isinstance(found, types.String) or isinstance(found, types.Text):
        return 0
    return found.length or 0


def check_key(key: ColumnElement[Any], what: str, dialect: Dialect) -> None:
    """Refuse a column or an expression of a type that no key can have."""
    type_ = plain(key.type, dialect)
    zoned = isinstance(type_, types.Time) and type_.timezone
    advice = "use Time() for the time and a column for the offset" if zoned else ""
    for kind, instead in NO_KEY:
        if isinstance(type_, kind):
            advice = instead
    if advice:
        shown = type_.__visit_name__ if type_.__visit_name__.isupper() else type(type_).__name__
        name = "TIMETZ" if zoned else shown
        where = f"column {key.name!r}" if isinstance(key, Column) else "an expression"
        refuse(f"{name} in a key, which {where} of the {what} is", advice)


def _whole(value: Any) -> Any:
    return int(value) if value.__class__ is bool else value


class _WholeNumber:
    def bind_processor(self, dialect: Any) -> Any:
        return _whole


def whole_numbers(colspecs: Mapping[Any, Any]) -> dict[type[Any], type[Any]]:
    """A driver's types of whole numbers, which store a bool as 0 or 1: PostgreSQL casts it to
    INTEGER, but not to BIGINT, which the column may be."""
    kinds = (types.Integer, types.SmallInteger, types.BigInteger)
    return {
        kind: type(kind.__name__, (_WholeNumber, colspecs.get(kind, kind)), {}) for kind in kinds
    }


class AuroraDSQLTypeCompiler(PGTypeCompiler):
    """PostgreSQL's types, without enumerated types and collations."""

    def process(self, type_: TypeEngine[Any], **kw: Any) -> str:
        return super().process(variant_of(type_, self.dialect) or type_, **kw)

    def visit_type_decorator(self, type_: TypeDecorator[Any], **kw: Any) -> str:
        made = type_.dialect_impl(self.dialect)  # see decorators.py
        if isinstance(made, TypeDecorator):
            return super().visit_type_decorator(made, **kw)
        return self.process(made, **kw)

    def visit_ENUM(self, type_: Any, identifier_preparer: Any = None, **kw: Any) -> str:
        return f"VARCHAR({type_.length})"

    def visit_BIT(self, type_: Any, **kw: Any) -> str:
        # SQL Server's is a boolean, MySQL's a number; only PostgreSQL's can vary.
        if hasattr(type_, "varying"):
            return super().visit_BIT(type_, **kw)
        return "BIGINT" if getattr(type_, "length", None) else "BOOLEAN"

    def visit_INTERVAL(self, type_: Any, **kw: Any) -> str:
        # Oracle's has neither fields nor a precision of its own.
        return super().visit_INTERVAL(type_, **kw) if hasattr(type_, "fields") else "INTERVAL"

    def visit_MONEY(self, type_: Any, **kw: Any) -> str:
        return "NUMERIC(19, 4)"  # SQL Server's; PostgreSQL's is refused

    def visit_DATETIME(self, type_: Any, **kw: Any) -> str:
        return self.visit_TIMESTAMP(type_, **kw)

    def visit_DOUBLE_PRECISION(self, type_: Any, **kw: Any) -> str:
        return "DOUBLE PRECISION"

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:
        return self._text("VARCHAR", type_)

    visit_NVARCHAR = visit_VARCHAR
    visit_VARCHAR2 = visit_VARCHAR
    visit_NVARCHAR2 = visit_VARCHAR

    def visit_CHAR(self, type_: Any, **kw: Any) -> str:
        return self._text("CHAR", type_)

    visit_NCHAR = visit_CHAR

    def visit_TEXT(self, type_: Any, **kw: Any) -> str:
        return self._text("TEXT", type_, length=None)

    def visit_NUMBER(self, type_: Any, **kw: Any) -> str:
        return self.visit_NUMERIC(type_, **kw)

    def _text(self, name: str, type_: Any, length: Any = False) -> str:
        check_collation(getattr(type_, "collation", None))
        if length is False:
            length = type_.length
        if length and length > LONGEST[name]:
            refuse(f"{name} of more than {LONGEST[name]} characters", "use Text")
        return f"{name}({length})" if length else name


def _counterpart(text: str) -> Any:
    def visit(self: AuroraDSQLTypeCompiler, type_: Any, **kw: Any) -> str:
        return text

    return visit


for _name, _text in COUNTERPARTS.items():
    setattr(AuroraDSQLTypeCompiler, f"visit_{_name}", _counterpart(_text))
