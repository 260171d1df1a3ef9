# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Alembic's autogenerate finds nothing in an unchanged model, of whatever kind, and each change.

What has changed is told by the server's own catalog, read from the tables of either model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Engine, Identity, Index, Integer, MetaData, Table, func, text, types
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql

MakeEngine = Callable[..., Engine]

TYPES: list[Any] = [
    types.Integer(),
    types.SmallInteger(),
    types.BigInteger(),
    types.Float(),
    types.Float(24),
    types.REAL(),
    types.Double(),
    types.Numeric(),
    types.Numeric(10),
    types.Numeric(38, 10),
    types.DECIMAL(12, 3),
    types.String(),
    types.String(10),
    types.Unicode(7),
    types.Text(),
    types.CHAR(),
    types.CHAR(4),
    types.Boolean(),
    types.Date(),
    types.DateTime(),
    types.DateTime(timezone=True),
    postgresql.TIMESTAMP(precision=3),
    types.Time(),
    types.Time(timezone=True),
    types.Interval(),
    postgresql.INTERVAL(precision=3),
    postgresql.INTERVAL(fields="DAY TO SECOND"),
    types.LargeBinary(),
    types.Uuid(),
    types.Uuid(native_uuid=False),
    types.JSON(),
    postgresql.JSONB(),
    types.JSON().with_variant(postgresql.JSONB(), "postgresql"),
    types.PickleType(),
    types.Enum("a", "bcd", name="e1"),
    types.Enum("a", "b", name="e2", create_constraint=True),
    postgresql.ENUM("x", "yy", name="e3"),
    postgresql.DOMAIN("dom1", types.Integer(), check="VALUE > 0"),
    types.BINARY(3),
    types.CLOB(),
    types.DATETIME(),
    types.NVARCHAR(9),
    mysql.TINYINT(1),
    mysql.MEDIUMINT(),
    mysql.DOUBLE(10, 2),
    mysql.BIT(8),
    mssql.DATETIMEOFFSET(),
    mssql.MONEY(),
    mssql.UNIQUEIDENTIFIER(),
    oracle.NUMBER(9, 2),
    oracle.VARCHAR2(3),
    oracle.INTERVAL(),
]

DEFAULTS: list[tuple[Any, Any]] = [
    (Integer, "0"),
    (Integer, text("-5")),
    (Integer, text("1+1")),
    (Integer, text("abs(-5)")),
    (Integer, text("nextval('numbers')")),
    (Integer, sa.Sequence("numbers").next_value()),
    (types.BigInteger, func.floor(5)),
    (types.BigInteger, text("(extract(epoch from now()) * 1000)::bigint")),
    (types.Float, "1.50"),
    (types.Numeric(10, 2), text("5")),
    (types.String, ""),
    (types.String, "it's"),
    (types.String, "(x)"),
    (types.String, "now()"),
    (types.String, "NULL"),
    (types.Text, "a::b 100% :name\\"),
    (types.Text, text("lower('ABC')")),
    (types.Text, text("coalesce(NULL, 'x')")),
    (types.Text, text("CASE WHEN true THEN 'a' ELSE 'b' END")),
    (types.Text, text("replace(gen_random_uuid()::text, '-', '')")),
    (types.Text, text("NULL")),
    (types.CHAR(3), "ab"),
    (types.Boolean, sa.true()),
    (types.Boolean, "f"),
    (types.Boolean, "1"),
    (types.Date, func.current_date()),
    (types.Date, "2020-01-02"),
    (types.DateTime, func.now()),
    (types.DateTime, text("(now() at time zone 'UTC')")),
    (types.DateTime(timezone=True), text("now() + interval '1 day'")),
    (types.DateTime(timezone=True), "2020-01-01 00:00:00+00"),
    (types.Time, "12:00"),
    (types.Interval, text("INTERVAL '2 hours'")),
    (types.Uuid, func.gen_random_uuid()),
    (types.Uuid, "00000000000000000000000000000001"),
    (types.JSON, "{}"),
    (postgresql.JSONB, '{"a":1, "b": [1,2]}'),
    (types.LargeBinary, "abc"),
    (types.Enum("a", "b", name="ea"), "a"),
]

IDENTITIES: list[Callable[[], Identity]] = [
    lambda: Identity(),
    lambda: Identity(always=True),
    lambda: Identity(cache=1),
    lambda: Identity(cycle=True),
    lambda: Identity(increment=2),
    lambda: Identity(minvalue=-5, start=1),
    lambda: Identity(maxvalue=500),
    lambda: Identity(increment=-1),
    lambda: Identity(start=10, increment=5, minvalue=3, maxvalue=500, cycle=True, cache=1),
]

KEYS: list[Callable[[Any], Any]] = [
    lambda c: c.a,
    lambda c: c.a.nulls_first(),
    lambda c: c.a.nulls_last(),
    lambda c: func.lower(c.b),
    lambda c: func.lower(c.b).nulls_first(),
    lambda c: c.a + c.g,
    lambda c: func.coalesce(c.a, 0),
    lambda c: c.j["Key x"].astext,
    lambda c: c.j["n"].astext.cast(Integer),
    lambda c: text("(a * 2)"),
    lambda c: func.date_trunc("day", c.d),
    lambda c: sa.cast(c.d, types.Date),
    lambda c: sa.case((c.a > 1, 1), else_=0),
    lambda c: c.b + c.Mixed,
    lambda c: sa.extract("year", c.d),
    lambda c: -c.a,
]

CONDITIONS: list[Callable[[Any], Any]] = [
    lambda c: c.a > 1,
    lambda c: c.a.is_(None),
    lambda c: c.b != "it's 5%",
    lambda c: c.b.in_(["p", "q"]),
    lambda c: c.b.in_(["p"]),
    lambda c: c.b.not_in(["p", "q"]),
    lambda c: c.b.like("a%"),
    lambda c: c.b.not_like("a%"),
    lambda c: c.b.ilike("a%"),
    lambda c: c.f,
    lambda c: ~c.f,
    lambda c: sa.and_(c.a > 1, sa.or_(c.b == "y", c.b == "z")),
    lambda c: c.a.between(1, 5),
    lambda c: c.d > "2020-01-01",
    lambda c: c.j["k"].astext == "v",
    lambda c: c.a.is_distinct_from(3),
    lambda c: text("a > 5 and b IS NOT null"),
    lambda c: c.u == sa.literal("00000000-0000-0000-0000-000000000001"),
]


@pytest.fixture
def driver() -> str:
    """What is compared is the same with every driver."""
    return "psycopg"


@pytest.fixture
def engine(make_engine: MakeEngine) -> Iterator[Engine]:
    engine = make_engine(foreign_keys=True)
    yield engine
    found = MetaData()
    found.reflect(engine)
    found.drop_all(engine)


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
    plain = [kind for kind in TYPES if not getattr(kind, "create_constraint", False)]
    for number in (1, 17):
        one, other = columns([(kind,) for kind in plain]), rotated(plain, number)
        assert compare(engine, one, columns([(kind,) for kind in other]), query) > 30
    metadata = columns([(kind,) for kind in TYPES])
    metadata.create_all(engine)
    assert differences(engine, metadata) == []


def test_defaults(engine: Engine) -> None:
    def model(default: Callable[[int], Any]) -> MetaData:
        metadata = columns([])
        sa.Sequence("numbers", metadata=metadata)
        for n, (kind, _) in enumerate(DEFAULTS):
            column = Column(f"c{n}", kind, server_default=default(n))
            metadata.tables["auto"].append_column(column)
        return metadata

    metadata = model(lambda n: DEFAULTS[n][1])
    metadata.create_all(engine)
    assert differences(engine, metadata) == []
    names = {f"c{n}" for n, (_, default) in enumerate(DEFAULTS) if str(default) != "NULL"}
    assert changed(engine, model(lambda n: None)) >= names - {"c14"}
    other = {f"c{n}" for n in range(len(DEFAULTS)) if n not in (14, 20)}
    assert changed(engine, model(lambda n: text("reverse('37')"))) >= other


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
        {"postgresql_nulls_not_distinct": True},
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
