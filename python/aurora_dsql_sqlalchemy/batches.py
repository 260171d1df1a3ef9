# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Rows cut into batches of neighbours, each small enough for a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Table, UniqueConstraint, exc

Row = dict[str, Any]
Outcome = Literal["committed", "failed", "unknown", "skipped"]

ENTRY_BYTES = 24
"""What a row or an index entry takes beside its values."""

MOST_BYTES = 10 * 1024 * 1024
"""Bytes that the service lets a transaction write, and a message have."""


@dataclass(frozen=True)
class Part:
    """What became of the rows number first to first + rows - 1, counted from 0.

    rows is 0 where the rows ended with an error instead of row number first.
    """

    first: int
    rows: int
    outcome: Outcome
    error: BaseException | None = None

    def __str__(self) -> str:
        last = self.first + self.rows - 1
        return f"rows {self.first:,} to {last:,}" if self.rows > 1 else f"row {self.first:,}"


@dataclass(frozen=True)
class Batch:
    """Rows for one transaction; first is the number of the first of them."""

    first: int
    rows: Sequence[Row]

    def part(self, outcome: Outcome, error: BaseException | None = None) -> Part:
        return Part(self.first, len(self.rows), outcome, error)

    def halves(self) -> tuple[Batch, Batch]:
        middle = len(self.rows) // 2
        return (
            Batch(self.first, self.rows[:middle]),
            Batch(self.first + middle, self.rows[middle:]),
        )


Piece = Batch | Part


class Sizes:
    """Guesses how many bytes a row of a table counts for, its index entries too."""

    def __init__(self, table: Table) -> None:
        key = [column.key for column in table.primary_key]
        self.indexed = [
            [*(column.key for column in index.columns), *_included(index), *key]
            for index in table.indexes
        ]
        self.indexed += [
            [*(column.key for column in constraint.columns), *key]
            for constraint in table.constraints
            if isinstance(constraint, UniqueConstraint)
        ]

    def __call__(self, row: Mapping[str, Any]) -> int:
        sizes = {name: _value_bytes(value) for name, value in row.items()}
        entries = (
            ENTRY_BYTES + sum(sizes.get(name, 0) for name in names) for names in self.indexed
        )
        return ENTRY_BYTES + sum(sizes.values()) + sum(entries)


def _included(index: Any) -> list[str]:
    """The names of an index's INCLUDE columns."""
    found = []
    for dialect in ("auroradsql", "postgresql"):
        for column in index.dialect_options[dialect].get("include") or ():
            found.append(getattr(column, "key", column))
    return found


def _value_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value)
    if isinstance(value, (dict, list)):
        return len(ascii(value))  # JSON escapes what is not ASCII, too
    return 16


class Cutter:
    """Takes rows one after the other and gives pieces: batches, and parts that are done.

    done: pairs of a first row's number and of how many rows follow, which are passed over.
    """

    def __init__(
        self,
        table: Table,
        max_rows: int,
        max_bytes: int,
        done: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.size_of = Sizes(table)
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.done = iter(sorted(done))
        self.passing = next(self.done, None)
        self.number = 0
        self.waiting: list[Row] = []
        self.size = 0
        self.passed = 0

    def add(self, row: Row) -> Iterator[Piece]:
        """The pieces that are complete with the next row."""
        number = self.number
        if self._is_done(number):
            yield from self._flush()
            self.passed += 1
            self.number += 1
            return
        yield from self._flush_passed()
        more = self.size_of(row)
        if self.waiting and (
            len(self.waiting) >= self.max_rows or self.size + more > self.max_bytes
        ):
            yield from self._flush()
        self.number += 1
        if more > MOST_BYTES:
            yield from self._flush()
            yield Part(number, 1, "failed", _too_large(number, more))
            return
        self.waiting.append(row)
        self.size += more

    def end(self) -> Iterator[Piece]:
        """The rest."""
        yield from self._flush_passed()
        yield from self._flush()

    def broken(self, error: Exception) -> Iterator[Piece]:
        """The rest, and a part that says that the next row was an error."""
        yield from self.end()
        yield Part(self.number, 0, "failed", error)

    def _is_done(self, number: int) -> bool:
        while self.passing is not None and number >= sum(self.passing):
            self.passing = next(self.done, None)
        return self.passing is not None and number >= self.passing[0]

    def _flush(self) -> Iterator[Piece]:
        if self.waiting:
            batch = Batch(self.number - len(self.waiting), self.waiting)
            self.waiting, self.size = [], 0
            yield batch

    def _flush_passed(self) -> Iterator[Piece]:
        if self.passed:
            part = Part(self.number - self.passed, self.passed, "skipped")
            self.passed = 0
            yield part


def _too_large(number: int, size: int) -> Exception:
    return exc.InvalidRequestError(
        f"row {number:,} has about {size / 2**20:,.1f} MiB: a row of Aurora DSQL holds 2 MiB, a "
        "column 1 MiB; keep what is larger elsewhere, or in several rows"
    )


def batches(cutter: Cutter, rows: Iterable[Row]) -> Iterator[Piece]:
    """The pieces of rows; an error of theirs becomes the last part."""
    try:
        for row in rows:
            yield from cutter.add(row)
    except Exception as error:
        yield from cutter.broken(error)
        return
    yield from cutter.end()
