# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Types, defaults and expressions in one form, whether a model or the server wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy.types import to_instance

from aurora_dsql_sqlalchemy.ddl import SEQUENCE_CACHE

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

LARGEST = 2**63 - 1

CAST = re.compile(
    r'::\s*(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?(?:\s+(?:varying|precision))?'
    r"(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?(?:\s+with(?:out)?\s+time\s+zone)?(?:\[\])*",
    re.IGNORECASE,
)
CAST_CALL = re.compile(r"\bcast\((.+?) as [\w ]+(?:\([\d, ]+\))?\)", re.IGNORECASE)
ANY = re.compile(r"=any\(*array\[(.*?)\]\)*")
IN_ONE = re.compile(r"\bin\s*\(([^,()]+)\)")
OF_TYPE = re.compile(r"\b(?:interval|date|time|timestamp|timestamptz|uuid|jsonb?)\s*(?=\0)")
ORDER = re.compile(r"\s+NULLS\s+(?:FIRST|LAST)\s*$", re.IGNORECASE)
CHANGING = re.compile(
    r"now|current|local|clock|statement_|transaction_|timeofday|random|nextval|lastval|user"
    r"|setting|pg_",
    re.IGNORECASE,
)
"""What an expression has whose value is not the same each time."""
WORDS = {"!=": "<>", "!~~*": "notilike", "~~*": "ilike", "!~~": "notlike", "~~": "like"}


def normal_type(type_: Any, dialect: Dialect) -> str:
    """The name in full of a type, or a class of types, as the service stores it."""
    name = type_ if isinstance(type_, str) else dialect.type_compiler.process(to_instance(type_))
    name = re.sub(r"\s+", " ", name.upper()).replace(", ", ",").replace("DECIMAL", "NUMERIC")
    if match := re.fullmatch(r"FLOAT(?:\((\d+)\))?", name):
        return "REAL" if match[1] and int(match[1]) <= 24 else "DOUBLE PRECISION"
    if match := re.fullmatch(r"NUMERIC\((\d+)\)", name):
        return f"NUMERIC({match[1]},0)"
    return {"NUMERIC": "NUMERIC(18,6)", "CHAR": "CHAR(1)", "INT": "INTEGER"}.get(name, name)


def normal_expression(expression: str) -> str:
    """An expression of an index or a default, without what the server adds to it."""
    texts: list[str] = []

    def keep(match: re.Match[str]) -> str:
        texts.append(match[0])
        return f"\0{len(texts) - 1}\0"

    # Texts keep their letters and spaces.
    expression = re.sub(r"'(?:[^']|'')*'", keep, CAST.sub("", expression)).lower()
    count = 1
    while count:
        expression, count = CAST_CALL.subn(r"\1", expression)
    expression = OF_TYPE.sub("", expression)
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


def _in_full(identity: Any, cache: int) -> dict[str, Any]:
    """The options of an Identity, with the server's values for those which are not said."""
    upwards = (identity.increment or 1) > 0
    lowest, highest = (1, LARGEST) if upwards else (-LARGEST - 1, -1)
    options = {
        "always": bool(identity.always),
        "increment": identity.increment or 1,
        "minvalue": lowest if identity.minvalue is None else identity.minvalue,
        "maxvalue": highest if identity.maxvalue is None else identity.maxvalue,
        "cache": identity.cache or cache,
        "cycle": bool(identity.cycle),
    }
    first = options["minvalue" if upwards else "maxvalue"]
    return {**options, "start": first if identity.start is None else identity.start}


def identity_changes(wanted: Any, there: Any, cache: int) -> set[str]:
    """The options that differ. Where an identity began matters only to who says it."""
    options, others = _in_full(wanted, cache), _in_full(there, cache)
    changed = {name for name in options if options[name] != others[name]}
    return changed - {"start"} if wanted.start is None else changed


def identity_clauses(wanted: Any, there: Any, cache: int) -> str:
    """What ALTER COLUMN says to make the one of the other."""
    options = _in_full(wanted, cache)
    words = {
        "always": f"SET GENERATED {'ALWAYS' if options['always'] else 'BY DEFAULT'}",
        "increment": f"SET INCREMENT BY {options['increment']}",
        "minvalue": f"SET MINVALUE {options['minvalue']}",
        "maxvalue": f"SET MAXVALUE {options['maxvalue']}",
        "start": f"SET START WITH {options['start']}",
        "cache": f"SET CACHE {options['cache']}",
        "cycle": "SET CYCLE" if options["cycle"] else "SET NO CYCLE",
    }
    changed = identity_changes(wanted, there, cache)
    return " ".join(clause for name, clause in words.items() if name in changed)
