# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""libdsql.aio on asyncio's and uvloop's loops, against a real endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import libdsql
import libdsql.aio
import pytest
import uvloop
from impostor import CLEARTEXT, Stream, fields, impostor, message
from support import token_for, wait_for

Main = Callable[[], Awaitable[Any]]
SLOW = "SELECT count(*) FROM generate_series(1, 30000000)"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    """Runs a coroutine function on a loop of its own."""
    factory = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop

    def runner(main: Main) -> Any:
        loop = factory()
        try:
            return loop.run_until_complete(asyncio.wait_for(main(), 120))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    return runner


@pytest.fixture
def options(endpoint) -> dict[str, Any]:
    return {
        "host": "localhost",
        "hostaddr": "127.0.0.1",
        "port": endpoint.port,
        "sslrootcert": endpoint.ca,
        "region": endpoint.region,
        "credentials_file": endpoint.credentials,
        "autocommit": True,
    }


def test_statements_rows_and_description(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            cursor = await connection.execute("SELECT $1 + 1 AS n, $2 AS t", [41, "x"])
            assert [column.name for column in cursor.description] == ["n", "t"]
            assert await cursor.fetchone() == (42, "x")
            assert await cursor.fetchone() is None
            assert cursor.rowcount == 1 and cursor.statusmessage == "SELECT 1"
            await cursor.execute("SELECT * FROM generate_series(1, 5)")
            assert await cursor.fetchmany(2) == [(1,), (2,)]
            assert [row async for row in cursor] == [(3,), (4,), (5,)]
        assert connection.closed

    run(main)


def test_awaiting_connect_is_the_same_as_entering_it(run, options):
    async def main() -> None:
        connection = await libdsql.aio.connect(**options)
        assert (await (await connection.execute("SELECT 1")).fetchall()) == [(1,)]
        await connection.close()
        await connection.close()
        with pytest.raises(libdsql.OperationalError, match="closed"):
            await connection.execute("SELECT 1")

    run(main)


def test_transactions_commit_and_roll_back(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            await connection.execute("DROP TABLE IF EXISTS aio_t")
            await connection.execute("CREATE TABLE aio_t (id int PRIMARY KEY)")
        async with libdsql.aio.connect(**{**options, "autocommit": False}) as connection:
            cursor = connection.cursor()
            await cursor.executemany("INSERT INTO aio_t VALUES ($1)", [[n] for n in range(100)])
            assert cursor.rowcount == 100
            await connection.rollback()
            await connection.execute("INSERT INTO aio_t VALUES (1)")
            assert connection.transaction_status == "intrans"
            await connection.commit()
            assert connection.transaction_status == "idle"
        with pytest.raises(ZeroDivisionError):
            async with libdsql.aio.connect(**{**options, "autocommit": False}) as connection:
                await connection.execute("INSERT INTO aio_t VALUES (2)")
                raise ZeroDivisionError
        async with libdsql.aio.connect(**options) as connection:
            assert await (await connection.execute("SELECT id FROM aio_t")).fetchall() == [(1,)]
            await connection.execute("DROP TABLE aio_t")

    run(main)


def test_errors_leave_the_connection_usable(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            with pytest.raises(libdsql.ProgrammingError) as caught:
                await connection.execute("SELEC 1")
            assert caught.value.sqlstate == "42601"
            with pytest.raises(libdsql.DataError):
                await connection.execute("SELECT $1", [object()])
            assert await (await connection.execute("SELECT 1")).fetchall() == [(1,)]

    run(main)


def test_tasks_that_share_a_connection_take_turns(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:

            async def ask(number: int) -> None:
                cursor = await connection.execute("SELECT $1", [number])
                assert await cursor.fetchall() == [(number,)]

            await asyncio.gather(*(ask(number) for number in range(200)))

    run(main)


def test_a_thousand_questions_on_twenty_connections_get_their_own_answers(run, options):
    async def main() -> None:
        connections = await asyncio.gather(*(libdsql.aio.connect(**options) for _ in range(20)))
        free: asyncio.Queue[libdsql.aio.Connection] = asyncio.Queue()
        for connection in connections:
            free.put_nowait(connection)

        async def ask(number: int) -> None:
            connection = await free.get()
            cursor = await connection.execute("SELECT $1, repeat('x', $1)", [number])
            assert await cursor.fetchall() == [(number, "x" * number)]
            free.put_nowait(connection)

        await asyncio.gather(*(ask(number) for number in range(1000)))
        for connection in connections:
            await connection.close()

    run(main)


def test_a_cancelled_question_takes_its_connection_with_it(run, options):
    async def main() -> None:
        connection = await libdsql.aio.connect(**options)
        task = asyncio.ensure_future(connection.execute(SLOW))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connection.closed and connection.broken
        with pytest.raises(libdsql.Error):
            await connection.execute("SELECT 1")
        await connection.close()

    run(main)


def test_a_timeout_does_the_same(run, options):
    async def main() -> None:
        connection = await libdsql.aio.connect(**options)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.execute(SLOW), 0.05)
        assert connection.broken

    run(main)


def test_cancelled_at_any_moment_no_answer_is_ever_another_questions(run, options):
    async def main() -> None:
        for delay in range(0, 40):
            connection = await libdsql.aio.connect(**options)
            task = asyncio.ensure_future(connection.execute("SELECT 1"))
            for _ in range(delay % 8):
                await asyncio.sleep(0)
            if delay >= 8:
                await asyncio.sleep(delay / 20000)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            if not connection.closed:
                assert await (await connection.execute("SELECT 2")).fetchall() == [(2,)]
            await connection.close()

    run(main)


def test_a_waiter_for_its_turn_may_be_cancelled_without_harm(run, options):
    async def main() -> None:
        connection = await libdsql.aio.connect(**options)
        first = asyncio.ensure_future(
            connection.execute("SELECT count(*) FROM generate_series(1, 300000)")
        )
        second = asyncio.ensure_future(connection.execute("SELECT 2"))
        await asyncio.sleep(0)
        second.cancel()
        assert await (await first).fetchall() == [(300000,)]
        with pytest.raises(asyncio.CancelledError):
            await second
        assert await (await connection.execute("SELECT 3")).fetchall() == [(3,)]
        await connection.close()

    run(main)


def test_connecting_can_be_cancelled(run, options, endpoint):
    def silent(stream: Stream) -> None:
        stream.packet()
        stream.exactly(1)

    async def main(port: int) -> None:
        opening = {**options, "port": port, "password": "a token"}
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_open(opening), 0.2)

    async def _open(opening: dict[str, Any]) -> libdsql.aio.Connection:
        return await libdsql.aio.connect(**opening)

    with impostor(endpoint, silent) as server:
        run(lambda: main(server.port))


def test_connect_timeout_is_an_error_that_says_so(run, options, endpoint):
    def silent(stream: Stream) -> None:
        stream.packet()
        stream.exactly(1)

    async def main(port: int) -> None:
        with pytest.raises(libdsql.OperationalError, match="connect_timeout"):
            await libdsql.aio.connect(
                **{**options, "port": port, "password": "a token", "connect_timeout": 0.2}
            )

    with impostor(endpoint, silent) as server:
        run(lambda: main(server.port))


def test_the_loop_goes_on_while_connecting(run, options):
    """Resolving is on a thread in C: tests/c/test_dial.c holds it up and goes on meanwhile."""

    async def main(port: int) -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        with pytest.raises(libdsql.OperationalError, match="connect_timeout"):
            await libdsql.aio.connect(**{**options, "port": port, "connect_timeout": 0.2})
        assert turns > 10
        counting.cancel()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        run(lambda: main(silent.getsockname()[1]))


def test_a_stream_of_any_size_passes_in_little_memory(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            async with connection.cursor(stream=True) as cursor:
                await cursor.execute("SELECT n, repeat('x', 1000) FROM generate_series(1, 50000) n")
                expected = 0
                async for number, text in cursor:
                    expected += 1
                    assert number == expected and len(text) == 1000
                assert expected == 50000
            assert await (await connection.execute("SELECT 1")).fetchall() == [(1,)]

    run(main)


def test_a_stream_lets_other_tasks_go_on(run, options, monkeypatch):
    monkeypatch.setattr(libdsql.aio, "TURN_SECONDS", 0)  # at each row, whatever the clock says
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            async with connection.cursor(stream=True) as cursor:
                await cursor.execute("SELECT * FROM generate_series(1, 1000)")
                task = asyncio.create_task(other())
                assert len([row async for row in cursor]) == 1000
                task.cancel()

    run(main)
    assert turns > 900


def test_the_module_has_the_names_of_the_blocking_one():
    for name in libdsql.aio.__all__:
        if name not in ("Connection", "Cursor", "connect"):
            assert getattr(libdsql.aio, name) is getattr(libdsql, name)
    names = {name for name in libdsql.__all__ if name.endswith(("Error", "Warning"))}
    assert names <= set(libdsql.aio.__all__)


def test_a_statement_beside_an_open_stream_loses_nothing(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            stream = connection.cursor(stream=True)
            await stream.execute("SELECT * FROM generate_series(1, 20000)")
            assert await stream.fetchone() == (1,)
            assert await (await connection.execute("SELECT 7")).fetchall() == [(7,)]
            assert await stream.fetchmany(2) == [(2,), (3,)]
            rest = await stream.fetchall()
            assert rest[0] == (4,) and rest[-1] == (20000,) and len(rest) == 19997

    run(main)


def test_a_stream_closed_early_leaves_the_connection_in_step(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            stream = connection.cursor(stream=True)
            await stream.execute("SELECT * FROM generate_series(1, 100000)")
            await stream.fetchone()
            await stream.close()
            assert await (await connection.execute("SELECT 7")).fetchall() == [(7,)]

    run(main)


def test_what_tls_has_read_ahead_is_not_forgotten(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            for size in (1, 16000, 16383, 16384, 16385, 65536, 300000, 1000000):
                cursor = await connection.execute("SELECT repeat('x', $1)", [size])
                ((text,),) = await cursor.fetchall()
                assert len(text) == size

    run(main)


def test_large_parameters_go_out_while_answers_come_in(run, options):
    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            cursor = await connection.execute("SELECT length($1), $1", ["y" * 3000000])
            ((length, text),) = await cursor.fetchall()
            assert length == len(text) == 3000000

    run(main)


def test_a_connection_that_the_server_ends_while_idle_is_known_to_be_dead(run, options, start):
    async def main() -> None:
        program = start("--ephemeral")
        other = {
            **options,
            "port": program.endpoint.port,
            "sslrootcert": program.endpoint.ca,
            "credentials_file": program.endpoint.credentials,
        }
        connection = await libdsql.aio.connect(**other)
        await connection.execute("SELECT 1")
        assert connection.is_alive()
        program.stop()
        await asyncio.sleep(0)
        wait_for(lambda: not connection.is_alive())
        with pytest.raises(libdsql.OperationalError):
            await connection.execute("SELECT 1")
        await connection.close()

    run(main)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_another_loop_is_refused(options, factory):
    async def opened() -> libdsql.aio.Connection:
        connection = await libdsql.aio.connect(**options)
        await connection.execute("SELECT pg_sleep(0.1)")  # the loop watches its descriptor
        return connection

    first = factory()
    connection = first.run_until_complete(opened())

    async def elsewhere() -> None:
        with pytest.raises(libdsql.InterfaceError, match="loop"):
            await connection.execute(SLOW)

    asyncio.run(elsewhere())
    connection.terminate()
    first.close()


def test_terminate_ends_a_statement_under_way(run, options):
    async def main() -> None:
        connection = await libdsql.aio.connect(**options)
        task = asyncio.ensure_future(connection.execute(SLOW))
        await asyncio.sleep(0.05)
        connection.terminate()
        with pytest.raises(libdsql.Error):
            await task

    run(main)


def test_a_credentials_provider_is_asked_outside_the_loops_thread(run, options, endpoint):
    asked: list[int] = []

    def provider() -> None:
        asked.append(threading.get_ident())

    async def main() -> None:
        async with libdsql.aio.connect(**options, custom_credentials_provider=provider):
            pass

    run(main)
    assert asked and asked[0] != threading.get_ident()


def test_a_token_of_ones_own_is_used(run, options, endpoint):
    async def main() -> None:
        own = {**options, "password": token_for(endpoint)}
        del own["credentials_file"]
        async with libdsql.aio.connect(**own) as connection:
            assert await (await connection.execute("SELECT 1")).fetchall() == [(1,)]

    run(main)


def test_an_expired_signature_is_signed_anew_on_a_socket_of_the_same_number(run, options, endpoint):
    attempts = 0

    def expired_once(server: Stream) -> None:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            server.sign_in()
            server.message()
            return
        server.packet()
        server.send(CLEARTEXT)
        server.message()
        refusal = fields(S="FATAL", C="08006", M="access denied", H="Signature expired")
        server.send(message("E", refusal))
        server.message()

    with impostor(endpoint, expired_once) as server:

        async def main() -> None:
            connection = await libdsql.aio.connect(**{**options, "port": server.port})
            connection.terminate()

        run(main)
    assert attempts == 2


def test_terminate_while_sending_leaves_other_sockets_to_the_loop(run, options, endpoint):
    signed_in = threading.Event()
    over = threading.Event()

    def never_reading(server: Stream) -> None:
        server.sign_in()
        signed_in.set()
        over.wait(60)

    with impostor(endpoint, never_reading) as server:

        async def main() -> None:
            loop = asyncio.get_running_loop()
            connection = await libdsql.aio.connect(**{**options, "port": server.port})
            number = connection.fileno()
            sending = asyncio.ensure_future(connection.execute("SELECT $1", [b"x" * (32 << 20)]))
            await asyncio.sleep(0.1)
            ours, theirs = socket.socketpair()
            with ours, theirs:
                connection.terminate()
                os.dup2(ours.fileno(), number)
                writable = loop.create_future()
                loop.add_writer(number, lambda: writable.done() or writable.set_result(None))
                with pytest.raises(libdsql.OperationalError):
                    await sending
                await asyncio.wait_for(writable, 30)
                loop.remove_writer(number)
                os.close(number)

        try:
            run(main)
        finally:
            over.set()


def test_copy_takes_nothing_that_has_to_be_awaited(run, options):
    async def pieces():
        yield b"1\n"

    async def write(data: bytes) -> None:
        raise AssertionError

    async def main() -> None:
        async with libdsql.aio.connect(**options) as connection:
            with pytest.raises(libdsql.ProgrammingError, match="not async_generator"):
                await connection.cursor().copy_in("COPY nowhere FROM STDIN", pieces())
            with pytest.raises(libdsql.ProgrammingError, match="plain function"):
                await connection.cursor().copy_out("COPY (SELECT 1) TO STDOUT", write)
            taken: list[bytes] = []
            await connection.cursor().copy_out("COPY (SELECT 1) TO STDOUT", taken.append)
            assert taken == [b"1\n"]

    run(main)
