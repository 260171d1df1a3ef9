# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""How many connections dsql-local takes, how fast, and how long they last."""

from __future__ import annotations

import time

import pytest
from support import connect_to, token_for, wait_for
from wire import Wire, fields, hang_up, signed_in, sockets_are_closed

__all__ = ["sockets_are_closed"]  # a fixture


def refusal(endpoint) -> dict[str, str]:
    wire = Wire(endpoint)
    wire.startup(user="admin", database="postgres")
    return wire.fatal()


def test_connections_beyond_the_rate_are_refused_until_it_has_recovered(start):
    program = start("--ephemeral", "--connection-rate", "2")
    admitted, kind, body = 0, b"R", b""
    while kind == b"R" and admitted < 500:
        wire = Wire(program.endpoint)
        wire.startup(user="admin", database="postgres")
        kind, body = wire.message()
        admitted += kind == b"R"
    assert 20 <= admitted < 500  # the burst, and what came since
    assert (fields(body)["S"], fields(body)["C"]) == ("FATAL", "53400")
    assert fields(body)["M"] == "Unable to accept connection, rate exceeded."
    time.sleep(0.7)
    signed_in(program.endpoint, token_for(program.endpoint))
    said = program.stop()[1]
    assert "user admin: Unable to accept connection, rate exceeded." in said
    assert "refused 127.0.0.1:" in said


def test_connections_beyond_the_limit_are_refused_until_one_ends(start):
    program = start("--ephemeral", "--max-connections", "3")
    token = token_for(program.endpoint)
    open_ones = [signed_in(program.endpoint, token) for _ in range(3)]
    seen = refusal(program.endpoint)
    assert (seen["S"], seen["C"]) == ("FATAL", "53300")
    assert seen["M"] == "Unable to accept connection, too many open connections."
    open_ones.pop().send(b"X")
    time.sleep(0.1)
    signed_in(program.endpoint, token)


def test_a_connection_of_age_is_closed_between_transactions_without_a_word(start):
    endpoint = start("--ephemeral", "--max-connection-age", "1").endpoint
    began = time.monotonic()
    idle = signed_in(endpoint, token_for(endpoint))
    used = signed_in(endpoint, token_for(endpoint))
    used.query("SELECT 1")
    for wire in (idle, used):
        with pytest.raises((EOFError, ConnectionError)):
            wire.exactly(1)
    assert 0.9 < time.monotonic() - began < 8


def test_a_connection_of_age_may_end_its_transaction(start):
    endpoint = start("--ephemeral", "--max-connection-age", "1").endpoint
    with connect_to(endpoint) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    wire = signed_in(endpoint, token_for(endpoint))
    wire.query("BEGIN")
    wire.query("INSERT INTO t VALUES (1)")
    time.sleep(1.3)
    assert wire.query("SELECT count(*) FROM t")[-1] == (b"Z", b"T")
    assert wire.query("COMMIT")[-1] == (b"Z", b"I")
    with pytest.raises((EOFError, ConnectionError)):
        wire.exactly(1)
    with connect_to(endpoint) as connection:
        assert connection.execute("SELECT id FROM t").fetchall() == [(1,)]


def test_a_transaction_in_a_connection_of_age_is_not_waited_for_for_ever(start):
    endpoint = start(
        "--ephemeral", "--max-connection-age", "1", "--max-transaction-age", "1"
    ).endpoint
    wire = signed_in(endpoint, token_for(endpoint))
    wire.query("BEGIN")
    began = time.monotonic()
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            wire.exactly(1)
    assert 1 < time.monotonic() - began < 9


def test_a_first_statement_without_a_postgresql_connection_ends_its_client(start):
    endpoint = start("--ephemeral", "--connection-rate", "0").endpoint
    token = token_for(endpoint)
    with connect_to(endpoint) as connection:
        limit = int(connection.execute("SHOW max_connections").fetchone()[0])
    assert limit < 10000
    many = [signed_in(endpoint, token) for _ in range(limit + 20)]
    for wire in many:
        wire.send(b"Q", b"SELECT 1\0")
    kinds: dict[bytes, int] = {}
    for wire in many:
        kind, body = wire.message()
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == b"E":
            assert fields(body)["C"] == "53300"
            assert fields(body)["M"] == "Unable to accept connection, too many open connections."
    assert kinds[b"T"] > 900
    assert kinds[b"E"] >= 20
    hang_up()

    def is_served() -> bool:
        wire = signed_in(endpoint, token)
        wire.send(b"Q", b"SELECT 1\0")
        return wire.message()[0] == b"T"

    wait_for(is_served)
