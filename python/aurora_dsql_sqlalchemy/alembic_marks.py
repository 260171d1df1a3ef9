# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): which copies have been made by a migration that has no version yet.

A migration that ends between its copy and its version would copy once more when it is run again, so
each copy of a migration is noted in a table that goes with the version.
"""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, schema
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import NullType, TypeEngine

from aurora_dsql_sqlalchemy.alembic_finish import exists

PLAIN = (str, int, float, bool, type(None))

FINISHED = "_alembic_finished"
"""A table with a row for each copy that is finished, in a migration that is not."""


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
    return bool(op.read(table.select().where(table.c.mark == mark)))


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
    marks = [mark for (mark,) in op.read(table.select())]
    if heads is None or not any(mark.startswith(f"{heads}:") for mark in marks):
        op._exec(schema.DropTable(table))
