# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that share a connection, signals, other processes and interpreters, and memory."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libdsql
import pytest
from support import drive_to, wait_for

SLOW = "SELECT pg_sleep(0.2), $1::int"


def test_threads_take_turns_on_a_connection(connect_driver):
    connection = connect_driver(autocommit=True)

    def ask(number: int) -> tuple:
        return connection.execute("SELECT $1::int, repeat('x', $1)", [number]).fetchone()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(400)))
    assert found == [(number, "x" * number) for number in range(400)]


def test_threads_share_streams_and_transactions(connect_driver):
    connection = connect_driver()

    def ask(number: int) -> int:
        cursor = connection.cursor(stream=bool(number % 2))
        cursor.execute("SELECT i FROM generate_series(1, $1::int) i", [number * 10])
        first = cursor.fetchmany(number)
        connection.commit()
        return len(first) + len(cursor.fetchall())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(1, 100))) == [number * 10 for number in range(1, 100)]


def test_other_threads_run_while_one_waits(connect_driver):
    connection = connect_driver(autocommit=True)
    waits = threading.Thread(target=lambda: connection.execute("SELECT pg_sleep(1)"))
    waits.start()
    wait_for(lambda: connection.transaction_status == "unknown")
    other = connect_driver(autocommit=True)
    assert other.execute("SELECT 1").fetchone() == (1,)
    assert connection.is_alive()
    assert connection.transaction_status == "unknown"
    with pytest.raises(libdsql.ProgrammingError, match="a thread is using"):
        connection._abandon()
    waits.join()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_threads_that_set_the_same_flag_leave_the_connection_to_others(connect_driver):
    connection = connect_driver(autocommit=True)
    decided = threading.Semaphore(0)

    class No:
        def __bool__(self) -> bool:
            decided.release()
            return False

    def set_flag() -> None:
        connection.autocommit = No()

    setters = [threading.Thread(target=set_flag) for _ in range(2)]

    def write(data: bytes) -> None:
        for setter in setters:
            setter.start()
        for _ in setters:
            decided.acquire()
        time.sleep(0.1)  # both wait for their turn now

    connection.cursor().copy_out("COPY (SELECT 1) TO STDOUT", write)
    for setter in setters:
        setter.join()
    assert connection.autocommit is False
    connection._start_rollback()
    assert connection._step() == 0


def test_cursor_that_is_closed_by_another_thread(connect_driver):
    connection = connect_driver(autocommit=True)
    for _ in range(20):
        cursor = connection.cursor()
        with ThreadPoolExecutor(1) as pool:
            begun = pool.submit(
                lambda cursor=cursor: cursor.execute("SELECT i FROM generate_series(1, 20000) i")
            )
            cursor.close()
            assert isinstance(begun.exception(), (libdsql.InterfaceError, type(None)))
    assert connection.execute("SELECT 1").fetchone() == (1,)


# Signals


class Interrupted(Exception):
    pass


@pytest.fixture
def alarm():
    """Raises Interrupted in the main thread after a while."""

    def interrupt(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.2)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_interrupted_wait_gives_the_connection_up(connect_driver, alarm):
    """The answer would be taken for the next statement's."""
    connection = connect_driver()
    connection.execute("SELECT 1")
    alarm()
    with pytest.raises(Interrupted):
        connection.execute("SELECT pg_sleep(30)")
    assert connection.broken and connection.closed
    with pytest.raises(libdsql.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_interrupted_result_leaves_no_part_of_it(connect_driver, alarm):
    cursor = connect_driver().cursor()
    alarm()
    with pytest.raises(Interrupted):
        cursor.execute(
            "SELECT i, pg_sleep(CASE i WHEN 5000 THEN 30 ELSE 0 END)"
            " FROM generate_series(1, 5000) i"
        )
    with pytest.raises(libdsql.ProgrammingError, match="no rows"):
        cursor.fetchall()


def test_interrupted_wait_for_a_turn_leaves_the_connection(connect_driver, alarm):
    connection = connect_driver(autocommit=True)
    waits = threading.Thread(target=lambda: connection.execute("SELECT pg_sleep(1)"))
    waits.start()
    wait_for(lambda: connection.transaction_status == "unknown")
    alarm()
    with pytest.raises(Interrupted):
        connection.execute("SELECT 1")
    waits.join()
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_signal_whose_handler_returns_changes_nothing(connect_driver):
    connection = connect_driver()
    seen = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        assert connection.execute(SLOW, [5]).fetchone()[1] == 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen


# Other processes


def in_child(action) -> int:
    """The exit status of a child that does this and nothing else."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = action()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_connection_of_another_process_is_refused_and_left_alone(connect_driver):
    connection = connect_driver()
    cursor = connection.cursor(stream=True)
    cursor.execute("SELECT i FROM generate_series(1, 100000) i")

    def use() -> int:
        uses = (
            lambda: connection.execute("SELECT 1"),
            cursor.fetchall,
            connection.commit,
            connection.rollback,
            connection.close,
            connection._step,
            lambda: setattr(connection, "autocommit", True),
        )
        refused = 0
        for action in uses:
            try:
                action()
            except libdsql.InterfaceError as error:
                refused += "opened in another process" in str(error)
        return 0 if refused == len(uses) and not connection.is_alive() else 1

    assert in_child(use) == 0
    assert len(cursor.fetchall()) == 100_000
    assert connection.execute("SELECT 2").fetchone() == (2,)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_that_drops_the_connection_says_no_goodbye(endpoint, connect_driver):
    held = [connect_driver()]
    held[0].execute("SELECT 1")

    def drop() -> int:
        import warnings

        warnings.simplefilter("error")
        number = held[0].fileno()
        held.clear()
        # The fixture's list holds it as well.
        for kept in gc.get_objects():
            if type(kept) is list and any(type(one) is libdsql.Connection for one in kept):
                kept.clear()
        gc.collect()
        try:
            os.fstat(number)
        except OSError:
            return 0
        return 1

    assert in_child(drop) == 0
    assert held[0].execute("SELECT 2").fetchone() == (2,)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_opens_its_own(endpoint, connect_driver):
    connect_driver()

    def work() -> int:
        with drive_to(endpoint) as connection:
            return connection.execute("SELECT 0").fetchone()[0]

    assert in_child(work) == 0


# Other interpreters

INTERPRETERS = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

code = '''
import libdsql, datetime, decimal, uuid
with libdsql.connect(host="localhost", hostaddr="127.0.0.1", port={port}, region={region!r},
                     sslrootcert={ca!r}, credentials_file={credentials!r}) as connection:
    row = connection.execute(
        "SELECT $1::int, $2::timestamptz, $3::numeric, $4::uuid, '[1]'::json",
        [5, datetime.datetime(2000, 1, 2, tzinfo=datetime.timezone.utc), decimal.Decimal("1.5"),
         uuid.UUID(int=7)],
    ).fetchone()
    assert row == (5, datetime.datetime(2000, 1, 2, tzinfo=datetime.timezone.utc),
                   decimal.Decimal("1.5"), uuid.UUID(int=7), [1]), row
    try:
        connection.execute("SELECT 1 / 0")
    except libdsql.DataError as error:
        assert error.sqlstate == "22012"
    else:
        raise AssertionError
    connection.rollback()
with open({out!r}, "a") as file:
    file.write("done ")
'''
def create():
    try:
        return interpreters.create("legacy")
    except TypeError:
        return interpreters.create(isolated=False)

exec(code)
for _ in range(3):
    one = create()
    run = getattr(interpreters, "exec", None) or interpreters.run_string
    failure = run(one, code)
    assert failure is None, failure
    interpreters.destroy(one)
exec(code)
"""


def test_sub_interpreters_that_share_the_gil(endpoint, tmp_path: Path):
    out = tmp_path / "out"
    program = INTERPRETERS.format(
        port=endpoint.port,
        region=endpoint.region,
        ca=endpoint.ca,
        credentials=endpoint.credentials,
        out=str(out),
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert out.read_text() == "done " * 5


# Memory


def use_everything(connection: libdsql.Connection) -> None:
    connection.execute("SELECT $1::int, $2, $3::numeric", [5, "text", 1.5]).fetchall()
    cursor = connection.cursor(stream=True)
    cursor.execute("SELECT i, now(), '[1]'::json FROM generate_series(1, 20) i")
    cursor.fetchone()
    cursor.fetchmany(3)
    assert cursor.description[0].name == "i"
    connection.cursor().executemany("SELECT $1::int, $2", [(1, "a"), (2, None)])
    for sql in ("SELECT 1 / 0", "SELECT"):
        try:
            connection.execute(sql)
        except libdsql.Error as error:
            assert error.diag.sqlstate == error.sqlstate
    with contextlib.suppress(libdsql.InternalError):
        connection.commit()
    with contextlib.suppress(libdsql.DataError):
        connection.execute("SELECT $1", [object()])
    connection.cursor().copy_out("COPY (SELECT 1) TO STDOUT", len)
    connection.rollback()


def test_nothing_is_kept_of_thousands_of_statements(connect_driver):
    connection = connect_driver()
    watched = [None, libdsql.Connection, libdsql.Cursor, libdsql.Column, libdsql.Diagnostic]
    watched += [connection, libdsql.DataError, "text"]
    for _ in range(20):
        use_everything(connection)
    gc.collect()
    tracemalloc.start()
    try:
        use_everything(connection)
        gc.collect()
        counts = [sys.getrefcount(one) for one in watched]
        memory, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
        for _ in range(500):
            use_everything(connection)
        gc.collect()
        now = [sys.getrefcount(one) for one in watched]
        assert all(abs(after - before) < 50 for before, after in zip(counts, now, strict=True))
        assert tracemalloc.get_traced_memory()[0] - memory < 20_000
        assert len(gc.get_objects()) - objects < 50
    finally:
        tracemalloc.stop()


def test_nothing_is_kept_of_connections(endpoint):
    def use() -> None:
        with drive_to(endpoint) as connection:
            connection.execute("SELECT $1", ["x"]).fetchone()

    for _ in range(3):
        use()
    gc.collect()
    objects, files = len(gc.get_objects()), len(os.listdir("/proc/self/fd"))
    counts = sys.getrefcount(libdsql.Connection)
    for _ in range(30):
        use()
    gc.collect()
    assert len(gc.get_objects()) - objects < 20
    assert len(os.listdir("/proc/self/fd")) == files
    assert sys.getrefcount(libdsql.Connection) - counts < 5
