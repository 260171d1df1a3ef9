# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): what comes when every row is in the new table, and what is remembered of it.

A migration that ends between its copy and its version would copy once more when it is run again, so
each copy of a migration is noted in a table that goes with the version.
"""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import copy
import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, exc, inspect, schema, text
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.elements import ClauseElement, quoted_name
from sqlalchemy.types import NullType, TypeEngine

from aurora_dsql_sqlalchemy.ddl import ValidateConstraint
from aurora_dsql_sqlalchemy.retry import sqlstate

LONGEST = 63
"""Bytes that a name may have."""

DONE = -1
"""Number of the ledger's row that says that every row is in the new table."""
NAMES = -2
"""Number of the ledger's row that says what is done, and which names indexes will get."""

PLAIN = (str, int, float, bool, type(None))

FINISHED = "_alembic_finished"
"""A table with a row for each copy that is finished, in a migration that is not."""

REFERRING = text(
    "SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid), c.convalidated"
    " FROM pg_constraint c"
    " JOIN pg_class t ON t.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
    " WHERE c.contype = 'f' AND c.conrelid <> c.confrelid AND t.relname = :name"
    " AND n.nspname = :schema"
)


# Names


def fitting(name: str, end: str = "") -> str:
    """A name with its end, cut so that the server need not cut it, and still a name of its own."""
    whole = f"{name}{end}"
    if len(whole.encode()) <= LONGEST:
        return whole
    end = f"_{zlib.crc32(whole.encode()):08x}{end}"
    kept = name.encode()[: LONGEST - len(end)]
    return kept.decode(errors="ignore") + end


def ledger_of(name: str) -> str:
    """The table that says how far the copy of a table is."""
    return fitting(f"_alembic_at_{name}")


def old_of(name: str) -> str:
    """What a table is called while it is copied."""
    return fitting(f"_alembic_old_{name}")


def new_of(name: str) -> str:
    """What its copy is called."""
    return fitting(f"_alembic_new_{name}")


def exists(op: Any, name: str, schema_: str | None) -> bool:
    found = bool(op.dialect.has_table(op.connection, name, schema=schema_))
    op.commit()
    return found


def quoted(op: Any, name: str) -> str:
    """A name in SQL for run()."""
    return str(op.single_percents(op.dialect.identifier_preparer.quote(name)))


def qualified(op: Any, name: str, schema_: str | None) -> str:
    return f"{quoted(op, schema_)}.{quoted(op, name)}" if schema_ else quoted(op, name)


def run(op: Any, statement: str) -> None:
    """Send a statement as it is."""
    op._exec(schema.DDL(statement.replace("%", "%%")))


# What a ledger says


def noted(op: Any, name: str, schema_: str | None) -> tuple[dict[str, Any], bool]:
    """What is noted of the copy of a table, and whether every row is in the new one."""
    if not exists(op, ledger_of(name), schema_):
        return {}, False
    ledger = qualified(op, ledger_of(name), schema_)
    query = text(f"SELECT number, note FROM {ledger} WHERE number IN ({NAMES}, {DONE})")
    found: dict[int, Any] = {number: note for number, note in op.connection.execute(query)}
    op.commit()
    return json.loads(found.get(NAMES) or "{}"), DONE in found


# The end of a copy


def _referring(op: Any, name: str, schema_: str | None) -> Any:
    where = {"name": name, "schema": schema_ or op.dialect.default_schema_name}
    found = op.connection.execute(REFERRING, where).all()
    op.commit()
    return found


def turn_references(op: Any, name: str, schema_: str | None) -> None:
    """Foreign keys of other tables are made anew for the new table, before anybody writes to it."""
    target = qualified(op, new_of(name), schema_)
    for table, constraint, definition, validated in _referring(op, old_of(name), schema_):
        head, _, tail = definition.removesuffix(" NOT VALID").partition(" REFERENCES ")
        columns = tail[tail.index("(") :]
        moved = quoted(op, new_of(constraint))
        statements = [
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {moved}",
            f"ALTER TABLE {table} ADD CONSTRAINT {moved} {head} REFERENCES {target} {columns}"
            " NOT VALID",
            f"ALTER TABLE ASYNC {table} VALIDATE CONSTRAINT {moved}",
            f"ALTER TABLE {table} DROP CONSTRAINT {quoted(op, constraint)}",
        ]
        if not validated:
            del statements[2]
        for statement in statements:
            run(op, statement)
    notes, _ = noted(op, name, schema_)
    final = {new_of(constraint): constraint for constraint in notes["referring"]}
    for table, moved, _, _ in _referring(op, new_of(name), schema_):
        if moved in final:
            names = f"{quoted(op, moved)} TO {quoted(op, final[moved])}"
            run(op, f"ALTER TABLE {table} RENAME CONSTRAINT {names}")


def notes_of(op: Any, name: str, schema_: str | None, mark: str, names: Any) -> str:
    """What the ledger has to say before a table is copied."""
    referring = [constraint for _, constraint, _, _ in _referring(op, name, schema_)]
    return json.dumps({"mark": mark, "names": names, "referring": referring})


def add_foreign_key(op: Any, constraint: schema.ForeignKeyConstraint, there: bool) -> None:
    """One that the table had, also where those of models are left out; there: but not validated."""
    dialect = copy.copy(op.dialect)
    dialect.foreign_keys = True
    added = str(schema.AddConstraint(constraint).compile(dialect=dialect))
    validated = str(ValidateConstraint(constraint).compile(dialect=dialect))
    for statement in [validated] if there else [added, validated]:
        run(op, op.single_percents(statement))


def finish(op: Any, name: str, schema_: str | None) -> None:
    """The new table gets its name, the old one goes, and what belongs to it is called right."""
    if exists(op, new_of(name), schema_):
        turn_references(op, name, schema_)
        op.rename_table(new_of(name), name, schema=schema_)
    if exists(op, old_of(name), schema_):
        run(op, f"DROP TABLE {qualified(op, old_of(name), schema_)}")
    notes, _ = noted(op, name, schema_)
    if not notes:
        return
    found = inspect(op.connection)
    keys = [*found.get_unique_constraints(name, schema_), found.get_pk_constraint(name, schema_)]
    constraints = {item["name"] for item in keys}
    indexes = {item["name"] for item in found.get_indexes(name, schema_)} - constraints
    op.commit()
    table = qualified(op, name, schema_)
    for temporary, final in notes["names"].items():
        if temporary in constraints:
            names = f"{quoted(op, temporary)} TO {quoted(op, final)}"
            run(op, f"ALTER TABLE {table} RENAME CONSTRAINT {names}")
        elif temporary in indexes:
            _rename_index(op, Table(name, MetaData(), schema=schema_), temporary, final)
    run(op, f"DROP TABLE {qualified(op, ledger_of(name), schema_)}")


def _rename_index(op: Any, table: Table, temporary: str, final: str) -> None:
    """ALTER INDEX RENAME is in no manual of the service: an index can be built once more."""
    index = qualified(op, temporary, table.schema)
    try:
        run(op, f"ALTER INDEX {index} RENAME TO {quoted(op, final)}")
        return
    except exc.DBAPIError as error:
        op.dialect.do_rollback(op.connection.connection)
        if sqlstate(error.orig) != "0A000":
            raise
    inspect(op.connection).reflect_table(table, None)
    op.commit()
    (found,) = (item for item in table.indexes if item.name == temporary)
    found.name = quoted_name(final, None)
    op.create_index(found, if_not_exists=True)
    run(op, f"DROP INDEX {index}")


# Copies of a migration that has no version yet


def _finished(op: Any) -> Table:
    return Table(
        FINISHED,
        MetaData(),
        Column("mark", Text, primary_key=True),
        schema=op.context_opts.get("version_table_schema"),
    )


def mark_of(batch: Any) -> str:
    """What tells a batch from others: the versions there are, its place, and its operations."""
    op, context = batch.impl, batch.operations.migration_context
    heads = " ".join(sorted(context.get_current_heads()))
    op.commit()
    op.batches += 1
    words = [f"{op.batches} {batch.schema} {batch.table_name}"]
    words += [_word(op.dialect, list(operation)) for operation in batch.batch]
    return f"{heads}:{hashlib.sha256(chr(10).join(words).encode()).hexdigest()}"


PARTS = (
    "name",
    "type",
    "nullable",
    "server_default",
    "comment",
    "unique",
    "expressions",
    "kwargs",
    "columns",
    "sqltext",
    "elements",
    "target_fullname",
    "ondelete",
    "onupdate",
    "arg",
    "always",
    "start",
    "increment",
    "minvalue",
    "maxvalue",
    "cycle",
    "cache",
)
"""What schema items are made of."""


def _word(dialect: Any, item: Any) -> str:
    """An argument of an operation, the same in every process."""
    if isinstance(item, TypeEngine) and not isinstance(item, NullType):
        return str(dialect.type_compiler.process(item))
    if isinstance(item, SchemaItem):
        parts = {name: getattr(item, name) for name in PARTS if hasattr(item, name)}
        if not isinstance(item, Column):
            parts["columns"] = [column.name for column in parts.get("columns", ())]
        return f"{type(item).__name__} {_word(dialect, parts)}"
    if isinstance(item, Mapping):
        return _word(dialect, [part for pair in sorted(item.items()) for part in pair])
    if isinstance(item, (list, tuple)):
        return f"({' '.join(_word(dialect, part) for part in item)})"
    if isinstance(item, ClauseElement):
        return str(item.compile(dialect=dialect))
    return repr(item) if isinstance(item, PLAIN) else type(item).__name__


def is_finished(op: Any, mark: str) -> bool:
    """Whether a migration that was interrupted has made this copy."""
    table = _finished(op)
    if not exists(op, FINISHED, table.schema):
        return False
    found = op.connection.execute(table.select().where(table.c.mark == mark)).first()
    op.commit()
    return found is not None


def mark_finished(op: Any, batch: Any, mark: str) -> None:
    """Note a copy; only a program that has versions would make it again."""
    if batch.operations.migration_context._migrations_fn is None or is_finished(op, mark):
        return
    table = _finished(op)
    if not exists(op, FINISHED, table.schema):
        op._exec(schema.CreateTable(table))
    op._exec(table.insert().values(mark=mark))


def forget(op: Any, heads: str | None = None) -> None:
    """The version has been written: all copies up to it are over, or all but those for `heads`."""
    op.batches = 0
    table = _finished(op)
    if not exists(op, FINISHED, table.schema):
        return
    marks = list(op.connection.scalars(table.select()))
    op.commit()
    if heads is None or not any(mark.startswith(f"{heads}:") for mark in marks):
        op._exec(schema.DropTable(table))
