# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Autogenerate writes migrations that can be carried out, up and down.

Alembic drops tables in any order, and before it changes others. The database may have foreign keys
besides that the models do not mention, as they are off by default. What a migration adds without a
name it cannot drop.
"""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any, NamedTuple

from alembic.operations import ops
from sqlalchemy import ForeignKeyConstraint, MetaData, Table

from aurora_dsql_sqlalchemy.alembic_finish import default_name
from aurora_dsql_sqlalchemy.options import NAME

Name = tuple[str, str]
"""Schema and name of a table."""


class Reference(NamedTuple):
    """A foreign key, its table and the one that it refers to."""

    table: Name
    target: Name
    found: Any


def order_drops(autogen_context: Any, upgrade_ops: Any, schemas: Any) -> None:
    """Put the tables that are dropped at the end, each behind those that refer to it."""
    dialect = autogen_context.dialect
    if dialect.name != NAME:
        return

    def name_of(op: Any) -> Name:
        return op.schema or dialect.default_schema_name, op.table_name

    dropped = {name_of(op) for op in upgrade_ops.ops if isinstance(op, ops.DropTableOp)}
    if not dropped:
        return
    inspector = autogen_context.inspector
    references = _references(inspector, schemas, dialect.default_schema_name)
    order, first = _sorted(dropped, [item for item in references if item.target in dropped])
    steps: dict[Name, list[Any]] = {name: [] for name in order}
    others: list[Any] = []
    for op in upgrade_ops.ops:
        kinds = (ops.DropTableOp, ops.ModifyTableOps)
        own = isinstance(op, kinds) and name_of(op) in dropped
        (steps[name_of(op)] if own else others).append(op)
    changes = {name_of(op): op.ops for op in others if isinstance(op, ops.ModifyTableOps)}
    for reference in first:
        if not _goes(reference, changes.get(reference.table, [])):
            others.append(_drop(inspector, reference, dialect.default_schema_name))
        for op in steps.get(reference.table, ()):
            if isinstance(op, ops.DropTableOp) and op._reverse is not None:
                _leave_out(op._reverse, reference.found["name"])
    upgrade_ops.ops[:] = [*others, *(op for name in order for op in steps[name])]


def _references(inspector: Any, schemas: Any, default: str) -> list[Reference]:
    found = []
    for schema in schemas:
        for (own, table), keys in inspector.get_multi_foreign_keys(schema=schema).items():
            for key in keys:
                target = (key["referred_schema"] or default, key["referred_table"])
                found.append(Reference((own or default, table), target, key))
    return found


def _sorted(dropped: set[Name], references: list[Reference]) -> tuple[list[Name], list[Reference]]:
    """The order of the tables, and the foreign keys that have to go before."""
    first = [item for item in references if item.table not in dropped]
    between = [item for item in references if item.table in dropped and item.table != item.target]
    left, order = sorted(dropped), []
    while left:
        held = {item.target for item in between if item.table in left}
        free = [name for name in left if name not in held]
        if not free:  # they refer to each other
            free = left[:1]
            first += [item for item in between if item.table in left and item.target == free[0]]
        order += free
        left = [name for name in left if name not in free]
    return order, first


def _leave_out(create: Any, name: str) -> None:
    """A foreign key that a downgrade makes when all tables are there."""
    create.columns = [
        item
        for item in create.columns
        if not (isinstance(item, ForeignKeyConstraint) and item.name == name)
    ]


def _goes(reference: Reference, changes: list[Any]) -> bool:
    """Whether the changes of its table drop the foreign key, or a column of it."""
    for op in changes:
        if isinstance(op, ops.DropConstraintOp) and op.constraint_name == reference.found["name"]:
            return True
        columns = reference.found["constrained_columns"]
        if isinstance(op, ops.DropColumnOp) and op.column_name in columns:
            return True
    return False


def _drop(inspector: Any, reference: Reference, default: str) -> Any:
    """The foreign key is dropped; a downgrade makes it again."""
    schema, name = reference.table
    table = Table(name, MetaData(), schema=None if schema == default else schema)
    inspector.reflect_table(table, None)
    (constraint,) = (
        item
        for item in table.constraints
        if isinstance(item, ForeignKeyConstraint) and item.name == reference.found["name"]
    )
    drop = ops.DropConstraintOp.from_constraint(constraint)
    return ops.ModifyTableOps(name, [drop], schema=table.schema)


def name_constraints(autogen_context: Any, upgrade_ops: Any, schemas: Any) -> None:
    """Give what is added to a table the name that the server would give it."""
    if autogen_context.dialect.name != NAME:
        return
    changes = [op for op in upgrade_ops.ops if isinstance(op, ops.ModifyTableOps)]
    for op in (op for change in changes for op in change.ops):
        if isinstance(op, ops.CreateUniqueConstraintOp) and op.constraint_name is None:
            op.constraint_name = default_name(op.table_name, op.columns, "_key")
        if isinstance(op, ops.CreateForeignKeyOp) and op.constraint_name is None:
            op.constraint_name = default_name(op.source_table, op.local_cols, "_fkey")
