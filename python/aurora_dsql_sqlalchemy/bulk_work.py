# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What is done with a batch, and how it is found out afterwards whether it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, insert, select, tuple_

from aurora_dsql_sqlalchemy.batches import Batch, Row
from aurora_dsql_sqlalchemy.bulk_rows import Target, primary_key

KEY = "auroradsql_key_"
"""How the names of parameters begin that name a row to be updated."""


@dataclass(frozen=True)
class Work:
    """A verb, and what it means.

    row makes a dictionary of what the program gives as a row. settle tells of a batch whose COMMIT
    was not answered whether it was carried out; None: nobody can tell.
    """

    verb: str
    table: Table
    row: Callable[[Any], Row]
    run: Callable[[Table, Connection, Batch], None]
    settle: Callable[[Table, Connection, Batch], bool | None]


def inserting(target: Target) -> Work:
    return Work("insert", target.table, target.new_row, _insert, _is_there)


def updating(target: Target) -> Work:
    target.primary_key()
    return Work("update", target.table, target.changed_row, _update, _is_so)


def deleting(target: Target) -> Work:
    target.primary_key()
    return Work("delete", target.table, target.key, _delete, _is_gone)


def _alike(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Neighbours with the same names; their order is kept, since rows may refer to earlier ones."""
    for _, group in groupby(rows, key=lambda row: row.keys()):
        yield list(group)


def _among(table: Table, rows: Sequence[Row]) -> Any:
    """The condition that a row's key is among those of rows."""
    columns = primary_key(table)
    if len(columns) == 1:
        return columns[0].in_([row[columns[0].key] for row in rows])
    keys = [tuple(row[column.key] for column in columns) for row in rows]
    return tuple_(*columns).in_(keys)


def _present(table: Table, connection: Connection, batch: Batch) -> int:
    query = select(func.count()).select_from(table).where(_among(table, batch.rows))
    return int(connection.execute(query).scalar_one())


def _insert(table: Table, connection: Connection, batch: Batch) -> None:
    for rows in _alike(batch.rows):
        connection.execute(insert(table), rows)


def _is_there(table: Table, connection: Connection, batch: Batch) -> bool | None:
    """Whether rows were inserted; None when they have no keys that we know, or some only."""
    columns = list(table.primary_key)
    if not columns or any(column.key not in row for row in batch.rows for column in columns):
        return None
    present = _present(table, connection, batch)
    return {0: False, len(batch.rows): True}.get(present)


def _update(table: Table, connection: Connection, batch: Batch) -> None:
    keys = {column.key: f"{KEY}{column.key}" for column in primary_key(table)}
    statement = table.update()
    for column in primary_key(table):
        statement = statement.where(column == bindparam(keys[column.key], type_=column.type))
    for rows in _alike(batch.rows):
        values: Row = {name: bindparam(name) for name in rows[0] if name not in keys}
        named = [{keys.get(name, name): value for name, value in row.items()} for row in rows]
        connection.execute(statement.values(values), named)


def _is_so(table: Table, connection: Connection, batch: Batch) -> bool | None:
    """Whether rows have the values that they were to get. If not, nobody can tell: they may have
    got them, and others since."""
    columns = primary_key(table)
    keys = [tuple(row[column.key] for column in columns) for row in batch.rows]
    if len(set(keys)) < len(keys):
        return None
    for rows in _alike(batch.rows):
        values = [table.c[name] for name in rows[0] if not table.c[name].primary_key]
        if any(c.onupdate is not None and c.key not in rows[0] for c in table.columns):
            return None
        query = select(*columns, *values).where(_among(table, rows))
        found = {tuple(row[: len(columns)]): row for row in connection.execute(query)}
        for row in rows:
            key = tuple(row[column.key] for column in columns)
            wanted = key + tuple(row[column.key] for column in values)
            if tuple(found.get(key, wanted)) != wanted:
                return None
    return True


def _delete(table: Table, connection: Connection, batch: Batch) -> None:
    connection.execute(table.delete().where(_among(table, batch.rows)))


def _is_gone(table: Table, connection: Connection, batch: Batch) -> bool | None:
    """Whether rows are gone: they went together."""
    return _present(table, connection, batch) == 0
