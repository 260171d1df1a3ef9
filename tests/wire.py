# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A client of a few lines that says exactly what a test wants said."""

from __future__ import annotations

import socket
import ssl
import struct

import pytest

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSS_REQUEST = struct.pack("!ii", 8, 80877104)
CANCEL_REQUEST = struct.pack("!iiii", 16, 80877102, 1, 2)

_sockets: list[socket.socket] = []
_contexts: dict[tuple, ssl.SSLContext] = {}


@pytest.fixture(autouse=True)
def sockets_are_closed():
    yield
    hang_up()


def dial(endpoint) -> socket.socket:
    """A TCP connection that is closed with the test."""
    _sockets.append(socket.create_connection(("127.0.0.1", endpoint.port), timeout=10))
    _sockets[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _sockets[-1]


def context_for(ca, alpn=("postgresql",), check=True) -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than a handshake."""
    key = (ca, tuple(alpn), check)
    if key not in _contexts:
        _contexts[key] = ssl.create_default_context(cafile=ca)
        _contexts[key].check_hostname = check
        if alpn:
            _contexts[key].set_alpn_protocols(list(alpn))
    return _contexts[key]


class Wire:
    """A connection to an endpoint."""

    def __init__(self, endpoint, *, direct=False, sni="localhost", alpn=("postgresql",), tls=True):
        self.raw = dial(endpoint)
        self.stream = self.raw
        if not tls:
            return
        if not direct:
            self.raw.sendall(SSL_REQUEST)
            assert self.raw.recv(1) == b"S"
        context = context_for(endpoint.ca, alpn, sni is not None)
        self.stream = context.wrap_socket(self.raw, server_hostname=sni)
        _sockets.append(self.stream)

    def startup(self, version=196608, **parameters):
        body = struct.pack("!i", version)
        for name, value in parameters.items():
            body += name.encode() + b"\0" + value.encode() + b"\0"
        body += b"\0"
        self.stream.sendall(struct.pack("!i", len(body) + 4) + body)

    def send(self, kind, body=b""):
        self.stream.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.stream.recv(size - len(data))
            if not piece:
                raise EOFError(data)
            data += piece
        return data

    def message(self):
        kind = self.exactly(1)
        (length,) = struct.unpack("!i", self.exactly(4))
        return kind, self.exactly(length - 4)

    def fatal(self):
        """The fields of the error that ends the connection."""
        kind, body = self.message()
        while kind != b"E":
            kind, body = self.message()
        with pytest.raises((EOFError, ConnectionError)):
            self.exactly(1)
        return fields(body)

    def sign_in(self, token, **parameters):
        self.startup(**{"user": "admin", "database": "postgres", **parameters})
        assert self.message() == (b"R", struct.pack("!i", 3))
        self.send(b"p", token.encode() + b"\0")

    def query(self, sql):
        self.send(b"Q", sql.encode() + b"\0")
        return self.until_ready()

    def until_ready(self):
        seen = []
        while True:
            kind, body = self.message()
            seen.append((kind, body))
            if kind == b"Z":
                return seen


def hang_up() -> None:
    """Closes what the test has open so far."""
    while _sockets:
        _sockets.pop().close()


def signed_in(endpoint, token, **parameters) -> Wire:
    """A connection that may send statements."""
    wire = Wire(endpoint)
    wire.sign_in(token, **parameters)
    wire.until_ready()
    return wire


def fields(body):
    """The fields of an error or a notice."""
    parts = (part for part in body.split(b"\0") if part)
    return {part[:1].decode(): part[1:].decode() for part in parts}
