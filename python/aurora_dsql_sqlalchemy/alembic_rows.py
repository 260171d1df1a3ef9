# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that are written in batches, each in a transaction of its own under the service's limits."""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import libdsql
from sqlalchemy import Column, Insert, Table, and_, exc, inspect, or_, select, text, true
from sqlalchemy.ext.compiler import compiles

from aurora_dsql_sqlalchemy import retry
from aurora_dsql_sqlalchemy.retry import sqlstate

T = TypeVar("T")

BATCH = 1000
"""Rows that are copied in one transaction; half of them where they are too many bytes."""

TRIES = 10


def again(impl: Any, error: exc.DBAPIError, tries: int) -> bool:
    """Whether a transaction may be run again: it met a conflict, so that nothing of it is left."""
    if not libdsql.is_retryable(sqlstate(error)) or tries > TRIES:
        return False
    impl.dialect.do_rollback(impl.connection.connection)
    retry.pause(impl.dialect, 0.01 * 2**tries)
    return True


def alone(impl: Any, work: Callable[[], T]) -> T:
    """Do what is one transaction, until it meets no conflict: what it returned."""
    tries = 0
    while True:
        try:
            result = work()
            impl.commit()
            return result
        except exc.DBAPIError as error:
            tries += 1
            if not again(impl, error, tries):
                raise


def in_batches(impl: Any, work: Callable[[int], int]) -> int:
    """Do work(size) in transactions of its own until it has nothing left: how many rows it did.

    What meets a conflict is done again, which is safe as it did nothing; what is too many bytes for
    a transaction is done in halves. Whatever else is wrong is the caller's.
    """
    size, tries, total = BATCH, 0, 0
    while True:
        try:
            done = work(size)
            impl.commit()
        except exc.DBAPIError as error:
            tries += 1
            if again(impl, error, tries):
                continue
            impl.dialect.do_rollback(impl.connection.connection)
            if sqlstate(error) != "54000" or size == 1:
                raise
            size //= 2
            continue
        tries = 0
        total += done
        if not done:
            return total


def fill(impl: Any, table: Table, column: Column[Any]) -> None:
    """Give the rows in which a column is NULL its default."""
    keys = inspect(impl.connection).get_pk_constraint(table.name, table.schema)
    impl.commit()
    names = keys["constrained_columns"]
    for name in names:
        if name not in table.c:
            table.append_column(Column(name))

    def work(size: int) -> int:
        statement = table.update().values({column: text("DEFAULT")}).where(column.is_(None))
        if not names:
            impl.connection.execute(statement)
            return 0
        rows = select(*(table.c[name] for name in names)).where(column.is_(None)).limit(size)
        found = impl.connection.execute(rows).all()
        if not found:
            return 0
        wanted = [
            and_(*(table.c[n] == v for n, v in zip(names, row, strict=True))) for row in found
        ]
        default = impl.connection.execute(statement.where(or_(*wanted)).returning(column)).first()
        return 0 if default is None or default[0] is None else len(found)

    in_batches(impl, work)


def equal(columns: Any, values: Any) -> Any:
    pairs = zip(columns, values, strict=True)
    return and_(true(), *(column == value for column, value in pairs))


def behind(columns: Any, values: Any, after: bool = True) -> Any:
    """Whether a key is behind values, or before them, in the order of the columns."""
    terms = []
    for number, (column, value) in enumerate(zip(columns, values, strict=True)):
        further = column > value if after else column < value
        terms.append(and_(equal(columns[:number], values[:number]), further))
    return or_(*terms)


class OverridingInsert(Insert):
    """INSERT ... SELECT of the values of an identity that is always generated."""

    inherit_cache = False


@compiles(OverridingInsert)
def _overriding(element: OverridingInsert, compiler: Any, **kw: Any) -> str:
    columns, _, rest = compiler.visit_insert(element, **kw).partition(") SELECT ")
    return f"{columns}) OVERRIDING SYSTEM VALUE SELECT {rest}"
