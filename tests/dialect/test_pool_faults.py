# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Threads and tasks on a pool whose connections are ended at random: every row is accounted for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aurora_dsql_sqlalchemy import create_dsql_engine
from everywhere import KINDS, arguments_for
from faults import FAULTS, go

WORKERS = 4
PIECES = 14


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_and_nothing_is_applied_twice(
    start: Callable[..., Any], place: Any, kind: str
) -> None:
    data = str(place / "data")
    limits = ("--connection-rate", "0", "--max-connection-age", "1")
    faulty = start("--data", data, "--inject", f"{FAULTS},seed=5", *limits)
    program = go(kind, faulty.endpoint, 5, WORKERS, lambda: lambda done: done < PIECES)
    faulty.stop()
    engine = create_dsql_engine(**arguments_for(start("--data", data).endpoint))
    with engine.connect() as connection:
        counts = program.check(connection)
    engine.dispose()
    assert counts["pieces"] == WORKERS * PIECES
    assert counts["rows expected"] == counts["rows found"]
    assert counts["ended"] and counts["conflicts"], counts
