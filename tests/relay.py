# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A relay between a client and an endpoint that counts round trips, and can cut the line."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType


class Relay:
    """Listens on a port of its own; every connection is handed on.

    A round trip: the client says something after the server has spoken (or at first).
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.trips = 0
        self.from_server = 0
        self._cut_after: int | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Not only closed: a process that was forked meanwhile may hold it as well.
        self._wake.shutdown(socket.SHUT_RDWR)
        self._wake.close()
        self._thread.join(5)
        self._woken.close()

    def cut_after(self, answers: int | None) -> None:
        """End all connections when the server has spoken that many times more; 0: as soon as the
        client has said something, which the server still gets; None: no more of this.
        """
        self._cut_after = answers

    def cut(self) -> None:
        """End the connections that there are."""
        for pair in self._pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        self._close()
                        return
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    else:
                        self._forward(selector, key)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        state = {"last": "server"}
        self._pairs.append((client, server))
        selector.register(client, selectors.EVENT_READ, ("client", server, state))
        selector.register(server, selectors.EVENT_READ, ("server", client, state))

    def _forward(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        side, other, state = key.data
        ends = side == "server" and self._cut_after == 0
        try:
            data = key.fileobj.recv(1 << 16)
            if data and not ends:
                other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(selector, key.fileobj, other)
            return
        if state["last"] != side and side == "client":
            self.trips += 1
        elif side == "server":
            self.from_server += len(data)
            if self._cut_after is not None and self._cut_after > 0 and state["last"] != side:
                self._cut_after -= 1
                ends = self._cut_after == 0
        state["last"] = side
        if ends:
            self._end(selector, key.fileobj, other)

    def _end(self, selector: selectors.BaseSelector, *sockets: socket.socket) -> None:
        for one in sockets:
            try:
                selector.unregister(one)
            except (KeyError, ValueError):
                continue
            one.close()

    def _close(self) -> None:
        for pair in self._pairs:
            for one in pair:
                one.close()
