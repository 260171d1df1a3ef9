# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What is the libdsql dialect's own: streams, casts, values, read-only transactions, the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import libdsql.local
import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine
from aurora_dsql_sqlalchemy.libdsql import AuroraDSQLDialect_libdsql
from relay import Relay
from sqlalchemy import (
    JSON,
    REAL,
    Column,
    Date,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, StatementError

MakeEngine = Callable[..., Engine]

kinds = Table(
    "libdsql_kinds",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(20)),
    Column("data", JSON),
    Column("price", Numeric(10, 2)),
    Column("weight", Float),
    Column("born", Date),
    Column("raw", LargeBinary),
    Column("key", Uuid),
)


@pytest.fixture
def driver() -> str:
    return "libdsql"


@pytest.fixture
def relay(endpoint: libdsql.local.LocalEndpoint) -> Iterator[Relay]:
    with Relay(endpoint.port) as relay:
        yield relay


def sql(statement: Any) -> str:
    return " ".join(str(statement.compile(dialect=AuroraDSQLDialect_libdsql())).split())


def test_values_of_columns_need_no_casts() -> None:
    assert sql(kinds.insert()).endswith("VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    update = sql(kinds.update().values(name="x", data={}).where(kinds.c.id == 1))
    assert update.endswith("SET name=$1, data=$2 WHERE libdsql_kinds.id = $3")


def test_text_and_what_may_be_null_is_cast_elsewhere() -> None:
    assert sql(select(literal("a") + literal("b"))).startswith("SELECT $1::VARCHAR || $2::VARCHAR")
    assert "concat($1::VARCHAR, $2)" in sql(select(func.concat("a", 1)))
    assert "$1::DATE IS NULL" in sql(select(bindparam("d", type_=Date).is_(None)))


@pytest.mark.parametrize("kind", [Integer, Numeric(10, 2), Float, LargeBinary, Uuid])
def test_a_filter_of_any_type_may_be_left_out(engine: Engine, kind: Any) -> None:
    wanted = bindparam("wanted", type_=kind)
    filtered = select(literal(1)).where(wanted.is_(None) | wanted.is_not(None))
    with engine.connect() as connection:
        assert connection.scalar(filtered, {"wanted": None}) == 1


def test_bytes_are_not_given_as_text(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(StatementError, match="encode it"):
        connection.execute(select(literal("a\\b", LargeBinary)))


def test_real_numbers_are_what_was_written(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(select(cast(literal(0.1), REAL))) == 0.1


def test_encoding_of_an_engine_is_utf8(make_engine: MakeEngine) -> None:
    with make_engine(client_encoding="utf8").connect() as connection:
        assert connection.scalar(text("SHOW client_encoding")) == "UTF8"
    with pytest.raises(InterfaceError, match="utf8 only"):
        make_engine(client_encoding="latin1").connect()


def test_rows_keep_their_values(engine: Engine) -> None:
    key = "00000000-0000-0000-0000-00000000002a"
    row = {
        "id": 1,
        "name": "A",
        "data": {"a": [1, None]},
        "price": Decimal("9.50"),
        "weight": 0.5,
    } | {"born": date(2020, 2, 29), "raw": b"\0\xff", "key": key}
    kinds.drop(engine, checkfirst=True)
    kinds.create(engine)
    with engine.begin() as connection:
        key_of = {"key": bindparam("key", type_=Uuid(as_uuid=False))}
        connection.execute(kinds.insert().values(key_of), row)
        empty = {column.name: None for column in kinds.c if column.name != "id"}
        connection.execute(kinds.insert(), [{"id": 2, **empty}, {"id": 3, **empty}])
        first, second = connection.execute(select(kinds).order_by(kinds.c.id).limit(2)).mappings()
        assert {**first, "key": str(first["key"])} == row
        assert set(dict(second).values()) == {2, None}
    kinds.drop(engine)


def test_json_goes_through_the_functions_of_the_engine(make_engine: MakeEngine) -> None:
    engine = make_engine(
        json_serializer=lambda value: json.dumps({"wrapped": value}),
        json_deserializer=lambda text: json.loads(text)["wrapped"],
    )
    with engine.connect() as connection:
        assert connection.execute(select(literal([1], JSON))).scalar_one() == [1]
        raw = connection.execute(text("""SELECT '{"wrapped"\\: 2}'::jsonb""")).scalar_one()
    assert raw == 2


MANY = text("SELECT n, repeat('x', 100) FROM generate_series(1, 100000) n")


def test_streamed_rows_come_as_they_are_fetched(make_engine: MakeEngine, relay: Relay) -> None:
    engine = make_engine(connect_args={"port": relay.port})
    with engine.connect() as connection:
        before = relay.from_server
        rows = connection.execution_options(yield_per=10).execute(MANY)
        assert next(iter(rows)).n == 1
        assert relay.from_server - before < 5_000_000, "all rows were read at once"
        assert sum(1 for _ in rows) == 99_999
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_stream_that_is_not_read_to_its_end_does_no_harm(engine: Engine) -> None:
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True)
        with streaming.execute(MANY) as rows:
            assert rows.fetchone() == (1, "x" * 100)
        assert connection.execute(text("SELECT 2")).scalar_one() == 2
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 3")).scalar_one() == 3


def test_stream_of_asyncio(
    endpoint: libdsql.local.LocalEndpoint, place_args: dict[str, Any], relay: Relay
) -> None:
    async def main() -> int:
        engine = create_async_dsql_engine(
            "localhost", sslrootcert=endpoint.ca, connect_args={**place_args, "port": relay.port}
        )
        count = 0
        async with engine.connect() as connection:
            before = relay.from_server
            rows = await connection.stream(MANY)
            async for _ in rows:
                count += 1
                assert count > 1 or relay.from_server - before < 5_000_000
            async with connection.stream(MANY) as rows:
                assert (await rows.first()) is not None
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
        await engine.dispose()
        return count

    assert asyncio.run(main()) == 100_000


@pytest.mark.parametrize("option", ["auroradsql_readonly", "postgresql_readonly"])
def test_readonly_transaction_refuses_to_write(engine: Engine, option: str) -> None:
    kinds.drop(engine, checkfirst=True)
    kinds.create(engine)
    with engine.connect().execution_options(**{option: True}) as connection:
        assert connection.execute(select(func.count()).select_from(kinds)).scalar_one() == 0
        with pytest.raises(DBAPIError, match="read-only"):
            connection.execute(kinds.insert(), {"id": 1})
    with engine.begin() as connection:
        connection.execute(kinds.insert(), {"id": 1})
    kinds.drop(engine)


def test_deferrable_changes_nothing(engine: Engine) -> None:
    both = {"postgresql_readonly": True, "postgresql_deferrable": True}
    with engine.connect().execution_options(**both) as connection:
        assert connection.scalar(text("SHOW transaction_read_only")) == "on"
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW transaction_read_only")) == "off"


@pytest.mark.parametrize("pre_ping", [True, False])
def test_connection_that_was_cut_is_noticed(
    make_engine: MakeEngine, relay: Relay, pre_ping: bool
) -> None:
    engine = make_engine(connect_args={"port": relay.port}, pool_pre_ping=pre_ping)
    with engine.connect() as connection:
        first = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        relay.cut_after(0)
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("SELECT 1"))
        assert caught.value.connection_invalidated
    relay.cut_after(-1)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != first


def test_errors_have_what_programs_look_for(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT 1 / 0"))
    error: Any = caught.value.orig
    assert (error.sqlstate, error.pgcode) == ("22012", "22012")
    assert error.diag.message_primary == "division by zero"
