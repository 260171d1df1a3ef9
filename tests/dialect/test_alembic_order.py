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
from sqlalchemy import BigInteger, Column, Engine, ForeignKey, MetaData, Table, inspect

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


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_tables_are_dropped_behind_those_that_refer_to_them(
    engine: Engine, make_engine: MakeEngine, foreign_keys: bool
) -> None:
    stored().create_all(engine)
    before = keys(engine)
    with make_engine(foreign_keys=foreign_keys).connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": wanted()})
        script = produce_migrations(context, wanted())
        assert script.upgrade_ops is not None and script.downgrade_ops is not None
        there, back = (
            f"if True:\n    {render_python_code(steps, migration_context=context)}"
            for steps in (script.upgrade_ops, script.downgrade_ops)
        )
        names: dict[str, Any] = {"op": Operations(context), "sa": sa}
        exec(there, names)
        assert sorted(inspect(engine).get_table_names()) == ["other", "stays"]
        assert keys(engine) == {("stays", "stays_other", "other")}
        exec(back, names)
    assert sorted(inspect(engine).get_table_names()) == sorted(stored().tables)
    assert keys(engine) == (before if foreign_keys else {("stays", "stays_other", "other")})
