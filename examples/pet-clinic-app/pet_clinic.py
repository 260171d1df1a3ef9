# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A pet clinic on Amazon Aurora DSQL, with SQLAlchemy's ORM.

Owners have pets (one to many); vets have specialties (many to many through an
association table). Keys are UUIDs that the database makes; there are no foreign
keys. Settings come from the environment:

CLUSTER_ENDPOINT  a cluster's endpoint, or "local" (the default)
CLUSTER_USER      "admin" (the default), or a role with a schema of its own name
DRIVER            "libdsql" (the default), "psycopg" or "psycopg2"
REGION            only where the endpoint does not tell it
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar
from uuid import UUID, uuid4

from aurora_dsql_sqlalchemy import create_dsql_engine, is_retryable
from sqlalchemy import Column, Engine, Table, Uuid, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    foreign,
    mapped_column,
    relationship,
    remote,
    selectinload,
)

Result = TypeVar("Result")

# ------------------------------------------------------------------------- model


class Base(DeclarativeBase):
    pass


def key() -> Mapped[UUID]:
    """A primary key that the database makes."""
    return mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))


class Owner(Base):
    __tablename__ = "owner"

    id: Mapped[UUID] = key()
    name: Mapped[str]
    city: Mapped[str]
    pets: Mapped[list[Pet]] = relationship(
        primaryjoin=lambda: Owner.id == foreign(remote(Pet.owner_id)),
        back_populates="owner",
        cascade="all, delete-orphan",
    )


class Pet(Base):
    __tablename__ = "pet"

    id: Mapped[UUID] = key()
    name: Mapped[str]
    birth_date: Mapped[date]
    owner_id: Mapped[UUID] = mapped_column(index=True)
    owner: Mapped[Owner] = relationship(
        primaryjoin=lambda: foreign(Pet.owner_id) == remote(Owner.id), back_populates="pets"
    )


vet_specialty = Table(
    "vet_specialty",
    Base.metadata,
    Column("vet_id", Uuid, primary_key=True),
    Column("specialty_id", Uuid, primary_key=True),
)


class Vet(Base):
    __tablename__ = "vet"

    id: Mapped[UUID] = key()
    name: Mapped[str]
    specialties: Mapped[list[Specialty]] = relationship(
        secondary=vet_specialty,
        primaryjoin=lambda: Vet.id == foreign(vet_specialty.c.vet_id),
        secondaryjoin=lambda: Specialty.id == foreign(vet_specialty.c.specialty_id),
        back_populates="vets",
    )


class Specialty(Base):
    __tablename__ = "specialty"

    id: Mapped[UUID] = key()
    name: Mapped[str] = mapped_column(unique=True)
    vets: Mapped[list[Vet]] = relationship(
        secondary=vet_specialty,
        primaryjoin=lambda: Specialty.id == foreign(vet_specialty.c.specialty_id),
        secondaryjoin=lambda: Vet.id == foreign(vet_specialty.c.vet_id),
        back_populates="specialties",
    )


# -------------------------------------------------------------------- connecting


def schema_of(user: str) -> str | None:
    """A role other than admin may not create tables in public: it has its own schema."""
    return None if user == "admin" else user


def make_engine() -> Engine:
    user = os.environ.get("CLUSTER_USER", "admin")
    connect_args: dict[str, Any] = {}
    if region := os.environ.get("REGION"):
        connect_args["region"] = region
    if schema := schema_of(user):
        connect_args["options"] = f"-c search_path={schema}"
    return create_dsql_engine(
        host=os.environ.get("CLUSTER_ENDPOINT", "local"),
        user=user,
        driver=os.environ.get("DRIVER", "libdsql"),
        connect_args=connect_args,
    )


# ------------------------------------------------------------------------ retries


def sqlstate(error: DBAPIError) -> str | None:
    """libdsql and psycopg call it sqlstate, psycopg2 pgcode."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


def retry(work: Callable[[], Result], attempts: int = 5) -> tuple[Result, int]:
    """Does work, again after a conflict; the result, and the tries."""
    for attempt in range(1, attempts):
        try:
            return work(), attempt
        except DBAPIError as error:
            if not is_retryable(sqlstate(error)):
                raise
            time.sleep(random.uniform(0.5, 1) * 0.05 * 2**attempt)
    return work(), attempts


def in_transaction(engine: Engine, work: Callable[[Session], Result]) -> tuple[Result, int]:
    """Runs work in a transaction, again after a conflict.

    The service may refuse at a statement or only at COMMIT, and another try must
    begin from the beginning: with a new session, and with what is stored then.
    """

    def attempt() -> Result:
        with Session(engine) as session, session.begin():
            return work(session)

    return retry(attempt)


# -------------------------------------------------------------------- the program


def expect(condition: bool, what: str) -> None:
    if not condition:
        sys.exit(f"pet clinic: {what} is not what was written")


def make_tables(engine: Engine) -> None:
    """Each statement is a transaction of its own; what an earlier run left is dropped."""
    retry(lambda: Base.metadata.drop_all(engine))
    retry(lambda: Base.metadata.create_all(engine))
    print(f"tables   {', '.join(sorted(Base.metadata.tables))}")


def write(engine: Engine) -> None:
    def work(session: Session) -> None:
        anna = Owner(name="Anna", city="Lisbon")
        anna.pets = [
            Pet(name="Rex", birth_date=date(2020, 5, 1)),
            Pet(name="Tom", birth_date=date(2021, 9, 30)),
        ]
        ben = Owner(name="Ben", city="Oslo", pets=[Pet(name="Mia", birth_date=date(2019, 1, 7))])
        surgery, dentistry = Specialty(name="surgery"), Specialty(name="dentistry")
        session.add_all(
            [
                anna,
                ben,
                Vet(name="Dr. Costa", specialties=[surgery, dentistry]),
                Vet(name="Dr. Berg", specialties=[surgery]),
            ]
        )

    in_transaction(engine, work)
    print("written  2 owners, 3 pets, 2 vets, 2 specialties")


def read(engine: Engine) -> None:
    def work(session: Session) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        owners = session.scalars(select(Owner).options(selectinload(Owner.pets)))
        pets = {owner.name: sorted(pet.name for pet in owner.pets) for owner in owners}
        vets = session.scalars(select(Vet).options(selectinload(Vet.specialties)))
        skills = {vet.name: sorted(item.name for item in vet.specialties) for vet in vets}
        return pets, skills

    (pets, skills), _ = in_transaction(engine, work)
    expect(pets == {"Anna": ["Rex", "Tom"], "Ben": ["Mia"]}, "the pets of the owners")
    expect(
        skills == {"Dr. Costa": ["dentistry", "surgery"], "Dr. Berg": ["surgery"]},
        "the specialties of the vets",
    )
    print("read     the same, through both relations")


def show_conflict(engine: Engine) -> None:
    """Two sessions change one row: the second to commit is told OC000 and tries again."""
    tries = 0

    def move(session: Session) -> None:
        nonlocal tries
        tries += 1
        owner = session.scalars(select(Owner).where(Owner.name == "Anna")).one()
        if tries == 1:
            with Session(engine) as other, other.begin():
                rival = other.scalars(select(Owner).where(Owner.name == "Anna")).one()
                rival.city = "Porto"
        owner.city += ", then Faro"

    _, attempts = in_transaction(engine, move)
    find_city = select(Owner.city).where(Owner.name == "Anna")
    city, _ = in_transaction(engine, lambda session: session.scalars(find_city).one())
    expect((attempts, city) == (2, "Porto, then Faro"), "the city after a conflict")
    print(f"OC000    a change that met another was made at try {attempts}: {city}")


def show_schema_change(engine: Engine) -> None:
    """A table appears while a transaction is under way: OC001, and one more try."""
    tries = 0

    def count(session: Session) -> int:
        nonlocal tries
        tries += 1
        session.scalars(select(Pet)).all()
        if tries == 1:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
                other.execute(text("CREATE TABLE visit (id uuid PRIMARY KEY, reason text)"))
                other.execute(text("DROP TABLE visit"))
        return len(session.scalars(select(Pet)).all())

    pets, attempts = in_transaction(engine, count)
    expect((pets, attempts) == (3, 2), "the number of pets after a schema change")
    print(f"OC001    a read that met a schema change was right at try {attempts}")


def show_other_error(engine: Engine) -> None:
    """An error that another try cannot mend is not tried again."""
    tries = 0

    def twice(session: Session) -> None:
        nonlocal tries
        tries += 1
        session.add(Specialty(id=uuid4(), name="surgery"))

    try:
        in_transaction(engine, twice)
    except IntegrityError as error:
        expect((tries, sqlstate(error)) == (1, "23505"), "the error of a name that is taken")
    else:
        expect(False, "the error of a name that is taken")
    print("23505    a name that is taken was reported at once, not tried again")


def main() -> None:
    engine = make_engine()
    print(f"clinic   {engine.url.host} as {engine.url.username}, driver {engine.driver}")
    try:
        make_tables(engine)
        write(engine)
        read(engine)
        show_conflict(engine)
        show_schema_change(engine)
        show_other_error(engine)
        retry(lambda: Base.metadata.drop_all(engine))
        print("dropped  all tables")
    finally:
        engine.dispose()


if __name__ == "__main__":
    try:
        main()
    except (ArgumentError, ValueError) as error:
        sys.exit(f"pet clinic: {error}")
    except OperationalError as error:
        sys.exit(f"pet clinic: {error.orig}")
