# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Types, defaults and expressions in one form, whether a model or the server wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aurora_dsql_sqlalchemy.ddl import SEQUENCE_CACHE

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

CAST = re.compile(
    r'::\s*(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?(?:\s+(?:varying|precision))?'
    r"(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?(?:\s+with(?:out)?\s+time\s+zone)?(?:\[\])*",
    re.IGNORECASE,
)
CAST_CALL = re.compile(r"\bcast\((.+?) as [\w ]+(?:\([\d, ]+\))?\)", re.IGNORECASE)
ANY = re.compile(r"=any\(*array\[(.*?)\]\)*")
IN_ONE = re.compile(r"\bin\s*\(([^,()]+)\)")
WORD = re.compile(r"true|false|null|current_\w+", re.IGNORECASE)
WORDS = {"!=": "<>", "~~": "like", "!~~": "notlike"}


def normal_type(type_: Any, dialect: Dialect) -> str:
    """A type's name in full, as the service stores it."""
    name = type_ if isinstance(type_, str) else dialect.type_compiler.process(type_)
    name = re.sub(r"\s+", " ", name.upper()).replace(", ", ",").replace("DECIMAL", "NUMERIC")
    if match := re.fullmatch(r"FLOAT(?:\((\d+)\))?", name):
        return "REAL" if match[1] and int(match[1]) <= 24 else "DOUBLE PRECISION"
    if match := re.fullmatch(r"NUMERIC\((\d+)\)", name):
        return f"NUMERIC({match[1]},0)"
    return {"NUMERIC": "NUMERIC(18,6)", "CHAR": "CHAR(1)", "INT": "INTEGER"}.get(name, name)


def normal_default(default: str) -> str:
    """A default without casts, quotes around it, and parentheses."""
    default = CAST.sub("", default).strip()
    while default.startswith("(") and default.endswith(")"):
        default = default[1:-1].strip()
    if default.startswith("'") and default.endswith("'") and len(default) > 1:
        return default[1:-1].replace("''", "'")
    if "'" not in default and ("(" in default or WORD.fullmatch(default)):
        return re.sub(r"\s+", " ", default.lower())
    return default


def normal_expression(expression: str) -> str:
    """An expression of an index, without what the server adds to it."""
    texts: list[str] = []
    expression = expression.replace("%%", "%")  # as some drivers want it

    def keep(match: re.Match[str]) -> str:
        texts.append(match[0])
        return f"\0{len(texts) - 1}\0"

    # Texts keep their letters and spaces.
    expression = re.sub(r"'(?:[^']|'')*'", keep, CAST.sub("", expression)).lower()
    count = 1
    while count:
        expression, count = CAST_CALL.subn(r"\1", expression)
    expression = IN_ONE.sub(r"=\1", expression)
    expression = re.sub(r"\bnulls last\b|\basc\b", "", expression)
    expression = re.sub(r"[\s\"]", "", expression)
    for word, same in WORDS.items():
        expression = expression.replace(word, same)
    expression = ANY.sub(r"in(\1)", expression)
    expression = re.sub(r"[()]", "", expression)
    return re.sub("\0(\\d+)\0", lambda match: texts[int(match[1])], expression)


def identity_is_ours(identity: Any) -> bool:
    """Whether an Identity is what an integer key gets that asks for nothing, with either cache."""
    return (
        not identity.always
        and not identity.cycle
        and identity.increment in (None, 1)
        and identity.minvalue in (None, 1)
        and identity.cache in (1, SEQUENCE_CACHE)
    )
