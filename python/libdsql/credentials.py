# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Key pairs from a program's own provider, and whether finding them takes time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libdsql._libdsql import Error, InterfaceError, keys_ready, region


def asks_outside(host: str | None, options: Mapping[str, Any]) -> bool:
    """Whether a token for these options of connect() needs somebody outside of the process, so
    that asyncio should not wait for it in its loop. What is wrong is for connect() to say.
    """
    if options.get("custom_credentials_provider") is not None:
        return True
    profile, file = options.get("profile"), options.get("credentials_file")
    try:
        tells_region = "." in (host or "") or host in ("local", "localhost", "::1")
        if not (tells_region or options.get("region") or region(profile)):
            return True
        if host == "local" or options.get("password") or options.get("access_key"):
            return False
        return not keys_ready(profile or ("default" if file is not None else None), file)
    except (Error, TypeError, ValueError):
        return False


def keys_of(provider: Any) -> dict[str, Any]:
    """Ask a provider of credentials: botocore's kind, a session of boto3 or botocore, keys, or a
    function that returns one of these.

    It answers with an object that has access_key, secret_key and token, as botocore's Credentials;
    or with None, and then the usual places are searched.
    """
    own = any(hasattr(provider, name) for name in ("load", "get_credentials", "access_key"))
    found = provider if own or not callable(provider) else provider()
    if hasattr(found, "get_credentials"):
        found = found.get_credentials()
    elif hasattr(found, "load"):
        found = found.load()
    if found is None:
        return {}
    if hasattr(found, "get_frozen_credentials"):
        found = found.get_frozen_credentials()
    try:
        return {
            "access_key": found.access_key,
            "secret_key": found.secret_key,
            "session_token": found.token,
        }
    except AttributeError:
        raise InterfaceError(
            "custom_credentials_provider must give an object with access_key, secret_key and "
            f"token, not {type(found).__name__}"
        ) from None
