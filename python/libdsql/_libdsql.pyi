# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
from typing import Final, NamedTuple, final

__version__: Final[str]

class Warning(Exception): ...

class Error(Exception):
    code: str

class InterfaceError(Error): ...
class DatabaseError(Error): ...
class DataError(DatabaseError): ...
class OperationalError(DatabaseError): ...
class IntegrityError(DatabaseError): ...
class InternalError(DatabaseError): ...
class ProgrammingError(DatabaseError): ...
class NotSupportedError(DatabaseError): ...

@final
class Endpoint(NamedTuple):
    kind: str
    host: str
    sign_host: str
    region: str
    cluster_id: str

def endpoint(
    host: str,
    *,
    region: str | None = None,
    cluster_id: str | None = None,
    profile: str | None = None,
) -> Endpoint: ...
def token(
    host: str,
    user: str = "admin",
    *,
    region: str | None = None,
    profile: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    session_token: str | None = None,
    expires: int = 900,
    now: float | None = None,
    cluster_id: str | None = None,
    credentials_file: str | None = None,
) -> str: ...
def region(profile: str | None = None) -> str: ...
def ca_file() -> str: ...
def is_retryable(sqlstate: str | None) -> bool: ...
