# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Connections that the endpoint refuses for now: the driver comes back by itself."""

from __future__ import annotations

import libdsql
import pytest
from support import drive_to


def test_rate_of_connections_is_waited_for(start):
    program = start("--ephemeral", "--connection-rate", "2")
    for _ in range(24):  # twenty at once, the rest at two a second
        drive_to(program.endpoint).close()


def test_rate_of_connections_is_told_when_the_time_is_over(start):
    program = start("--ephemeral", "--connection-rate", "1")
    with pytest.raises(libdsql.OperationalError, match="rate exceeded") as caught:
        for _ in range(200):
            drive_to(program.endpoint, connect_timeout=0.3).close()
    assert caught.value.sqlstate == "53400"
