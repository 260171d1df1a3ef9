# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Batches carried out, one after the other, in threads, or in tasks of asyncio.

What is decided is decided in one place for all of them, Bulk.carry_out(): with asyncio it is run in
the greenlet in which SQLAlchemy runs its own code.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, Engine, exc
from sqlalchemy.util import greenlet_spawn

from aurora_dsql_sqlalchemy import retry
from aurora_dsql_sqlalchemy.batches import Batch, Cutter, Outcome, Part, Piece, batches
from aurora_dsql_sqlalchemy.bulk_work import Work
from aurora_dsql_sqlalchemy.ledger import Ledger
from aurora_dsql_sqlalchemy.progress import Meter, Show
from aurora_dsql_sqlalchemy.transactions import (
    CommitOutcomeUnknown,
    RetrySettings,
    outcome_of,
    run_repeatable,
    run_transaction,
)

MAX_ROWS = 3000
"""Rows that the service lets a transaction change."""

BYTES = 4 * 1024 * 1024
"""Bytes of rows and index entries that a batch is planned to have. The service's limit is 10 MiB
for a transaction and for a message, in which a driver may need two for one."""

SETTINGS = RetrySettings(attempts=8)

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
        text = f"not all rows were committed: {report}"
        for part in report.parts:
            if part.error is not None:
                words = str(part.error).strip().splitlines() or [type(part.error).__name__]
                text += f"; {part}: {words[0]}"
                break
        super().__init__(text)
        self.report = report


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
    report: BulkReport | None = None

    def __post_init__(self) -> None:
        most = MAX_ROWS - (self.job is not None)  # the ledger's row counts as well
        if not 1 <= self.batch_rows <= most:
            raise exc.ArgumentError(f"batch_rows={self.batch_rows}: a transaction has 1 to {most}")
        if self.parallel < 1:
            raise exc.ArgumentError(f"parallel={self.parallel}: at least one runs at a time")
        if self.on_error not in ("stop", "continue"):
            raise exc.ArgumentError(f"on_error={self.on_error!r} must be 'stop' or 'continue'")


class Bulk:
    """One call: what its batches have in common.

    bind is an engine or a connection without asyncio, or what is below one that has it.
    """

    def __init__(self, bind: Engine | Connection, work: Work, options: Options) -> None:
        self.bind = bind
        self.work = work
        self.options = options
        self.lock = threading.Lock()
        self.report = options.report if options.report is not None else BulkReport()
        self.told = options.settings.on_retry
        self.settings = replace(options.settings, on_retry=self._count)
        self.ledger: Ledger | None = None
        if options.job is not None:
            work_name = f"{work.verb} {work.table.fullname}"
            self.ledger = Ledger(bind, options.settings, options.job, work_name)
        self.meter = Meter(f"{work.verb} {work.table.name}", options.total, options.progress)

    def _count(self, told: retry.Retry) -> None:
        with self.lock:
            self.report.retries += 1
        if self.told is not None:
            self.told(told)

    def cutter(self) -> Cutter:
        done = []
        if self.ledger is not None:
            self.ledger.create()
            done = self.ledger.done()
        options = self.options
        return Cutter(self.work.table, options.batch_rows, options.batch_bytes, done)

    def ended(self, parts: list[Part]) -> bool:
        """Shows that a piece is done; whether it was the last one."""
        self.meter.add(sum(part.rows for part in parts))
        return self._stops(parts)

    def _stops(self, parts: list[Part]) -> bool:
        return self.options.on_error == "stop" and any(part.error is not None for part in parts)

    def close(self) -> None:
        self.meter.close()
        self.report.parts.sort(key=lambda part: (part.first, part.rows))

    def result(self) -> BulkReport:
        report = self.report
        cause = next((part.error for part in report.parts if part.error is not None), None)
        if cause is not None:
            raise BulkError(report) from cause
        return report

    # One piece

    def carry_out(self, piece: Piece) -> list[Part]:
        """What became of a piece; it is in the report even if this is interrupted."""
        parts: list[Part] = []
        try:
            if isinstance(piece, Part):
                parts.append(piece)
            else:
                self._commit(piece, parts)
        finally:
            with self.lock:
                self.report.parts += parts
        return parts

    def _commit(self, batch: Batch, parts: list[Part]) -> None:
        """Run a batch in a transaction of its own; in two, when it is too large for one.

        A batch that was not committed, as far as can be seen, is run again: should its first
        COMMIT come through late, then the keys, or the ledger's row, let one of the two in.
        """
        unknown: CommitOutcomeUnknown | None = None
        tries = retry.Tries(self.settings, "a batch whose COMMIT was not answered")
        while True:
            try:
                run_transaction(self.bind, partial(self._once, batch), self.settings)
                parts.append(batch.part("committed"))
                return
            except CommitOutcomeUnknown as error:
                unknown = error
                cause = error.__cause__
                if cause is not None and not isinstance(cause, Exception):  # it was cancelled
                    parts.append(batch.part("unknown", error))
                    raise cause from None
            except Exception as error:
                if unknown is None:
                    self._refused(batch, error, parts)
                    return
            except BaseException as error:
                told: Outcome = "unknown" if outcome_of(error) == "unknown" else "failed"
                parts.append(batch.part(told, error))
                raise
            try:
                settled = self._settled(batch)
                wait = tries.again(unknown) if settled is False else None
                if wait is not None:
                    retry.pause(self.bind.dialect, wait)
                    continue
            except BaseException as error:
                parts.append(batch.part("unknown", error))
                raise
            parts.append(batch.part("committed") if settled else batch.part("unknown", unknown))
            return

    def _refused(self, batch: Batch, error: Exception, parts: list[Part]) -> None:
        if retry.sqlstate(error) == LIMIT and len(batch.rows) > 1:
            for half in batch.halves():
                self._commit(half, parts)
                if self._stops(parts):
                    return
        elif self.ledger is not None and isinstance(error, exc.IntegrityError):
            # The ledger's row may have been there: written by another run of the same job.
            parts.append(
                batch.part("skipped") if self._settled(batch) else batch.part("failed", error)
            )
        else:
            parts.append(batch.part("failed", error))

    def _once(self, batch: Batch, connection: Connection) -> None:
        if self.ledger is not None:
            self.ledger.write(connection, batch.first, len(batch.rows))
        self.work.run(self.work.table, connection, batch)

    def _settled(self, batch: Batch) -> bool | None:
        """Whether the batch was committed; None: nobody can tell."""

        def look(connection: Connection) -> bool | None:
            if self.ledger is not None:
                return self.ledger.has(connection, batch.first, len(batch.rows))
            return self.work.settle(self.work.table, connection, batch)

        try:
            return run_repeatable(self.bind, look, self.options.settings)
        except Exception:
            return None


# All pieces


def run(bulk: Bulk, rows: Iterable[Any]) -> BulkReport:
    try:
        pieces = batches(bulk.cutter(), map(bulk.work.row, rows))
        if bulk.options.parallel == 1:
            for piece in pieces:
                if bulk.ended(bulk.carry_out(piece)):
                    break
        else:
            _run_in_threads(bulk, pieces)
    finally:
        bulk.close()
    return bulk.result()


def _run_in_threads(bulk: Bulk, pieces: Iterable[Piece]) -> None:
    parallel = bulk.options.parallel
    running: set[Future[list[Part]]] = set()
    with ThreadPoolExecutor(parallel, "bulk") as executor:
        for piece in pieces:
            running.add(executor.submit(bulk.carry_out, piece))
            stops = False
            while len(running) >= parallel:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    stops = bulk.ended(future.result()) or stops
            if stops:
                break
        for future in running:
            bulk.ended(future.result())


async def run_async(bulk: Bulk, rows: Iterable[Any] | AsyncIterable[Any]) -> BulkReport:
    try:
        cutter = await greenlet_spawn(bulk.cutter)
        async with aclosing(_pieces(bulk, cutter, rows)) as pieces:
            await _run_in_tasks(bulk, pieces)
    finally:
        bulk.close()
    return bulk.result()


async def _pieces(
    bulk: Bulk, cutter: Cutter, rows: Iterable[Any] | AsyncIterable[Any]
) -> AsyncGenerator[Piece, None]:
    if not isinstance(rows, AsyncIterable):
        for piece in batches(cutter, map(bulk.work.row, rows)):
            yield piece
        return
    last = cutter.end
    try:
        async for given in rows:
            for piece in cutter.add(bulk.work.row(given)):
                yield piece
    except Exception as error:
        last = partial(cutter.broken, error)
    for piece in last():
        yield piece


async def _run_in_tasks(bulk: Bulk, pieces: AsyncIterator[Piece]) -> None:
    parallel = bulk.options.parallel
    running: set[asyncio.Task[list[Part]]] = set()
    try:
        async for piece in pieces:
            running.add(asyncio.create_task(greenlet_spawn(bulk.carry_out, piece)))
            stops = False
            while len(running) >= parallel:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    stops = bulk.ended(task.result()) or stops
            if stops:
                break
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                bulk.ended(task.result())
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
