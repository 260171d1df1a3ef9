# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The driver against servers that cut, lie, or never end."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import libdsql
import libdsql.aio
import pytest
from impostor import (
    BOUND,
    CLEARTEXT,
    GREETING,
    NO_DATA,
    PARSED,
    READY,
    Impostor,
    Stream,
    columns,
    complete,
    cutting_relay,
    fields,
    impostor,
    message,
    row,
)
from support import token_for

INT4, INT8, TEXT, NUMERIC, UUID, TIMESTAMPTZ, JSONB = 23, 20, 25, 1700, 2950, 1184, 3802
INT4_ARRAY, TEXT_ARRAY, RECORD = 1007, 1009, 2249

GOOD = PARSED + BOUND + columns(INT4) + row(b"\0\0\0\7") + complete("SELECT 1") + READY


@pytest.fixture
def serve(endpoint) -> Callable[..., AbstractContextManager[Impostor]]:
    return lambda script: impostor(endpoint, script)


@pytest.fixture
def connect_to_port(endpoint) -> Iterator[Callable[..., libdsql.Connection]]:
    opened: list[libdsql.Connection] = []

    def connect(port: int, **keywords: Any) -> libdsql.Connection:
        connection = libdsql.connect(
            **{
                "host": "localhost",
                "hostaddr": "127.0.0.1",
                "port": port,
                "sslrootcert": endpoint.ca,
                "password": "a token",
                "autocommit": True,
                **keywords,
            }
        )
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


def answering(*answers: bytes) -> Callable[[Stream], None]:
    """Signs a client in and gives it one answer after the other, then the end."""

    def script(stream: Stream) -> None:
        stream.sign_in()
        for answer in answers:
            stream.until("S", "Q")
            stream.send(answer)

    return script


def test_an_answer_that_ends_at_any_byte_is_an_error_and_ends_the_connection(
    serve, connect_to_port
):
    cuts = iter(range(len(GOOD)))

    def script(stream: Stream) -> None:
        stream.sign_in()
        stream.until("S")
        stream.send(GOOD[: next(cuts)])

    with serve(script) as server:
        for _ in range(len(GOOD)):
            connection = connect_to_port(server.port)
            with pytest.raises(libdsql.OperationalError):
                connection.execute("SELECT 7")
            assert connection.closed and connection.broken
            with pytest.raises(libdsql.Error):
                connection.execute("SELECT 7")


def test_a_greeting_that_ends_at_any_byte_is_an_error(serve, connect_to_port):
    whole = CLEARTEXT + GREETING
    cuts = iter(range(len(whole)))

    def script(stream: Stream) -> None:
        cut = next(cuts)
        stream.packet()
        stream.send(whole[: min(cut, len(CLEARTEXT))])
        if cut >= len(CLEARTEXT):
            stream.message()
            stream.send(whole[len(CLEARTEXT) : cut])

    with serve(script) as server:
        for _ in range(len(whole)):
            with pytest.raises(libdsql.OperationalError):
                connect_to_port(server.port)


@pytest.mark.parametrize("alive", [False, True], ids=["signing in", "reading"])
def test_tls_that_ends_anywhere_is_an_error(endpoint, connect_to_port, alive):
    # A handshake is some 2,000 bytes, its exact size differs by signature.
    for after in range(2600, 11000, 251) if alive else range(0, 2000, 41):
        with cutting_relay(endpoint.port, after) as port:
            with pytest.raises(libdsql.OperationalError):
                connection = connect_to_port(port, password=token_for(endpoint))
                cursor = connection.execute("SELECT repeat('x', 100) FROM generate_series(1, 99)")
                assert len(cursor.fetchall()) < 99


def test_the_same_under_asyncio(endpoint):
    async def one(after: int) -> None:
        with cutting_relay(endpoint.port, after) as port:
            with pytest.raises(libdsql.OperationalError):
                connection = await libdsql.aio.connect(
                    "localhost",
                    hostaddr="127.0.0.1",
                    port=port,
                    sslrootcert=endpoint.ca,
                    password=token_for(endpoint),
                )
                await connection.execute("SELECT repeat('x', 100) FROM generate_series(1, 99)")

    async def all_of_them() -> None:
        for after in range(0, 12000, 487):
            await one(after)

    asyncio.run(all_of_them())


OUT_OF_ORDER = {
    "nothing but ready": READY,
    "rows before columns": PARSED + BOUND + row(b"\0\0\0\7"),
    "columns twice": PARSED + BOUND + columns(INT4) + columns(INT4),
    "a result that nobody asked for": columns(INT4) + row(b"\0\0\0\7") + complete("SELECT 1"),
    "parsed twice": PARSED + PARSED,
    "a row of two columns": PARSED + BOUND + columns(INT4) + row(b"\0\0\0\7", None),
    "a row without columns": PARSED + BOUND + NO_DATA + row(),
    "authentication again": PARSED + CLEARTEXT,
    "copy in both directions": PARSED + BOUND + NO_DATA + message("W", b"\0\0\0"),
    "an unknown message": PARSED + message("!"),
    "an unknown state": PARSED + BOUND + NO_DATA + complete("X") + message("Z", b"?"),
    "a tag without end": PARSED + BOUND + NO_DATA + message("C", b"SELECT"),
}
GIANT = {
    "a negative length": b"1" + struct.pack("!i", -1),
    "a length of three": b"1" + struct.pack("!i", 3),
    "two gigabytes": b"D" + struct.pack("!i", 0x7FFFFFFF),
    "more columns than bytes": PARSED + BOUND + message("T", struct.pack("!h", 32767)),
    "negative columns": PARSED + BOUND + message("T", struct.pack("!h", -1)),
    "a column without its numbers": PARSED + BOUND + message("T", b"\0\1name\0\0\0"),
    "a column without end of name": PARSED + BOUND + message("T", b"\0\1" + b"n" * 40),
}


@pytest.mark.parametrize("answer", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_wrong_order_ends_the_connection(serve, connect_to_port, answer):
    with serve(answering(answer)) as server:
        connection = connect_to_port(server.port)
        with pytest.raises(libdsql.OperationalError, match="protocol"):
            connection.execute("SELECT 7")
        assert connection.closed


@pytest.mark.parametrize("answer", GIANT.values(), ids=GIANT)
def test_impossible_lengths_end_the_connection(serve, connect_to_port, answer):
    with serve(answering(answer)) as server:
        connection = connect_to_port(server.port)
        with pytest.raises(libdsql.OperationalError, match="protocol"):
            connection.execute("SELECT 7")
        assert connection.closed


FIELD_PAST_END = message("D", struct.pack("!hi", 1, 100) + b"\0\0\0\7")
NEGATIVE_FIELD = message("D", struct.pack("!hi", 1, -2))
FIELD_BEFORE_END = message("D", struct.pack("!hi", 1, 2) + b"\0\0\0\7")


@pytest.mark.parametrize("bad", [FIELD_PAST_END, NEGATIVE_FIELD, FIELD_BEFORE_END])
def test_a_row_that_contradicts_itself_is_an_error(serve, connect_to_port, bad):
    answer = PARSED + BOUND + columns(TEXT) + bad + complete("SELECT 1") + READY
    with serve(answering(answer, GOOD)) as server:
        connection = connect_to_port(server.port)
        with pytest.raises(libdsql.DatabaseError):
            connection.execute("SELECT 7")
        assert connection.closed


NOT_VALUES = [
    (INT4, b"\0\0\7"),
    (INT8, b""),
    (NUMERIC, b"\0\1"),
    (NUMERIC, struct.pack("!hhHh", 32767, 0, 0, 0)),
    (NUMERIC, struct.pack("!hhHhh", 1, 0, 0, 0, 10000)),
    (UUID, b"\0" * 15),
    (TIMESTAMPTZ, b"\0" * 9),
    (JSONB, b"\2{}"),
    (JSONB, b""),
    (TEXT, b"\xff\xfe"),
    (INT4_ARRAY, struct.pack("!iiiii", 1, 0, INT4, 0x7FFFFFFF, 1)),
    (INT4_ARRAY, struct.pack("!iii", 7, 0, INT4)),
    (INT4_ARRAY, struct.pack("!iii", -1, 0, INT4)),
    (INT4_ARRAY, struct.pack("!iiiiiii", 2, 0, INT4, 0x10000, 1, 0x10000, 1)),
    (TEXT_ARRAY, struct.pack("!iiiiii", 1, 0, TEXT, 1, 1, 100) + b"x"),
    (RECORD, struct.pack("!i", 1000000)),
]


@pytest.mark.parametrize("oid, value", NOT_VALUES)
def test_bytes_that_are_no_value_are_an_error_and_the_next_answer_is_the_next(
    serve, connect_to_port, oid, value
):
    bad = PARSED + BOUND + columns(oid) + row(value) + complete("SELECT 1") + READY
    with serve(answering(bad, GOOD)) as server:
        connection = connect_to_port(server.port)
        with pytest.raises(libdsql.DataError):
            connection.execute("SELECT bad")
        assert connection.execute("SELECT 7").fetchall() == [(7,)]


def test_an_answer_too_many_is_never_taken_for_the_next(serve, connect_to_port):
    with serve(answering(GOOD + GOOD)) as server:
        connection = connect_to_port(server.port)
        assert connection.execute("SELECT 7").fetchall() == [(7,)]
        with pytest.raises(libdsql.OperationalError):
            connection.execute("SELECT 8")
        assert connection.closed


def test_notices_without_end_are_kept_by_the_last_fifty(serve, connect_to_port):
    notice = message("N", fields(S="NOTICE", C="00000", M="x" * 1000))
    with serve(answering(notice * 20000 + GOOD)) as server:
        connection = connect_to_port(server.port)
        assert connection.execute("SELECT 7").fetchall() == [(7,)]
        assert len(connection.notices) == 50


def test_a_fatal_error_says_what_the_server_said(serve, connect_to_port):
    fatal = message("E", fields(S="FATAL", C="57P01", M="going down", H="come back"))
    with serve(answering(fatal)) as server:
        connection = connect_to_port(server.port)
        with pytest.raises(libdsql.OperationalError, match="going down") as caught:
            connection.execute("SELECT 7")
        assert caught.value.sqlstate == "57P01"
        assert caught.value.diag.message_hint == "come back"
        assert connection.closed


def test_the_end_while_committing_says_that_the_outcome_is_unknown(serve, connect_to_port):
    def script(stream: Stream) -> None:
        stream.sign_in()
        stream.until("S")
        begun = PARSED + BOUND + complete("BEGIN")
        stream.send(begun + PARSED + BOUND + NO_DATA + complete("INSERT 0 1") + message("Z", b"T"))
        stream.until("Q")

    with serve(script) as server:
        connection = connect_to_port(server.port, autocommit=False)
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(libdsql.OperationalError, match="not known"):
            connection.commit()
        assert connection.closed


def asked(*kinds: str) -> Callable[[Stream], None]:
    """Signs a client in, and ends when it has asked."""

    def script(stream: Stream) -> None:
        stream.sign_in()
        stream.until(*kinds)

    return script


@pytest.mark.parametrize("sql", ["INSERT INTO t VALUES (1)", "DROP TABLE t"])
@pytest.mark.parametrize("method", ["execute", "executescript"])
def test_the_end_of_a_statement_that_commits_itself_says_the_same(
    serve, connect_to_port, method, sql
):
    with serve(asked("S", "Q")) as server:
        cursor = connect_to_port(server.port).cursor()
        with pytest.raises(libdsql.OperationalError, match="whether it took effect is not known"):
            getattr(cursor, method)(sql)


def test_the_end_of_what_commits_nothing_does_not(serve, connect_to_port):
    for sql, autocommit in (("SELECT 1", True), ("INSERT INTO t VALUES (1)", False)):
        with serve(asked("S")) as server:
            connection = connect_to_port(server.port, autocommit=autocommit)
            with pytest.raises(libdsql.OperationalError) as caught:
                connection.execute(sql)
            assert "not known" not in str(caught.value)


def test_the_end_of_a_commit_in_sql_says_so(serve, connect_to_port):
    begun = PARSED + BOUND + NO_DATA + complete("BEGIN") + message("Z", b"T")
    with serve(answering(begun)) as server:
        connection = connect_to_port(server.port)
        connection.execute("BEGIN")
        with pytest.raises(libdsql.OperationalError, match="whether the transaction is stored"):
            connection.execute(" commit;")


def test_an_error_that_answers_nothing_is_not_the_next_statements(serve, connect_to_port):
    error = message("E", fields(S="ERROR", C="22012", M="of yesterday"))
    good = columns(INT4) + row(b"\0\0\0\7") + complete("SELECT 1") + READY
    with serve(answering(GOOD + error, good)) as server:
        connection = connect_to_port(server.port)
        assert connection.execute("SELECT 7").fetchall() == [(7,)]
        with pytest.raises(libdsql.OperationalError, match="unasked"):
            connection.cursor().executescript("SELECT 8")
        assert connection.closed


def test_a_script_whose_begin_is_refused_is_not_run_without_it(serve, connect_to_port):
    """As PostgreSQL: behind an error in the extended protocol all is passed over up to a Sync."""
    run: list[bytes] = []

    def script(stream: Stream) -> None:
        stream.sign_in()
        skipping = False
        while True:
            kind, body = stream.message()
            if kind == "X":
                return
            if kind == "S":
                skipping = False
                stream.send(READY)
            elif skipping:
                continue
            elif b"BEGIN" in body:
                stream.send(message("E", fields(S="ERROR", C="53000", M="not now")))
                skipping = kind != "Q"
                stream.send(READY if kind == "Q" else b"")
            elif kind == "Q":
                run.append(body)
                stream.send(complete("INSERT 0 1") + READY)

    with serve(script) as server:
        connection = connect_to_port(server.port, autocommit=False)
        with pytest.raises(libdsql.OperationalError, match="not now"):
            connection.cursor().executescript("INSERT INTO t VALUES (1)")
        assert connection.transaction_status == "idle"
        assert run == []
        connection.autocommit = True
        connection.cursor().executescript("INSERT INTO t VALUES (2)")
        assert run == [b"INSERT INTO t VALUES (2)\0"]


def test_bytes_before_tls_are_never_read_as_if_they_were_encrypted(endpoint, connect_to_port):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(8)
            client.sendall(b"S" + GREETING)
            client.recv(65536)

    thread = threading.Thread(target=serve)
    thread.start()
    with listener, pytest.raises(libdsql.OperationalError):
        connect_to_port(listener.getsockname()[1], sslnegotiation="postgres")
    thread.join()


def test_another_authentication_is_refused(serve, connect_to_port):
    def script(stream: Stream) -> None:
        stream.packet()
        stream.send(message("R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"))
        stream.exactly(1)

    with serve(script) as server, pytest.raises(libdsql.Error, match="authentication"):
        connect_to_port(server.port)
