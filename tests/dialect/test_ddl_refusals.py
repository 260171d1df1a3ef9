# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What Aurora DSQL does not have is refused before it is sent, with a sentence of advice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aurora_dsql_sqlalchemy.psycopg import AuroraDSQLDialect_psycopg
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Column,
    DateTime,
    Engine,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    String,
    Table,
    Time,
    TypeDecorator,
    UniqueConstraint,
    cast,
    column,
    desc,
    func,
    inspect,
    nulls_last,
    select,
    tablesample,
    text,
)
from sqlalchemy.dialects import mssql, mysql, postgresql
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.exc import CompileError, InvalidRequestError, SAWarning
from sqlalchemy.schema import (
    AddConstraint,
    CreateIndex,
    CreateSequence,
    CreateTable,
    DropConstraint,
)
from versions import since

MakeEngine = Callable[..., Engine]
CITEXT: Any = getattr(postgresql, "CITEXT", postgresql.TSVECTOR)  # from 2.0.7


def compiled(element: Any) -> str:
    return " ".join(str(element.compile(dialect=AuroraDSQLDialect_psycopg())).split())


def refusal(element: Any) -> str:
    """Why it does not compile: one line with what to write instead behind a colon."""
    with pytest.raises(CompileError) as caught:
        compiled(element)
    message = str(caught.value)
    assert "Aurora DSQL has no " in message and ": " in message
    assert "\n" not in message
    return message


def table(*items: Any, **options: Any) -> Table:
    return Table("t", MetaData(), Column("a", Integer), Column("b", String), *items, **options)


class Tags(TypeDecorator[Any]):
    impl = ARRAY(String)
    cache_ok = True


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (ARRAY(Integer), "JSONB"),
        (postgresql.ARRAY(String), "JSONB"),
        (Tags(), "JSONB"),
        (ARRAY(String).with_variant(postgresql.ARRAY(String), "postgresql"), "JSONB"),
        (postgresql.INT4RANGE(), "two columns"),
        (postgresql.HSTORE(), "JSONB"),
        (postgresql.INET(), "String"),
        (postgresql.MACADDR(), "String"),
        (postgresql.BIT(3), "Boolean"),
        (postgresql.MONEY(), "Numeric"),
        (postgresql.TSVECTOR(), "Text"),
        (CITEXT(), "use "),
        (String(collation="de_DE"), "leave collation out"),
        (String(70000), "use Text"),
        (mysql.SET("a", "b"), "JSONB"),
        (mssql.SQL_VARIANT(), "Text"),
        (mssql.ROWVERSION(), "version_id_col"),
    ],
)
def test_type_that_no_column_can_have(kind: Any, advice: str) -> None:
    message = refusal(CreateTable(table(Column("x", kind))))
    assert advice in message
    assert "table 't', column 'x'" in message


@pytest.mark.parametrize("kind", [CITEXT(), postgresql.HSTORE()])
def test_a_driver_s_own_type_is_no_way_around(make_engine: MakeEngine, kind: Any) -> None:
    stored = Table("t", MetaData(), Column("x", kind))
    with pytest.raises(CompileError, match=f"no columns of type {kind.__visit_name__}:"):
        CreateTable(stored).compile(make_engine())


def test_array_is_a_type_of_expressions() -> None:
    assert "AS INTEGER[])" in compiled(select(cast(text("'{1}'"), ARRAY(Integer))))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (JSON(), "JSON"),
        (postgresql.JSONB(), "JSONB"),
        (LargeBinary(), "LargeBinary"),
        (Interval(), "INTERVAL"),
        (Time(timezone=True), "TIMETZ"),
    ],
)
@pytest.mark.parametrize("where", ["primary", "unique", "index"])
def test_type_that_no_key_can_have(kind: Any, name: str, where: str) -> None:
    stored = table(Column("x", kind, primary_key=where == "primary", unique=where == "unique"))
    element: Any = CreateTable(stored)
    if where == "index":
        element = CreateIndex(Index("i", stored.c.x))
    message = refusal(element)
    assert "in a key" in message and name in message


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (lambda c: c.j["a"], "JSONB in a key, which an expression of the index 'i' is"),
        (lambda c: c.j.nulls_first(), "JSONB in a key, which column 'j'"),
        (lambda c: c.b.collate("de_DE"), "collation de_DE"),
    ],
)
def test_expression_that_no_key_can_be(key: Any, words: str) -> None:
    stored = table(Column("j", postgresql.JSONB))
    assert words in refusal(CreateIndex(Index("i", key(stored.c))))


def test_included_column_that_is_not_there() -> None:
    stored = table()
    with pytest.raises(CompileError, match="include of 'i' names 'z', which table 't' lacks"):
        compiled(CreateIndex(Index("i", stored.c.a, postgresql_include=["z"])))


def test_key_of_more_than_eight_columns() -> None:
    columns = [Column(f"c{number}", Integer) for number in range(9)]
    stored = Table("t", MetaData(), *columns)
    assert "8" in refusal(CreateIndex(Index("i", *stored.c)))
    assert "c7" in compiled(CreateIndex(Index("j", *list(stored.c)[:8])))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prefixes": ["TEMPORARY"]}, "temporary tables"),
        ({"prefixes": ["UNLOGGED"]}, "UNLOGGED tables"),
        ({"postgresql_on_commit": "DROP"}, "temporary tables"),
        ({"postgresql_partition_by": "RANGE (a)"}, "partitions"),
        ({"auroradsql_partition_by": "RANGE (a)"}, "partitions"),
        ({"postgresql_inherits": "other"}, "inheritance"),
        ({"postgresql_tablespace": "fast"}, "tablespaces"),
        pytest.param({"postgresql_using": "columnar"}, "access methods", marks=since("2.0.26")),
        ({"postgresql_with_oids": True}, "OIDs"),
    ],
)
def test_table_option_that_asks_for_more(options: dict[str, Any], words: str) -> None:
    assert words in refusal(CreateTable(table(**options)))


@pytest.mark.parametrize("spelling", ["auroradsql", "postgresql"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"using": "gin"}, "index method gin"),
        ({"concurrently": True}, "CONCURRENTLY"),
        ({"tablespace": "fast"}, "tablespaces"),
        ({"ops": {"b": "gin_trgm_ops"}}, "operator class gin_trgm_ops"),
    ],
)
def test_index_option_that_asks_for_more(
    spelling: str, options: dict[str, Any], words: str
) -> None:
    stored = table()
    renamed = {f"{spelling}_{name}": value for name, value in options.items()}
    assert words in refusal(CreateIndex(Index("i", stored.c.b, **renamed)))


@pytest.mark.parametrize(
    "options",
    [
        {"postgresql_using": "btree"},
        {"postgresql_using": "BTREE"},
        {"postgresql_with": {"fillfactor": 50}},
        {"postgresql_ops": {"b": "text_pattern_ops"}},
        {"postgresql_concurrently": False},
    ],
)
def test_index_option_that_says_nothing_new_is_left_out(options: dict[str, Any]) -> None:
    stored = table()
    assert compiled(CreateIndex(Index("i", stored.c.b, **options))) == (
        "CREATE INDEX ASYNC i ON t (b)"
    )


@pytest.mark.parametrize(
    "key",
    [
        lambda c: c.a.desc(),
        lambda c: desc(func.lower(c.b)),
        lambda c: nulls_last(c.a.desc()),
        lambda c: text("a DESC"),
        lambda c: text("lower(b) desc nulls last"),
    ],
)
def test_descending_key(key: Any) -> None:
    stored = table()
    index = Index("i", key(stored.c))
    stored.append_constraint(index)  # that of a text has no table yet
    assert "descending keys" in refusal(CreateIndex(index))


def long_key() -> Table:
    columns = Column("a", String(1500)), Column("b", String(501)), Column("c", String(1999))
    return Table("l", MetaData(), *columns, UniqueConstraint("a", "b"), UniqueConstraint("c"))


LONG_KEY = "CREATE TABLE l ( a VARCHAR, b VARCHAR, c VARCHAR(1999), UNIQUE (a, b), UNIQUE (c) )"


def test_key_that_is_declared_too_long() -> None:
    assert "give the columns less length" in refusal(CreateTable(long_key()))


@pytest.mark.parametrize(
    ("element", "text", "words"),
    [
        (lambda t: CreateIndex(Index("i", t.c.a.desc())), "CREATE INDEX ASYNC i ON t (a)", "desc"),
        (
            lambda t: CreateIndex(
                Index("i", t.c.b, postgresql_using="hash", postgresql_concurrently=True)
            ),
            "CREATE INDEX ASYNC i ON t (b)",
            "hash|CONCURRENTLY",
        ),
        (
            lambda t: CreateIndex(Index("i", t.c.b, postgresql_using="gin")),
            "-- not emitted, index i",
            "method gin, which index 'i' has",
        ),
        (
            lambda t: CreateTable(
                Table("u", MetaData(), Column("a", Integer), prefixes=["UNLOGGED"])
            ),
            "CREATE TABLE u ( a INTEGER )",
            "UNLOGGED",
        ),
        (
            lambda t: CreateIndex(Index("i", Column("data", postgresql.JSONB), _table=t)),
            "-- not emitted, index i",
            "JSONB in a key.*'i' is left out",
        ),
        (lambda t: CreateTable(long_key()), LONG_KEY, "more than 2000 bytes, as 'a', 'b' of 'l'"),
    ],
)
def test_what_changes_no_result_is_left_out_on_request(element: Any, text: str, words: str) -> None:
    dialect = AuroraDSQLDialect_psycopg(unsupported="omit")
    with pytest.warns(SAWarning, match=words):
        made = str(element(table()).compile(dialect=dialect))
    assert " ".join(made.split()) == text


def test_an_index_that_is_left_out_is_not_sent(make_engine: MakeEngine) -> None:
    engine = make_engine(unsupported="omit")
    stored = Table("searched", MetaData(), Column("a", Integer), Column("data", postgresql.JSONB))
    Index("searched_data", stored.c.data, postgresql_using="gin")
    with pytest.warns(SAWarning, match="gin"):
        stored.create(engine)
    assert inspect(engine).get_indexes("searched") == []
    for index in stored.indexes:
        index.drop(engine)
    stored.drop(engine)


def test_what_changes_results_is_refused_all_the_same() -> None:
    dialect = AuroraDSQLDialect_psycopg(unsupported="omit")
    data = table(Column("data", postgresql.JSONB)).c.data
    with pytest.raises(CompileError):
        CreateIndex(Index("once", data, unique=True)).compile(dialect=dialect)
    for kind in (ARRAY(Integer), String(collation="de_DE")):
        with pytest.raises(CompileError):
            CreateTable(table(Column("x", kind))).compile(dialect=dialect)


@pytest.mark.parametrize("constraint", [UniqueConstraint, PrimaryKeyConstraint])
def test_deferrable_key(constraint: Any) -> None:
    stored = table(constraint("a", deferrable=True))
    assert "deferrable" in refusal(CreateTable(stored))


def test_exclusion_constraint() -> None:
    stored = table()
    stored.append_constraint(ExcludeConstraint((stored.c.a, "=")))
    assert "exclusion" in refusal(CreateTable(stored))


@pytest.mark.parametrize("cache", [0, 2, 100, 65535])
def test_cache_that_the_service_does_not_take(cache: int) -> None:
    assert "65536" in refusal(CreateSequence(Sequence("s", cache=cache)))
    stored = table(Column("x", BigInteger, Identity(cache=cache)))
    assert "65536" in refusal(CreateTable(stored))


def test_keys_are_not_added_to_a_table_or_dropped() -> None:
    stored = table(PrimaryKeyConstraint("a", name="pk"), UniqueConstraint("b", name="u"))
    (unique,) = (item for item in stored.constraints if isinstance(item, UniqueConstraint))
    assert "batch_alter_table" in refusal(AddConstraint(stored.primary_key))
    assert "batch_alter_table" in refusal(DropConstraint(stored.primary_key))
    assert "auroradsql_using_index" in refusal(AddConstraint(unique))
    assert compiled(DropConstraint(unique)) == "ALTER TABLE t DROP CONSTRAINT u"


def test_unique_constraint_is_made_of_an_index() -> None:
    stored = table(UniqueConstraint("b", name="u", auroradsql_using_index="i"))
    (unique,) = (item for item in stored.constraints if isinstance(item, UniqueConstraint))
    assert compiled(AddConstraint(unique)) == (
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i"
    )


def test_search_in_texts_names_the_only_configuration() -> None:
    words, vector = column("w", String), column("v", postgresql.TSVECTOR)
    expected = "to_tsvector('simple', w) @@ plainto_tsquery('simple', %(w_1)s::VARCHAR)"
    assert compiled(words.match("a")) == expected
    assert compiled(words.match("a", postgresql_regconfig="simple")) == expected
    assert compiled(vector.match("a")) == "v @@ plainto_tsquery('simple', %(v_1)s::VARCHAR)"
    assert "'simple'" in refusal(words.match("a", postgresql_regconfig="english"))


def test_sample_of_a_table() -> None:
    assert "func.random()" in refusal(select(tablesample(table(), 5)))


def test_lock_that_is_not_there() -> None:
    assert "FOR SHARE" in refusal(select(table()).with_for_update(read=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "FOR UPDATE"),
        ({"read": True, "key_share": True}, "FOR KEY SHARE"),
        ({"key_share": True}, "FROM t FOR UPDATE"),
        ({"key_share": True, "nowait": True}, "FROM t FOR UPDATE NOWAIT"),
        ({"nowait": True}, "FOR UPDATE NOWAIT"),
        ({"skip_locked": True}, "FOR UPDATE SKIP LOCKED"),
    ],
)
def test_lock_that_is_there(options: dict[str, bool], words: str) -> None:
    assert compiled(select(table()).with_for_update(**options)).endswith(words)


def test_two_phase_transaction(make_engine: MakeEngine) -> None:
    with make_engine().connect() as connection:
        with pytest.raises(InvalidRequestError, match="begin"):
            connection.begin_twophase()


def test_date_and_time_can_be_keys() -> None:
    stored = table(Column("x", DateTime(timezone=True), primary_key=True))
    assert "PRIMARY KEY (x)" in compiled(CreateTable(stored))
