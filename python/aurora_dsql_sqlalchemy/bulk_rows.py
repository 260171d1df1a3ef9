# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Rows as programs have them, made into dictionaries by the keys of a table's columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Table, exc, inspect
from sqlalchemy.orm import Mapper

from aurora_dsql_sqlalchemy.batches import Row
from aurora_dsql_sqlalchemy.keys import random_uuid, random_uuid_keys


class Target:
    """A table; if a mapped class was given, its own names of the columns are understood."""

    def __init__(self, given: Table | type[Any]) -> None:
        found: Any = given
        self.mapper: Mapper[Any] | None = None
        self.names: dict[str, str] = {}
        if isinstance(given, type):
            mapper = inspect(given, raiseerr=False)
            if isinstance(mapper, Mapper):
                found = mapper.persist_selectable
                self._understand(mapper)
        if not isinstance(found, Table):
            raise exc.ArgumentError(f"give a Table or a mapped class, not {given!r}")
        self.table = found
        self.columns = set(found.c.keys())
        self.made = _made_keys(found)

    def _understand(self, mapper: Mapper[Any]) -> None:
        if len(mapper.tables) > 1:
            names = ", ".join(sorted(str(table) for table in mapper.tables))
            raise exc.ArgumentError(
                f"{mapper.class_.__name__} is mapped to several tables ({names}): "
                "write to each of them in a call of its own"
            )
        self.mapper = mapper
        for attribute in mapper.column_attrs:
            column = attribute.columns[0]
            if isinstance(column, Column):
                self.names[attribute.key] = column.key

    def primary_key(self) -> list[Column[Any]]:
        return primary_key(self.table)

    def row(self, given: Any) -> Row:
        """One row, for whatever is done with it."""
        names = self.names
        row = {names.get(name, name): value for name, value in self._values(given).items()}
        if not row.keys() <= self.columns:  # SQLAlchemy would leave them out
            unknown = ", ".join(map(str, row.keys() - self.columns))
            raise exc.ArgumentError(f"{self.table.name} has no column {unknown}: {given!r:.80}")
        return row

    def _values(self, given: Any) -> Mapping[str, Any]:
        if isinstance(given, Mapping):
            return given
        if hasattr(given, "_asdict"):  # a named tuple, or a row that was selected
            return given._asdict()  # type: ignore[no-any-return]
        if self.mapper is not None and isinstance(given, self.mapper.class_):
            return {name: given.__dict__[name] for name in self.names if name in given.__dict__}
        if dataclasses.is_dataclass(given) and not isinstance(given, type):
            return {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
        raise exc.ArgumentError(
            f"{given!r:.80} is no row: give dictionaries by the names of the columns, named "
            "tuples, objects of dataclasses or of the mapped class"
        )

    def new_row(self, given: Any) -> Row:
        """A row to be inserted, with the keys that a default would make, so that we know them."""
        row = self.row(given)
        for name, make in self.made:
            if name not in row:
                row[name] = make()
        mapper = self.mapper
        if mapper is not None and isinstance(mapper.polymorphic_on, Column):
            row.setdefault(mapper.polymorphic_on.key, mapper.polymorphic_identity)
        return row

    def key(self, given: Any) -> Row:
        """A primary key alone: a row that has it, a tuple, or the value of a key of one column."""
        columns = self.primary_key()
        if isinstance(given, Mapping) or (self.mapper and isinstance(given, self.mapper.class_)):
            row = self.row(given)
            return {column.key: _of(row, column) for column in columns}
        if isinstance(given, tuple) and len(given) == len(columns):
            return {column.key: value for column, value in zip(columns, given, strict=True)}
        if len(columns) == 1 and not isinstance(given, tuple):
            return {columns[0].key: given}
        raise exc.ArgumentError(
            f"{given!r:.80} is no key of {self.table.name}, which has {len(columns)} columns "
            f"({', '.join(column.key for column in columns)}): give tuples or dictionaries"
        )

    def changed_row(self, given: Any) -> Row:
        """A row to be updated: its key and new values."""
        row = self.row(given)
        columns = self.primary_key()
        for column in columns:
            _of(row, column)
        if len(row) == len(columns):
            raise exc.ArgumentError(f"{given!r:.80} has no new value")
        return row


def primary_key(table: Table) -> list[Column[Any]]:
    columns = list(table.primary_key)
    if not columns:
        raise exc.ArgumentError(f"{table.name} has no primary key: its rows cannot be named")
    return columns


def _of(row: Row, column: Column[Any]) -> Any:
    if column.key not in row:
        raise exc.ArgumentError(f"rows need their keys: {column.key} is missing in {row!r:.80}")
    return row[column.key]


def _made_keys(table: Table) -> list[tuple[str, Any]]:
    """The columns of the primary key whose values can be made here, and how."""
    random = random_uuid_keys(table)
    found = []
    for column in table.primary_key:
        make = _maker(column, column in random)
        if make is not None:
            found.append((column.key, make))
    return found


def _maker(column: Column[Any], is_random: bool) -> Any:
    if is_random:
        return lambda: random_uuid(column)
    default: Any = column.default
    if default is None:
        return None
    if default.is_scalar:
        return lambda: default.arg
    if default.is_callable and hasattr(default.arg, "__wrapped__"):  # it needs no context
        return lambda: default.arg(None)
    return None
