# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What is tried again unseen, DDL beside rows, savepoints, isolation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aurora_dsql_sqlalchemy import create_dsql_engine, retry
from aurora_dsql_sqlalchemy.transactions import RetrySettings, run_transaction
from libdsql.local import arguments
from rows import by_url, ids, increment, meddle, read
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.schema import CreateSchema, DropSchema

MakeEngine = Callable[..., Engine]


def change_catalog(engine: Engine, name: str = "catalog_change") -> None:
    """Every other session then gets OC001 once."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"CREATE TABLE {name} (id int PRIMARY KEY)"))
        connection.execute(text(f"DROP TABLE {name}"))


@pytest.mark.parametrize("isolation_level", ["REPEATABLE READ", "AUTOCOMMIT"])
def test_first_statement_passes_a_change_of_the_catalog(
    engine: Engine, make_engine: MakeEngine, table: Table, isolation_level: Any
) -> None:
    other = make_engine()
    with engine.connect() as connection:
        connection.execution_options(isolation_level=isolation_level)
        connection.execute(select(table)).all()
        connection.commit()
        change_catalog(other)
        increment(connection, table)
        connection.commit()
        change_catalog(other)
        rows = [{"id": 8, "n": 8}, {"id": 9, "n": 9}]
        if isolation_level == "AUTOCOMMIT":
            rows = rows[:1]
        connection.execute(table.insert(), rows)
        connection.commit()
    assert read(engine, table) == 1
    assert ids(engine, table) == [1, 2, *(row["id"] for row in rows)]


def test_option_turns_the_retries_off(
    engine: Engine, make_engine: MakeEngine, table: Table
) -> None:
    for strict in [make_engine(retries=False), by_url(engine, "retries=false")]:
        with strict.connect() as connection:
            connection.execute(select(table)).all()
            connection.commit()
            change_catalog(engine)
            with pytest.raises(OperationalError):
                increment(connection, table)
        strict.dispose()


def test_later_statements_and_texts_that_commit_are_not_repeated(
    engine: Engine, make_engine: MakeEngine, table: Table
) -> None:
    other = make_engine()
    with engine.connect() as connection:
        increment(connection, table)
        change_catalog(other)
        with pytest.raises(OperationalError):
            increment(connection, table)
        connection.rollback()
        increment(connection, table)
        connection.commit()
        change_catalog(other)
        # libdsql takes no text of several statements here.
        with pytest.raises((OperationalError, ProgrammingError)):
            connection.exec_driver_sql("SELECT 1; SELECT 2")
    assert read(engine, table) == 1


def test_statement_of_the_drivers_own_is_not_lost_by_a_retry(
    engine: Engine, make_engine: MakeEngine, table: Table
) -> None:
    other = make_engine()
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.cursor().execute("UPDATE transactions SET n = n + 1 WHERE id = 1")
        change_catalog(other)
        with pytest.raises(OperationalError):
            increment(connection, table)
    assert read(engine, table) == 0


def test_ddl_passes_a_change_of_the_catalog(
    engine: Engine, make_engine: MakeEngine, table: Table
) -> None:
    other = make_engine()
    made = Table("ddl_again", MetaData(), Column("id", Integer, primary_key=True))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        change_catalog(other)
        made.create(connection)
        change_catalog(other)
        made.drop(connection)


@pytest.mark.parametrize("driver", ["libdsql"])  # the others ask as for any statement
def test_first_connection_of_an_engine_passes_a_change_of_the_catalog(
    start: Callable[..., Any], driver: str
) -> None:
    program = start("--ephemeral", "--inject", "oc001=0.5,seed=1")
    for _ in range(10):
        engine = create_dsql_engine(
            "localhost",
            driver=driver,
            connect_args=arguments(program.endpoint),
            retries=RetrySettings(attempts=40, first_wait=0),
        )
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        engine.dispose()


def write_by_the_driver(connection: Connection) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.cursor().execute("UPDATE transactions SET n = n + 1 WHERE id = 1")


def write_by_a_function(connection: Connection) -> None:
    connection.execute(text("SELECT counted(1)"))


@pytest.mark.parametrize("write", [write_by_the_driver, write_by_a_function])
def test_ddl_behind_rows_that_nobody_saw_is_not_repeated_without_them(
    engine: Engine, make_engine: MakeEngine, table: Table, write: Callable[[Connection], None]
) -> None:
    function = (
        "CREATE FUNCTION counted(wanted int) RETURNS int LANGUAGE sql "
        "AS 'UPDATE transactions SET n = n + 1 WHERE id = wanted RETURNING n'"
    )
    other = make_engine()
    made = Table("ddl_again", MetaData(), Column("id", Integer, primary_key=True))
    with engine.begin() as connection:
        connection.execute(text(function))
    with engine.connect() as connection:
        write(connection)
        change_catalog(other)
        with pytest.raises(OperationalError):
            made.create(connection, checkfirst=False)
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION counted(int)"))
    assert read(engine, table) == 0


def test_ddl_behind_a_setting_is_not_repeated_without_it(
    engine: Engine, make_engine: MakeEngine
) -> None:
    other = make_engine()
    made = Table("ddl_again", MetaData(), Column("id", Integer, primary_key=True))
    with engine.connect() as connection:
        connection.execute(CreateSchema("tenant"))
    with engine.connect() as connection:
        connection.execute(text("SET search_path = tenant"))
        change_catalog(other)
        with pytest.raises(OperationalError):
            made.create(connection, checkfirst=False)
    assert not inspect(engine).has_table("ddl_again")
    with engine.connect() as connection:
        connection.execute(DropSchema("tenant"))


# DDL beside rows


def rows_then_ddl(connection: Connection, table: Table, statement: str | Table) -> None:
    connection.execute(table.insert(), {"id": 7, "n": 7})
    if isinstance(statement, Table):
        statement.create(connection)
    else:
        connection.execute(text(statement))


@pytest.mark.parametrize("ddl", ["element", "text"])
def test_ddl_beside_rows_is_refused_and_the_transaction_goes_on(
    engine: Engine, table: Table, ddl: str
) -> None:
    wanted = Table("beside", MetaData(), Column("id", Integer, primary_key=True))
    statement = wanted if ddl == "element" else "CREATE TABLE beside (id int PRIMARY KEY)"
    with engine.connect() as connection:
        with pytest.raises(InvalidRequestError, match=r"wait for COMMIT.*implicit_commit=True"):
            rows_then_ddl(connection, table, statement)
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 3
        connection.rollback()
    assert ids(engine, table) == [1, 2]


@pytest.mark.parametrize("ddl", ["element", "text"])
@pytest.mark.parametrize("how", ["keyword", "url"])
def test_implicit_commit_lets_rows_and_ddl_follow_each_other(
    engine: Engine, make_engine: MakeEngine, table: Table, ddl: str, how: str
) -> None:
    wanted = Table("mixed", MetaData(), Column("id", Integer, primary_key=True))
    statement = wanted if ddl == "element" else "CREATE TABLE mixed (id int PRIMARY KEY)"
    mixing = (
        make_engine(implicit_commit=True)
        if how == "keyword"
        else by_url(engine, "implicit_commit=true")
    )
    with mixing.connect() as connection:
        rows_then_ddl(connection, table, statement)
        connection.execute(wanted.insert(), {"id": 1})
        wanted.drop(connection)
        connection.execute(table.delete().where(table.c.id == 7))
        connection.rollback()
    mixing.dispose()
    assert ids(engine, table) == [1, 2, 7]


# Savepoints


def test_savepoints_are_refused_before_they_are_sent(engine: Engine, table: Table) -> None:
    with engine.begin() as connection:
        increment(connection, table)
        with pytest.raises(InvalidRequestError, match="no savepoints"):
            connection.begin_nested()
        increment(connection, table)
    with (
        Session(engine) as session,
        pytest.raises(InvalidRequestError, match="no savepoints"),
        session.begin_nested(),
    ):
        increment(session, table)
    assert read(engine, table) == 2


@pytest.fixture
def nesting(make_engine: MakeEngine) -> Engine:
    return make_engine(savepoints="outer")


def test_nested_transactions_are_part_of_the_outer_one(nesting: Engine, table: Table) -> None:
    with nesting.begin() as connection:
        increment(connection, table)
        with connection.begin_nested():
            increment(connection, table)
            with connection.begin_nested():
                increment(connection, table)
    assert read(nesting, table) == 3
    with Session(nesting) as session:
        with session.begin_nested():
            increment(session, table)
        session.commit()
    assert read(nesting, table) == 4


def test_conflict_runs_a_session_with_a_nested_part_again(nesting: Engine, table: Table) -> None:
    tries: list[Session] = []

    def twice(session: Session) -> None:
        with session.begin_nested():
            increment(session, table)
        if not tries:
            meddle(nesting, table)
        tries.append(session)

    run_transaction(sessionmaker(nesting), twice, first_wait=0)
    assert (len(tries), read(nesting, table)) == (2, 101)


def test_rollback_of_a_nested_part_takes_the_outer_one_with_it(
    nesting: Engine, table: Table
) -> None:
    with pytest.raises(InvalidRequestError, match="outer one"), nesting.begin() as connection:
        increment(connection, table)
        with connection.begin_nested() as nested:
            increment(connection, table)
            nested.rollback()
    with nesting.connect() as connection:
        increment(connection, table)
        with pytest.raises(ZeroDivisionError), connection.begin_nested():
            increment(connection, table)
            raise ZeroDivisionError
        with pytest.raises(InvalidRequestError, match="outer one"):
            increment(connection, table)
        connection.rollback()
        increment(connection, table)
        connection.commit()
    assert read(nesting, table) == 1


def test_rollback_of_a_nested_part_is_exact_where_it_is_all_there_is(
    nesting: Engine, table: Table
) -> None:
    with nesting.begin() as connection:
        with connection.begin_nested() as nested:
            increment(connection, table)
            nested.rollback()
        increment(connection, table)
        with connection.begin_nested() as nothing:
            nothing.rollback()
        increment(connection, table)
    assert read(nesting, table) == 2
    with Session(nesting) as session:
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(table.insert(), {"id": 1})
        increment(session, table)
        session.commit()
    assert read(nesting, table) == 3


def test_savepoints_option_of_a_url(engine: Engine, table: Table) -> None:
    by = by_url(engine, "savepoints=outer")
    with by.begin() as connection, connection.begin_nested():
        increment(connection, table)
    by.dispose()
    assert read(engine, table) == 1
    with pytest.raises(ArgumentError, match="'refuse' or 'outer'"):
        by_url(engine, "savepoints=inner")


# Isolation, read-only, two-phase


def test_other_isolation_levels_are_refused_with_advice(make_engine: MakeEngine) -> None:
    engine = make_engine()
    with engine.connect() as connection:
        for level in ("SERIALIZABLE", "READ COMMITTED", "READ UNCOMMITTED"):
            with pytest.raises(ArgumentError, match=rf"{level}.*with_for_update"):
                connection.execution_options(isolation_level=level)
    with pytest.raises(ArgumentError, match="with_for_update"):
        make_engine(isolation_level="SERIALIZABLE")


@pytest.mark.parametrize("level", ["READ COMMITTED", "READ_UNCOMMITTED"])
def test_a_weaker_level_is_taken_for_more_on_request(
    engine: Engine, make_engine: MakeEngine, table: Table, level: Any
) -> None:
    for stronger in [
        make_engine(isolation="stronger", isolation_level=level),
        by_url(engine, "isolation=stronger").execution_options(isolation_level=level),
    ]:
        for _ in range(2):  # the second time with a connection that has been in the pool
            with stronger.connect() as connection:
                assert connection.get_isolation_level() == "REPEATABLE READ"
                increment(connection, table)
                connection.commit()
                connection.execution_options(isolation_level="AUTOCOMMIT")
        with stronger.connect() as connection, pytest.raises(ArgumentError, match="SERIALIZABLE"):
            connection.execution_options(isolation_level="SERIALIZABLE")
        stronger.dispose()
    assert read(engine, table) == 4
    with pytest.raises(ArgumentError, match="isolation='stronger'"):
        make_engine(isolation_level=level)
    with pytest.raises(ArgumentError, match="'exact' or 'stronger'"):
        by_url(engine, "isolation=weaker")


@pytest.mark.parametrize("option", ["postgresql_readonly", "auroradsql_readonly"])
def test_read_only_transaction_writes_nothing(engine: Engine, table: Table, option: str) -> None:
    with engine.connect().execution_options(**{option: True}) as connection:
        assert connection.execute(select(table.c.n)).scalars().all() == [0, 0]
        with pytest.raises(DBAPIError) as caught:
            increment(connection, table)
        assert retry.sqlstate(caught.value) == "25006"
    with engine.begin() as connection:
        increment(connection, table)


def test_two_phase_transactions_are_refused(engine: Engine) -> None:
    with (
        engine.connect() as connection,
        pytest.raises(InvalidRequestError, match="no two-phase transactions"),
    ):
        connection.begin_twophase()
