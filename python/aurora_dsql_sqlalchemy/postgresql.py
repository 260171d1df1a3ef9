# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What a model says for `postgresql` holds for us, unless it says something for `auroradsql`.

Dialect options are looked up by options.option(), decorators.py cares for types that look at the
dialect's name. Here are the other places where SQLAlchemy goes by it: variants of types, prefixes
of statements, @compiles, execute_if(), ddl_if(). The last three, and whether the CHECK of a variant
is made, are decided inside of SQLAlchemy, which has no hook there: the methods that decide are
wrapped, and do what they did for every dialect but ours.
"""

# SQLAlchemy's compilers have few types.
# mypy: disable-error-code="no-untyped-call, no-any-return"

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import BigInteger, Integer, SmallInteger, exc, literal
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.dialects.postgresql.base import PGDialect, PGIdentifierPreparer
from sqlalchemy.ext import compiler as ext_compiler
from sqlalchemy.sql import ddl, operators, type_api
from sqlalchemy.sql.elements import _truncated_label
from sqlalchemy.types import SchemaType, TypeDecorator
from sqlalchemy.util import md5_hex

from aurora_dsql_sqlalchemy.decorators import decorated
from aurora_dsql_sqlalchemy.keys import KeyStatements
from aurora_dsql_sqlalchemy.options import FALLBACK, NAME, construct_arguments, refuse
from aurora_dsql_sqlalchemy.types import CITEXT, AuroraDSQLTypeCompiler, variant_of

TEXT_SEARCH = "simple"
"""The service's only text search configuration."""

LITERAL = literal(1).type
"""The type of a number that is compared to no column."""

EVENTS = ("before_create", "after_create", "before_drop", "after_drop")


def names(dialects: Any) -> Collection[str]:
    """The dialects that an execute_if(dialect=...) names."""
    return (dialects,) if isinstance(dialects, str) else tuple(dialects or ())


def means_us(dialects: Any, others: Iterable[Any] = ()) -> bool:
    """Whether these name PostgreSQL, and neither they nor the others name us."""
    return (
        FALLBACK in names(dialects)
        and NAME not in names(dialects)
        and not any(NAME in names(other) for other in others)
    )


def _siblings(condition: Any, target: Any) -> list[Any]:
    """The dialects of all DDL elements that wait for the same event as the condition's."""
    dispatch = getattr(target, "dispatch", None)
    for name in EVENTS:
        listeners = list(getattr(dispatch, name, ()))
        conditions = [getattr(item, "_ddl_if", None) for item in listeners]
        if any(item is condition for item in conditions):
            return [item.dialect for item in conditions if item is not None]
    return []


def _wrap_condition(inherited: Any) -> Any:
    @functools.wraps(inherited)
    def should_execute(
        self: Any, element: Any, target: Any, bind: Any, compiler: Any = None, **kw: Any
    ) -> bool:
        dialect = (bind if bind is not None else compiler).dialect
        if dialect.name == NAME and means_us(self.dialect, _siblings(self, target)):
            self = self._replace(dialect=NAME)
        return inherited(self, element, target, bind, compiler=compiler, **kw)

    return should_execute


def _wrap_dispatcher(inherited: Any) -> Any:
    @functools.wraps(inherited)
    def call(self: Any, element: Any, compiler: Any, **kw: Any) -> Any:
        if compiler.dialect.name == NAME and means_us(list(self.specs)):
            ours = type(self)()
            ours.specs = {**self.specs, NAME: self.specs[FALLBACK]}
            self = ours
        return inherited(self, element, compiler, **kw)

    return call


def _wrap_variant(inherited: Any) -> Any:
    @functools.wraps(inherited)
    def is_impl_for_variant(self: Any, dialect: Any, kw: dict[str, Any]) -> Any:
        variants = kw.get("variant_mapping")
        if variants and dialect.name == NAME and means_us(list(variants)):
            kw["variant_mapping"] = {**variants, NAME: variants[FALLBACK]}
        return inherited(self, dialect, kw)

    return is_impl_for_variant


SchemaType._is_impl_for_variant = _wrap_variant(  # type: ignore[method-assign]
    SchemaType._is_impl_for_variant
)
ddl.DDLIf._should_execute = _wrap_condition(  # type: ignore[method-assign]
    ddl.DDLIf._should_execute
)
ext_compiler._dispatcher.__call__ = _wrap_dispatcher(  # type: ignore[method-assign]
    ext_compiler._dispatcher.__call__
)


class AuroraDSQLStatements(KeyStatements):
    """Statements; combined with the compiler of each driver."""

    def _generate_prefixes(self, stmt: Any, prefixes: Any, **kw: Any) -> str:
        dialects = [dialect for _, dialect in prefixes]
        renamed = [
            (prefix, NAME if means_us(dialect, dialects) else dialect)
            for prefix, dialect in prefixes
        ]
        return super()._generate_prefixes(stmt, renamed, **kw)

    _reckons = False
    """Whether a parameter stands beside an operator that compares nothing, as + or <<."""

    def visit_binary(self, binary: Any, *args: Any, **kw: Any) -> str:
        before = self._reckons
        self._reckons = not operators.is_comparison(binary.operator)
        try:
            return super().visit_binary(binary, *args, **kw)
        finally:
            self._reckons = before

    def render_bind_cast(self, type_: Any, dbapi_type: Any, sqltext: str) -> str:
        """Some drivers' parameters are cast. A column of type Integer may be a BIGINT here.

        That is so for all that are numbered, see ddl.is_numbered(); a type does not tell whose it
        is. Values that are not stored or compared, as those of functions, stay what they are.
        """
        plain = dbapi_type._type_affinity is Integer and not isinstance(
            type_, (SmallInteger, BigInteger)
        )
        if plain and type_ is not LITERAL and not self._reckons:
            return f"{sqltext}::BIGINT"
        return super().render_bind_cast(type_, dbapi_type, sqltext)

    def visit_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """The one text search configuration is named on both sides: the server's default is one
        that the service does not have."""
        given = binary.modifiers.get("postgresql_regconfig") or TEXT_SEARCH
        if given not in (TEXT_SEARCH, f"pg_catalog.{TEXT_SEARCH}"):
            refuse(f"text search configuration {given}", f"use {TEXT_SEARCH!r}")
        text = self.process(binary.left, **kw)
        if not isinstance(binary.left.type, TSVECTOR):
            text = f"to_tsvector('{TEXT_SEARCH}', {text})"
        return f"{text} @@ plainto_tsquery('{TEXT_SEARCH}', {self.process(binary.right, **kw)})"

    def visit_tablesample(self, tablesample: Any, asfrom: bool = False, **kw: Any) -> str:
        refuse("TABLESAMPLE", "use order_by(func.random()) and limit()")

    def for_update_clause(self, select: Any, **kw: Any) -> str:
        locking = select._for_update_arg
        if locking.read and not locking.key_share:
            refuse(
                "FOR SHARE", "use with_for_update() or with_for_update(read=True, key_share=True)"
            )
        text: str = super().for_update_clause(select, **kw)
        # FOR UPDATE leaves FOR KEY SHARE alone here, which is all that NO KEY is for.
        return text.replace(" FOR NO KEY UPDATE", " FOR UPDATE", 1)


class AuroraDSQLIdentifiers(PGIdentifierPreparer):
    """Names; combined with the preparer of each driver. The server counts bytes, not letters."""

    def _truncate_and_render_maxlen_name(self, name: Any, max_: int, *args: Any) -> Any:
        if isinstance(name, _truncated_label) and len(name.encode()) > max_:
            kept = name.encode()[: max_ - 8].decode(errors="ignore")
            name = _truncated_label(f"{kept}_{md5_hex(name)[-4:]}")
        return super()._truncate_and_render_maxlen_name(name, max_, *args)


class PostgreSQLNames(PGDialect):
    """The part of the dialect that reads what models say."""

    type_compiler_cls = AuroraDSQLTypeCompiler
    construct_arguments: Any = construct_arguments(PGDialect.construct_arguments)

    def __init_subclass__(cls, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        ours: dict[str, type[Any]] = {
            "statement_compiler": AuroraDSQLStatements,
            "preparer": AuroraDSQLIdentifiers,
        }
        for name, kind in ours.items():
            found = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
            plain = [one.__bases__[1] if issubclass(one, kind) else one for one in found]
            # The driver's own, which derives from PostgreSQL's; a base of ours may hold the latter.
            drivers: Any = max(plain, key=lambda one: len(one.__mro__))
            setattr(cls, name, type(kind.__name__, (kind, drivers), {}))

    def validate_identifier(self, ident: str) -> None:
        length = len(ident.encode())
        if length > self.max_identifier_length:
            raise exc.IdentifierError(
                f"name {ident!r} has {length} bytes, of which Aurora DSQL would keep "
                f"{self.max_identifier_length}: use a shorter one"
            )

    def type_descriptor(self, typeobj: Any) -> Any:
        type_ = type_api.to_instance(typeobj)
        variant = variant_of(type_, self)
        if variant is not None:
            return variant._gen_dialect_impl(self)
        if isinstance(type_, CITEXT):
            return type_  # a driver would have it as any text, and a column could be made of it
        adapted = super().type_descriptor(type_)
        if adapted is type_ and isinstance(type_, TypeDecorator):
            return decorated(type_, self)
        return adapted
