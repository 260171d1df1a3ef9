# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What an installed wheel must do where there is nothing else: `./dev wheel` runs this file."""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys
from pathlib import Path

import libdsql
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from sqlalchemy import Column, Index, MetaData, String, Table, Uuid, inspect, text

COMMANDS = ["dsql", "dsql-local"]

metadata = MetaData()
table = Table(
    "smoke",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("name", String(20)),
    Index("smoke_name", "name", auroradsql_include=["id"]),
)


def use() -> None:
    engine = create_dsql_engine("local")
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"name": "a"}, {"name": "b"}])
        assert connection.execute(table.select().order_by("name")).all()[1].name == "b"
    assert inspect(engine).get_indexes("smoke")[0]["name"] == "smoke_name"
    engine.dispose()


async def use_with_asyncio() -> None:
    engine = create_async_dsql_engine("local")
    async with engine.connect() as connection:
        assert len((await connection.execute(table.select())).all()) == 2
    await engine.dispose()


def run(command: str, *arguments: str) -> str:
    program = Path(sys.executable).parent / command
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def main() -> None:
    token = libdsql.token("localhost", access_key="A", secret_key="S", now=0)
    assert token.startswith("localhost/?Action=DbConnectAdmin&")
    use()
    asyncio.run(use_with_asyncio())
    library = ctypes.CDLL(str(Path(libdsql.__file__).parent / "lib" / "libdsql.so"))
    library.dsql_version.restype = ctypes.c_char_p
    assert library.dsql_version().decode() == libdsql.__version__
    for command in COMMANDS:
        assert libdsql.__version__ in run(command, "--version")
    run("dsql", "local", "stop")
    print(f"libdsql {libdsql.__version__} on Python {sys.version.split()[0]}: good")


if __name__ == "__main__":
    main()
