# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Dialect options of schema items: both spellings, and those that Aurora DSQL has no place for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import exc, schema
from sqlalchemy.util import warn

if TYPE_CHECKING:
    from sqlalchemy import Index, Table

NAME = "auroradsql"
FALLBACK = "postgresql"
"""The dialect whose name in a model means ours too, where ours is not named."""

ADDED: dict[Any, dict[str, Any]] = {
    schema.Index: {"include": None, "nulls_not_distinct": None, "where": None, "invalid": None},
    schema.UniqueConstraint: {"include": None, "nulls_not_distinct": None, "using_index": None},
    schema.PrimaryKeyConstraint: {"include": None},
}
"""Options beside those of SQLAlchemy's PostgreSQL dialect, whose older releases lack some."""

PATTERN_CLASSES = frozenset({"text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops"})
"""Operator classes that do what every index does where the collation is C."""


def construct_arguments(inherited: Any) -> list[tuple[Any, dict[str, Any]]]:
    """The options that schema items take as auroradsql_NAME."""
    arguments = {item: dict(options) for item, options in inherited or ()}
    for item, options in ADDED.items():
        arguments[item] = {**options, **arguments.get(item, {})}
    return list(arguments.items())


def option(item: Any, name: str) -> Any:
    """An option of a schema item, spelled auroradsql_name or postgresql_name; None without."""
    given = dict(item.dialect_kwargs)
    for dialect in (NAME, FALLBACK):
        value = given.get(f"{dialect}_{name}")
        if value is not None:
            return value
    return None


def refuse(what: str, advice: str) -> NoReturn:
    """Say what Aurora DSQL does not have, and what to write instead."""
    raise exc.CompileError(f"Aurora DSQL has no {what}: {advice}")


def omit(dialect: Any, what: str, advice: str, part: str = "") -> None:
    """Refuse as well, unless the engine says unsupported="omit": then warn, and go on without.

    part: what is left out, with its verb, where that is another thing than what there is not.
    """
    if dialect.unsupported != "omit":
        refuse(what, advice)
    warn(f"Aurora DSQL has no {what}: {part} left out".replace("  ", " "))


def check_table(table: Table, dialect: Any) -> None:
    """Refuse what a table asks for beyond columns and constraints."""
    words = " ".join(str(prefix) for prefix in table._prefixes).upper().split()
    if {"TEMPORARY", "TEMP"} & set(words) or option(table, "on_commit"):
        refuse("temporary tables", "use an ordinary table, or a common table expression")
    if option(table, "inherits"):
        refuse("table inheritance", "give each table its own columns, or use a foreign key")
    if words:
        omit(dialect, f"{' '.join(words)} tables", "leave the prefix out")
    if option(table, "partition_by"):
        advice = "leave partition_by out, it spreads the rows of a table by itself"
        omit(dialect, "partitions", advice)
    if option(table, "tablespace"):
        omit(dialect, "tablespaces", "leave tablespace out")
    if option(table, "using") not in (None, "heap", "btree_table"):
        omit(dialect, "choice of table access methods", "leave using out")
    if option(table, "with_oids"):
        omit(dialect, "tables with OIDs", "use a column with Identity() or a UUID")


def check_index(index: Index, dialect: Any) -> bool:
    """Refuse what an index asks for beyond keys, included columns and a predicate.

    False if the whole index is left out: its method is for values that are no keys otherwise.
    """
    using = str(option(index, "using") or "btree").lower()
    if using not in ("btree", "btree_index"):
        omit(
            dialect,
            f"index method {using}" + (f", which index {index.name!r} has" if index.name else ""),
            "leave using out and index what is searched for, for json an expression as "
            "(data ->> 'key')",
        )
        if using not in ("hash", "brin"):
            return False
    if option(index, "concurrently"):
        omit(dialect, "CONCURRENTLY", "leave it out, each index is built in the background")
    if option(index, "tablespace"):
        omit(dialect, "tablespaces", "leave tablespace out")
    for name in (option(index, "ops") or {}).values():
        if name.lower() not in PATTERN_CLASSES:
            omit(dialect, f"operator class {name}", "leave ops out")
    return True
