# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Statements that a program brings as text, in the forms that Aurora DSQL accepts, where the engine
says unsupported="omit": what changes no result is left out of them, as it is of models.

Only what stands at the same places in PostgreSQL's grammar is touched: indexes, extensions, and
settings of time and memory. All other texts go to the server as they are.
"""

# SQLAlchemy's events have few types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import re
from typing import Any

from libdsql._libdsql import sql_tokens
from sqlalchemy import DDL, Engine, TextClause, event

from aurora_dsql_sqlalchemy.ddl import NOT_EMITTED
from aurora_dsql_sqlalchemy.options import PATTERN_CLASSES, omit

REWRITTEN = "auroradsql_rewritten"
"""Attribute of the execution context of a CREATE INDEX that was given its ASYNC here."""

TOUCHED = re.compile(
    r"(?:\s|--[^\n]*|/\*.*?\*/)*(create|drop|alter|comment|set)\b", re.IGNORECASE | re.DOTALL
)

SETTINGS = {
    "CLIENT_MIN_MESSAGES",
    "DEADLOCK_TIMEOUT",
    "IDLE_IN_TRANSACTION_SESSION_TIMEOUT",
    "IDLE_SESSION_TIMEOUT",
    "JIT",
    "LOCK_TIMEOUT",
    "MAINTENANCE_WORK_MEM",
    "STATEMENT_TIMEOUT",
    "SYNCHRONOUS_COMMIT",
    "WORK_MEM",
}
"""Those on which no result depends."""


class _Text:
    """The tokens of a statement; words: those that are not blank, in capitals, at places."""

    def __init__(self, statement: str) -> None:
        self.tokens = sql_tokens(statement)
        self.places = range(1, len(self.tokens), 2)
        self.words = [self.tokens[place].upper() for place in self.places]

    def begins(self, *words: str) -> bool:
        return tuple(self.words[: len(words)]) == words

    def take_out(self, first: int, end: int) -> None:
        """Words, as far as there are any, with the blanks before them."""
        last = self.places[min(end, len(self.places)) - 1]
        for place in range(self.places[first - 1] + 1, last + 1):
            self.tokens[place] = ""

    def add(self, word: int, text: str) -> None:
        """Something behind a word."""
        self.tokens[self.places[word]] += f" {text}"

    def find(self, begin: int, *wanted: str) -> int:
        """Where one of these words stands outside of parentheses; the number of words for none."""
        depth = 0
        for at in range(begin, len(self.words)):
            if depth == 0 and self.words[at] in wanted:
                return at
            depth += (self.words[at] == "(") - (self.words[at] == ")")
        return len(self.words)

    def __str__(self) -> str:
        return "".join(self.tokens)


def _key_words(text: _Text, begin: int, end: int, dialect: Any) -> None:
    """Take the order, the operator class and the collation from the keys of an index."""
    at = begin
    while (at := text.find(at, "ASC", "DESC", "COLLATE", "(", *_classes(text, at, end))) < end:
        word = text.words[at]
        if word == "(":
            at = text.find(at + 1, ")") + 1
            continue
        if word == "DESC":
            omit(dialect, "descending keys", "leave DESC out")
        elif word.endswith("_OPS") and word.lower() not in PATTERN_CLASSES:
            omit(dialect, f"operator class {word.lower()}", "leave it out")
        size = 1
        if word == "COLLATE":
            if text.words[at + 1].strip('"') not in ("C", "POSIX", "UCS_BASIC"):
                return  # the server says it
            size = 2
        text.take_out(at, at + size)
        at += size


def _classes(text: _Text, begin: int, end: int) -> set[str]:
    """Operator classes that follow a key, whatever their names."""
    return {
        word
        for before, word in zip(text.words[begin - 1 : end], text.words[begin:end], strict=False)
        if word.endswith("_OPS") and before not in ("(", ",", ".")
    }


def _create_index(text: _Text, at: int, dialect: Any) -> str:
    """at: the word behind INDEX. "" if the whole index is left out."""
    if at < len(text.words) and text.words[at] == "ASYNC":
        return str(text)
    if at < len(text.words) and text.words[at] == "CONCURRENTLY":
        text.take_out(at, at + 1)
    table = text.find(at, "ON") + 1
    if table < len(text.words) and text.words[table] == "ONLY":
        text.take_out(table, table + 1)
    using = text.find(table, "USING", "(")
    keys = text.find(table, "(")
    end = text.find(keys + 1, ")")
    if end >= len(text.words):
        return str(text)  # the server says what is wrong
    if using < keys:
        method = text.words[using + 1].lower()
        if method != "btree":
            omit(dialect, f"index method {method}", "leave USING out")
            if method not in ("hash", "brin"):
                return ""
        text.take_out(using, using + 2)
    text.add(at - 1, "ASYNC")
    _key_words(text, keys + 1, end, dialect)
    predicate = text.find(end + 1, "WHERE")
    options = text.find(end + 1, "WITH")
    if options < predicate:
        text.take_out(options, text.find(options + 2, ")") + 1)
    space = text.find(end + 1, "TABLESPACE")
    if space < predicate:
        omit(dialect, "tablespaces", "leave TABLESPACE out")
        text.take_out(space, space + 2)
    return str(text)


def _drop_index(text: _Text, dialect: Any) -> str:
    """It may have been left out when it was to be made."""
    last = 1
    if text.words[2:3] == ["CONCURRENTLY"]:
        text.take_out(2, 3)
        last = 2
    if text.words[last + 1 : last + 2] != ["IF"]:
        text.add(last, "IF EXISTS")
    return str(text)


def fitted(statement: str, dialect: Any) -> str:
    """The statement as Aurora DSQL takes it; one that begins with NOT_EMITTED is not to be sent."""
    if not TOUCHED.match(statement):
        return statement
    text = _Text(statement)
    made = statement
    if text.begins("CREATE", "INDEX") or text.begins("CREATE", "UNIQUE", "INDEX"):
        made = _create_index(text, text.words.index("INDEX") + 1, dialect)
    elif text.begins("DROP", "INDEX"):
        made = _drop_index(text, dialect)
    elif text.words[1:2] == ["EXTENSION"] or text.begins("COMMENT", "ON", "EXTENSION"):
        omit(dialect, "extensions", "use built-in functions", f"{' '.join(text.words)} is")
        made = ""
    elif text.begins("SET"):
        at = 1 + (text.words[1:2] in (["LOCAL"], ["SESSION"]))
        if text.words[at : at + 1] and text.words[at] in SETTINGS:
            omit(dialect, f"setting {text.words[at].lower()}", "leave it out")
            made = ""
    return made or NOT_EMITTED + " ".join(statement.split())


def fit_texts(engine: Engine) -> None:
    """Let the texts that an engine is given be fitted."""
    dialect: Any = engine.dialect
    if dialect.unsupported == "omit":
        event.listen(engine, "before_cursor_execute", _fit, retval=True)


def _fit(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, several: bool
) -> tuple[str, Any]:
    element = getattr(getattr(context, "compiled", None), "statement", None)
    if element is not None and not isinstance(element, (TextClause, DDL)):
        return statement, parameters
    made = fitted(statement, connection.dialect)
    if made != statement:
        setattr(context, REWRITTEN, True)
    return made, parameters
