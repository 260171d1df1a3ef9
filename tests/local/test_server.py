# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql-local as a server: many clients, slow ones, stalled ones, and its end."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support import Program, connect_to, token_for, wait_for
from wire import SSL_REQUEST, Wire, context_for, dial, fields, signed_in, sockets_are_closed

__all__ = ["sockets_are_closed"]  # a fixture

# What one client may make the endpoint hold: a few hundred KB each way, and what the
# sanitizers add.
BOUND = 24 << 20

ENDED = "terminating connection: the PostgreSQL behind the endpoint has ended it"


class Measured(Program):
    """One whose memory can be judged: the sanitizer keeps no freed memory."""

    @staticmethod
    def environment() -> dict[str, str]:
        return {**Program.environment(), "ASAN_OPTIONS": "quarantine_size_mb=1"}

    def resident(self) -> int:
        statm = Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    program = Measured("--ephemeral", "--port", "0", "--connection-rate", "0")
    with connect_to(program.endpoint) as connection:
        connection.execute("SELECT 1")
    yield program
    status, said = program.stop()
    assert status == 0, said


def answers(endpoint) -> bool:
    """Another client's statement is answered soon, whatever the others do."""
    began = time.monotonic()
    with connect_to(endpoint) as connection:
        good = connection.execute("SELECT 1").fetchone() == (1,)
    return good and time.monotonic() - began < 5


def discard(wire: Wire, size: int) -> None:
    while size > 0:
        piece = wire.stream.recv(min(size, 1 << 20))
        assert piece
        size -= len(piece)


def send_until_stuck(stream: ssl.SSLSocket, data: bytes, most: int) -> int:
    """How many bytes the other side took before it took no more for a while."""
    sent = 0
    stream.settimeout(1)
    with contextlib.suppress(TimeoutError, ssl.SSLWantWriteError):
        while sent < most:
            sent += stream.send(data)
    return sent


# ----------------------------------------------------------------------- many clients


def test_a_thousand_idle_clients_cost_no_postgresql_connection(measured):
    endpoint = measured.endpoint
    token = token_for(endpoint)
    clients = [signed_in(endpoint, token) for _ in range(1000)]
    asked = clients[500].query("SELECT count(*) FROM pg_stat_activity WHERE usename = 'admin'")
    assert (b"D", struct.pack("!hi", 1, 1) + b"1") in asked
    for wire in clients[::100]:
        assert wire.query("SELECT 1")[-1] == (b"Z", b"I")
    assert answers(endpoint)


def test_a_waiting_client_is_greeted_as_postgresql_would(endpoint, token):
    """With and without a PostgreSQL connection of its own."""
    alone = Wire(endpoint)
    alone.sign_in(token(), application_name="me", client_encoding="'utf-8'", DateStyle="ISO")
    other = Wire(endpoint)
    other.sign_in(token(), application_name="me", options="-c search_path=public")

    def greeting(wire):
        return {body.split(b"\0")[0]: body for kind, body in wire.until_ready() if kind == b"S"}

    assert greeting(alone) == greeting(other)


def test_every_client_has_a_key_of_its_own(endpoint, token):
    keys = set()
    for _ in range(20):
        wire = Wire(endpoint)
        wire.sign_in(token())
        keys |= {body for kind, body in wire.until_ready() if kind == b"K"}
    assert len(keys) == 20


def test_settings_that_postgresql_refuses_are_refused_at_sign_in(endpoint, token):
    wire = Wire(endpoint)
    wire.sign_in(token(), TimeZone="Nowhere/Land")
    assert wire.fatal()["C"] == "22023"


def test_a_database_that_is_not_there_is_refused_at_sign_in(endpoint, token):
    wire = Wire(endpoint)
    wire.sign_in(token(), database="other")
    assert wire.fatal()["C"] == "3D000"


def test_statements_sent_right_behind_the_token_are_answered(endpoint, token):
    wire = Wire(endpoint)
    wire.startup(user="admin", database="postgres")
    wire.message()
    password = token().encode() + b"\0"
    wire.stream.sendall(
        b"p" + struct.pack("!i", len(password) + 4) + password + b"Q\0\0\0\x0dSELECT 1\0"
    )
    assert wire.until_ready()[-1] == (b"Z", b"I")
    assert [kind for kind, _ in wire.until_ready()] == [b"T", b"D", b"C", b"Z"]


def test_a_statement_is_carried_out_when_its_client_leaves_at_once(endpoint, connect, token):
    with connect() as connection:
        connection.execute("CREATE TABLE farewell (id int PRIMARY KEY)")
    wire = signed_in(endpoint, token())
    wire.send(b"Q", b"INSERT INTO farewell VALUES (1)\0")
    wire.stream.close()
    with connect(autocommit=True) as connection:
        wait_for(lambda: connection.execute("SELECT 1 FROM farewell").fetchone() == (1,))


# ------------------------------------------------------------- slow and stalled clients


def test_a_client_of_one_byte_at_a_time_is_served(endpoint, token):
    raw = dial(endpoint)
    for byte in SSL_REQUEST:
        raw.sendall(bytes([byte]))
        time.sleep(0.005)
    assert raw.recv(1) == b"S"
    wire = Wire.__new__(Wire)
    wire.raw = raw
    wire.stream = context_for(endpoint.ca).wrap_socket(raw, server_hostname="localhost")
    body = struct.pack("!i", 196608) + b"user\0admin\0\0"
    for byte in struct.pack("!i", len(body) + 4) + body:
        wire.stream.sendall(bytes([byte]))
    assert wire.message() == (b"R", struct.pack("!i", 3))
    wire.send(b"p", token().encode() + b"\0")
    wire.until_ready()
    for byte in b"Q\0\0\0\x0dSELECT 1\0":
        wire.stream.sendall(bytes([byte]))
    assert [kind for kind, _ in wire.until_ready()] == [b"T", b"D", b"C", b"Z"]
    wire.stream.close()


def test_clients_stalled_at_every_step_hinder_nobody(endpoint, token):
    for begin in (b"", b"\0\0\0", SSL_REQUEST, b"\x16\x03\x01"):
        for _ in range(20):
            dial(endpoint).sendall(begin)
    for _ in range(10):
        Wire(endpoint)  # no start-up packet
        Wire(endpoint).startup(user="admin")  # no token
        signed_in(endpoint, token()).stream.sendall(b"Q\0\0\1\0SELECT")
    assert answers(endpoint)


# ------------------------------------------------------------------------ back-pressure


def test_a_client_that_never_reads_is_not_read_for_ever(measured):
    wire = signed_in(measured.endpoint, token_for(measured.endpoint))
    before = measured.resident()
    query = b"SELECT repeat('x', 100000)\0"
    sent = send_until_stuck(
        wire.stream, (b"Q" + struct.pack("!i", len(query) + 4) + query) * 1000, 100 << 20
    )
    assert sent < 100 << 20
    assert measured.resident() - before < BOUND
    assert answers(measured.endpoint)


def test_a_client_that_pipelines_without_sync_and_never_reads_is_not_read_for_ever(measured):
    wire = signed_in(measured.endpoint, token_for(measured.endpoint))
    before = measured.resident()
    one = (
        b"P\0\0\0\x10\0SELECT 1\0\0\0" + b"B\0\0\0\x0c\0\0" + b"\0\0" * 3 + b"E\0\0\0\x09\0\0\0\0\0"
    )
    sent = send_until_stuck(wire.stream, one * 1000, 200 << 20)
    assert sent < 200 << 20
    assert measured.resident() - before < 3 * BOUND  # each message awaited costs a little
    assert answers(measured.endpoint)


def test_many_batches_sent_ahead_are_all_answered_in_order(measured):
    wire = signed_in(measured.endpoint, token_for(measured.endpoint))
    before = measured.resident()
    batches = [f"SELECT {number}, repeat('x', 1000)".encode() for number in range(3000)]
    data = b"".join(b"Q" + struct.pack("!i", len(sql) + 5) + sql + b"\0" for sql in batches)
    wire.stream.settimeout(30)
    seen = 0
    position = 0
    while seen < len(batches):
        if position < len(data):
            position += wire.stream.send(data[position : position + 4096])
        for _ in range(30 if position < len(data) else 3000):
            if seen == len(batches):
                break
            kind, body = wire.message()
            if kind == b"D":
                length = struct.unpack("!i", body[2:6])[0]
                assert body[6 : 6 + length] == str(seen).encode()
            seen += kind == b"Z"
            if position < len(data) and not wire.stream.pending():
                break
    assert measured.resident() - before < BOUND


@pytest.mark.parametrize(
    "sql",
    ["SELECT repeat('x', 200000000)", "SELECT repeat('x', 100000) FROM generate_series(1, 10000)"],
)
def test_a_large_result_read_slowly_is_not_kept_in_memory(measured, sql):
    wire = signed_in(measured.endpoint, token_for(measured.endpoint))
    before = measured.resident()
    wire.send(b"Q", sql.encode() + b"\0")
    for _ in range(20):
        discard(wire, 50000)
        time.sleep(0.02)
    assert measured.resident() - before < BOUND
    discard(wire, 20 << 20)
    assert measured.resident() - before < BOUND
    assert answers(measured.endpoint)


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


def backend_of(wire: Wire) -> int:
    rows = [body for kind, body in wire.query("SELECT pg_backend_pid()") if kind == b"D"]
    return int(rows[0][6:])


def test_a_copy_faster_than_postgresql_waits_for_it(measured):
    with connect_to(measured.endpoint) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS filled (id int PRIMARY KEY, t text)")
    wire = signed_in(measured.endpoint, token_for(measured.endpoint))
    pid = backend_of(wire)
    before = measured.resident()
    wire.send(b"Q", b"COPY filled FROM STDIN\0")
    assert wire.message()[0] == b"G"
    row = b"1\t" + b"x" * 60000 + b"\n"
    with stopped(pid):
        sent = send_until_stuck(
            wire.stream, b"d" + struct.pack("!i", len(row) + 4) + row, 200 << 20
        )
        assert sent < 200 << 20
        assert measured.resident() - before < BOUND
        assert answers(measured.endpoint)


def test_statements_for_a_postgresql_that_hangs_wait_outside(measured):
    wire = signed_in(measured.endpoint, token_for(measured.endpoint))
    with stopped(backend_of(wire)):
        before = measured.resident()
        sent = send_until_stuck(wire.stream, b"Q\0\0\0\x0dSELECT 1\0" * 5000, 100 << 20)
        assert sent < 100 << 20
        assert measured.resident() - before < BOUND
        assert answers(measured.endpoint)


# ------------------------------------------------------------------- half-open connections


def test_a_peer_that_vanishes_is_looked_for(endpoint, token):
    """The kernel's keepalive timer runs on the endpoint's side, and soon."""
    wire = signed_in(endpoint, token())
    mine = f"{wire.stream.getsockname()[1]:04X}"
    theirs = f"{endpoint.port:04X}"

    def seconds() -> list[float]:
        lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        timers = (line[5] for line in lines if line[1].endswith(theirs) and line[2].endswith(mine))
        return [
            int(t.split(":")[1], 16) / os.sysconf("SC_CLK_TCK") for t in timers if t[:2] == "02"
        ]

    wait_for(lambda: bool(seconds()))
    assert 30 < seconds()[0] <= 60


# --------------------------------------------------------------------------------- drain


def fatal_soon(wire: Wire) -> dict[str, str]:
    wire.stream.settimeout(10)
    return wire.fatal()


def test_sigterm_ends_idle_clients_and_lets_transactions_end(start):
    program = start("--ephemeral", "--drain", "20")
    endpoint, token = program.endpoint, token_for(program.endpoint)
    with connect_to(endpoint) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    waiting, used, working = (signed_in(endpoint, token) for _ in range(3))
    used.query("SELECT 1")
    working.query("BEGIN")
    working.query("INSERT INTO t VALUES (1)")
    program.process.send_signal(signal.SIGTERM)
    for wire in (waiting, used):
        seen = fatal_soon(wire)
        assert (seen["C"], seen["M"]) == (
            "57P01",
            "terminating connection due to administrator command",
        )
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", endpoint.port), timeout=5)
    working.query("INSERT INTO t VALUES (2)")
    assert program.process.poll() is None
    working.send(b"Q", b"COMMIT\0")
    assert working.message() == (b"C", b"COMMIT\0")
    assert working.message() == (b"Z", b"I")
    assert fatal_soon(working)["C"] == "57P01"
    assert program.process.wait(timeout=20) == 0


def test_a_transaction_is_waited_for_no_longer_than_asked(start):
    program = start("--ephemeral", "--drain", "1")
    wire = signed_in(program.endpoint, token_for(program.endpoint))
    wire.query("BEGIN")
    began = time.monotonic()
    program.process.send_signal(signal.SIGTERM)
    assert fatal_soon(wire)["C"] == "57P01"
    assert time.monotonic() - began > 0.9
    assert program.process.wait(timeout=20) == 0


def test_a_second_signal_ends_all_at_once(start):
    program = start("--ephemeral", "--drain", "60")
    wire = signed_in(program.endpoint, token_for(program.endpoint))
    other = signed_in(program.endpoint, token_for(program.endpoint))
    wire.query("BEGIN")
    program.process.send_signal(signal.SIGTERM)
    assert fatal_soon(other)["C"] == "57P01"
    assert not select.select([wire.stream], [], [], 0.2)[0]
    program.process.send_signal(signal.SIGINT)
    assert fatal_soon(wire)["C"] == "57P01"
    assert program.process.wait(timeout=20) == 0


def test_an_endpoint_without_clients_ends_at_once(start):
    program = start("--ephemeral", "--drain", "60")
    began = time.monotonic()
    assert program.stop()[0] == 0
    assert time.monotonic() - began < 10


# ----------------------------------------------------------------------------- refusals


def test_each_refused_connection_is_a_line_in_the_log_without_secrets(start):
    program = start("--ephemeral")
    endpoint = program.endpoint
    token = token_for(endpoint, now=1_700_000_000, expires=1)
    expected = {
        "neither TLS nor": lambda: dial(endpoint).sendall(b"GET / HTTP/1.1\r\n\r\n"),
        "TLS is required": lambda: Wire(endpoint, tls=False).startup(user="admin"),
        "TLS handshake failed": lambda: dial(endpoint).sendall(SSL_REQUEST + b"X" * 40),
        "ALPN is required": lambda: Wire(endpoint, direct=True, alpn=()),
        "sni was not received": lambda: Wire(endpoint, sni=None).startup(user="admin"),
        'user x: setting configuration parameter "jit" not supported': lambda: Wire(
            endpoint
        ).startup(user="x", jit="on"),
        "impossible size": lambda: Wire(endpoint).stream.sendall(b"\xff" * 20),
        "user admin: Signature expired": lambda: Wire(endpoint).sign_in(token),
        "user nobody\\?: ": lambda: Wire(endpoint).sign_in(token_for(endpoint), user="nobody\n"),
    }
    for act in expected.values():
        act()
    unbelieving = ssl.create_default_context()  # does not know the endpoint's authority
    raw = dial(endpoint)
    raw.sendall(SSL_REQUEST)
    raw.recv(1)
    with pytest.raises(ssl.SSLError):
        unbelieving.wrap_socket(raw, server_hostname="localhost")
    expected["unknown ca"] = lambda: None
    assert answers(endpoint)
    said = program.stop()[1]
    lines = [line for line in said.splitlines() if "refused" in line]
    for words in expected:
        assert any(re.search(words, line) for line in lines), (words, said)
    assert all("refused 127.0.0.1:" in line for line in lines), said
    for secret in (token, "X-Amz-Signature"):
        assert secret not in said


def test_the_same_refusal_over_and_over_does_not_fill_the_log(start):
    program = start("--ephemeral")
    for _ in range(200):
        dial(program.endpoint).sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert answers(program.endpoint)
    said = program.stop()[1]
    assert 10 <= said.count("neither TLS nor") <= 20
    assert re.search(r"refused 1\d\d more for the same reason: first bytes", said)


def test_a_client_without_a_postgresql_connection_outlives_postgresql(start):
    """And nothing that was committed is lost, though an ephemeral endpoint waits for no disk."""
    program = start("--ephemeral")
    wire = signed_in(program.endpoint, token_for(program.endpoint))
    other = signed_in(program.endpoint, token_for(program.endpoint))
    other.query("CREATE TABLE kept (id int)")
    other.query("INSERT INTO kept VALUES (1)")
    os.kill(backend_of(other), signal.SIGKILL)  # PostgreSQL starts anew
    with pytest.raises((EOFError, ConnectionError, AssertionError)):
        while other.message()[0] != b"Z":
            pass
    wait_for(lambda: recovered(program.endpoint))
    with connect_to(program.endpoint) as connection:
        assert connection.execute("SELECT id FROM kept").fetchall() == [(1,)]
    wire.query("SELECT 1")  # OC001, for the table
    assert wire.query("SELECT 1")[-2:] == [(b"C", b"SELECT 1\0"), (b"Z", b"I")]


def test_a_client_that_comes_while_postgresql_starts_is_told_to_come_again(start):
    program = start("--ephemeral")
    token = token_for(program.endpoint)
    waiting = [signed_in(program.endpoint, token) for _ in range(30)]
    os.kill(backend_of(signed_in(program.endpoint, token)), signal.SIGKILL)
    seen = set()
    for wire in waiting:
        wire.send(b"Q", b"SELECT 1\0")
        kind, body = wire.message()
        seen.add(fields(body)["M"] if kind == b"E" else "served")
        time.sleep(0.01)
    words = "unable to accept connection, waking up cluster, please retry later"
    assert words in seen
    assert seen <= {words, "served", ENDED}


def recovered(endpoint) -> bool:
    try:
        return answers(endpoint)
    except psycopg.OperationalError:
        return False
