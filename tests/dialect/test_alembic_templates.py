# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Each template of `alembic init`: what autogenerate writes is carried out, there and back.

The command runs in forks of this process, which saves importing everything for each of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import libdsql
import pytest
import sqlalchemy as sa
from alembic.config import Config, main
from one_driver import driver, engine
from sqlalchemy import Engine, inspect, text
from support import token_for

__all__ = ["driver", "engine"]  # fixtures


FIRST = """
from sqlalchemy import *
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    })

class Owner(Base):
    __tablename__ = "owner"
    id = Column(Integer, primary_key=True)
    name = Column(String(80), index=True)
    age = Column(Integer, comment="years")
    note = Column(Text, server_default="it's 100% new")

class Pet(Base):
    __tablename__ = "pet"
    id = Column(Integer, Identity(always=True), primary_key=True)
    owner_id = Column(ForeignKey("owner.id"), index=True)
    name = Column(String(80))
    born = Column(DateTime, server_default=text("now()"))
"""

SECOND = """
from sqlalchemy import *
from sqlalchemy.orm import DeclarativeBase

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    })

class Owner(Base):
    __tablename__ = "owner"
    id = Column(Integer, primary_key=True)
    name = Column(String(120), unique=True)
    age = Column(BigInteger, nullable=False, comment="of life", server_default="1")
    kind = Column(String(5), nullable=False, server_default="new")
    other = Column(Boolean, server_default=true())

Index("owner_low", func.lower(Owner.name), postgresql_where=Owner.age > 3)

class Pet(Base):
    __tablename__ = "pet"
    id = Column(Integer, Identity(always=False, increment=3), primary_key=True)
    owner_id = Column(ForeignKey("owner.id", ondelete="CASCADE"))
    name = Column(String(80))
    born = Column(DateTime)

class Visit(Base):
    __tablename__ = "visit"
    id = Column(Uuid, primary_key=True)
    day = Column(Date, index=True)
    __table_args__ = {"comment": "made later"}
"""


class Project:
    """A folder in which alembic is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str) -> str:
        """What a command writes; it must succeed."""
        output = self.folder / "output"
        process = os.fork()
        if process == 0:
            status = 1
            try:
                file = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
                os.dup2(file, 1)
                os.dup2(file, 2)
                sys.stdout = os.fdopen(1, "w")
                # It has taken the one that there was when it was imported.
                defaults = [
                    sys.stdout if hasattr(item, "write") else item
                    for item in Config.__init__.__defaults__ or ()
                ]
                Config.__init__.__defaults__ = tuple(defaults)
                main(list(arguments))
                status = 0
            except SystemExit as end:
                status = int(bool(end.code))
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(status)
        _, status = os.waitpid(process, 0)
        said = output.read_text()
        assert os.waitstatus_to_exitcode(status) == 0, (arguments, said)
        return said

    def write(self, name: str, content: str) -> None:
        """A file, with another time than the one before, so that Python compiles it again."""
        path = self.folder / name
        before = path.stat().st_mtime if path.exists() else 0
        path.write_text(content)
        os.utime(path, (before + 10, before + 10))

    def change(self, name: str, pattern: str, replacement: str) -> None:
        path = self.folder / name
        changed, count = re.subn(
            pattern,
            lambda match: replacement.replace("{}", match[0]),
            path.read_text(),
            flags=re.MULTILINE,
        )
        assert count, (name, pattern)
        path.write_text(changed)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sys.argv", ["alembic"])
    return Project(tmp_path)


def url_for(endpoint: Any, driver: str) -> str:
    return (
        f"auroradsql+{driver}://admin@localhost:{endpoint.port}/postgres?hostaddr=127.0.0.1"
        f"&region={endpoint.region}&credentials_file={endpoint.credentials}"
        f"&sslrootcert={endpoint.ca}&foreign_keys=true"
    )


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def there_and_back(project: Project, engine: Engine) -> None:
    """Two models one after the other, and back."""
    project.change(
        "migrations/env.py", r"target_metadata=[\w.()]+", "compare_server_default=True, {}"
    )
    project.write("models.py", FIRST)
    project.run("revision", "--autogenerate", "-m", "first")
    project.run("upgrade", "head")
    assert "No new upgrade operations" in project.run("check")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO owner (name, age) VALUES ('Anna', 30), ('Ben', 40)"))
        connection.execute(text("INSERT INTO pet (owner_id) SELECT id FROM owner"))

    project.write("models.py", SECOND)
    project.run("revision", "--autogenerate", "-m", "second")
    project.run("upgrade", "head")
    assert "No new upgrade operations" in project.run("check")
    found = rows(engine, "SELECT name, age, kind, other FROM owner ORDER BY name")
    assert found == [("Anna", 30, "new", True), ("Ben", 40, "new", True)]
    assert rows(engine, "SELECT count(*) FROM pet JOIN owner ON owner_id = owner.id") == [(2,)]

    project.run("downgrade", "-1")
    project.write("models.py", FIRST)
    assert rows(engine, "SELECT name, age FROM owner ORDER BY name") == [("Anna", 30), ("Ben", 40)]
    tables = {"owner", "pet", "alembic_version"}
    assert set(inspect(engine).get_table_names()) == tables
    project.write("models.py", SECOND)
    project.run("upgrade", "head")
    assert "No new upgrade operations" in project.run("check")
    project.run("downgrade", "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("generic", "libdsql"),
        ("pyproject_async", "asyncpg"),
    ],
)
def test_template(
    project: Project, engine: Engine, endpoint: Any, template: str, name: str
) -> None:
    project.run("init", "-t", template, "migrations")
    project.change(
        "alembic.ini", r"^sqlalchemy\.url = .*$", f"sqlalchemy.url = {url_for(endpoint, name)}"
    )
    environment = "import models\ntarget_metadata = models.Base.metadata"
    project.change("migrations/env.py", r"^target_metadata = None$", environment)
    there_and_back(project, engine)


def test_template_for_several_databases(project: Project, engine: Engine, endpoint: Any) -> None:
    project.run("init", "-t", "multidb", "migrations")
    # Autogenerate writes in the manner of the last one.
    urls = iter(["sqlite:///other.db", url_for(endpoint, "libdsql")])
    path = project.folder / "alembic.ini"
    lines = [
        f"sqlalchemy.url = {next(urls)}" if line.startswith("sqlalchemy.url = ") else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    environment = (
        "import models, sqlalchemy\n"
        "target_metadata = {'engine1': sqlalchemy.MetaData(), 'engine2': models.Base.metadata}"
    )
    project.change("migrations/env.py", r"^target_metadata = \{\}$", environment)
    there_and_back(project, engine)


def drop_versions(engine: Engine) -> None:
    """The script makes the table anew."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))


def test_script_is_carried_out_by_psql_and_by_the_driver(
    project: Project, engine: Engine, endpoint: Any
) -> None:
    project.run("init", "migrations")
    url = url_for(endpoint, "libdsql")
    project.change("alembic.ini", r"^sqlalchemy\.url = .*$", f"sqlalchemy.url = {url}")
    environment = "import models\ntarget_metadata = models.Base.metadata"
    project.change("migrations/env.py", r"^target_metadata = None$", environment)
    project.write("models.py", FIRST)
    project.run("revision", "--autogenerate", "-m", "first")
    (revision,) = (project.folder / "migrations" / "versions").glob("*_first.py")
    body = "    op.execute(\"INSERT INTO owner (name) VALUES ('it''s; 100%')\")\n"
    body += "    op.create_check_constraint('owner_old', 'owner', 'age > 0')\n"
    body += "    op.create_unique_constraint('owner_once', 'owner', ['name', 'age'])\n"
    body += "    op.add_column('owner', sa.Column('more', sa.Integer, server_default='5'))\n"
    up, down = revision.read_text().split("def downgrade")
    project.write(str(revision.relative_to(project.folder)), f"{up}{body}\n\ndef downgrade{down}")
    script = project.run("upgrade", "head", "--sql")
    drop_versions(engine)
    script = "".join(line for line in script.splitlines(True) if not line.startswith("INFO"))
    place = f"host=localhost hostaddr=127.0.0.1 port={endpoint.port} user=admin dbname=postgres"
    done = subprocess.run(
        [
            "psql",
            "-X",
            "-v",
            "ON_ERROR_STOP=1",
            f"{place} sslmode=verify-full sslrootcert={endpoint.ca}",
        ],
        input=script,
        env={**os.environ, "PGPASSWORD": token_for(endpoint), "LD_PRELOAD": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert rows(engine, "SELECT name, more FROM owner") == [("it's; 100%", 5)]
    assert "(head)" in project.run("current")
    project.run("downgrade", "base")
    drop_versions(engine)

    connection = libdsql.connect(
        host="localhost",
        hostaddr="127.0.0.1",
        port=endpoint.port,
        region=endpoint.region,
        sslrootcert=endpoint.ca,
        credentials_file=endpoint.credentials,
        autocommit=True,
    )
    for statement in script.split(";\n"):
        if re.sub(r"--.*", "", statement).strip():
            connection.execute(statement)
    connection.close()
    assert rows(engine, "SELECT name, more FROM owner") == [("it's; 100%", 5)]
    assert "(head)" in project.run("current")
    assert sa.inspect(engine).get_unique_constraints("owner")[0]["name"] == "owner_once"
