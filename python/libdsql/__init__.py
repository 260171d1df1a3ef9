# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""libdsql: sign in to Amazon Aurora DSQL, computed in C.

>>> import libdsql
>>> libdsql.endpoint("local").kind
'local'
"""

from libdsql._libdsql import (
    DatabaseError,
    DataError,
    Endpoint,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
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

__all__ = [
    "DataError",
    "DatabaseError",
    "Endpoint",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "__version__",
    "ca_file",
    "endpoint",
    "is_retryable",
    "region",
    "token",
]
