# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy's plugin for pytest; see run.py."""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

import aurora_dsql_sqlalchemy  # noqa: E402, F401  (registers its URLs)
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403
