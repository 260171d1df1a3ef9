# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A program under faults that counts: what it was told about each piece of work, and what is found.

Workers share a pool. Each takes turns at four kinds of work: a transaction that runs again by
itself, a session's of many rows, a transaction without any help, and a statement in AUTOCOMMIT.
Every piece has a key of its own, and adds 1 to a shared counter or writes its key some times: what
was lost, applied twice or by half is seen in the numbers. `./dev bench faults` runs it for minutes.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from aurora_dsql_sqlalchemy.retry import sqlstate
from aurora_dsql_sqlalchemy.transactions import (
    CommitOutcomeUnknown,
    RetrySettings,
    outcome_of,
    run_transaction,
)
from everywhere import arguments_for
from sqlalchemy import Connection, Engine, Uuid, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.util import await_only, greenlet_spawn

COUNTERS = 4
ROWS = 7
SETTINGS = RetrySettings(attempts=60, first_wait=0.002, max_wait=0.03)
FAULTS = "occ=0.1,oc001=0.03,drop=0.03,unavailable=0.04"


class Base(DeclarativeBase):
    pass


class Counted(Base):
    __tablename__ = "counted"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]


class Entry(Base):
    """A line that a piece of work writes; its own key is new each time, so that none is refused."""

    __tablename__ = "entry"
    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    work: Mapped[uuid.UUID]
    kind: Mapped[str]


class Numbers:
    """What was counted."""

    def __init__(self) -> None:
        self.told: dict[uuid.UUID, tuple[str, str]] = {}
        self.settled: dict[uuid.UUID, bool] = {}
        self.met: Counter[str] = Counter()

    def watch(self, engine: Engine) -> None:
        def failed(context: Any) -> None:
            self.met["ended"] += context.is_disconnect
            code = sqlstate(context.original_exception)
            self.met[
                {"40001": "conflicts", "XX000": "unavailable"}.get(code or "", "other")
            ] += not context.is_disconnect

        def begun(connection: Connection) -> None:
            self.met["begun"] += 1

        event.listen(engine, "handle_error", failed)
        event.listen(engine, "begin", begun)

    def of(self, outcome: str) -> set[uuid.UUID]:
        return {key for key, (_, said) in self.told.items() if said == outcome}


class Program:
    """The work; one object for all workers, with or without asyncio."""

    def __init__(self, bind: Engine | AsyncEngine, seed: int) -> None:
        self.bind = bind
        self.engine = bind.sync_engine if isinstance(bind, AsyncEngine) else bind
        self.sessions: Any = (
            async_sessionmaker(bind) if isinstance(bind, AsyncEngine) else sessionmaker(bind)
        )
        self.autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.numbers = Numbers()
        self.seed = seed
        self.kinds: dict[str, Callable[[uuid.UUID, int], None]] = {
            "run_transaction": self.repeated,
            "session": self.session,
            "plain": self.plain,
            "autocommit": self.alone,
        }

    def prepare(self) -> None:
        for table in (Counted.__table__, Entry.__table__):
            self.certainly(lambda c, t=table: t.create(c, checkfirst=True))  # type: ignore[attr-defined]
        for number in range(COUNTERS):
            self.certainly(lambda c, k=number: self.make_counter(c, k))
        self.numbers.watch(self.engine)

    def run(self, bind: Any, work: Callable[[Any], Any]) -> Any:
        """run_transaction(), of asyncio where the engine is."""
        if isinstance(self.bind, AsyncEngine):
            return await_only(run_transaction(bind, lambda c: c.run_sync(work), SETTINGS))
        return run_transaction(bind, work, SETTINGS)

    @staticmethod
    def make_counter(connection: Connection, number: int) -> None:
        if connection.execute(select(Counted.n).where(Counted.id == number)).first() is None:
            connection.execute(Counted.__table__.insert(), {"id": number, "n": 0})

    def certainly(self, work: Callable[[Connection], Any]) -> Any:
        """Work that may be done twice, until it is known to be done."""
        while True:
            try:
                return self.run(self.bind, work)
            except CommitOutcomeUnknown:
                continue

    # The kinds of work

    @staticmethod
    def write(connection: Connection, kind: str, key: uuid.UUID, counter: int) -> None:
        query = select(Counted.n).where(Counted.id == counter)
        n = connection.execute(query).scalar_one()
        connection.execute(Counted.__table__.update().where(Counted.id == counter), {"n": n + 1})
        connection.execute(Entry.__table__.insert(), {"work": key, "kind": kind})

    def repeated(self, key: uuid.UUID, counter: int) -> None:
        self.run(self.bind, lambda c: self.write(c, "run_transaction", key, counter))

    def session(self, key: uuid.UUID, counter: int) -> None:
        """Several rows, flushed in several statements, with a read between."""

        def work(session: Session) -> None:
            session.add_all(Entry(work=key, kind="session") for _ in range(ROWS - 1))
            session.flush()
            counted = session.get(Counted, counter)
            assert counted is not None
            counted.n += 1
            session.add(Entry(work=key, kind="session"))

        self.run(self.sessions, work)

    def plain(self, key: uuid.UUID, counter: int) -> None:
        with self.engine.begin() as connection:
            self.write(connection, "plain", key, counter)

    def alone(self, key: uuid.UUID, counter: int) -> None:
        with self.autocommit.connect() as connection:
            connection.execute(Entry.__table__.insert(), {"work": key, "kind": "autocommit"})

    # What the program is told

    def piece(self, random: random.Random) -> None:
        """Do one piece of work and note what was said about it; settle what nobody knows."""
        kind = random.choice(list(self.kinds))
        key = uuid.UUID(int=random.getrandbits(128), version=4)
        try:
            self.kinds[kind](key, random.randrange(COUNTERS))
            said = "committed"
        except CommitOutcomeUnknown:
            said = "unknown"
        except DBAPIError as error:
            outcome = outcome_of(error)
            if outcome == "failed" and error.statement is not None:
                raise  # no fault of these would happen again, but for one while connecting
            said = "unknown" if outcome == "unknown" else "failed"
        self.numbers.told[key] = kind, said
        if said == "unknown":
            query = select(func.count()).where(Entry.work == key)
            found = self.certainly(lambda c: c.execute(query).scalar_one())
            self.numbers.settled[key] = found > 0

    def worker(self, number: int, goes_on: Callable[[int], bool]) -> None:
        chance = random.Random(f"{self.seed} {number}")
        done = 0
        while goes_on(done):
            self.piece(chance)
            done += 1

    # What is found

    def check(self, connection: Connection) -> dict[str, int]:
        """Compare with the tables, read through a connection without faults; the counts."""
        entries = connection.execute(select(Entry.work, func.count()).group_by(Entry.work))
        found: dict[uuid.UUID, int] = {work: count for work, count in entries}
        total = connection.execute(select(func.sum(Counted.n))).scalar_one()
        told = self.numbers.told
        committed, unknown = self.numbers.of("committed"), self.numbers.of("unknown")
        for key, (kind, said) in told.items():
            whole = ROWS if kind == "session" else 1
            expected = {"committed": {whole}, "failed": {0}, "unknown": {0, whole}}[said]
            assert found.get(key, 0) in expected, f"{kind}, {said}: {found.get(key, 0)} rows"
        assert set(found) <= set(told), "rows that nobody wrote"
        assert unknown == set(self.numbers.settled)
        for key, was in self.numbers.settled.items():
            assert was == (key in found), "what was settled has changed"
        counted = {key for key in found if told[key][0] != "autocommit"}
        assert total == len(counted), f"{total} counted, {len(counted)} found"
        assert committed
        settled = sum(self.numbers.settled.values())
        return {
            "pieces": len(told),
            "begun": self.numbers.met["begun"],
            "conflicts": self.numbers.met["conflicts"],
            "ended": self.numbers.met["ended"],
            "unavailable": self.numbers.met["unavailable"],
            "committed": len(committed),
            "failed": len(self.numbers.of("failed")),
            "unknown": len(unknown),
            "settled as stored": settled,
            "settled as not stored": len(unknown) - settled,
            "rows expected": self._expected(),
            "rows found": sum(found.values()),
        }

    def _expected(self) -> int:
        """Rows by what the program was told, and by what it settled."""
        stored = self.numbers.of("committed") | {
            k for k, was in self.numbers.settled.items() if was
        }
        return sum(ROWS if self.numbers.told[key][0] == "session" else 1 for key in stored)


def in_threads(program: Program, workers: int, goes_on: Callable[[int], bool]) -> None:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            program.worker(number, goes_on)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


async def in_tasks(program: Program, workers: int, goes_on: Callable[[int], bool]) -> None:
    await asyncio.gather(*(greenlet_spawn(program.worker, k, goes_on) for k in range(workers)))


def go(
    kind: str,
    place: Any,
    seed: int,
    workers: int,
    goes_on: Callable[[], Callable[[int], bool]],
    **keywords: Any,
) -> Program:
    """The whole program with a driver of everywhere.KINDS."""
    driver, _, loop = kind.partition(" ")
    arguments = {**arguments_for(place), "driver": driver, "pool_size": workers, **keywords}

    async def main() -> Program:
        engine = create_async_dsql_engine(**arguments)
        program = Program(engine, seed)
        await greenlet_spawn(program.prepare)
        await in_tasks(program, workers, goes_on())
        await engine.dispose()
        return program

    if loop:
        return asyncio.run(main())
    engine = create_dsql_engine(**arguments)
    program = Program(engine, seed)
    program.prepare()
    in_threads(program, workers, goes_on())
    engine.dispose()
    return program


def until(end: float) -> Callable[[int], bool]:
    return lambda done: time.monotonic() < end
