# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""docs/alembic.md, done step by step with the alembic command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from aurora_dsql_sqlalchemy import create_dsql_engine
from support import Program

DOCUMENT = Path(__file__).parents[2] / "docs" / "alembic.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


class Project:
    """A folder in which alembic is run."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.variables = {**os.environ, "XDG_DATA_HOME": str(data), "PYTHONPATH": str(folder)}

    def run(self, command: str, fails: bool = False) -> str:
        """Runs a line of the document."""
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        assert words[0] == "alembic"
        done = subprocess.run(
            [sys.executable, "-W", "error::sqlalchemy.exc.SAWarning", "-m", *words],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def change(self, name: str, pattern: str, text: str) -> None:
        path = self.folder / name
        changed, count = re.subn(pattern, lambda match: text, path.read_text(), flags=re.MULTILINE)
        assert count, (name, pattern)
        path.write_text(changed)

    def revision(self, message: str, body: str) -> None:
        """A migration whose functions are those of a text."""
        self.run(f'alembic revision -m "{message}"')
        (path,) = (self.folder / "migrations" / "versions").glob(f"*_{message}.py")
        imports, _, functions = body.partition("\n\n\n")
        head = path.read_text().partition("def upgrade")[0]
        path.write_text(f"{head}{imports}\n\n\n{functions}")


def test_migrations_from_init_to_downgrade(
    place: Path, tmp_path: Path, start: Callable[..., Program]
) -> None:
    endpoint = start("--data", str(place / "dsql-local")).endpoint
    engine = create_dsql_engine(
        "localhost",
        driver="psycopg",
        sslrootcert=endpoint.ca,
        connect_args={
            "hostaddr": "127.0.0.1",
            "port": endpoint.port,
            "credentials_file": endpoint.credentials,
        },
    )
    _, init, commands = blocks("sh")
    models, environment, batch = blocks("python")
    (ini,) = blocks("ini")
    project = Project(tmp_path, place)
    project.run(init.strip())
    project.change("alembic.ini", r"^sqlalchemy\.url = .*$", ini.strip())
    (tmp_path / "models.py").write_text(models)
    project.change("migrations/env.py", r"^target_metadata = None$", environment.strip())
    first, upgrade, check, downgrade = commands.strip().splitlines()
    for line in (first, upgrade):
        project.run(line)
    assert "No new upgrade operations detected" in project.run(check)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO owner (name) VALUES ('Anna'), ('Ben')"))

    project.revision("longer", batch)
    assert "ALTER TABLE" not in project.run("alembic upgrade head --sql", fails=True)
    project.run(upgrade)
    found = sa.inspect(engine)
    assert found.get_columns("owner")[1]["type"].length == 200  # type: ignore[attr-defined]
    assert [item["name"] for item in found.get_unique_constraints("owner")] == ["owner_name_once"]
    assert "modify_type" in project.run(check, fails=True)
    before = project.run("alembic current")

    fails = "\n\n\ndef upgrade() -> None:\n    op.add_column('owner', sa.Column('x', sa.Integer))\n"
    project.revision("fails", f"{fails}    op.execute('SELECT 1 / 0')\n")
    assert "division by zero" in project.run(upgrade, fails=True)
    assert project.run("alembic current") == before.replace(" (head)", "")
    engine.dispose()
    with engine.connect() as connection:
        query = sa.text("SELECT name FROM owner ORDER BY name")
        assert connection.scalars(query).all() == ["Anna", "Ben"]
    project.run(downgrade)
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT * FROM alembic_version")).all() == []
    engine.dispose()
