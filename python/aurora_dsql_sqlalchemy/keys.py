# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Rows with UUID keys in batches.

SQLAlchemy inserts many rows with one statement only when it can tell which of the returned keys is
whose; of keys that the server makes by gen_random_uuid() nobody can. Where several rows are
inserted at once, the same kind of keys is made here instead, a random UUID each.
"""

# SQLAlchemy's compilers have few types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Insert, Table, Uuid, event
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy import Engine

MADE_BY_THE_SERVER = re.compile(r"\s*gen_random_uuid\s*\(\s*\)\s*", re.IGNORECASE)


def is_random_uuid(default: Any) -> bool:
    """Whether a default, of the column or of the server, is gen_random_uuid()."""
    made = getattr(default, "arg", None)
    if isinstance(made, FunctionElement):
        return getattr(made, "name", "").lower() == "gen_random_uuid"
    text = made.text if isinstance(made, TextClause) else made
    return isinstance(text, str) and MADE_BY_THE_SERVER.fullmatch(text) is not None


def random_uuid_keys(table: Any) -> list[Column[Any]]:
    """The columns of the primary key that are random UUIDs unless a value is given."""
    if not isinstance(table, Table):
        return []
    return [
        column
        for column in table.primary_key
        if isinstance(column.type, Uuid)
        and is_random_uuid(column.default if column.default is not None else column.server_default)
    ]


def random_uuid(column: Column[Any]) -> Any:
    """A value for such a column."""
    made = uuid.uuid4()
    return made if column.type.as_uuid else str(made)  # type: ignore[attr-defined]


def _make_keys(
    connection: Any, statement: Any, rows: Any, row: Any, execution_options: Any
) -> tuple[Any, Any, Any]:
    if len(rows) > 1 and isinstance(statement, Insert):
        given = {*rows[0], *(getattr(key, "key", key) for key in statement._values or ())}
        is_plain = statement.select is None and not statement._multi_values
        for column in random_uuid_keys(statement.table) if is_plain else ():
            if column.key not in given:
                rows = [{**item, column.key: random_uuid(column)} for item in rows]
    return statement, rows, row


def make_keys(engine: Engine) -> None:
    """Make the keys of rows that this engine inserts several at a time."""
    event.listen(engine, "before_execute", _make_keys, retval=True)


class KeyStatements(PGCompiler):
    """INSERT, told that keys which are given identify their rows, whatever their default is."""

    def _get_sentinel_column_for_table(self, table: Table) -> Any:
        found = super()._get_sentinel_column_for_table(table)
        keys = random_uuid_keys(table)
        if found is None and keys and set(keys) == set(table.primary_key):
            given = {getattr(key, "key", key) for key in self.column_keys or ()}
            if all(column.key in given for column in keys):
                return keys
        return found
