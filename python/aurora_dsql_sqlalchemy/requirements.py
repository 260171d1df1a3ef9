# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What SQLAlchemy's own suite of tests may expect of Aurora DSQL, for those who run it.

What is closed has its reason, which pytest shows for each test that is skipped: a section of
docs/dsql-rules.md, or PostgreSQL itself. docs/suite.md lists those tests.
"""

# SQLAlchemy's module of exclusions has no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements


class open_:
    """A requirement that is met."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        # Anew each time: a test with several requirements adds the others to the first.
        return exclusions.open()


class closed:
    """A requirement that is not met.

    section: of docs/dsql-rules.md; without one PostgreSQL, or a driver, does not meet it either.
    unless: whether a dialect meets it nevertheless.
    """

    def __init__(
        self, reason: str, section: str = "", unless: Callable[[Any], bool] | None = None
    ) -> None:
        self.reason = f"{reason} (dsql-rules.md#{section})" if section else reason
        self.unless = unless

    def __set_name__(self, owner: Any, name: str) -> None:
        self.reason = f"{name}: {self.reason}"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        unless = self.unless
        return exclusions.skip_if(
            lambda config: unless is None or not unless(config.db.dialect), self.reason
        )


class foreign_keys_(closed):
    """Met by an engine that creates foreign keys."""

    def __init__(self) -> None:
        super().__init__("the engine has no foreign_keys=True", unless=lambda x: x.foreign_keys)


class Requirements(SuiteRequirements):
    """Names are those of sqlalchemy.testing.requirements; only what differs from it is here."""

    # Tables, views, schemas

    table_ddl_if_exists = open_()
    index_ddl_if_exists = open_()
    create_table_as = closed("CREATE TABLE AS is refused", "statements")
    create_temp_table_as = closed(
        "CREATE TABLE AS is refused, and there are no temporary tables", "statements"
    )
    temporary_tables = closed("there are no temporary tables", "tables")
    temporary_views = closed("there are no temporary views", "statements")
    temp_table_names = closed("there are no temporary tables", "tables")
    temp_table_reflection = closed("there are no temporary tables", "tables")
    temp_table_comment_reflection = closed("there are no temporary tables", "tables")
    temp_table_reflect_indexes = closed("there are no temporary tables", "tables")
    has_temp_table = closed("there are no temporary tables", "tables")
    views = open_()
    create_or_replace_view = open_()
    materialized_views = closed("CREATE MATERIALIZED VIEW is refused", "statements")
    materialized_views_reflect_pk = closed("CREATE MATERIALIZED VIEW is refused", "statements")
    schema_create_delete = open_()
    implicit_default_schema = open_()
    default_schema_name_switch = open_()
    reflect_tables_no_columns = open_()
    reflect_table_options = open_()
    comment_reflection = open_()
    comment_reflection_full_unicode = open_()
    constraint_comment_reflection = open_()
    column_collation_reflection = closed("COLLATE is refused", "tables")
    order_by_collation = closed("COLLATE is refused", "tables")

    # Columns

    autoincrement_without_sequence = open_()
    server_defaults = open_()
    expression_server_defaults = open_()
    computed_columns = open_()
    computed_columns_stored = open_()
    computed_columns_virtual = closed("PostgreSQL 16 has stored ones only")
    computed_columns_default_persisted = open_()
    computed_columns_reflect_persisted = open_()
    identity_columns = open_()
    identity_columns_standard = open_()
    sequences = open_()
    percent_schema_names = open_()
    unicode_ddl = open_()

    # Keys, constraints, indexes

    foreign_keys_reflect_as_index = closed("PostgreSQL makes no index for a foreign key")
    cross_schema_fk_reflection = open_()
    foreign_key_constraint_name_reflection = open_()
    foreign_key_constraint_option_reflection_ondelete = open_()
    foreign_key_constraint_option_reflection_onupdate = open_()
    fk_constraint_option_reflection_ondelete_restrict = open_()
    fk_constraint_option_reflection_ondelete_noaction = open_()
    fk_constraint_option_reflection_onupdate_restrict = open_()
    deferrable_fks = open_()
    reflects_pk_names = open_()
    unique_constraints_reflect_as_index = open_()
    unique_index_reflect_as_unique_constraints = closed(
        "in PostgreSQL a unique index is no constraint"
    )
    inline_check_constraint_reflection = open_()
    check_constraint_reflection = open_()
    indexes_with_ascdesc = closed("keys of indexes have no sort order", "indexes")
    reflect_indexes_with_ascdesc = closed("keys of indexes have no sort order", "indexes")
    index_reflects_included_columns = open_()
    indexes_with_expressions = open_()
    reflect_indexes_with_expressions = open_()
    indexes_check_column_order = open_()

    # Types

    uuid_data_type = open_()
    array_type = closed("arrays are types of expressions only", "types")
    json_type = open_()
    legacy_unconditional_json_extract = open_()
    datetime_timezone = open_()
    time_timezone = open_()
    datetime_historic = open_()
    datetime_timezone_historic = open_()
    date_historic = open_()
    timestamp_microseconds = open_()
    datetime_interval = open_()
    datetime_literals = open_()
    precision_numerics_enotation_small = open_()
    precision_numerics_many_significant_digits = open_()
    precision_numerics_retains_significant_digits = open_()
    infinity_floats = open_()
    float_or_double_precision_behaves_generically = open_()

    # Queries

    boolean_col_expressions = open_()
    nullsordering = open_()
    intersect = open_()
    except_ = open_()
    window_functions = open_()
    window_range = open_()
    window_range_numeric = open_()
    window_range_non_numeric = open_()
    ctes = open_()
    ctes_with_update_delete = open_()
    ctes_with_values = open_()
    ctes_on_dml = open_()
    tuple_in = open_()
    table_value_constructor = open_()
    aggregate_order_by = open_()
    update_from = open_()
    delete_from = open_()
    mod_operator_as_percent_sign = open_()
    supports_distinct_on = open_()
    regexp_match = open_()
    regexp_replace = open_()
    fetch_first = open_()
    fetch_ties = open_()
    fetch_no_order_by = open_()
    fetch_offset_with_options = open_()
    fetch_expression = open_()
    supports_bitwise_or = open_()
    supports_bitwise_and = open_()
    supports_bitwise_not = open_()
    supports_bitwise_xor = open_()
    supports_bitwise_shift = open_()

    # Transactions and connections

    autocommit = open_()
    skip_autocommit_rollback = open_()
    isolation_level = open_()
    savepoints = closed("there are no savepoints", "transactions")
    two_phase_transactions = closed("there are no two-phase transactions", "transactions")

    async_dialect = closed(
        "the driver is not one for asyncio", unless=lambda dialect: dialect.is_async
    )
    server_side_cursors = closed(
        "DECLARE is refused, so that only libdsql streams",
        "statements",
        unless=lambda dialect: dialect.driver == "libdsql",
    )
    json_deserializer_binary = closed(
        "psycopg alone hands over bytes", unless=lambda dialect: dialect.driver == "psycopg"
    )
    dialect_level_isolation_level_param = open_()

    # What PostgreSQL does not have

    fetch_percent = closed("PostgreSQL has no FETCH of percents")
    nvarchar_types = closed("PostgreSQL has no NVARCHAR")
    denormalized_names = closed("PostgreSQL's names are lower case")
    order_by_label_with_expression = closed("PostgreSQL orders by a label alone")
    dbapi_lastrowid = closed("PostgreSQL has RETURNING instead")
    emulated_lastrowid = closed("PostgreSQL has RETURNING instead")
    supports_lastrowid = closed("PostgreSQL has RETURNING instead")
    repeated_remote_col_foreign_keys = closed(
        "PostgreSQL refuses a key that refers twice to a column"
    )

    # What create_engine(foreign_keys=True) opens

    foreign_keys = foreign_keys_()
    foreign_key_ddl = foreign_keys_()
    self_referential_foreign_keys = foreign_keys_()
    foreign_key_constraint_reflection = foreign_keys_()
    repeated_column_foreign_keys = foreign_keys_()
