# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""`alembic upgrade` is killed before and behind each of its statements, and run again.

The command runs in a process of its own, which is a fork of this one, and kills itself.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import main
from aurora_dsql_sqlalchemy import alembic_rows
from one_driver import driver
from sqlalchemy import Column, Engine, ForeignKey, Integer, MetaData, String, Table, inspect, text

__all__ = ["driver"]  # fixtures

MakeEngine = Callable[..., Engine]

ENVIRONMENT = """
import json, os
from alembic import context
from sqlalchemy import create_engine

def run():
    url, arguments = json.loads(os.environ["DSQL_TEST_ENGINE"])
    with create_engine(url, connect_args=arguments).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()

run()
"""

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "one", None, None, None

def upgrade():
    with op.batch_alter_table("people") as batch:
        batch.alter_column("age", type_=sa.String(9), existing_type=sa.Integer(), nullable=False)
        batch.create_index("people_low", [sa.text("lower(name)")])
    with op.batch_alter_table("people") as batch:
        batch.add_column(sa.Column("note", sa.String(5), nullable=False, server_default="-"))

def downgrade():
    with op.batch_alter_table("people") as batch:
        batch.drop_index("people_low")
        batch.drop_column("note")
        batch.alter_column("age", type_=sa.Integer(), existing_type=sa.String(9))
"""

CHANGES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "COMMENT", "GRANT")
ROWS = 7


@pytest.fixture
def project(
    tmp_path: Path,
    make_engine: MakeEngine,
    endpoint: Any,
    place_args: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Engine]:
    """A folder with a migration, and an engine for what it migrates."""
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (tmp_path / "migrations" / "env.py").write_text(ENVIRONMENT)
    (versions / "one.py").write_text(MIGRATION)
    url = "auroradsql+psycopg://admin@localhost/postgres"
    arguments = {**place_args, "sslrootcert": endpoint.ca}
    monkeypatch.setenv("DSQL_TEST_ENGINE", json.dumps([url, arguments]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(alembic_rows, "BATCH", 3)
    engine = make_engine(foreign_keys=True)
    yield engine
    empty(engine)


def empty(engine: Engine) -> None:
    found = MetaData()
    found.reflect(engine)
    found.drop_all(engine)


def stored(engine: Engine) -> None:
    """The table that is migrated, with a key to itself, and another that refers to it."""
    metadata = MetaData()
    people = Table(
        "people",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(20), comment="first"),
        Column("age", Integer),
        Column("boss", Integer, ForeignKey("people.id", name="people_boss")),
        sa.UniqueConstraint("name", name="people_name"),
        sa.Index("people_age", "age"),
    )
    pets = Table(
        "pets",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("of", Integer, ForeignKey("people.id", name="pets_of", ondelete="CASCADE")),
    )
    metadata.create_all(engine)
    rows = [{"id": n, "name": f"n{n}", "age": n, "boss": 1} for n in range(1, ROWS + 1)]
    with engine.begin() as connection:
        connection.execute(text("COMMENT ON INDEX people_age IS 'kept'"))
    with engine.begin() as connection:
        connection.execute(people.insert(), rows)
        connection.execute(pets.insert(), {"id": 1, "of": ROWS})


def alembic(*arguments: str, kill: int = 0, behind: bool = False) -> bool:
    """Runs a command; whether it was killed, at its kill-th change, before or behind it."""
    process = os.fork()
    if process == 0:
        try:
            _count_down(kill, behind)
            main(list(arguments))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def _count_down(kill: int, behind: bool) -> None:
    left = kill

    def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        nonlocal left
        left -= statement.lstrip().upper().startswith(CHANGES)
        if left == 0 and kill:
            os.kill(os.getpid(), signal.SIGKILL)

    name = "after_cursor_execute" if behind else "before_cursor_execute"
    sa.event.listen(Engine, name, count)


def write(engine: Engine, number: int) -> bool:
    """Try to write a row under the old name: it is kept, or refused at once."""
    statement = text(f"INSERT INTO people (id, name, age) VALUES ({number}, 'w{number}', '5')")
    try:
        with engine.begin() as connection:
            connection.execute(statement)
    except sa.exc.ProgrammingError as error:
        assert 'relation "people" does not exist' in str(error)
        return False
    return True


def check(engine: Engine, written: set[int]) -> None:
    """All that there must be after the migration, and nothing else."""
    found = inspect(engine)
    assert sorted(found.get_table_names()) == ["alembic_version", "people", "pets"]
    columns = {item["name"]: item for item in found.get_columns("people")}
    assert list(columns) == ["id", "name", "age", "boss", "note"]
    assert columns["age"]["type"].length == 9 and not columns["age"]["nullable"]  # type: ignore[attr-defined]
    assert columns["name"]["comment"] == "first"
    indexes = {item["name"]: item for item in found.get_indexes("people")}
    assert set(indexes) == {"people_age", "people_name", "people_low"}
    assert indexes["people_low"]["expressions"] == ["lower(name::text)"]
    assert found.get_pk_constraint("people")["name"] == "people_pkey"
    keys = [
        (table, item["name"], item["referred_table"], item["options"])
        for table in ("people", "pets")
        for item in found.get_foreign_keys(table)
    ]
    assert keys == [
        ("people", "people_boss", "people", {}),
        ("pets", "pets_of", "people", {"ondelete": "CASCADE"}),
    ]
    with engine.connect() as connection:
        rows = set(connection.execute(text("SELECT id, name, age, boss, note FROM people")))
        assert connection.scalars(text("SELECT of FROM pets")).all() == [ROWS]
        assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == ["one"]
        invalid = text("SELECT conname FROM pg_constraint WHERE NOT convalidated")
        assert connection.scalars(invalid).all() == []
        kept = text("SELECT obj_description('people_age'::regclass, 'pg_class')")
        assert connection.scalar(kept) == "kept"
    expected = {(n, f"n{n}", str(n), 1, "-") for n in range(1, ROWS + 1)}
    assert rows == expected | {(n, f"w{n}", "5", None, "-") for n in written}


@pytest.mark.parametrize("seed", range(4))
def test_upgrade_that_is_killed_goes_on_and_loses_nothing(project: Engine, seed: int) -> None:
    """Again and again, a few changes further on each time."""
    chance = random.Random(seed)
    stored(project)
    written: set[int] = set()
    processes, killed = 0, True
    while killed:
        processes += 1
        killed = alembic(
            "upgrade", "head", kill=chance.randint(2, 12), behind=chance.random() < 0.5
        )
        if write(project, 100 + processes):
            written.add(100 + processes)
    assert processes > 5
    assert not alembic("upgrade", "head")
    check(project, written)
