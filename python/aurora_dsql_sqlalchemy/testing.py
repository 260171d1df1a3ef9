# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of pytest: engines on a local endpoint of the test run's own, emptied after each test.

In the conftest.py beside pytest's configuration::

    pytest_plugins = ["aurora_dsql_sqlalchemy.testing"]

    @pytest.fixture(scope="session")
    def dsql_create_all():
        return Base.metadata.create_all

`dsql_engine` and `dsql_async_engine` are for tests; `dsql_url` for programs that want a URL; the
others are there to be overridden. A transaction that is rolled back after the test would not do:
without savepoints the program's own COMMIT ends it. So rows are deleted instead.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from libdsql.local import LocalEndpoint, arguments, ephemeral
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from aurora_dsql_sqlalchemy.retry import outcome_of

__all__ = [
    "dsql_async_engine",
    "dsql_clean",
    "dsql_create_all",
    "dsql_endpoint",
    "dsql_engine",
    "dsql_engine_options",
    "dsql_local_options",
    "dsql_url",
    "local_url",
]

CreateAll = Callable[[Engine], object]

TRIES = 20
"""How often the cleaning is tried, where an endpoint was told to --inject faults."""

USERS = "nspname NOT IN ('sys', 'information_schema') AND left(nspname, 3) <> 'pg_'"

OBJECTS = f"""
    WITH schemas AS (SELECT oid, nspname, quote_ident(nspname) || '.' AS prefix
                     FROM pg_namespace WHERE {USERS})
    SELECT 'SCHEMA', nspname, quote_ident(nspname) FROM schemas WHERE nspname <> 'public'
    UNION ALL
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
           nspname, prefix || quote_ident(relname)
    FROM pg_class c JOIN schemas n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'v') OR relkind = 'S' AND NOT EXISTS (
        SELECT 1 FROM pg_depend WHERE objid = c.oid AND deptype IN ('a', 'i'))
    UNION ALL
    SELECT 'DOMAIN', nspname, prefix || quote_ident(typname)
    FROM pg_type JOIN schemas n ON n.oid = typnamespace WHERE typtype = 'd'
    UNION ALL
    SELECT 'FUNCTION', nspname,
           prefix || quote_ident(proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'
    FROM pg_proc p JOIN schemas n ON n.oid = pronamespace
"""
"""What users have made. Sequences that belong to a column go with it."""

REFERENCES = """
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           quote_ident(m.nspname) || '.' || quote_ident(d.relname)
    FROM pg_constraint
        JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_class d ON d.oid = confrelid JOIN pg_namespace m ON m.oid = d.relnamespace
    WHERE contype = 'f' AND conrelid <> confrelid
"""


class _Object(NamedTuple):
    """What a user has made; its name is quoted, and has its schema before it."""

    kind: str
    schema: str
    name: str


class Cleaner:
    """Makes what dsql_create_all makes, and brings an endpoint back to that state.

    before: what was there before. kept: what is there between tests; None: it is to be made.
    left: tables that got rows when they were made.
    """

    def __init__(self, engine: Engine, create_all: CreateAll | None = None) -> None:
        self.engine = engine
        self.create_all = create_all
        self.before = self._tried(self._objects)
        self.kept: set[_Object] | None = None
        self.left: set[str] = set()

    def prepare(self) -> None:
        if self.kept is None:
            self._tried(lambda connection: self._drop(connection, self.before))
            if self.create_all is not None:
                self.create_all(self.engine)
            self.kept = self._tried(self._objects)
            self.left = set()
            self.left = set(self._tried(self._filled))

    def clean(self) -> None:
        kept = self.kept
        if kept is None:
            return
        self._tried(lambda connection: self._drop(connection, kept))
        if self._tried(self._objects) != kept:
            self.kept = None
            return
        try:
            self._tried(self._empty)
        except (exc.DBAPIError, graphlib.CycleError):  # more than 3,000 rows, or keys in a circle
            self.kept = None

    def _tried(self, work: Callable[[Connection], Any]) -> Any:
        """Its result; all that is done here can be done twice."""
        for last in [False] * TRIES + [True]:
            try:
                with self.engine.connect() as connection:
                    return work(
                        connection.execution_options(
                            isolation_level="AUTOCOMMIT", no_parameters=True
                        )
                    )
            except exc.DBAPIError as error:
                if last or outcome_of(error) == "failed":
                    raise
        raise AssertionError("not reached")

    def _objects(self, connection: Connection) -> set[_Object]:
        return {_Object(*row) for row in connection.exec_driver_sql(OBJECTS)}

    def _drop(self, connection: Connection, kept: set[_Object]) -> None:
        made = self._objects(connection) - kept
        schemas = {item.schema for item in made if item.kind == "SCHEMA"}
        for kind in ("SCHEMA", "VIEW", "TABLE", "SEQUENCE", "FUNCTION", "DOMAIN"):
            for item in made:
                if item.kind == kind and (kind == "SCHEMA" or item.schema not in schemas):
                    connection.exec_driver_sql(f"DROP {kind} IF EXISTS {item.name} CASCADE")

    def _filled(self, connection: Connection) -> list[str]:
        """The tables that have rows, and are to have none."""
        tables = {item.name for item in self.kept or () if item.kind == "TABLE"} - self.left
        names = sorted(tables)
        if not names:
            return []
        query = " UNION ALL ".join(
            f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {name})"
            for number, name in enumerate(names)
        )
        return [names[number] for (number,) in connection.exec_driver_sql(query)]

    def _empty(self, connection: Connection) -> None:
        """Rows that refer to others go before them."""
        filled = self._filled(connection)
        order = graphlib.TopologicalSorter({name: set[str]() for name in filled})
        if len(filled) > 1:
            for child, parent in connection.exec_driver_sql(REFERENCES):
                if child in filled and parent in filled:
                    order.add(parent, child)
        for name in order.static_order():
            connection.exec_driver_sql(f"DELETE FROM {name}")


def local_url(endpoint: LocalEndpoint, driver: str | None = None, user: str = "admin") -> URL:
    """The URL of a local endpoint, for create_engine() and create_async_engine()."""
    query = {name: str(value) for name, value in arguments(endpoint).items()}
    return URL.create(
        f"auroradsql+{driver}" if driver else "auroradsql",
        username=user,
        host=query.pop("host"),
        port=int(query.pop("port")),
        database="postgres",
        query=query,
    )


@pytest.fixture(scope="session")
def dsql_local_options() -> Sequence[str]:
    """Options of dsql-local, as ["--inject", "occ=0.1"]; to be overridden."""
    return ()


@pytest.fixture(scope="session")
def dsql_engine_options() -> dict[str, Any]:
    """Arguments of create_engine() and create_async_engine(); to be overridden."""
    return {}


@pytest.fixture(scope="session")
def dsql_create_all() -> CreateAll | None:
    """What makes the tables that all tests share: a function of an engine; to be overridden.

    It is called before the first test, and again when a test has dropped what it made.
    """
    return None


@pytest.fixture(scope="session")
def dsql_endpoint(dsql_local_options: Sequence[str]) -> Iterator[LocalEndpoint]:
    """A local endpoint, new for this run of pytest."""
    with ephemeral("--connection-rate", "0", *dsql_local_options) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dsql_url(dsql_endpoint: LocalEndpoint) -> URL:
    """Its URL; override it to name a driver: dsql_url.set(drivername="auroradsql+psycopg")."""
    return local_url(dsql_endpoint)


@pytest.fixture(scope="session")
def _dsql_cleaner(
    dsql_endpoint: LocalEndpoint,
    dsql_url: URL,
    dsql_engine_options: dict[str, Any],
    dsql_create_all: CreateAll | None,
) -> Iterator[Cleaner]:
    options = dsql_engine_options
    if dsql_url.get_dialect().is_async:  # the cleaner is not
        dsql_url = local_url(dsql_endpoint)
        options = {name: value for name, value in options.items() if name == "foreign_keys"}
    engine = create_engine(dsql_url, **options)
    yield Cleaner(engine, dsql_create_all)
    engine.dispose()


@pytest.fixture
def dsql_clean(_dsql_cleaner: Cleaner) -> Iterator[None]:
    """Around a test: the shared tables are there and empty, and nothing else is."""
    _dsql_cleaner.prepare()
    yield
    _dsql_cleaner.clean()


@pytest.fixture
def dsql_engine(
    dsql_url: URL, dsql_engine_options: dict[str, Any], dsql_clean: None
) -> Iterator[Engine]:
    """An engine of the test's own."""
    engine = create_engine(dsql_url, **dsql_engine_options)
    yield engine
    engine.dispose()


@pytest.fixture
def dsql_async_engine(
    dsql_url: URL, dsql_engine_options: dict[str, Any], dsql_clean: None
) -> AsyncEngine:
    """An engine for asyncio, for a test of any plugin that runs such tests.

    It keeps no connections, as they could be closed in the test's own loop only.
    """
    return create_async_engine(dsql_url, **{"poolclass": NullPool, **dsql_engine_options})
