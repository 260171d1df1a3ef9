# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Texts for exec_driver_sql() with the parameters of PostgreSQL's other drivers.

libdsql has $1, $2; programs and libraries (pandas) that were written for psycopg have %s and
%(name)s, and %% for a percent sign. A text with parameters but without $1 can only be meant so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import libdsql
from libdsql._libdsql import numbered

_numbered = lru_cache(maxsize=200)(numbered)


def _values(names: Sequence[str | None], parameters: Any) -> Any:
    if not isinstance(parameters, Mapping) or None in names:
        return parameters
    missing = [repr(name) for name in names if name not in parameters]
    if missing:
        raise libdsql.ProgrammingError(f"no parameter named {', '.join(missing)} was given")
    return tuple(parameters[name] for name in names)


def adapt(statement: str, parameters: Any, several: bool) -> tuple[str, Any]:
    """A statement and its parameters (several: a list of them) as libdsql takes them."""
    found = _numbered(statement) if parameters else None
    if found is None:
        return statement, parameters
    text, names = found
    if several:
        return text, [_values(names, item) for item in parameters]
    return text, _values(names, parameters)
