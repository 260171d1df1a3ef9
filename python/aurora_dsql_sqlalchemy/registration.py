# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Alembic learns of this dialect as soon as both are imported, in whatever order."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

AWAITED = "alembic.op"
"""The last module that alembic imports by itself."""

IMPLEMENTATION = "aurora_dsql_sqlalchemy.alembic"


class _Behind(Loader):
    """Runs a module by its own loader, and then imports ours."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        importlib.import_module(IMPLEMENTATION)


class _Waiting(MetaPathFinder):
    """Finds nothing, but is asked for what is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != AWAITED:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Behind(spec.loader)
        return spec


def register_with_alembic() -> None:
    """Now if alembic is imported already, else when it is: it costs more than this dialect."""
    if AWAITED in sys.modules:
        importlib.import_module(IMPLEMENTATION)
    elif not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())
