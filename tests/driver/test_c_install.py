# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""libdsql as a C programmer meets it: installed to a prefix, found by pkg-config."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import libdsql.local
import pytest

ROOT = Path(__file__).parents[2]
HOST = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws"


def run(*command: str | Path, preload: bool = False, **variables: str) -> str:
    """preload: with the sanitizers' runtime, which libraries of this Python's own need."""
    environment = {**os.environ, **variables}
    if not preload:
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


@pytest.fixture
def build(prefix: Path, tmp_path: Path) -> Callable[..., Path]:
    """Compiles an example as its first lines say, and returns the program."""

    def compiled(name: str, *packages: str, static: bool = False) -> Path:
        variables = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
        # The static library with OpenSSL's shared ones: few systems have all that --static names.
        names = ["libdsql", *packages, *(["libssl", "libcrypto"] if static else [])]
        flags = run("pkg-config", "--cflags", "--libs", *names, **variables).split()
        if static:
            library = str(prefix / "lib" / "libdsql.a")
            flags = [library if flag == "-ldsql" else flag for flag in flags]
        source, program = ROOT / "examples" / "c" / f"{name}.c", tmp_path / name
        run("cc", "-Wall", "-Wextra", "-Werror", source, *flags, "-pthread", "-o", program)
        return program

    return compiled


@pytest.fixture
def where(endpoint: libdsql.local.LocalEndpoint) -> tuple[str, ...]:
    return (str(endpoint.port), endpoint.ca, endpoint.credentials)


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
def test_example_compiles_by_pkg_config_and_signs(prefix, build, static):
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "S"}
    program = build("token", static=static)
    token = run(program, "localhost", LD_LIBRARY_PATH=str(prefix / "lib"), **keys)
    assert token.startswith("localhost/?Action=DbConnectAdmin&")


def test_example_asks_for_a_role_over_https(prefix, build, endpoint, tmp_path):
    """By libcurl, with authorities of one's own."""
    body = (
        b"<R><Credentials><AccessKeyId>ASIACURL</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
        b"<SessionToken>T</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>"
        b"</Credentials></R>"
    )
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    place = Path(endpoint.ca).parent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem", place / "server.key")
    asked: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as stream:
            while b"WebIdentityToken" not in b"".join(asked):
                asked.append(stream.recv(65536))
            stream.sendall(answer)

    (tmp_path / "web-token").write_text("a.b.c")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        token = run(
            build("token"),
            HOST,
            LD_LIBRARY_PATH=str(prefix / "lib"),
            HOME=str(tmp_path),
            AWS_ROLE_ARN="arn:aws:iam::123456789012:role/r",
            AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "web-token"),
            AWS_ENDPOINT_URL_STS=f"https://localhost:{listener.getsockname()[1]}",
            AWS_CA_BUNDLE=endpoint.ca,
        )
        thread.join()
    assert "X-Amz-Credential=ASIACURL%2F" in token
    assert b"Action=AssumeRoleWithWebIdentity&" in b"".join(asked)


def test_the_python_package_brings_the_library(tmp_path):
    flags = run(sys.executable, "-m", "libdsql", "--cflags", "--libs", preload=True).split()
    program = tmp_path / "token"
    source = ROOT / "examples" / "c" / "token.c"
    # Symbols of the sanitizers come when it runs.
    run("cc", "-Wall", "-Werror", source, *flags, "-Wl,--allow-shlib-undefined", "-o", program)
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "S"}
    token = run(program, "localhost", preload=True, **keys)
    assert token.startswith("localhost/?Action=DbConnectAdmin&")


def test_example_connects_and_prints_rows(prefix, build, where):
    sql = "SELECT g, NULL, 'ä' FROM generate_series(1, 3) g"
    library = str(prefix / "lib")
    rows = run(build("query"), "localhost", sql, *where, LD_LIBRARY_PATH=library)
    assert rows == "".join(f"{number}\tNULL\tä\n" for number in (1, 2, 3))


def test_example_signs_libpq_in(prefix, build, where):
    program = build("libpq", "libpq")
    assert run(program, "localhost", *where, LD_LIBRARY_PATH=str(prefix / "lib")) == "admin\n"


def test_example_counts_every_step_when_several_run_at_a_time(prefix, build, where):
    program = build("retry")
    run(program, "localhost", *where, LD_LIBRARY_PATH=str(prefix / "lib"))  # makes the table
    environment = {**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib"), "LD_PRELOAD": ""}
    running = [
        subprocess.Popen(
            [program, "localhost", *where], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(6)
    ]
    numbers = sorted(int(each.communicate()[0]) for each in running)
    assert [each.returncode for each in running] == [0] * 6
    assert numbers == list(range(numbers[0], numbers[0] + 6))


def test_pet_clinic_in_c_loses_no_visit(prefix, build, where):
    said = run(build("pet_clinic"), "localhost", *where, LD_LIBRARY_PATH=str(prefix / "lib"))
    assert re.fullmatch(r"visits at 4 desks: 20, in \d+ tries\ncounted: 20, rows: 20\n", said)


def test_header_stands_alone_also_for_cplusplus(prefix, tmp_path):
    for compiler, suffix in (("cc", "c"), ("c++", "cc")):
        if compiler == "c++" and shutil.which("c++") is None:
            continue  # the language is C; a C++ compiler is not a requirement
        source = tmp_path / f"only.{suffix}"
        source.write_text("#include <dsql.h>\nint main() { return DSQL_OK; }\n")
        run(compiler, "-Wall", "-Wextra", "-Werror", f"-I{prefix}/include", "-c", source, "-o",
            tmp_path / "only.o")  # fmt: skip


def test_what_is_exported_is_what_the_header_declares(prefix):
    lines = run("nm", "-D", "--defined-only", prefix / "lib" / "libdsql.so").splitlines()
    exported = {line.split()[-1] for line in lines}
    header = (ROOT / "include" / "dsql.h").read_text()
    assert exported == set(re.findall(r"^DSQL_API .*?(\w+)\(", header, re.MULTILINE))


def test_no_function_of_this_major_version_is_gone(prefix):
    lines = run("nm", "-D", "--defined-only", prefix / "lib" / "libdsql.so").splitlines()
    promised = (ROOT / "tests" / "golden" / "symbols-2.txt").read_text().split()
    assert set(promised) <= {line.split()[-1] for line in lines}


def test_openssl_is_the_only_library_linked(prefix):
    needed = [
        line.split()[-1].strip("[]")
        for line in run("readelf", "-d", prefix / "lib" / "libdsql.so").splitlines()
        if "NEEDED" in line
    ]
    assert all(name.startswith(("libssl.", "libcrypto.", "libc.")) for name in needed), needed
