# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A plugin for pytest that writes what became of each of SQLAlchemy's tests, for
tools/make_suite_page.py."""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--results", type=Path, required=True, help="the file to write")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Results(config.getoption("--results")))


def name_of(node_id: str) -> str:
    """A test without the name of the database in that of its class, and without parameters."""
    _, suite, test = node_id.split("::")
    return f"{suite.partition('_auroradsql')[0]}.{test.partition('[')[0]}"


def reason_of(report: pytest.TestReport) -> str:
    """Why a test was skipped, without SQLAlchemy's words around it."""
    assert isinstance(report.longrepr, tuple)
    return report.longrepr[2].removeprefix("Skipped: ").rpartition("' : ")[2]


def unmet(item: Any) -> list[str]:
    """Why a test is skipped before it begins: for each requirement that is closed, SQLAlchemy's
    plugin shows one of them."""
    from sqlalchemy.testing import config

    conditions = [getattr(item.function, "_sa_exclusion_extend", None)]
    for name, value in (item.callspec.params if hasattr(item, "callspec") else {}).items():
        conditions += value if name.startswith("_exclusions") else []
    closed = {
        predicate._as_string(config)
        for condition in conditions
        if condition is not None
        for predicate in condition.skips
        if predicate(config)
    }
    return sorted(closed)


class Results:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self.skipped: Counter[tuple[str, str]] = Counter()
        self.unmet: dict[str, list[str]] = {}
        self.closed: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.counts[report.outcome] += 1
        if report.skipped:
            for reason in self.unmet[report.nodeid] or [reason_of(report)]:
                self.skipped[reason, name_of(report.nodeid)] += 1

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what closes tests, and classes of which SQLAlchemy's plugin has collected none."""
        from sqlalchemy.testing import asyncio, config, fixtures

        for item in session.items:  # some of the conditions ask the database
            self.unmet[item.nodeid] = asyncio._maybe_async_provisioning(unmet, item)
        requirements: Any = config.requirements
        collected = {
            item.nodeid.split("::")[1].partition("_auroradsql")[0] for item in session.items
        }
        for name, item in vars(sys.modules["test_suite"]).items():
            if not inspect.isclass(item) or not issubclass(item, fixtures.TestBase):
                continue
            if name in collected or name.startswith("_"):
                continue
            for requirement in getattr(item, "__requires__", ()):
                for reason in getattr(requirements, requirement).matching_config_reasons(config):
                    self.closed.append((reason, name))

    def pytest_sessionfinish(self) -> None:
        import sqlalchemy
        from sqlalchemy.testing import config

        url: Any = config.db.url
        found = {
            "driver": url.get_driver_name(),
            "sqlalchemy": sqlalchemy.__version__,
            **{outcome: self.counts[outcome] for outcome in ("passed", "skipped", "failed")},
            "tests": [[*key, count] for key, count in sorted(self.skipped.items())],
            "classes": sorted(self.closed),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(found, indent=1))
