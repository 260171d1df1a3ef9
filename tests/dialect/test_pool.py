# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Connections leave the pool before the service's 60 minutes are over, and not all at once."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from aurora_dsql_sqlalchemy import pooling
from sqlalchemy import Engine, create_engine, text

MakeEngine = Callable[..., Engine]
HOUR = 3600


class Clock:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pooling, "now", clock)
    return clock


def pid(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_connection_is_kept_while_it_is_young(engine: Engine, clock: Clock) -> None:
    first = pid(engine)
    clock.time += 0.8 * HOUR
    assert pid(engine) == first


def test_connection_is_replaced_before_the_hour_is_over(engine: Engine, clock: Clock) -> None:
    first = pid(engine)
    clock.time += HOUR - 300
    second = pid(engine)
    assert second != first
    clock.time += 0.8 * HOUR
    assert pid(engine) == second


def test_connections_of_one_moment_are_replaced_at_different_times(
    make_engine: MakeEngine, clock: Clock
) -> None:
    engine = make_engine(pool_size=12, max_overflow=0)
    start = clock.time

    def pids() -> set[int]:
        held = [engine.connect() for _ in range(12)]
        found = {c.execute(text("SELECT pg_backend_pid()")).scalar_one() for c in held}
        for connection in held:
            connection.close()
        return found

    original = pids()
    replaced_at = []
    for minute in range(45, 60):
        clock.time = start + minute * 60
        left = len(original & pids())
        replaced_at.append(12 - left)
    assert replaced_at[0] == 0
    assert replaced_at[-2] == 12
    assert len(set(replaced_at)) > 2, "all were replaced in one minute"


def test_a_callers_pool_recycle_is_obeyed(make_engine: MakeEngine, clock: Clock) -> None:
    engine = make_engine(pool_recycle=0)
    assert pid(engine) != pid(engine)
    relaxed = make_engine(pool_recycle=10 * HOUR)
    first = pid(relaxed)
    clock.time += 2 * HOUR
    assert pid(relaxed) == first


def test_plain_url_retires_its_connections_too(engine: Engine, clock: Clock) -> None:
    _, arguments = engine.dialect.create_connect_args(engine.url)
    plain = create_engine(
        f"auroradsql+{engine.driver}://admin@localhost:{arguments['port']}/postgres",
        connect_args={
            name: arguments[name]
            for name in ("hostaddr", "region", "credentials_file", "sslrootcert")
        },
    )
    first = pid(plain)
    clock.time += HOUR
    assert pid(plain) != first
    plain.dispose()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_pool_of_a_forked_process_opens_its_own_connections(make_engine: MakeEngine) -> None:
    engine = make_engine()
    first = pid(engine)
    child = os.fork()
    if child == 0:
        try:
            found = {pid(engine), pid(engine)}
            os._exit(0 if len(found) == 1 and first not in found else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pid(engine) == first


def test_connection_that_the_driver_has_closed_is_replaced(make_engine: MakeEngine) -> None:
    for keywords in ({}, {"pool_pre_ping": True}):
        engine = make_engine(**keywords)
        first = pid(engine)
        with engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
        raw.close()
        assert pid(engine) != first
