# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What a flush of new objects costs, on each driver and in each of SQLAlchemy's two forms: one
statement that is executed for each row, or statements of many rows each."""

from __future__ import annotations

import uuid
from functools import partial

import libdsql.local
import measure
from aurora_dsql_sqlalchemy import create_dsql_engine
from endpoint_cost import running
from orm_cost import arguments
from sqlalchemy import Engine, Uuid, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

ROUNDS = 9
OBJECTS = 2500
RTT = 2
PAGES = [100, 500, 1000, 2500]
DRIVERS = ["libdsql", "psycopg", "psycopg2"]


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "owner"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=text("gen_random_uuid()"))
    name: Mapped[str]
    city: Mapped[str]
    pets: Mapped[int]


def engine_of(driver: str, page: int | None, endpoint: libdsql.local.LocalEndpoint) -> Engine:
    """With so many rows to a statement; None: as the dialect has it."""
    options = {} if page is None else {"insertmanyvalues_page_size": page}
    engine = create_dsql_engine(**arguments(driver, endpoint), **options)
    if page is not None:
        engine.dialect.use_insertmanyvalues_wo_returning = True
    return engine


def flush(engine: Engine) -> None:
    with Session(engine) as session:
        session.add_all(
            [Owner(name=f"owner {n}", city="Lisbon", pets=n % 4) for n in range(OBJECTS)]
        )
        session.flush()


def collect(*options: str) -> dict[str, measure.Samples]:
    with running("--connection-rate", "0", *options) as (endpoint, _, _):
        engines = {driver: engine_of(driver, None, endpoint) for driver in DRIVERS}
        for page in PAGES:
            engines[f"libdsql, {page:,} rows to a statement"] = engine_of("libdsql", page, endpoint)
        Base.metadata.create_all(engines["libdsql"])
        acts: dict[str, measure.Act] = {
            name: partial(flush, engine) for name, engine in engines.items()
        }
        try:
            return measure.alternate(acts, ROUNDS, 1, "orm-insert")
        finally:
            for engine in engines.values():
                engine.dispose()


def row(name: str, sides: tuple[dict[str, measure.Samples], ...]) -> str:
    cells = [name]
    for side in sides:
        spent, base = side[name], side["libdsql"]
        cells.append(f"{measure.seconds(spent.median)} ({measure.seconds(spent.minimum)})")
        cells.append(f"{spent.minimum / base.minimum:.2f}")
    cells.append(measure.seconds(min(sides[0][name].cpu)))
    return "| " + " | ".join(cells) + " |"


def run() -> str:
    sides = collect(), collect("--rtt", str(RTT))
    return "\n".join(
        [
            "## New objects by SQLAlchemy's ORM",
            "",
            f"A flush of {OBJECTS:,} new objects with UUID keys through dsql-local: median "
            f"(minimum) of {ROUNDS} rounds as above, and the ratio of the minima; then with a "
            f"round trip of {RTT} ms. `./dev bench orm-insert` makes this table.",
            "",
            f"| driver | dsql-local | ratio | {RTT} ms away | ratio | processor time |",
            "|---" * 6 + "|",
            *(row(name, sides) for name in sides[0]),
        ]
    )


if __name__ == "__main__":
    print(run())
