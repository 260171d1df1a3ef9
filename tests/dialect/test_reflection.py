# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Tables read back: what they are made of, made anew from it, and many of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from kinds import CATALOG
from one_driver import clinic, driver
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Engine,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    func,
    inspect,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import AddConstraint
from support import Program
from versions import since

__all__ = ["clinic", "driver"]  # fixtures


def model() -> MetaData:
    metadata = MetaData(schema="clinic")
    owner = Table(
        "owner",
        metadata,
        Column("id", Integer, Identity(start=7, increment=3, cycle=True, cache=1)),
        Column("Mixed Case", String(30), nullable=False, server_default="it's", comment="a name"),
        Column("born", Integer, Computed("abs(id)")),
        Column("data", JSONB),
        Column("fee", Numeric(30, 4), server_default=text("0.5")),
        Column("bare", Numeric),
        Column("seq", BigInteger, Sequence("owner_seq", schema="clinic", cache=1)),
        PrimaryKeyConstraint("id", name="owner_key"),
        UniqueConstraint("born", "seq", name="u", auroradsql_nulls_not_distinct=True),
        CheckConstraint("fee > 0 OR fee IS NULL", name="fair"),
        comment="who pays",
    )
    pet = Table(
        "pet",
        metadata,
        Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
        Column("of", ForeignKey("clinic.owner.id", name="fk", ondelete="CASCADE")),
        Column("note", Text),
    )
    Index("owner_a", owner.c.seq.nulls_first(), owner.c.fee, auroradsql_include=["data", "bare"])
    Index("owner_b", func.lower(owner.c["Mixed Case"]), unique=True)
    Index("owner_c", owner.c.data["k"].astext, auroradsql_where=owner.c.fee > 1)
    Index("pet_of", pet.c.of, unique=True, auroradsql_nulls_not_distinct=True)
    Index("pet_low", func.lower(pet.c.note).nulls_first())
    return metadata


def catalog(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(text(CATALOG)))


def created(engine: Engine, metadata: MetaData) -> list[str]:
    """The statements of create_all()."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.strip().startswith(("CREATE", "ALTER", "COMMENT")):
            sent.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", note)
    metadata.create_all(engine)
    event.remove(engine, "before_cursor_execute", note)
    return sent


@since("2.0.16")  # which reads NULLS NOT DISTINCT
def test_what_was_read_back_makes_the_same_tables_again(clinic: Engine) -> None:
    first = model()
    first.create_all(clinic)
    before = catalog(clinic)
    assert len(before) >= 25
    statements = []
    for _ in range(2):
        again = MetaData(schema="clinic")
        again.reflect(clinic)
        again.drop_all(clinic)
        statements.append(created(clinic, again))
        assert catalog(clinic) == before
    # A Table has its indexes in no order.
    assert sorted(statements[0]) == sorted(statements[1])


@since("2.0.16")  # which reads NULLS NOT DISTINCT
def test_what_an_index_has_is_read_back(clinic: Engine) -> None:
    model().create_all(clinic)
    found = {index["name"]: index for index in inspect(clinic).get_indexes("owner", "clinic")}
    options = {name: index["dialect_options"] for name, index in found.items()}
    assert found["owner_a"]["column_names"] == ["seq", "fee"]
    assert found["owner_a"]["column_sorting"] == {"seq": ("nulls_first",)}
    assert options["owner_a"]["auroradsql_include"] == ["data", "bare"]
    assert (found["owner_b"]["unique"], found["owner_b"]["column_names"]) == (True, [None])
    assert "lower(" in found["owner_b"]["expressions"][0]
    assert "fee > " in options["owner_c"]["auroradsql_where"]
    assert found["u"]["duplicates_constraint"] == "u"
    (pet_of,) = (
        index for index in inspect(clinic).get_indexes("pet", "clinic") if index["name"] == "pet_of"
    )
    assert pet_of["dialect_options"]["auroradsql_nulls_not_distinct"] is True
    assert "auroradsql_using" not in pet_of["dialect_options"]


def test_primary_key_has_its_own_columns_only(clinic: Engine) -> None:
    model().create_all(clinic)
    key = inspect(clinic).get_pk_constraint("owner", "clinic")
    assert (key["name"], key["constrained_columns"]) == ("owner_key", ["id"])
    assert "dialect_options" not in key


def test_index_that_is_not_valid_is_marked(clinic: Engine) -> None:
    metadata = MetaData(schema="clinic")
    table = Table("twice", metadata, Column("id", Uuid, primary_key=True), Column("a", Integer))
    metadata.create_all(clinic)
    with clinic.begin() as connection:
        rows = [{"id": UUID(int=number), "a": 1} for number in range(2)]
        connection.execute(table.insert(), rows)
    Index("twice_a", table.c.a, unique=True).create(clinic)
    Index("twice_b", table.c.a).create(clinic)
    found = {index["name"]: index for index in inspect(clinic).get_indexes("twice", "clinic")}
    assert found["twice_a"]["dialect_options"]["auroradsql_invalid"] is True
    assert "auroradsql_invalid" not in found["twice_b"]["dialect_options"]
    again = MetaData(schema="clinic")
    again.reflect(clinic)
    assert {index.name for index in again.tables["clinic.twice"].indexes} == {"twice_a", "twice_b"}


def test_constraint_that_is_not_valid_is_read_back(clinic: Engine) -> None:
    metadata = MetaData(schema="clinic")
    table = Table("checked", metadata, Column("a", Integer))
    metadata.create_all(clinic)
    check = CheckConstraint("a > 0", name="c", auroradsql_not_valid=True)
    table.append_constraint(check)
    with clinic.connect() as connection:
        connection.execute(AddConstraint(check))
    (found,) = inspect(clinic).get_check_constraints("checked", "clinic")
    assert (found["sqltext"], found["auroradsql_not_valid"]) == (  # type: ignore[typeddict-item]
        "a > 0",
        True,
    )
    again = Table("checked", MetaData(), autoload_with=clinic, schema="clinic")
    (read,) = (item for item in again.constraints if isinstance(item, CheckConstraint))
    assert read.dialect_kwargs["auroradsql_not_valid"] is True


def test_views_schemas_and_sequences_are_listed(clinic: Engine) -> None:
    model().create_all(clinic)
    with clinic.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE VIEW clinic.seen AS SELECT note FROM clinic.pet"))
    found = inspect(clinic)
    assert found.get_view_names("clinic") == ["seen"]
    assert "SELECT" in found.get_view_definition("seen", "clinic")
    assert [column["name"] for column in found.get_columns("seen", "clinic")] == ["note"]
    assert "clinic" in found.get_schema_names() and "sys" not in found.get_schema_names()
    assert "owner_seq" in found.get_sequence_names("clinic")
    assert found.get_table_comment("owner", "clinic") == {"text": "who pays"}
    assert {name for _, name in found.get_multi_columns(schema="clinic")} == {"owner", "pet"}


def test_schema_of_500_tables_takes_few_queries(start: Callable[..., Program]) -> None:
    from aurora_dsql_sqlalchemy import create_dsql_engine

    endpoint = start("--ephemeral").endpoint
    engine = create_dsql_engine(
        "localhost",
        driver="psycopg",
        sslrootcert=endpoint.ca,
        connect_args={
            "hostaddr": "127.0.0.1",
            "port": endpoint.port,
            "credentials_file": endpoint.credentials,
        },
    )
    metadata = MetaData()
    for number in range(500):
        Table(
            f"t{number}",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("a", String(number % 50 + 1), index=number % 5 == 0),
        )
    metadata.create_all(engine, checkfirst=False)
    sent: list[str] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: sent.append(statement),
    )
    again = MetaData()
    again.reflect(engine)
    assert len(again.tables) == 500
    assert len(again.tables["t5"].indexes) == 1
    assert len(sent) <= 15, len(sent)
    engine.dispose()
