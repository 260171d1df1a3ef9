# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of a library that supports several databases, in the manner of SQLAlchemy's own.

What Aurora DSQL does not have is skipped by its requirement, and pytest -rs says why.
"""

from sqlalchemy import Column, Integer, String, Table, inspect, select
from sqlalchemy.testing import config, eq_, fixtures, provision, requires


class ShelterTest(fixtures.TablesTest):
    __backend__ = True

    @classmethod
    def define_tables(cls, metadata):
        Table(
            "animal",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("name", String(40)),
        )

    @classmethod
    def insert_data(cls, connection):
        connection.execute(cls.tables.animal.insert(), [{"id": 1, "name": "Ada"}])

    @requires.window_functions
    def test_rows_are_there(self, connection):
        eq_(connection.scalar(select(self.tables.animal.c.name)), "Ada")

    def test_upsert(self, connection):
        animal = self.tables.animal
        upsert = provision.upsert(
            config,
            animal,
            (animal.c.id, animal.c.name),
            set_lambda=lambda excluded: {"name": excluded.name},
        )
        rows = connection.execute(upsert, [{"id": 1, "name": "Bo"}, {"id": 2, "name": "Cy"}])
        eq_(sorted(rows), [(1, "Bo"), (2, "Cy")])

    @requires.schemas
    def test_second_schema_exists(self, connection):
        assert config.test_schema in inspect(connection).get_schema_names()

    @requires.savepoints
    def test_nested_transaction(self, connection):
        connection.begin_nested().rollback()

    @requires.temporary_tables
    @requires.fetch_ties
    def test_temporary_table(self, connection):
        connection.exec_driver_sql("CREATE TEMPORARY TABLE found (id integer)")


class ArrayTest(fixtures.TestBase):
    __backend__ = True
    __requires__ = ("array_type",)

    def test_array(self, connection):
        connection.exec_driver_sql("CREATE TABLE herd (names text[])")
