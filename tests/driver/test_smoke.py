# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The least that must work with every Python, SQLAlchemy and driver."""

from __future__ import annotations

import aurora_dsql_sqlalchemy
import libdsql
import pytest
from sqlalchemy import Column, Index, MetaData, String, Table, Uuid, create_engine, inspect, text


def test_token_is_made():
    token = libdsql.token("localhost", access_key="A", secret_key="S", now=0)
    assert token.startswith("localhost/?Action=DbConnectAdmin&")


@pytest.mark.parametrize("driver", ["libdsql", "psycopg", "psycopg2"])
def test_tables_and_rows_by_a_url(endpoint, driver):
    engine = create_engine(
        f"auroradsql+{driver}://admin@localhost:{endpoint.port}/postgres"
        f"?hostaddr=127.0.0.1&sslrootcert={endpoint.ca}"
        f"&credentials_file={endpoint.credentials}&profile=default"
    )
    metadata = MetaData()
    table = Table(
        "smoke",
        metadata,
        Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
        Column("name", String(20)),
        Index("smoke_name", "name", auroradsql_include=["id"]),
    )
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"name": "a"}, {"name": "b"}])
        assert connection.execute(table.select().order_by("name")).all()[1].name == "b"
    assert inspect(engine).get_indexes("smoke")[0]["name"] == "smoke_name"
    metadata.drop_all(engine)
    engine.dispose()


def test_version_is_the_librarys():
    assert aurora_dsql_sqlalchemy.__version__ == libdsql.__version__
