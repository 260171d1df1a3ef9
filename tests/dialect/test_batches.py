# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Objects with UUID keys are inserted in batches, not one statement each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, String, Uuid, event, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

MakeEngine = Callable[..., Engine]

DEFAULTS: dict[str, dict[str, Any]] = {
    "default": {"default": text("gen_random_uuid()")},
    "server_default": {"server_default": text("gen_random_uuid()")},
    "function": {"server_default": func.gen_random_uuid()},
}


def model(default: str, prefix: str = "owner") -> Any:
    """A mapped class whose key is the README's, with one of its defaults."""

    class Base(DeclarativeBase):
        pass

    class Owner(Base):
        __tablename__ = f"{prefix}_{default}"
        id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, **DEFAULTS[default])
        name: Mapped[str]
        city: Mapped[str] = mapped_column(String(30), server_default="Anytown")

    return Owner


class Trips:
    """The statements that were sent while this is entered, but for BEGIN and COMMIT."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.statements: list[str] = []

    def note(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        self.statements.append(statement)

    def __enter__(self) -> list[str]:
        event.listen(self.engine, "before_cursor_execute", self.note)
        return self.statements

    def __exit__(self, *error: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self.note)


@pytest.mark.parametrize("default", DEFAULTS)
def test_objects_are_inserted_in_batches_and_know_their_keys(engine: Engine, default: str) -> None:
    owner = model(default)
    owner.metadata.drop_all(engine)
    owner.metadata.create_all(engine)
    with Session(engine) as session:
        made = [owner(name=f"owner {i}") for i in range(2500)]
        session.add_all(made)
        with Trips(engine) as statements:
            session.commit()
        assert len(statements) == 3, statements[:5]
    with Session(engine, expire_on_commit=False) as session:
        names = session.execute(select(owner.name)).scalars().all()
        few = [owner(name=f"another {i}") for i in range(3)]
        session.add_all(few)
        with Trips(engine) as statements:
            session.flush()
        assert len(statements) == 1
        assert len({item.id for item in few}) == 3
        assert [item.city for item in few] == ["Anytown"] * 3
        found = {row.id: row.name for row in session.execute(select(owner.id, owner.name))}
        assert {item.id: item.name for item in few}.items() <= found.items()
    assert sorted(names) == sorted(f"owner {i}" for i in range(2500))
    owner.metadata.drop_all(engine)


def test_rows_of_core_get_keys_and_given_keys_are_kept(engine: Engine) -> None:
    owner = model("default", "core")
    owner.metadata.drop_all(engine)
    owner.metadata.create_all(engine)
    table = owner.__table__
    with engine.begin() as connection:
        rows = [{"name": "a"}, {"name": "b"}]
        returned = connection.execute(insert(table).returning(table.c.id, table.c.name), rows).all()
        assert sorted(name for _, name in returned) == ["a", "b"]
        assert all(key.version == 4 for key, _ in returned)
        assert rows == [{"name": "a"}, {"name": "b"}]
        own = [{"id": UUID(int=i), "name": "own"} for i in range(2)]
        connection.execute(insert(table), own)
        connection.execute(insert(table).values([{"name": "c"}, {"name": "d"}]))
        connection.execute(insert(table), {"name": "e"})
    with engine.connect() as connection:
        found = connection.execute(select(table.c.id).where(table.c.name == "own"))
        assert set(found.scalars()) == {UUID(int=0), UUID(int=1)}
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 7
    owner.metadata.drop_all(engine)


def test_more_objects_than_a_transaction_holds_are_an_error_that_names_bulk(
    engine: Engine,
) -> None:
    owner = model("default", "crowd")
    owner.metadata.drop_all(engine)
    owner.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([owner(name="x") for _ in range(3001)])
        with pytest.raises(DBAPIError, match="transaction row limit exceeded") as caught:
            session.commit()
    assert "as the functions in aurora_dsql_sqlalchemy.bulk do" in str(caught.value)
    with Session(engine) as session:
        session.add_all([owner(name="x" * 9000) for _ in range(1300)])
        session.flush()
        with pytest.raises(DBAPIError, match="transaction size limit") as caught:
            session.commit()
    assert "aurora_dsql_sqlalchemy.bulk" in str(caught.value)
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(owner)) == 0
    owner.metadata.drop_all(engine)
