# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Autogenerate drops tables behind those that refer to them, whatever the models say of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from one_driver import driver, engine
from sqlalchemy import BigInteger, Column, Connection, Engine, ForeignKey, MetaData, Table, inspect

__all__ = ["driver", "engine"]  # fixtures

MakeEngine = Callable[..., Engine]


def table(metadata: MetaData, name: str, *targets: str) -> None:
    """A table that refers to others."""
    keys = [
        Column(f"{other}_id", BigInteger, ForeignKey(f"{other}.id", name=f"{name}_{other}"))
        for other in targets
    ]
    Table(name, metadata, Column("id", BigInteger, primary_key=True, autoincrement=False), *keys)


def stored() -> MetaData:
    """A row of tables, two that refer to each other, one to itself, and two that will stay."""
    metadata = MetaData()
    table(metadata, "a")
    table(metadata, "b", "a", "b")
    table(metadata, "c", "b", "a")
    table(metadata, "d", "e")
    table(metadata, "e", "d", "c")
    table(metadata, "stays", "a", "other")
    table(metadata, "other", "b")
    return metadata


def wanted() -> MetaData:
    """Without those, and without the column of one foreign key and the other foreign key itself."""
    metadata = MetaData()
    table(metadata, "other")
    table(metadata, "stays", "other")
    metadata.tables["stays"].append_column(Column("a_id", BigInteger))
    return metadata


def keys(engine: Engine) -> set[tuple[str, str, str]]:
    return {
        (name, key["name"] or "", key["referred_table"])
        for (_, name), found in inspect(engine).get_multi_foreign_keys().items()
        for key in found
    }


def scripts(connection: Connection, metadata: MetaData) -> tuple[str, str, dict[str, Any]]:
    """What autogenerate writes for an upgrade and for a downgrade, and the names for it."""
    context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
    script = produce_migrations(context, metadata)
    assert script.upgrade_ops is not None and script.downgrade_ops is not None
    options: Any = {"render_as_batch": True, "migration_context": context}
    there, back = (
        f"if True:\n    {render_python_code(steps, **options)}"
        for steps in (script.upgrade_ops, script.downgrade_ops)
    )
    return there, back, {"op": Operations(context), "sa": sa}


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_tables_are_dropped_behind_those_that_refer_to_them(
    engine: Engine, make_engine: MakeEngine, foreign_keys: bool
) -> None:
    stored().create_all(engine)
    before = keys(engine)
    with make_engine(foreign_keys=foreign_keys).connect() as connection:
        there, back, names = scripts(connection, wanted())
        exec(there, names)
        assert sorted(inspect(engine).get_table_names()) == ["other", "stays"]
        assert keys(engine) == {("stays", "stays_other", "other")}
        exec(back, names)
    assert sorted(inspect(engine).get_table_names()) == sorted(stored().tables)
    assert keys(engine) == (before if foreign_keys else {("stays", "stays_other", "other")})


@pytest.mark.parametrize("copied", [True, False])
def test_constraints_without_names_are_made_and_dropped_again(engine: Engine, copied: bool) -> None:
    one, other = MetaData(), MetaData()
    for metadata in (one, other):
        table(metadata, "a")
        table(metadata, "b")
        metadata.tables["b"].append_column(Column("n", BigInteger))
    if copied:
        other.tables["b"].append_column(Column("m", BigInteger, nullable=False))
    other.tables["b"].append_column(Column("a_id", BigInteger, ForeignKey("a.id")))
    other.tables["b"].append_constraint(sa.UniqueConstraint("n", "a_id"))
    one.create_all(engine)
    with engine.connect() as connection:
        there, back, names = scripts(connection, other)
        exec(there, names)
        assert keys(engine) == {("b", "b_a_id_fkey", "a")}
        (found,) = inspect(engine).get_unique_constraints("b")
        assert (found["name"], found["column_names"]) == ("b_n_a_id_key", ["n", "a_id"])
        exec(back, names)
        assert keys(engine) == set() and not inspect(engine).get_unique_constraints("b")


def test_batch_that_copies_names_what_has_no_name(engine: Engine) -> None:
    metadata = MetaData()
    table(metadata, "a")
    metadata.tables["a"].append_column(Column("n", BigInteger))
    metadata.create_all(engine)
    with engine.connect() as connection:
        op = Operations(MigrationContext.configure(connection))
        with op.batch_alter_table("a", recreate="always") as batch:
            batch.create_unique_constraint(None, ["n"])
            batch.create_foreign_key(None, "a", ["n"], ["id"])
    assert [item["name"] for item in inspect(engine).get_unique_constraints("a")] == ["a_n_key"]
    assert keys(engine) == {("a", "a_n_fkey", "a")}
