# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Alembic's autogenerate finds nothing in an unchanged model, of whatever kind, and each change.

What has changed is told by the server's own catalog, read from the tables of either model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from kinds import CONDITIONS, IDENTITIES, KEYS, all_defaults, all_types
from one_driver import driver, engine
from sqlalchemy import Column, Engine, Index, Integer, MetaData, Table, text, types
from sqlalchemy.dialects import postgresql

__all__ = ["driver", "engine"]  # fixtures


def differences(engine: Engine, metadata: MetaData) -> list[Any]:
    """One tuple for each thing that differs."""
    options = {
        "target_metadata": metadata,
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        found = compare_metadata(context, metadata)
    return [one for item in found for one in (item if isinstance(item, list) else [item])]


def changed(engine: Engine, metadata: MetaData) -> set[str]:
    """The names of the columns, indexes and constraints that differ."""
    names = set()
    for item in differences(engine, metadata):
        names.add(item[3] if item[0].startswith("modify") else item[1].name)
    return names


def catalog(engine: Engine, query: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(text(query))}


def columns(items: list[tuple[Any, ...]], **options: Any) -> MetaData:
    """A table with the columns c0, c1 and so on."""
    metadata = MetaData()
    key = Column("id", Integer, primary_key=True)
    rest = [Column(f"c{n}", *item, **options) for n, item in enumerate(items)]
    Table("auto", metadata, key, *rest)
    return metadata


def rotated(items: list[Any], by: int) -> list[Any]:
    return items[by:] + items[:by]


def compare(engine: Engine, one: MetaData, other: MetaData, query: str) -> int:
    """Both models are found unchanged, and what differs between them is found, by the catalog."""
    other.create_all(engine)
    wanted = catalog(engine, query)
    assert differences(engine, other) == []
    other.drop_all(engine)
    one.create_all(engine)
    there = catalog(engine, query)
    assert differences(engine, one) == []
    expected = {name for name in there if there[name] != wanted[name]}
    assert changed(engine, other) == expected
    one.drop_all(engine)
    return len(expected)


def test_types(engine: Engine) -> None:
    query = """SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = 'auto'::regclass AND attnum > 1"""
    # Their constraints have names of their own, which are compared elsewhere.
    plain = [kind for kind in all_types() if not getattr(kind, "create_constraint", False)]
    for number in (1, 17):
        one, other = columns([(kind,) for kind in plain]), rotated(plain, number)
        assert compare(engine, one, columns([(kind,) for kind in other]), query) > 30
    metadata = columns([(kind,) for kind in all_types()])
    metadata.create_all(engine)
    assert differences(engine, metadata) == []


def test_defaults(engine: Engine) -> None:
    defaults = all_defaults()

    def model(default: Callable[[int], Any]) -> MetaData:
        metadata = columns([])
        sa.Sequence("auto_numbers", metadata=metadata)
        for n, (kind, _) in enumerate(defaults):
            column = Column(f"c{n}", kind, server_default=default(n))
            metadata.tables["auto"].append_column(column)
        return metadata

    metadata = model(lambda n: defaults[n][1])
    metadata.create_all(engine)
    assert differences(engine, metadata) == []
    names = {f"c{n}" for n, (_, default) in enumerate(defaults) if str(default) != "NULL"}
    assert changed(engine, model(lambda n: None)) >= names - {"c14"}
    other = {f"c{n}" for n in range(len(defaults)) if n not in (14, 20)}
    assert changed(engine, model(lambda n: text("reverse('37')"))) >= other
    metadata.drop_all(engine)


def test_identities(engine: Engine) -> None:
    query = """SELECT attname, attidentity, seqincrement, seqmin, seqmax, seqcache, seqcycle
        FROM pg_attribute LEFT JOIN pg_depend ON refobjid = attrelid AND refobjsubid = attnum
        AND deptype = 'i' LEFT JOIN pg_sequence ON seqrelid = objid
        WHERE attrelid = 'auto'::regclass AND attnum > 1"""

    def model(by: int) -> MetaData:
        made = [(sa.BigInteger, identity()) for identity in rotated(IDENTITIES, by)]
        return columns(made, nullable=False)

    for number in (1, 4):
        assert compare(engine, model(0), model(number), query) >= 7


def indexed(keys: list[Any], conditions: list[Any], checks: list[Any]) -> MetaData:
    """A table with an index on each key, one for each condition, and its checks."""
    metadata = MetaData()
    table = Table(
        "auto",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("a", Integer),
        Column("b", types.String(20)),
        Column("d", types.DateTime),
        Column("f", types.Boolean),
        Column("g", Integer),
        Column("j", postgresql.JSONB),
        Column("u", types.Uuid),
        Column("Mixed", types.Text),
    )
    for n, key in enumerate(keys):
        index = Index(f"k{n}", key(table.c))
        if index.table is None:  # that of a text
            table.append_constraint(index)
    for n, condition in enumerate(conditions):
        Index(f"w{n}", table.c.a, postgresql_where=condition(table.c))
    for n, check in enumerate(checks):
        table.append_constraint(sa.CheckConstraint(check(table.c), name=f"c{n}"))
    return metadata


def test_keys_of_indexes(engine: Engine) -> None:
    query = """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid, 1, true),
        indoption::text FROM pg_index WHERE indrelid = 'auto'::regclass"""
    one, other = indexed(KEYS, [], []), indexed(rotated(KEYS, 1), [], [])
    assert compare(engine, one, other, query) == len(KEYS)


def test_conditions_of_indexes_and_of_checks(engine: Engine) -> None:
    query = """SELECT indexrelid::regclass::text, pg_get_expr(indpred, indrelid)
        FROM pg_index WHERE indrelid = 'auto'::regclass UNION ALL
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'auto'::regclass AND contype = 'c'"""
    one = indexed([], CONDITIONS, CONDITIONS)
    other = indexed([], rotated(CONDITIONS, 1), rotated(CONDITIONS, 1))
    assert compare(engine, one, other, query) == 2 * len(CONDITIONS)


def test_foreign_keys_and_unique_constraints(engine: Engine) -> None:
    keys: list[dict[str, Any]] = [
        {},
        {"ondelete": "CASCADE"},
        {"onupdate": "SET NULL", "ondelete": "RESTRICT"},
        {"deferrable": True},
        {"deferrable": True, "initially": "DEFERRED"},
        {"use_alter": True, "onupdate": "CASCADE"},
    ]
    uniques: list[dict[str, Any]] = [
        {},
        {"auroradsql_nulls_not_distinct": True},
        {"auroradsql_include": ["id"]},
    ]

    def model(by: int) -> MetaData:
        metadata = columns([(sa.BigInteger,)] * len(keys))
        Table("parent", metadata, Column("id", Integer, primary_key=True))
        table = metadata.tables["auto"]
        for n, options in enumerate(rotated(keys, by % len(keys))):
            options = {"name": f"f{n}", **options}
            table.append_constraint(sa.ForeignKeyConstraint([f"c{n}"], ["parent.id"], **options))
        for n, options in enumerate(rotated(uniques, by % len(uniques))):
            table.append_constraint(sa.UniqueConstraint(f"c{n}", name=f"u{n}", **options))
        return metadata

    query = """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'auto'::regclass AND contype <> 'p'"""
    assert compare(engine, model(0), model(1), query) == len(keys) + len(uniques)
