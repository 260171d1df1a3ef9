# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What a copied table keeps beside its rows: its owner, privileges, and comments on all it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from one_driver import clinic, driver
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, inspect, text

__all__ = ["clinic", "driver"]  # fixtures

KEPT = """
    SELECT 'grant', coalesce(c.attname, ''), r.rolname, a.privilege_type, a.is_grantable::text
    FROM pg_class t LEFT JOIN pg_attribute c ON c.attrelid = t.oid AND c.attacl IS NOT NULL
    CROSS JOIN LATERAL aclexplode(coalesce(c.attacl, t.relacl)) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE t.relname = 'people'
    UNION SELECT 'comment', coalesce(i.relname, k.conname, r.relname || '.' || rk.conname),
        d.description, d.classoid::regclass::text, ''
    FROM pg_description d LEFT JOIN pg_class i ON i.oid = d.objoid
    LEFT JOIN pg_constraint k ON k.oid = d.objoid AND k.conrelid = 'clinic.people'::regclass
    LEFT JOIN pg_constraint rk ON rk.oid = d.objoid AND rk.confrelid = 'clinic.people'::regclass
    LEFT JOIN pg_class r ON r.oid = rk.conrelid
    WHERE d.description LIKE 'what %' AND d.objsubid = 0
    UNION SELECT 'owner', '', tableowner, '', '' FROM pg_tables WHERE tablename = 'people'
    ORDER BY 1, 2, 3, 4
"""


@contextmanager
def operations(engine: Engine) -> Iterator[Operations]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction(_per_migration=True):
            yield Operations(context)


def stored(engine: Engine) -> None:
    metadata = MetaData(schema="clinic")
    people = Table(
        "people",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(20)),
        Column("age", Integer),
        Column("gone", Integer),
        sa.UniqueConstraint("name", name="people_name"),
        sa.CheckConstraint("age > 0", name="people_old"),
    )
    sa.Index("people_age", people.c.age)
    key = sa.ForeignKey("clinic.people.id", name="pets_of")
    Table("pets", metadata, Column("id", Integer, primary_key=True), Column("of", Integer, key))
    metadata.create_all(engine)


def change_of_type(op: Operations) -> None:
    with op.batch_alter_table("people", schema="clinic") as batch:
        batch.alter_column("age", type_=sa.BigInteger(), existing_type=Integer())
        batch.alter_column("name", new_column_name="called", existing_type=String(20))
        batch.drop_column("gone")


def kept(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(KEPT))]


@pytest.fixture
def roles(clinic: Engine) -> Iterator[None]:
    names = ("keep_owner", "keep_reader", "keep_writer")
    with operations(clinic) as op:
        for name in names:
            op.execute(f"CREATE ROLE {name}")
        op.execute("GRANT keep_owner TO admin")
        op.execute("GRANT CREATE ON SCHEMA clinic TO keep_owner")
    yield
    with operations(clinic) as op:
        op.execute("DROP TABLE clinic.pets")
        op.execute("DROP TABLE clinic.people")
        op.execute("REVOKE CREATE ON SCHEMA clinic FROM keep_owner")
        for name in names:
            op.execute(f"DROP ROLE {name}")


def test_copy_keeps_owner_privileges_and_comments(clinic: Engine, roles: None) -> None:
    stored(clinic)
    with operations(clinic) as op:
        for statement in (
            "GRANT SELECT ON clinic.people TO keep_reader WITH GRANT OPTION",
            "GRANT SELECT (name), UPDATE (name) ON clinic.people TO keep_writer",
            "GRANT SELECT (id) ON clinic.people TO PUBLIC",
            "GRANT SELECT (gone) ON clinic.people TO keep_writer",
            "COMMENT ON INDEX clinic.people_age IS 'what it''s for: 100%'",
            "COMMENT ON INDEX clinic.people_name IS 'what the index of a constraint is for'",
            "COMMENT ON CONSTRAINT people_name ON clinic.people IS 'what is once'",
            "COMMENT ON CONSTRAINT people_pkey ON clinic.people IS 'what the key is'",
            "COMMENT ON CONSTRAINT people_old ON clinic.people IS 'what is old'",
            "COMMENT ON CONSTRAINT pets_of ON clinic.pets IS 'what refers'",
            "ALTER TABLE clinic.people OWNER TO keep_owner",
        ):
            op.execute(statement)
    before = kept(clinic)
    assert len([row for row in before if row[0] == "comment"]) == 6
    with operations(clinic) as op:
        change_of_type(op)
    expected = [
        tuple("called" if word == "name" else word for word in row)
        for row in before
        if row[1] != "gone"
    ]
    assert set(kept(clinic)) == set(expected)


def test_privileges_are_for_columns_that_are_kept_and_not_for_their_namesakes(
    clinic: Engine, roles: None
) -> None:
    stored(clinic)
    with operations(clinic) as op:
        op.execute("GRANT SELECT (gone) ON clinic.people TO keep_reader")
        with op.batch_alter_table("people", schema="clinic", recreate="always") as batch:
            batch.drop_column("gone")
        with op.batch_alter_table("people", schema="clinic", recreate="always") as batch:
            batch.add_column(Column("gone", Integer))
    assert not [row for row in kept(clinic) if row[2] == "keep_reader"]


def test_comment_is_kept_where_an_index_cannot_be_renamed(clinic: Engine) -> None:
    stored(clinic)
    with operations(clinic) as op:
        op.execute("COMMENT ON INDEX clinic.people_age IS 'what it is for'")

    def refuse(connection: Any, cursor: Any, sql: str, parameters: Any, *rest: Any) -> Any:
        return "TRUNCATE clinic.people" if sql.startswith("ALTER INDEX") else sql, parameters

    before = kept(clinic)
    sa.event.listen(clinic, "before_cursor_execute", refuse, retval=True)
    with operations(clinic) as op:
        change_of_type(op)
    sa.event.remove(clinic, "before_cursor_execute", refuse)
    assert kept(clinic) == before


def test_owner_that_may_not_have_the_copy_leaves_the_table_as_it_was(
    clinic: Engine, roles: None
) -> None:
    stored(clinic)
    with operations(clinic) as op:
        op.execute("ALTER TABLE clinic.people OWNER TO keep_owner")
        op.execute("REVOKE CREATE ON SCHEMA clinic FROM keep_owner")
    before = kept(clinic)
    with pytest.raises(CommandError, match=r"people is as it was.*permission denied"):
        with operations(clinic) as op:
            change_of_type(op)
    assert kept(clinic) == before
    assert sorted(inspect(clinic).get_table_names("clinic")) == ["people", "pets"]


@pytest.mark.parametrize(
    ("made", "named", "dropped"),
    [
        (
            "CREATE VIEW clinic.seen AS SELECT name FROM clinic.people",
            "drop clinic.seen before",
            "VIEW clinic.seen",
        ),
        (
            "CREATE FUNCTION clinic.one(clinic.people) RETURNS int LANGUAGE SQL AS 'SELECT 1'",
            r"drop clinic.one\(clinic.people\) before",
            "FUNCTION clinic.one(clinic.people)",
        ),
    ],
)
def test_nothing_is_changed_when_something_depends_on_the_table(
    clinic: Engine, made: str, named: str, dropped: str
) -> None:
    stored(clinic)
    with operations(clinic) as op:
        op.execute(made)
    changes: list[str] = []

    def note(connection: Any, cursor: Any, sql: str, *rest: Any) -> None:
        if not sql.lstrip().startswith(("SELECT", "EXPLAIN")):
            changes.append(sql)

    sa.event.listen(clinic, "before_cursor_execute", note)
    with pytest.raises(CommandError, match=named), operations(clinic) as op:
        change_of_type(op)
    sa.event.remove(clinic, "before_cursor_execute", note)
    assert changes == []
    with operations(clinic) as op:
        op.execute(f"DROP {dropped}")
        change_of_type(op)
    assert isinstance(inspect(clinic).get_columns("people", "clinic")[2]["type"], sa.BigInteger)
