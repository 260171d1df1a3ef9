# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The SQL of CREATE, ALTER and DROP in the forms that Aurora DSQL accepts."""

# SQLAlchemy's DDL compiler has few types; its methods are called and overridden here.
# mypy: disable-error-code="no-untyped-call, override, no-any-return"

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Sequence, exc, types
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler
from sqlalchemy.schema import (
    CheckConstraint,
    DropIndex,
    ExecutableDDLElement,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    UniqueConstraint,
)
from sqlalchemy.sql import coercions, operators, roles
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.sql.elements import (
    BinaryExpression,
    Case,
    ColumnClause,
    ColumnElement,
    TextClause,
    UnaryExpression,
)
from sqlalchemy.sql.functions import next_value
from sqlalchemy.util import warn

from aurora_dsql_sqlalchemy.options import NAME, check_index, check_table, omit, option, refuse
from aurora_dsql_sqlalchemy.types import (
    check_collation,
    check_column,
    check_key,
    declared_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Computed, Index, Table
    from sqlalchemy.schema import (
        AddConstraint,
        CreateIndex,
        CreateSequence,
        CreateTable,
        DropConstraint,
    )
    from sqlalchemy.sql.schema import IdentityOptions

    from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect

SEQUENCE_CACHE = 65536
"""Values that a session takes from a sequence at once; the service knows 1 or at least this."""


def sequence_cache_of(value: Any) -> int:
    """A number of values, also as the text that stands in a URL; ArgumentError for others."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number != 1 and number < SEQUENCE_CACHE:
        raise exc.ArgumentError(
            f"sequence_cache={value!r} must be 1, or {SEQUENCE_CACHE} and more: Aurora DSQL has no "
            "sequences between"
        )
    return number


NOT_EMITTED = "-- not emitted, "
"""How the text of a statement begins that is logged but not sent."""

FOREIGN_KEYS_WOULD = f"{NOT_EMITTED}foreign_keys=True would: "

KEY_COLUMNS = 8
"""Columns that a key may have."""

KEY_BYTES = 2000
"""What the texts of a table's key may be declared with."""

NULLS = {operators.nulls_first_op: " NULLS FIRST", operators.nulls_last_op: " NULLS LAST"}
MODIFIERS = {*NULLS, operators.asc_op, operators.desc_op}
ORDER = re.compile(r"\s+(ASC|DESC)\b(?=(\s+NULLS\s+(FIRST|LAST))?\s*$)", re.IGNORECASE)


class ValidateConstraint(ExecutableDDLElement):
    """ALTER TABLE ASYNC ... VALIDATE CONSTRAINT: a job that looks at the rows stored before."""

    __visit_name__ = "validate_constraint"
    inherit_cache = False
    stringify_dialect = NAME  # no other can compile it

    def __init__(self, constraint: CheckConstraint | ForeignKeyConstraint) -> None:
        self.element = self.target = constraint


def is_sequence_key(column: Column[Any]) -> bool:
    """Whether the column is numbered by itself, without Identity, Sequence or a default."""
    default = column.default
    return (
        column.table is not None
        and column is column.table._autoincrement_column
        and column.identity is None
        and (default is None or (isinstance(default, Sequence) and default.optional))
        and column.server_default is None
    )


def is_numbered(column: Column[Any], seen: frozenset[Any] = frozenset()) -> bool:
    """Whether its values come from a sequence, directly or from the column that it refers to.

    Sessions take 65536 values at once, so that INTEGER ends after some 32,000 of them. Of a column
    whose type is not known, as those that Alembic's migrations refer to, it is taken for granted.
    """
    default = getattr(column.server_default, "arg", None)
    if (
        column.identity is not None
        or isinstance(column.default, Sequence)
        or isinstance(default, next_value)
        or (isinstance(default, (str, TextClause)) and str(default).startswith("nextval("))
        or is_sequence_key(column)
    ):
        return True
    for key in column.foreign_keys:
        try:
            referred = key.column
        except exc.SQLAlchemyError:  # its table is in no metadata that we see
            continue
        if isinstance(referred.type, types.NullType):
            return True
        if referred not in seen and is_numbered(referred, seen | {column}):
            return True
    return False


class AuroraDSQLDDLCompiler(PGDDLCompiler):
    """PostgreSQL's DDL with ASYNC indexes, identity columns for SERIAL, and CACHE everywhere."""

    dialect: AuroraDSQLDialect

    # Tables and columns

    def _long_key(self, table: Table, column: Column[Any] | None = None) -> str:
        """The columns of a key, the column in it, that is declared with more than there can be."""
        for key in table.constraints:
            if not isinstance(key, (PrimaryKeyConstraint, UniqueConstraint)):
                continue
            size = sum(declared_bytes(item.type, self.dialect) for item in key.columns)
            if size > KEY_BYTES and (column is None or key.columns.contains_column(column)):
                return ", ".join(repr(item.name) for item in key.columns)
        return ""

    def _loses_length(self, column: Column[Any]) -> bool:
        return (
            self.dialect.unsupported == "omit"
            and column.table is not None
            and declared_bytes(column.type, self.dialect) > 0
            and bool(self._long_key(column.table, column))
        )

    def _check_key_bytes(self, table: Table) -> None:
        names = self._long_key(table)
        if names:
            what = f"keys of more than {KEY_BYTES} bytes, as {names} of {table.name!r} may have"
            omit(self.dialect, what, "give the columns less length, or none", "the length is")

    def visit_create_table(self, create: CreateTable, **kw: Any) -> str:
        check_table(create.element, self.dialect)
        self._check_key_bytes(create.element)
        self.dialect.validate_identifier(create.element.name)
        text: str = super().visit_create_table(create, **kw)
        prefixes = " ".join(create.element._prefixes)
        return text.replace(f"CREATE {prefixes} TABLE", "CREATE TABLE", 1)

    def post_create_table(self, table: Table) -> str:
        return ""

    def get_column_specification(self, column: Column[Any], **kwargs: Any) -> str:
        check_column(column, self.dialect)
        self.dialect.validate_identifier(column.name)
        name = self.preparer.format_column(column)
        if is_sequence_key(column):
            generated = f"GENERATED BY DEFAULT AS IDENTITY (CACHE {self.dialect.sequence_cache})"
            return f"{name} BIGINT NOT NULL {generated}"
        null = "" if column.nullable else "NOT NULL"
        if column.identity is not None:
            # An identity column is NOT NULL without the words.
            parts = [self.process(column.identity), "NULL" if column.nullable else ""]
        elif isinstance(column.default, Sequence) and not column.default.optional:
            parts = [null, self._sequence_default(column.default)]
        else:
            default = self.get_column_default_string(column)
            parts = [
                f"DEFAULT {default}" if default is not None else "",
                self.process(column.computed) if column.computed is not None else "",
                null,
            ]
        return " ".join(part for part in [name, self.column_type(column), *parts] if part)

    def column_type(self, column: Column[Any]) -> str:
        """The type as CREATE TABLE has it."""
        if column.type._type_affinity is types.Integer and is_numbered(column):
            return "BIGINT"
        if self._loses_length(column):
            return "VARCHAR"
        return self.type_compiler.process(
            column.type, type_expression=column, identifier_preparer=self.preparer
        )

    def _sequence_default(self, sequence: Sequence) -> str:
        name = self.preparer.format_sequence(sequence).replace("'", "''")
        return f"DEFAULT nextval('{name}')"

    def visit_computed_column(self, generated: Computed, **kw: Any) -> str:
        if generated.persisted is False:
            raise exc.CompileError(
                "Aurora DSQL has no virtual computed columns: leave persisted out or make it True"
            )
        text = self.sql_compiler.process(generated.sqltext, include_table=False, literal_binds=True)
        return f"GENERATED ALWAYS AS ({text}) STORED"

    # Sequences and identity

    def get_identity_options(self, identity_options: IdentityOptions) -> str:
        text: str = super().get_identity_options(identity_options)
        cache = identity_options.cache
        if cache is None:
            return f"{text} CACHE {self.dialect.sequence_cache}".lstrip()
        if cache != 1 and cache < SEQUENCE_CACHE:
            refuse(
                f"sequences with CACHE {cache}",
                f"use 1, or {SEQUENCE_CACHE} and more, or leave cache out",
            )
        return text

    def visit_create_sequence(self, create: CreateSequence, **kw: Any) -> str:
        self.dialect.validate_identifier(create.element.name)
        data_type = create.element.data_type
        if data_type is None:
            prefix = None
        elif isinstance(data_type, types.Integer):
            prefix = " AS BIGINT"
        else:
            prefix = f" AS {self.type_compiler.process(data_type)}"
        # PGDDLCompiler would put the type as it is: its own base takes ours.
        return DDLCompiler.visit_create_sequence(self, create, prefix=prefix, **kw)

    # What is not there

    def visit_create_view(self, create: Any, **kw: Any) -> str:
        if create.materialized:
            refuse("materialized views", "use a view, or a table that the program fills")
        if create.temporary:
            refuse("temporary views", "use an ordinary view, or a common table expression")
        return super().visit_create_view(create, **kw)

    def visit_create_table_as(self, create: Any, **kw: Any) -> str:
        refuse("CREATE TABLE AS", "create the table, then insert().from_select() into it")

    def visit_create_enum_type(self, create: Any, **kw: Any) -> str:
        refuse("enumerated types", "use Enum, which is stored as VARCHAR")

    def visit_create_domain_type(self, create: Any, **kw: Any) -> str:
        if create.element.collation is not None:
            refuse("collations", "leave collation out of the domain")
        return super().visit_create_domain_type(create, **kw)

    def visit_exclude_constraint(self, constraint: Any, **kw: Any) -> str:
        refuse("exclusion constraints", "look with with_for_update() before a row is written")

    # Constraints

    def create_table_constraints(
        self,
        table: Table,
        _include_foreign_key_constraints: Iterable[ForeignKeyConstraint] | None = None,
        **kw: Any,
    ) -> str:
        if not self.dialect.foreign_keys:
            _include_foreign_key_constraints = ()
        return super().create_table_constraints(
            table, _include_foreign_key_constraints=_include_foreign_key_constraints, **kw
        )

    def _check_keys(self, keys: Iterable[Any], what: str) -> None:
        """Refuse what cannot be a key: too many columns, or a column of some types."""
        keys = list(keys)
        if len(keys) > KEY_COLUMNS:
            refuse(f"keys of {len(keys)} columns", f"the {what} may have {KEY_COLUMNS}")
        for key in keys:
            while isinstance(key, UnaryExpression) and key.modifier in MODIFIERS:
                key = key.element
            if isinstance(key, ColumnElement):
                check_key(key, what, self.dialect)

    def _check_constraint(self, constraint: Any, what: str) -> None:
        self._check_keys(constraint.columns, what)
        if constraint.deferrable or constraint.initially:
            refuse(f"deferrable {what}", "leave deferrable and initially out")

    def visit_primary_key_constraint(self, constraint: PrimaryKeyConstraint, **kw: Any) -> str:
        self._check_constraint(constraint, "primary key")
        text = DDLCompiler.visit_primary_key_constraint(self, constraint, **kw)
        return text and text + self._include(constraint, constraint.table)

    def visit_unique_constraint(self, constraint: UniqueConstraint, **kw: Any) -> str:
        self._check_constraint(constraint, "unique constraint")
        text = DDLCompiler.visit_unique_constraint(self, constraint, **kw)
        words = self.define_unique_constraint_distinct(constraint)
        if text and not hasattr(DDLCompiler, "define_unique_constraint_distinct"):
            # SQLAlchemy before 2.0.16 does not ask for them.
            columns = text.rindex("UNIQUE (") + len("UNIQUE ")
            text = text[:columns] + words + text[columns:]
        return text and text + self._include(constraint, constraint.table)

    def _define_constraint_validity(self, constraint: Any) -> str:
        return ""  # a new table has no rows; visit_add_constraint() says it

    def visit_foreign_key_constraint(self, constraint: ForeignKeyConstraint, **kw: Any) -> str:
        if constraint.match and constraint.match.upper() not in ("FULL", "SIMPLE"):
            raise exc.CompileError(
                f"MATCH {constraint.match} does not exist in Aurora DSQL: "
                "use MATCH SIMPLE or MATCH FULL"
            )
        return super().visit_foreign_key_constraint(constraint, **kw)

    def visit_add_constraint(self, create: AddConstraint, **kw: Any) -> str:
        constraint = create.element
        if isinstance(constraint, PrimaryKeyConstraint):
            refuse(
                "ALTER TABLE ADD PRIMARY KEY",
                "make the key with the table, or copy it with Alembic's batch_alter_table()",
            )
        if isinstance(constraint, UniqueConstraint):
            return self._add_unique(constraint)
        text: str = super().visit_add_constraint(create, **kw)
        if isinstance(constraint, (CheckConstraint, ForeignKeyConstraint)):
            text += " NOT VALID"
        if isinstance(constraint, ForeignKeyConstraint) and not self.dialect.foreign_keys:
            return FOREIGN_KEYS_WOULD + " ".join(text.split())
        return text

    def _add_unique(self, constraint: UniqueConstraint) -> str:
        index = option(constraint, "using_index")
        if index is None:
            refuse(
                "ALTER TABLE ADD UNIQUE with columns",
                "create an Index(unique=True), and then the constraint with "
                "auroradsql_using_index='its name'",
            )
        table = self.preparer.format_table(constraint.table)
        name = constraint.name and self.preparer.format_constraint(constraint)
        named = f"CONSTRAINT {name} " if name else ""
        return f"ALTER TABLE {table} ADD {named}UNIQUE USING INDEX {self.preparer.quote(index)}"

    def visit_validate_constraint(self, validate: ValidateConstraint, **kw: Any) -> str:
        constraint = validate.element
        table = self.preparer.format_table(constraint.table)
        name = constraint.name and self.preparer.format_constraint(constraint)
        if name is None:
            raise exc.CompileError("a constraint without a name cannot be validated: give it one")
        text = f"ALTER TABLE ASYNC {table} VALIDATE CONSTRAINT {name}"
        if isinstance(constraint, ForeignKeyConstraint) and not self.dialect.foreign_keys:
            return FOREIGN_KEYS_WOULD + text
        return text

    def visit_drop_constraint(self, drop: DropConstraint, **kw: Any) -> str:
        constraint = drop.element
        if isinstance(constraint, PrimaryKeyConstraint):
            refuse(
                "ALTER TABLE DROP of a primary key", "copy it with Alembic's batch_alter_table()"
            )
        absent = isinstance(constraint, ForeignKeyConstraint) and not self.dialect.foreign_keys
        if absent and constraint.name is not None:
            table = self.preparer.format_table(constraint.table)
            name = self.preparer.format_constraint(constraint)
            return f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"
        return super().visit_drop_constraint(drop, **kw)

    def define_unique_constraint_distinct(self, constraint: Any, **kw: Any) -> str:
        text = self._nulls(constraint)
        return f"{text} " if text else ""

    def _include(self, item: Any, table: Table) -> str:
        columns = []
        for column in option(item, "include") or ():
            if isinstance(column, str) and column not in table.c:
                raise exc.CompileError(
                    f"include of {item.name!r} names {column!r}, which table {table.name!r} lacks"
                )
            columns.append(table.c[column] if isinstance(column, str) else column)
        names = ", ".join(self.preparer.quote(column.name) for column in columns)
        return f" INCLUDE ({names})" if names else ""

    def _nulls(self, item: Any) -> str:
        words = {True: "NULLS NOT DISTINCT", False: "NULLS DISTINCT"}
        return words.get(option(item, "nulls_not_distinct"), "")

    # Indexes

    def visit_create_index(
        self,
        create: CreateIndex,
        include_schema: bool = False,
        include_table_schema: bool = True,
        **kw: Any,
    ) -> str:
        index: Index = create.element
        self._verify_index_table(index)
        assert index.table is not None
        if not check_index(index, self.dialect):
            return f"{NOT_EMITTED}index {index.name}"
        try:
            self._check_keys(index.expressions, f"index {index.name!r}")
        except exc.CompileError as error:
            if index.unique or self.dialect.unsupported != "omit":
                raise
            warn(f"{error}: index {index.name!r} is left out")
            return f"{NOT_EMITTED}index {index.name}"
        keys = ", ".join(self._index_key(expression) for expression in index.expressions)
        words = [
            "CREATE",
            "UNIQUE" if index.unique else "",
            "INDEX ASYNC",
            "IF NOT EXISTS" if create.if_not_exists else "",
            self._prepared_index_name(index, include_schema=False),
            "ON",
            self.preparer.format_table(index.table),
            f"({keys})" + self._include(index, index.table),
            self._nulls(index),
            self._index_predicate(index),
        ]
        return " ".join(word for word in words if word)

    def visit_drop_index(self, drop: DropIndex, **kw: Any) -> str:
        if self.dialect.unsupported == "omit":  # it may have been left out
            drop = DropIndex(drop.element, if_exists=True)
        return super().visit_drop_index(drop, **kw)

    def _index_key(self, expression: Any) -> str:
        nulls = ""
        descending = False
        if isinstance(getattr(expression, "text", None), TextClause):
            expression = expression.text  # Alembic's wrapping of a text
        while isinstance(expression, UnaryExpression) and expression.modifier in MODIFIERS:
            descending |= expression.modifier is operators.desc_op
            nulls = nulls or NULLS.get(expression.modifier, "")
            expression = expression.element
        if isinstance(expression, BinaryExpression) and expression.operator is operators.collate:
            check_collation(expression.right.collation)
            expression = expression.left
        if not isinstance(expression, ColumnClause):
            expression = expression.self_group()
        text = self.sql_compiler.process(expression, include_table=False, literal_binds=True)
        if isinstance(expression, Case):
            text = f"({text})"
        if isinstance(expression, TextClause) and (order := ORDER.search(text)):
            descending |= order[1].upper() == "DESC"
            text = text[: order.start()] + text[order.end() :]
        if descending:
            advice = "leave DESC out, an index is read in both directions"
            omit(self.dialect, "descending keys", advice)
        return text + nulls

    def _index_predicate(self, index: Index) -> str:
        where = option(index, "where")
        if where is None:
            return ""
        predicate = coercions.expect(roles.DDLExpressionRole, where)
        text = self.sql_compiler.process(predicate, include_table=False, literal_binds=True)
        return f"WHERE {text}"
