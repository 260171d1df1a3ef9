# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Alembic on Aurora DSQL: operations in the service's forms.

Importing the dialect is enough; see docs/alembic.md. Each operation is committed by itself, since a
transaction of the service has room for one DDL statement and no rows beside it.
"""

# Alembic's classes have few types where dialects extend them.
# mypy: disable-error-code="no-untyped-call, misc"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic import util
from alembic.autogenerate import comparators
from alembic.ddl.base import IdentityColumnDefault, alter_column, alter_table
from alembic.ddl.postgresql import visit_identity_column
from alembic.operations.base import AbstractOperations
from alembic.operations.batch import BatchOperationsImpl
from alembic.util import CommandError
from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Sequence,
    UniqueConstraint,
    exc,
    inspect,
    schema,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import UpdateBase

from aurora_dsql_sqlalchemy import alembic_batch, alembic_finish, alembic_marks, alembic_rows, jobs
from aurora_dsql_sqlalchemy.alembic_compare import ComparingImpl
from aurora_dsql_sqlalchemy.alembic_finish import default_name
from aurora_dsql_sqlalchemy.alembic_normal import identity_clauses, normal_type
from aurora_dsql_sqlalchemy.alembic_order import name_constraints, order_drops
from aurora_dsql_sqlalchemy.creating import WAIT
from aurora_dsql_sqlalchemy.ddl import ValidateConstraint
from aurora_dsql_sqlalchemy.execution import APART, COMMITS
from aurora_dsql_sqlalchemy.options import option

VERSIONS = "alembic_version"

BATCH = (
    "use batch_alter_table(), which copies the table, or make the engine with alter_by_copy=True"
)


def refuse(what: str, advice: str = BATCH) -> Any:
    raise CommandError(f"Aurora DSQL has no {what}: {advice}")


class AuroraDSQLImpl(ComparingImpl):
    """PostgreSQL's operations, as far as the service has them."""

    __dialect__ = "auroradsql"
    transactional_ddl = False
    batches = 0
    """batch_alter_table() of the migration under way, so far."""
    operations: Any = None
    """Those that call this implementation."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        # Autogenerate is to write what can be carried out; in place where that can be done.
        self.context_opts["render_as_batch"] = True
        if self.connection is not None and not self.as_sql:
            versions = self.dialect.identifier_preparer.format_table(self._versions())
            purge = f"DELETE FROM {versions}"
            self.connection.execution_options(**{APART: frozenset({versions, purge})})

    # Executing: each statement in a transaction of its own

    def _exec(
        self,
        construct: Any,
        execution_options: Mapping[str, Any] | None = None,
        multiparams: Any = None,
        params: Any = None,
    ) -> Any:
        keywords: dict[str, Any] = {"params": params or {}}
        if multiparams is not None:
            keywords["multiparams"] = multiparams
        if self.as_sql:
            return super()._exec(construct, execution_options, **keywords)
        self.commit()
        options = {WAIT: self.wait_for_jobs(), COMMITS: True, **(execution_options or {})}
        send = super()._exec
        result = alembic_rows.alone(self, lambda: send(construct, options, **keywords))
        versions = self._versions().name
        if isinstance(construct, UpdateBase) and getattr(construct.table, "name", "") == versions:
            alembic_marks.forget(self)
        return result

    def start_migrations(self) -> None:
        """Tidy up behind a process that ended right after it had written a version."""
        if self.as_sql or self.context_opts.get("dont_mutate"):
            return
        connection: Any = self.connection
        within = connection.in_transaction()
        table = self._versions()
        heads: list[str] = []
        if alembic_finish.exists(self, table.name, table.schema):
            heads = sorted(version for (version,) in self.read(table.select()))
        alembic_marks.forget(self, " ".join(heads))
        if not within:  # what Alembic does next is committed only where it has begun it
            connection.commit()

    def _versions(self) -> schema.Table:
        name = self.context_opts.get("version_table", VERSIONS)
        schema_ = self.context_opts.get("version_table_schema")
        return schema.Table(name, schema.MetaData(), Column("version_num"), schema=schema_)

    def read(self, query: Any, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """The rows of a query, which is a transaction of its own."""
        self.commit()
        connection: Any = self.connection
        return alembic_rows.alone(self, lambda: connection.execute(query, parameters or {}).all())

    def commit(self) -> None:
        """End the transaction of the server; the one of the program goes on."""
        connection: Any = self.connection
        dbapi_connection = connection.connection
        if connection.dialect.in_transaction(dbapi_connection.dbapi_connection):
            base = connection.dialect.loaded_dbapi.Error
            try:
                connection.dialect.do_commit(dbapi_connection)
            except base as error:
                raise exc.DBAPIError.instance("COMMIT", None, error, base) from error

    def wait_for_jobs(self) -> Any:
        """Migrations wait for their jobs, as long as the engine says, or context.configure()."""
        given = self.context_opts.get("job_timeout")
        return given or getattr(self.dialect, WAIT) or jobs.TIMEOUT

    def by_copy(self, what: str, table_name: str, schema_: str | None) -> Any:
        """A batch for one operation if the engine says alter_by_copy; refuse otherwise."""
        copies = getattr(self.dialect, "alter_by_copy", False) and self.operations is not None
        if self.as_sql or not copies:
            refuse(what)
        return BatchOperationsImpl(
            self.operations, table_name, schema_, "always", None, (), {}, (), {}, None, ()
        )

    # Tables and columns

    def create_table(self, table: schema.Table, **kw: Any) -> None:
        for column in table.c:
            self._make_room(column)
        super().create_table(table, **kw)

    def _make_room(self, column: Column[Any]) -> None:
        """Make a column as wide as the one that it refers to, of which a migration has the name.

        MetaData.create_all() knows the other column, see ddl.is_numbered().
        """
        if column.type._type_affinity is not Integer or not column.foreign_keys:
            return
        (key, *_) = column.foreign_keys
        where, _, name = key.target_fullname.rpartition(".")
        schema_, _, table = where.rpartition(".")
        if column.table is not None and (table, schema_) == (
            column.table.name,
            column.table.schema or "",
        ):
            return
        if self.as_sql:
            column.type = BigInteger()  # the keys that the service numbers are
            return
        try:
            found = inspect(self.connection).get_columns(table, schema_ or None)
        except exc.NoSuchTableError:
            found = []
        self.commit()
        if any(isinstance(item["type"], BigInteger) for item in found if item["name"] == name):
            column.type = BigInteger()

    def add_column(self, table_name: str, column: Column[Any], **kw: Any) -> None:
        """Name and type first, then its default, which the stored rows get as well."""
        default = column.server_default
        lacking = ""
        if isinstance(default, Computed):
            lacking = "of a computed column"
        elif isinstance(default, Identity) or column.primary_key:
            lacking = "of a key or an identity column"
        elif not column.nullable:
            lacking = "with NOT NULL"
        if lacking:
            what = f"ALTER TABLE ADD COLUMN {lacking}"
            batch = self.by_copy(what, table_name, kw.get("schema"))
            batch.add_column(table_name, column)
            return batch.flush()  # type: ignore[no-any-return]
        self._make_room(column)
        added: Column[Any] = Column(column.name, column.type, key=column.key)
        table = schema.Table(table_name, schema.MetaData(), added, schema=kw.get("schema"))
        assert table is added.table
        kw = {name: value for name, value in kw.items() if not name.startswith("inline_")}
        super().add_column(table_name, added, **{k: v for k, v in kw.items() if v is not None})
        if default is None and isinstance(column.default, Sequence):
            default = schema.DefaultClause(column.default.next_value())
        if default is not None:
            self.alter_column(table_name, column.name, server_default=default, schema=table.schema)
            self.fill(table, added)

    def fill(self, table: schema.Table, column: Column[Any]) -> None:
        """Give the rows that were stored before the default of a new column."""
        statement = table.update().where(column.is_(None)).values({column: text("DEFAULT")})
        if self.as_sql:
            self.static_output(
                "-- 3,000 rows at most; repeat with a part of them if there are more"
            )
            self._exec(statement)
        else:
            alembic_rows.fill(self, table, column)

    def alter_column(self, table_name: str, column_name: str, **kw: Any) -> None:
        lacking = self._lacking(kw)
        if lacking:
            batch = self.by_copy(lacking, table_name, kw.pop("schema", None))
            batch.alter_column(table_name, column_name, **kw)
            return batch.flush()  # type: ignore[no-any-return]
        kw.pop("type_", None)
        kw.pop("autoincrement", None)
        kw.pop("existing_autoincrement", None)
        if kw.get("nullable") is False:
            del kw["nullable"]
        super().alter_column(table_name, column_name, **kw)
        return None

    def _lacking(self, kw: Mapping[str, Any]) -> str:
        """What of an alter_column() the service has no statement for."""
        existing, type_ = kw.get("existing_type"), kw.get("type_")
        if type_ is not None and (
            existing is None
            or normal_type(type_, self.dialect) != normal_type(existing, self.dialect)
        ):
            return "ALTER COLUMN TYPE"
        if kw.get("nullable") is False and kw.get("existing_nullable") is not False:
            return "ALTER COLUMN SET NOT NULL"
        default = kw.get("server_default")
        added = isinstance(default, Identity) and not kw.get("existing_server_default")
        if added and kw.get("existing_nullable") is not False:
            return "identity for a column that may be NULL"
        return ""

    # Constraints and indexes

    def add_constraint(self, const: Any, **kw: Any) -> None:
        if isinstance(const, PrimaryKeyConstraint):
            batch = self.by_copy(
                "ALTER TABLE ADD PRIMARY KEY", const.table.name, const.table.schema
            )
            batch.add_constraint(const)
            return batch.flush()  # type: ignore[no-any-return]
        if isinstance(const, UniqueConstraint) and option(const, "using_index") is None:
            return self._add_unique(const)
        try:
            super().add_constraint(const, **kw)
        except jobs.JobTimeoutError:
            raise
        except jobs.JobError:
            # The migration can be run again when the rows have been mended.
            self._exec(schema.DropConstraint(const))
            raise
        quote = self.dialect.identifier_preparer.format_constraint
        named = const.name is not None and quote(const) is not None
        if self.as_sql and named and not option(const, "not_valid"):
            self._exec(ValidateConstraint(const))
        return None

    def drop_constraint(self, const: Any, **kw: Any) -> None:
        table = const.table
        if isinstance(const, PrimaryKeyConstraint) and not self.as_sql:
            batch = self.by_copy("ALTER TABLE DROP of a primary key", table.name, table.schema)
            batch.drop_constraint(const)
            return batch.flush()  # type: ignore[no-any-return]
        return super().drop_constraint(const, **kw)

    def _add_unique(self, const: UniqueConstraint) -> None:
        """An index, and the constraint made of it."""
        names = [column.name for column in const.columns]
        name = str(const.name) if const.name else default_name(const.table.name, names, "_key")
        twin = UniqueConstraint(*names, name=name, auroradsql_using_index=name)
        copy = schema.Table(
            const.table.name,
            schema.MetaData(),
            *(Column(column.name, column.type) for column in const.columns),
            twin,
            schema=const.table.schema,
        )
        options = {
            f"auroradsql_{key}": option(const, key) for key in ("include", "nulls_not_distinct")
        }
        self.create_index(Index(name, *copy.c, unique=True, **options))
        self._exec(schema.AddConstraint(twin))

    def bulk_insert(self, table: Any, rows: list[dict[str, Any]], multiinsert: bool = True) -> None:
        """Rows in as many transactions as they need."""
        size = len(rows) if self.as_sql else alembic_rows.BATCH
        for begin in range(0, len(rows), size or 1):
            super().bulk_insert(table, rows[begin : begin + size], multiinsert)

    def create_index(self, index: Index, **kw: Any) -> None:
        assert index.table is not None
        for name in option(index, "include") or ():
            if isinstance(name, str) and name not in index.table.c:
                index.table.append_column(Column(name))
        if self.as_sql:
            self.static_output("-- builds in the background: CALL sys.wait_for_job('its job_id');")
        try:
            self._exec(schema.CreateIndex(index, **kw))
        except jobs.JobTimeoutError:
            raise
        except jobs.JobError:
            # The migration can be run again when the rows have been mended.
            self._exec(schema.DropIndex(index, if_exists=True))
            raise

    def requires_recreate_in_batch(self, batch_op: BatchOperationsImpl) -> bool:
        return any(self._needs_copy(batch_op, *item) for item in batch_op.batch)

    def _needs_copy(self, batch_op: Any, operation: str, arguments: Any, keywords: Any) -> bool:
        if operation == "alter_column":
            existing, type_ = keywords.get("existing_type"), keywords.get("type_")
            changed = type_ is not None and (
                existing is None
                or normal_type(type_, self.dialect) != normal_type(existing, self.dialect)
            )
            identity = isinstance(keywords.get("server_default"), (Identity, Computed))
            return changed or keywords.get("nullable") is False or identity
        if operation == "add_column":
            column = arguments[1]
            made = isinstance(column.server_default, (Computed, Identity))
            return made or not column.nullable or column.primary_key
        if operation in ("add_constraint", "drop_constraint"):
            return isinstance(arguments[0], PrimaryKeyConstraint)
        if operation == "drop_column" and not self.as_sql:
            key = inspect(self.connection).get_pk_constraint(batch_op.table_name, batch_op.schema)
            return arguments[1].name in key["constrained_columns"]
        return False


@compiles(IdentityColumnDefault, AuroraDSQLImpl.__dialect__)
def _visit_identity(element: IdentityColumnDefault, compiler: Any, **kw: Any) -> str:
    """An identity is changed by options one by one, each with its value in full."""
    wanted, there = element.default, element.existing_server_default
    if not (isinstance(wanted, Identity) and isinstance(there, Identity)):
        return str(visit_identity_column(element, compiler, **kw))
    table = alter_table(compiler, element.table_name, element.schema)
    column = alter_column(compiler, element.column_name)
    clauses = identity_clauses(wanted, there, compiler.dialect.sequence_cache)
    return f"{table} {column} {clauses}"


def _wrap_flush(inherited: Any) -> Any:
    def flush(self: BatchOperationsImpl) -> None:
        if self.dialect.name == AuroraDSQLImpl.__dialect__ and alembic_batch.flush(self):
            return
        inherited(self)

    return flush


def _wrap_operations(inherited: Any) -> Any:
    def init(self: AbstractOperations, *args: Any, **kw: Any) -> None:
        inherited(self, *args, **kw)
        if isinstance(self.impl, AuroraDSQLImpl):
            self.impl.operations = self

    return init


# Alembic has no hook for how a batch copies a table, and does not tell who calls.
AbstractOperations.__init__ = _wrap_operations(  # type: ignore[method-assign]
    AbstractOperations.__init__
)
BatchOperationsImpl.flush = _wrap_flush(BatchOperationsImpl.flush)  # type: ignore[method-assign]
# Behind what finds the tables: Alembic has priorities since 1.18, before the first stays the first.
_priority = getattr(util, "DispatchPriority", None)
_last: dict[str, Any] = {"priority": _priority.LAST} if _priority else {}
comparators.dispatch_for("schema", **_last)(order_drops)
comparators.dispatch_for("schema", **_last)(name_constraints)
