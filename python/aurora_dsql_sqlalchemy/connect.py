# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""From a URL's parts to a driver's arguments, with a fresh token for each connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import libdsql
import libdsql.local
from sqlalchemy.exc import ArgumentError

#: Options that are ours; every other one must be the driver's.
OWN_OPTIONS = frozenset(
    {
        "cluster_id",
        "credentials_file",
        "custom_credentials_provider",
        "profile",
        "region",
        "token_duration_secs",
    }
)

_TLS_MODES = ("require", "verify-ca", "verify-full")
_DIRECT_TLS_LIBPQ = 170000
_APPLICATION_NAME_LENGTH = 64


def application_name(prefix: str | None, driver: str) -> str:
    """PREFIX:aurora-dsql-python-DRIVER/VERSION, as the AWS connectors name themselves."""
    own = f"aurora-dsql-python-{driver}/{libdsql.__version__}"
    prefix = (prefix or "").strip()
    return (f"{prefix}:{own}" if prefix else own)[:_APPLICATION_NAME_LENGTH]


def check_options(options: Mapping[str, Any], is_known: Callable[[str], bool], driver: str) -> None:
    """Refuse by name what neither we nor the driver know."""
    for name in options:
        if name == "password":
            raise ArgumentError(
                "Aurora DSQL takes no password: leave it out, each connection gets a token"
            )
        if name not in OWN_OPTIONS and not is_known(name):
            raise ArgumentError(
                f"there is no option {name!r}: neither the auroradsql dialect nor {driver} has it"
            )


def _provider_keys(provider: Any) -> dict[str, str | None]:
    """The key pair of a botocore credentials provider, or of anything like it."""
    found = provider() if callable(provider) else provider
    found = found.load() if hasattr(found, "load") else found
    if hasattr(found, "get_frozen_credentials"):
        found = found.get_frozen_credentials()
    if found is None:
        raise libdsql.OperationalError("the custom_credentials_provider gave no credentials")
    return {
        "access_key": found.access_key,
        "secret_key": found.secret_key,
        "session_token": found.token,
    }


def _duration(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"token_duration_secs is a number of seconds, 1 to 604800, not {value!r}"
        ) from None


class Connector:
    """What one physical connection needs; made anew for each, since tokens age."""

    def __init__(self, options: Mapping[str, Any], driver: str, libpq_version: int) -> None:
        self._own = {name: options[name] for name in options if name in OWN_OPTIONS}
        self._driver_options = {name: options[name] for name in options if name not in OWN_OPTIONS}
        self._driver = driver
        self._libpq_version = libpq_version
        self.endpoint = libdsql.endpoint(
            self._driver_options.pop("host", None) or "",
            region=self._own.get("region"),
            cluster_id=self._own.get("cluster_id"),
            profile=self._own.get("profile"),
        )

    @property
    def is_local(self) -> bool:
        return self.endpoint.kind == "local"

    def arguments(self, *, again: bool = False) -> dict[str, Any]:
        """The driver's keyword arguments, token included: not to be kept, not to be shown."""
        given = dict(self._driver_options)
        given.setdefault("user", "admin")
        given.setdefault("dbname", "postgres")
        given["application_name"] = application_name(
            given.get("application_name", "sqlalchemy"), self._driver
        )
        if self._libpq_version >= _DIRECT_TLS_LIBPQ:
            given.setdefault("sslnegotiation", "direct")
        local = libdsql.local.endpoint(again=again) if self.is_local else None
        self._set_tls(given, local)
        self._set_place(given, local)
        given["password"] = self._token(given["user"], local)
        return given

    def _set_tls(self, given: dict[str, Any], local: libdsql.local.LocalEndpoint | None) -> None:
        mode = given.setdefault("sslmode", "verify-full")
        if mode not in _TLS_MODES:
            raise ArgumentError(
                f"Aurora DSQL needs TLS: sslmode={mode} does not promise it; use verify-full"
            )
        if self.endpoint.kind == "privatelink" and mode == "verify-full":
            # The certificate names the cluster, never the PrivateLink host.
            given["sslmode"] = "verify-ca"
        if local is not None:
            given["sslrootcert"] = local.ca
        elif given.get("sslrootcert", "system") == "system":
            given.pop("sslrootcert", None)
            if mode != "require":
                given["sslrootcert"] = libdsql.ca_file()

    def _set_place(self, given: dict[str, Any], local: libdsql.local.LocalEndpoint | None) -> None:
        if local is not None:
            # No name is resolved: a minimal image has no /etc/hosts.
            given.update(host="localhost", hostaddr="127.0.0.1", port=local.port)
            return
        given["host"] = self.endpoint.host
        if self.endpoint.kind == "privatelink":
            setting = f"-c amzn-cluster-id={self.endpoint.cluster_id}"
            given["options"] = f"{setting} {given.get('options', '')}".strip()

    def _token(self, user: str, local: libdsql.local.LocalEndpoint | None) -> str:
        own = self._own
        expires = _duration(own.get("token_duration_secs", 900))
        if local is not None:
            return libdsql.token(
                "localhost",
                user,
                region=local.region,
                profile=own.get("profile", "default"),
                credentials_file=local.credentials,
                expires=expires,
            )
        keys: dict[str, str | None] = {}
        if own.get("custom_credentials_provider") is not None:
            keys = _provider_keys(own["custom_credentials_provider"])
        return libdsql.token(
            self.endpoint.host,
            user,
            region=self.endpoint.region,
            cluster_id=self.endpoint.cluster_id or None,
            profile=own.get("profile"),
            credentials_file=own.get("credentials_file"),
            expires=expires,
            **keys,
        )


def advice(message: str, sslrootcert: str | None) -> str | None:
    """What to do about a refused connection, where the driver's words do not say it."""
    if "certificate verify failed" in message:
        return (
            f"the server's certificate is not of an authority in {sslrootcert}: give the file of "
            "the right one with sslrootcert"
        )
    if "Signature expired" in message:
        return "the token was made just now: set this machine's clock"
    return None
