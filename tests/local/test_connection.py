# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""TLS, start-up packet and sign-in of dsql-local, byte by byte over real sockets."""

from __future__ import annotations

import contextlib
import ssl
import struct

import pytest
from wire import CANCEL_REQUEST, GSS_REQUEST, SSL_REQUEST, Wire, dial, sockets_are_closed

__all__ = ["sockets_are_closed"]  # a fixture


@pytest.mark.parametrize("direct", [False, True])
def test_both_ways_to_tls_lead_to_a_session(endpoint, token, direct):
    wire = Wire(endpoint, direct=direct)
    assert wire.stream.selected_alpn_protocol() == "postgresql"
    wire.sign_in(token())
    assert wire.until_ready()[-1] == (b"Z", b"I")
    wire.send(b"Q", b"SELECT 1\0")
    assert [kind for kind, _ in wire.until_ready()] == [b"T", b"D", b"C", b"Z"]


def test_tls_is_at_least_1_2(endpoint, token):
    assert Wire(endpoint).stream.version() in ("TLSv1.2", "TLSv1.3")
    raw = dial(endpoint)
    raw.sendall(SSL_REQUEST)
    assert raw.recv(1) == b"S"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(raw, server_hostname="localhost")


def test_direct_tls_without_alpn_is_refused(endpoint):
    fatal = Wire(endpoint, direct=True, alpn=()).fatal()
    assert (fatal["S"], fatal["C"]) == ("FATAL", "08006")
    assert "ALPN" in fatal["M"]


def test_foreign_alpn_is_refused_in_the_handshake(endpoint):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(endpoint, direct=True, alpn=("http/1.1",))


def test_sni_is_required(endpoint):
    wire = Wire(endpoint, sni=None)
    wire.startup(user="admin", database="postgres")
    fatal = wire.fatal()
    assert fatal["C"] == "08006"
    assert fatal["M"] == "unable to accept connection, sni was not received"
    assert "localhost" in fatal["H"]


def test_plain_text_is_refused_with_advice(endpoint):
    wire = Wire(endpoint, tls=False)
    wire.startup(user="admin", database="postgres")
    fatal = wire.fatal()
    assert fatal["C"] == "08006"
    assert "sslmode" in fatal["H"]


def test_gss_encryption_is_declined_and_tls_follows(endpoint, token):
    raw = dial(endpoint)
    raw.sendall(GSS_REQUEST)
    assert raw.recv(1) == b"N"
    raw.sendall(SSL_REQUEST)
    assert raw.recv(1) == b"S"


def test_bytes_behind_the_ssl_request_are_not_taken_for_plain_text(endpoint):
    raw = dial(endpoint)
    raw.sendall(SSL_REQUEST + b"X" * 40)
    answer = raw.recv(4096)
    with contextlib.suppress(ConnectionError):
        while piece := raw.recv(4096):
            answer += piece
    assert answer[:1] == b"S"
    assert b"FATAL" not in answer


def test_cancel_request_is_ignored(endpoint):
    wire = Wire(endpoint)
    wire.stream.sendall(CANCEL_REQUEST)
    with pytest.raises((EOFError, ConnectionError)):
        wire.exactly(1)


def test_token_is_judged_and_the_reason_stands_in_the_hint(endpoint, token):
    wire = Wire(endpoint)
    wire.sign_in(token(expires=1, now=1_700_000_000))
    fatal = wire.fatal()
    assert (fatal["S"], fatal["C"]) == ("FATAL", "08006")
    assert fatal["M"] == "unable to accept connection, access denied"
    assert fatal["H"].startswith("Signature expired")


def test_mangled_password_is_refused(endpoint, token):
    wire = Wire(endpoint)
    wire.startup(user="admin", database="postgres")
    wire.message()
    wire.send(b"p", token().encode())  # no NUL at its end
    fatal = wire.fatal()
    assert (fatal["C"], fatal["M"]) == ("08P01", "invalid password packet size")


@pytest.mark.parametrize(
    "parameters",
    [
        {"statement_timeout": "5s"},
        {"options": "-c statement_timeout=5s"},
        {"options": "-cstatement_timeout=5s"},
        {"options": "--statement_timeout=5s"},
        {"options": "-c search_path=public -c statement_timeout=5s"},
    ],
)
def test_startup_settings_outside_the_whitelist_are_refused(endpoint, parameters):
    wire = Wire(endpoint)
    wire.startup(user="admin", database="postgres", **parameters)
    fatal = wire.fatal()
    assert fatal["C"] == "0A000"
    assert fatal["M"] == 'setting configuration parameter "statement_timeout" not supported'


def test_startup_settings_of_the_whitelist_take_effect(endpoint, token):
    wire = Wire(endpoint)
    wire.sign_in(
        token(), application_name="here", options=r"-c search_path=a,\ b -c amzn-cluster-id=x"
    )
    statuses = [body for kind, body in wire.until_ready() if kind == b"S"]
    assert b"application_name\0here\0" in statuses
    assert b"server_version\x0016.15\0" in statuses
    wire.send(b"Q", b"SHOW search_path\0")
    assert (b"D", struct.pack("!hi", 1, 4) + b"a, b") in wire.until_ready()


def test_newer_minor_protocol_is_negotiated_down(endpoint, token):
    wire = Wire(endpoint)
    wire.startup(196610, user="admin", database="postgres", **{"_pq_.thing": "1"})
    kind, body = wire.message()
    assert (kind, body) == (b"v", struct.pack("!ii", 196608, 1) + b"_pq_.thing\0")
    assert wire.message() == (b"R", struct.pack("!i", 3))


def test_other_protocol_versions_are_refused(endpoint):
    wire = Wire(endpoint)
    wire.startup(131072, user="admin")
    assert wire.fatal()["C"] == "08P01"


def test_message_over_ten_mebibytes_closes_without_a_word(endpoint, token):
    wire = Wire(endpoint)
    wire.sign_in(token())
    wire.until_ready()
    wire.stream.sendall(b"Q" + struct.pack("!i", (10 << 20) + 5))
    with pytest.raises((EOFError, ConnectionError)):
        wire.exactly(1)


@pytest.mark.parametrize("garbage", [b"\0" * 64, b"Q\0\0\0\1", b"E\0\0\0\4", b"\xff" * 600])
def test_garbage_in_a_session_ends_only_that_session(endpoint, token, garbage):
    wire = Wire(endpoint)
    wire.sign_in(token())
    wire.until_ready()
    wire.stream.sendall(garbage)
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            wire.exactly(1)
    other = Wire(endpoint)
    other.sign_in(token())
    assert other.until_ready()[-1] == (b"Z", b"I")


def test_flush_answers_without_sync(endpoint, token):
    wire = Wire(endpoint)
    wire.sign_in(token())
    wire.until_ready()
    wire.send(b"P", b"\0SELECT 1\0\0\0")
    wire.send(b"B", b"\0\0" + b"\0\0" * 3)
    wire.send(b"E", b"\0" + b"\0" * 4)
    wire.send(b"H")
    assert [wire.message()[0] for _ in range(4)] == [b"1", b"2", b"D", b"C"]
    wire.send(b"S")
    assert wire.message() == (b"Z", b"I")


def test_two_syncs_sent_ahead_are_answered_in_order(endpoint, token):
    wire = Wire(endpoint)
    wire.sign_in(token())
    wire.until_ready()
    one = b"P\0\0\0\x10\0SELECT 1\0\0\0" + b"B\0\0\0\x0c\0\0" + b"\0\0" * 3
    one += b"E\0\0\0\x09\0\0\0\0\0" + b"S\0\0\0\4"
    wire.stream.sendall(one * 50)
    kinds = [kind for _ in range(50) for kind, _ in wire.until_ready()]
    assert kinds == [b"1", b"2", b"D", b"C", b"Z"] * 50
