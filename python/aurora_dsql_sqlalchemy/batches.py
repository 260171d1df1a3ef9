# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Rows cut into batches, each small enough for a transaction, and what is done with a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, Connection, Table, bindparam, exc, func, insert, select, tuple_

from aurora_dsql_sqlalchemy.keys import random_uuid, random_uuid_keys

Row = dict[str, Any]
Outcome = Literal["committed", "failed", "unknown", "skipped"]
Settle = Callable[[Connection, "Batch"], "bool | None"]

ENTRY_BYTES = 24
"""What a row or an index entry takes beside its values."""


@dataclass(frozen=True)
class Part:
    """What became of the rows number first to first + rows - 1, counted from 0."""

    first: int
    rows: int
    outcome: Outcome
    error: BaseException | None = None


@dataclass(frozen=True)
class Batch:
    """Rows for one transaction; first is the number of the first of them."""

    first: int
    rows: Sequence[Row]

    def part(self, outcome: Outcome, error: BaseException | None = None) -> Part:
        return Part(self.first, len(self.rows), outcome, error)

    def halves(self) -> tuple[Batch, Batch]:
        middle = len(self.rows) // 2
        return (
            Batch(self.first, self.rows[:middle]),
            Batch(self.first + middle, self.rows[middle:]),
        )


class Sizes:
    """Guesses how many bytes a row of a table counts for, its index entries too."""

    def __init__(self, table: Table) -> None:
        self.indexed = [
            [column.key for column in index.columns] + [column.key for column in table.primary_key]
            for index in table.indexes
        ]

    def __call__(self, row: Mapping[str, Any]) -> int:
        sizes = {name: _value_bytes(value) for name, value in row.items()}
        entries = (
            ENTRY_BYTES + sum(sizes.get(name, 0) for name in names) for names in self.indexed
        )
        return ENTRY_BYTES + sum(sizes.values()) + sum(entries)


def _value_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value)
    if isinstance(value, (dict, list)):
        return len(repr(value))
    return 16


def batches(
    table: Table,
    rows: Iterable[Row],
    max_rows: int,
    max_bytes: int,
    done: Sequence[tuple[int, int]] = (),
) -> Iterator[Batch | Part]:
    """Cut rows into batches of neighbours; Parts for those in done, pairs of first and rows."""
    size_of = Sizes(table)
    waiting: list[Row] = []
    skipped = {number for first, count in done for number in (first, first + count)}
    size = passed = number = 0
    for number, row in enumerate(rows):
        if number in skipped or passed:
            covered = any(first <= number < first + count for first, count in done)
            if covered:
                if waiting:
                    yield Batch(number - len(waiting), waiting)
                    waiting, size = [], 0
                passed += 1
                continue
            if passed:
                yield Part(number - passed, passed, "skipped")
                passed = 0
        more = size_of(row)
        if waiting and (len(waiting) >= max_rows or size + more > max_bytes):
            yield Batch(number - len(waiting), waiting)
            waiting, size = [], 0
        waiting.append(row)
        size += more
    end = number + 1
    if passed:
        yield Part(end - passed, passed, "skipped")
    if waiting:
        yield Batch(end - len(waiting), waiting)


# Keys


def primary_key(table: Table) -> list[Column[Any]]:
    columns = list(table.primary_key)
    if not columns:
        raise exc.ArgumentError(f"{table.name} has no primary key: its rows cannot be named")
    return columns


def with_keys(table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """The rows with the keys that would otherwise be made by a default, so that we know them."""
    random = random_uuid_keys(table)
    for given in rows:
        row = dict(given)
        for column in table.primary_key:
            if column.key in row:
                continue
            if column in random:
                row[column.key] = random_uuid(column)
            else:
                make = getattr(column.default, "arg", None)
                if callable(make) and hasattr(
                    make, "__wrapped__"
                ):  # a function that needs no context
                    row[column.key] = make(None)
        yield row


def keys_of(table: Table, rows: Iterable[Any]) -> Iterator[Row]:
    """Rows of a primary key alone, given as dictionaries, tuples, or values of one column."""
    columns = primary_key(table)
    for given in rows:
        if isinstance(given, Mapping):
            yield {column.key: given[column.key] for column in columns}
        elif isinstance(given, tuple):
            yield {column.key: value for column, value in zip(columns, given, strict=True)}
        elif len(columns) == 1:
            yield {columns[0].key: given}
        else:
            raise exc.ArgumentError(
                f"{table.name} has a key of {len(columns)} columns: give tuples or dictionaries"
            )


def _among(table: Table, rows: Sequence[Row]) -> Any:
    """The condition that a row's key is among those of rows."""
    columns = primary_key(table)
    if len(columns) == 1:
        return columns[0].in_([row[columns[0].key] for row in rows])
    keys = [tuple(row[column.key] for column in columns) for row in rows]
    return tuple_(*columns).in_(keys)


# What is done with a batch, and how it is found out afterwards whether it was


def inserting(table: Table, connection: Connection, batch: Batch) -> None:
    connection.execute(insert(table), batch.rows)


def updating(table: Table, connection: Connection, batch: Batch) -> None:
    columns = primary_key(table)
    missing = [column.key for column in columns if column.key not in batch.rows[0]]
    if missing:
        raise exc.ArgumentError(f"rows to update need their keys: {', '.join(missing)} is missing")
    statement = table.update()
    for column in columns:
        statement = statement.where(column == bindparam(f"key_{column.key}", type_=column.type))
    names = {column.key: f"key_{column.key}" for column in columns}
    rows = [{names.get(name, name): value for name, value in row.items()} for row in batch.rows]
    values = [name for name in batch.rows[0] if name not in names]
    connection.execute(statement.values({name: bindparam(name) for name in values}), rows)


def deleting(table: Table, connection: Connection, batch: Batch) -> None:
    connection.execute(table.delete().where(_among(table, batch.rows)))


def _present(table: Table, connection: Connection, batch: Batch) -> int:
    query = select(func.count()).select_from(table).where(_among(table, batch.rows))
    return int(connection.execute(query).scalar_one())


def settle_insert(table: Table, connection: Connection, batch: Batch) -> bool | None:
    """Whether the rows are there; None when they have no keys that we know, or some only."""
    columns = list(table.primary_key)
    if not columns or any(column.key not in row for row in batch.rows for column in columns):
        return None
    present = _present(table, connection, batch)
    return {0: False, len(batch.rows): True}.get(present)


def settle_delete(table: Table, connection: Connection, batch: Batch) -> bool | None:
    """Whether the rows are gone: they went together."""
    return _present(table, connection, batch) == 0
