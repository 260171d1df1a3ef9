# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A change of the catalog by others (OC001) does not meet a transaction that has not begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import libdsql.local
import psycopg
import pytest
from aurora_dsql_sqlalchemy import is_retryable
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

MakeEngine = Callable[..., Engine]


@pytest.fixture
def change_catalog(connect: Callable[..., psycopg.Connection]) -> Iterator[Callable[[], None]]:
    """Another session's DDL."""
    other = connect(autocommit=True)
    other.execute("DROP TABLE IF EXISTS changed")
    other.execute("CREATE TABLE changed (id int PRIMARY KEY)")
    columns = 0

    def change() -> None:
        nonlocal columns
        columns += 1
        other.execute(f"ALTER TABLE changed ADD COLUMN c{columns} int")

    yield change
    other.execute("DROP TABLE changed")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "AUTOCOMMIT"])
def test_first_statement_is_made_once_whatever_was_changed_before(
    make_engine: MakeEngine, change_catalog: Callable[[], None], level: str
) -> None:
    engine = make_engine(isolation_level=level, pool_size=1)
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    change_catalog()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO changed VALUES (1)"))
    many = [{"id": 2}, {"id": 3}]
    if level == "REPEATABLE READ":  # else a part of them could be applied twice
        change_catalog()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO changed (id) VALUES (:id)"), many)
    change_catalog()
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id FROM changed ORDER BY id")).scalars().all()
    assert rows == [1, 2, 3]


def test_later_statement_fails_and_is_the_programs(
    engine: Engine, change_catalog: Callable[[], None]
) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM changed"))
        change_catalog()
        with pytest.raises(OperationalError, match="OC001") as caught:
            connection.execute(text("SELECT count(*) FROM changed"))
    error: Any = caught.value.orig
    assert is_retryable(getattr(error, "sqlstate", None) or error.pgcode)


def test_ping_of_a_connection_from_the_pool_tells_that_it_is_alive(
    make_engine: MakeEngine, change_catalog: Callable[[], None]
) -> None:
    engine = make_engine(pool_pre_ping=True, pool_size=1)
    with engine.connect() as connection:
        first = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    change_catalog()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() == first


def test_statement_that_is_refused_twice_fails(
    make_engine: MakeEngine, start: Callable[..., Any]
) -> None:
    place: libdsql.local.LocalEndpoint = start("--ephemeral", "--inject", "oc001=1").endpoint
    engine = make_engine(
        sslrootcert=place.ca,
        connect_args={"port": place.port, "credentials_file": place.credentials},
    )
    with pytest.raises(OperationalError, match="OC001"):
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
