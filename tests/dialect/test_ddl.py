# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The SQL of tables, indexes, keys and sequences, as text: no server is needed."""

from __future__ import annotations

from typing import Any

import pytest
from aurora_dsql_sqlalchemy.ddl import ValidateConstraint
from aurora_dsql_sqlalchemy.psycopg import AuroraDSQLDialect_psycopg
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    case,
    cast,
    func,
    nulls_first,
    nulls_last,
    text,
)
from sqlalchemy.exc import CompileError, IdentifierError
from sqlalchemy.schema import (
    AddConstraint,
    CreateIndex,
    CreateSequence,
    CreateTable,
    DropConstraint,
    DropIndex,
    Sequence,
)
from sqlalchemy.sql.ddl import ExecutableDDLElement
from versions import since

since_2_0_16 = since("2.0.16")  # postgresql_nulls_not_distinct


def sql(element: ExecutableDDLElement, foreign_keys: bool = False) -> str:
    """The statement on one line."""
    dialect = AuroraDSQLDialect_psycopg(foreign_keys=foreign_keys)
    return " ".join(str(element.compile(dialect=dialect)).split())


def table(*items: Column[Any] | UniqueConstraint) -> Table:
    return Table("t", MetaData(), *items)


def items() -> Table:
    return table(
        Column("id", Uuid, primary_key=True),
        Column("a", Integer),
        Column("b", String),
        Column("Mixed Case", String),
    )


# Indexes


@pytest.mark.parametrize(
    ("options", "rest"),
    [
        ({}, "(a)"),
        ({"auroradsql_include": ["b"]}, "(a) INCLUDE (b)"),
        ({"auroradsql_include": ["b", "Mixed Case"]}, '(a) INCLUDE (b, "Mixed Case")'),
        ({"postgresql_include": ["b"]}, "(a) INCLUDE (b)"),
        ({"auroradsql_nulls_not_distinct": True}, "(a) NULLS NOT DISTINCT"),
        ({"auroradsql_nulls_not_distinct": False}, "(a) NULLS DISTINCT"),
        pytest.param(
            {"postgresql_nulls_not_distinct": True}, "(a) NULLS NOT DISTINCT", marks=since_2_0_16
        ),
        ({"auroradsql_where": text("a > 0")}, "(a) WHERE a > 0"),
        ({"postgresql_where": text("a > 0")}, "(a) WHERE a > 0"),
    ],
)
def test_index_is_built_async_with_its_options(options: dict[str, Any], rest: str) -> None:
    stored = items()
    index = Index("i", stored.c.a, **options)
    assert sql(CreateIndex(index)) == f"CREATE INDEX ASYNC i ON t {rest}"


def test_unique_index_has_all_its_options_in_the_order_of_the_grammar() -> None:
    stored = items()
    index = Index(
        "i",
        stored.c.a,
        unique=True,
        auroradsql_include=[stored.c.b],
        auroradsql_nulls_not_distinct=True,
        auroradsql_where=stored.c.b != "x",
    )
    assert sql(CreateIndex(index, if_not_exists=True)) == (
        "CREATE UNIQUE INDEX ASYNC IF NOT EXISTS i ON t (a) INCLUDE (b) "
        "NULLS NOT DISTINCT WHERE b != 'x'"
    )


def test_own_spelling_of_an_index_option_wins_over_the_one_of_postgresql() -> None:
    stored = items()
    index = Index("i", stored.c.a, auroradsql_include=["b"], postgresql_include=["id"])
    assert sql(CreateIndex(index)).endswith("INCLUDE (b)")


def test_index_on_an_expression_is_in_parentheses() -> None:
    stored = items()
    assert sql(CreateIndex(Index("i", func.lower(stored.c.b)))).endswith("ON t (lower(b))")
    assert sql(CreateIndex(Index("j", stored.c.a + 1))).endswith("ON t ((a + 1))")


def test_index_of_a_column_is_async() -> None:
    stored = table(Column("id", Uuid, primary_key=True), Column("a", Integer, index=True))
    (index,) = stored.indexes
    assert sql(CreateIndex(index)) == "CREATE INDEX ASYNC ix_t_a ON t (a)"


def test_index_in_a_schema_names_the_schema_of_the_table_only() -> None:
    stored = Table("t", MetaData(), Column("a", Integer), schema="clinic")
    index = Index("i", stored.c.a)
    assert sql(CreateIndex(index)) == "CREATE INDEX ASYNC i ON clinic.t (a)"
    assert sql(DropIndex(index)) == "DROP INDEX clinic.i"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (lambda c: c.a.nulls_first(), "a NULLS FIRST"),
        (lambda c: nulls_last(c.a), "a NULLS LAST"),
        (lambda c: c.a.asc(), "a"),
        (lambda c: c.a.asc().nulls_first(), "a NULLS FIRST"),
        (lambda c: nulls_first(func.lower(c.b)), "lower(b) NULLS FIRST"),
        (lambda c: (c.a + 1).nulls_last(), "(a + 1) NULLS LAST"),
        (lambda c: cast(c.b, Integer), "CAST(b AS INTEGER)"),
        (lambda c: case((c.a > 1, 1), else_=0), "(CASE WHEN (a > 1) THEN 1 ELSE 0 END)"),
        (lambda c: text("lower(b) ASC"), "lower(b)"),
        (lambda c: c.b.collate("C"), "b"),
        (lambda c: text("b ASC NULLS FIRST"), "b NULLS FIRST"),
    ],
)
def test_index_key_says_where_nulls_go(key: Any, words: str) -> None:
    stored = items()
    index = Index("i", key(stored.c))
    if index.table is None:  # that of a text
        stored.append_constraint(index)
    assert sql(CreateIndex(index)) == f"CREATE INDEX ASYNC i ON t ({words})"


@pytest.mark.parametrize("letter", ["t", "ü"])
def test_name_of_an_index_that_is_too_long(letter: str) -> None:
    stored = Table(letter * 25, MetaData(), Column(letter * 30, Integer, index=True))
    other = Column(letter * 29 + "x", Integer, index=True)
    stored.append_column(other)
    names = {sql(CreateIndex(index)).split()[3].strip('"') for index in stored.indexes}
    assert len(names) == 2 and all(len(name.encode()) <= 63 for name in names)
    with pytest.raises(IdentifierError):
        sql(CreateIndex(Index(letter * 64, other)))


@pytest.mark.parametrize("name", ["a" * 64, "ä" * 32])
def test_name_that_the_server_would_cut_is_refused(name: str) -> None:
    long = "has 64 bytes, of which Aurora DSQL would keep 63"
    for element in (
        CreateTable(Table(name, MetaData(), Column("a", Integer))),
        CreateTable(table(Column(name, Integer))),
        CreateTable(table(Column("a", Integer), UniqueConstraint("a", name=name))),
        CreateSequence(Sequence(name)),
    ):
        with pytest.raises(IdentifierError, match=long):
            sql(element)
    assert name[:-1] in sql(CreateTable(table(Column(name[:-1], Integer))))


def test_index_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Exception, match="auroradsql_colour"):
        Index("i", items().c.a, auroradsql_colour="blue")


# Keys


def test_uuid_key_with_a_default_of_the_server() -> None:
    stored = table(Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")))
    assert "id UUID DEFAULT gen_random_uuid() NOT NULL" in sql(CreateTable(stored))


def test_uuid_key_whose_default_sqlalchemy_sends_has_none_in_the_table() -> None:
    stored = table(Column("id", Uuid, primary_key=True, default=text("gen_random_uuid()")))
    assert "id UUID NOT NULL" in sql(CreateTable(stored))


@pytest.mark.parametrize("kind", [Integer, BigInteger, SmallInteger])
def test_autoincrement_is_a_bigint_identity_with_cache(kind: type[Integer]) -> None:
    created = sql(CreateTable(table(Column("id", kind, primary_key=True))))
    assert "id BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY (CACHE 65536)" in created
    assert "SERIAL" not in created


def test_integer_key_without_autoincrement_stays_what_it_is() -> None:
    stored = table(Column("id", Integer, primary_key=True, autoincrement=False))
    assert "id INTEGER NOT NULL, PRIMARY KEY (id)" in sql(CreateTable(stored))


def test_integer_key_that_refers_to_another_table_is_not_an_identity() -> None:
    stored = table(Column("id", Integer, ForeignKey("other.id"), primary_key=True))
    table_of_other = Table("other", stored.metadata, Column("id", Integer, primary_key=True))
    assert table_of_other.name == "other"
    assert "IDENTITY" not in sql(CreateTable(stored))


def test_integer_keys_of_a_composite_key_are_not_identities() -> None:
    stored = table(Column("a", Integer, primary_key=True), Column("b", Integer, primary_key=True))
    assert "IDENTITY" not in sql(CreateTable(stored))


@pytest.mark.parametrize(
    ("identity", "text_of_it"),
    [
        (Identity(), "GENERATED BY DEFAULT AS IDENTITY (CACHE 65536)"),
        (Identity(always=True), "GENERATED ALWAYS AS IDENTITY (CACHE 65536)"),
        (Identity(cache=1), "GENERATED BY DEFAULT AS IDENTITY (CACHE 1)"),
        (
            Identity(start=10, increment=2),
            "GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY 2 START WITH 10 CACHE 65536)",
        ),
    ],
)
def test_identity_keeps_its_options_and_has_a_cache(identity: Identity, text_of_it: str) -> None:
    stored = table(Column("id", Integer, identity, primary_key=True))
    assert f"id BIGINT {text_of_it}" in sql(CreateTable(stored))
    assert isinstance(stored.c.id.type, Integer)
    assert not isinstance(stored.c.id.type, BigInteger)


def test_identity_has_all_its_options() -> None:
    identity = Identity(
        always=True, start=5, increment=-5, minvalue=-100, maxvalue=10, cycle=True, cache=70000
    )
    assert "x BIGINT GENERATED ALWAYS AS IDENTITY (INCREMENT BY -5 START WITH 5 MINVALUE -100 " in (
        created := sql(CreateTable(table(Column("x", Integer, identity))))
    )
    assert created.endswith("MAXVALUE 10 CACHE 70000 CYCLE) )")
    assert identity.cache == 70000


@pytest.mark.parametrize(
    "key",
    [
        Column("id", Integer, primary_key=True),
        Column("id", Integer, Identity(), primary_key=True),
        Column("id", Integer, Sequence("s"), primary_key=True),
        Column("id", Integer, server_default=Sequence("s").next_value(), primary_key=True),
        Column("id", Integer, server_default=text("nextval('s')"), primary_key=True),
    ],
)
def test_column_that_refers_to_a_numbered_one_has_room_for_its_values(key: Column[Any]) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, key)
    child = Table("child", metadata, Column("up", Integer, ForeignKey("parent.id")))
    other = Table("other", metadata, Column("up", SmallInteger, ForeignKey("child.up")))
    assert "id BIGINT" in sql(CreateTable(parent))
    assert "up BIGINT" in sql(CreateTable(child))
    assert "up BIGINT" in sql(CreateTable(other))


def test_column_that_refers_to_itself_or_to_nothing_keeps_its_type() -> None:
    key = Column("id", Integer, primary_key=True, autoincrement=False)
    stored = table(key, Column("up", Integer, ForeignKey("t.id"), ForeignKey("nowhere.id")))
    assert "up INTEGER" in sql(CreateTable(stored))
    assert "id INTEGER" in sql(CreateTable(stored))


def test_optional_sequence_is_an_identity() -> None:
    stored = table(Column("id", Integer, Sequence("s", optional=True), primary_key=True))
    assert "id BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY" in sql(CreateTable(stored))


def test_optional_sequence_in_a_key_of_two_columns_is_neither_made_nor_used() -> None:
    key = Column("id", Integer, Sequence("s", optional=True), primary_key=True)
    stored = table(key, Column("name", String, primary_key=True))
    assert "id BIGINT NOT NULL, " in " ".join(sql(CreateTable(stored)).split())


def test_identity_beside_the_key_is_numbered_too() -> None:
    stored = table(Column("id", Uuid, primary_key=True), Column("n", BigInteger, Identity()))
    assert "n BIGINT GENERATED BY DEFAULT AS IDENTITY (CACHE 65536)" in sql(CreateTable(stored))


# Sequences


@pytest.mark.parametrize(
    ("sequence", "rest"),
    [
        (Sequence("s"), "s CACHE 65536"),
        (Sequence("s", cache=1), "s CACHE 1"),
        (Sequence("s", data_type=Integer), "s AS BIGINT CACHE 65536"),
        (Sequence("s", start=5, data_type=BigInteger), "s AS BIGINT START WITH 5 CACHE 65536"),
    ],
)
def test_sequence_is_a_bigint_with_cache(sequence: Sequence, rest: str) -> None:
    assert sql(CreateSequence(sequence)) == f"CREATE SEQUENCE {rest}"


def test_sequence_of_the_caller_is_not_changed() -> None:
    sequence = Sequence("s", data_type=Integer)
    first = sql(CreateSequence(sequence))
    assert first == sql(CreateSequence(sequence))
    assert type(sequence.data_type) is Integer
    assert sequence.cache is None


def test_column_with_a_sequence_takes_its_default_from_it() -> None:
    stored = table(Column("id", BigInteger, Sequence("s"), primary_key=True))
    assert "id BIGINT NOT NULL DEFAULT nextval('s')" in sql(CreateTable(stored))


# Columns


def test_enum_is_text_since_types_cannot_be_created() -> None:
    assert "state VARCHAR(6)" in sql(CreateTable(table(Column("state", Enum("open", "closed")))))


def test_computed_column_is_stored() -> None:
    stored = table(Column("a", Integer), Column("b", Integer, Computed("a + 1")))
    assert "b INTEGER GENERATED ALWAYS AS (a + 1) STORED" in sql(CreateTable(stored))


def test_virtual_computed_column_is_refused() -> None:
    stored = table(Column("a", Integer), Column("b", Integer, Computed("a", persisted=False)))
    with pytest.raises(CompileError, match="persisted"):
        sql(CreateTable(stored))


@since_2_0_16
def test_unique_constraint_may_treat_nulls_as_equal() -> None:
    stored = table(Column("a", Integer), UniqueConstraint("a", postgresql_nulls_not_distinct=True))
    assert "UNIQUE NULLS NOT DISTINCT (a)" in sql(CreateTable(stored))


# Foreign keys


def child() -> Table:
    metadata = MetaData()
    Table("parent", metadata, Column("id", Uuid, primary_key=True))
    return Table(
        "child",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("parent_id", Uuid, ForeignKey("parent.id", name="fk", ondelete="CASCADE")),
    )


def test_foreign_keys_are_not_in_the_table_by_default() -> None:
    created = sql(CreateTable(child()))
    assert "FOREIGN KEY" not in created
    assert "REFERENCES" not in created
    assert "parent_id UUID" in created


def test_foreign_keys_are_in_the_table_when_asked_for() -> None:
    assert "CONSTRAINT fk FOREIGN KEY(parent_id) REFERENCES parent (id) ON DELETE CASCADE" in sql(
        CreateTable(child()), foreign_keys=True
    )


def foreign_key(**options: Any) -> ForeignKeyConstraint:
    stored = child()
    constraint = ForeignKeyConstraint(["parent_id"], ["parent.id"], name="added", **options)
    stored.append_constraint(constraint)
    return constraint


def test_added_foreign_key_leaves_the_stored_rows_unchecked() -> None:
    added = sql(AddConstraint(foreign_key()), foreign_keys=True)
    assert added.startswith("ALTER TABLE child ADD CONSTRAINT added FOREIGN KEY(parent_id)")
    assert added.endswith("NOT VALID")


def test_dropped_foreign_key_that_may_not_be_there_is_no_error() -> None:
    dropped = sql(DropConstraint(foreign_key()))
    assert dropped == "ALTER TABLE child DROP CONSTRAINT IF EXISTS added"
    assert sql(DropConstraint(foreign_key()), foreign_keys=True) == (
        "ALTER TABLE child DROP CONSTRAINT added"
    )


def test_constraint_without_a_name_cannot_be_dropped() -> None:
    key = foreign_key()
    key.name = None
    for foreign_keys in (False, True):
        with pytest.raises(CompileError, match="it has no name"):
            sql(DropConstraint(key), foreign_keys=foreign_keys)


def test_constraint_of_a_table_is_validated_by_a_job() -> None:
    statement = sql(ValidateConstraint(foreign_key()), foreign_keys=True)
    assert statement == "ALTER TABLE ASYNC child VALIDATE CONSTRAINT added"
    assert sql(ValidateConstraint(foreign_key())).startswith("-- not emitted")
    check = CheckConstraint("1 > 0", name="c")
    Table("t", MetaData(), Column("id", Integer), check)
    assert str(ValidateConstraint(check)) == "ALTER TABLE ASYNC t VALIDATE CONSTRAINT c"


def test_match_partial_is_refused() -> None:
    with pytest.raises(CompileError, match="MATCH PARTIAL"):
        sql(AddConstraint(foreign_key(match="PARTIAL")), foreign_keys=True)


def test_added_check_leaves_the_stored_rows_unchecked() -> None:
    stored = items()
    constraint = CheckConstraint("a > 0", name="positive")
    stored.append_constraint(constraint)
    assert sql(AddConstraint(constraint)).endswith(
        "ADD CONSTRAINT positive CHECK (a > 0) NOT VALID"
    )
