# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The jobs that build indexes and validate constraints: listed, and waited for.

    >>> from aurora_dsql_sqlalchemy import jobs
    >>> index.create(engine)
    >>> jobs.wait(engine, timeout=600)

In a program with asyncio: ``await connection.run_sync(jobs.wait, timeout=600)``.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import libdsql
from sqlalchemy import Connection, Engine, exc
from sqlalchemy.util import await_only

__all__ = ["Job", "JobError", "JobTimeoutError", "list_jobs", "wait"]

TIMEOUT = 3600.0
"""Seconds that are waited for where nobody says how long."""

SHORTEST, LONGEST = 0.05, 2.0
"""Seconds between two looks at sys.jobs: the first, and what they grow to."""

COLUMNS = "job_id, status, details, job_type, object_name, start_time, update_time"
COMPLETED = "completed"
UNFINISHED = ("submitted", "processing")


@dataclass(frozen=True)
class Job:
    """A row of sys.jobs, which the service keeps for 30 minutes after the job's end."""

    id: str
    status: str
    details: str | None
    kind: str
    object_name: str
    started: datetime | None = None
    updated: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status not in UNFINISHED

    def __str__(self) -> str:
        text = f"{self.kind} {self.object_name}: {self.status}"
        return f"{text} ({self.details})" if self.details else text


class JobError(exc.SQLAlchemyError):
    """A job did not do what it was for. `jobs` are those that failed."""

    def __init__(self, message: str, jobs: Iterable[Job]) -> None:
        super().__init__(message)
        self.jobs = list(jobs)


class JobTimeoutError(JobError, TimeoutError):
    """Jobs were not done in time; they go on. `jobs` are those."""


def list_jobs(bind: Engine | Connection, ids: Iterable[str] | None = None) -> list[Job]:
    """The jobs of the cluster, or those with these ids, the oldest first.

    A connection must have no transaction under way. Raises InvalidRequestError otherwise.
    """
    if isinstance(bind, Engine):
        with bind.connect() as connection:
            return list_jobs(connection, ids)
    return _read(bind, None if ids is None else list(ids))


def wait(
    bind: Engine | Connection,
    ids: Iterable[str] | None = None,
    timeout: float | None = TIMEOUT,
    progress: Callable[[list[Job]], None] | None = None,
) -> list[Job]:
    """Wait until jobs have ended: those with these ids, or all that are under way now.

    timeout: seconds, or None for as long as it takes.
    progress: called with the jobs after each look at them.

    Returns the jobs. Raises JobError if one of them failed, JobTimeoutError, InvalidRequestError
    for a connection with a transaction under way.
    """
    if isinstance(bind, Engine):
        with bind.connect() as connection:
            return wait(connection, ids, timeout, progress)
    if ids is None:
        ids = [job.id for job in _read(bind) if not job.finished]
    wanted = list(ids)
    end = None if timeout is None else time.monotonic() + timeout
    pause = SHORTEST
    while True:
        found = _read(bind, wanted)
        if progress:
            progress(found)
        unfinished = [job for job in found if not job.finished]
        if not unfinished:
            break
        left = pause if end is None else end - time.monotonic()
        if left <= 0:
            raise JobTimeoutError(
                f"not done in {timeout:g} seconds: {'; '.join(map(str, unfinished))}", unfinished
            )
        _sleep(bind, min(pause, left))
        pause = min(pause * 2, LONGEST)
    _check(wanted, found)
    return found


def _check(wanted: list[str], found: list[Job]) -> None:
    """Raise for what did not end well."""
    failed = [job for job in found if job.status != COMPLETED]
    if failed:
        raise JobError("; ".join(map(_explain, failed)), failed)
    lost = set(wanted) - {job.id for job in found}
    if lost:
        raise JobError(f"sys.jobs does not list the job {', '.join(sorted(lost))}", [])


def _explain(job: Job) -> str:
    reason = (job.details or job.status).rstrip(".")
    if job.kind == "INDEX_BUILD":
        return (
            f"index {job.object_name} was not built: {reason}. It stays, not valid, and a unique "
            f"one refuses rows all the same: drop it, mend the rows, and create it again"
        )
    if job.kind == "VALIDATE_CONSTRAINT":
        return f"constraint {job.object_name} does not hold for the rows stored before: {reason}"
    return f"{job.kind} of {job.object_name} failed: {reason}"


def _sleep(connection: Connection, seconds: float) -> None:
    if connection.dialect.is_async:
        await_only(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


def _read(connection: Connection, ids: list[str] | None = None) -> list[Job]:
    """Look at sys.jobs, in a transaction of its own, since one sees what was when it began."""
    dialect: Any = connection.dialect
    dbapi_connection: Any = connection.connection.dbapi_connection
    if dialect.in_transaction(dbapi_connection):
        raise exc.InvalidRequestError(
            "jobs are looked at between transactions: commit or roll back first"
        )
    statement = f"SELECT {COLUMNS} FROM sys.jobs"
    if ids is not None:
        if not ids:
            return []
        unknown = [item for item in ids if not re.fullmatch(r"\w+", item)]
        if unknown:
            raise exc.ArgumentError(f"no id of a job: {unknown[0]!r}")
        statement += " WHERE job_id IN ('" + "', '".join(ids) + "')"
    rows = _fetch(dialect, dbapi_connection, f"{statement} ORDER BY start_time")
    return [Job(*row) for row in rows]


def _fetch(dialect: Any, dbapi_connection: Any, statement: str) -> list[Any]:
    """The rows; the end of a job changes the catalog, which costs a statement (OC001)."""
    for last in (False, False, True):
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute(statement)
            return list(cursor.fetchall())
        except dialect.loaded_dbapi.Error as error:
            sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
            if last or not libdsql.is_retryable(sqlstate):
                raise
        finally:
            cursor.close()
            dbapi_connection.rollback()
    raise AssertionError("not reached")
