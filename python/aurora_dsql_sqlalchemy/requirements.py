# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What SQLAlchemy's own suite of tests may expect of Aurora DSQL, for those who run it.

What is closed has its reason beside it: a section of docs/dsql-rules.md, or of PostgreSQL itself.
"""

# SQLAlchemy's module of exclusions has no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements


def open_() -> Any:
    return exclusions.open()


def closed() -> Any:
    return exclusions.closed()


class Requirements(SuiteRequirements):
    """Names are those of sqlalchemy.testing.requirements; only what differs from it is here."""

    # Tables, views, schemas

    table_ddl_if_exists = open_()
    index_ddl_if_exists = open_()
    create_table_as = closed()  # dsql-rules.md#statements: unsupported statement: CreateTableAs
    create_temp_table_as = closed()  # dsql-rules.md#statements: the same, and no temporary tables
    temporary_tables = closed()  # dsql-rules.md#tables: CREATE TABLE with TEMPORARY
    temporary_views = closed()  # dsql-rules.md#statements: CREATE TEMPORARY VIEW not supported
    temp_table_names = closed()  # no temporary tables
    temp_table_reflection = closed()  # no temporary tables
    temp_table_comment_reflection = closed()  # no temporary tables
    has_temp_table = closed()  # no temporary tables
    views = open_()
    create_or_replace_view = open_()
    materialized_views = closed()  # dsql-rules.md#statements: CREATE MATERIALIZED VIEW
    materialized_views_reflect_pk = closed()  # no materialized views
    schema_create_delete = open_()
    implicit_default_schema = open_()
    default_schema_name_switch = open_()
    reflect_tables_no_columns = open_()
    reflect_table_options = open_()
    comment_reflection = open_()
    comment_reflection_full_unicode = open_()
    constraint_comment_reflection = open_()
    column_collation_reflection = closed()  # dsql-rules.md#tables: COLLATE not supported
    order_by_collation = closed()  # dsql-rules.md#tables: COLLATE not supported

    # Columns

    autoincrement_without_sequence = open_()
    server_defaults = open_()
    expression_server_defaults = open_()
    computed_columns = open_()
    computed_columns_stored = open_()
    computed_columns_virtual = closed()  # PostgreSQL 16 has stored ones only
    computed_columns_default_persisted = open_()
    computed_columns_reflect_persisted = open_()
    identity_columns = open_()
    identity_columns_standard = open_()
    sequences = open_()
    percent_schema_names = open_()
    unicode_ddl = open_()

    # Keys, constraints, indexes

    foreign_keys_reflect_as_index = closed()  # as in PostgreSQL
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
    unique_index_reflect_as_unique_constraints = closed()  # as in PostgreSQL
    inline_check_constraint_reflection = open_()
    check_constraint_reflection = open_()
    indexes_with_ascdesc = closed()  # dsql-rules.md#indexes: no sort order of keys
    reflect_indexes_with_ascdesc = closed()  # the same
    index_reflects_included_columns = open_()
    indexes_with_expressions = open_()
    reflect_indexes_with_expressions = open_()
    indexes_check_column_order = open_()

    # Types

    uuid_data_type = open_()
    array_type = closed()  # dsql-rules.md#types: arrays are types of expressions only
    json_type = open_()
    legacy_unconditional_json_extract = closed()  # as in PostgreSQL: -> does not cast by itself
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
    savepoints = closed()  # dsql-rules.md#transactions: unsupported transaction statement
    two_phase_transactions = closed()  # dsql-rules.md#transactions: the same

    @property
    def async_dialect(self) -> Any:
        return exclusions.only_if(lambda config: config.db.dialect.is_async)

    @property
    def foreign_keys(self) -> Any:
        return exclusions.only_if(
            lambda config: config.db.dialect.foreign_keys, "foreign keys are not asked for"
        )

    foreign_key_ddl = foreign_keys
    self_referential_foreign_keys = foreign_keys
    foreign_key_constraint_reflection = foreign_keys
