# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy's own tests for dialects, as they are, but for what no requirement closes.

Each class that is replaced here says which rule of Aurora DSQL its original does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import DDL, String, column, exc, inspect, select
from sqlalchemy.testing import combinations, config, eq_, expect_raises_message, fixture, suite
from sqlalchemy.testing.suite import *  # noqa: F403
from sqlalchemy.testing.suite import CompositeKeyReflectionTest as _CompositeKeyReflectionTest
from sqlalchemy.testing.suite import IdentityReflectionTest as _IdentityReflectionTest
from sqlalchemy.testing.suite import IsolationLevelTest as _IsolationLevelTest
from sqlalchemy.testing.suite import ServerSideCursorsTest as _ServerSideCursorsTest

if hasattr(suite, "TableViaSelectTest"):  # SQLAlchemy 2.1
    from sqlalchemy.schema import CreateView
    from sqlalchemy.testing.suite import TableViaSelectTest as _TableViaSelectTest

    class TableViaSelectTest(_TableViaSelectTest):
        """dsql-rules.md#statements: CREATE TABLE AS is refused, a view takes its place here.
        dsql-rules.md#transactions: DDL beside rows is, too."""

        @combinations(("plain", False), ("use_schema", True), argnames="use_schemas", id_="ia")
        def test_without_metadata(self, connection: Any, use_schemas: bool) -> None:
            schema = config.test_schema if use_schemas else None
            source = self.tables[f"{schema}.source_table_s" if schema else "source_table"]
            query = select(source.c.id, source.c.name).where(source.c.value > 100)
            view = CreateView(query, "dest_view", schema=schema)
            connection.execute(view)
            rows = connection.execute(select(view.table).order_by(view.table.c.id)).all()
            eq_(rows, [(2, "bob"), (3, "charlie")])
            names = inspect(connection).get_columns("dest_view", schema=schema)
            eq_([item["name"] for item in names], ["id", "name"])
            assert isinstance(names[1]["type"], String)
            view.table.drop(connection)

        def test_view_dependencies_with_metadata(self, connection: Any, metadata: Any) -> None:
            drop_all = metadata.drop_all

            def commit_and_drop(bind: Any) -> None:
                bind.commit()
                drop_all(bind)

            metadata.drop_all = commit_and_drop
            try:
                super().test_view_dependencies_with_metadata(connection, metadata)
            finally:
                metadata.drop_all = drop_all


REPEATED_KEY = """
    CREATE TABLE rep_fk_t (
        id INTEGER PRIMARY KEY, cid INTEGER NOT NULL, UNIQUE (id, cid),
        CONSTRAINT rem_fk_cons FOREIGN KEY (cid, cid) REFERENCES rep_fk_t (id, cid)
    )
"""

if hasattr(_CompositeKeyReflectionTest, "fk_repeated_col_fixture"):  # SQLAlchemy 2.0

    class CompositeKeyReflectionTest(_CompositeKeyReflectionTest):
        """dsql-rules.md#transactions: there is one DDL statement in each, in the original two."""

        @fixture
        def fk_repeated_col_fixture(self, connection: Any) -> Iterator[None]:
            connection.execute(DDL(REPEATED_KEY))
            yield
            connection.execute(DDL("DROP TABLE rep_fk_t"))


class IdentityReflectionTest(_IdentityReflectionTest):
    """dsql-rules.md#identity: CACHE is 1 or at least 65,536, never 4."""

    @classmethod
    def define_tables(cls, metadata: Any) -> None:
        super().define_tables(metadata)
        metadata.tables["t2"].c.id2.identity.cache = 1

    def check(self, value: Any, exp: Any, approx: Any) -> None:
        super().check(value, {**exp, "cache": 1}, approx)


class IsolationLevelTest(_IsolationLevelTest):
    """dsql-rules.md#transactions: there is one level, so the other one here is AUTOCOMMIT, and
    one that does not exist is refused by create_engine() with what to do instead."""

    def test_non_default_isolation_level(self) -> None:
        with config.db.connect() as connection:
            driver_connection = connection.connection.dbapi_connection
            connection.execution_options(isolation_level="AUTOCOMMIT")
            eq_(driver_connection.autocommit, True)
            config.db.dialect.reset_isolation_level(driver_connection)
            eq_(driver_connection.autocommit, False)
            eq_(connection.get_isolation_level(), "REPEATABLE READ")

    def test_invalid_level_engine_param(self, testing_engine: Any) -> None:
        with expect_raises_message(
            exc.ArgumentError,
            "Invalid value 'FOO' for isolation_level. Valid isolation levels for 'auroradsql' are "
            "REPEATABLE READ, AUTOCOMMIT",
        ):
            testing_engine(options={"isolation_level": "FOO"})

    def test_dialect_user_setting_is_restored(self, testing_engine: Any) -> None:
        engine = testing_engine(options={"isolation_level": "AUTOCOMMIT"})

        def autocommit(connection: Any) -> bool:
            connection.scalar(select(column("1", is_literal=True)))
            return bool(connection.connection.dbapi_connection.autocommit)

        with engine.connect() as connection:
            eq_(autocommit(connection), True)
        with engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            eq_(autocommit(connection), False)
        with engine.connect() as connection:
            eq_(autocommit(connection), True)


class ServerSideCursorsTest(_ServerSideCursorsTest):
    """dsql-rules.md#statements: DECLARE is refused, so no cursor has a name. The original knows by
    the drivers' names how to see a stream; ours does not know its number of rows."""

    def _is_server_side(self, cursor: Any) -> bool:
        return bool(getattr(cursor, "server_side", cursor.rowcount == -1))
