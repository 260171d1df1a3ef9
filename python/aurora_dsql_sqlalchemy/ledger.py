# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger of bulk jobs: a row for each batch, written in the transaction of the batch.

What is in the ledger was committed, and what was committed is in it. Two transactions for the same
batch write the same row, so that one of them at most is committed.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    and_,
    exc,
    func,
    insert,
    select,
    tuple_,
)

from aurora_dsql_sqlalchemy.retry import RetrySettings, sqlstate
from aurora_dsql_sqlalchemy.transactions import run_repeatable

TABLE = Table(
    "auroradsql_bulk_ledger",
    MetaData(),
    Column("job", String(200), primary_key=True),
    Column("work", String(200), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
    Column("committed", DateTime(timezone=True), server_default=func.now()),
)

EXISTS = "42P07"
FORGOTTEN_AT_ONCE = 2000

Bind = Engine | Connection


class Ledger:
    """The rows of one job for one work, which is a verb and a table."""

    def __init__(self, bind: Bind, settings: RetrySettings, job: str, work: str) -> None:
        self.bind = bind
        self.settings = settings
        self.key = {"job": job, "work": work[-200:]}
        self.mine = and_(TABLE.c.job == job, TABLE.c.work == self.key["work"])

    def create(self) -> None:
        """Make the table, unless it is there."""
        try:
            run_repeatable(self.bind, partial(TABLE.create, checkfirst=True), self.settings)
        except exc.DBAPIError as error:
            if sqlstate(error) != EXISTS:  # somebody else was quicker
                raise

    def done(self) -> list[tuple[int, int]]:
        """What was committed, as pairs of the number of a first row and of how many follow."""

        def read(connection: Connection) -> list[tuple[int, int]]:
            query = select(TABLE.c.first, TABLE.c.rows).where(self.mine)
            return [(first, rows) for first, rows in connection.execute(query)]

        return run_repeatable(self.bind, read, self.settings)

    def write(self, connection: Connection, first: int, rows: int) -> None:
        connection.execute(insert(TABLE), {**self.key, "first": first, "rows": rows})

    def has(self, connection: Connection, first: int, rows: int) -> bool:
        query = select(TABLE.c.rows).where(self.mine, TABLE.c.first == first)
        return connection.execute(query).scalar() == rows


def forget(bind: Bind, settings: RetrySettings, job: str) -> None:
    """Delete the rows of a job, for whatever it has done."""
    key = TABLE.c.work, TABLE.c.first
    some = select(*key).where(TABLE.c.job == job).limit(FORGOTTEN_AT_ONCE)

    def delete(connection: Connection) -> int:
        found = [tuple(row) for row in connection.execute(some)]
        if found:
            connection.execute(TABLE.delete().where(TABLE.c.job == job, tuple_(*key).in_(found)))
        return len(found)

    while run_repeatable(bind, delete, settings) == FORGOTTEN_AT_ONCE:
        pass
