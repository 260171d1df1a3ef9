# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""libdsql: a driver for Amazon Aurora DSQL (PEP 249), in C; for asyncio: libdsql.aio.

>>> import libdsql
>>> with libdsql.connect("local") as connection:
...     connection.execute("SELECT $1 + 1", [41]).fetchone()
(42,)
"""

from libdsql._libdsql import (
    Column,
    Connection,
    Cursor,
    DatabaseError,
    DataError,
    Diagnostic,
    Endpoint,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    Json,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
    __version__,
    ca_file,
    endpoint,
    is_retryable,
    region,
    token,
)
from libdsql.connection import connect
from libdsql.dbapi import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    apilevel,
    paramstyle,
    threadsafety,
)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Column",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Diagnostic",
    "Endpoint",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Json",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "__version__",
    "apilevel",
    "ca_file",
    "connect",
    "endpoint",
    "is_retryable",
    "paramstyle",
    "region",
    "threadsafety",
    "token",
]
