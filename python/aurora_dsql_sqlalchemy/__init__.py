# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy on Amazon Aurora DSQL.

>>> from aurora_dsql_sqlalchemy import create_dsql_engine
>>> engine = create_dsql_engine(host="local", user="admin")

or by a URL, which signs in by itself as well::

    create_engine("auroradsql://admin@ID.dsql.us-east-1.on.aws/postgres")

Each physical connection signs in with a token of its own, made on this machine
from the AWS credentials in the environment or in the AWS files. The host is a
cluster's endpoint, a cluster id with a region, a PrivateLink name, ``localhost``
with a port, or ``local``: a dsql-local of your own that is started when needed.
"""

from __future__ import annotations

from typing import Any

from libdsql import __version__, is_retryable
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.dialects import registry

__all__ = ["__version__", "create_dsql_engine", "is_retryable"]

_DRIVERS = ("psycopg", "psycopg2")

# For programs that run from a source tree, where no entry point tells.
registry.register("auroradsql", f"{__name__}.psycopg", "AuroraDSQLDialect_psycopg")
for _driver in _DRIVERS:
    registry.register(
        f"auroradsql.{_driver}", f"{__name__}.{_driver}", f"AuroraDSQLDialect_{_driver}"
    )


def create_dsql_engine(
    host: str,
    user: str,
    driver: str = "psycopg",
    dbname: str = "postgres",
    sslmode: str = "verify-full",
    sslrootcert: str = "system",
    application_name: str = "sqlalchemy",
    pool_size: int = 5,
    max_overflow: int = 10,
    connect_args: dict[str, Any] | None = None,
    **engine_kwargs: Any,
) -> Engine:
    """An engine for Aurora DSQL.

    host: a cluster's endpoint or id, a PrivateLink name, "localhost", or "local".
    user: the database role; "admin" or one that AWS IAM GRANT gave to you.
    driver: "psycopg" or "psycopg2".
    sslrootcert: a file of certificate authorities, or "system" for the machine's.
    application_name: goes before the driver's name in pg_stat_activity.
    connect_args: region, profile, token_duration_secs, custom_credentials_provider,
        cluster_id, credentials_file, and whatever the driver's connect() takes.
    engine_kwargs: for create_engine(); foreign_keys=True emits foreign keys.

    Raises ValueError for an unknown driver, sqlalchemy.exc.ArgumentError for an
    unknown option, libdsql.InterfaceError for a host or region that cannot be.
    """
    if driver not in _DRIVERS:
        raise ValueError(f"there is no driver {driver!r}: use {' or '.join(map(repr, _DRIVERS))}")
    options = {
        "sslmode": sslmode,
        "sslrootcert": sslrootcert,
        "application_name": application_name,
        **(connect_args or {}),
    }
    url = URL.create(f"auroradsql+{driver}", username=user, host=host, database=dbname)
    if "poolclass" not in engine_kwargs and "pool" not in engine_kwargs:
        engine_kwargs |= {"pool_size": pool_size, "max_overflow": max_overflow}
    engine = create_engine(url, connect_args=options, **engine_kwargs)
    engine.dialect.check_options({"host": host, **options})  # type: ignore[attr-defined]
    return engine
