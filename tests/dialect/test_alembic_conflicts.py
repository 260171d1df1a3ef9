# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Alembic while others change the catalog, which costs every other session a statement (OC001)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from libdsql.local import arguments
from one_driver import engine
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, inspect, text
from sqlalchemy.pool import NullPool

__all__ = ["engine"]  # fixtures

ENVIRONMENT = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import AsyncEngine

engine = context.config.attributes["engine"]

def run(connection):
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()

async def run_async():
    async with engine.connect() as connection:
        await connection.run_sync(run)

if isinstance(engine, AsyncEngine):
    asyncio.run(run_async())
else:
    with engine.connect() as connection:
        run(connection)
"""

ONE = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "one", None, None, None

def upgrade():
    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), index=True),
        sa.Column("age", sa.Integer),
    )
    op.create_table(
        "pets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("of", sa.Integer, sa.ForeignKey("people.id", name="pets_of")),
    )
    op.bulk_insert(sa.table("people", sa.column("age")), [{"age": n} for n in range(5)])

def downgrade():
    op.drop_table("pets")
    op.drop_table("people")
"""

TWO = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "two", "one", None, None

def upgrade():
    op.execute("UPDATE people SET age = age + 1")
    with op.batch_alter_table("people") as batch:
        batch.alter_column("age", type_=sa.String(9), existing_type=sa.Integer(), nullable=False)
    op.add_column("people", sa.Column("note", sa.String(5), server_default="-"))

def downgrade():
    op.drop_column("people", "note")
    with op.batch_alter_table("people") as batch:
        batch.alter_column("age", type_=sa.Integer(), existing_type=sa.String(9), nullable=True)
    op.execute("UPDATE people SET age = age + 1")
"""


def model() -> MetaData:
    """What there is behind both migrations."""
    metadata = MetaData()
    Table(
        "people",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(20), index=True),
        Column("age", String(9), nullable=False),
        Column("note", String(5), server_default="-"),
    )
    Table(
        "pets",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("of", Integer, sa.ForeignKey("people.id", name="pets_of")),
    )
    return metadata


def project(folder: Path, engine: Any) -> Config:
    """A folder with migrations, run in this process."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text(ENVIRONMENT)
    (versions / "one.py").write_text(ONE)
    (versions / "two.py").write_text(TWO)
    config = Config(attributes={"engine": engine, "metadata": model()})
    config.set_main_option("script_location", str(folder / "migrations"))
    return config


def there_and_back(config: Config, engine: Engine) -> None:
    """Each row is changed once by each migration, and nothing is left behind."""
    command.upgrade(config, "head")
    command.check(config)
    with engine.connect() as connection:
        query = text("SELECT age, note FROM people ORDER BY age")
        assert connection.execute(query).all() == [(str(n), "-") for n in range(1, 6)]
    command.downgrade(config, "one")
    with engine.connect() as connection:
        query = text("SELECT age FROM people ORDER BY age")
        assert connection.scalars(query).all() == list(range(2, 7))
    command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    command.stamp(config, "two")
    command.stamp(config, "base", purge=True)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM alembic_version")).all() == []


def twice(session: psycopg.Connection, statement: str) -> None:
    """The first time it may meet what the migration has done."""
    try:
        session.execute(statement)
    except psycopg.errors.SerializationFailure:
        session.execute(statement)


@contextmanager
def changing_before(
    engine: Engine, words: tuple[str, ...], other: psycopg.Connection
) -> Iterator[list[str]]:
    """Another session's DDL before each statement that begins with one of the words."""
    met: list[str] = []

    def change(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        # What belongs to a transaction that writes is done again with it.
        again = "_alembic_" in statement and statement in met
        if statement.lstrip().startswith(words) and not again:
            met.append(statement)
            twice(other, f"COMMENT ON TABLE changed IS '{len(met)}'")

    sa.event.listen(engine, "before_cursor_execute", change)
    yield met
    sa.event.remove(engine, "before_cursor_execute", change)


@pytest.fixture
def other(connect: Callable[..., psycopg.Connection]) -> Iterator[psycopg.Connection]:
    """Another session, in a schema that the migrations do not look at."""
    session = connect(autocommit=True)
    twice(session, "CREATE SCHEMA elsewhere")
    session.execute("SET search_path = elsewhere")
    session.execute("CREATE TABLE changed (id int PRIMARY KEY)")
    yield session
    twice(session, "DROP TABLE changed")
    session.execute("DROP SCHEMA elsewhere")


@pytest.mark.parametrize("driver", ["libdsql"])
def test_migrations_go_on_when_each_of_their_reads_meets_a_conflict(
    engine: Engine, other: psycopg.Connection, tmp_path: Path
) -> None:
    config = project(tmp_path, engine)
    with changing_before(engine, ("SELECT", "EXPLAIN"), other) as met:
        there_and_back(config, engine)
    assert any("FROM alembic_version" in statement for statement in met)
    assert len(met) > 100


def test_migrations_go_on_through_conflicts_of_all_kinds(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    place = start("--ephemeral", "--inject", "occ=0.2,oc001=0.1,seed=2").endpoint
    options: Any = {"connect_args": arguments(place), "poolclass": NullPool}
    looking = create_dsql_engine("localhost", driver="psycopg", **options)
    engine = create_async_dsql_engine("localhost", driver="asyncpg", **options)
    there_and_back(project(tmp_path, engine), looking)
