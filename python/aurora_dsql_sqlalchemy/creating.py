# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What goes on beside DDL statements: jobs that are started and waited for, and progress shown.

create_all() and Table.create() wait once, at their end, so that their indexes are built at the same
time; every other statement waits for its own job.
"""

# SQLAlchemy's hooks have few types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import sys
import weakref
from typing import Any, TextIO

from sqlalchemy import Connection, Engine, MetaData, Table, event, exc
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import AddConstraint, CheckConstraint, ForeignKeyConstraint

from aurora_dsql_sqlalchemy import jobs
from aurora_dsql_sqlalchemy.ddl import NOT_EMITTED, ValidateConstraint
from aurora_dsql_sqlalchemy.options import NAME, option
from aurora_dsql_sqlalchemy.texts import REWRITTEN, fit_texts

WAIT = "wait_for_jobs"
PROGRESS = "ddl_progress"


def seconds(value: Any) -> float | None:
    """What wait_for_jobs says: None for not waiting, or the longest that is waited.

    True, False, a number, or one of them as text, as it stands in a URL.
    """
    words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    if isinstance(value, str):
        value = words.get(value.lower(), value)
    if value is True:
        return jobs.TIMEOUT
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise exc.ArgumentError(f"{WAIT} is true, false or a number of seconds, not {value!r}")
    return number or None


class Run:
    """One create_all(), drop_all(), Table.create() or Table.drop() under way on a connection."""

    def __init__(self, connection: Connection, target: Any, keywords: Any) -> None:
        self.runner = weakref.ref(keywords.get("_ddl_runner") or target)
        self.target = target
        self.jobs: list[str] = []
        self.tables = len(keywords.get("tables") or (target,))
        self.done = 0
        self.stream: TextIO | None = None
        if setting(connection, PROGRESS) and sys.stderr.isatty():
            self.stream = sys.stderr

    def show(self, text: str, end: bool = False) -> None:
        """A line on the terminal, over the one before."""
        if self.stream:
            self.stream.write(f"\r\x1b[K{text}" + ("\n" if end else ""))
            self.stream.flush()

    def show_tables(self, verb: str) -> None:
        text = f"{verb} {self.done}/{self.tables} tables"
        if self.jobs:
            text += f", {len(self.jobs)} jobs"
        self.show(text, self.done == self.tables and not self.jobs)

    def show_jobs(self, found: list[jobs.Job]) -> None:
        finished = sum(job.finished for job in found)
        self.show(f"waited for {finished}/{len(found)} jobs", finished == len(found))


_runs: weakref.WeakKeyDictionary[Connection, Run] = weakref.WeakKeyDictionary()


def setting(connection: Connection, name: str) -> Any:
    """An execution option of the connection, or the engine's argument of that name."""
    return connection.get_execution_options().get(name, getattr(connection.dialect, name))


def _begin(target: Any, connection: Connection, **keywords: Any) -> None:
    if connection.dialect.name != NAME or not isinstance(connection, Connection):
        return  # create_mock_engine() only writes statements
    run = _runs.get(connection)
    if run is None or run.runner() is not keywords.get("_ddl_runner"):
        _runs[connection] = Run(connection, target, keywords)


def _step(verb: str) -> Any:
    def step(target: Any, connection: Connection, **keywords: Any) -> None:
        run = _runs.get(connection) if isinstance(connection, Connection) else None
        if run is None:
            return
        if isinstance(target, Table):
            run.done += 1
            run.show_tables(verb)
        if run.target is target:
            del _runs[connection]
            wait = seconds(setting(connection, WAIT))
            if run.jobs:
                jobs.wait(connection, run.jobs, wait, run.show_jobs)

    return step


for _class in (MetaData, Table):
    for _event, _verb in (("create", "created"), ("drop", "dropped")):
        event.listen(_class, f"before_{_event}", _begin)
        event.listen(_class, f"after_{_event}", _step(_verb))


def _forget(connection: Connection) -> None:
    """A statement failed, and what was under way is over."""
    _runs.pop(connection, None)


class RunningDDL(PGDialect):
    """The part of the dialect that looks after a DDL statement that has been committed.

    wait_for_jobs: wait for jobs, True or for so many seconds.
    ddl_progress: show on a terminal how far create_all() and drop_all() are.
    """

    def __init__(
        self, wait_for_jobs: bool | float | str = False, ddl_progress: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_jobs = seconds(wait_for_jobs)
        self.ddl_progress = ddl_progress

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        super().engine_created(engine)
        event.listen(engine, "rollback", _forget)
        fit_texts(engine)

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        super().do_execute(cursor, statement, parameters, context)
        self._after(cursor, statement, context)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        super().do_execute_no_params(cursor, statement, context)
        self._after(cursor, statement, context)

    def _after(self, cursor: Any, statement: str, context: Any) -> None:
        """Start the job that belongs to a statement, and wait for it if that is asked for."""
        if context is None or statement.startswith(NOT_EMITTED):
            return
        connection: Connection = context.root_connection
        whole: Any = self
        if not context.isddl and (
            not getattr(context, REWRITTEN, False)
            or whole.in_transaction(connection.connection.dbapi_connection)
        ):
            return  # the program reads the row, if there is one, and commits
        element = getattr(context.compiled, "statement", None)
        if isinstance(element, AddConstraint):
            constraint: Any = element.element
            if self._is_validated(constraint):
                # It goes through here again, with the row of its job.
                connection.execute(ValidateConstraint(constraint)).close()
        wait = seconds(context.execution_options.get(WAIT, self.wait_for_jobs))
        if wait is None or not cursor.description or cursor.description[0][0] != "job_id":
            return
        row = cursor.fetchone()
        if row is None:  # the index was left out
            return
        (job,) = row
        run = _runs.get(connection)
        if run is not None:
            run.jobs.append(job)
        else:
            jobs.wait(connection, [job], wait)

    def _is_validated(self, constraint: Any) -> bool:
        """Whether rows that were stored before are looked at, too."""
        if option(constraint, "not_valid"):
            return False
        kinds = (CheckConstraint, ForeignKeyConstraint)
        return (
            isinstance(constraint, kinds)
            and constraint.name is not None
            and self.identifier_preparer.format_constraint(constraint) is not None
        )
