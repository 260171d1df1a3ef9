# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What Alembic's autogenerate compares: nothing is found as long as a model is unchanged.

Expressions that are written differently are given to the server, which writes them in its own form.
"""

# Alembic's classes have few types where dialects extend them.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

import libdsql
from alembic.ddl._autogen import ComparisonResult
from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import (
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    Sequence,
    SmallInteger,
    exc,
)
from sqlalchemy.types import INTEGER, SMALLINT

from aurora_dsql_sqlalchemy.alembic_normal import (
    CHANGING,
    ORDER,
    identity_changes,
    identity_is_ours,
    normal_expression,
    normal_type,
)
from aurora_dsql_sqlalchemy.alembic_rows import alone
from aurora_dsql_sqlalchemy.ddl import is_numbered, is_sequence_key
from aurora_dsql_sqlalchemy.options import option
from aurora_dsql_sqlalchemy.retry import sqlstate

INTEGERS = (Integer, INTEGER, SmallInteger, SMALLINT)


class ComparingImpl(PostgresqlImpl):
    """The part that compares; what is to be done is in its subclass."""

    _numbered: set[int] | None = None
    """The types, by their id, of columns of the model whose numbers come from elsewhere."""

    def commit(self) -> None:
        """End the transaction of the server."""
        raise NotImplementedError

    def _compiler(self) -> Any:
        return self.dialect.ddl_compiler(self.dialect, None)  # type: ignore[arg-type]

    def _compare_identity_default(self, metadata_identity: Any, inspector_identity: Any) -> Any:
        """A key that the dialect numbers by itself has no identity in the model."""
        column = getattr(inspector_identity, "column", None)
        if metadata_identity is None and column is not None:
            model = self._in_model(column.table, column.name)
            # compare_metadata() may be given a model of which Alembic tells nothing here.
            ours = column.primary_key if model is None else is_sequence_key(model)
            if ours and identity_is_ours(inspector_identity):
                return set(), set(), False
        if isinstance(metadata_identity, Identity) and isinstance(inspector_identity, Identity):
            dialect: Any = self.dialect
            changed = identity_changes(
                metadata_identity, inspector_identity, dialect.sequence_cache
            )
            return changed, set(), bool(changed)
        return super()._compare_identity_default(metadata_identity, inspector_identity)

    def _models(self) -> Any:
        models = self.context_opts.get("target_metadata") or ()
        return models if isinstance(models, (list, tuple)) else (models,)

    def _in_model(self, table: Any, name: str) -> Any:
        for metadata in self._models():
            default = self.dialect.default_schema_name
            for found in metadata.tables.values():
                same = (found.schema or default) == (table.schema or default)
                if found.name == table.name and same:
                    for column in found.c:
                        if column.name == name:
                            return column
        return None

    def compare_type(self, inspector_column: Column[Any], metadata_column: Column[Any]) -> bool:
        compiler = self._compiler()
        there = normal_type(inspector_column.type, self.dialect)
        wanted = normal_type(compiler.column_type(metadata_column), self.dialect)
        # A migration does not see what a column refers to, and makes it wide enough.
        wide = metadata_column.foreign_keys and (wanted, there) == ("INTEGER", "BIGINT")
        return wanted != there and not wide

    def render_type(self, type_: Any, autogen_context: Any) -> Any:
        """A migration does not see why a column is BIGINT here, and is told."""
        if self._numbered is None:
            self._numbered = {
                id(column.type)
                for metadata in self._models()
                for table in metadata.tables.values()
                for column in table.c
                if is_numbered(column) and not is_sequence_key(column)
            }
        if type(type_) in INTEGERS and id(type_) in self._numbered:
            return f"{autogen_context.opts.get('sqlalchemy_module_prefix') or ''}BigInteger()"
        return super().render_type(type_, autogen_context)

    def compare_server_default(
        self,
        inspector_column: Any,
        metadata_column: Any,
        rendered_metadata_default: Any,
        rendered_inspector_default: Any,
    ) -> bool:
        if isinstance(metadata_column.default, Sequence) or is_sequence_key(metadata_column):
            return False
        compiler = self._compiler()
        wanted, there = (
            default and self.single_percents(default)
            for default in map(
                compiler.get_column_default_string, (metadata_column, inspector_column)
            )
        )
        if wanted is not None and normal_expression(wanted) == "null":
            wanted = None
        if wanted is None or there is None:
            return wanted is not there
        if normal_expression(wanted) == normal_expression(there):
            return False
        kind = compiler.column_type(metadata_column)
        kind = "JSONB" if kind == "JSON" else kind
        wanted, there = (f"CAST(({default}) AS {kind})" for default in (wanted, there))
        if self._explain(wanted) == self._explain(there) is not None:
            return False
        return bool(CHANGING.search(wanted + there)) or not self._ask(f"SELECT {wanted} = {there}")

    def _ask(self, query: str) -> list[Any]:
        """The first column of what the server answers, without what is NULL or false."""
        self.commit()
        connection: Any = self.connection
        options = {"no_parameters": True}
        try:
            rows = alone(
                self, lambda: connection.exec_driver_sql(query, execution_options=options).all()
            )
        except exc.DBAPIError as error:
            code = sqlstate(error)
            if code is None or libdsql.is_retryable(code):
                raise
            self.dialect.do_rollback(connection.connection)
            return []
        return [row[0] for row in rows if row[0]]

    def _explain(self, expression: str, table: str = "") -> list[str] | None:
        """An expression as the server writes it; None where it does not say."""
        plan = self._ask(f"EXPLAIN (VERBOSE, COSTS OFF) SELECT {expression} {table}")
        return [line for line in plan if "Output:" in line] or None

    def compare_indexes(self, metadata_index: Index, reflected_index: Index) -> ComparisonResult:
        wanted, there = self._describe(metadata_index), self._describe(reflected_index)
        changes = [
            f"{name} {there[name]!r} to {wanted[name]!r}"
            for name in wanted
            if wanted[name] != there[name]
            and not self._same_in(metadata_index, reflected_index, name)
        ]
        if changes:
            return ComparisonResult.Different(changes)
        return ComparisonResult.Equal()

    def _same_in(self, metadata_index: Index, reflected_index: Index, name: str) -> bool:
        """Whether the server writes the keys or the predicates of two indexes in the same way."""
        if name not in ("keys", "where"):
            return False
        table = f"FROM {self._compiler().preparer.format_table(reflected_index.table)}"
        found = [self._words(index)[name] for index in (metadata_index, reflected_index)]
        if len(found[0]) != len(found[1]):
            return False
        for wanted, there in zip(*found, strict=True):
            ends = [ORDER.search(words) for words in (wanted, there)]
            if (ends[0] and ends[0][0].strip()) != (ends[1] and ends[1][0].strip()):
                return False
            explained = [self._explain(ORDER.sub("", words), table) for words in (wanted, there)]
            if explained[0] is None or explained[0] != explained[1]:
                return False
        return True

    def _words(self, index: Index) -> dict[str, list[str]]:
        """The keys and the predicate of an index as SQL."""
        compiler = self._compiler()
        where = compiler._index_predicate(index).removeprefix("WHERE ")
        return {
            "keys": [self.single_percents(compiler._index_key(key)) for key in index.expressions],
            "where": [self.single_percents(where)] if where else [],
        }

    def _describe(self, index: Index) -> dict[str, Any]:
        """What makes an index, in a form that does not depend on how it was written."""
        words = self._words(index)
        include = [getattr(item, "name", item) for item in option(index, "include") or ()]
        return {
            "unique": bool(index.unique),
            "keys": [normal_expression(key) for key in words["keys"]],
            "include": include,
            "where": [normal_expression(where) for where in words["where"]],
            "nulls_not_distinct": bool(option(index, "nulls_not_distinct")),
            "invalid": bool(index.dialect_kwargs.get("auroradsql_invalid")),
        }

    def _dialect_options(self, item: Any) -> tuple[Any, ...]:
        words = ("nulls_not_distinct",) if option(item, "nulls_not_distinct") else ()
        return (*words, *(getattr(name, "name", name) for name in option(item, "include") or ()))

    def compare_check_constraint(
        self, metadata_constraint: CheckConstraint, reflected_constraint: CheckConstraint
    ) -> ComparisonResult:
        """For programs that ask Alembic for it: see alembic.ext.checkconstraint_byname."""
        compiler = self._compiler()
        wanted, there = (
            self.single_percents(
                compiler.sql_compiler.process(
                    constraint.sqltext, include_table=False, literal_binds=True
                )
            )
            for constraint in (metadata_constraint, reflected_constraint)
        )
        if normal_expression(wanted) == normal_expression(there):
            return ComparisonResult.Equal()
        table = f"FROM {compiler.preparer.format_table(reflected_constraint.table)}"
        if self._explain(wanted, table) == self._explain(there, table) is not None:
            return ComparisonResult.Equal()
        return ComparisonResult.Different(f"{there} to {wanted}")

    def single_percents(self, words: str) -> str:
        """SQL as the server gets it, from a compiler that writes for a driver with parameters."""
        if self.dialect.identifier_preparer._double_percents:
            return words.replace("%%", "%")
        return words

    def adjust_reflected_dialect_options(self, reflected_object: Any, kind: str) -> dict[str, Any]:
        options = dict(reflected_object.get("dialect_options", {}))
        return {name: value for name, value in options.items() if value not in ([], None)}

    def correct_for_autogen_foreignkeys(self, conn_fks: Any, metadata_fks: Any) -> None:
        if not getattr(self.dialect, "foreign_keys", False):
            conn_fks.clear()
            metadata_fks.clear()
