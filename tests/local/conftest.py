# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests in which sessions meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sessions import Database, Session, role


@pytest.fixture
def database(endpoint) -> Iterator[Database]:
    """Tables of a test's own, and sessions."""
    made = Database(endpoint)
    yield made
    made.remove()


@pytest.fixture
def writer(endpoint, database) -> Iterator[Callable[[], Session]]:
    """Opens sessions of the role `writer`, which may what a test grants it."""
    with role(endpoint, database, "writer") as password:
        yield lambda: database.session("writer", password=password)
