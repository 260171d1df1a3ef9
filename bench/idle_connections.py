# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What an idle connection costs dsql-local, in memory: signed in, nothing sent yet.

    python bench/idle_connections.py [1000 5000]

With --used each connection has sent one statement and has its PostgreSQL connection; the
memory of PostgreSQL's own processes is not counted.
"""

from __future__ import annotations

import argparse
import resource
import socket
import ssl
import struct
import time
from pathlib import Path

from endpoint_cost import running, through


def resident(pid: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def until_ready(stream: ssl.SSLSocket) -> None:
    reader = stream.makefile("rb")
    while True:
        kind, length = struct.unpack("!ci", reader.read(5))
        body = reader.read(length - 4)
        if kind == b"E":
            raise RuntimeError(body)
        if kind == b"Z":
            return
        if (kind, body) == (b"R", b"\0\0\0\3"):
            return


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def connect(port: int, context: ssl.SSLContext, token: str, used: bool) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = context.wrap_socket(raw, server_hostname="localhost")
    body = struct.pack("!i", 196608) + b"user\0admin\0database\0postgres\0\0"
    stream.sendall(struct.pack("!i", len(body) + 4) + body)
    until_ready(stream)
    stream.sendall(message(b"p", token.encode() + b"\0"))
    until_ready(stream)
    if used:
        stream.sendall(message(b"Q", b"SELECT 1\0"))
        until_ready(stream)
    return stream


def measure(count: int, used: bool) -> tuple[float, float, float]:
    """KB for each, MB in all, milliseconds to open each."""
    with running("--connection-rate", "0") as (endpoint, _, pid):
        context = ssl.create_default_context(cafile=endpoint.ca)
        context.set_alpn_protocols(["postgresql"])
        token = str(through(endpoint)["password"])
        streams = [connect(endpoint.port, context, token, used)]
        before = resident(pid)
        began = time.perf_counter()
        streams += [connect(endpoint.port, context, token, used) for _ in range(count)]
        seconds = time.perf_counter() - began
        whole = resident(pid)
        for stream in streams:
            stream.close()
    return (whole - before) / count / 1024, whole / 2**20, seconds / count * 1000


def run(counts: tuple[int, ...] = (1000, 5000), used: bool = False) -> str:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lines = [
        "## Idle connections of dsql-local",
        "",
        "Signed in, nothing sent: no PostgreSQL connection yet. Memory of the endpoint's process.",
        "",
        "| connections | memory of each | in all | to open one | budget |",
        "|---|---|---|---|---|",
    ]
    for count in counts:
        each, whole, opening = measure(count, used)
        cells = [f"{count:,}", f"{each:.1f} KB", f"{whole:.0f} MB", f"{opening:.2f} ms", "<= 20 KB"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1000, 5000])
    parser.add_argument("--used", action="store_true", help="after one statement each")
    arguments = parser.parse_args()
    print(run(tuple(arguments.counts), arguments.used))


if __name__ == "__main__":
    main()
