# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""postgresql://…?plugin=auroradsql, for programs that put the name of a driver into a URL that they
are given, and leave its options alone: the name then means ours on that driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exc
from sqlalchemy.engine import CreateEnginePlugin

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

DRIVERS = {
    "postgresql": "auroradsql",
    "postgresql+asyncpg": "auroradsql_asyncpg",
    "postgresql+psycopg": "auroradsql_psycopg",
    "postgresql+psycopg_async": "auroradsql_psycopg",
    "postgresql+psycopg2": "auroradsql_psycopg2",
}
"""What becomes of a URL's name; without a driver it is libdsql, as in postgresql+auroradsql://."""


class AuroraDSQLPlugin(CreateEnginePlugin):
    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        """Nothing is kept; SQLAlchemy wants the two arguments."""

    def update_url(self, url: URL) -> URL:
        if "auroradsql" in url.drivername:
            return url
        if url.drivername not in DRIVERS:
            raise exc.ArgumentError(
                f"plugin=auroradsql knows {', '.join(DRIVERS)}, not {url.drivername}"
            )
        return url.set(drivername=f"postgresql+{DRIVERS[url.drivername]}")
