# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Tables on the local endpoint: created, read back, written to and dropped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Engine,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    event,
    func,
    inspect,
    select,
    text,
    types,
)
from sqlalchemy.dialects.postgresql import DOMAIN, JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError

MakeEngine = Callable[..., Engine]


@pytest.fixture
def metadata(engine: Engine) -> Iterator[MetaData]:
    """Tables of one test; they are dropped with it."""
    metadata = MetaData()
    yield metadata
    metadata.drop_all(engine)


def sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


def statements(engine: Engine) -> list[str]:
    """Fills with what is sent from now on."""
    sent: list[str] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda conn, cursor, statement, *rest: sent.append(statement),
    )
    return sent


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_first_connection_asks_one_question_and_sets_no_savepoint(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    engine = make_engine(echo=True)
    with engine.connect():
        pass
    messages = [record.getMessage() for record in caplog.records]
    assert [item for item in messages if not item.startswith("[")] == ["select current_schema()"]
    assert engine.dialect.server_version_info == (16, 15)
    assert engine.dialect.default_schema_name == "public"


def test_isolation_levels_are_those_of_the_service(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.get_isolation_level() == "REPEATABLE READ"
        assert connection.default_isolation_level == "REPEATABLE READ"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE TABLE auto (id int)"))
        connection.execute(text("DROP TABLE auto"))
    with pytest.raises(Exception, match="AUTOCOMMIT"):
        engine.connect().execution_options(isolation_level="SERIALIZABLE")


def test_many_tables_are_created_and_dropped(engine: Engine, metadata: MetaData) -> None:
    for number in range(4):
        Table(
            f"many_{number}",
            metadata,
            Column("id", Uuid, primary_key=True),
            Column("a", Integer, index=True),
        )
    metadata.create_all(engine)
    metadata.create_all(engine)
    names = {f"many_{number}" for number in range(4)}
    assert names <= set(inspect(engine).get_table_names())
    metadata.drop_all(engine)
    assert not names & set(inspect(engine).get_table_names())
    metadata.drop_all(engine)


def test_integer_keys_are_numbered_by_the_server(engine: Engine, metadata: MetaData) -> None:
    table = Table(
        "numbered", metadata, Column("id", Integer, primary_key=True), Column("a", String)
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        first = connection.execute(table.insert(), {"a": "x"}).inserted_primary_key
        second = connection.execute(table.insert(), {"a": "y"}).inserted_primary_key
    assert first is not None and second is not None
    assert isinstance(first[0], int) and first[0] != second[0]


@pytest.mark.parametrize("keyword", ["default", "server_default"])
def test_uuid_keys_are_made_by_the_server(engine: Engine, metadata: MetaData, keyword: str) -> None:
    default: dict[str, Any] = {keyword: text("gen_random_uuid()")}
    table = Table(
        "keyed", metadata, Column("id", Uuid, primary_key=True, **default), Column("a", Integer)
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        key = connection.execute(table.insert(), {"a": 1}).inserted_primary_key
    assert key is not None and isinstance(key[0], UUID)


def test_sequences_number_columns(engine: Engine, metadata: MetaData) -> None:
    sequence = Sequence("numbers", start=100, metadata=metadata)
    table = Table("counted", metadata, Column("id", BigInteger, sequence, primary_key=True))
    metadata.create_all(engine)
    assert inspect(engine).has_sequence("numbers")
    with engine.begin() as connection:
        key = connection.execute(table.insert()).inserted_primary_key
        assert key is not None and key[0] == 100
        assert connection.scalar(sequence) == 101
    metadata.drop_all(engine)
    assert not inspect(engine).has_sequence("numbers")


def test_server_takes_every_form_of_ddl(make_engine: MakeEngine, metadata: MetaData) -> None:
    engine = make_engine(foreign_keys=True)
    parent = Table(
        "forms",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("n", Integer, Identity(always=True, start=5, minvalue=1, cycle=True, cache=1)),
        Column("b", LargeBinary, comment="bytes"),
        Column("d", types.DATETIME),
        Column("x", types.DOUBLE, CheckConstraint("x > 0", name="positive")),
        Column("e", Enum("a", "b", name="ab", create_constraint=True)),
        Column("j", JSONB),
        Column("s", Sequence("forms_s"), type_=Integer),
        UniqueConstraint("n", "d", auroradsql_nulls_not_distinct=True),
        comment="all of it",
    )
    Table(
        "forms_child",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column(
            "of",
            Integer,
            ForeignKey("forms.id", name="fk", ondelete="CASCADE", deferrable=True, use_alter=True),
        ),
    )
    Index("forms_n", parent.c.n.nulls_first(), parent.c.d.asc(), auroradsql_include=["x"])
    Index("forms_j", parent.c.j["k"].astext, postgresql_where=parent.c.x > 1)
    Index("forms_e", func.lower(parent.c.e), unique=True)
    metadata.create_all(engine)
    assert {index["name"] for index in inspect(engine).get_indexes("forms")} >= {
        "forms_n",
        "forms_j",
        "forms_e",
    }


def test_domain_is_made_with_its_table(engine: Engine, metadata: MetaData) -> None:
    kind = DOMAIN("positive_int", Integer, check="VALUE > 0", not_null=True)
    table = Table("domains", metadata, Column("id", Uuid, primary_key=True), Column("n", kind))
    metadata.create_all(engine)
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(table.insert(), {"id": UUID(int=1), "n": -1})
    metadata.drop_all(engine)
    kind.drop(engine, checkfirst=True)


def test_columns_are_read_back(engine: Engine, metadata: MetaData) -> None:
    Table(
        "columns",
        metadata,
        Column("id", Integer, Identity(start=7, increment=3, cache=1), primary_key=True),
        Column("u", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
        Column("s", String(20), comment="a text"),
        Column("c", Integer, Computed("length(s)")),
        Column("j", JSON),
    )
    metadata.create_all(engine)
    columns = {column["name"]: column for column in inspect(engine).get_columns("columns")}
    assert isinstance(columns["id"]["type"], BigInteger)
    identity = columns["id"]["identity"]
    assert {
        name: identity[name] for name in ("always", "start", "increment", "cache", "cycle")
    } == {
        "always": False,
        "start": 7,
        "increment": 3,
        "cache": 1,
        "cycle": False,
    }
    assert columns["u"]["default"] == "gen_random_uuid()"
    assert (columns["u"]["nullable"], columns["s"]["nullable"]) == (False, True)
    assert columns["s"]["type"].length == 20  # type: ignore[attr-defined]
    assert columns["s"]["comment"] == "a text"
    assert columns["c"]["computed"]["persisted"] is True
    assert isinstance(columns["j"]["type"], JSON)


def test_keys_and_constraints_are_read_back(engine: Engine, metadata: MetaData) -> None:
    Table(
        "constrained",
        metadata,
        Column("a", Integer, primary_key=True, autoincrement=False),
        Column("b", Integer, primary_key=True),
        Column("c", Integer),
        UniqueConstraint("b", "c", name="once"),
        CheckConstraint("c > 0", name="positive"),
    )
    metadata.create_all(engine)
    found = inspect(engine)
    assert found.has_table("constrained") and not found.has_table("no_such_table")
    assert found.get_pk_constraint("constrained")["constrained_columns"] == ["a", "b"]
    (unique,) = found.get_unique_constraints("constrained")
    assert (unique["name"], unique["column_names"]) == ("once", ["b", "c"])
    (check,) = found.get_check_constraints("constrained")
    assert check["name"] == "positive"
    assert found.get_foreign_keys("constrained") == []


def test_indexes_are_read_back(engine: Engine, metadata: MetaData) -> None:
    table = Table(
        "indexed",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("a", Integer),
        Column("b", String),
    )
    Index("by_a", table.c.a, auroradsql_include=["b"])
    Index("by_b", table.c.b, unique=True, auroradsql_where=table.c.a > 0)
    metadata.create_all(engine)
    indexes = {index["name"]: index for index in inspect(engine).get_indexes("indexed")}
    assert set(indexes) == {"by_a", "by_b"}
    assert indexes["by_a"]["column_names"] == ["a"]
    assert indexes["by_a"]["dialect_options"]["auroradsql_include"] == ["b"]
    assert (indexes["by_a"]["unique"], indexes["by_b"]["unique"]) == (False, True)
    assert "a > 0" in indexes["by_b"]["dialect_options"]["auroradsql_where"]


def test_reflected_tables_can_be_created_anew(engine: Engine, metadata: MetaData) -> None:
    table = Table(
        "again",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("a", Integer),
        Column("b", String, server_default="x"),
        UniqueConstraint("a"),
    )
    Index("again_b", table.c.b, unique=True, auroradsql_nulls_not_distinct=True)
    metadata.create_all(engine)
    reflected = MetaData()
    reflected.reflect(engine, only=["again"])
    reflected.drop_all(engine)
    reflected.create_all(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), {"a": 1})
        assert connection.scalars(select(table.c.b)).all() == ["x"]


def test_query_of_the_reflection_makes_no_json(engine: Engine, metadata: MetaData) -> None:
    Table("plain", metadata, Column("id", Integer, primary_key=True))
    metadata.create_all(engine)
    sent = statements(engine)
    inspect(engine).get_columns("plain")
    assert sent and not [statement for statement in sent if "json" in statement.lower()]


def family(metadata: MetaData) -> tuple[Table, Table]:
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True, autoincrement=False))
    child = Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("parent_id", Integer, ForeignKey("parent.id")),
    )
    return parent, child


def test_foreign_keys_are_not_enforced_by_default(engine: Engine, metadata: MetaData) -> None:
    _, child = family(metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(child.insert(), {"id": 1, "parent_id": 5})
    assert inspect(engine).get_foreign_keys("child") == []


def test_foreign_keys_are_enforced_when_asked_for(
    make_engine: MakeEngine, metadata: MetaData
) -> None:
    engine = make_engine(foreign_keys=True)
    _, child = family(metadata)
    metadata.create_all(engine)
    (key,) = inspect(engine).get_foreign_keys("child")
    assert (key["referred_table"], key["constrained_columns"]) == ("parent", ["parent_id"])
    with pytest.raises(IntegrityError) as caught, engine.begin() as connection:
        connection.execute(child.insert(), {"id": 1, "parent_id": 5})
    assert sqlstate(caught.value) == "23503"


def test_tables_that_refer_to_each_other_are_created_and_dropped(
    make_engine: MakeEngine, engine: Engine
) -> None:
    for one in (engine, make_engine(foreign_keys=True)):
        metadata = MetaData()
        for name, other in (("egg", "hen"), ("hen", "egg")):
            key = ForeignKey(f"{other}.id", name=f"fk_{name}", use_alter=True)
            Table(name, metadata, Column("id", Uuid, primary_key=True), Column("of", Uuid, key))
        metadata.create_all(one)
        assert inspect(one).has_table("egg") and inspect(one).has_table("hen")
        metadata.drop_all(one)
        assert not inspect(one).has_table("egg")


def test_cycle_whose_keys_have_no_names_is_created(make_engine: MakeEngine) -> None:
    engine = make_engine(foreign_keys=True)
    metadata = MetaData()
    for name, other in (("egg", "hen"), ("hen", "egg")):
        Table(
            name,
            metadata,
            Column("id", Uuid, primary_key=True),
            Column("of", ForeignKey(f"{other}.id")),
        )
    metadata.create_all(engine)
    found = {name: inspect(engine).get_foreign_keys(name) for name in ("egg", "hen")}
    assert {name: key[0]["referred_table"] for name, key in found.items()} == {
        "egg": "hen",
        "hen": "egg",
    }
    again = MetaData()
    again.reflect(engine)
    again.drop_all(engine)


def test_ddl_in_a_transaction_with_rows_is_refused_and_the_rows_are_not_kept(
    engine: Engine, metadata: MetaData
) -> None:
    table = Table("kept", metadata, Column("id", Uuid, primary_key=True))
    other = Table("unwanted", MetaData(), Column("id", Uuid, primary_key=True))
    metadata.create_all(engine)
    with (
        pytest.raises(InvalidRequestError, match="wait for COMMIT"),
        engine.begin() as connection,
    ):
        connection.execute(table.insert(), {"id": UUID(int=1)})
        other.create(connection)
    with engine.connect() as connection:
        assert connection.execute(select(table)).all() == []


def test_no_table_is_made_in_a_schema_that_is_not_there(engine: Engine) -> None:
    table: Any = Table("t", MetaData(schema="nowhere"), Column("id", Uuid, primary_key=True))
    with pytest.raises(DBAPIError) as caught:
        table.create(engine)
    assert sqlstate(caught.value) == "3F000"
