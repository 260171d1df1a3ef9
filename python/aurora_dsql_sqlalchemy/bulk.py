# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""More rows than a transaction holds: inserted, updated and deleted in many transactions.

    >>> bulk_insert(engine, table, rows)
    >>> await bulk_insert(async_engine, table, rows)

The rows are cut into batches under the service's limits; each batch is a transaction, which is run
again after a conflict. What became of each row is known at the end, or said to be unknown.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Coroutine, Iterable, Sequence, Sized
from typing import TYPE_CHECKING, Any, Literal, overload

from sqlalchemy import Connection, Engine, Table, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util import greenlet_spawn

from aurora_dsql_sqlalchemy import ledger
from aurora_dsql_sqlalchemy.batches import Part
from aurora_dsql_sqlalchemy.bulk_rows import Target
from aurora_dsql_sqlalchemy.bulk_run import (
    SETTINGS,
    Bulk,
    BulkError,
    BulkReport,
    Options,
    run,
    run_async,
)
from aurora_dsql_sqlalchemy.bulk_work import Work, deleting, inserting, updating
from aurora_dsql_sqlalchemy.execution import transaction_of
from aurora_dsql_sqlalchemy.progress import Progress, Show
from aurora_dsql_sqlalchemy.transactions import RetrySettings

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    class Keywords(TypedDict, total=False):
        """The options of a call, as Options has them."""

        batch_rows: int
        batch_bytes: int
        parallel: int
        settings: RetrySettings
        job: str | None
        progress: Show | bool | None
        total: int | None
        on_error: Literal["stop", "continue"]
        report: BulkReport | None


__all__ = [
    "BulkError",
    "BulkReport",
    "Part",
    "Progress",
    "bulk_delete",
    "bulk_insert",
    "bulk_update",
    "forget",
    "pandas_insert",
]

Bind = Engine | Connection
AsyncBind = AsyncEngine | AsyncConnection
Rows = Iterable[Any]
AsyncRows = Iterable[Any] | AsyncIterable[Any]
Awaited = Coroutine[Any, Any, BulkReport]


@overload
def bulk_insert(
    bind: Bind, table: Table | type[Any], rows: Rows, **options: Unpack[Keywords]
) -> BulkReport: ...
@overload
def bulk_insert(
    bind: AsyncBind, table: Table | type[Any], rows: AsyncRows, **options: Unpack[Keywords]
) -> Awaited: ...
def bulk_insert(
    bind: Any, table: Table | type[Any], rows: Any, **options: Unpack[Keywords]
) -> BulkReport | Awaited:
    """Insert rows: dictionaries by the columns' keys or the class's attributes, named tuples,
    objects of dataclasses or of the mapped class, which are only read.

    bind: an engine, or a connection that is in no transaction; of asyncio too, and then the result
    is awaited. table: a Table or a mapped class. rows: a list or a generator, which is read as it
    is needed; with asyncio an async generator too.

    Options: batch_rows (2500) and batch_bytes (4 MiB), how much a transaction has; parallel (1),
    how many run at once, each on a connection of the engine's pool, in threads or in tasks;
    settings, a RetrySettings for each of them; job, a name under which the ledger remembers what
    was committed, so that the same call after an interruption goes on where it stopped; progress,
    a function that is called with a Progress, True or False (a bar on a terminal, by default if
    there is one); total, the number of rows where rows cannot tell; on_error, "stop" or "continue"
    with the other batches; report, a BulkReport that is filled in as batches end, for whoever
    wants to know after an interruption.

    Keys that Column defaults of Python or gen_random_uuid() make are made here: by them it is
    looked up what became of a COMMIT that nobody answered. Returns a BulkReport; raises BulkError
    with one when rows were not committed, or it is unknown whether they were, or rows raised an
    error.
    """
    return _start(bind, inserting(Target(table)), rows, options)


@overload
def bulk_update(
    bind: Bind, table: Table | type[Any], rows: Rows, **options: Unpack[Keywords]
) -> BulkReport: ...
@overload
def bulk_update(
    bind: AsyncBind, table: Table | type[Any], rows: AsyncRows, **options: Unpack[Keywords]
) -> Awaited: ...
def bulk_update(
    bind: Any, table: Table | type[Any], rows: Any, **options: Unpack[Keywords]
) -> BulkReport | Awaited:
    """Update rows by their primary keys: rows of the key's columns and of new values.

    All is as for bulk_insert(), but for a COMMIT that was not answered. Without a job it counts as
    carried out if all of its rows have the new values, and as unknown otherwise.
    """
    return _start(bind, updating(Target(table)), rows, options)


@overload
def bulk_delete(
    bind: Bind, table: Table | type[Any], rows: Rows, **options: Unpack[Keywords]
) -> BulkReport: ...
@overload
def bulk_delete(
    bind: AsyncBind, table: Table | type[Any], rows: AsyncRows, **options: Unpack[Keywords]
) -> Awaited: ...
def bulk_delete(
    bind: Any, table: Table | type[Any], rows: Any, **options: Unpack[Keywords]
) -> BulkReport | Awaited:
    """Delete rows by their primary keys: rows that have them, tuples, or values of a key of one
    column. All is as for bulk_insert().
    """
    return _start(bind, deleting(Target(table)), rows, options)


@overload
def forget(bind: Bind, job: str) -> None: ...
@overload
def forget(bind: AsyncBind, job: str) -> Coroutine[Any, Any, None]: ...
def forget(bind: Any, job: str) -> Coroutine[Any, Any, None] | None:
    """Delete what the ledger holds of a job that is done."""
    if isinstance(bind, (AsyncEngine, AsyncConnection)):
        return greenlet_spawn(ledger.forget, _below(bind), SETTINGS, job)
    ledger.forget(bind, SETTINGS, job)
    return None


def pandas_insert(
    pandas_table: Any,
    connection: Connection,
    keys: Sequence[str],
    data: Iterable[Sequence[Any]],
    **options: Unpack[Keywords],
) -> int:
    """For DataFrame.to_sql(..., method=pandas_insert), or functools.partial() of it with options.

    The rows are committed in transactions of their own, not in that of connection.
    """
    rows: Iterable[dict[str, Any]] = (dict(zip(keys, values, strict=True)) for values in data)
    total = len(pandas_table.frame)
    if options.get("job") is not None:
        rows = list(rows)
        if len(rows) != total:
            raise exc.ArgumentError(
                "a job counts the rows of the whole frame: leave chunksize out, the rows are "
                "written in batches all the same"
            )
    options = {"total": total, **options}
    if not transaction_of(connection.connection).wrote:
        # What pandas has read would be too old for its COMMIT when all rows are in.
        connection.dialect.do_rollback(connection.connection)
    return bulk_insert(connection.engine, pandas_table.table, rows, **options).committed


def _start(bind: Any, work: Work, rows: Any, keywords: Keywords) -> BulkReport | Awaited:
    if isinstance(rows, Sized):
        keywords = {"total": len(rows), **keywords}
    options = Options(**keywords)
    below = _below(bind)
    if below.dialect.name != "auroradsql":
        raise exc.ArgumentError(f"bulk is for engines of auroradsql, not {below.dialect.name}")
    if isinstance(below, Connection):
        if below.in_transaction():
            raise exc.InvalidRequestError(
                "give a connection that is in no transaction, or an engine"
            )
        if options.parallel > 1:
            raise exc.ArgumentError("a connection runs one transaction at a time: give an engine")
    bulk = Bulk(below, work, options)
    if isinstance(bind, (AsyncEngine, AsyncConnection)):
        return run_async(bulk, rows)
    if below.dialect.is_async and options.parallel > 1:
        raise exc.ArgumentError("an engine of asyncio has no threads: give the AsyncEngine itself")
    return run(bulk, rows)


def _below(bind: Any) -> Engine | Connection:
    """What SQLAlchemy's own code works with."""
    if isinstance(bind, AsyncEngine):
        return bind.sync_engine
    found = bind.sync_connection if isinstance(bind, AsyncConnection) else bind
    if not isinstance(found, (Engine, Connection)):
        raise exc.ArgumentError(f"give an engine or a connection that is open, not {bind!r:.80}")
    return found
