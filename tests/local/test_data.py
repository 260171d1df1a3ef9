# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What dsql-local keeps in its directory, and in which states of it it still starts."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import libdsql.local
import pytest
from support import connect_to, wait_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes owners")


def begin(*arguments: str) -> subprocess.Popen:
    """A start that the test does not wait for."""
    return subprocess.Popen(
        [libdsql.local.program(), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=libdsql.local.environment(),
    )


def background(*arguments: str, **keywords) -> libdsql.local.LocalEndpoint:
    done = subprocess.run(
        [libdsql.local.program(), *arguments, "--idle-exit", "2"],
        capture_output=True,
        text=True,
        timeout=120,
        env=libdsql.local.environment(),
        **keywords,
    )
    assert done.returncode == 0, done
    return libdsql.local.parse_ready(done.stdout)


def answers(endpoint: libdsql.local.LocalEndpoint) -> bool:
    with connect_to(endpoint) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def postmaster(folder: Path) -> int:
    return int((folder / "pg/data/postmaster.pid").read_text().split()[0])


# ------------------------------------------------------------------------ broken starts


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_start_that_is_interrupted_leaves_nothing(place, monkeypatch, number):
    monkeypatch.setenv("TMPDIR", str(place))
    process = begin("--ephemeral")
    wait_for(lambda: any(place.glob("dsql-local-*/pg/making-*/base")))
    process.send_signal(number)
    said = process.communicate(timeout=60)
    assert said == ("", "dsql-local: stopped before it was ready\n")
    assert process.returncode == 1
    assert list(place.iterdir()) == []


def test_first_start_that_is_killed_is_made_again(place, start):
    process = begin("--data", f"{place}/data")
    wait_for(lambda: any(place.glob("data/pg/making-*/base")))
    process.kill()
    process.communicate()
    assert answers(start("--data", f"{place}/data").endpoint)
    assert not any(place.glob("data/pg/making-*"))


def test_endpoint_and_postgresql_killed_together_start_again(place, start):
    program = start("--data", f"{place}/data")
    with connect_to(program.endpoint):
        server = postmaster(place / "data")
        program.process.kill()
        os.kill(server, signal.SIGKILL)
        assert answers(start("--data", f"{place}/data").endpoint)


def test_process_of_the_old_number_is_left_alone(place, start):
    other = start("--data", f"{place}/other").endpoint
    start("--data", f"{place}/data").stop()
    number = postmaster(place / "other")
    (place / "data/pg/data/postmaster.pid").write_text(f"{number}\n")
    assert answers(start("--data", f"{place}/data").endpoint)
    assert postmaster(place / "other") == number
    assert answers(other)


# ------------------------------------------------------------------------ odd directories


@pytest.mark.parametrize("name", ["it's, here", "a" * 120])
def test_directory_may_have_any_name(place, start, name):
    program = start("--data", f"{place}/{name}/data")
    assert answers(program.endpoint)
    assert Path(program.endpoint.ca) == place / name / "data" / "ca.pem"
    assert program.stop() == (0, "")


def test_directory_is_of_the_users_data_unless_given(place, start, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
    assert Path(start().endpoint.ca) == place / "dsql-local" / "ca.pem"


def test_strict_file_modes_of_the_caller_do_no_harm(place):
    endpoint = background("--background", "--data", f"{place}/new/data", umask=0o077)
    assert answers(endpoint)


@as_root
def test_owner_of_the_database_stays_its_owner(place, start):
    start("--data", f"{place}/data").stop()
    owner = pwd.getpwnam("daemon")
    home = place / "data" / "pg"
    for path in [home, *home.rglob("*")]:
        os.chown(path, owner.pw_uid, owner.pw_gid)
    assert answers(start("--data", f"{place}/data").endpoint)
    assert Path(f"/proc/{postmaster(place / 'data')}").stat().st_uid == owner.pw_uid


@as_root
def test_programs_in_a_private_place_are_copied(place, start, monkeypatch):
    found = libdsql.local.environment().get("DSQL_LOCAL_POSTGRES")
    if found is None:
        pytest.skip("needs the PostgreSQL of the extra local")
    package = Path(found).parents[1]
    private = place / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(package, private / package.name, symlinks=True)
    if Path(f"{package}.libs").exists():
        shutil.copytree(f"{package}.libs", private / f"{package.name}.libs", symlinks=True)
    monkeypatch.setenv("DSQL_LOCAL_POSTGRES", str(private / package.name / "pginstall" / "bin"))
    program = start("--data", f"{place}/data")
    assert answers(program.endpoint)
    running = os.readlink(f"/proc/{postmaster(place / 'data')}/exe")
    assert Path(running).is_relative_to(place / "data")


# --------------------------------------------------------------------------- certificates


def openssl(*arguments: str | Path) -> str:
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=True
    ).stdout


def make_short_lived(folder: Path) -> None:
    """Puts in place of the server's certificate one that ends in ten days."""
    request = folder / "request.pem"
    openssl("req", "-new", "-key", folder / "server.key", "-subj", "/CN=x", "-out", request)
    openssl(
        "x509", "-req", "-in", request, "-days", "10", "-CA", folder / "ca.pem",
        "-CAkey", folder / "ca.key", "-out", folder / "server.pem",
    )  # fmt: skip


def test_certificates_hold_under_strict_rules(place, start):
    folder = place / "data"
    endpoint = start("--data", str(folder)).endpoint
    for name in ["localhost", f"{endpoint.cluster}.dsql.us-east-1.on.aws"]:
        assert "OK" in openssl(
            "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name,
            "-CAfile", endpoint.ca, folder / "server.pem",
        )  # fmt: skip
    for address in ["127.0.0.1", "::1"]:
        openssl("verify", "-verify_ip", address, "-CAfile", endpoint.ca, folder / "server.pem")
    context = ssl.create_default_context(cafile=endpoint.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["postgresql"])
    with socket.create_connection(("127.0.0.1", endpoint.port)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as stream:
            assert stream.getpeercert()["issuer"]


def test_certificate_is_made_anew_before_it_ends(place, start):
    folder = place / "data"
    first = start("--data", str(folder))
    first.stop()
    authority = (folder / "ca.pem").read_bytes()
    make_short_lived(folder)
    short = (folder / "server.pem").read_bytes()
    assert answers(start("--data", str(folder)).endpoint)
    assert (folder / "server.pem").read_bytes() != short
    assert (folder / "ca.pem").read_bytes() == authority


def test_authority_is_made_anew_before_it_ends(place, start):
    folder = place / "data"
    start("--data", str(folder)).stop()
    openssl(
        "req", "-x509", "-key", folder / "ca.key", "-days", "10", "-subj", "/CN=short",
        "-out", folder / "ca.pem",
    )  # fmt: skip
    short = (folder / "ca.pem").read_bytes()
    assert answers(start("--data", str(folder)).endpoint)
    assert (folder / "ca.pem").read_bytes() != short


# ------------------------------------------------------------------------------ background


def test_background_writes_the_ready_file_each_time(place):
    for name in ["first", "second"]:
        endpoint = background("--background", "--data", "data", "--ready-file", name, cwd=place)
        assert libdsql.local.parse_ready((place / name).read_text()) == endpoint
    assert Path(endpoint.ca) == place / "data" / "ca.pem"
    assert answers(endpoint)


def test_background_may_be_shortened(place):
    assert answers(background("--back", f"--data={place}/data"))


def test_localhost_is_an_address_to_listen_at(start):
    assert answers(start("--ephemeral", "--listen", "localhost").endpoint)


def test_all_addresses_are_called_localhost(start):
    endpoint = start("--ephemeral", "--listen", "0.0.0.0", "--allow-public-listen").endpoint
    assert endpoint.host == "localhost"
    assert answers(endpoint)
