# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what not every supported version of SQLAlchemy has."""

from __future__ import annotations

import re

import pytest
import sqlalchemy


def since(version: str) -> pytest.MarkDecorator:
    """For a test of what an older SQLAlchemy does not have."""
    installed, needed = (
        tuple(map(int, re.findall(r"\d+", text)[:3])) for text in (sqlalchemy.__version__, version)
    )
    return pytest.mark.skipif(installed < needed, reason=f"SQLAlchemy has it since {version}")
