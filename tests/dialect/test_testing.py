# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The fixtures that users take, in runs of pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import libdsql
import libdsql.local
import pytest

CONFTEST = """
import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table

pytest_plugins = ["aurora_dsql_sqlalchemy.testing"]

metadata = MetaData()
owner = Table("owner", metadata, Column("id", Integer, primary_key=True))
pet = Table(
    "a pet:100%",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner_id", ForeignKey("owner.id")),
    Column("friend_id", ForeignKey("a pet:100%.id")),
)
kind = Table("kind", metadata, Column("id", Integer, primary_key=True, autoincrement=False))


@pytest.fixture(scope="session")
def dsql_create_all():
    def create(engine):
        metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(kind.insert().values(id=7))

    return create


@pytest.fixture(scope="session")
def dsql_engine_options():
    return {"foreign_keys": True}
"""

# Each test finds what the first one finds, whatever those before it did.
TESTS = """
import asyncio

import pytest
from conftest import kind, owner, pet
from sqlalchemy import create_engine, func, inspect, select, text

OBJECTS = [
    "CREATE TABLE extra (id int PRIMARY KEY)",
    "CREATE VIEW seen AS SELECT * FROM owner",
    "CREATE SCHEMA more",
    "CREATE TABLE more.extra (id int PRIMARY KEY)",
    "CREATE SEQUENCE numbers CACHE 1",
    "CREATE DOMAIN few AS int",
    "CREATE FUNCTION one(int) RETURNS int LANGUAGE SQL AS 'SELECT 1'",
]


PET = {"id": 1, "owner_id": 0, "friend_id": None}


def check(connection):
    counts = [connection.scalar(select(func.count()).select_from(t)) for t in (owner, pet, kind)]
    assert counts == [0, 0, 1]
    found = inspect(connection)
    assert sorted(found.get_table_names()) == ["a pet:100%", "kind", "owner"]
    assert "more" not in found.get_schema_names()
    assert found.get_view_names() == [] and "numbers" not in found.get_sequence_names()


def fill(connection, owners=1):
    connection.execute(owner.insert(), [{"id": n} for n in range(owners)])
    connection.execute(pet.insert(), [PET, {**PET, "id": 2, "friend_id": 1}])


@pytest.mark.parametrize("again", range(3))
@pytest.mark.parametrize("what", ["rows", "many", "objects", "dropped"])
def test_each_begins_alike(dsql_engine, what, again):
    with dsql_engine.connect() as connection:
        check(connection)
    if what in ("rows", "many"):
        with dsql_engine.begin() as connection:
            fill(connection, 2900 if what == "many" else 1)
        if what == "many":
            with dsql_engine.begin() as connection:
                connection.execute(owner.insert(), [{"id": n} for n in range(2900, 5000)])
    elif what == "objects":
        autocommit = dsql_engine.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as connection:
            for statement in OBJECTS:
                connection.execute(text(statement))
    else:
        pet.drop(dsql_engine)


@pytest.mark.parametrize("again", [False, True])
def test_asyncio(dsql_async_engine, again):
    async def work():
        async with dsql_async_engine.begin() as connection:
            await connection.run_sync(check)
            await connection.run_sync(fill)

    asyncio.run(work())


@pytest.mark.parametrize("again", [False, True])
def test_url(dsql_url, dsql_clean, again):
    engine = create_engine(dsql_url)
    with engine.begin() as connection:
        check(connection)
        fill(connection)
    engine.dispose()
"""


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_each_test_finds_the_shared_tables_empty_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    done = pytest_in(tmp_path, f"--rootdir={tmp_path}")
    assert "16 passed" in done.stdout, done.stdout + done.stderr


def test_driver_and_faults_are_the_users_choice(tmp_path: Path) -> None:
    faults = """
@pytest.fixture(scope="session")
def dsql_local_options():
    return ["--inject", "occ=1,oc001=0.2,seed=1"]


@pytest.fixture(scope="session")
def dsql_url(dsql_url):
    return dsql_url.set(drivername="auroradsql+asyncpg")


@pytest.fixture(scope="session")
def dsql_create_all():
    return metadata.create_all
"""
    test = """
import asyncio

import pytest
from conftest import owner
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError


@pytest.mark.parametrize("again", [False, True])
def test_conflict(dsql_async_engine, again):
    async def work():
        async with dsql_async_engine.begin() as connection:
            await connection.execute(owner.insert().values(id=1))

    assert dsql_async_engine.driver == "asyncpg"
    with pytest.raises(DBAPIError) as caught:
        asyncio.run(work())
    assert caught.value.orig.sqlstate == "40001"
"""
    (tmp_path / "conftest.py").write_text(CONFTEST + faults)
    (tmp_path / "test_it.py").write_text(test)
    done = pytest_in(tmp_path, f"--rootdir={tmp_path}")
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_endpoint_that_does_not_start_says_why() -> None:
    with pytest.raises(libdsql.OperationalError, match="nonsense"):
        with libdsql.local.ephemeral("--inject", "nonsense=1"):
            pass
