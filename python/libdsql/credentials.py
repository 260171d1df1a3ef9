# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Key pairs from a program's own provider."""

from __future__ import annotations

from typing import Any

from libdsql._libdsql import InterfaceError


def keys_of(provider: Any) -> dict[str, Any]:
    """Ask a provider of credentials: botocore's kind, or a function that returns one or keys.

    It answers with an object that has access_key, secret_key and token, as botocore's Credentials;
    or with None, and then the usual places are searched.
    """
    found = provider if hasattr(provider, "load") or not callable(provider) else provider()
    if hasattr(found, "load"):
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
