# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What became of a transaction that failed, and when it runs again.

Both questions are answered by the C library, `libdsql.outcome()` and `libdsql.backoff_ms()`; here
is what they are asked with: errors of any driver, and the settings of a program.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import libdsql
from sqlalchemy import exc
from sqlalchemy.engine import Dialect
from sqlalchemy.util import await_only

logger = logging.getLogger("aurora_dsql_sqlalchemy.retry")

Outcome = Literal["failed", "retry", "unknown"]

MARK = "_auroradsql_committing"
"""Attribute of an error that came while COMMIT was under way."""

PART = "_auroradsql_part_committed"
"""Attribute of an error in AUTOCOMMIT, where a part of the same rows may have been committed."""


class CommitOutcomeUnknown(exc.SQLAlchemyError):
    """COMMIT was sent, and nobody can tell whether it was carried out.

    The service answered "server unavailable", the connection ended, or the program stopped
    waiting. The transaction is not run again: that could apply it twice. `__cause__` is the error
    of the driver.
    """


class Retry(NamedTuple):
    """What the hook on_retry is told: this try failed with this error, the next one follows."""

    attempt: int
    wait: float
    error: BaseException


@dataclass(frozen=True)
class RetrySettings:
    """How often and how soon something is tried again; times are in seconds.

    attempts: tries in all, the first one too.
    first_wait, multiplier, max_wait: the wait before the second try, its growth and its limit.
    jitter: the share of each wait that is random, 0 to 1.
    deadline: no try begins later than this after the beginning of the first one.
    lost_connections: whether a transaction is run again whose connection ended before COMMIT.
    on_retry: called before each wait with a Retry; what it raises ends the tries.
    """

    attempts: int = 5
    first_wait: float = 0.05
    max_wait: float = 5.0
    multiplier: float = 2.0
    jitter: float = 0.5
    deadline: float | None = None
    lost_connections: bool = True
    on_retry: Callable[[Retry], object] | None = None

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts={self.attempts}: there is at least one try")
        if self.first_wait < 0 or self.max_wait < 0 or self.multiplier < 1:
            raise ValueError("waits are 0 seconds or more, and multiplier is 1 or more")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter={self.jitter}: it is a share, from 0 to 1")

    def wait(self, attempt: int) -> float:
        """Seconds to wait after this try failed."""
        milliseconds = libdsql.backoff_ms(
            attempt,
            random.getrandbits(32),
            first_ms=round(self.first_wait * 1000),
            max_ms=round(self.max_wait * 1000),
            multiplier=self.multiplier,
            jitter=self.jitter,
        )
        return milliseconds / 1000


def sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE of an error of any driver, or of SQLAlchemy around it."""
    if isinstance(error, exc.DBAPIError):
        error = error.orig
    # psycopg2 calls it pgcode.
    found = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return found if isinstance(found, str) else None


def _has(error: BaseException | None, mark: str) -> bool:
    """Whether the error, or one that it was made from, has this mark."""
    for _ in range(10):
        if error is None:
            return False
        orig = error.orig if isinstance(error, exc.DBAPIError) else None
        if getattr(error, mark, False) or getattr(orig, mark, False):
            return True
        error = error.__cause__
    return False


def outcome_of(error: BaseException) -> Outcome:
    """What became of the transaction that raised this error."""
    if _has(error, PART):
        return "unknown"
    return libdsql.outcome(
        sqlstate(error),
        committing=_has(error, MARK),
        connection_lost=isinstance(error, exc.DBAPIError) and error.connection_invalidated,
    )


def now() -> float:
    """Seconds of a clock that only goes forward."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    time.sleep(seconds)


async def sleep_async(seconds: float) -> None:
    await asyncio.sleep(seconds)


def pause(dialect: Dialect | None, seconds: float) -> None:
    """Sleep in code that knows of no loop, but is run in one where the dialect is of asyncio."""
    if dialect is not None and dialect.is_async:
        await_only(sleep_async(seconds))
    else:
        sleep(seconds)


class Tries:
    """The tries of one piece of work: after each that failed, whether and when the next comes."""

    def __init__(self, settings: RetrySettings, what: str) -> None:
        self.settings = settings
        self.what = what
        self.attempt = 1
        self.end = float("inf")
        if settings.deadline is not None:
            self.end = now() + settings.deadline

    def again(self, error: BaseException) -> float | None:
        """Seconds to wait before the next try; None when there is none."""
        wait = self.settings.wait(self.attempt)
        if self.attempt >= self.settings.attempts or now() + wait > self.end:
            logger.warning("%s failed %d times: given up", self.what, self.attempt)
            return None
        logger.info(
            "%s failed with %s: try %d of %d in %.3f s",
            self.what,
            sqlstate(error) or type(error).__name__,
            self.attempt + 1,
            self.settings.attempts,
            wait,
        )
        if self.settings.on_retry is not None:
            self.settings.on_retry(Retry(self.attempt, wait, error))
        self.attempt += 1
        return wait
