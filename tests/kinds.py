# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What tables can be made of, each kind once, for tests that go through all of it.

Keys and conditions are for a table with the columns a, b, d, f, g, j, u and "Mixed".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Identity, Integer, func, text, types
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql


def all_types() -> list[Any]:
    """Anew each time, as some of them belong to the first table that has them."""
    return [
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


def all_defaults() -> list[tuple[Any, Any]]:
    """Types, and a default for each."""
    return [
        (Integer, "0"),
        (Integer, text("-5")),
        (Integer, text("1+1")),
        (Integer, text("abs(-5)")),
        (Integer, text("nextval('auto_numbers')")),
        (Integer, sa.Sequence("auto_numbers").next_value()),
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

CATALOG = """
SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c
  JOIN pg_namespace n ON n.oid = c.connamespace WHERE n.nspname = 'clinic'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'clinic'
UNION ALL SELECT concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid),
    col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class'))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'clinic'
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relkind = 'r' AND a.attnum > 0
UNION ALL SELECT concat_ws(' ', c.relname, seqstart, seqincrement, seqmin, seqmax, seqcache,
    seqcycle) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'clinic'
"""
"""All that the server knows of what is in schema clinic."""
