# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Texts for exec_driver_sql() with the parameters of PostgreSQL's other drivers.

libdsql has $1, $2; programs and libraries (pandas) that were written for psycopg have %s and
%(name)s, and %% for a percent sign. A text with parameters but without $1 can only be meant so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import libdsql

TOKEN = re.compile(
    r"""
    (?P<quoted> \bE'(?: [^'\\] | \\. | '' )*' | '(?: [^'] | '' )*' | "(?: [^"] | "" )*"
        | --[^\n]* | /\*.*?\*/ | \$(?P<tag> [A-Za-z_]\w* | )\$.*?\$(?P=tag)\$ )
    | (?P<numbered> \$\d+ )
    | %\( (?P<name> [^)]+ ) \)s
    | (?P<next> %s )
    | %%
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


@lru_cache(maxsize=200)
def numbered(statement: str) -> tuple[str, tuple[str | None, ...]] | None:
    """The text with $1, $2, and the names that they stand for; None for a %s.

    None for a text that has $1 of its own, or nothing to replace.
    """
    parts: list[str] = []
    names: list[str | None] = []
    end = 0
    for token in TOKEN.finditer(statement):
        if token["numbered"]:
            return None
        parts.append(statement[end : token.start()])
        end = token.end()
        if token["quoted"]:
            parts.append(token[0].replace("%%", "%"))
        elif token["next"] or token["name"]:
            if token["next"] or token["name"] not in names:
                names.append(token["name"])
            position = len(names) if token["next"] else names.index(token["name"]) + 1
            parts.append(f"${position}")
        else:
            parts.append("%")
    return ("".join(parts) + statement[end:], tuple(names)) if names else None


def _values(names: Sequence[str | None], parameters: Any) -> Any:
    if not isinstance(parameters, Mapping) or None in names:
        return parameters
    missing = [repr(name) for name in names if name not in parameters]
    if missing:
        raise libdsql.ProgrammingError(f"no parameter named {', '.join(missing)} was given")
    return tuple(parameters[name] for name in names)


def adapt(statement: str, parameters: Any, several: bool) -> tuple[str, Any]:
    """A statement and its parameters (several: a list of them) as libdsql takes them."""
    found = numbered(statement) if parameters else None
    if found is None:
        return statement, parameters
    text, names = found
    if several:
        return text, [_values(names, item) for item in parameters]
    return text, _values(names, parameters)
