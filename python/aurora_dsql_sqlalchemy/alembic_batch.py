# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): a table is copied under the limits of transactions, and gives its name.

The names that are used, for a table t, and what can be told from them after an interruption:

    ledger   _alembic_at_t    a row for each batch that was copied, with the last key in it
    old      _alembic_old_t   t, renamed away before the first row is copied: a writer of t fails
    new      _alembic_new_t   the copy

    t and no old             nothing has been done yet
    old and no t             rows are being copied; the ledger says how far
    old and t                all rows are in t, which was new; old has to go
    ledger says DONE, no old the indexes of t have to get their names

The rows of a batch and its row in the ledger are one transaction. Nothing is dropped before every
row is in the new table, its indexes are built and the rows have been counted.
"""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from typing import Any

import libdsql
from alembic.operations.batch import ApplyBatchImpl
from alembic.util import CommandError
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
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
from sqlalchemy.sql.visitors import replacement_traverse

from aurora_dsql_sqlalchemy import jobs
from aurora_dsql_sqlalchemy.retry import sqlstate

BATCH = 1000
"""Rows that are copied in one transaction; half of them where they are too many bytes."""

TRIES = 10
DONE = -1
"""Number of the ledger's row that says that every row is in the new table."""
NAMES = -2
"""Number of the ledger's row that holds the names which the new table's indexes will get."""

FAULT_OF_ROWS = ("22", "23")
"""Classes of SQLSTATE that say that a row does not fit into the new table."""

DEPENDING = text(
    "SELECT DISTINCT v.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
    "JOIN pg_class v ON v.oid = r.ev_class JOIN pg_class t ON t.oid = d.refobjid "
    "JOIN pg_namespace n ON n.oid = t.relnamespace "
    "WHERE t.relname = :name AND n.nspname = :schema AND v.relkind = 'v'"
)
REFERRING = text(
    "SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c"
    " JOIN pg_class t ON t.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
    " WHERE c.contype = 'f' AND c.conrelid <> c.confrelid AND t.relname = :name"
    " AND n.nspname = :schema"
)
GRANTS = text(
    "SELECT r.rolname, a.privilege_type, a.is_grantable FROM pg_class t"
    " JOIN pg_namespace n ON n.oid = t.relnamespace CROSS JOIN LATERAL aclexplode(t.relacl) a"
    " LEFT JOIN pg_roles r ON r.oid = a.grantee"
    " WHERE t.relname = :name AND n.nspname = :schema AND a.grantee <> t.relowner"
)


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
            code = sqlstate(error.orig) if error.orig else None
            impl.dialect.do_rollback(impl.connection.connection)
            if code == "54000" and size > 1:
                size //= 2
            elif libdsql.is_retryable(code) and tries < TRIES:
                tries += 1
                time.sleep(0.01 * 2**tries)
            else:
                raise
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

    @staticmethod
    def names(name: str) -> tuple[str, str, str]:
        """The ledger, the old table, the new one."""
        return (
            f"_alembic_at_{name}"[:63],
            f"_alembic_old_{name}"[:63],
            f"_alembic_new_{name}"[:63],
        )

    @classmethod
    def _calc_temp_name(cls, tablename: Any) -> str:
        return cls.names(str(tablename))[2]

    def _create(self, op_impl: Any) -> None:
        """What ApplyBatchImpl calls when it knows the new table."""
        self.op = op_impl
        self.connection = op_impl.connection
        self.schema = self.table.schema
        self.name = str(self.table.name)
        at, old, _ = self.names(self.name)
        self.ledger = self._make_ledger(at)
        self.source = self.table.to_metadata(MetaData(), name=old)
        self._transfer_elements_to_new_table()
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
            self._undo()
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
        old = self.names(str(self.table.name))[1]
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
                    name = name or f"{self.name}_pkey"[:63]
                if name and len(constraint.columns):
                    constraint.name = self._temporary(final, name)
        self.foreign_keys = [
            item for item in self.new_table.constraints if isinstance(item, ForeignKeyConstraint)
        ]
        self.new_indexes_now = []
        indexes: Any = self._gather_indexes_from_both_tables()
        for index in indexes:
            index.name = self._temporary(final, str(index.name))
            self.new_indexes_now.append(index)
        return final

    def _temporary(self, final: dict[str, str], name: str) -> str:
        temporary = f"_alembic_new_{zlib.crc32(name.encode()):08x}_{name}"[:63]
        final[temporary] = name
        return temporary

    # The steps

    def _copy(self) -> None:
        at, old, new = self.names(self.name)
        if not self._has(old):
            self._refuse_views()
            if self._has(at):
                self.op.drop_table(self.ledger)
            self.op.create_table(self.ledger)
            self._note(NAMES, json.dumps(self.final_names))
            self.op.rename_table(self.name, old, schema=self.schema)
        if not self._has(new):
            self._create_new()
        self._copy_rows()
        self._count()
        self._build()
        self._grant(old, new)
        self._note(DONE, None)
        self.op.rename_table(new, self.name, schema=self.schema)
        finish(self.op, self.name, self.schema)

    def _undo(self) -> None:
        """The old table gets its name back: nobody could change it meanwhile."""
        at, old, new = self.names(self.name)
        assert self.new_table is not None
        if self._has(new):
            self.op.drop_table(self.new_table)
        if self._has(old):
            self.op.rename_table(old, self.name, schema=self.schema)
        if self._has(at):
            self.op.drop_table(self.ledger)

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
        for column in list(table.c):
            self._number_on(column)
        # Foreign keys come when the rows are there, also those to the table itself.
        for constraint in self.foreign_keys:
            table.constraints.discard(constraint)
        indexes, table.indexes = table.indexes, set()
        try:
            self.op.create_table(table)
        finally:
            table.indexes = indexes
            table.constraints.update(self.foreign_keys)

    def _number_on(self, column: Column[Any]) -> None:
        automatic = column is column.table._autoincrement_column and column.default is None
        if column.identity is None and not (automatic and column.server_default is None):
            return
        if column.name not in self.source.c:
            return
        identity = column.identity or schema.Identity(cache=None)
        downwards = (identity.increment or 1) < 0
        largest = func.min if downwards else func.max
        last = self.connection.scalar(select(largest(self.source.c[column.name])))
        self.op.commit()
        if last is None:
            return
        start = last + (identity.increment or 1)
        if column.identity is None:
            column.server_default = None
            identity._set_parent(column)
        identity.start = start

    def _copy_rows(self) -> None:
        assert self.new_table is not None
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
        always = any(c.identity is not None and c.identity.always for c in self.new_table.c)

        def work(size: int) -> int:
            number, last = self._last(len(keys))
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
            insert = self.new_table.insert().inline()  # type: ignore[union-attr]
            statement = insert.from_select(into, batch, include_defaults=False)
            if always:
                statement = overriding(statement, self.op.dialect)
            self.connection.execute(statement)
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

    def _last(self, keys: int) -> tuple[int, Any]:
        """The number of the last batch, 0 before the first, and its last key."""
        columns = [self.ledger.c[f"key{n}"] for n in range(keys)]
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
        found = inspect(self.connection)
        there = {item["name"] for item in found.get_indexes(self.new_table.name, self.schema)}
        bound = {item["name"] for item in found.get_foreign_keys(self.new_table.name, self.schema)}
        self.op.commit()
        for index in self.new_indexes_now:
            if index.name not in there:
                self.op.create_index(index)
        for constraint in self.foreign_keys:
            if constraint.name not in bound:
                self.op._exec(schema.AddConstraint(constraint))

    def _grant(self, old: str, new: str) -> None:
        where = {"name": old, "schema": self.schema or self.op.dialect.default_schema_name}
        grants = self.connection.execute(GRANTS, where).all()
        self.op.commit()
        quote = self.op.dialect.identifier_preparer.quote
        table = qualified(self.op, new, self.schema)
        for role, privilege, grantable in grants:
            whom = quote(role) if role else "PUBLIC"
            words = " WITH GRANT OPTION" if grantable else ""
            self.op._exec(schema.DDL(f"GRANT {privilege} ON {table} TO {whom}{words}"))


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


def overriding(statement: Any, dialect: Any) -> Any:
    """INSERT with the values of an identity that is always generated."""
    compiled = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    head, select_, rest = compiled.partition("SELECT")
    return text(f"{head}OVERRIDING SYSTEM VALUE {select_}{rest}".replace(":", "\\:"))


def exists(op: Any, name: str, schema_: str | None) -> bool:
    found = bool(op.dialect.has_table(op.connection, name, schema=schema_))
    op.commit()
    return found


def qualified(op: Any, name: str, schema_: str | None) -> str:
    quote = op.dialect.identifier_preparer.quote
    return f"{quote(schema_)}.{quote(name)}" if schema_ else str(quote(name))


def finish(op: Any, name: str, schema_: str | None) -> None:
    """All rows are in the table: the old one goes, and what is called by it is called right."""
    at, old, _ = Copy.names(name)
    if exists(op, old, schema_):
        _turn_references(op, old, name, schema_)
        op._exec(schema.DDL(f"DROP TABLE {qualified(op, old, schema_)}"))
    if not exists(op, at, schema_):
        return
    ledger = qualified(op, at, schema_)
    names = op.connection.scalar(text(f"SELECT note FROM {ledger} WHERE number = {NAMES}"))
    op.commit()
    there = {item["name"] for item in inspect(op.connection).get_indexes(name, schema_)}
    there.add(inspect(op.connection).get_pk_constraint(name, schema_)["name"])
    op.commit()
    quote = op.dialect.identifier_preparer.quote
    for temporary, final in json.loads(names or "{}").items():
        if temporary in there:
            index = qualified(op, temporary, schema_)
            op._exec(schema.DDL(f"ALTER INDEX {index} RENAME TO {quote(final)}"))
    op._exec(schema.DDL(f"DROP TABLE {ledger}"))


def _turn_references(op: Any, old: str, name: str, schema_: str | None) -> None:
    """Foreign keys of other tables follow the old table: they are made anew for the new one."""
    where = {"name": old, "schema": schema_ or op.dialect.default_schema_name}
    found = op.connection.execute(REFERRING, where).all()
    op.commit()
    quote = op.dialect.identifier_preparer.quote
    for table, constraint, definition in found:
        definition = definition.replace(" NOT VALID", "")
        head, _, tail = definition.partition(" REFERENCES ")
        columns = tail[tail.index("(") :]
        target = qualified(op, name, schema_)
        moved = quote(f"_alembic_new_{constraint}"[:63])
        for statement in (
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {moved}",
            f"ALTER TABLE {table} ADD CONSTRAINT {moved} {head} REFERENCES {target} {columns}"
            " NOT VALID",
            f"ALTER TABLE ASYNC {table} VALIDATE CONSTRAINT {moved}",
            f"ALTER TABLE {table} DROP CONSTRAINT {quote(constraint)}",
            f"ALTER TABLE {table} RENAME CONSTRAINT {moved} TO {quote(constraint)}",
        ):
            op._exec(schema.DDL(statement.replace("%", "%%")))


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
    at, old, new = Copy.names(name)
    op.commit()
    renamed, ledger = exists(op, old, schema_), exists(op, at, schema_)
    there = exists(op, name, schema_)
    if renamed and there and exists(op, new, schema_):
        raise CommandError(
            f"tables {name}, {old} and {new} are all there: one is of another origin"
        )
    if (renamed and there) or (ledger and not renamed and _is_done(op, at, schema_)):
        finish(op, name, schema_)
        return True
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
    copy._create(op)
    return True


def _is_done(op: Any, ledger: str, schema_: str | None) -> bool:
    query = text(f"SELECT 1 FROM {qualified(op, ledger, schema_)} WHERE number = {DONE}")
    found = op.connection.execute(query).first()
    op.commit()
    return found is not None
