# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The pet clinic with asyncio: the tables of pet_clinic.py and one of checkups.

Settings come from the environment as in pet_clinic.py; DRIVER is "libdsql" (the
default), "psycopg" or "asyncpg".
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

from aurora_dsql_sqlalchemy import create_async_dsql_engine
from aurora_dsql_sqlalchemy.bulk import bulk_insert
from aurora_dsql_sqlalchemy.transactions import run_transaction
from pet_clinic import Base, Owner, Pet, Specialty, Vet, expect, key, schema_of
from sqlalchemy import func, select
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Mapped, mapped_column, selectinload

CHECKUPS = 6000

Sessions = async_sessionmaker[AsyncSession]


class Checkup(Base):
    __tablename__ = "checkup"

    id: Mapped[UUID] = key()
    pet_id: Mapped[UUID] = mapped_column(index=True)
    weight: Mapped[int]


def make_engine() -> AsyncEngine:
    user = os.environ.get("CLUSTER_USER", "admin")
    connect_args: dict[str, Any] = {}
    if region := os.environ.get("REGION"):
        connect_args["region"] = region
    if schema := schema_of(user):
        connect_args["options"] = f"-c search_path={schema}"
    return create_async_dsql_engine(
        host=os.environ.get("CLUSTER_ENDPOINT", "local"),
        user=user,
        driver=os.environ.get("DRIVER", "libdsql"),
        connect_args=connect_args,
    )


async def make_tables(engine: AsyncEngine) -> None:
    """Each statement is a transaction of its own; what an earlier run left is dropped."""
    async with engine.connect() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    print(f"tables   {', '.join(sorted(Base.metadata.tables))}")


async def write(sessions: Sessions) -> None:
    """Two transactions at once: a session belongs to one task, an engine to all."""

    async def owners(session: AsyncSession) -> None:
        rex = Pet(name="Rex", birth_date=date(2020, 5, 1))
        session.add(Owner(name="Anna", city="Lisbon", pets=[rex]))

    async def vets(session: AsyncSession) -> None:
        surgery, dentistry = Specialty(name="surgery"), Specialty(name="dentistry")
        session.add(Vet(name="Dr. Costa", specialties=[surgery, dentistry]))
        session.add(Vet(name="Dr. Berg", specialties=[surgery]))

    await asyncio.gather(run_transaction(sessions, owners), run_transaction(sessions, vets))
    print("written  1 owner, 1 pet, 2 vets, 2 specialties, in two tasks")


async def read(sessions: Sessions) -> UUID:
    """What a coroutine reads later is loaded at once: an attribute cannot be awaited."""

    async def pets(session: AsyncSession) -> dict[str, list[UUID]]:
        owners = await session.scalars(select(Owner).options(selectinload(Owner.pets)))
        return {owner.name: [pet.id for pet in owner.pets] for owner in owners}

    async def skills(session: AsyncSession) -> dict[str, list[str]]:
        vets = await session.scalars(select(Vet).options(selectinload(Vet.specialties)))
        return {vet.name: sorted(item.name for item in vet.specialties) for vet in vets}

    owners, vets = await asyncio.gather(
        run_transaction(sessions, pets), run_transaction(sessions, skills)
    )
    expect(list(owners) == ["Anna"], "the owner")
    expect(
        vets == {"Dr. Costa": ["dentistry", "surgery"], "Dr. Berg": ["surgery"]},
        "the specialties of the vets",
    )
    print("read     the same, in two tasks")
    return owners["Anna"][0]


async def show_conflict(sessions: Sessions) -> None:
    """Tasks that all change one row: of two that meet, the second is run again."""
    tries = 0

    async def move(session: AsyncSession) -> None:
        nonlocal tries
        tries += 1
        owner = (await session.scalars(select(Owner))).one()
        await asyncio.sleep(0.01)  # the others read the same city meanwhile
        owner.city += "!"

    await asyncio.gather(*(run_transaction(sessions, move, attempts=20) for _ in range(4)))
    async with sessions() as session:
        city = (await session.scalars(select(Owner.city))).one()
    expect(city == "Lisbon!!!!" and tries > 4, "the city after four changes")
    print(f"OC000    four changes of one row at once were all made: {city}")


async def show_bulk(engine: AsyncEngine, sessions: Sessions, pet: UUID) -> None:
    """More rows than a transaction holds, as they come."""

    async def measured() -> AsyncIterator[dict[str, Any]]:
        for number in range(CHECKUPS):
            yield {"pet_id": pet, "weight": 5000 + number % 7}

    report = await bulk_insert(engine, Checkup, measured(), parallel=2, progress=False)
    async with sessions() as session:
        stored = await session.scalar(select(func.count()).select_from(Checkup))
    expect(report.committed == stored == CHECKUPS, "the number of checkups")
    print(f"bulk     {report} in {len(report.parts)} transactions, two at a time")


async def show_stream(sessions: Sessions) -> None:
    """Rows are read as they are needed; with libdsql, the rest stays on the server."""
    total = 0
    async with sessions() as session:
        async for weight in await session.stream_scalars(select(Checkup.weight)):
            total += weight
    expect(total == sum(5000 + n % 7 for n in range(CHECKUPS)), "the sum of the weights")
    print(f"stream   {CHECKUPS:,} rows, one at a time")


async def main() -> None:
    engine = make_engine()
    sessions = async_sessionmaker(engine)
    print(f"clinic   {engine.url.host} as {engine.url.username}, driver {engine.dialect.driver}")
    try:
        await make_tables(engine)
        await write(sessions)
        pet = await read(sessions)
        await show_conflict(sessions)
        await show_bulk(engine, sessions, pet)
        await show_stream(sessions)
        async with engine.connect() as connection:
            await connection.run_sync(Base.metadata.drop_all)
        print("dropped  all tables")
    finally:
        await engine.dispose()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (ArgumentError, ValueError) as error:
        sys.exit(f"pet clinic: {error}")
    except OperationalError as error:
        sys.exit(f"pet clinic: {error.orig}")
