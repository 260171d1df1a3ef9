# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Reading tables back.

A query of the service must not make json, its primary keys include every other column, all its
tables and indexes have access methods of its own, there is one collation, and schema `sys` is its.
"""

# SQLAlchemy's PostgreSQL dialect has few types; its methods are called and overridden here.
# mypy: disable-error-code="no-untyped-call, override, misc"

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import TEXT, Table, case, cast, event, exc, null, select
from sqlalchemy.dialects.postgresql import ARRAY, array, pg_catalog
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.types import OID, REGCLASS
from sqlalchemy.engine import reflection
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope, ReflectionDefaults
from sqlalchemy.types import TypeDecorator

from aurora_dsql_sqlalchemy.options import NAME

if TYPE_CHECKING:
    from sqlalchemy import Label, Select
    from sqlalchemy.engine import Connection, Dialect

PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")
"""A colon that a text() takes for the beginning of a parameter's name."""

IDENTITY_OPTIONS = ("start", "increment", "minvalue", "maxvalue", "cache")


class _IdentityOptions(TypeDecorator[dict[str, Any]]):
    """An array of texts, read as the options of Identity()."""

    impl = ARRAY(TEXT)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any] | None:
        if value is None:
            return None
        always, cycle, *numbers = value
        return {
            "always": always == "true",
            **dict(zip(IDENTITY_OPTIONS, map(int, numbers), strict=True)),
            "cycle": cycle == "true",
        }


def _identity_options() -> Label[Any]:
    """The identity options of the column that a row of pg_attribute describes."""
    column = pg_catalog.pg_attribute.c
    sequence = pg_catalog.pg_sequence.c
    table_name = cast(cast(column.attrelid, REGCLASS), TEXT)
    sequence_name = pg_catalog.pg_get_serial_sequence(table_name, column.attname)
    values = (
        column.attidentity == "a",
        sequence.seqcycle,
        sequence.seqstart,
        sequence.seqincrement,
        sequence.seqmin,
        sequence.seqmax,
        sequence.seqcache,
    )
    options = (
        select(cast(array([cast(value, TEXT) for value in values]), _IdentityOptions))
        .select_from(pg_catalog.pg_sequence)
        .where(sequence.seqrelid == cast(cast(sequence_name, REGCLASS), OID))
        .correlate(pg_catalog.pg_attribute)
        .scalar_subquery()
    )
    return case((column.attidentity != "", options), else_=null()).label("identity_options")


class Reflection(PGDialect):
    """The part of the dialect that reads tables back."""

    def _columns_query(self, *args: Any) -> Select[Any]:
        query: Select[Any] = super()._columns_query(*args)
        ours = {"identity_options": _identity_options(), "collation": null().label("collation")}
        columns = [ours.get(column.name, column) for column in query.selected_columns]
        return query.with_only_columns(*columns)

    def get_multi_pk_constraint(self, *args: Any, **kw: Any) -> Iterator[Any]:
        for key, constraint in super().get_multi_pk_constraint(*args, **kw):
            constraint.pop("dialect_options", None)
            yield key, constraint

    def get_multi_indexes(
        self, connection: Connection, schema: str | None, *args: Any, **kw: Any
    ) -> Iterator[Any]:
        invalid = self._invalid_indexes(connection, schema)
        for key, indexes in super().get_multi_indexes(connection, schema, *args, **kw):
            for index in indexes:
                index.get("dialect_options", {}).pop("postgresql_using", None)
                _rename_options(index)
                _sort_expressions(index)
                if (key[0], index["name"]) in invalid:
                    index["dialect_options"]["auroradsql_invalid"] = True
            yield key, indexes

    def _invalid_indexes(self, connection: Connection, schema: str | None) -> set[Any]:
        """Those that are being built, or whose building failed: SQLAlchemy 2.0 does not say."""
        index = pg_catalog.pg_class.c
        query = (
            select(index.relname)
            .join(pg_catalog.pg_index, pg_catalog.pg_index.c.indexrelid == index.oid)
            .join(pg_catalog.pg_namespace, pg_catalog.pg_namespace.c.oid == index.relnamespace)
            .where(
                pg_catalog.pg_namespace.c.nspname == (schema or self.default_schema_name),
                ~pg_catalog.pg_index.c.indisvalid,
            )
        )
        return {(schema, name) for name in connection.scalars(query)}

    def get_multi_check_constraints(self, *args: Any, **kw: Any) -> Iterator[Any]:
        for key, constraints in super().get_multi_check_constraints(*args, **kw):
            for constraint in constraints:
                # SQLAlchemy hands all of it to CheckConstraint(), which knows no dialect_options.
                if constraint.pop("dialect_options", {}).get("not_valid"):
                    constraint["auroradsql_not_valid"] = True
            yield key, constraints

    @reflection.cache  # type: ignore[untyped-decorator, unused-ignore]
    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        names: list[str] = super().get_schema_names(connection, **kw)
        return [name for name in names if name != "sys"]

    def get_multi_unique_constraints(self, *args: Any, **kw: Any) -> Iterator[Any]:
        for key, constraints in super().get_multi_unique_constraints(*args, **kw):
            for constraint in constraints:
                _rename_options(constraint)
            yield key, constraints

    @reflection.cache  # type: ignore[untyped-decorator, unused-ignore]
    def get_table_options(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> dict[str, Any]:
        options = dict(
            self.get_multi_table_options(
                connection, schema, [table_name], ObjectScope.ANY, ObjectKind.ANY, **kw
            )
        )
        if (schema, table_name) not in options:
            raise exc.NoSuchTableError(table_name)
        return dict(options[schema, table_name])

    def get_multi_table_options(
        self,
        connection: Connection,
        schema: str | None,
        filter_names: Any,
        scope: Any,
        kind: Any,
        **kw: Any,
    ) -> Iterator[Any]:
        tables = self._get_table_oids(connection, schema, filter_names, scope, kind, **kw)
        for _, name in tables:
            yield (schema, name), ReflectionDefaults.table_options()

    def _load_pg_opclass_notdefault_dict(self, connection: Connection, **kw: Any) -> dict[int, str]:
        return {}


@event.listens_for(Table, "column_reflect")
def _keep_colons(inspector: Any, table: Table, column: Any) -> None:
    """The default of a Table that is read back is a text(), to which :name is a parameter."""
    if inspector.dialect.name == NAME and column.get("default"):
        column["default"] = PARAMETER.sub(r"\\\g<0>", column["default"])


def _sort_expressions(index: Any) -> None:
    """Say where an expression of an index has its nulls in its text, as Table() cares for columns
    only."""
    sorting = index.get("column_sorting", {})
    for number, name in enumerate(index["column_names"]):
        if name is None and sorting.pop(index["expressions"][number], ()) == ("nulls_first",):
            index["expressions"][number] += " NULLS FIRST"


def _rename_options(found: Any) -> None:
    """Give the options of something that was read back the prefix of this dialect."""
    if "dialect_options" in found:
        found["dialect_options"] = {
            f"auroradsql_{name.removeprefix('postgresql_')}": value
            for name, value in found["dialect_options"].items()
        }
