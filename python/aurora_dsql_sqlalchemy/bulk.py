# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""More rows than a transaction holds: inserted, updated and deleted in many transactions.

    >>> bulk_insert(engine, table, rows)

The rows are cut into batches under the service's limits; each batch is a transaction, which is run
again after a conflict. What became of each row is known at the end, or said to be unknown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Engine, Table, exc

from aurora_dsql_sqlalchemy import batches as cut
from aurora_dsql_sqlalchemy import retry
from aurora_dsql_sqlalchemy.batches import Batch, Outcome, Part, Row, Settle
from aurora_dsql_sqlalchemy.ledger import Ledger
from aurora_dsql_sqlalchemy.progress import Meter, Progress, Show
from aurora_dsql_sqlalchemy.transactions import (
    CommitOutcomeUnknown,
    RetrySettings,
    outcome_of,
    run_transaction,
)

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

MAX_ROWS = 3000
"""Rows that the service lets a transaction change."""

BYTES = 5 * 1024 * 1024
"""Bytes of rows and index entries that a batch is planned to have, half of the service's limit."""

SETTINGS = RetrySettings(attempts=8)
SETTLE_TRIES = 3

LIMIT = "54000"
"""SQLSTATE of the limits of a transaction: a batch that meets one is cut in two."""


@dataclass
class BulkReport:
    """What became of all rows.

    committed, failed, unknown: numbers of rows. skipped: rows that an earlier run of the same job
    had committed. parts: the same by ranges of rows, in their order. retries: transactions that
    were run again.
    """

    parts: list[Part] = field(default_factory=list)
    retries: int = 0

    def _rows(self, outcome: Outcome) -> int:
        return sum(part.rows for part in self.parts if part.outcome == outcome)

    @property
    def committed(self) -> int:
        return self._rows("committed")

    @property
    def failed(self) -> int:
        return self._rows("failed")

    @property
    def unknown(self) -> int:
        return self._rows("unknown")

    @property
    def skipped(self) -> int:
        return self._rows("skipped")

    def __str__(self) -> str:
        counts = {
            "committed": self.committed,
            "skipped": self.skipped,
            "failed": self.failed,
            "unknown": self.unknown,
        }
        said = ", ".join(f"{rows:,} {name}" for name, rows in counts.items() if rows)
        return said or "no rows"


class BulkError(exc.SQLAlchemyError):
    """Not all rows were committed; `report` says which. `__cause__` is the first error."""

    def __init__(self, report: BulkReport) -> None:
        super().__init__(f"not all rows were committed: {report}")
        self.report = report


def bulk_insert(
    engine: Engine,
    table: Table | type[Any],
    rows: Iterable[Mapping[str, Any]],
    **options: Unpack[Keywords],
) -> BulkReport:
    """Insert rows, which are dictionaries by the columns' keys, all with the same keys.

    table: a Table or a mapped class. rows: a list or a generator, which is read as it is needed.

    Options: batch_rows (2500) and batch_bytes (5 MiB), how much a transaction has; parallel (1),
    how many run at once, each on a connection of the engine's pool; settings, a RetrySettings for
    each of them; job, a name under which the ledger remembers what was committed, so that the
    same call after an interruption goes on where it stopped; progress, a function that is called
    with a Progress, True or False (a bar on a terminal, by default if there is one); total, the
    number of rows where rows cannot tell; on_error, "stop" or "continue" with the other batches.

    Keys that Column defaults of Python or gen_random_uuid() make are made here: by them it is
    looked up what became of a COMMIT that nobody answered. Returns a BulkReport; raises BulkError
    with one when rows were not committed or it is unknown whether they were.
    """
    table = _table(table)
    work = partial(cut.inserting, table)
    settle = partial(cut.settle_insert, table)
    options = _counted(rows, options)
    return _run(engine, table, cut.with_keys(table, rows), work, settle, "insert", options)


def bulk_update(
    engine: Engine,
    table: Table | type[Any],
    rows: Iterable[Mapping[str, Any]],
    **options: Unpack[Keywords],
) -> BulkReport:
    """Update rows by their primary keys: dictionaries of the key's columns and of new values.

    The options are those of bulk_insert(). Without a job, nobody can tell what became of a COMMIT
    that was not answered: such rows are reported as unknown.
    """
    table = _table(table)
    cut.primary_key(table)
    work = partial(cut.updating, table)
    options = _counted(rows, options)
    return _run(engine, table, map(dict, rows), work, None, "update", options)


def bulk_delete(
    engine: Engine,
    table: Table | type[Any],
    rows: Iterable[Any],
    **options: Unpack[Keywords],
) -> BulkReport:
    """Delete rows by their primary keys: dictionaries, tuples, or values of a key of one column.

    The options are those of bulk_insert().
    """
    table = _table(table)
    cut.primary_key(table)
    work = partial(cut.deleting, table)
    settle = partial(cut.settle_delete, table)
    options = _counted(rows, options)
    return _run(engine, table, cut.keys_of(table, rows), work, settle, "delete", options)


def forget(engine: Engine, job: str) -> None:
    """Delete what the ledger holds of a job that is done."""
    Ledger(engine, job).forget()


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
    rows = (dict(zip(keys, values, strict=True)) for values in data)
    return bulk_insert(connection.engine, pandas_table.table, rows, **options).committed


def _table(table: Table | type[Any]) -> Table:
    found = getattr(table, "__table__", table)
    if not isinstance(found, Table):
        raise exc.ArgumentError(f"give a Table or a mapped class, not {table!r}")
    return found


def _counted(rows: object, options: Keywords) -> Keywords:
    return {"total": len(rows), **options} if isinstance(rows, Sized) else options


@dataclass(frozen=True)
class Options:
    """What bulk_insert() says about them."""

    batch_rows: int = 2500
    batch_bytes: int = BYTES
    parallel: int = 1
    settings: RetrySettings = SETTINGS
    job: str | None = None
    progress: Show | bool | None = None
    total: int | None = None
    on_error: Literal["stop", "continue"] = "stop"

    def __post_init__(self) -> None:
        most = MAX_ROWS - (self.job is not None)  # the ledger's row counts as well
        if not 1 <= self.batch_rows <= most:
            raise exc.ArgumentError(f"batch_rows={self.batch_rows}: a transaction has 1 to {most}")
        if self.parallel < 1:
            raise exc.ArgumentError(f"parallel={self.parallel}: at least one runs at a time")
        if self.on_error not in ("stop", "continue"):
            raise exc.ArgumentError(f"on_error={self.on_error!r} must be 'stop' or 'continue'")


def _run(
    engine: Engine,
    table: Table,
    rows: Iterable[Row],
    work: Callable[[Connection, Batch], None],
    settle: Settle | None,
    verb: str,
    keywords: Keywords,
) -> BulkReport:
    options = Options(**keywords)
    ledger = None
    if options.job is not None:
        ledger = Ledger(engine, options.job)
        ledger.create()
    bulk = _Bulk(engine, work, settle, ledger, options.settings)
    done = ledger.done() if ledger is not None else []
    pieces = cut.batches(table, rows, options.batch_rows, options.batch_bytes, done)
    meter = Meter(f"{verb} {table.name}", options.total, options.progress)
    try:
        for parts in _carry_out(bulk, pieces, options):
            bulk.report.parts += parts
            meter.add(sum(part.rows for part in parts))
    finally:
        meter.close()
    report = bulk.report
    report.parts.sort(key=lambda part: part.first)
    if report.failed or report.unknown:
        cause = next(part.error for part in report.parts if part.error is not None)
        raise BulkError(report) from cause
    return report


def _carry_out(
    bulk: _Bulk, pieces: Iterator[Batch | Part], options: Options
) -> Iterator[list[Part]]:
    """The parts of each piece when it is done; no new ones after a failure that stops."""

    def stops(parts: list[Part]) -> bool:
        return options.on_error == "stop" and any(part.error is not None for part in parts)

    if options.parallel == 1:
        for piece in pieces:
            parts = bulk.commit(piece) if isinstance(piece, Batch) else [piece]
            yield parts
            if stops(parts):
                return
        return
    with ThreadPoolExecutor(options.parallel, "bulk") as executor:
        running: set[Future[list[Part]]] = set()
        stopped = False
        for piece in pieces:
            if isinstance(piece, Part):
                yield [piece]
                continue
            running.add(executor.submit(bulk.commit, piece))
            while len(running) >= options.parallel:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    stopped = stopped or stops(future.result())
                    yield future.result()
            if stopped:
                break
        for future in running:
            yield future.result()


class _Bulk:
    """One call: what its batches have in common."""

    def __init__(
        self,
        engine: Engine,
        work: Callable[[Connection, Batch], None],
        settle: Settle | None,
        ledger: Ledger | None,
        settings: RetrySettings,
    ) -> None:
        self.engine = engine
        self.work = work
        self.settle = settle
        self.ledger = ledger
        self.report = BulkReport()
        self.lock = threading.Lock()
        self.on_retry = settings.on_retry
        self.settings = replace(settings, on_retry=self._count)

    def _count(self, told: retry.Retry) -> None:
        with self.lock:
            self.report.retries += 1
        if self.on_retry is not None:
            self.on_retry(told)

    def commit(self, batch: Batch) -> list[Part]:
        """Run a batch in a transaction of its own; in two, when it is too large for one.

        A batch that was not committed, as far as can be seen, is run again: should its first
        COMMIT come through late, then the keys, or the ledger's row, let one of the two in.
        """
        unknown: CommitOutcomeUnknown | None = None
        for _ in range(SETTLE_TRIES):
            try:
                run_transaction(self.engine, partial(self._once, batch), self.settings)
                return [batch.part("committed")]
            except CommitOutcomeUnknown as error:
                unknown = error
            except Exception as error:
                if retry.sqlstate(error) == LIMIT and len(batch.rows) > 1:
                    return [part for half in batch.halves() for part in self.commit(half)]
                if unknown is None:
                    return [batch.part("failed", error)]
            settled = self._settled(batch)
            if settled is None:
                break
            if settled:
                return [batch.part("committed")]
        return [batch.part("unknown", unknown)]

    def _once(self, batch: Batch, connection: Connection) -> None:
        if self.ledger is not None:
            self.ledger.write(connection, batch.first, len(batch.rows))
        self.work(connection, batch)

    def _look(self, connection: Connection, batch: Batch) -> bool | None:
        if self.ledger is not None:
            return self.ledger.has(connection, batch.first)
        return self.settle(connection, batch) if self.settle is not None else None

    def _settled(self, batch: Batch) -> bool | None:
        """Whether the batch was committed; None: nobody can tell."""
        if self.ledger is None and self.settle is None:
            return None
        tries = retry.Tries(self.settings, "a look at what was committed")
        while True:
            try:
                with self.engine.connect() as connection:
                    return self._look(connection, batch)
            except exc.DBAPIError as error:
                if outcome_of(error) == "failed":
                    return None
                pause = tries.again(error)
                if pause is None:
                    return None
            retry.sleep(pause)
