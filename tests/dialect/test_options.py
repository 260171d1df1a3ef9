# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Options of engines and URLs: what is refused when an engine is made, and what is filled in."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    Sequence,
    Table,
    create_engine,
    make_url,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, StaticPool
from sqlalchemy.schema import CreateSequence, CreateTable

ID = "abcdefghijklmnopqrstuvwxyz"
HOST = f"{ID}.dsql.eu-west-1.on.aws"


def arguments(engine: Engine) -> dict[str, Any]:
    """What the do_connect event is shown: everything but the token."""
    _, found = engine.dialect.create_connect_args(engine.url)
    return dict(found)


def helper(driver: str, host: str = HOST, **connect_args: Any) -> dict[str, Any]:
    return arguments(create_dsql_engine(host, "admin", driver, connect_args=connect_args))


def test_arguments_of_the_helper_are_those_of_the_package_that_it_replaces() -> None:
    parameters = inspect.signature(create_dsql_engine).parameters
    assert list(parameters) == [
        "host",
        "user",
        "driver",
        "dbname",
        "sslmode",
        "sslrootcert",
        "application_name",
        "pool_size",
        "max_overflow",
        "connect_args",
        "engine_kwargs",
    ]
    defaults = {name: item.default for name, item in parameters.items()}
    assert (defaults["driver"], defaults["dbname"]) == ("libdsql", "postgres")
    assert (defaults["sslmode"], defaults["sslrootcert"]) == ("verify-full", "system")
    assert (defaults["pool_size"], defaults["max_overflow"]) == (5, 10)
    assert defaults["application_name"] == "sqlalchemy"


@pytest.mark.parametrize("name", ["asyncpg", "", "Psycopg"])
def test_unknown_driver_is_refused_with_the_names_of_the_known(name: str) -> None:
    with pytest.raises(ValueError, match="'libdsql' or 'psycopg' or 'psycopg2'"):
        create_dsql_engine(HOST, "admin", name)


@pytest.mark.parametrize(
    "make, driver, other",
    [
        (create_dsql_engine, "asyncpg", r"create_async_dsql_engine\(\)"),
        (create_async_dsql_engine, "psycopg2", r"for create_dsql_engine\(\)"),
    ],
)
def test_a_driver_of_the_other_kind_is_refused_with_its_function(make, driver, other) -> None:
    with pytest.raises(ValueError, match=other):
        make(HOST, driver=driver)


@pytest.mark.parametrize("name", ["regoin", "token_duration", "ssl_mode", "dsn"])
def test_unknown_option_of_connect_args_is_refused_by_name(driver: str, name: str) -> None:
    with pytest.raises(ArgumentError, match=f"'{name}'"):
        helper(driver, **{name: "1"})


@pytest.mark.parametrize("name", ["regoin", "token_duration"])
def test_unknown_option_of_a_url_is_refused_by_name(driver: str, name: str) -> None:
    with pytest.raises(ArgumentError, match=f"'{name}'"):
        create_engine(f"auroradsql+{driver}://admin@{HOST}/postgres?{name}=1")


def test_options_of_libpq_pass(driver: str) -> None:
    found = helper(driver, connect_timeout=3, keepalives_idle=30, options="-c search_path=a")
    assert (found["connect_timeout"], found["keepalives_idle"]) == (3, 30)
    assert found["options"] == "-c search_path=a"


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("libdsql", {"json_loads": None, "autocommit": True, "connect_timeout": 2.5}),
        ("psycopg", {"row_factory": None, "prepare_threshold": 3, "autocommit": False}),
        ("psycopg2", {"connection_factory": None, "cursor_factory": None}),
    ],
)
def test_options_of_the_driver_pass(driver: str, options: dict[str, Any]) -> None:
    found = helper(driver, **options)
    assert {name: found[name] for name in options} == options


def test_options_of_the_other_driver_are_refused() -> None:
    with pytest.raises(ArgumentError, match="'row_factory'"):
        helper("psycopg2", row_factory=None)
    with pytest.raises(ArgumentError, match=r"'row_factory'.*as auroradsql\+psycopg"):
        helper("libdsql", row_factory=None)
    with pytest.raises(ArgumentError, match="'connection_factory'"):
        helper("psycopg", connection_factory=None)


def test_password_is_refused_and_not_repeated(driver: str) -> None:
    for make in (
        lambda: create_engine(f"auroradsql+{driver}://admin:hush@{HOST}/postgres"),
        lambda: helper(driver, password="hush"),
    ):
        with pytest.raises(ArgumentError, match="password") as caught:
            make()
        assert "hush" not in str(caught.value)


def test_url_without_user_database_and_port_has_the_services(driver: str) -> None:
    found = arguments(create_engine(f"auroradsql+{driver}://{HOST}"))
    assert (found["user"], found["dbname"]) == ("admin", "postgres")
    assert found["sslmode"] == "verify-full"
    assert found["host"] == HOST


def test_region_comes_from_the_endpoint(driver: str) -> None:
    assert helper(driver)["region"] == "eu-west-1"


def test_cluster_id_with_a_region_becomes_the_endpoint(driver: str) -> None:
    assert helper(driver, host=ID, region="us-west-2")["host"] == f"{ID}.dsql.us-west-2.on.aws"


def test_region_that_is_not_the_endpoints_is_refused(driver: str) -> None:
    with pytest.raises(ArgumentError, match="us-east-1"):
        helper(driver, region="us-east-1")


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.1", "a b"])
def test_unknown_form_of_a_host_is_refused(driver: str, host: str) -> None:
    with pytest.raises(ArgumentError):
        helper(driver, host=host)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "never"])
def test_sslmode_that_does_not_promise_tls_is_refused(driver: str, mode: str) -> None:
    with pytest.raises(ArgumentError, match="sslmode"):
        create_dsql_engine(HOST, "admin", driver, sslmode=mode)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_sslmode_of_the_caller_wins(driver: str, mode: str) -> None:
    engine = create_dsql_engine(HOST, "admin", driver, sslmode=mode)
    assert arguments(engine)["sslmode"] == mode
    assert helper(driver, sslmode=mode)["sslmode"] == mode


def test_tls_begins_at_once_where_libpq_can(driver: str) -> None:
    engine = create_dsql_engine(HOST, "admin", driver)
    version: Callable[[], int] = engine.dialect.libpq_version  # type: ignore[attr-defined]
    expected = "direct" if version() >= 170000 else None
    assert arguments(engine).get("sslnegotiation") == expected


def test_sslnegotiation_of_the_caller_wins() -> None:
    assert helper("libdsql", sslnegotiation="postgres")["sslnegotiation"] == "postgres"
    engine = create_dsql_engine(HOST, "admin", "psycopg")
    if engine.dialect.libpq_version() >= 170000:  # type: ignore[attr-defined]
        assert helper("psycopg", sslnegotiation="postgres")["sslnegotiation"] == "postgres"
    else:
        with pytest.raises(ArgumentError, match="sslnegotiation"):
            helper("psycopg", sslnegotiation="postgres")


@pytest.mark.parametrize("seconds", [0, -1, 604801, "soon", None])
def test_token_duration_out_of_range_is_refused(driver: str, seconds: object) -> None:
    with pytest.raises(ArgumentError, match="604800"):
        helper(driver, token_duration_secs=seconds)


def test_token_duration_may_stand_in_a_url(driver: str) -> None:
    url = f"auroradsql+{driver}://{HOST}?token_duration_secs=60"
    assert arguments(create_engine(url))["token_duration_secs"] == 60


def test_privatelink_host_names_its_cluster(driver: str) -> None:
    host = "vpce-0123456789abcdef0-abcdefgh.dsql-fnh4.eu-west-1.vpce.amazonaws.com"
    with pytest.raises(ArgumentError, match="verify-ca"):
        helper(driver, host=host, cluster_id=ID)
    found = helper(driver, host=host, cluster_id=ID, sslmode="verify-ca", options="-c a=b")
    assert found["host"] == host
    assert found["options"] == f"-c a=b -c amzn-cluster-id={ID}"


def test_engine_arguments_go_to_the_engine_unchanged(driver: str) -> None:
    engine = create_dsql_engine(HOST, "admin", driver, echo=True, pool_recycle=77)
    assert engine.echo is True
    assert engine.pool._recycle == 77
    assert engine.pool.size() == 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("poolclass", [NullPool, StaticPool])
def test_poolclass_of_the_caller_is_used(driver: str, poolclass: type) -> None:
    engine = create_dsql_engine(HOST, "admin", driver, poolclass=poolclass)
    assert type(engine.pool) is poolclass


def test_pool_sizes_of_the_caller_are_used(driver: str) -> None:
    engine = create_dsql_engine(HOST, "admin", driver, pool_size=2, max_overflow=1)
    assert engine.pool.size() == 2  # type: ignore[attr-defined]
    assert engine.pool._max_overflow == 1  # type: ignore[attr-defined]


def test_foreign_keys_is_an_option_of_the_engine_and_of_the_url(driver: str) -> None:
    by_argument = create_dsql_engine(HOST, "admin", driver, foreign_keys=True)
    by_url = create_engine(f"auroradsql+{driver}://{HOST}?foreign_keys=true")
    for engine in (by_argument, by_url):
        assert engine.dialect.foreign_keys is True  # type: ignore[attr-defined]
    with pytest.raises(ArgumentError, match="foreign_keys"):
        create_engine(f"auroradsql+{driver}://{HOST}?foreign_keys=perhaps")


def test_options_of_a_url_survive_its_text(driver: str) -> None:
    url = make_url(f"auroradsql+{driver}://{HOST}?profile=clinic&application_name=x")
    found = arguments(create_engine(url.render_as_string()))
    assert found["profile"] == "clinic"
    assert found["application_name"].startswith("x:aurora-dsql-python-")


def test_sequence_cache_is_an_option_of_the_engine_and_of_the_url(driver: str) -> None:
    by_argument = create_dsql_engine(HOST, "admin", driver, sequence_cache=1)
    by_url = create_engine(f"auroradsql+{driver}://{HOST}?sequence_cache=1")
    keyed = Table("keyed", MetaData(), Column("id", Integer, primary_key=True))
    for engine in (by_argument, by_url):
        assert "IDENTITY (CACHE 1)" in str(CreateTable(keyed).compile(engine))
        assert str(CreateSequence(Sequence("s")).compile(engine)) == "CREATE SEQUENCE s CACHE 1"
    for wrong in ("2", "many"):
        with pytest.raises(ArgumentError, match="65536"):
            create_engine(f"auroradsql+{driver}://{HOST}?sequence_cache={wrong}")


def test_a_program_may_take_it_for_postgresql() -> None:
    url = f"postgresql+auroradsql://{HOST}"
    assert make_url(url).get_backend_name() == "postgresql"
    for dialect in (create_engine(url).dialect, create_async_engine(url).dialect):
        name = dialect.name
        assert name == "postgresql" and name in ("postgresql", "cockroachdb")
        assert name == "auroradsql" and {"auroradsql": 1}[name] == 1
        assert name != "sqlite" and f"{name}" == "postgresql" and name.startswith("postgres")
        assert isinstance(dialect, AuroraDSQLDialect)
    assert create_async_engine(url).dialect.is_async
    keyed = Table("keyed", MetaData(), Column("id", Integer, primary_key=True))
    assert "IDENTITY (CACHE 65536)" in str(CreateTable(keyed).compile(create_engine(url)))


@pytest.mark.parametrize(
    ("driver", "makers"),
    [
        ("libdsql", (create_engine, create_async_engine)),
        ("psycopg", (create_engine, create_async_engine)),
        ("psycopg2", (create_engine,)),
        ("asyncpg", (create_async_engine,)),
    ],
)
def test_a_program_may_take_every_driver_for_postgresql(driver: str, makers: Any) -> None:
    for make in makers:
        dialect = make(f"postgresql+auroradsql_{driver}://{HOST}").dialect
        assert (dialect.name, dialect.driver) == ("postgresql", driver)
        assert isinstance(dialect, AuroraDSQLDialect)
        assert dialect.is_async == (make is create_async_engine)


@pytest.mark.parametrize(
    ("name", "driver", "make"),
    [
        ("postgresql", "libdsql", create_engine),
        ("postgresql", "libdsql", create_async_engine),
        ("postgresql+psycopg", "psycopg", create_engine),
        ("postgresql+psycopg_async", "psycopg", create_async_engine),
        ("postgresql+psycopg2", "psycopg2", create_engine),
        ("postgresql+asyncpg", "asyncpg", create_async_engine),
        ("auroradsql+psycopg2", "psycopg2", create_engine),
    ],
)
def test_a_program_may_name_the_driver_itself(name: str, driver: str, make: Any) -> None:
    engine = make(f"{name}://{HOST}?plugin=auroradsql&profile=clinic")
    assert isinstance(engine.dialect, AuroraDSQLDialect)
    assert (engine.dialect.driver, dict(engine.url.query)) == (driver, {"profile": "clinic"})


def test_a_driver_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"psycopg2, not postgresql\+pg8000"):
        create_engine(f"postgresql+pg8000://{HOST}?plugin=auroradsql")


def test_unsupported_is_refuse_or_omit(driver: str) -> None:
    engine = create_engine(f"auroradsql+{driver}://{HOST}?unsupported=omit")
    assert engine.dialect.unsupported == "omit"  # type: ignore[attr-defined]
    with pytest.raises(ArgumentError, match="'refuse' or 'omit'"):
        create_dsql_engine(HOST, "admin", driver, unsupported="ignore")
