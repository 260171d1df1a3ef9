# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP for the sources of credentials, by the standard library; called by the extension, which
says which proxy and which authorities are used, and imported when a source is first asked.
"""

from __future__ import annotations

import base64
import http.client
import io
import ssl
import time
from collections.abc import Sequence
from urllib.parse import SplitResult, unquote, urlsplit

IO, PROTOCOL, UNSUPPORTED, TLS, TIMEOUT = -9, -10, -11, -13, -14
"""Codes of dsql.h."""


class _Incoming(io.RawIOBase):
    """The bytes of a socket until a moment, whatever the pauses between them."""

    def __init__(self, connection: http.client.HTTPConnection, deadline: float) -> None:
        self._socket = connection.sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        read: int = self._socket.recv_into(buffer)
        return read

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    keys = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(keys).decode()}


def _open(
    url: SplitResult, proxy: SplitResult | None, ca_file: str | None, timeout: float
) -> http.client.HTTPConnection:
    peer = proxy if proxy is not None else url
    host = peer.hostname or ""
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        port = peer.port or (443 if proxy is None else 80)
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        if proxy is not None:
            connection.set_tunnel(url.hostname or "", url.port or 443, _proxy_headers(proxy))
    else:
        connection = http.client.HTTPConnection(host, peer.port or 80, timeout=timeout)
    return connection


def _read(response: http.client.HTTPResponse, limit: int) -> bytes | None:
    """The body; None when it is longer."""
    body = response.read(limit + 1)
    if len(body) > limit:
        return None
    if response.length:  # what is still to come, and does not
        raise http.client.IncompleteRead(b"", response.length)
    return body


def _exchange(
    method: str,
    url: SplitResult,
    headers: dict[str, str],
    body: bytes | None,
    proxy: SplitResult | None,
    ca_file: str | None,
    timeout: float,
    limit: int,
) -> tuple[int, bytes | str]:
    deadline = time.monotonic() + timeout
    connection = _open(url, proxy, ca_file, timeout)
    try:
        target = url._replace(scheme="", netloc="").geturl() or "/"
        if proxy is not None and url.scheme == "http":
            target = url.geturl()
            headers = {**headers, **_proxy_headers(proxy)}
        connection.request(method, target, body, headers)
        response = http.client.HTTPResponse(
            _Incoming(connection, deadline),  # type: ignore[arg-type]
            method=method,
        )
        with response:
            response.begin()
            answer = _read(response, limit)
    finally:
        connection.close()
    if answer is None:
        return PROTOCOL, f"its answer is longer than {limit} bytes"
    return response.status, answer


def request(
    method: str,
    url: str,
    headers: Sequence[str],
    body: bytes | None,
    proxy: str | None,
    ca_file: str | None,
    timeout: float,
    limit: int,
) -> tuple[int, bytes | str]:
    """The status and the body of an answer; or a code of dsql.h and a sentence."""
    pairs = dict(header.split(": ", 1) for header in headers)
    try:
        way = urlsplit(proxy) if proxy is not None else None
        if way is not None and way.scheme != "http":
            return UNSUPPORTED, f"a proxy by {way.scheme}: give one by http:"
        return _exchange(method, urlsplit(url), pairs, body, way, ca_file, timeout, limit)
    except TimeoutError:
        return TIMEOUT, f"no answer within {timeout:g} s"
    except ssl.SSLError as error:
        return TLS, f"TLS failed: {error}"
    except OSError as error:
        return IO, error.strerror or str(error)
    except (ValueError, http.client.InvalidURL):  # its words may hold the proxy's password
        whose = "its address" if proxy is None else "its address, or the proxy's,"
        return UNSUPPORTED, f"{whose} names no host and port"
    except http.client.HTTPException as error:
        return IO, f"its answer is not HTTP: {type(error).__name__}"
