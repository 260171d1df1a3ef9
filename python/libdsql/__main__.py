# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Flags for C programs that use the library which this package brings.

cc query.c $(python -m libdsql --cflags --libs) -o query
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import libdsql


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m libdsql",
        description="Flags for C programs that use the library which this package brings.",
    )
    parser.add_argument("--cflags", action="store_true", help="where dsql.h is")
    parser.add_argument("--libs", action="store_true", help="where libdsql.so is")
    parser.add_argument("--version", action="version", version=libdsql.__version__)
    asked = parser.parse_args()
    if not (asked.cflags or asked.libs):
        parser.error("ask for --cflags, for --libs, or for both")
    here = Path(__file__).parent
    flags = [f"-I{here / 'include'}"] if asked.cflags else []
    if asked.libs:
        flags += [f"-L{here / 'lib'}", f"-Wl,-rpath,{here / 'lib'}", "-ldsql"]
    print(shlex.join(flags))


if __name__ == "__main__":
    main()
