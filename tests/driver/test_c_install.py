# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""libdsql as a C programmer meets it: installed to a prefix, found by pkg-config."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    environment.pop("LD_PRELOAD", None)
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("c")
    scripts = Path(sys.executable).parent
    path = f"{scripts}:{os.environ['PATH']}"
    options = ["-Dpython=disabled", "-Ddsql_local=disabled", "--libdir=lib"]
    run("meson", "setup", place / "build", ROOT, f"--prefix={place}/usr", *options, PATH=path)
    run("meson", "install", "-C", place / "build", PATH=path)
    return place / "usr"


@pytest.mark.parametrize("linking", ["shared", "static"])
def test_example_compiles_by_pkg_config_and_signs(prefix, tmp_path, linking):
    variables = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    # The static library with OpenSSL's shared ones: not every system has all that --static names.
    packages = ["libdsql", "libssl", "libcrypto"] if linking == "static" else ["libdsql"]
    flags = run("pkg-config", "--cflags", "--libs", *packages, **variables).split()
    if linking == "static":
        flags = [str(prefix / "lib" / "libdsql.a") if flag == "-ldsql" else flag for flag in flags]
    program = tmp_path / "token"
    run("cc", "-Wall", "-Werror", ROOT / "examples/c/token.c", *flags, "-o", program)
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "S"}
    token = run(program, "localhost", LD_LIBRARY_PATH=str(prefix / "lib"), **keys)
    assert token.startswith("localhost/?Action=DbConnectAdmin&")


def test_example_connects_and_prints_rows(prefix, tmp_path, endpoint):
    flags = run(
        "pkg-config", "--cflags", "--libs", "libdsql", PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig"
    ).split()
    program = tmp_path / "query"
    run("cc", "-Wall", "-Werror", ROOT / "examples/c/query.c", *flags, "-o", program)
    where = (str(endpoint.port), endpoint.ca, endpoint.credentials)
    sql = "SELECT g, NULL, 'ä' FROM generate_series(1, 3) g"
    rows = run(program, "localhost", sql, *where, LD_LIBRARY_PATH=str(prefix / "lib"))
    assert rows == "".join(f"{number}\tNULL\tä\n" for number in (1, 2, 3))


def test_header_stands_alone_also_for_cplusplus(prefix, tmp_path):
    for compiler, suffix in (("cc", "c"), ("c++", "cc")):
        if compiler == "c++" and shutil.which("c++") is None:
            continue  # the language is C; a C++ compiler is not a requirement
        source = tmp_path / f"only.{suffix}"
        source.write_text("#include <dsql.h>\nint main() { return DSQL_OK; }\n")
        run(compiler, "-Wall", "-Wextra", "-Werror", f"-I{prefix}/include", "-c", source, "-o",
            tmp_path / "only.o")  # fmt: skip


def test_only_dsql_symbols_are_exported(prefix):
    lines = run("nm", "-D", "--defined-only", prefix / "lib" / "libdsql.so").splitlines()
    names = {line.split()[-1] for line in lines}
    assert names
    assert all(name.startswith("dsql_") and not name.startswith("dsql__") for name in names)


def test_openssl_is_the_only_library_linked(prefix):
    needed = [
        line.split()[-1].strip("[]")
        for line in run("readelf", "-d", prefix / "lib" / "libdsql.so").splitlines()
        if "NEEDED" in line
    ]
    assert all(name.startswith(("libssl.", "libcrypto.", "libc.")) for name in needed), needed
