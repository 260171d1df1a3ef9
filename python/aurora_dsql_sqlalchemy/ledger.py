# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger of bulk jobs: a row for each batch, written in the transaction of the batch.

What is in the ledger was committed, and what was committed is in it. Two transactions for the same
batch write the same row, so that one of them at most is committed.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Delete,
    Engine,
    MetaData,
    String,
    Table,
    exc,
    func,
    insert,
    select,
)

from aurora_dsql_sqlalchemy.retry import sqlstate
from aurora_dsql_sqlalchemy.transactions import run_transaction

TABLE = Table(
    "auroradsql_bulk_ledger",
    MetaData(),
    Column("job", String(200), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
    Column("committed", DateTime(timezone=True), server_default=func.now()),
)

EXISTS = "42P07"
FORGOTTEN_AT_ONCE = 2000


class Ledger:
    """The rows of one job."""

    def __init__(self, engine: Engine, job: str) -> None:
        self.engine = engine
        self.job = job

    def create(self) -> None:
        """Make the table, unless it is there."""
        try:
            TABLE.create(self.engine, checkfirst=True)
        except exc.DBAPIError as error:
            if sqlstate(error) != EXISTS:  # somebody else was quicker
                raise

    def done(self) -> list[tuple[int, int]]:
        """What was committed, as pairs of the number of a first row and of how many follow."""
        query = select(TABLE.c.first, TABLE.c.rows).where(TABLE.c.job == self.job)

        def read(connection: Connection) -> list[tuple[int, int]]:
            found = connection.execute(query.order_by(TABLE.c.first))
            return [(first, rows) for first, rows in found]

        return run_transaction(self.engine, read)

    def write(self, connection: Connection, first: int, rows: int) -> None:
        connection.execute(insert(TABLE), {"job": self.job, "first": first, "rows": rows})

    def has(self, connection: Connection, first: int) -> bool:
        query = select(TABLE.c.rows).where(TABLE.c.job == self.job, TABLE.c.first == first)
        return connection.execute(query).first() is not None

    def forget(self) -> None:
        """Delete the job's rows."""
        firsts = [first for first, _ in self.done()]
        for i in range(0, len(firsts), FORGOTTEN_AT_ONCE):
            some = TABLE.c.first.in_(firsts[i : i + FORGOTTEN_AT_ONCE])
            self._delete(TABLE.delete().where(TABLE.c.job == self.job, some))

    def _delete(self, statement: Delete) -> None:
        run_transaction(self.engine, lambda connection: connection.execute(statement))
