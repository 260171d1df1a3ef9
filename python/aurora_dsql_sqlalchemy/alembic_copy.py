# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): the rows of a table are copied, and the copy gets all that the table has."""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from alembic.util import CommandError
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Insert,
    MetaData,
    exc,
    func,
    inspect,
    or_,
    schema,
    select,
    text,
)
from sqlalchemy.sql.visitors import replacement_traverse

from aurora_dsql_sqlalchemy import jobs
from aurora_dsql_sqlalchemy.alembic_finish import (
    DONE,
    NAMES,
    add_foreign_key,
    exists,
    ledger_of,
    new_of,
    notes_of,
    old_of,
    qualified,
    quoted,
    run,
)
from aurora_dsql_sqlalchemy.alembic_keep import comment, depending, give_to_owner, grant
from aurora_dsql_sqlalchemy.alembic_plan import Plan
from aurora_dsql_sqlalchemy.alembic_rows import OverridingInsert, alone, behind, equal, in_batches
from aurora_dsql_sqlalchemy.ddl import is_sequence_key
from aurora_dsql_sqlalchemy.retry import sqlstate

FAULT_OF_ROWS = ("22", "23")
"""Classes of SQLSTATE that say that a row does not fit into the new table."""
NOT_PERMITTED = "42501"

BOUND = text(
    "SELECT c.conname, c.convalidated FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
    " JOIN pg_namespace n ON n.oid = t.relnamespace"
    " WHERE c.contype = 'f' AND t.relname = :name AND n.nspname = :schema"
)


class Copy(Plan):
    """Copies one table."""

    mark: str
    """What the ledger says of whose copy it is."""

    def _create(self, op_impl: Any) -> None:
        """What ApplyBatchImpl calls when it knows the new table."""
        self.op = op_impl
        self.connection = op_impl.connection
        self.schema = self.table.schema
        self.name = str(self.table.name)
        self.old, self.new = old_of(self.name), new_of(self.name)
        self.ledger = self._make_ledger(ledger_of(self.name))
        self.source = self.table.to_metadata(MetaData(), name=self.old)
        self._transfer_elements_to_new_table()
        assert self.new_table is not None
        self.new_table.comment = self.table.comment
        self.final_names = self._name_for_now()
        try:
            self._copy()
        except jobs.JobTimeoutError:
            raise
        except (exc.DBAPIError, jobs.JobError) as error:
            code = sqlstate(error) if isinstance(error, exc.DBAPIError) else "23"
            if str(code)[:2] in FAULT_OF_ROWS:
                reason = "its rows do not fit into the new one"
            elif code == NOT_PERMITTED:
                reason = "its copy is not permitted"
            else:
                raise
            self.op.dialect.do_rollback(self.connection.connection)
            undo(self.op, self.name, self.schema)
            raise CommandError(f"table {self.name} is as it was: {reason}: {error}") from error

    def _has(self, name: str) -> bool:
        return exists(self.op, name, self.schema)

    # The steps

    def _copy(self) -> None:
        if not self._has(self.old):
            self._refuse_what_depends()
            if self._has(str(self.ledger.name)):
                self.op.drop_table(self.ledger)
            self.op.create_table(self.ledger)
            notes = notes_of(self.op, self.name, self.schema, self.mark, self.final_names)
            self._note(NAMES, notes)
            self.op.rename_table(self.name, self.old, schema=self.schema)
        made = self._has(self.new)
        # It may lack what comes in statements of its own.
        if made and not alone(self.op, self._last)[0]:
            run(self.op, f"DROP TABLE {qualified(self.op, self.new, self.schema)}")
            made = False
        if not made:
            self._create_new()
        self._copy_rows()
        self._count()
        self._build()
        self._keep()
        self._note(DONE, None)

    def _refuse_what_depends(self) -> None:
        found = depending(self.op, self.name, self.schema)
        if found:
            raise CommandError(
                f"views or functions depend on table {self.name}, which cannot be copied so: drop "
                f"{', '.join(found)} before, and create them again behind it"
            )

    def _note(self, number: int, note: str | None) -> None:
        if not self._noted(number):
            self.op._exec(self.ledger.insert().values(number=number, note=note))

    def _noted(self, number: int) -> bool:
        query = select(self.ledger.c.number).where(self.ledger.c.number == number)
        return bool(self.op.read(query))

    def _kept(self) -> dict[str, Column[Any]]:
        """Columns of the new table that the old one has, by their old names."""
        return {
            name: self.columns[name]
            for name, transfer in self.column_transfers.items()
            if "expr" in transfer
        }

    def _create_new(self) -> None:
        """The new table; its identities go on behind the largest value of the old one."""
        table = self.new_table
        assert table is not None
        # Foreign keys come when the rows are there, also those to the table itself.
        for constraint in self.foreign_keys:
            table.constraints.discard(constraint)
        indexes, table.indexes = table.indexes, set()
        # And the type of a column that is kept does not depend on what it refers to.
        referring = {column: column.foreign_keys for column in self._kept().values()}
        for column in referring:
            column.foreign_keys = set()
        try:
            self.op.create_table(table)
        finally:
            table.indexes = indexes
            table.constraints.update(self.foreign_keys)
            for column, keys in referring.items():
                column.foreign_keys = keys
        for column in table.c:
            self._number_on(column)

    def _number_on(self, column: Column[Any]) -> None:
        if column.identity is None and not is_sequence_key(column):
            return
        if column.key not in self.source.c:
            return
        increment = (column.identity and column.identity.increment) or 1
        largest = func.min if increment < 0 else func.max
        ((last,),) = self.op.read(select(largest(self.source.c[column.key])))
        if last is None:
            return
        name = quoted(self.op, column.name)
        table = qualified(self.op, self.new, self.schema)
        run(self.op, f"ALTER TABLE {table} ALTER COLUMN {name} RESTART WITH {last + increment}")

    def _copy_rows(self) -> None:
        new = self.new_table
        assert new is not None
        keys = [self.source.c[column.name] for column in self.key()]
        stored = {name: kept for name, kept in self._kept().items() if kept.computed is None}
        into = [column.name for column in stored.values()]
        values = [self._of_source(self.column_transfers[name]["expr"]) for name in stored]
        always = any(c.identity is not None and c.identity.always for c in new.c)

        def work(size: int) -> int:
            number, last = self._last()
            rows = select(*keys).order_by(*keys)
            if last:
                rows = rows.where(behind(keys, last))
            end = self.connection.execute(rows.limit(size)).all()
            if not end:
                return 0
            batch = select(*values).where(
                or_(*(behind(keys, end[-1], False), equal(keys, end[-1])))
            )
            if last:
                batch = batch.where(behind(keys, last))
            insert = (OverridingInsert if always else Insert)(new).inline()
            self.connection.execute(insert.from_select(into, batch, include_defaults=False))
            row = {f"key{n}": value for n, value in enumerate(end[-1])}
            self.connection.execute(self.ledger.insert().values(number=number + 1, **row))
            return len(end)

        in_batches(self.op, work)

    def _of_source(self, expression: Any) -> Any:
        """An expression of the table's columns, as one of the renamed table's."""

        def replace(element: Any, **kw: Any) -> Any:
            if isinstance(element, Column) and element.table is self.table:
                return self.source.c[element.name]
            return None

        return replacement_traverse(expression, {}, replace)

    def _last(self) -> tuple[int, Any]:
        """The number of the last batch, 0 before the first, and its last key."""
        columns = [column for column in self.ledger.c if column.name.startswith("key")]
        query = (
            select(self.ledger.c.number, *columns).order_by(self.ledger.c.number.desc()).limit(1)
        )
        row = self.connection.execute(query.where(self.ledger.c.number > 0)).first()
        return (0, None) if row is None else (row[0], row[1:])

    def _count(self) -> None:
        """The new table must hold as many rows as the old one."""
        assert self.new_table is not None
        old, new = (
            self.op.read(select(func.count()).select_from(table))[0][0]
            for table in (self.source, self.new_table)
        )
        if old != new:
            raise CommandError(
                f"{self.source.name} has {old} rows and {self.new_table.name} {new}: nothing was "
                "dropped; find out why, and rename the one that is right"
            )

    def _build(self) -> None:
        """Indexes and foreign keys of the new table."""
        assert self.new_table is not None
        new = self.new_table.name
        found = inspect(self.connection)
        valid = {
            item["name"]: "auroradsql_invalid" not in item.get("dialect_options", {})
            for item in found.get_indexes(new, self.schema)
        }
        where = {"name": new, "schema": self.schema or self.op.dialect.default_schema_name}
        bound = {name: validated for name, validated in self.op.read(BOUND, where)}
        for index in self.new_indexes_now:
            if not valid.get(str(index.name), True):  # nobody has waited for it
                self.op._exec(schema.DropIndex(index))
            if not valid.get(str(index.name)):
                self.op.create_index(index)
        for constraint in self.foreign_keys:
            if not bound.get(constraint.name):
                add_foreign_key(self.op, self._of_itself(constraint), constraint.name in bound)

    def _of_itself(self, constraint: ForeignKeyConstraint) -> ForeignKeyConstraint:
        """A foreign key of the table to itself is one of the new table to itself."""
        names = {self.name, f"{self.schema}.{self.name}"}
        targets = [key.target_fullname.rpartition(".") for key in constraint.elements]
        if any(table not in names for table, _, _ in targets):
            return constraint
        there = f"{self.schema}.{self.new}" if self.schema else self.new
        own = ForeignKeyConstraint(
            constraint.column_keys,
            [f"{there}.{column}" for _, _, column in targets],
            name=constraint.name,
            onupdate=constraint.onupdate,
            ondelete=constraint.ondelete,
            deferrable=constraint.deferrable,
            initially=constraint.initially,
            match=constraint.match,
        )
        self.new_table.constraints.discard(constraint)  # type: ignore[union-attr]
        self.new_table.append_constraint(own)  # type: ignore[union-attr]
        return own

    def _keep(self) -> None:
        """Owner, privileges and comments."""
        assert self.new_table is not None
        where = (self.op, self.old, self.new, self.schema)
        now = {final: temporary for temporary, final in self.final_names.items()}
        constraints = [str(item.name) for item in self.new_table.constraints if item.name]
        constraints = [self.final_names.get(name, name) for name in constraints]
        give_to_owner(*where)
        grant(*where, {name: column.name for name, column in self._kept().items()})
        comment(
            *where,
            {final: name for final, name in now.items() if final not in self.new_indexes},
            {name: now.get(name, name) for name in constraints},
        )


def undo(op: Any, name: str, schema_: str | None) -> None:
    """The old table gets its name back: nobody could change it meanwhile."""
    if exists(op, new_of(name), schema_):
        run(op, f"DROP TABLE {qualified(op, new_of(name), schema_)}")
    if exists(op, old_of(name), schema_):
        op.rename_table(old_of(name), name, schema=schema_)
    if exists(op, ledger_of(name), schema_):
        run(op, f"DROP TABLE {qualified(op, ledger_of(name), schema_)}")
