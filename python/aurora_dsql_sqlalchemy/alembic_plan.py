# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): what the copy of a table will be, made of the table and of a batch."""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from alembic.operations.batch import ApplyBatchImpl
from alembic.util import CommandError
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    schema,
)
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import replacement_traverse

from aurora_dsql_sqlalchemy.alembic_finish import default_name, exists, fitting, new_of, old_of


class Plan(ApplyBatchImpl):
    """Of one table. `name` is its name, whatever it is called at the moment."""

    op: Any
    schema: str | None
    name: str

    @classmethod
    def _calc_temp_name(cls, tablename: Any) -> str:
        return new_of(str(tablename))

    def alter_column(  # type: ignore[override]
        self, table_name: str, column_name: str, server_default: Any = False, **kw: Any
    ) -> None:
        """Alembic's takes defaults only that are an expression."""
        column = self.columns[column_name]
        if server_default is not False and (column.identity or column.computed):
            column.identity = column.computed = column.server_default = None
        if isinstance(server_default, (schema.Identity, schema.Computed)):
            column.server_default, column.autoincrement = None, "auto"
            server_default._copy()._set_parent(column)
            server_default = False
        super().alter_column(table_name, column_name, server_default=server_default, **kw)

    def add_constraint(self, const: Any) -> None:
        """Alembic's asks for a name."""
        ends = {UniqueConstraint: "_key", ForeignKeyConstraint: "_fkey"}
        if not const.name and type(const) in ends:
            columns = [column.name for column in const.columns]
            const.name = default_name(str(self.table.name), columns, ends[type(const)])
        super().add_constraint(const)

    def create_table_comment(self, table: Table) -> None:
        """Alembic's leaves the table's comment out."""
        self.table.comment = table.comment

    def drop_table_comment(self, table: Table) -> None:
        self.table.comment = None

    def _make_ledger(self, name: str) -> Table:
        """One row a batch: its number, and the last key of the old table that it holds."""
        keys = list(self.key())
        if not keys:
            raise CommandError(
                f"table {self.name} has no primary key by which it could be copied in batches: "
                "copy it by hand into a table that has one"
            )
        return Table(
            name,
            MetaData(),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("note", Text),
            *(Column(f"key{n}", column.type) for n, column in enumerate(keys)),
            schema=self.schema,
        )

    def key(self) -> Any:
        found = inspect(self.op.connection).get_pk_constraint(self.present(), self.table.schema)
        return [self.table.c[name] for name in found["constrained_columns"]]

    def present(self) -> str:
        """What the table with the rows is called now."""
        old = old_of(str(self.table.name))
        return old if exists(self.op, old, self.table.schema) else str(self.table.name)

    def _name_for_now(self) -> dict[str, str]:
        """Name the new table's keys so that the old one's do not stand in the way; the final names.

        Names of indexes belong to the schema, and those of primary keys and unique constraints are
        names of indexes.
        """
        assert self.new_table is not None
        final: dict[str, str] = {}
        for constraint in self.new_table.constraints:
            if isinstance(constraint, (PrimaryKeyConstraint, UniqueConstraint)):
                name = str(constraint.name) if constraint.name else None
                if isinstance(constraint, PrimaryKeyConstraint):
                    name = name or fitting(self.name, "_pkey")
                if name and len(constraint.columns):
                    constraint.name = self._temporary(final, name)
        self.foreign_keys = [
            item for item in self.new_table.constraints if isinstance(item, ForeignKeyConstraint)
        ]
        self.new_indexes_now = self._gather_indexes_from_both_tables()
        for index in self.new_indexes_now:
            index.name = self._temporary(final, str(index.name))
        return final

    def _gather_indexes_from_both_tables(self) -> Any:
        """Alembic's has the columns only of those that the batch makes."""
        made, self.new_indexes = self.new_indexes, {}
        indexes = list(super()._gather_indexes_from_both_tables())
        self.new_indexes = made
        for index in made.values():
            keys = [self._of_new(key) for key in index.expressions]
            options = {name: self._of_new(value) for name, value in index.kwargs.items()}
            indexes.append(
                Index(index.name, *keys, unique=index.unique, _table=self.new_table, **options)
            )
        return indexes

    def _of_new(self, expression: Any) -> Any:
        """What an index of a batch says, of the new table."""

        def replace(element: Any, **kw: Any) -> Any:
            if isinstance(element, Column) and self.new_table is not None:
                return self.new_table.c[element.name]
            return None

        if not isinstance(expression, ClauseElement):
            return expression
        words = getattr(expression, "text", None)
        if hasattr(expression, "fake_column"):  # what Alembic makes of a text
            return words
        return replacement_traverse(expression, {}, replace)

    def _temporary(self, final: dict[str, str], name: str) -> str:
        temporary = fitting(new_of(name))
        final[temporary] = name
        return temporary
