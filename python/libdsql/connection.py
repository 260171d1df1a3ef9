# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""connect(): options as libpq's keywords and our own, and the user's own endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from libdsql import local
from libdsql._libdsql import Connection, InterfaceError, OperationalError, connect_start
from libdsql.credentials import asks_outside, keys_of

_INTEGERS = (
    "port",
    "token_duration_secs",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
_TEXTS = (
    "user",
    "dbname",
    "hostaddr",
    "region",
    "cluster_id",
    "profile",
    "credentials_file",
    "access_key",
    "secret_key",
    "session_token",
    "password",
    "sslmode",
    "sslrootcert",
    "sslnegotiation",
    "application_name",
    "options",
)

#: All that connect() knows besides the host.
OPTIONS = frozenset(
    {
        *_INTEGERS,
        *_TEXTS,
        "autocommit",
        "client_encoding",
        "connect_timeout",
        "custom_credentials_provider",
        "database",
        "json_loads",
    }
)


def _number(name: str, value: Any, kind: Callable[[Any], Any]) -> Any:
    """Numbers may come as text, out of a URL."""
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise InterfaceError(f"{name}={value!r} must be a number") from None


def _truth(name: str, value: str) -> bool:
    """The same of truth values."""
    truths = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
    try:
        return truths[value.lower()]
    except KeyError:
        raise InterfaceError(f"{name}={value!r} must be true or false") from None


def check(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as connect_start() takes them, but for the provider; those that are None are
    left out. InterfaceError for what cannot be right.
    """
    unknown = sorted(options.keys() - OPTIONS)
    if unknown:
        raise InterfaceError(f"connect() knows no option {', '.join(map(repr, unknown))}")
    checked = {name: value for name, value in options.items() if value is not None}
    if "database" in checked:
        if "dbname" in checked:
            raise InterfaceError("give dbname or database, not both: they are the same")
        checked["dbname"] = checked.pop("database")
    encoding = str(checked.pop("client_encoding", "utf8"))
    if encoding.lower().replace("-", "") not in ("utf8", "unicode"):
        raise InterfaceError(f"client_encoding={encoding!r}: Aurora DSQL speaks utf8 only")
    for name in checked.keys() & set(_INTEGERS):
        checked[name] = _number(name, checked[name], int)
        if not -(2**31) <= checked[name] < 2**31:
            raise InterfaceError(f"{name}={checked[name]} is out of range")
    if "connect_timeout" in checked:
        checked["connect_timeout"] = _number("connect_timeout", checked["connect_timeout"], float)
    if isinstance(checked.get("autocommit"), str):
        checked["autocommit"] = _truth("autocommit", checked["autocommit"])
    for name in checked.keys() & set(_TEXTS):
        if not isinstance(checked[name], str):
            raise InterfaceError(f"{name} must be a str, not {type(checked[name]).__name__}")
        if "\0" in checked[name]:
            raise InterfaceError(f"{name} holds a NUL character")
    if options.get("json_loads", ...) is None:
        checked["json_loads"] = None  # json as text: another thing than the default
    return checked


def _arguments(
    host: str | None, options: Mapping[str, Any], endpoint: local.LocalEndpoint | None
) -> dict[str, Any]:
    """The arguments of connect_start()."""
    arguments = check(options)
    provider = arguments.pop("custom_credentials_provider", None)
    if not host:
        raise InterfaceError('no host: give the cluster\'s endpoint, or "local"')
    if endpoint is not None:
        arguments.update(
            hostaddr="127.0.0.1",
            port=endpoint.port,
            region=endpoint.region,
            sslrootcert=endpoint.ca,
        )
        arguments.setdefault("credentials_file", endpoint.credentials)
    if provider is not None and "password" not in arguments:
        arguments.update(keys_of(provider))
    if "credentials_file" in arguments:
        # A file that was named is meant, whatever AWS_... say.
        arguments.setdefault("profile", "default")
    return {"host": "localhost" if endpoint is not None else host, **arguments}


def blocks(host: str | None, options: Mapping[str, Any]) -> bool:
    """Whether start() may take its time: it starts an endpoint, or asks a provider, a source of
    credentials or the EC2 instance.
    """
    return local.is_local(host) or asks_outside(host, options)


def start(host: str | None = None, *, again: bool = False, **options: Any) -> Connection:
    """A connection that is being opened, for libdsql.aio. again: the local endpoint was gone."""
    endpoint = local.endpoint(again=again) if local.is_local(host) else None
    return connect_start(**_arguments(host, options, endpoint))


def connect(host: str | None = None, **options: Any) -> Connection:
    """Open a connection.

    host: a cluster's endpoint, a cluster id with a region, a PrivateLink name, "localhost" with a
    port, or "local" for the user's own endpoint, which is found or started. Without a password
    (a token made by the caller) a token is signed for this connection with the keys that the
    options, the environment or the files name. docs/driver.md lists the options.
    """
    if not local.is_local(host):
        return connect_start(**_arguments(host, options, None), block=True)
    endpoint = local.endpoint()
    try:
        return connect_start(**_arguments(host, options, endpoint), block=True)
    except OperationalError:
        # It may have ended since we last heard of it.
        renewed = local.endpoint(again=True)
        if renewed == endpoint:
            raise
    return connect_start(**_arguments(host, options, renewed), block=True)
