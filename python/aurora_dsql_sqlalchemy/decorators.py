# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Types of programs that ask for the dialect's name: each TypeDecorator that says
``if dialect.name == "postgresql"`` means us, too.

A copy of the type, which SQLAlchemy keeps for each dialect, calls the program's methods with
PostgreSQL's name for the dialect. Where the type would then be one that no column can have here,
as an array, the copy is what the program has for other databases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.types import TypeDecorator
from sqlalchemy.util import method_is_overridden

from aurora_dsql_sqlalchemy.options import FALLBACK, NAME
from aurora_dsql_sqlalchemy.types import has_column

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

METHODS = ("process_bind_param", "process_literal_param", "process_result_value")
"""Those of a program that are given a value and the dialect."""

DONE = "_auroradsql_decorated"
"""Attribute of a copy that was made here."""


class PostgreSQLName(str):
    """PostgreSQL's name, which is ours as well for programs that know it."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return other == NAME or str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other


class _NamedDialect:
    """A dialect under PostgreSQL's name."""

    name = PostgreSQLName(FALLBACK)

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        return type(self._dialect)


def _with_dialect(method: Callable[..., Any], named: Any) -> Callable[..., Any]:
    def call(value: Any, dialect: Any) -> Any:
        return method(value, named)

    return call


def decorated(type_: TypeDecorator[Any], dialect: Dialect) -> TypeDecorator[Any]:
    """A copy of the type for the dialect, or the type itself if it asks for no name."""
    methods = [
        name for name in METHODS if method_is_overridden(type_, getattr(TypeDecorator, name))
    ]
    asks = method_is_overridden(type_, TypeDecorator.load_dialect_impl)
    if DONE in type_.__dict__ or not (methods or asks):
        return type_
    named: Any = _NamedDialect(dialect)
    impl = type_.load_dialect_impl(named)
    if not has_column(impl, dialect):
        named = dialect
        impl = type_.load_dialect_impl(dialect)
    made: Any = type_.copy()
    made.impl = made.impl_instance = impl.dialect_impl(dialect)
    made.load_dialect_impl = lambda dialect: impl
    for name in methods:
        setattr(made, name, _with_dialect(getattr(type_, name), named))
    setattr(made, DONE, True)
    return made  # type: ignore[no-any-return]
