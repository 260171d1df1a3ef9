# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): a table is copied under the limits of transactions, and gives its name.

The names that are used, for a table t, and what can be told from them after an interruption:

    ledger   _alembic_at_t    a row for each batch that was copied, with the last key in it
    old      _alembic_old_t   t, renamed away before the first row is copied: a writer of t fails
    new      _alembic_new_t   the copy

    t and no old             nothing has been done yet
    old and no t             rows are being copied; the ledger says how far
    old and t, ledger DONE   all rows are in t, which was new; old has to go
    no old, ledger DONE      the indexes of t have to get their names

The rows of a batch and its row in the ledger are one transaction. Nothing is dropped before every
row is in the new table, its indexes are built and the rows have been counted. What comes then is in
alembic_finish.py.
"""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libdsql
from alembic.operations.batch import ApplyBatchImpl
from alembic.util import CommandError
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Insert,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    exc,
    func,
    inspect,
    or_,
    schema,
    select,
    text,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import replacement_traverse

from aurora_dsql_sqlalchemy import jobs, retry
from aurora_dsql_sqlalchemy.alembic_finish import (
    DONE,
    NAMES,
    add_foreign_key,
    exists,
    finish,
    fitting,
    is_finished,
    ledger_of,
    mark_finished,
    mark_of,
    new_of,
    noted,
    notes_of,
    old_of,
    qualified,
    quoted,
    run,
)
from aurora_dsql_sqlalchemy.ddl import is_sequence_key
from aurora_dsql_sqlalchemy.retry import sqlstate

BATCH = 1000
"""Rows that are copied in one transaction; half of them where they are too many bytes."""

TRIES = 10

FAULT_OF_ROWS = ("22", "23")
"""Classes of SQLSTATE that say that a row does not fit into the new table."""

DEPENDING = text(
    "SELECT DISTINCT v.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
    "JOIN pg_class v ON v.oid = r.ev_class JOIN pg_class t ON t.oid = d.refobjid "
    "JOIN pg_namespace n ON n.oid = t.relnamespace "
    "WHERE t.relname = :name AND n.nspname = :schema AND v.relkind = 'v'"
)
BOUND = text(
    "SELECT c.conname, c.convalidated FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
    " JOIN pg_namespace n ON n.oid = t.relnamespace"
    " WHERE c.contype = 'f' AND t.relname = :name AND n.nspname = :schema"
)
GRANTS = text(
    "SELECT r.rolname, a.privilege_type, a.is_grantable FROM pg_class t"
    " JOIN pg_namespace n ON n.oid = t.relnamespace CROSS JOIN LATERAL aclexplode(t.relacl) a"
    " LEFT JOIN pg_roles r ON r.oid = a.grantee"
    " WHERE t.relname = :name AND n.nspname = :schema AND a.grantee <> t.relowner"
)


def again(impl: Any, error: exc.DBAPIError, tries: int) -> bool:
    """Whether a transaction may be run again: it met a conflict, so that nothing of it is left."""
    if not libdsql.is_retryable(sqlstate(error)) or tries > TRIES:
        return False
    impl.dialect.do_rollback(impl.connection.connection)
    retry.pause(impl.dialect, 0.01 * 2**tries)
    return True


def in_batches(impl: Any, work: Callable[[int], int]) -> int:
    """Do work(size) in transactions of its own until it has nothing left: how many rows it did.

    What meets a conflict is done again, which is safe as it did nothing; what is too many bytes for
    a transaction is done in halves. Whatever else is wrong is the caller's.
    """
    size, tries, total = BATCH, 0, 0
    while True:
        try:
            done = work(size)
            impl.commit()
        except exc.DBAPIError as error:
            tries += 1
            if again(impl, error, tries):
                continue
            impl.dialect.do_rollback(impl.connection.connection)
            if sqlstate(error) != "54000" or size == 1:
                raise
            size //= 2
            continue
        tries = 0
        total += done
        if not done:
            return total


def fill(impl: Any, table: Table, column: Column[Any]) -> None:
    """Give the rows in which a column is NULL its default."""
    keys = inspect(impl.connection).get_pk_constraint(table.name, table.schema)
    impl.commit()
    names = keys["constrained_columns"]
    for name in names:
        if name not in table.c:
            table.append_column(Column(name))

    def work(size: int) -> int:
        statement = table.update().values({column: text("DEFAULT")}).where(column.is_(None))
        if not names:
            impl.connection.execute(statement)
            return 0
        rows = select(*(table.c[name] for name in names)).where(column.is_(None)).limit(size)
        found = impl.connection.execute(rows).all()
        if not found:
            return 0
        wanted = [
            and_(*(table.c[n] == v for n, v in zip(names, row, strict=True))) for row in found
        ]
        default = impl.connection.execute(statement.where(or_(*wanted)).returning(column)).first()
        return 0 if default is None or default[0] is None else len(found)

    in_batches(impl, work)


class Copy(ApplyBatchImpl):
    """Copies one table. `name` is its name, whatever it is called at the moment."""

    mark: str
    """What the ledger says of whose copy it is."""

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

    def create_table_comment(self, table: Table) -> None:
        """Alembic's leaves the table's comment out."""
        self.table.comment = table.comment

    def drop_table_comment(self, table: Table) -> None:
        self.table.comment = None

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
            code = (
                sqlstate(error.orig) if isinstance(error, exc.DBAPIError) and error.orig else "23"
            )
            if str(code)[:2] not in FAULT_OF_ROWS:
                raise
            undo(self.op, self.name, self.schema)
            raise CommandError(
                f"table {self.name} is as it was: its rows do not fit into the new one: {error}"
            ) from error

    def _has(self, name: str) -> bool:
        return exists(self.op, name, self.schema)

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

    # The steps

    def _copy(self) -> None:
        if not self._has(self.old):
            self._refuse_views()
            if self._has(str(self.ledger.name)):
                self.op.drop_table(self.ledger)
            self.op.create_table(self.ledger)
            notes = notes_of(self.op, self.name, self.schema, self.mark, self.final_names)
            self._note(NAMES, notes)
            self.op.rename_table(self.name, self.old, schema=self.schema)
        made = self._has(self.new)
        if made and not self._last()[0]:  # it may lack what comes in statements of its own
            run(self.op, f"DROP TABLE {qualified(self.op, self.new, self.schema)}")
            made = False
        if not made:
            self._create_new()
        self._copy_rows()
        self._count()
        self._build()
        self._grant(self.old, self.new)
        self._note(DONE, None)

    def _refuse_views(self) -> None:
        where = {"name": self.name, "schema": self.schema or self.op.dialect.default_schema_name}
        views = list(self.connection.scalars(DEPENDING, where))
        self.op.commit()
        if views:
            raise CommandError(
                f"views depend on table {self.name}, which cannot be copied so: drop "
                f"{', '.join(views)} before, and create them again behind it"
            )

    def _note(self, number: int, note: str | None) -> None:
        if not self._noted(number):
            self.op._exec(self.ledger.insert().values(number=number, note=note))

    def _noted(self, number: int) -> bool:
        query = select(self.ledger.c.number).where(self.ledger.c.number == number)
        found = self.connection.execute(query).first()
        self.op.commit()
        return found is not None

    def _create_new(self) -> None:
        """The new table; its identities go on behind the largest value of the old one."""
        table = self.new_table
        assert table is not None
        # Foreign keys come when the rows are there, also those to the table itself.
        for constraint in self.foreign_keys:
            table.constraints.discard(constraint)
        indexes, table.indexes = table.indexes, set()
        try:
            self.op.create_table(table)
        finally:
            table.indexes = indexes
            table.constraints.update(self.foreign_keys)
        for column in table.c:
            self._number_on(column)

    def _number_on(self, column: Column[Any]) -> None:
        if column.identity is None and not is_sequence_key(column):
            return
        if column.key not in self.source.c:
            return
        increment = (column.identity and column.identity.increment) or 1
        largest = func.min if increment < 0 else func.max
        last = self.connection.scalar(select(largest(self.source.c[column.key])))
        self.op.commit()
        if last is None:
            return
        name = quoted(self.op, column.name)
        table = qualified(self.op, self.new, self.schema)
        run(self.op, f"ALTER TABLE {table} ALTER COLUMN {name} RESTART WITH {last + increment}")

    def _copy_rows(self) -> None:
        new = self.new_table
        assert new is not None
        keys = [self.source.c[column.name] for column in self.key()]
        transfers = {
            name: transfer for name, transfer in self.column_transfers.items() if "expr" in transfer
        }
        stored = {
            name: transfer
            for name, transfer in transfers.items()
            if self.columns[name].computed is None
        }
        into = [self.columns[name].name for name in stored]
        values = [self._of_source(transfer["expr"]) for transfer in stored.values()]
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
                or_(*(behind(keys, end[-1], False), _equal(keys, end[-1])))
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
            self.connection.scalar(select(func.count()).select_from(table))
            for table in (self.source, self.new_table)
        )
        self.op.commit()
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
        bound = {name: validated for name, validated in self.connection.execute(BOUND, where)}
        self.op.commit()
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

    def _grant(self, old: str, new: str) -> None:
        where = {"name": old, "schema": self.schema or self.op.dialect.default_schema_name}
        grants = self.connection.execute(GRANTS, where).all()
        self.op.commit()
        table = qualified(self.op, new, self.schema)
        for role, privilege, grantable in grants:
            whom = quoted(self.op, role) if role else "PUBLIC"
            words = " WITH GRANT OPTION" if grantable else ""
            run(self.op, f"GRANT {privilege} ON {table} TO {whom}{words}")


def _equal(columns: Any, values: Any) -> Any:
    pairs = zip(columns, values, strict=True)
    return and_(true(), *(column == value for column, value in pairs))


def behind(columns: Any, values: Any, after: bool = True) -> Any:
    """Whether a key is behind values, or before them, in the order of the columns."""
    terms = []
    for number, (column, value) in enumerate(zip(columns, values, strict=True)):
        further = column > value if after else column < value
        terms.append(and_(_equal(columns[:number], values[:number]), further))
    return or_(*terms)


class OverridingInsert(Insert):
    """INSERT ... SELECT of the values of an identity that is always generated."""

    inherit_cache = False


@compiles(OverridingInsert)
def _overriding(element: OverridingInsert, compiler: Any, **kw: Any) -> str:
    columns, _, rest = compiler.visit_insert(element, **kw).partition(") SELECT ")
    return f"{columns}) OVERRIDING SYSTEM VALUE SELECT {rest}"


def undo(op: Any, name: str, schema_: str | None) -> None:
    """The old table gets its name back: nobody could change it meanwhile."""
    if exists(op, new_of(name), schema_):
        run(op, f"DROP TABLE {qualified(op, new_of(name), schema_)}")
    if exists(op, old_of(name), schema_):
        op.rename_table(old_of(name), name, schema=schema_)
    if exists(op, ledger_of(name), schema_):
        run(op, f"DROP TABLE {qualified(op, ledger_of(name), schema_)}")


def flush(batch: Any) -> bool:
    """Carry out a batch by a copy; False where it can be done in place."""
    op = batch.impl
    name, schema_ = batch.table_name, batch.schema
    if op.as_sql:
        if batch._should_recreate():
            raise CommandError(
                f"table {name} has to be copied in batches, for which a connection is needed: run "
                "this migration online, without --sql"
            )
        return False
    op.commit()
    mark = mark_of(batch)
    notes, done = noted(op, name, schema_)
    if done:
        if notes["mark"] == mark:
            mark_finished(op, batch, mark)
        finish(op, name, schema_)
    if is_finished(op, mark) or (done and notes["mark"] == mark):
        return True
    old = old_of(name)
    renamed = exists(op, old, schema_)
    if renamed and exists(op, name, schema_):
        raise CommandError(
            f"table {old} holds the rows of an interrupted migration, and there is a table {name} "
            "of another origin: rename that one, then run the migration again"
        )
    if renamed and notes.get("mark") != mark:
        undo(op, name, schema_)  # the migration was changed after it was interrupted
        renamed = False
    if not renamed and not batch._should_recreate():
        return False
    table = Table(
        old if renamed else name,
        MetaData(),
        *batch.reflect_args,
        schema=schema_,
        autoload_with=op.connection,
        **batch.reflect_kwargs,
    )
    op.commit()
    if renamed:
        table = table.to_metadata(MetaData(), name=name)
    copy = Copy(
        op,
        table,
        batch.table_args,
        batch.table_kwargs,
        True,
        partial_reordering=batch.partial_reordering,
    )
    for operation, arguments, keywords in batch.batch:
        getattr(copy, operation)(*arguments, **keywords)
    copy.mark = mark
    copy._create(op)
    mark_finished(op, batch, mark)
    finish(op, name, schema_)
    return True
