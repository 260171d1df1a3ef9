# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): the names that are used, and what comes behind the last row."""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import MetaData, Table, exc, inspect, schema, text
from sqlalchemy.sql.elements import quoted_name

from aurora_dsql_sqlalchemy.ddl import ValidateConstraint
from aurora_dsql_sqlalchemy.retry import sqlstate

LONGEST = 63
"""Bytes that a name may have."""

DONE = -1
"""Number of the ledger's row that says that every row is in the new table."""
NAMES = -2
"""Number of the ledger's row that says what is done, and which names indexes will get."""

REFERRING = text(
    "SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid), c.convalidated,"
    " d.description FROM pg_constraint c"
    " LEFT JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_constraint'::regclass"
    " JOIN pg_class t ON t.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
    " WHERE c.contype = 'f' AND c.conrelid <> c.confrelid AND t.relname = :name"
    " AND n.nspname = :schema"
)
INDEX_COMMENTS = text(
    "SELECT i.relname, d.description FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace"
    " JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_description d ON d.objoid = i.oid AND d.classoid = 'pg_class'::regclass"
    " WHERE t.relname = :name AND n.nspname = :schema"
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


def default_name(table: str, columns: Iterable[str], end: str) -> str:
    """What PostgreSQL calls a constraint that has no name."""
    return fitting("_".join([table, *columns]), end)


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


def comment_on(op: Any, what: str, words: str | None) -> None:
    literal = "'" + words.replace("'", "''") + "'" if words else "NULL"
    run(op, f"COMMENT ON {what} IS {literal}")


# What a ledger says


def noted(op: Any, name: str, schema_: str | None) -> tuple[dict[str, Any], bool]:
    """What is noted of the copy of a table, and whether every row is in the new one."""
    if not exists(op, ledger_of(name), schema_):
        return {}, False
    ledger = qualified(op, ledger_of(name), schema_)
    query = text(f"SELECT number, note FROM {ledger} WHERE number IN ({NAMES}, {DONE})")
    found: dict[int, Any] = {number: note for number, note in op.read(query)}
    return json.loads(found.get(NAMES) or "{}"), DONE in found


# The end of a copy


def _referring(op: Any, name: str, schema_: str | None) -> Any:
    where = {"name": name, "schema": schema_ or op.dialect.default_schema_name}
    return op.read(REFERRING, where)


def turn_references(op: Any, name: str, schema_: str | None) -> None:
    """Foreign keys of other tables are made anew for the new table, before anybody writes to it."""
    target = qualified(op, new_of(name), schema_)
    found = _referring(op, old_of(name), schema_)
    for table, constraint, definition, validated, words in found:
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
        for statement in statements[:-1]:
            run(op, statement)
        if words:
            comment_on(op, f"CONSTRAINT {moved} ON {table}", words)
        run(op, statements[-1])
    notes, _ = noted(op, name, schema_)
    final = {new_of(constraint): constraint for constraint in notes["referring"]}
    for table, moved, *_ in _referring(op, new_of(name), schema_):
        if moved in final:
            names = f"{quoted(op, moved)} TO {quoted(op, final[moved])}"
            run(op, f"ALTER TABLE {table} RENAME CONSTRAINT {names}")


def notes_of(op: Any, name: str, schema_: str | None, mark: str, names: Any) -> str:
    """What the ledger has to say before a table is copied."""
    referring = [constraint for _, constraint, *_ in _referring(op, name, schema_)]
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
    where = {"name": table.name, "schema": table.schema or op.dialect.default_schema_name}
    for name, words in op.read(INDEX_COMMENTS, where):
        if name == temporary:
            comment_on(op, f"INDEX {qualified(op, final, table.schema)}", words)
    run(op, f"DROP INDEX {index}")
