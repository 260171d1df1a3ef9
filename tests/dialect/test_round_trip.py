# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of all kinds, made by chance: what is read back makes them again, all the same."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from kinds import CATALOG, CONDITIONS, IDENTITIES, KEYS, all_defaults, all_types
from one_driver import clinic, driver
from sqlalchemy import Column, Engine, Index, Integer, MetaData, Table, event, types
from sqlalchemy.dialects import postgresql

__all__ = ["clinic", "driver"]  # fixtures


def made(chance: random.Random) -> MetaData:
    """A few tables that refer to each other."""
    metadata = MetaData(schema="clinic")
    tables: list[Table] = []
    for number in range(chance.randint(2, 4)):
        table = one(chance, metadata, f"table {number}" if chance.random() < 0.3 else f"t{number}")
        for place, other in enumerate([*tables, table]):
            if chance.random() < 0.5:
                refer(chance, table, other, f"fk{number}_{place}")
        tables.append(table)
    return metadata


def one(chance: random.Random, metadata: MetaData, name: str) -> Table:
    table = Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=chance.choice([True, False])),
        Column("a", Integer),
        Column("b", types.String(20), comment=chance.choice([None, "it's 100%"])),
        Column("d", types.DateTime),
        Column("f", types.Boolean),
        Column("g", Integer, sa.Computed("a + 1")),
        Column("j", postgresql.JSONB),
        Column("u", types.Uuid, nullable=chance.random() < 0.5),
        Column("Mixed", types.Text),
        Column("x", Integer, sa.UniqueConstraint(name=f"{name}_x")),
        comment=chance.choice([None, "what 'is' in it"]),
    )
    for n, kind in enumerate(chance.sample(all_types(), 6)):
        table.append_column(Column(f"kind {n}", kind, nullable=chance.random() < 0.7))
    for n, (kind, default) in enumerate(chance.sample(all_defaults(), 5)):
        if "numbers" not in str(default) and not isinstance(default, sa.Sequence):
            table.append_column(Column(f"default{n}", kind, server_default=default))
    identity = chance.choice(IDENTITIES)()
    table.append_column(Column("n", sa.BigInteger, identity))
    for n, key in enumerate(chance.sample(KEYS, 3)):
        keys = [key(table.c), *([table.c.u] if chance.random() < 0.3 else [])]
        options: dict[str, Any] = {"unique": chance.random() < 0.3}
        if chance.random() < 0.4:
            options["auroradsql_include"] = ["f", "Mixed"]
        if chance.random() < 0.4:
            options["auroradsql_where"] = chance.choice(CONDITIONS)(table.c)
        if options["unique"] and chance.random() < 0.4:
            options["auroradsql_nulls_not_distinct"] = True
        index = Index(f"{name}_i{n}", *keys, **options)
        if index.table is None:  # that of a text
            table.append_constraint(index)
    for n, condition in enumerate(chance.sample(CONDITIONS, 2)):
        table.append_constraint(sa.CheckConstraint(condition(table.c), name=f"{name}_c{n}"))
    options = {"auroradsql_nulls_not_distinct": True} if chance.random() < 0.5 else {}
    table.append_constraint(sa.UniqueConstraint("a", "u", name=f"{name}_u", **options))
    return table


def refer(chance: random.Random, table: Table, other: Table, name: str) -> None:
    options = chance.choice(
        [{}, {"ondelete": "CASCADE"}, {"onupdate": "SET NULL", "deferrable": True}]
    )
    column = Column(name, other.c.id.type if not other.c.id.identity else sa.BigInteger)
    table.append_column(column)
    table.append_constraint(
        sa.ForeignKeyConstraint([name], [f"clinic.{other.name}.id"], name=name, **options)
    )


def catalog(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(sa.text(CATALOG)))


def differences(engine: Engine, metadata: MetaData) -> list[Any]:
    options = {
        "target_metadata": metadata,
        "compare_server_default": True,
        "include_schemas": True,
        "include_name": lambda name, kind, parents: kind != "schema" or name == "clinic",
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def created(engine: Engine, metadata: MetaData) -> list[str]:
    """The statements of create_all(); a Table has its indexes in no order."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.strip().startswith(("CREATE", "ALTER", "COMMENT")):
            sent.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", note)
    metadata.create_all(engine)
    event.remove(engine, "before_cursor_execute", note)
    return sorted(sent)


@pytest.mark.parametrize("seed", range(6))
def test_tables_made_by_chance(clinic: Engine, seed: int) -> None:
    first = made(random.Random(seed))
    first.create_all(clinic)
    statements, catalogs = [], []
    for _ in range(3):
        assert differences(clinic, first) == []
        again = MetaData(schema="clinic")
        again.reflect(clinic)
        assert differences(clinic, again) == []
        again.drop_all(clinic)
        statements.append(created(clinic, again))
        catalogs.append(catalog(clinic))
    # PostgreSQL writes an array with a cast in another way when it reads what it has written.
    assert statements[1] == statements[2]
    assert catalogs[0] == catalogs[1] == catalogs[2]


def named(catalog: list[str]) -> list[str]:
    """Without the names of identities' sequences, and what PostgreSQL writes in two ways."""
    kept = [line for line in catalog if "ARRAY[" not in line]
    return sorted(re.sub(r"^(_alembic_new_)?(.*)_seq\d* ", r"\2_seq ", line) for line in kept)


@pytest.mark.parametrize("seed", range(2))
def test_tables_made_by_chance_are_copied_by_a_batch(clinic: Engine, seed: int) -> None:
    first = made(random.Random(seed))
    first.create_all(clinic)
    before = named(catalog(clinic))
    with clinic.connect() as connection:
        op = Operations(MigrationContext.configure(connection))
        for table in first.sorted_tables:
            with op.batch_alter_table(table.name, schema="clinic", recreate="always"):
                pass
    assert named(catalog(clinic)) == before
    assert differences(clinic, first) == []
