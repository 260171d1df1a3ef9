# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias, final

from _typeshed import structseq
from typing_extensions import Buffer, Self

__version__: Final[str]

class Warning(Exception): ...

class Error(Exception):
    code: str
    sqlstate: str | None
    pgcode: str | None
    pgerror: str | None
    diag: Diagnostic

class InterfaceError(Error): ...
class DatabaseError(Error): ...
class DataError(DatabaseError): ...
class OperationalError(DatabaseError): ...
class IntegrityError(DatabaseError): ...
class InternalError(DatabaseError): ...
class ProgrammingError(DatabaseError): ...
class NotSupportedError(DatabaseError): ...

@final
class Endpoint(structseq[str], tuple[str, str, str, str, str]):
    __match_args__: Final = ("kind", "host", "sign_host", "region", "cluster_id")
    @property
    def kind(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def sign_host(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def cluster_id(self) -> str: ...

def endpoint(
    host: str,
    *,
    region: str | None = None,
    cluster_id: str | None = None,
    profile: str | None = None,
    may_block: bool = False,
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
def keys_ready(profile: str | None = None, credentials_file: str | None = None) -> bool: ...
def ca_file() -> str: ...
def is_retryable(sqlstate: str | None) -> bool: ...
def ends_connection(sqlstate: str | None) -> bool: ...
def refusal(sqlstate: str | None, text: str | None, /) -> Literal["final", "later", "expired"]: ...
def outcome(
    sqlstate: str | None, *, committing: bool = False, connection_lost: bool = False
) -> Literal["failed", "retry", "unknown"]: ...
def backoff_ms(
    attempt: int,
    random: int,
    *,
    first_ms: int = 50,
    max_ms: int = 5000,
    multiplier: float = 2.0,
    jitter: float = 0.5,
) -> int: ...
def sql_kind(sql: str) -> int: ...
def numbered(sql: str) -> tuple[str, tuple[str | None, ...]] | None: ...

SQL_DDL: Final = 1
SQL_DML: Final = 2
SQL_CONTROL: Final = 4
SQL_SEVERAL: Final = 8

_Said: TypeAlias = str | None

@final
class Diagnostic(
    structseq[_Said],
    tuple[
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
        _Said,
    ],
):
    """What the server said, field by field; None where it said nothing."""

    __match_args__: Final = (
        "severity",
        "sqlstate",
        "message_primary",
        "message_detail",
        "message_hint",
        "statement_position",
        "context",
        "schema_name",
        "table_name",
        "column_name",
        "datatype_name",
        "constraint_name",
    )
    @property
    def severity(self) -> str | None: ...
    @property
    def sqlstate(self) -> str | None: ...
    @property
    def message_primary(self) -> str | None: ...
    @property
    def message_detail(self) -> str | None: ...
    @property
    def message_hint(self) -> str | None: ...
    @property
    def statement_position(self) -> str | None: ...
    @property
    def context(self) -> str | None: ...
    @property
    def schema_name(self) -> str | None: ...
    @property
    def table_name(self) -> str | None: ...
    @property
    def column_name(self) -> str | None: ...
    @property
    def datatype_name(self) -> str | None: ...
    @property
    def constraint_name(self) -> str | None: ...

@final
class Json:
    """A parameter that is sent as JSON text, whatever else its value could be in SQL."""

    def __new__(cls, value: Any) -> Self: ...
    @property
    def value(self) -> Any: ...

_Row: TypeAlias = tuple[Any, ...]
_Parameters: TypeAlias = Sequence[Any]
_Data: TypeAlias = Buffer | str

@final
class Connection:
    """A connection; threads that share it take turns. Made by connect()."""

    Warning: type[Warning]
    Error: type[Error]
    InterfaceError: type[InterfaceError]
    DatabaseError: type[DatabaseError]
    DataError: type[DataError]
    OperationalError: type[OperationalError]
    IntegrityError: type[IntegrityError]
    InternalError: type[InternalError]
    ProgrammingError: type[ProgrammingError]
    NotSupportedError: type[NotSupportedError]
    autocommit: bool
    read_only: bool
    json_loads: Callable[[str], Any] | None
    @property
    def closed(self) -> bool: ...
    @property
    def broken(self) -> bool: ...
    @property
    def transaction_status(self) -> Literal["idle", "intrans", "inerror", "unknown"]: ...
    @property
    def server_version(self) -> int: ...
    @property
    def notices(self) -> list[Diagnostic]: ...
    def parameter_status(self, name: str) -> str | None: ...
    def cursor(self, *, stream: bool = False) -> Cursor: ...
    def execute(self, sql: str, parameters: _Parameters | None = None) -> Cursor: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...
    def is_alive(self) -> bool: ...
    def fileno(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    # For libdsql.aio: what the methods above do, begun and then stepped through.
    def _start_commit(self) -> None: ...
    def _start_rollback(self) -> None: ...
    def _step(self) -> int: ...
    def _timeout_ms(self) -> int: ...
    def _abandon(self) -> None: ...

@final
class Cursor:
    """Statements and their rows. With stream=True rows are read as they are fetched."""

    arraysize: int
    @property
    def connection(self) -> Connection: ...
    @property
    def description(self) -> Sequence[Column] | None: ...
    @property
    def rowcount(self) -> int: ...
    @property
    def rownumber(self) -> int | None: ...
    @property
    def statusmessage(self) -> str | None: ...
    @property
    def closed(self) -> bool: ...
    def execute(self, sql: str, parameters: _Parameters | None = None) -> Self: ...
    def executemany(self, sql: str, parameters: Iterable[_Parameters]) -> None: ...
    def executescript(self, sql: str) -> None: ...
    def copy_in(self, sql: str, data: _Data | Iterable[_Data]) -> None: ...
    def copy_out(self, sql: str, write: Callable[[bytes], object]) -> None: ...
    def fetchone(self) -> _Row | None: ...
    def fetchmany(self, size: int | None = None) -> list[_Row]: ...
    def fetchall(self) -> list[_Row]: ...
    def setinputsizes(self, sizes: Sequence[Any]) -> None: ...
    def setoutputsize(self, size: int, column: int | None = None) -> None: ...
    def close(self) -> None: ...
    def __iter__(self) -> Iterator[_Row]: ...
    def __next__(self) -> _Row: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    # For libdsql.aio: begun here, gone on with by Connection._step(). The fetching ones return
    # what is there; None: step, and call again.
    def _start_execute(self, sql: str, parameters: _Parameters | None) -> None: ...
    def _start_executemany(self, sql: str, parameters: Iterable[_Parameters]) -> None: ...
    def _start_executescript(self, sql: str, /) -> None: ...
    def _start_copy_in(self, sql: str, data: _Data | Iterable[_Data]) -> None: ...
    def _start_copy_out(self, sql: str, write: Callable[[bytes], object]) -> None: ...
    def _start_fetch(self, count: int, /) -> bool: ...

@final
class Column(structseq[Any], tuple[str, int, None, int | None, int | None, int | None, None]):
    """A column of a result, as PEP 249 has it."""

    __match_args__: Final = (
        "name",
        "type_code",
        "display_size",
        "internal_size",
        "precision",
        "scale",
        "null_ok",
    )
    @property
    def name(self) -> str: ...
    @property
    def type_code(self) -> int: ...
    @property
    def display_size(self) -> None: ...
    @property
    def internal_size(self) -> int | None: ...
    @property
    def precision(self) -> int | None: ...
    @property
    def scale(self) -> int | None: ...
    @property
    def null_ok(self) -> None: ...

def connect_start(
    host: str,
    *,
    user: str = "admin",
    dbname: str = "postgres",
    hostaddr: str | None = None,
    port: int = 5432,
    region: str | None = None,
    cluster_id: str | None = None,
    profile: str | None = None,
    credentials_file: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    session_token: str | None = None,
    password: str | None = None,
    token_duration_secs: int = 900,
    sslmode: str = "verify-full",
    sslrootcert: str | None = None,
    sslnegotiation: str = "direct",
    application_name: str | None = None,
    options: str | None = None,
    connect_timeout: float = 30,
    keepalives: int = 1,
    keepalives_idle: int = 30,
    keepalives_interval: int = 10,
    keepalives_count: int = 3,
    tcp_user_timeout: int = 0,
    autocommit: bool = False,
    json_loads: Callable[[str], Any] | None = ...,
    block: bool = False,
) -> Connection: ...
