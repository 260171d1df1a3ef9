# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Aurora DSQL through libdsql, the driver that comes along: auroradsql+libdsql://, and
auroradsql:// for short, for programs with and without asyncio.

libdsql gives values in their final Python types and tells the server the type of each parameter but
str and None, whose type the server finds out. So few types have a processor here, and casts are
rendered where the server would have nothing to go by: for texts, and for types of which a None is
often compared with NULL.
"""

# SQLAlchemy's PostgreSQL dialect has few types; its methods are called and overridden here.
# mypy: disable-error-code="no-untyped-call, override, misc"

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import libdsql
from libdsql.connection import OPTIONS
from sqlalchemy import BindParameter, types
from sqlalchemy.dialects.postgresql import json, pg_catalog
from sqlalchemy.dialects.postgresql.array import ARRAY
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGExecutionContext
from sqlalchemy.dialects.postgresql.types import BYTEA, INTERVAL
from sqlalchemy.engine import AdaptedConnection, processors
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.sql import operators
from sqlalchemy.util import await_only

from aurora_dsql_sqlalchemy.base import AuroraDSQLDialect
from aurora_dsql_sqlalchemy.connect import DIRECT_TLS_LIBPQ, from_texts
from aurora_dsql_sqlalchemy.execution import kind_of
from aurora_dsql_sqlalchemy.placeholders import adapt
from aurora_dsql_sqlalchemy.types import whole_numbers

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

DRIVER_OPTIONS = {"host"} | OPTIONS - {"database"}
FLOATS = (700, 701)
IS_NULL = (operators.is_, operators.is_not)

# Types


class _String(types.String):
    render_bind_cast = True


class _Array(ARRAY[Any]):
    render_bind_cast = True


class _Date(types.Date):
    render_bind_cast = True


class _DateTime(types.DateTime):
    render_bind_cast = True


class _Time(types.Time):
    render_bind_cast = True


class _Interval(INTERVAL):
    render_bind_cast = True


class _Vector:
    """The system catalog's vectors of numbers come as text."""

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any]:
        return lambda text: text and [int(number) for number in text.split()]


class _Int2Vector(_Vector, pg_catalog.INT2VECTOR):
    pass


class _OidVector(_Vector, pg_catalog.OIDVECTOR):
    pass


def _no_text(value: Any) -> Any:
    """A str would be taken for bytea in its text form, where backslashes mean something."""
    if isinstance(value, str):
        raise TypeError("bytes are expected, not str: encode it")
    return value


class _Binary(BYTEA):
    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        return _no_text

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


class _Json(json.JSON):
    render_bind_cast = True

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


class _Jsonb(json.JSONB):
    render_bind_cast = True

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


class _JsonStrIndex(types.JSON.JSONStrIndexType):
    __visit_name__ = "json_str_index"
    render_bind_cast = True


class _JsonIntIndex(types.JSON.JSONIntIndexType):
    __visit_name__ = "json_int_index"
    render_bind_cast = True


def _number_processor(kind: Any, coltype: Any) -> Callable[[Any], Any] | None:
    if kind.asdecimal and coltype in FLOATS:
        scale = kind._effective_decimal_return_scale
        found: Any = processors.to_decimal_processor_factory(Decimal, scale)
    elif not kind.asdecimal and coltype not in FLOATS:
        found = processors.to_float
    else:
        found = None
    return cast("Callable[[Any], Any] | None", found)


class _Numeric(types.Numeric[Any]):
    def bind_processor(self, dialect: Any) -> None:
        return None

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any] | None:
        return _number_processor(self, coltype)


class _Float(types.Float[Any]):
    def bind_processor(self, dialect: Any) -> None:
        return None

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any] | None:
        return _number_processor(self, coltype)


# Statements


class LibdsqlCompiler(PGCompiler):
    """Without casts for the plain values of INSERT and UPDATE, whose columns tell the type, and
    with one for a value of any type that is asked whether it is NULL, where nothing does."""

    def visit_binary(self, binary: Any, *args: Any, **kw: Any) -> str:
        if isinstance(binary.left, BindParameter) and binary.operator in IS_NULL:
            kw["is_alone"] = True
        return str(super().visit_binary(binary, *args, **kw))

    def visit_bindparam(self, bindparam: BindParameter[Any], **kw: Any) -> str:
        kw["is_column_value"] = bindparam._is_crud
        return str(super().visit_bindparam(bindparam, **kw))

    def bindparam_string(
        self,
        name: str,
        post_compile: bool = False,
        bindparam_type: Any = None,
        is_column_value: bool = False,
        is_alone: bool = False,
        **kw: Any,
    ) -> str:
        if is_column_value and not post_compile:
            bindparam_type = None
        text = super().bindparam_string(
            name, post_compile=post_compile, bindparam_type=bindparam_type, **kw
        )
        if is_alone and not post_compile and not bindparam_type._isnull:
            found = bindparam_type._unwrapped_dialect_impl(self.dialect)
            if not found.render_bind_cast:
                return str(self.render_bind_cast(bindparam_type, found, text))
        return str(text)


class LibdsqlExecutionContext(PGExecutionContext):
    def create_server_side_cursor(self) -> Any:
        return self._dbapi_connection.cursor(stream=True)


class AuroraDSQLDialect_libdsql(AuroraDSQLDialect):
    driver = "libdsql"
    supports_statement_cache = True

    default_paramstyle = "numeric_dollar"
    supports_server_side_cursors = True
    supports_sane_multi_rowcount = True
    supports_native_json_serialization = False
    supports_native_json_deserialization = True
    dialect_injects_custom_json_deserializer = True
    statement_compiler = LibdsqlCompiler
    execution_ctx_cls = LibdsqlExecutionContext
    colspecs = {  # noqa: RUF012
        **PGDialect.colspecs,
        **whole_numbers(PGDialect.colspecs),
        types.String: _String,
        types.ARRAY: _Array,
        types.Date: _Date,
        types.DateTime: _DateTime,
        types.Time: _Time,
        types.Interval: _Interval,
        INTERVAL: _Interval,
        pg_catalog.INT2VECTOR: _Int2Vector,
        pg_catalog.OIDVECTOR: _OidVector,
        types.LargeBinary: _Binary,
        types.JSON: _Json,
        json.JSON: _Json,
        json.JSONB: _Jsonb,
        types.JSON.JSONStrIndexType: _JsonStrIndex,
        types.JSON.JSONIntIndexType: _JsonIntIndex,
        types.Numeric: _Numeric,
        types.Float: _Float,
    }

    def __init__(self, client_encoding: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.client_encoding = client_encoding

    @classmethod
    def import_dbapi(cls) -> Any:
        return libdsql

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[AuroraDSQLDialectAsync_libdsql]:
        return AuroraDSQLDialectAsync_libdsql

    # Connecting: libdsql signs, and finds the local endpoint, by itself.

    def is_driver_option(self, name: str) -> bool:
        return name in DRIVER_OPTIONS

    def libpq_version(self) -> int:
        return DIRECT_TLS_LIBPQ  # it begins with TLS

    def url_arguments(self, url: URL) -> dict[str, Any]:
        given = {**url.translate_connect_args(username="user", database="dbname"), **url.query}
        if self.client_encoding is not None:
            given.setdefault("client_encoding", self.client_encoding)
        if self._json_deserializer is not None:
            given["json_loads"] = self._json_deserializer
        return from_texts(given, {"autocommit": False})

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        return self._connect_driver(cparams)

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        dbapi_connection: Any = connection.connection.dbapi_connection
        return divmod(int(dbapi_connection.server_version), 10000)

    def _get_default_schema_name(self, connection: Connection) -> str | None:
        """The engine's only question at its first connection: one round trip, no transaction."""
        dbapi_connection: Any = connection.connection.dbapi_connection
        before = dbapi_connection.autocommit
        dbapi_connection.autocommit = True
        found = connection.exec_driver_sql(
            "SELECT current_schema()", execution_options={"stream_results": False}
        )
        name: str | None = found.scalar()
        dbapi_connection.autocommit = before
        return name

    # Statements

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        if not parameters:
            parameters = ()  # an empty dict of exec_driver_sql(), or of a listener
            if context is not None and kind_of(context, statement) & libdsql.SQL_SEVERAL:
                run = partial(cursor.executescript, statement)
                return self._execute(context, statement, run, False)
        elif context is not None and context.compiled is None:
            statement, parameters = adapt(statement, parameters, False)
        return super().do_execute(cursor, statement, parameters, context)

    def do_executemany(
        self, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        if context is not None and context.compiled is None:
            statement, parameters = adapt(statement, parameters, True)
        super().do_executemany(cursor, statement, parameters, context)

    # Connections

    def in_transaction(self, dbapi_connection: Any) -> bool:
        return bool(dbapi_connection.transaction_status != "idle")

    def is_open(self, dbapi_connection: Any) -> bool:
        return bool(dbapi_connection.is_alive())

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        dbapi_connection.autocommit = level == "AUTOCOMMIT"

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        return "AUTOCOMMIT" if dbapi_connection.autocommit else "REPEATABLE READ"

    def detect_autocommit_setting(self, dbapi_conn: Any) -> bool:
        return bool(dbapi_conn.autocommit)

    def set_readonly(self, connection: Any, value: Any) -> None:
        connection.read_only = value

    def get_readonly(self, connection: Any) -> bool:
        return bool(connection.read_only)

    # DEFERRABLE means something to SERIALIZABLE alone, which the service does not have.

    def set_deferrable(self, connection: Any, value: Any) -> None:
        pass

    def get_deferrable(self, connection: Any) -> bool:
        return False


# asyncio


class AdaptedCursor:
    """A cursor of libdsql.aio, for SQLAlchemy. All rows are at hand once execute() is over, so
    fetching them waits for nobody."""

    server_side = False

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        core = cursor._core
        self.fetchone: Callable[[], Any] = core.fetchone
        self.fetchmany: Callable[..., Any] = core.fetchmany
        self.fetchall: Callable[[], Any] = core.fetchall
        self.close: Callable[[], None] = core.close

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)

    @property
    def arraysize(self) -> int:
        return int(self._cursor.arraysize)

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._cursor.arraysize = value

    def execute(self, sql: str, parameters: Any = None) -> None:
        await_only(self._cursor.execute(sql, parameters))

    def executemany(self, sql: str, parameters: Any) -> None:
        await_only(self._cursor.executemany(sql, parameters))

    def executescript(self, sql: str) -> None:
        await_only(self._cursor.executescript(sql))

    def __enter__(self) -> AdaptedCursor:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Any:
        return iter(self.fetchone, None)

    async def _async_soft_close(self) -> None:
        """SQLAlchemy's word for: the rows must stay, the rest may go."""


class AdaptedStream(AdaptedCursor):
    """The same, for rows that are read as they are fetched."""

    server_side = True

    def __init__(self, cursor: Any) -> None:
        super().__init__(cursor)
        self.fetchone = lambda: await_only(cursor.fetchone())
        self.fetchmany = lambda size=None: await_only(cursor.fetchmany(size))
        self.fetchall = lambda: await_only(cursor.fetchall())
        self.close = lambda: await_only(cursor.close())


class LibdsqlAdaptedConnection(AdaptedConnection):
    """A connection of libdsql.aio, for SQLAlchemy."""

    __slots__ = ()

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def cursor(self, *, stream: bool = False) -> AdaptedCursor:
        cursor = self._connection.cursor(stream=stream)
        return AdaptedStream(cursor) if stream else AdaptedCursor(cursor)

    def execute(self, sql: str, parameters: Any = None) -> AdaptedCursor:
        cursor = self.cursor()
        cursor.execute(sql, parameters)
        return cursor

    def commit(self) -> None:
        await_only(self._connection.commit())

    def rollback(self) -> None:
        await_only(self._connection.rollback())

    def close(self) -> None:
        self._connection.terminate()

    terminate = close

    def is_alive(self) -> bool:
        return bool(self._connection.is_alive())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    @property
    def autocommit(self) -> bool:
        return bool(self._connection.autocommit)

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._connection.autocommit = value

    @property
    def read_only(self) -> bool:
        return bool(self._connection.read_only)

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._connection.read_only = value


class AdaptedModule:
    """libdsql, with a connect() that gives adapted connections of libdsql.aio."""

    exceptions_module = libdsql

    def __getattr__(self, name: str) -> Any:
        return getattr(libdsql, name)

    def connect(self, **options: Any) -> LibdsqlAdaptedConnection:
        import libdsql.aio

        return LibdsqlAdaptedConnection(await_only(libdsql.aio.connect(**options)))


class AuroraDSQLDialectAsync_libdsql(AuroraDSQLDialect_libdsql):
    is_async = True
    has_terminate = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return AdaptedModule()

    @classmethod
    def get_pool_class(cls, url: URL) -> type[AsyncAdaptedQueuePool]:
        return AsyncAdaptedQueuePool  # SQLAlchemy 2.0.0 would take the one that blocks

    def do_terminate(self, dbapi_connection: Any) -> None:
        dbapi_connection.terminate()

    def get_driver_connection(self, connection: Any) -> Any:
        return connection._connection


dialect = AuroraDSQLDialect_libdsql
dialect_async = AuroraDSQLDialectAsync_libdsql
