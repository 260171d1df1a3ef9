# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Alembic itself, on the local endpoint."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from aurora_dsql_sqlalchemy import create_dsql_engine, jobs
from aurora_dsql_sqlalchemy.psycopg import AuroraDSQLDialect_psycopg
from libdsql.local import arguments
from one_driver import driver, engine
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, inspect, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

__all__ = ["driver", "engine"]  # fixtures

MakeEngine = Callable[..., Engine]


@contextmanager
def operations(engine: Engine, **options: Any) -> Iterator[Operations]:
    """As a migration's: within Alembic's transaction."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        with context.begin_transaction(_per_migration=True):
            yield Operations(context)


def script(change: Callable[[Operations], Any]) -> list[str]:
    """What --sql writes."""
    buffer = io.StringIO()
    context = MigrationContext.configure(
        dialect=AuroraDSQLDialect_psycopg(foreign_keys=True),
        opts={"as_sql": True, "output_buffer": buffer},
    )
    change(Operations(context))
    return [" ".join(part.split()) for part in buffer.getvalue().split(";\n") if part.strip()]


def differences(engine: Engine, metadata: MetaData) -> list[Any]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"target_metadata": metadata, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))


def people(engine: Engine, rows: int = 3, **options: Any) -> Table:
    """A table with rows 1 to `rows`."""
    table = Table(
        "people",
        MetaData(),
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(20)),
        Column("age", Integer, **options),
        sa.UniqueConstraint("name", name="people_name"),
    )
    sa.Index("people_age", table.c.age)
    table.create(engine)
    values = [{"id": n, "name": f"n{n}", "age": n} for n in range(1, rows + 1)]
    for begin in range(0, rows, 3000):
        with engine.begin() as connection:
            connection.execute(table.insert(), values[begin : begin + 3000])
    return table


def column(engine: Engine, name: str, table: str = "people") -> dict[str, Any]:
    (found,) = (item for item in inspect(engine).get_columns(table) if item["name"] == name)
    return dict(found)


def rows(engine: Engine, query: str = "SELECT * FROM people ORDER BY id") -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


# Registration


@pytest.mark.parametrize(
    "order",
    [
        ("alembic.op", "aurora_dsql_sqlalchemy.psycopg"),
        ("aurora_dsql_sqlalchemy.psycopg", "alembic.op"),
    ],
)
def test_alembic_knows_the_dialect_in_either_order_of_imports(order: tuple[str, str]) -> None:
    program = (
        f"import {order[0]}, {order[1]}; from alembic.ddl.impl import DefaultImpl; "
        "print(DefaultImpl.get_by_dialect(aurora_dsql_sqlalchemy.psycopg.dialect).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "AuroraDSQLImpl\n", done.stderr


def test_dialect_does_not_import_alembic() -> None:
    program = "import sys, aurora_dsql_sqlalchemy.psycopg; print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


# Operations


def test_what_only_a_copy_can_do_is_done_by_one_on_request(make_engine: MakeEngine) -> None:
    engine = make_engine(alter_by_copy=True)
    people(engine)
    with operations(engine) as op:
        op.add_column("people", Column("step", sa.BigInteger, nullable=False, server_default="4"))
        op.alter_column("people", "age", type_=String(8), existing_type=Integer)
        op.alter_column("people", "name", nullable=False)
    assert rows(engine, "SELECT id, name, age, step FROM people ORDER BY id") == [
        (n, f"n{n}", str(n), 4) for n in (1, 2, 3)
    ]
    assert [column(engine, name)["nullable"] for name in ("step", "age", "name")] == [
        False,
        True,
        False,
    ]
    assert {"people_age", "people_name"} <= {
        item["name"] for item in inspect(engine).get_indexes("people")
    }
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE people"))


def test_each_operation_is_committed_by_itself(engine: Engine) -> None:
    people(engine)
    with pytest.raises(ZeroDivisionError), operations(engine) as op:
        op.execute("UPDATE people SET age = 7")
        op.add_column("people", Column("note", String(5)))
        op.bulk_insert(sa.table("people", sa.column("id")), [{"id": 9}])
        op.execute("CREATE INDEX ASYNC people_note ON people (note)")
        raise ZeroDivisionError
    assert {row[2] for row in rows(engine)} == {7, None}
    assert column(engine, "note")["type"].length == 5
    assert "people_note" in {item["name"] for item in inspect(engine).get_indexes("people")}


def test_column_gets_its_default_afterwards_and_so_do_the_rows(engine: Engine) -> None:
    people(engine, 2500)
    with operations(engine) as op:
        op.add_column("people", Column("kind", String(9), server_default="new", comment="which"))
    found = column(engine, "kind")
    assert "new" in found["default"] and found["comment"] == "which"
    assert rows(engine, "SELECT kind, count(*) FROM people GROUP BY kind") == [("new", 2500)]


def test_constraints_are_added_in_the_forms_of_the_service(engine: Engine) -> None:
    people(engine)
    with operations(engine) as op:
        op.create_unique_constraint("people_once", "people", ["name", "age"])
        op.create_check_constraint("people_old", "people", "age > 0")
        op.create_table("pets", Column("id", Integer, primary_key=True), Column("of", Integer))
        op.create_foreign_key("pets_of", "pets", "people", ["of"], ["id"], ondelete="CASCADE")
        op.alter_column("people", "name", new_column_name="called")
        op.alter_column("people", "age", server_default="5", comment="years")
    found = inspect(engine)
    assert {item["name"] for item in found.get_unique_constraints("people")} == {
        "people_name",
        "people_once",
    }
    assert [item["name"] for item in found.get_foreign_keys("pets")] == ["pets_of"]
    assert column(engine, "age")["default"] == "5"
    assert all(
        row[0]
        for row in rows(
            engine,
            "SELECT convalidated FROM pg_constraint WHERE conname IN ('people_old', 'pets_of')",
        )
    )
    with operations(engine) as op:
        op.drop_constraint("pets_of", "pets", type_="foreignkey")
        op.drop_constraint("people_once", "people", type_="unique")
        op.drop_constraint("people_old", "people", type_="check")
        op.alter_column("people", "age", server_default=None)
        op.drop_column("people", "age")
        op.rename_table("people", "folk")
    assert [item["name"] for item in inspect(engine).get_columns("folk")] == ["id", "called"]


def test_index_of_texts_keeps_to_what_is_there(engine: Engine, make_engine: MakeEngine) -> None:
    people(engine)
    with operations(engine) as op, pytest.raises(sa.exc.CompileError, match="descending keys"):
        op.create_index("newest", "people", [text("age DESC")])
    with operations(make_engine(unsupported="omit")) as op:
        with pytest.warns(sa.exc.SAWarning, match="descending keys"):
            op.create_index("newest", "people", [text("age DESC"), text("lower(name)")])
        op.execute("CREATE INDEX CONCURRENTLY named ON people (name)")
    found = {item["name"]: item for item in inspect(engine).get_indexes("people")}
    assert found["newest"]["expressions"] == ["age", "lower(name::text)"]
    assert found["named"]["column_names"] == ["name"]


def test_unique_index_over_duplicates_stops_the_migration_and_leaves_no_index(
    engine: Engine,
) -> None:
    people(engine)
    with operations(engine) as op:
        op.execute("UPDATE people SET age = 1")
    with pytest.raises(jobs.JobError, match="is duplicated"), operations(engine) as op:
        op.create_index("people_u", "people", ["age"], unique=True)
    assert "people_u" not in {item["name"] for item in inspect(engine).get_indexes("people")}


def test_check_that_does_not_hold_stops_the_migration_and_is_not_left(engine: Engine) -> None:
    people(engine)
    with pytest.raises(jobs.JobError, match="does not hold"), operations(engine) as op:
        op.create_check_constraint("people_old", "people", "age > 2")
    assert inspect(engine).get_check_constraints("people") == []


def test_column_may_be_unique_or_refer_to_another(engine: Engine) -> None:
    people(engine)
    with operations(engine) as op:
        op.add_column("people", Column("x", Integer, unique=True))
        op.add_column("people", Column("up", Integer, sa.ForeignKey("people.id", name="up")))
    found = inspect(engine)
    names = [item["column_names"] for item in found.get_unique_constraints("people")]
    assert sorted(names) == [["name"], ["x"]]
    assert [item["name"] for item in found.get_foreign_keys("people")] == ["up"]


def test_rows_are_inserted_in_as_many_transactions_as_they_need(engine: Engine) -> None:
    table = people(engine, 0)
    with operations(engine) as op:
        op.bulk_insert(table, [{"id": n} for n in range(3500)])
    assert rows(engine, "SELECT count(*) FROM people") == [(3500,)]


@pytest.mark.parametrize(
    "change",
    [
        lambda op: op.alter_column("people", "age", type_=String(5), existing_type=Integer()),
        lambda op: op.alter_column("people", "age", nullable=False),
        lambda op: op.add_column("people", Column("x", Integer, nullable=False)),
        lambda op: op.add_column("people", Column("x", Integer, sa.Identity())),
        lambda op: op.add_column("people", Column("x", Integer, sa.Computed("id + 1"))),
        lambda op: op.create_primary_key("pk", "people", ["age"]),
    ],
)
def test_operation_that_is_not_there_says_what_to_use(change: Any) -> None:
    with pytest.raises(CommandError, match=r"Aurora DSQL has no .*batch_alter_table"):
        script(change)


# Autogenerate


def model(name: str = "auto") -> MetaData:
    metadata = MetaData()
    parent = Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("n", sa.BigInteger, sa.Identity(always=True, start=5, cache=1)),
        Column("s", String(20), server_default="it's", comment="text"),
        Column("t", sa.Text, server_default=sa.text("'x'")),
        Column("b", sa.Boolean, server_default=sa.false(), nullable=False),
        Column("i", sa.SmallInteger, server_default="0"),
        Column("f", sa.Float, server_default="1.50"),
        Column("r", sa.REAL),
        Column("d", sa.DateTime(timezone=True), server_default=sa.func.now()),
        Column("u", sa.Uuid, server_default=sa.text("gen_random_uuid()")),
        Column("e", sa.Enum("a", "bc", name="e")),
        Column("j", JSONB, server_default="{}"),
        Column("k", sa.JSON().with_variant(JSONB(), "postgresql")),
        Column("l", sa.JSON, server_default=sa.text("'[]'")),
        Column("m", sa.Numeric),
        Column("m2", sa.DECIMAL(12, 3), server_default="0"),
        Column("c", sa.LargeBinary),
        Column("q", Integer, sa.Sequence(f"{name}_q", cache=1)),
        Column("z", Integer, sa.Computed("abs(i)")),
        sa.UniqueConstraint("s", "i", name=f"{name}_once"),
        sa.CheckConstraint("i >= 0", name="fair"),
        comment="a table",
    )
    Table(
        f"{name}_child",
        metadata,
        Column("id", UUID(), primary_key=True),
        Column(
            "of", sa.ForeignKey(f"{name}.id", name=f"{name}_fk", ondelete="CASCADE"), index=True
        ),
    )
    sa.Index(f"{name}_1", parent.c.s.nulls_first(), parent.c.i.asc(), auroradsql_include=["t"])
    sa.Index(f"{name}_2", sa.func.lower(parent.c.t), unique=True)
    sa.Index(f"{name}_3", parent.c.j["K x"].astext, postgresql_where=parent.c.i > 1)
    sa.Index(f"{name}_4", parent.c.e, postgresql_where=parent.c.s.in_(["A", "b c"]))
    sa.Index(f"{name}_5", parent.c.u, unique=True, auroradsql_nulls_not_distinct=True)
    sa.Index(f"{name}_7", parent.c.r, postgresql_where=parent.c.s.in_(["A"]))
    sa.Index(f"{name}_8", parent.c.f, postgresql_where=parent.c.t.like("a%"))
    sa.Index(f"{name}_6", parent.c.d, postgresql_where=sa.and_(parent.c.s != "Q", parent.c.i > 0))
    return metadata


def test_unchanged_model_has_no_differences(engine: Engine) -> None:
    metadata = model()
    metadata.create_all(engine)
    assert differences(engine, metadata) == []
    metadata.drop_all(engine)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: setattr(t.c.s, "type", String(21)), "modify_type"),
        (lambda t: setattr(t.c.s, "type", String()), "modify_type"),
        (lambda t: setattr(t.c.m, "type", sa.Numeric(30, 6)), "modify_type"),
        (lambda t: setattr(t.c.r, "type", sa.Float()), "modify_type"),
        (lambda t: setattr(t.c.b, "nullable", True), "modify_nullable"),
        (lambda t: setattr(t.c.t, "server_default", sa.DefaultClause("X")), "modify_default"),
        (lambda t: setattr(t.c.i, "server_default", sa.DefaultClause("1")), "modify_default"),
        (lambda t: setattr(t.c.d, "server_default", None), "modify_default"),
        (lambda t: setattr(t.c.s, "comment", "other"), "modify_comment"),
        (lambda t: setattr(t.c.n.identity, "always", False), "modify_default"),
        (lambda t: t.append_column(Column("extra", Integer)), "add_column"),
        (lambda t: t.indexes.remove(index(t, 1)), "remove_index"),
        (lambda t: sa.Index("auto_9", t.c.r), "add_index"),
        (lambda t: replace(t, 1, t.c.s, t.c.i, auroradsql_include=["t"]), "add_index"),
        (lambda t: replace(t, 1, t.c.s.nulls_first(), t.c.i), "add_index"),
        (lambda t: replace(t, 2, sa.func.upper(t.c.t), unique=True), "add_index"),
        (lambda t: replace(t, 3, t.c.j["K y"].astext, postgresql_where=t.c.i > 1), "add_index"),
        (lambda t: replace(t, 4, t.c.e, postgresql_where=t.c.s.in_(["A", "bc"])), "add_index"),
        (lambda t: replace(t, 5, t.c.u, unique=True), "add_index"),
        (lambda t: t.append_constraint(sa.UniqueConstraint("r", name="auto_r")), "add_constraint"),
        (lambda t: setattr(t, "comment", "another"), "add_table_comment"),
        (
            lambda t: Table("auto_more", t.metadata, Column("id", Integer, primary_key=True)),
            "add_table",
        ),
    ],
)
def test_change_of_the_model_is_found(engine: Engine, change: Any, expected: str) -> None:
    metadata = model()
    metadata.create_all(engine)
    changed = model()
    change(changed.tables["auto"])
    found = differences(engine, changed)
    metadata.drop_all(engine)
    kinds = {item[0] if isinstance(item, tuple) else item[0][0] for item in found}
    assert expected in kinds and len(found) <= 2, found


def index(table: Table, number: int) -> sa.Index:
    (found,) = (item for item in table.indexes if item.name == f"auto_{number}")
    return found


def replace(table: Table, number: int, *keys: Any, **options: Any) -> None:
    table.indexes.remove(index(table, number))
    sa.Index(f"auto_{number}", *keys, **options)


def test_foreign_keys_that_are_not_emitted_are_not_missed(make_engine: MakeEngine) -> None:
    engine = make_engine(foreign_keys=False)
    metadata = model()
    metadata.create_all(engine)
    assert differences(engine, metadata) == []
    metadata.drop_all(engine)


# batch_alter_table


def change_of_type(op: Operations) -> None:
    with op.batch_alter_table("people") as batch:
        batch.alter_column("age", type_=String(9), existing_type=Integer(), nullable=False)


def test_batch_copies_a_table_with_all_it_has(engine: Engine) -> None:
    people(engine, 3200, comment="years")
    with operations(engine) as op:
        op.create_table("pets", Column("id", Integer, primary_key=True), Column("of", Integer))
        op.create_foreign_key("pets_of", "pets", "people", ["of"], ["id"])
        op.execute("INSERT INTO pets (of) VALUES (7)")
        op.execute("CREATE ROLE batch_reader")
        op.execute("GRANT SELECT ON people TO batch_reader")
        change_of_type(op)
    found = inspect(engine)
    age = column(engine, "age")
    assert (age["type"].length, age["nullable"], age["comment"]) == (9, False, "years")
    assert rows(engine, "SELECT count(*), sum(age::int), sum(id) FROM people") == [
        (3200, 5121600, 5121600)
    ]
    assert {item["name"] for item in found.get_indexes("people")} == {"people_age", "people_name"}
    assert found.get_pk_constraint("people")["name"] == "people_pkey"
    (key,) = found.get_foreign_keys("pets")
    assert (key["name"], key["referred_table"]) == ("pets_of", "people")
    assert sorted(found.get_table_names()) == ["people", "pets"]
    assert rows(engine, "SELECT has_table_privilege('batch_reader', 'people', 'SELECT')") == [
        (True,)
    ]
    with operations(engine) as op:
        op.execute("REVOKE SELECT ON people FROM batch_reader")
        op.execute("DROP ROLE batch_reader")


def test_batch_that_needs_no_copy_is_done_in_place(engine: Engine) -> None:
    people(engine)
    before = rows(engine, "SELECT 'people'::regclass::oid")
    with operations(engine) as op, op.batch_alter_table("people") as batch:
        batch.add_column(Column("x", Integer, server_default="4"))
        batch.create_unique_constraint("people_x", ["x", "id"])
        batch.drop_column("name")
    assert rows(engine, "SELECT 'people'::regclass::oid") == before
    assert {row[2] for row in rows(engine)} == {4}


def test_batch_changes_the_primary_key(engine: Engine) -> None:
    people(engine)
    with operations(engine) as op, op.batch_alter_table("people") as batch:
        batch.drop_constraint("people_pkey", type_="primary")
        batch.create_primary_key("people_pk", ["name"])
        batch.alter_column("name", existing_type=String(20), nullable=False)
    assert inspect(engine).get_pk_constraint("people")["constrained_columns"] == ["name"]
    assert inspect(engine).get_pk_constraint("people")["name"] == "people_pk"


@pytest.mark.parametrize("always", [True, False])
def test_identity_goes_on_behind_the_values_that_were_copied(engine: Engine, always: bool) -> None:
    table = Table(
        "people",
        MetaData(),
        Column("id", Integer, sa.Identity(always=always, cache=1), primary_key=True),
        Column("age", Integer),
    )
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"age": n} for n in range(20)])
    with operations(engine) as op:
        change_of_type(op)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO people (age) VALUES ('last')"))
    found = rows(engine)
    assert [row[0] for row in found] == list(range(1, 22))
    assert found[-1][1] == "last"


def test_values_of_an_identity_are_copied_whatever_is_in_the_keys(engine: Engine) -> None:
    table = Table(
        "people",
        MetaData(),
        Column("name", String(20), primary_key=True),
        Column("n", sa.BigInteger, sa.Identity(always=True, start=7, cache=1)),
        Column("age", Integer),
    )
    table.create(engine)
    with engine.begin() as connection:
        names = [f"a%b:c\\:'{n:04}" for n in range(1200)]
        connection.execute(table.insert(), [{"name": name, "age": 1} for name in names])
    before = rows(engine, "SELECT name, n FROM people ORDER BY name")
    with operations(engine) as op:
        change_of_type(op)
    assert rows(engine, "SELECT name, n FROM people ORDER BY name") == before
    assert len(before) == 1200


@pytest.mark.parametrize("driver", ["libdsql", "psycopg"])
def test_copy_of_names_with_percent_signs(engine: Engine) -> None:
    metadata = MetaData()
    table = Table(
        "a%b",
        metadata,
        Column("c%d", sa.BigInteger, sa.Identity(cache=1), primary_key=True),
        Column("e%f", Integer, unique=True),
        Column("g%h", sa.BigInteger, sa.ForeignKey("a%b.c%d", name="i%j")),
    )
    sa.Index("k%l", table.c["g%h"])
    reference = sa.ForeignKey("a%b.c%d", name="m%n")
    Table("o%p", metadata, Column("id", sa.BigInteger, reference, primary_key=True))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), {"e%f": 7})
    with operations(engine) as op, op.batch_alter_table("a%b") as batch:
        batch.alter_column("e%f", type_=sa.BigInteger(), existing_type=Integer())
    found = inspect(engine)
    assert sorted(found.get_table_names()) == ["a%b", "o%p"]
    assert [index["name"] for index in found.get_indexes("a%b")] == ["a%b_e%f_key", "k%l"]
    assert [key["name"] for key in found.get_foreign_keys("a%b")] == ["i%j"]
    assert [key["name"] for key in found.get_foreign_keys("o%p")] == ["m%n"]
    with engine.connect() as connection:
        assert connection.execute(sa.select(table)).all() == [(1, 7, None)]


def test_copy_keeps_comments(engine: Engine) -> None:
    table = people(engine, comment="in years")
    for comment, changes in [("who's 100%", 0), ("changed", 1), (None, 2)]:
        with operations(engine) as op:
            if not changes:
                op.create_table_comment("people", comment)
            with op.batch_alter_table("people", recreate="always") as batch:
                if changes == 1:
                    batch.create_table_comment(comment)
                if changes == 2:
                    batch.drop_table_comment()
        table.comment = comment
        assert inspect(engine).get_table_comment("people")["text"] == comment
        assert differences(engine, table.metadata) == []


def test_conflicts_at_commit_are_tried_again(start: Callable[..., Any]) -> None:
    program = start("--ephemeral", "--inject", "occ=0.4,seed=5")
    engine = create_dsql_engine(
        "localhost", driver="psycopg", connect_args=arguments(program.endpoint)
    )
    table = Table(
        "people", MetaData(), Column("id", Integer, primary_key=True, autoincrement=False)
    )
    with operations(engine) as op:
        op.create_table("people", *(column._copy() for column in table.c), Column("age", Integer))
        op.bulk_insert(table, [{"id": n} for n in range(3000)])
        for _ in range(5):
            op.execute("UPDATE people SET age = coalesce(age, 0) + 1")
        change_of_type(op)
    assert rows(engine, "SELECT age, count(*) FROM people GROUP BY age") == [("5", 3000)]
    engine.dispose()


class Interrupted(Exception):
    """As if the process had been killed."""


def interrupted(engine: Engine, change: Callable[[Operations], None], words: str) -> None:
    """Carry out a change up to the first statement that begins with words."""

    def stop(connection: Any, cursor: Any, sql: str, *rest: Any) -> None:
        if sql.lstrip().startswith(words):
            raise Interrupted

    sa.event.listen(engine, "before_cursor_execute", stop)
    with pytest.raises(Interrupted), operations(engine) as op:
        change(op)
    sa.event.remove(engine, "before_cursor_execute", stop)


def test_batch_that_was_changed_after_it_was_interrupted_begins_anew(engine: Engine) -> None:
    people(engine)
    interrupted(engine, change_of_type, "CREATE INDEX")
    with operations(engine) as op, op.batch_alter_table("people") as batch:
        batch.alter_column("age", type_=sa.BigInteger(), existing_type=Integer())
    assert isinstance(column(engine, "age")["type"], sa.BigInteger)
    assert column(engine, "age")["nullable"]
    assert rows(engine, "SELECT sum(age) FROM people") == [(6,)]
    assert inspect(engine).get_table_names() == ["people"]


def test_table_that_was_made_while_a_copy_was_interrupted_is_not_taken_for_it(
    engine: Engine,
) -> None:
    people(engine)
    interrupted(engine, change_of_type, "CREATE TABLE _alembic_new")
    Table("people", MetaData(), Column("id", Integer)).create(engine)
    with pytest.raises(CommandError, match="another origin"), operations(engine) as op:
        change_of_type(op)
    with operations(engine) as op:
        op.drop_table("people")
        change_of_type(op)
    assert rows(engine, "SELECT count(*) FROM people") == [(3,)]


def test_copy_keeps_foreign_keys_that_the_engine_would_not_make(
    engine: Engine, make_engine: MakeEngine
) -> None:
    metadata = MetaData()
    Table(
        "people",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("age", Integer),
        Column("up", Integer, sa.ForeignKey("people.id", name="people_up", ondelete="SET NULL")),
    )
    metadata.create_all(engine)
    with operations(make_engine(foreign_keys=False)) as op:
        change_of_type(op)
    (key,) = inspect(engine).get_foreign_keys("people")
    assert (key["name"], key["referred_table"]) == ("people_up", "people")
    assert key["options"] == {"ondelete": "SET NULL"}


def test_batch_makes_indexes_with_all_they_say(engine: Engine) -> None:
    people(engine)
    with operations(engine) as op, op.batch_alter_table("people") as batch:
        batch.alter_column("age", type_=sa.BigInteger(), existing_type=Integer())
        batch.create_index("i1", [text("lower(name)")], unique=True)
        batch.create_index("i2", ["age"], postgresql_where=text("age > 1"))
        batch.create_index("i3", ["age", "name"], auroradsql_include=["id"])
    found = {item["name"]: item for item in inspect(engine).get_indexes("people")}
    assert found["i1"]["unique"] and found["i1"]["expressions"] == ["lower(name::text)"]
    assert found["i2"]["dialect_options"]["auroradsql_where"] == "(age > 1)"
    assert found["i3"]["column_names"] == ["age", "name"]
    assert found["i3"]["dialect_options"]["auroradsql_include"] == ["id"]


def test_index_is_built_once_more_where_it_cannot_be_renamed(engine: Engine) -> None:
    people(engine)

    def refuse(connection: Any, cursor: Any, sql: str, parameters: Any, *rest: Any) -> Any:
        return "TRUNCATE people" if sql.startswith("ALTER INDEX") else sql, parameters

    sa.event.listen(engine, "before_cursor_execute", refuse, retval=True)
    with operations(engine) as op:
        change_of_type(op)
    sa.event.remove(engine, "before_cursor_execute", refuse)
    assert {item["name"] for item in inspect(engine).get_indexes("people")} == {
        "people_age",
        "people_name",
    }
    assert inspect(engine).get_table_names() == ["people"]


def test_tables_with_long_names_are_copied_side_by_side(engine: Engine) -> None:
    names = [f"{'n' * 61}{end}" for end in "ab"]
    for name in names:
        table = Table(
            name, MetaData(), Column("id", Integer, primary_key=True), Column("a", Integer)
        )
        table.create(engine)
    keys = [inspect(engine).get_pk_constraint(name)["name"] for name in names]
    with operations(engine) as op:
        for name in names:
            with op.batch_alter_table(name) as batch:
                batch.alter_column("a", type_=String(), existing_type=Integer())
    assert sorted(inspect(engine).get_table_names()) == names
    for name in names:
        assert isinstance(column(engine, "a", name)["type"], String)
    assert [inspect(engine).get_pk_constraint(name)["name"] for name in names] == keys


def test_batch_makes_columns_that_are_numbered_or_computed(engine: Engine) -> None:
    people(engine)
    with operations(engine) as op, op.batch_alter_table("people") as batch:
        batch.add_column(Column("n", sa.BigInteger, sa.Identity(always=True, cache=1)))
        batch.add_column(Column("c", Integer, sa.Computed("age * 2")))
        batch.alter_column("age", type_=sa.BigInteger(), existing_type=Integer())
    assert [(row[3], row[4]) for row in rows(engine)] == [(1, 2), (2, 4), (3, 6)]
    with operations(engine) as op, op.batch_alter_table("people") as batch:
        batch.alter_column("n", server_default=None, existing_server_default=sa.Identity())
        batch.alter_column(
            "id", existing_type=Integer(), server_default=sa.Identity(), existing_nullable=False
        )
    assert column(engine, "n").get("identity") is None
    assert column(engine, "id")["identity"]["cache"] == 65536
    with engine.begin() as connection:
        key = connection.scalar(text("INSERT INTO people (n) VALUES (9) RETURNING id"))
    assert key == 4


def test_old_table_cannot_be_written_under_its_name_while_it_is_copied(engine: Engine) -> None:
    people(engine, 1500)
    refused = []

    def write(connection: Any, cursor: Any, sql: str, *rest: Any) -> None:
        if sql.startswith("INSERT INTO _alembic_new_people"):
            with engine.connect() as other, pytest.raises(sa.exc.ProgrammingError) as caught:
                other.execute(text("UPDATE people SET age = 0"))
            refused.append(str(caught.value))

    sa.event.listen(engine, "before_cursor_execute", write)
    with operations(engine) as op:
        change_of_type(op)
    sa.event.remove(engine, "before_cursor_execute", write)
    assert len(refused) >= 2 and 'relation "people" does not exist' in refused[0]
    assert rows(engine, "SELECT sum(age::int) FROM people") == [(1125750,)]


def test_rows_that_do_not_fit_leave_the_table_as_it_was(engine: Engine) -> None:
    people(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE people SET age = NULL WHERE id = 2"))
    before = rows(engine)
    with pytest.raises(CommandError, match="as it was"), operations(engine) as op:
        change_of_type(op)
    assert rows(engine) == before
    assert inspect(engine).get_table_names() == ["people"]


def test_table_that_a_view_depends_on_is_not_copied(engine: Engine) -> None:
    people(engine)
    with operations(engine) as op:
        op.execute("CREATE VIEW seen AS SELECT name FROM people")
    with pytest.raises(CommandError, match="seen"), operations(engine) as op:
        change_of_type(op)
    with operations(engine) as op:
        op.execute("DROP VIEW seen")
    assert inspect(engine).get_table_names() == ["people"]


# --sql


def test_offline_script_has_a_statement_for_each_transaction() -> None:
    def change(op: Operations) -> None:
        op.add_column("t", Column("a", Integer, server_default="1"))
        op.create_check_constraint("c", "t", "a > 0")
        op.create_unique_constraint("u", "t", ["a"])

    found = script(change)
    assert "BEGIN" not in " ".join(found)
    statements = [part.rpartition("-- ")[0] + part if "--" not in part else part for part in found]
    joined = "\n".join(statements)
    for words in (
        "ALTER TABLE t ADD COLUMN a INTEGER",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT '1'",
        "UPDATE t SET a=DEFAULT WHERE t.a IS NULL",
        "ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE ASYNC t VALIDATE CONSTRAINT c",
        "CREATE UNIQUE INDEX ASYNC u ON t (a)",
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX u",
    ):
        assert words in joined, joined


def test_copy_is_not_written_into_an_offline_script() -> None:
    with pytest.raises(CommandError, match="online"):
        script(change_of_type)


@pytest.mark.parametrize("driver", ["libdsql", "asyncpg"])
def test_offline_script_has_foreign_keys_where_the_dialect_is_told_of_them(driver: str) -> None:
    buffer = io.StringIO()
    context = MigrationContext.configure(
        url=f"auroradsql+{driver}://admin@local/postgres?foreign_keys=true",
        dialect_opts={"paramstyle": "named", "foreign_keys": True},  # type: ignore[dict-item]
        opts={"as_sql": True, "output_buffer": buffer},
    )
    Operations(context).create_foreign_key("k", "a", "b", ["c"], ["d"])
    assert "FOREIGN KEY(c) REFERENCES b (d) NOT VALID" in buffer.getvalue()
    assert "ALTER TABLE ASYNC a VALIDATE CONSTRAINT k" in buffer.getvalue()


# Numbers that come from elsewhere


def numbered_models() -> MetaData:
    metadata = MetaData()
    Table("maker", metadata, Column("id", Integer, primary_key=True), Column("size", Integer))
    Table(
        "made",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("maker_id", Integer, sa.ForeignKey("maker.id")),
    )
    return metadata


def test_columns_that_refer_to_numbered_keys_are_bigint_in_migrations(engine: Engine) -> None:
    metadata = numbered_models()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
        steps = produce_migrations(context, metadata).upgrade_ops
        assert steps is not None
        text_of = render_python_code(steps, migration_context=context)
    assert "sa.Column('maker_id', sa.BigInteger(), nullable=True)" in text_of
    assert "sa.Column('size', sa.Integer(), nullable=True)" in text_of
    with operations(engine) as op:
        exec(f"if True:\n    {text_of}", {"op": op, "sa": sa})
    assert differences(engine, metadata) == []


def test_comparison_needs_no_target_metadata(engine: Engine) -> None:
    metadata = numbered_models()
    metadata.create_all(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_older_migrations_make_them_bigint_as_well(engine: Engine) -> None:
    with operations(engine) as op:
        op.create_table("maker", Column("id", Integer, primary_key=True), Column("size", Integer))
        op.create_table(
            "made",
            Column("id", Integer, nullable=False),
            Column("maker_id", Integer),
            sa.ForeignKeyConstraint(["maker_id"], ["maker.id"]),
            sa.PrimaryKeyConstraint("id"),
        )
    assert str(column(engine, "maker_id", "made")["type"]) == "BIGINT"
    assert differences(engine, numbered_models()) == []
