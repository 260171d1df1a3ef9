# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Jobs of indexes and constraints: waited for by an option, listed, their failures explained."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine, jobs
from sqlalchemy import (
    CheckConstraint,
    Column,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Uuid,
    inspect,
    text,
)
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.schema import AddConstraint, CreateIndex
from support import Program


@pytest.fixture(scope="module")
def slow() -> Iterator[dict[str, Any]]:
    """The arguments for engines of an endpoint where jobs take their time."""
    program = Program("--ephemeral", "--port", "0", "--job-delay", "400")
    endpoint = program.endpoint
    yield {
        "host": "localhost",
        "driver": "psycopg",
        "sslrootcert": endpoint.ca,
        "connect_args": {
            "hostaddr": "127.0.0.1",
            "port": endpoint.port,
            "region": endpoint.region,
            "credentials_file": endpoint.credentials,
        },
    }
    program.stop()


@pytest.fixture
def engine(slow: dict[str, Any]) -> Iterator[Engine]:
    engine = create_dsql_engine(**slow)
    yield engine
    engine.dispose()


@pytest.fixture
def metadata(engine: Engine) -> Iterator[MetaData]:
    metadata = MetaData()
    yield metadata
    metadata.drop_all(engine)


def rows(metadata: MetaData) -> Table:
    return Table("job_rows", metadata, Column("id", Uuid, primary_key=True), Column("a", Integer))


def is_valid(engine: Engine, index: str) -> bool:
    statement = text(f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{index}'::regclass")
    with engine.connect() as connection:
        return bool(connection.scalar(statement))


def insert(engine: Engine, table: Table, *values: int) -> None:
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"id": uuid4(), "a": value} for value in values])


def test_create_all_does_not_wait_unless_asked(engine: Engine, metadata: MetaData) -> None:
    Index("job_i", rows(metadata).c.a)
    metadata.create_all(engine)
    assert not is_valid(engine, "job_i")
    ((job,)) = [job for job in jobs.list_jobs(engine) if not job.finished]
    assert (job.kind, job.object_name, job.status in jobs.UNFINISHED) == (
        "INDEX_BUILD",
        "public.job_i",
        True,
    )
    (done,) = jobs.wait(engine, timeout=60)
    assert (done.id, done.status, done.finished) == (job.id, "completed", True)
    assert is_valid(engine, "job_i")


@pytest.mark.parametrize("asked", ["engine", "option", "url"])
def test_create_all_waits_for_all_its_jobs(
    slow: dict[str, Any], engine: Engine, metadata: MetaData, asked: str
) -> None:
    table = rows(metadata)
    Index("job_i", table.c.a)
    Index("job_j", table.c.a, table.c.id, unique=True)
    other: Any = engine
    if asked == "engine":
        other = create_dsql_engine(**slow, wait_for_jobs=60)
    elif asked == "option":
        other = engine.execution_options(wait_for_jobs=True)
    else:
        engine.dialect.create_connect_args(engine.url.update_query_dict({"wait_for_jobs": "60"}))
    metadata.create_all(other)
    assert is_valid(engine, "job_i") and is_valid(engine, "job_j")
    other.dispose()


def test_creation_of_one_index_waits_for_it(engine: Engine, metadata: MetaData) -> None:
    table = rows(metadata)
    metadata.create_all(engine)
    waiting = engine.execution_options(wait_for_jobs=60)
    index = Index("job_i", table.c.a)
    index.create(waiting)
    assert is_valid(engine, "job_i")
    index.drop(engine)
    with engine.connect() as connection:
        connection.execute(CreateIndex(index), execution_options={"wait_for_jobs": 60})
    assert is_valid(engine, "job_i")


def test_statement_without_the_option_answers_with_the_id(
    engine: Engine, metadata: MetaData
) -> None:
    table = rows(metadata)
    metadata.create_all(engine)
    with engine.connect() as connection:
        job = connection.scalar(CreateIndex(Index("job_i", table.c.a)))
    assert isinstance(job, str)
    assert [found.object_name for found in jobs.wait(engine, [job])] == ["public.job_i"]


def test_failed_unique_index_says_what_to_do(engine: Engine, metadata: MetaData) -> None:
    table = rows(metadata)
    metadata.create_all(engine)
    insert(engine, table, 7, 7)
    index = Index("job_u", table.c.a, unique=True)
    with pytest.raises(jobs.JobError) as caught:
        index.create(engine.execution_options(wait_for_jobs=60))
    message = str(caught.value)
    assert "index public.job_u was not built" in message
    assert "Key (a)=(7) is duplicated" in message and "drop it" in message
    assert [job.status for job in caught.value.jobs] == ["failed"]
    assert not is_valid(engine, "job_u")


def test_job_that_takes_too_long(engine: Engine, metadata: MetaData) -> None:
    Index("job_i", rows(metadata).c.a)
    with pytest.raises(jobs.JobTimeoutError, match=r"job_i: (submitted|processing)"):
        metadata.create_all(engine.execution_options(wait_for_jobs=0.001))
    jobs.wait(engine)
    assert is_valid(engine, "job_i")


def test_failed_create_all_leaves_nothing_behind_that_later_waits(
    engine: Engine, metadata: MetaData
) -> None:
    table = rows(metadata)
    metadata.create_all(engine)
    wrong = MetaData()
    Table("job_wrong", wrong, Column("a", Integer, server_default=text("no_such()")))
    with engine.connect().execution_options(wait_for_jobs=60) as connection:
        with pytest.raises(Exception, match="no_such"):
            wrong.create_all(connection)
        connection.rollback()
        connection.execute(CreateIndex(Index("job_i", table.c.a)))
        assert is_valid(engine, "job_i")


def test_added_constraint_is_validated(engine: Engine, metadata: MetaData) -> None:
    table = rows(metadata)
    metadata.create_all(engine)
    insert(engine, table, 1)
    check = CheckConstraint("a > 0", name="positive")
    table.append_constraint(check)
    statement = text("SELECT convalidated FROM pg_constraint WHERE conname = :name")
    with engine.connect().execution_options(wait_for_jobs=60) as connection:
        connection.execute(AddConstraint(check))
        assert connection.scalar(statement, {"name": "positive"}) is True
        connection.rollback()
        later = CheckConstraint("a > 0", name="later", postgresql_not_valid=True)
        table.append_constraint(later)
        connection.execute(AddConstraint(later))
        assert connection.scalar(statement, {"name": "later"}) is False
        connection.rollback()
        wrong = CheckConstraint("a > 5", name="wrong")
        table.append_constraint(wrong)
        with pytest.raises(jobs.JobError, match="wrong does not hold"):
            connection.execute(AddConstraint(wrong))


def test_foreign_keys_of_a_cycle_are_validated(slow: dict[str, Any]) -> None:
    engine = create_dsql_engine(**slow, foreign_keys=True, wait_for_jobs=60)
    metadata = MetaData()
    for name, other in (("job_egg", "job_hen"), ("job_hen", "job_egg")):
        key = ForeignKey(f"{other}.id", name=f"fk_{name}", use_alter=True)
        Table(name, metadata, Column("id", Uuid, primary_key=True), Column("of", Uuid, key))
    metadata.create_all(engine)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT conname, convalidated FROM pg_constraint WHERE conname LIKE 'fk_job%'")
        ).all()
    assert sorted(tuple(row) for row in found) == [("fk_job_egg", True), ("fk_job_hen", True)]
    metadata.drop_all(engine)
    assert not inspect(engine).has_table("job_egg")
    engine.dispose()


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_cycle_with_a_foreign_key_that_has_no_name(
    slow: dict[str, Any], foreign_keys: bool
) -> None:
    engine = create_dsql_engine(**slow, foreign_keys=foreign_keys)
    metadata = MetaData()
    hen = ForeignKey("job_hen.id")
    egg = ForeignKey("job_egg.id", name="fk_job_hen")
    Table("job_egg", metadata, Column("id", Uuid, primary_key=True), Column("of", Uuid, hen))
    Table("job_hen", metadata, Column("id", Uuid, primary_key=True), Column("of", Uuid, egg))
    metadata.create_all(engine)
    assert len(inspect(engine).get_foreign_keys("job_egg")) == foreign_keys
    metadata.drop_all(engine)
    assert not inspect(engine).has_table("job_egg")
    engine.dispose()


def test_jobs_are_looked_at_between_transactions(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(InvalidRequestError, match="commit or roll back"):
            jobs.list_jobs(connection)
        connection.rollback()
        assert isinstance(jobs.list_jobs(connection), list)
        with pytest.raises(ArgumentError, match="no id"):
            jobs.wait(connection, ["' OR true --"])
        with pytest.raises(jobs.JobError, match="does not list"):
            jobs.wait(connection, ["aaaaaaaaaaaaaaaaaaaaaaaaaa"])


@pytest.mark.parametrize("value", ["soon", -1, float("nan")])
def test_option_that_makes_no_sense(slow: dict[str, Any], value: Any) -> None:
    with pytest.raises(ArgumentError, match="wait_for_jobs"):
        create_dsql_engine(**slow, wait_for_jobs=value)


def test_programs_with_asyncio_wait_too(slow: dict[str, Any]) -> None:
    async def main() -> None:
        engine = create_async_dsql_engine(**slow, wait_for_jobs=60)
        metadata = MetaData()
        Index("job_i", rows(metadata).c.a)
        async with engine.connect() as connection:
            await connection.run_sync(metadata.create_all)
            found = await connection.run_sync(jobs.list_jobs)
            assert [job.status for job in found if job.object_name == "public.job_i"][-1:] == [
                "completed"
            ]
            await connection.run_sync(metadata.drop_all)
        await engine.dispose()

    asyncio.run(main())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_when_asked_for(
    slow: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_dsql_engine(**slow, ddl_progress=True, wait_for_jobs=60)
    metadata = MetaData()
    for number in range(3):
        Table(f"job_{number}", metadata, Column("id", Uuid, primary_key=True))
    Index("job_i", metadata.tables["job_0"].c.id)
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    metadata.create_all(engine)
    metadata.drop_all(engine)
    text = shown.getvalue()
    for words in ("created 1/3 tables", "created 3/3 tables, 1 jobs", "waited for 1/1 jobs\n"):
        assert words in text
    assert "dropped 3/3 tables\n" in text
    silent = io.StringIO()
    monkeypatch.setattr("sys.stderr", silent)
    metadata.create_all(engine)
    metadata.drop_all(engine)
    assert silent.getvalue() == ""
    engine.dispose()
