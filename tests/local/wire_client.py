# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A small client of PostgreSQL's protocol, for what drivers do not do: portals with row limits.

    wire = Wire(endpoint)
    wire.query("BEGIN")
    wire.parse("", "SELECT k FROM t").bind("p").execute("p", 2).sync().answer().rows

Values are text; None is NULL. Every read has a time limit, so nothing hangs.
"""

from __future__ import annotations

import socket
import ssl
import struct
from dataclasses import dataclass, field
from typing import Any

from support import token_for

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PROTOCOL = 196608
SECONDS = 5


class Closed(Exception):
    """The other side has closed the connection."""


@dataclass
class Answer:
    """What came back until ReadyForQuery."""

    kinds: list[str] = field(default_factory=list)  # each message's letter
    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    error: tuple[str, str] | None = None  # SQLSTATE and message of the last error
    suspended: bool = False  # an Execute stopped at its row limit
    status: str = ""  # I, T or E


def text(value: str) -> bytes:
    return value.encode() + b"\0"


class Wire:
    """A connection; messages are collected and sent by sync(), flush() or query()."""

    def __init__(self, endpoint: Any, user: str = "admin", **settings: str) -> None:
        plain = socket.create_connection(("127.0.0.1", endpoint.port), SECONDS)
        plain.sendall(SSL_REQUEST)
        assert plain.recv(1) == b"S"
        context = ssl.create_default_context(cafile=endpoint.ca)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.socket.settimeout(SECONDS)
        self.unread = b""
        self.unsent = b""
        pairs = {"user": user, "database": "postgres", **settings}
        body = b"".join(text(word) for pair in pairs.items() for word in pair) + b"\0"
        self.socket.sendall(struct.pack("!ii", len(body) + 8, PROTOCOL) + body)
        assert self.message()[0] == "R"
        self.put("p", text(token_for(endpoint, user))).flush_socket()
        answer = self.answer()
        assert answer.error is None, answer.error

    def close(self) -> None:
        self.socket.close()

    # --------------------------------------------------------------------- sending

    def put(self, kind: str, body: bytes = b"") -> Wire:
        self.unsent += kind.encode() + struct.pack("!i", len(body) + 4) + body
        return self

    def flush_socket(self) -> Wire:
        self.socket.sendall(self.unsent)
        self.unsent = b""
        return self

    def parse(self, name: str, statement: str) -> Wire:
        return self.put("P", text(name) + text(statement) + struct.pack("!h", 0))

    def bind(self, portal: str, name: str = "", values: tuple[str | None, ...] = ()) -> Wire:
        body = text(portal) + text(name) + struct.pack("!hh", 0, len(values))
        for value in values:
            data = b"" if value is None else value.encode()
            body += struct.pack("!i", -1 if value is None else len(data)) + data
        return self.put("B", body + struct.pack("!h", 0))

    def execute(self, portal: str, rows: int = 0) -> Wire:
        return self.put("E", text(portal) + struct.pack("!i", rows))

    def close_portal(self, portal: str) -> Wire:
        return self.put("C", b"P" + text(portal))

    def describe_portal(self, portal: str) -> Wire:
        return self.put("D", b"P" + text(portal))

    def sync(self) -> Wire:
        return self.put("S").flush_socket()

    def send_query(self, statement: str) -> Wire:
        return self.put("Q", text(statement)).flush_socket()

    # -------------------------------------------------------------------- receiving

    def bytes(self, count: int) -> bytes:
        while len(self.unread) < count:
            more = self.socket.recv(65536)
            if not more:
                raise Closed
            self.unread += more
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def message(self) -> tuple[str, bytes]:
        head = self.bytes(5)
        return chr(head[0]), self.bytes(struct.unpack("!i", head[1:])[0] - 4)

    def answer(self) -> Answer:
        """Everything up to and with the next ReadyForQuery."""
        answer = Answer()
        while not answer.kinds or answer.kinds[-1] != "Z":
            kind, body = self.message()
            answer.kinds.append(kind)
            if kind == "D":
                answer.rows.append(data_row(body))
            elif kind == "C":
                answer.tags.append(body[:-1].decode())
            elif kind == "E":
                fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
                answer.error = fields[b"C"], fields[b"M"]
            elif kind == "s":
                answer.suspended = True
            elif kind == "Z":
                answer.status = body.decode()
        return answer

    def query(self, statement: str) -> Answer:
        """By the simple protocol."""
        return self.send_query(statement).answer()

    def run(self, statement: str, values: tuple[str | None, ...] = ()) -> Answer:
        """By the extended protocol, with the unnamed statement and portal."""
        self.parse("", statement).bind("", "", values).describe_portal("").execute("")
        return self.sync().answer()

    def open(self, portal: str, statement: str, rows: int) -> Answer:
        """Opens a portal and fetches its first rows."""
        self.parse("", statement).bind(portal).execute(portal, rows)
        return self.sync().answer()

    def fetch(self, portal: str, rows: int = 0) -> Answer:
        """Fetches more rows of an open portal; 0 is all."""
        return self.execute(portal, rows).sync().answer()


def data_row(body: bytes) -> tuple[str | None, ...]:
    (columns,) = struct.unpack_from("!h", body)
    at = 2
    values: list[str | None] = []
    for _ in range(columns):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return tuple(values)
