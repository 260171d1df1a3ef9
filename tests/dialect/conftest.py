# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Engines for the shared local endpoint, as a program would make them for localhost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import libdsql.local
import pytest
from aurora_dsql_sqlalchemy import create_dsql_engine
from sqlalchemy import Column, Engine, Integer, MetaData, Table

if find_spec("alembic") is None:  # as with the oldest packages that are tested
    collect_ignore_glob = ["test_alembic*.py", "test_autogenerate.py", "test_round_trip.py"]

MakeEngine = Callable[..., Engine]


@pytest.fixture(params=["libdsql", "psycopg", "psycopg2"])
def driver(request: pytest.FixtureRequest) -> str:
    """The name of each driver in turn."""
    return str(request.param)


@pytest.fixture
def place_args(endpoint: libdsql.local.LocalEndpoint) -> dict[str, Any]:
    """The connect_args that lead to the shared endpoint, without resolving a name."""
    return {
        "hostaddr": "127.0.0.1",
        "port": endpoint.port,
        "region": endpoint.region,
        "credentials_file": endpoint.credentials,
    }


@pytest.fixture
def make_engine(
    endpoint: libdsql.local.LocalEndpoint, place_args: dict[str, Any], driver: str
) -> Iterator[MakeEngine]:
    """Makes engines for the shared endpoint; they are disposed of with the test."""
    engines: list[Engine] = []

    def maker(connect_args: dict[str, Any] | None = None, **keywords: Any) -> Engine:
        arguments = {
            "host": "localhost",
            "user": "admin",
            "driver": driver,
            "sslrootcert": endpoint.ca,
            **keywords,
        }
        engine = create_dsql_engine(
            connect_args={**place_args, **(connect_args or {})}, **arguments
        )
        engines.append(engine)
        return engine

    yield maker
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    """An engine with nothing special."""
    return make_engine()


@pytest.fixture
def table(engine: Engine) -> Iterator[Table]:
    """Two rows that count: see rows.py."""
    metadata = MetaData()
    made = Table(
        "transactions",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("n", Integer),
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(made.insert(), [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    yield made
    metadata.drop_all(engine)
