# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What a model says for `postgresql` is done here, unless it says something for `auroradsql`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from aurora_dsql_sqlalchemy.as_postgresql import LibdsqlAsync
from aurora_dsql_sqlalchemy.asyncpg import AuroraDSQLDialect_asyncpg
from aurora_dsql_sqlalchemy.libdsql import (
    AuroraDSQLDialect_libdsql,
    AuroraDSQLDialectAsync_libdsql,
)
from aurora_dsql_sqlalchemy.psycopg import AuroraDSQLDialect_psycopg, AuroraDSQLDialectAsync_psycopg
from sqlalchemy import (
    DDL,
    JSON,
    CheckConstraint,
    Column,
    Engine,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    cast,
    create_mock_engine,
    event,
    func,
    inspect,
    select,
    types,
)
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.expression import FunctionElement
from versions import since


def compiled(element: Any, dialect: Any = None) -> str:
    text = str(element.compile(dialect=dialect or AuroraDSQLDialect_psycopg()))
    return " ".join(text.split())


def column_type(kind: Any) -> str:
    """The type as it stands in CREATE TABLE."""
    text = compiled(CreateTable(Table("t", MetaData(), Column("x", kind))))
    return text.removeprefix("CREATE TABLE t ( x ").removesuffix(" )")


# Types


class Either(TypeDecorator[Any]):
    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(JSON().with_variant(postgresql.JSONB(), "postgresql"))


class Named(TypeDecorator[Any]):
    """As the GUID of SQLAlchemy's documentation: UUID for PostgreSQL, hexadecimal digits else."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        if dialect.name in {"postgresql", "cockroachdb"}:
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(String(32))

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return str(value) if dialect.name == "postgresql" else value.hex

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return UUID(value) if dialect.name.startswith("postgres") else UUID(hex=value)


class NamedBoth(Named):
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        if dialect.name == "auroradsql":
            return dialect.type_descriptor(String(36))
        return super().load_dialect_impl(dialect)


class NamedList(TypeDecorator[Any]):
    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(String))
        return dialect.type_descriptor(JSON())

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return value if dialect.name == "postgresql" else {"items": value}

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return value if dialect.name == "postgresql" else value["items"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Named(), "UUID"),
        (NamedBoth(), "VARCHAR(36)"),
        (NamedList(), "JSON"),
        (JSON().with_variant(postgresql.ARRAY(String), "postgresql"), "JSON"),
        (JSON().with_variant(postgresql.JSONB(), "postgresql"), "JSONB"),
        (JSON().with_variant(postgresql.JSONB(), "postgresql", "sqlite"), "JSONB"),
        (JSON().with_variant(mysql.LONGTEXT(), "mysql"), "JSON"),
        (
            String()
            .with_variant(postgresql.JSONB(), "postgresql")
            .with_variant(types.Text(), "auroradsql"),
            "TEXT",
        ),
        (Either(), "JSONB"),
    ],
)
def test_variant_for_postgresql_is_ours(kind: Any, text: str) -> None:
    assert column_type(kind) == text


def test_types_that_ask_for_the_name_go_through_postgresql_s_branches(engine: Engine) -> None:
    table = Table(
        "named",
        MetaData(),
        Column("id", Named(), primary_key=True),
        Column("tags", NamedList()),
    )
    table.create(engine)
    try:
        with engine.begin() as connection:
            key = UUID(int=5)
            connection.execute(table.insert(), {"id": key, "tags": ["a", "b"]})
            query = select(table).where(table.c.id.in_([key]), table.c.id == key)
            assert connection.execute(query).one() == (key, ["a", "b"])
            digits = connection.scalar(select(cast(table.c.id, String)))
            assert digits == str(key)
    finally:
        table.drop(engine)


def test_variant_is_what_values_go_through() -> None:
    class Loud(TypeDecorator[Any]):
        impl = String
        cache_ok = True

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return value.upper()

    kind = String().with_variant(Loud(), "postgresql")
    process = kind.dialect_impl(AuroraDSQLDialect_psycopg()).bind_processor
    bound = process(AuroraDSQLDialect_psycopg())
    assert bound is not None and bound("x") == "X"
    assert kind.dialect_impl(sqlite.dialect()).bind_processor(sqlite.dialect()) is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (types.BINARY(16), "BYTEA"),
        (types.VARBINARY(16), "BYTEA"),
        (types.BLOB(), "BYTEA"),
        (types.CLOB(), "TEXT"),
        (types.DATETIME(), "TIMESTAMP WITHOUT TIME ZONE"),
        (types.DATETIME(timezone=True), "TIMESTAMP WITH TIME ZONE"),
        (types.DOUBLE(), "DOUBLE PRECISION"),
        (types.Double(), "DOUBLE PRECISION"),
        (types.NVARCHAR(5), "VARCHAR(5)"),
        (types.NCHAR(5), "CHAR(5)"),
        (types.String(5, collation="C"), "VARCHAR(5)"),
        (types.Unicode(), "VARCHAR"),
        (types.DECIMAL(10, 2), "DECIMAL(10, 2)"),
        (types.Numeric(), "NUMERIC"),
        (types.JSON(), "JSON"),
        (postgresql.JSONB(), "JSONB"),
        (postgresql.ENUM("a", "bcd", name="e"), "VARCHAR(3)"),
        (Enum("a", "bcd", name="e"), "VARCHAR(3)"),
        (mysql.TINYINT(1), "SMALLINT"),
        (mysql.LONGTEXT(), "TEXT"),
        (mysql.DATETIME(fsp=3), "TIMESTAMP WITHOUT TIME ZONE"),
        (mysql.DOUBLE(), "DOUBLE PRECISION"),
        (mysql.BIT(8), "BIGINT"),
        (mssql.MONEY(), "NUMERIC(19, 4)"),
        (mssql.XML(), "TEXT"),
        (oracle.INTERVAL(), "INTERVAL"),
        (postgresql.INTERVAL(fields="DAY TO SECOND", precision=3), "INTERVAL DAY TO SECOND (3)"),
    ],
)
def test_type_of_another_database_has_a_counterpart(kind: Any, text: str) -> None:
    assert column_type(kind) == text


def test_check_of_an_enum_is_made_only_when_asked_for() -> None:
    assert "CHECK" not in compiled(CreateTable(Table("t", MetaData(), Column("x", Enum("a")))))
    kind = Enum("a", "b", create_constraint=True, name="ab")
    assert "CONSTRAINT ab CHECK (x IN ('a', 'b'))" in compiled(
        CreateTable(Table("t", MetaData(), Column("x", kind)))
    )


def test_check_of_an_enum_goes_with_the_variant_that_is_ours() -> None:
    enum = Enum("a", "b", name="ab", create_constraint=True)
    variant = Column("x", String(5).with_variant(enum, "postgresql"))
    assert "CONSTRAINT ab CHECK" in compiled(CreateTable(Table("t", MetaData(), variant)))
    enum = Enum("a", "b", name="ab", create_constraint=True)
    other = Column("x", enum.with_variant(types.Text(), "postgresql"))
    assert compiled(CreateTable(Table("t", MetaData(), other))) == "CREATE TABLE t ( x TEXT )"
    assert "CHECK" in compiled(CreateTable(other.table), sqlite.dialect())


def test_statements_are_written_without_a_connection() -> None:
    sent: list[str] = []
    url = "auroradsql+psycopg://admin@a123456789012345678901234b.dsql.us-east-1.on.aws/postgres"
    mock: Any = create_mock_engine(url, lambda sql, *rest: sent.append(compiled(sql)))
    kind = String(5).with_variant(postgresql.DOMAIN("short", String(5)), "postgresql")
    metadata = MetaData()
    Table("t", metadata, Column("id", Integer, primary_key=True), Column("x", kind, index=True))
    metadata.create_all(mock, checkfirst=False)
    metadata.drop_all(mock, checkfirst=False)
    assert [" ".join(statement.split()[:4]) for statement in sent] == [
        "CREATE DOMAIN short AS",
        "CREATE TABLE t (",
        "CREATE INDEX ASYNC ix_t_x",
        "DROP TABLE t",
        "DROP DOMAIN short",
    ]


# @compiles


class moment(FunctionElement[Any]):
    inherit_cache = True
    name = "moment"


class place(FunctionElement[Any]):
    inherit_cache = True
    name = "place"


@compiles(moment)
def _any(element: Any, compiler: Any, **kw: Any) -> str:
    return "any()"


@compiles(moment, "postgresql")
@compiles(place, "postgresql")
def _postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return "postgresql()"


@compiles(place, "auroradsql")
def _ours(element: Any, compiler: Any, **kw: Any) -> str:
    return "ours()"


def test_compiles_for_postgresql_is_ours_unless_there_is_one_for_us() -> None:
    assert compiled(select(moment())) == "SELECT postgresql() AS moment_1"
    assert compiled(select(place())) == "SELECT ours() AS place_1"
    assert compiled(select(moment()), sqlite.dialect()) == "SELECT any() AS moment_1"


# Options


@pytest.mark.parametrize(
    "spelling", ["auroradsql", pytest.param("postgresql", marks=since("2.0.16"))]
)
def test_option_of_every_item_may_be_spelled_either_way(spelling: str) -> None:
    stored = Table("t", MetaData(), Column("a", Integer), Column("b", Integer))
    stored.append_constraint(
        PrimaryKeyConstraint("a", **{"auroradsql_include": ["b"]})
        if spelling == "auroradsql"
        else PrimaryKeyConstraint("a")
    )
    unique = {f"{spelling}_nulls_not_distinct": True}
    stored.append_constraint(UniqueConstraint("b", **unique))
    text = compiled(CreateTable(stored))
    assert "UNIQUE NULLS NOT DISTINCT (b)" in text
    assert ("PRIMARY KEY (a) INCLUDE (b)" in text) == (spelling == "auroradsql")
    index = Index("i", stored.c.a, **{f"{spelling}_include": ["b"]})
    assert compiled(CreateIndex(index)).endswith("(a) INCLUDE (b)")


def test_not_valid_is_an_option_of_checks() -> None:
    check = CheckConstraint("a > 0", name="c", postgresql_not_valid=True)
    text = compiled(CreateTable(Table("t", MetaData(), Column("a", Integer), check)))
    assert "CONSTRAINT c CHECK (a > 0)" in text


# Statements


def test_prefix_for_postgresql_is_ours() -> None:
    statement = select(Column("a")).prefix_with("/* pg */", dialect="postgresql")
    assert compiled(statement) == "SELECT /* pg */ a"
    both = statement.prefix_with("/* us */", dialect="auroradsql")
    assert compiled(both) == "SELECT /* us */ a"
    assert compiled(statement, sqlite.dialect()) == "SELECT a"


@pytest.mark.parametrize(
    ("dialect", "own"),
    [
        (AuroraDSQLDialect_asyncpg, "PGCompiler_asyncpg"),
        (AuroraDSQLDialect_libdsql, "LibdsqlCompiler"),
        (AuroraDSQLDialectAsync_libdsql, "LibdsqlCompiler"),
        (LibdsqlAsync, "LibdsqlCompiler"),
        (AuroraDSQLDialectAsync_psycopg, "PGCompiler_psycopg"),
    ],
)
def test_each_driver_keeps_the_compiler_of_its_own(dialect: Any, own: str) -> None:
    inherited = [kind.__name__ for kind in dialect.statement_compiler.__mro__]
    assert own in inherited and "AuroraDSQLStatements" in inherited


def test_whole_numbers_may_be_given_as_booleans(engine: Engine) -> None:
    metadata = MetaData()
    votes = Table("votes", metadata, *(Column(name, Integer) for name in ("id", "yes", "no")))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(votes.insert(), {"id": 1, "yes": True, "no": None})
        found = connection.execute(votes.update().values(no=False).returning(votes)).one()
        assert [repr(value) for value in found] == ["1", "1", "0"]
    metadata.drop_all(engine)


def test_values_of_numbered_columns_do_not_end_with_integer(engine: Engine) -> None:
    metadata = MetaData()
    parent = Table("big", metadata, Column("id", Integer, primary_key=True), Column("s", String))
    child = Table("big_child", metadata, Column("up", Integer, ForeignKey("big.id")))
    metadata.create_all(engine)
    large = 2**40
    with engine.begin() as connection:
        connection.execute(parent.insert(), {"id": large, "s": "abc"})
        connection.execute(child.insert(), {"up": large})
        query = select(func.substr(parent.c.s, 2)).join(child, child.c.up == parent.c.id)
        assert connection.scalar(query.where(child.c.up == large)) == "bc"
        reckoned = select(func.repeat("x", cast(child.c.up - child.c.up, Integer) + 2))
        assert connection.scalar(reckoned.where(child.c.up.in_([large]))) == "xx"
    metadata.drop_all(engine)


@pytest.fixture
def stored(engine: Engine) -> Iterator[Table]:
    table = Table(
        "pg_models",
        MetaData(),
        Column("id", Uuid, primary_key=True),
        Column("kind", postgresql.ENUM("small", "large", name="kind_of")),
        Column("data", JSON().with_variant(postgresql.JSONB(), "postgresql")),
    )
    table.create(engine)
    yield table
    table.drop(engine)


def test_insert_on_conflict_and_types_of_postgresql_work(engine: Engine, stored: Table) -> None:
    row = {"id": UUID(int=1), "kind": "small", "data": {"a": [1]}}
    with engine.begin() as connection:
        connection.execute(insert(stored).values(row))
        statement = insert(stored).values({**row, "kind": "large"})
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"], set_={"kind": statement.excluded.kind}
            )
        )
        connection.execute(insert(stored).values(row).on_conflict_do_nothing())
        data = cast(stored.c.data, postgresql.JSONB)
        found = connection.execute(select(stored).where(data.contains({"a": [1]}))).one()
    assert found == (row["id"], "large", {"a": [1]})


# execute_if, ddl_if


def test_ddl_for_postgresql_is_executed_here(engine: Engine) -> None:
    metadata = MetaData()
    table = Table("with_view", metadata, Column("a", Integer))
    view = DDL("CREATE VIEW seen AS SELECT a FROM with_view")
    event.listen(table, "after_create", view.execute_if(dialect="postgresql"))
    gone = DDL("DROP VIEW seen")
    event.listen(table, "before_drop", gone.execute_if(dialect=("postgresql", "sqlite")))
    other = DDL("CREATE VIEW other AS SELECT b FROM nowhere")
    event.listen(table, "after_create", other.execute_if(dialect="mysql"))
    metadata.create_all(engine)
    assert inspect(engine).get_view_names() == ["seen"]
    metadata.drop_all(engine)
    assert inspect(engine).get_view_names() == []


def test_ddl_for_us_stands_in_for_the_one_of_postgresql(engine: Engine) -> None:
    metadata = MetaData()
    table = Table("with_extension", metadata, Column("a", Integer))
    extension = DDL("CREATE EXTENSION hstore")
    event.listen(table, "after_create", extension.execute_if(dialect="postgresql"))
    comment = DDL("COMMENT ON TABLE with_extension IS 'ours'")
    event.listen(table, "after_create", comment.execute_if(dialect="auroradsql"))
    metadata.create_all(engine)
    assert inspect(engine).get_table_comment("with_extension") == {"text": "ours"}
    metadata.drop_all(engine)


def test_check_for_postgresql_is_in_our_table() -> None:
    check = CheckConstraint("a > 0", name="c").ddl_if(dialect="postgresql")
    stored = Table("t", MetaData(), Column("a", Integer), check)
    assert "CHECK (a > 0)" in compiled(CreateTable(stored))
    assert "CHECK" not in compiled(CreateTable(stored), sqlite.dialect())
