# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests of what is the same with every driver; a file imports those that it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, MetaData
from sqlalchemy.schema import CreateSchema, DropSchema

MakeEngine = Callable[..., Engine]


@pytest.fixture
def driver() -> str:
    return "psycopg"


@pytest.fixture
def engine(make_engine: MakeEngine) -> Iterator[Engine]:
    """With foreign keys; the tables are dropped with the test."""
    engine = make_engine(foreign_keys=True)
    yield engine
    found = MetaData()
    found.reflect(engine)
    found.drop_all(engine)


@pytest.fixture
def clinic(make_engine: MakeEngine) -> Iterator[Engine]:
    """An engine for a schema of its own, with foreign keys."""
    engine = make_engine(foreign_keys=True)
    with engine.connect() as connection:
        connection.execute(CreateSchema("clinic"))
    yield engine
    with engine.connect() as connection:
        connection.execute(DropSchema("clinic", cascade=True))
