# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Two counted rows, and what tests of transactions do with them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Table, create_engine, select


def ids(engine: Engine, table: Table) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(select(table.c.id).order_by(table.c.id)).scalars())


def meddle(engine: Engine, table: Table) -> None:
    """Commit a change of row 1 in a transaction of its own."""
    with engine.begin() as connection:
        connection.execute(table.update().where(table.c.id == 1).values(n=table.c.n + 100))


def increment(connection: Any, table: Table) -> None:
    connection.execute(table.update().where(table.c.id == 1).values(n=table.c.n + 1))


def read(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(table.c.n).where(table.c.id == 1)).scalar_one())


def by_url(engine: Engine, query: str) -> Engine:
    """An engine for the same place, made by a URL with these options."""
    _, arguments = engine.dialect.create_connect_args(engine.url)
    names = ("hostaddr", "region", "credentials_file", "sslrootcert")
    return create_engine(
        f"auroradsql+{engine.driver}://admin@localhost:{arguments['port']}/postgres?{query}",
        connect_args={name: arguments[name] for name in names},
    )
