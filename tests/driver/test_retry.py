# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What became of a failed transaction, how long to wait, what SQL does: from Python."""

from __future__ import annotations

from typing import Any

import libdsql
import pytest


@pytest.mark.parametrize(
    ("sqlstate", "keywords", "outcome"),
    [
        ("40001", {}, "retry"),
        ("40001", {"committing": True}, "retry"),
        ("XX000", {"committing": True}, "unknown"),
        ("XX000", {}, "failed"),
        (None, {"committing": True, "connection_lost": True}, "unknown"),
        (None, {"connection_lost": True}, "retry"),
        (None, {}, "failed"),
        ("23505", {"committing": True}, "failed"),
    ],
)
def test_outcome_of_a_failure(
    sqlstate: str | None, keywords: dict[str, bool], outcome: str
) -> None:
    assert libdsql.outcome(sqlstate, **keywords) == outcome


def test_end_of_a_connection_and_refusals_of_a_sign_in() -> None:
    states = ("08006", "57P01", "08P01", "57014", None)
    assert [libdsql.ends_connection(state) for state in states] == [True, True, False, False, False]
    assert libdsql.refusal("53400", None) == "later"
    assert libdsql.refusal(None, "FATAL: …\nHINT: Signature expired: …") == "expired"
    assert libdsql.refusal("08006", "unable to accept connection, access denied") == "final"


def test_wait_is_a_function_of_its_arguments_alone() -> None:
    assert [libdsql.backoff_ms(k, 0) for k in range(1, 9)] == [
        50,
        100,
        200,
        400,
        800,
        1600,
        3200,
        5000,
    ]
    assert libdsql.backoff_ms(1, 2**32 - 1) == 25
    assert libdsql.backoff_ms(3, 9, first_ms=1, max_ms=50, multiplier=10.0, jitter=0.0) == 50


def test_kind_of_sql() -> None:
    assert libdsql.sql_kind("SELECT 1") == 0
    assert libdsql.sql_kind("/* ä */ create table t (id int)") == libdsql.SQL_DDL
    assert libdsql.sql_kind("INSERT INTO t VALUES (1); COMMIT") == (
        libdsql.SQL_DML | libdsql.SQL_CONTROL | libdsql.SQL_SEVERAL
    )


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("ends_connection", (8006,)),
        ("refusal", ("08006",)),
        ("refusal", ("08006", b"")),
        ("outcome", (40001,)),
        ("backoff_ms", ("1", 0)),
        ("backoff_ms", (1,)),
        ("sql_kind", (b"x",)),
    ],
)
def test_arguments_of_other_types_are_refused(function: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        getattr(libdsql, function)(*arguments)
