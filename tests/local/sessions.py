# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions for tests in which one thread drives several connections.

Nothing that one session does may make another wait, so each statement has a
few seconds; one that takes longer fails its test instead of hanging it.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from typing import Any

import psycopg
from support import connect_to, token_for

OC000 = ("40001", "change conflicts with another transaction (OC000)")
OC001 = ("40001", "schema has been updated by another transaction (OC001)")

SECONDS = 5


class Hang(Exception):
    """A statement was not answered in time: it waits for another session."""


@contextlib.contextmanager
def watchdog(what: str, seconds: float = SECONDS) -> Iterator[None]:
    """Raises Hang in the middle of what takes longer than it should."""

    def ring(*_: object) -> None:
        raise Hang(f"not answered within {seconds} s: {what}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Session:
    """A connection in autocommit mode; BEGIN and COMMIT are said by the test."""

    def __init__(self, connection: psycopg.Connection) -> None:
        assert connection.autocommit
        self.connection = connection

    def __call__(self, statement: str, parameters: Any = None, **keywords: Any) -> Any:
        """The rows of a statement that has rows, else its command tag."""
        with watchdog(statement):
            cursor = self.connection.execute(statement, parameters, **keywords)
            return cursor.fetchall() if cursor.description else cursor.statusmessage

    def value(self, statement: str, parameters: Any = None) -> Any:
        ((value,),) = self(statement, parameters)
        return value

    def column(self, statement: str, parameters: Any = None) -> list[Any]:
        return [value for (value,) in self(statement, parameters)]

    def outcome(self, statement: str, parameters: Any = None) -> Any:
        """What the call answers, or the SQLSTATE and message of its refusal."""
        try:
            return self(statement, parameters)
        except psycopg.Error as error:
            assert error.sqlstate is not None, error
            return error.sqlstate, error.diag.message_primary

    def refusal(self, statement: str, parameters: Any = None) -> tuple[str, str]:
        """The SQLSTATE and message of a statement that must be refused."""
        answer = self.outcome(statement, parameters)
        assert isinstance(answer, tuple), f"{statement} was not refused: {answer}"
        return answer

    def begin(self, options: str = "") -> None:
        assert self(f"BEGIN {options}") == "BEGIN"

    def commit(self) -> None:
        assert self("COMMIT") == "COMMIT"

    def rollback(self) -> None:
        assert self("ROLLBACK") == "ROLLBACK"

    def loses(self) -> None:
        """COMMIT is refused by a conflict, and the session is usable at once."""
        assert self.refusal("COMMIT") == OC000
        assert self.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def copy(self, statement: str, lines: list[str]) -> None:
        with watchdog(statement), self.connection.cursor().copy(statement) as copy:
            for line in lines:
                copy.write(line + "\n")


CREATED = re.compile(
    r"CREATE (?:OR REPLACE )?(TABLE|VIEW|FUNCTION|SEQUENCE|SCHEMA|DOMAIN)"
    r" (?:IF NOT EXISTS )?([\w.]+)"
)


class Database:
    """Makes what a test needs, opens its sessions, and removes what was made."""

    def __init__(self, endpoint: Any) -> None:
        self.endpoint = endpoint
        self.sessions: list[Session] = []
        self.made: list[tuple[str, str]] = []

    def session(self, user: str = "admin", **keywords: Any) -> Session:
        connection = connect_to(self.endpoint, user, autocommit=True, **keywords)
        self.sessions.append(Session(connection))
        return self.sessions[-1]

    def create(self, *statements: str) -> None:
        """Runs statements, by a session that is gone before others come."""
        with connect_to(self.endpoint, autocommit=True) as connection:
            session = Session(connection)
            for statement in statements:
                created = CREATED.match(statement)
                if created:
                    self.made.append((created[1], created[2]))
                answer = session(statement)
                if " INDEX ASYNC " in statement:
                    session(f"CALL sys.wait_for_job('{answer[0][0]}')")

    def remove(self) -> None:
        for session in self.sessions:
            session.connection.close()
        with connect_to(self.endpoint, autocommit=True) as connection:
            session = Session(connection)
            for kind, name in reversed(self.made):
                session(f"DROP {kind} IF EXISTS {name} CASCADE")
        self.sessions.clear()
        self.made.clear()


@contextlib.contextmanager
def role(endpoint: Any, database: Database, name: str) -> Iterator[str]:
    """A role, mapped to a principal of its own; its password. All of the database goes with it."""
    arn = f"arn:aws:iam::000000000000:role/{name}"
    with open(endpoint.credentials) as file:
        before = file.read()
    with open(endpoint.credentials, "a") as file:
        file.write(f"[{name}]\naws_access_key_id=AKIA{name.upper()}\naws_secret_access_key=S\n")
        file.write(f"dsql_arn={arn}\n")
    database.create(f"CREATE ROLE {name} WITH LOGIN", f"AWS IAM GRANT {name} TO '{arn}'")
    try:
        yield token_for(endpoint, name, profile=name)
    finally:
        database.remove()
        database.create(f"AWS IAM REVOKE {name} FROM '{arn}'", f"DROP ROLE {name}")
        with open(endpoint.credentials, "w") as file:
            file.write(before)
