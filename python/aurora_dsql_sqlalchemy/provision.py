# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What SQLAlchemy's own suite of tests has to be told to prepare a cluster and to clean it up."""

# SQLAlchemy's hooks have no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator, misc"

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, inspect
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateSchema
from sqlalchemy.testing.provision import (
    post_configure_engine,
    set_default_schema_on_connection,
    upsert,
)

SCHEMA = "test_schema"


@post_configure_engine.for_db("auroradsql")
def _make_schema(url: Any, engine: Engine, follower_ident: Any) -> None:
    with engine.connect() as connection:
        connection.execute(CreateSchema(SCHEMA, if_not_exists=True))


@set_default_schema_on_connection.for_db("auroradsql")
def _set_search_path(config: Any, dbapi_connection: Any, schema_name: str) -> None:
    before = dbapi_connection.autocommit
    dbapi_connection.autocommit = True
    cursor = dbapi_connection.cursor()
    cursor.execute(f"SET search_path = '{schema_name}'")
    cursor.close()
    dbapi_connection.autocommit = before


@upsert.for_db("auroradsql")
def _upsert(
    config: Any,
    table: Any,
    returning: Any,
    *,
    set_lambda: Any = None,
    sort_by_parameter_order: bool = False,
    index_elements: Any = None,
) -> Any:
    statement = insert(table)
    if set_lambda is None:
        statement = statement.on_conflict_do_nothing()
    else:
        statement = statement.on_conflict_do_update(
            index_elements=index_elements or inspect(table).selectable.primary_key,
            set_=set_lambda(statement.excluded),
        )
    return statement.returning(*returning, sort_by_parameter_order=sort_by_parameter_order)
