# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A server with a good certificate and bad manners, for the driver's tests."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import libdsql.local


def message(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def fields(**values: str) -> bytes:
    """The body of an error or a notice: S="ERROR", C="42601", M="text", ..."""
    return b"".join(k.encode() + v.encode() + b"\0" for k, v in values.items()) + b"\0"


def columns(*types: int) -> bytes:
    body = struct.pack("!h", len(types))
    for number, oid in enumerate(types):
        body += b"c%d\0" % number + struct.pack("!ihihih", 0, 0, oid, -1, -1, 1)
    return message("T", body)


def row(*values: bytes | None) -> bytes:
    body = struct.pack("!h", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message("D", body)


def complete(tag: str) -> bytes:
    return message("C", tag.encode() + b"\0")


PARSED, BOUND, NO_DATA = message("1"), message("2"), message("n")
READY, READY_IN_TRANSACTION = message("Z", b"I"), message("Z", b"T")
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
CLEARTEXT = message("R", struct.pack("!i", 3))
GREETING = (
    message("R", struct.pack("!i", 0))
    + message("S", b"server_version\x0016.15\0")
    + message("S", b"client_encoding\0UTF8\0")
    + message("S", b"DateStyle\0ISO, MDY\0")
    + message("K", struct.pack("!ii", 7, 7))
    + READY
)


class Stream:
    """The server's side of a connection, after TLS."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self.stream = stream
        self.bytes = b""

    def exactly(self, size: int) -> bytes:
        while len(self.bytes) < size:
            piece = self.stream.recv(65536)
            if not piece:
                raise EOFError
            self.bytes += piece
        taken, self.bytes = self.bytes[:size], self.bytes[size:]
        return taken

    def packet(self) -> bytes:
        (length,) = struct.unpack("!i", self.exactly(4))
        return self.exactly(length - 4)

    def message(self) -> tuple[str, bytes]:
        kind = self.exactly(1).decode()
        return kind, self.packet()

    def until(self, *kinds: str) -> str:
        """The types of the messages up to one of those."""
        seen = ""
        while not seen.endswith(kinds):
            seen += self.message()[0]
        return seen

    def send(self, data: bytes) -> None:
        self.stream.sendall(data)

    def sign_in(self) -> None:
        self.packet()
        self.send(CLEARTEXT)
        assert self.message()[0] == "p"
        self.send(GREETING)


Script = Callable[[Stream], None]


class Impostor:
    """Runs a script for each connection, with the certificate of a local endpoint."""

    def __init__(self, endpoint: libdsql.local.LocalEndpoint, script: Script) -> None:
        folder = Path(endpoint.ca).parent
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.context.set_alpn_protocols(["postgresql"])
        self.script = script
        self.stream: socket.socket | None = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.stream = raw
            # Clients of these tests go away in the middle, and so does the server.
            with contextlib.suppress(OSError, EOFError):
                if raw.recv(8, socket.MSG_PEEK) == SSL_REQUEST:
                    raw.sendall(b"S" if raw.recv(8) else b"")
                with self.context.wrap_socket(raw, server_side=True) as stream:
                    self.stream = stream
                    self.script(Stream(stream))

    def close(self) -> None:
        for end in (self.listener, self.stream):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@contextlib.contextmanager
def impostor(endpoint: libdsql.local.LocalEndpoint, script: Script) -> Iterator[Impostor]:
    server = Impostor(endpoint, script)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def cutting_relay(port: int, after: int) -> Iterator[int]:
    """A relay to that port which ends all after so many bytes from the server; its own port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        left = limit
        with contextlib.suppress(OSError):
            while left is None or left > 0:
                data = source.recv(65536 if left is None else min(left, 65536))
                if not data:
                    break
                sink.sendall(data)
                left = None if left is None else left - len(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", port))
            with client, server:
                there = threading.Thread(target=copy, args=(client, server, None), daemon=True)
                there.start()
                copy(server, client, after)
                there.join(5)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
