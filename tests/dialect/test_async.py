# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""asyncio: one URL for both, a token for each connection, retired connections, DDL and rows."""

from __future__ import annotations

import asyncio
import configparser
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libdsql.http
import libdsql.local
import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, is_retryable, pooling
from impostor import Stream, fields, impostor, message
from sqlalchemy import JSON, Column, Integer, MetaData, String, Table, inspect, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MakeEngine = Callable[..., Any]


@pytest.fixture(params=["libdsql", "psycopg", "asyncpg"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_engine(
    endpoint: libdsql.local.LocalEndpoint, place_args: dict[str, Any], driver: str
) -> MakeEngine:
    """Makes engines in a context that disposes of them, in the loop that they lived in."""

    @asynccontextmanager
    async def maker(
        connect_args: dict[str, Any] | None = None, **keywords: Any
    ) -> AsyncIterator[AsyncEngine]:
        engine = create_async_dsql_engine(
            **{
                "host": "localhost",
                "driver": driver,
                "sslrootcert": endpoint.ca,
                "connect_args": {**place_args, **(connect_args or {})},
                **keywords,
            }
        )
        try:
            yield engine
        finally:
            await engine.dispose()

    return maker


def with_engine(
    make_engine: MakeEngine, work: Callable[[AsyncEngine], Awaitable[Any]], **keywords: Any
) -> Any:
    async def main() -> Any:
        async with make_engine(**keywords) as engine:
            return await work(engine)

    return asyncio.run(main())


async def scalar(engine: AsyncEngine, statement: str) -> Any:
    async with engine.connect() as connection:
        return (await connection.execute(text(statement))).scalar_one()


def test_engine_signs_in_and_says_who_it_is(make_engine: MakeEngine, driver: str) -> None:
    async def work(engine: AsyncEngine) -> tuple[str, str]:
        name = await scalar(engine, "SHOW application_name")
        return await scalar(engine, "SELECT current_user"), name

    user, name = with_engine(make_engine, work)
    assert (user, name) == (
        "admin",
        f"sqlalchemy:aurora-dsql-python-{driver}/{libdsql.__version__}",
    )


def test_url_is_that_of_the_engine_without_asyncio(
    endpoint: libdsql.local.LocalEndpoint, driver: str
) -> None:
    url = (
        f"auroradsql+{driver}://localhost:{endpoint.port}?hostaddr=127.0.0.1"
        f"&sslrootcert={endpoint.ca}&credentials_file={endpoint.credentials}"
    )

    async def main() -> str:
        engine = create_async_engine(url)
        try:
            return str(await scalar(engine, "SELECT current_user || '@' || current_database()"))
        finally:
            await engine.dispose()

    assert asyncio.run(main()) == "admin@postgres"


def test_local_host_is_found(
    place: Path, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
    monkeypatch.setattr(libdsql.local, "_known", None)
    program = start("--data", str(place / "dsql-local"))

    async def main() -> list[str]:
        engine = create_async_dsql_engine("local", driver=driver, sslrootcert="/nowhere.pem")
        users = [await scalar(engine, "SELECT current_user")]
        await engine.dispose()
        program.stop()  # the endpoint that we know is gone: another is started
        start("--data", str(place / "dsql-local"))
        users.append(await scalar(engine, "SELECT current_user"))
        await engine.dispose()
        return users

    assert asyncio.run(main()) == ["admin", "admin"]


class Pids:
    """The connections of an engine, by the process that serves each."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def one(self) -> int:
        return int(await scalar(self.engine, "SELECT pg_backend_pid()"))


def test_old_connection_is_replaced_when_it_is_taken_from_the_pool(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = 1_000_000.0
    monkeypatch.setattr(pooling, "now", lambda: time)

    async def work(engine: AsyncEngine) -> None:
        nonlocal time
        pids = Pids(engine)
        first = await pids.one()
        time += 40 * 60
        assert await pids.one() == first
        time += 15 * 60
        assert await pids.one() != first

    with_engine(make_engine, work)


def test_each_connection_of_a_pool_signs_once(
    make_engine: MakeEngine, endpoint: libdsql.local.LocalEndpoint
) -> None:
    credentials = configparser.ConfigParser()
    credentials.read(endpoint.credentials)
    asked = 0

    def provider() -> Any:
        nonlocal asked
        asked += 1
        return SimpleNamespace(
            access_key=credentials["default"]["aws_access_key_id"],
            secret_key=credentials["default"]["aws_secret_access_key"],
            token=None,
        )

    async def work(engine: AsyncEngine) -> None:
        for _ in range(3):
            async with engine.connect(), engine.connect():
                pass

    connect_args = {"custom_credentials_provider": provider, "credentials_file": None}
    with_engine(make_engine, work, connect_args=connect_args, pool_size=2)
    assert asked == 2


def test_keys_that_have_to_be_asked_for_do_not_hold_up_the_loop(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: str
) -> None:
    asked: list[int] = []
    keys = '{"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T", "Expiration": "%s"}'

    def request(*_: object) -> tuple[int, bytes]:
        asked.append(threading.get_ident())
        return 200, (keys % "2999-01-01T00:00:00Z").encode()

    async def work(engine: AsyncEngine) -> None:
        with pytest.raises(DBAPIError, match=r"access denied|security token"):
            await scalar(engine, "SELECT 1")

    monkeypatch.setattr(libdsql.http, "request", request)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://localhost/{driver}")
    with_engine(make_engine, work, connect_args={"credentials_file": None})
    assert asked and threading.get_ident() not in asked


def test_many_tasks_share_a_pool(make_engine: MakeEngine) -> None:
    async def work(engine: AsyncEngine) -> list[int]:
        return await asyncio.gather(*(scalar(engine, f"SELECT {i}") for i in range(40)))

    assert with_engine(make_engine, work, pool_size=3, max_overflow=0) == list(range(40))


def test_tables_are_made_and_read_back_and_rows_keep_their_values(
    make_engine: MakeEngine, driver: str
) -> None:
    metadata = MetaData()
    table = Table(
        f"async_{driver}",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(20), index=True),
        Column("data", JSON),
    )
    rows = [{"name": "Anna", "data": {"a": [1, None]}}, {"name": "Ben", "data": None}]

    async def work(engine: AsyncEngine) -> list[Any]:
        async with engine.connect() as connection:
            await connection.run_sync(metadata.drop_all)
            await connection.run_sync(metadata.create_all)
            found = await connection.run_sync(lambda c: inspect(c).get_indexes(table.name))
            assert [index["column_names"] for index in found] == [["name"]]
        async with engine.begin() as connection:
            result = await connection.execute(table.insert().returning(table.c.id), rows)
            assert len(set(result.scalars())) == 2
        async with engine.connect() as connection:
            query = select(table.c.name, table.c.data).order_by(table.c.name)
            read = (await connection.execute(query)).all()
            await connection.rollback()
            await connection.run_sync(metadata.drop_all)
            return list(read)

    assert with_engine(make_engine, work) == [("Anna", {"a": [1, None]}), ("Ben", None)]


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_type_that_the_driver_has_to_look_up_is_read(make_engine: MakeEngine, driver: str) -> None:
    table = f"looked_up_{driver}"

    async def work(engine: AsyncEngine) -> Any:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(f"CREATE TABLE {table} (id int PRIMARY KEY)"))
            await connection.execute(text(f"INSERT INTO {table} VALUES (7)"))
            row = (await connection.execute(text(f"SELECT t FROM {table} t"))).scalar_one()
            await connection.execute(text(f"DROP TABLE {table}"))
            return row

    assert with_engine(make_engine, work) in ["(7)", (7,), ("7",)]


def test_orm_session_writes_and_a_conflict_can_be_tried_again(
    make_engine: MakeEngine, driver: str
) -> None:
    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = f"async_item_{driver}"
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        count: Mapped[int]

    async def work(engine: AsyncEngine) -> DBAPIError:
        async with engine.connect() as connection:
            await connection.run_sync(Base.metadata.drop_all)
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session, session.begin():
            session.add(Item(id=1, count=0))
        try:
            async with AsyncSession(engine) as first, AsyncSession(engine) as second:
                (await first.scalars(select(Item))).one().count += 1
                (await second.scalars(select(Item))).one().count += 1
                await first.commit()
                with pytest.raises(DBAPIError) as conflict:
                    await second.commit()
                await second.rollback()
                second.add(Item(id=1, count=9))
                with pytest.raises(IntegrityError):
                    await second.commit()
            return conflict.value
        finally:
            async with engine.connect() as connection:
                await connection.run_sync(Base.metadata.drop_all)

    error = with_engine(make_engine, work)
    assert isinstance(error, OperationalError)
    assert is_retryable(getattr(error.orig, "sqlstate", None))


@pytest.mark.parametrize(
    ("connect_args", "words"),
    [
        ({"region": "eu-west-1"}, "access denied"),
        ({"port": 1}, "(?i)connect"),
        ({"sslrootcert": "/etc/passwd"}, "(?i)certificate|x509"),
    ],
)
def test_connection_that_fails_is_an_operational_error(
    make_engine: MakeEngine, connect_args: dict[str, Any], words: str
) -> None:
    with pytest.raises(OperationalError, match=words) as caught:
        with_engine(
            make_engine, lambda engine: scalar(engine, "SELECT 1"), connect_args=connect_args
        )
    assert "X-Amz-Signature" not in str(caught.value)


def test_certificate_for_another_name_is_refused(make_engine: MakeEngine) -> None:
    host = "vpce-0123456789abcdef0-abcdefgh.dsql-fnh4.us-east-1.vpce.amazonaws.com"
    args = {"cluster_id": "abcdefghijklmnopqrstuvwxyz", "sslmode": "require"}
    with pytest.raises(OperationalError, match="access denied"):
        with_engine(make_engine, lambda e: scalar(e, "SELECT 1"), host=host, connect_args=args)
    with pytest.raises(OperationalError, match=r"(?i)does not match|not valid for"):
        with_engine(
            make_engine,
            lambda engine: scalar(engine, "SELECT 1"),
            host="abcdefghijklmnopqrstuvwxyz.dsql-x.us-east-1.on.aws",
        )


def test_refused_connection_leaves_no_socket_to_a_server_that_stays(
    make_engine: MakeEngine, endpoint: libdsql.local.LocalEndpoint
) -> None:
    over = threading.Event()

    def refuse_and_stay(stream: Stream) -> None:
        stream.packet()
        stream.send(message("E", fields(S="FATAL", C="28000", M="access denied")))
        over.wait(60)

    with impostor(endpoint, refuse_and_stay) as server:
        with pytest.raises(OperationalError, match="access denied"):
            with_engine(
                make_engine,
                lambda engine: scalar(engine, "SELECT 1"),
                connect_args={"port": server.port},
            )
        gc.collect()  # a socket that was left open would warn now
        over.set()


def test_names_of_drivers_without_asyncio_are_refused() -> None:
    with pytest.raises(ValueError, match="'libdsql' or 'psycopg' or 'asyncpg'"):
        create_async_dsql_engine("local", driver="psycopg2")


def test_option_that_nobody_knows_is_refused_by_name(driver: str) -> None:
    for name in ("regoin", "dsn", "ssl_mode"):
        with pytest.raises(ArgumentError, match=f"'{name}'"):
            create_async_dsql_engine("local", driver=driver, connect_args={name: "x"})


def test_asyncpgs_own_options_pass_and_texts_of_a_url_become_numbers(
    make_engine: MakeEngine, endpoint: libdsql.local.LocalEndpoint
) -> None:
    engine = create_async_engine(
        "auroradsql+asyncpg://local?statement_cache_size=0&timeout=2.5&command_timeout=5"
        "&prepared_statement_cache_size=7"
    )
    _, found = engine.dialect.create_connect_args(engine.url)
    assert (found["statement_cache_size"], found["timeout"]) == (0, 2.5)
    assert found["prepared_statement_cache_size"] == 7
    with pytest.raises(ArgumentError, match="statement_cache_size='many' must be a number"):
        create_async_engine("auroradsql+asyncpg://local?statement_cache_size=many")


def test_stream_gives_all_rows_with_every_driver(make_engine: MakeEngine) -> None:
    numbers = text("SELECT number FROM generate_series(1, 2500) number")

    async def work(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            async with connection.stream(numbers) as result:
                assert sum([row[0] async for row in result]) == 3126250
            result = await connection.stream_scalars(numbers, execution_options={"yield_per": 500})
            assert [len(part) async for part in result.partitions(900)] == [900, 900, 700]
        async with AsyncSession(engine) as session:
            assert len(await (await session.stream(numbers)).fetchmany(7)) == 7
            assert (await session.execute(text("SELECT 1"))).scalar_one() == 1

    with_engine(make_engine, work)
