# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests in which sessions meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sessions import Database, Session
from support import token_for

WRITER = "arn:aws:iam::000000000000:role/writer"


@pytest.fixture
def database(endpoint) -> Iterator[Database]:
    """Tables of a test's own, and sessions."""
    made = Database(endpoint)
    yield made
    made.remove()


@pytest.fixture
def writer(endpoint, database) -> Iterator[Callable[[], Session]]:
    """Opens sessions of the role `writer`, which may what a test grants it."""
    with open(endpoint.credentials) as file:
        before = file.read()
    with open(endpoint.credentials, "a") as file:
        file.write(
            f"[writer]\naws_access_key_id=AKIAWRITER\naws_secret_access_key=S\ndsql_arn={WRITER}\n"
        )
    database.create("CREATE ROLE writer WITH LOGIN", f"AWS IAM GRANT writer TO '{WRITER}'")
    yield lambda: database.session(
        "writer", password=token_for(endpoint, "writer", profile="writer")
    )
    database.remove()
    database.made.clear()
    database.create(f"AWS IAM REVOKE writer FROM '{WRITER}'", "DROP ROLE writer")
    with open(endpoint.credentials, "w") as file:
        file.write(before)
