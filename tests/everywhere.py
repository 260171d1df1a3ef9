# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""One body of a test for every driver, with and without asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from sqlalchemy import Engine
from sqlalchemy.util import greenlet_spawn

KINDS = [
    "libdsql",
    "psycopg",
    "psycopg2",
    "libdsql asyncio",
    "psycopg asyncio",
    "asyncpg asyncio",
]


def arguments_for(place: Any, **connect_args: Any) -> dict[str, Any]:
    """The arguments that lead an engine to an endpoint, without resolving a name."""
    return {
        "host": "localhost",
        "sslrootcert": place.ca,
        "connect_args": {
            "hostaddr": "127.0.0.1",
            "port": place.port,
            "credentials_file": place.credentials,
            **connect_args,
        },
    }


def run(kind: str, body: Callable[[Engine], None], **keywords: Any) -> None:
    """Run the body with an engine; with asyncio as SQLAlchemy runs what is written without."""
    driver, _, loop = kind.partition(" ")

    async def main() -> None:
        engine = create_async_dsql_engine(driver=driver, **keywords)
        try:
            await greenlet_spawn(body, engine.sync_engine)
        finally:
            await engine.dispose()

    if loop:
        asyncio.run(main())
        return
    engine = create_dsql_engine(driver=driver, **keywords)
    try:
        body(engine)
    finally:
        engine.dispose()
