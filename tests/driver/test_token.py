# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""libdsql from Python, without any server."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import libdsql
import pytest

HOST = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws"
KEYS = {"access_key": "ACCESS_KEY", "secret_key": "SECRET_KEY", "session_token": "SESSION_TOKEN"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def credentials(tmp_path) -> Path:
    folder = tmp_path / ".aws"
    folder.mkdir()
    path = folder / "credentials"
    path.write_text("[default]\naws_access_key_id=FIRST\naws_secret_access_key=S\n")
    return path


@pytest.mark.parametrize(
    ("user", "action", "signature"),
    [
        ("app", "DbConnect", "57fe03e060348aaa21405c239bf02572bbc911076e94dcd65c12ae569dd8fcf4"),
        (
            "admin",
            "DbConnectAdmin",
            "5ac084bc7cabccc19a52a5d1b5c24b50d3ce143f43b659bd484c91aaf555e190",
        ),
    ],
)
def test_published_vectors(user, action, signature):
    token = libdsql.token("test.dsql.us-east-1.on.aws", user, now=1731001173, **KEYS)
    assert token.startswith(f"test.dsql.us-east-1.on.aws/?Action={action}&X-Amz-Algorithm=")
    assert token.endswith(f"&X-Amz-Signature={signature}")


def test_fraction_of_now_is_cut():
    whole = libdsql.token(HOST, now=1731001173, **KEYS)
    assert libdsql.token(HOST, now=1731001173.9, **KEYS) == whole


@pytest.mark.parametrize("expires", [0, -1, 604801])
def test_expiry_out_of_range_is_refused(expires):
    with pytest.raises(libdsql.InterfaceError, match="1 to 604800") as caught:
        libdsql.token(HOST, expires=expires, **KEYS)
    assert caught.value.code == "DSQL_E_INVALID"


def test_half_a_key_pair_is_refused():
    with pytest.raises(libdsql.OperationalError, match="together"):
        libdsql.token(HOST, access_key="A")


def test_missing_credentials_say_where_they_could_be():
    with pytest.raises(libdsql.OperationalError, match="AWS_ACCESS_KEY_ID") as caught:
        libdsql.token(HOST)
    assert caught.value.code == "DSQL_E_CREDENTIALS"


def test_local_signs_in_by_itself():
    with pytest.raises(libdsql.InterfaceError, match="create_dsql_engine"):
        libdsql.token("local", **KEYS)


@pytest.mark.parametrize(
    ("host", "says"),
    [("", "no host"), ("example.com", "not an Aurora DSQL host"), (HOST + ":1", "port")],
)
def test_wrong_hosts_are_refused(host, says):
    with pytest.raises(libdsql.InterfaceError, match=says):
        libdsql.endpoint(host)


def test_wrong_region_is_refused():
    with pytest.raises(libdsql.InterfaceError, match="us-east-1") as caught:
        libdsql.endpoint(HOST, region="eu-west-1")
    assert caught.value.code == "DSQL_E_REGION"


def test_cluster_id_takes_the_region_of_the_environment(monkeypatch):
    with pytest.raises(libdsql.InterfaceError, match="needs a region"):
        libdsql.endpoint(HOST[:26])
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert libdsql.endpoint(HOST[:26]).host == f"{HOST[:26]}.dsql.eu-west-1.on.aws"


def test_endpoint_is_a_tuple_with_names():
    endpoint = libdsql.endpoint(HOST)
    assert endpoint == ("cluster", HOST, HOST, "us-east-1", HOST[:26])
    assert endpoint.kind == "cluster"


def test_changed_file_is_noticed(credentials):
    assert "Credential=FIRST%2F" in libdsql.token(HOST)
    credentials.write_text("[default]\naws_access_key_id=SECOND\naws_secret_access_key=S\n")
    assert "Credential=SECOND%2F" in libdsql.token(HOST)
    credentials.unlink()
    with pytest.raises(libdsql.OperationalError):
        libdsql.token(HOST)


def test_changed_environment_is_noticed(credentials, monkeypatch):
    assert "Credential=FIRST%2F" in libdsql.token(HOST)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S")
    assert "Credential=ENVIRONMENT%2F" in libdsql.token(HOST)
    assert "Credential=FIRST%2F" in libdsql.token(HOST, profile="default")


def test_credentials_file_can_be_named(tmp_path):
    path = tmp_path / "mine"
    path.write_text("[p]\naws_access_key_id=MINE\naws_secret_access_key=S\n")
    token = libdsql.token(HOST, profile="p", credentials_file=str(path))
    assert "Credential=MINE%2F" in token


def test_broken_file_is_named_without_its_content(credentials):
    credentials.write_text("[default]\nsecret-without-equals-sign\n")
    with pytest.raises(libdsql.OperationalError, match="line 2") as caught:
        libdsql.token(HOST)
    assert "secret-without" not in str(caught.value)


def test_threads_sign_at_once(credentials):
    tokens: set[str] = set()

    def sign():
        for _ in range(300):
            tokens.add(libdsql.token(HOST, now=1731001173))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 1


def _sign_into(queue):
    queue.put(libdsql.token(HOST, now=1731001173))


def test_fork_signs_as_its_parent(credentials):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_sign_into, args=(queue,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert queue.get() == libdsql.token(HOST, now=1731001173)


def test_importing_contacts_nobody_and_needs_nothing():
    program = (
        "import sys, libdsql; assert 'botocore' not in sys.modules and 'ssl' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters of their own came with 3.12")
def test_subinterpreter_can_load_it():
    program = (
        "import _xxsubinterpreters as i\n"
        "one = i.create()\n"
        f"i.run_string(one, \"import libdsql; libdsql.endpoint('{HOST}')\")\n"
        "i.destroy(one)\n"
    )
    if sys.version_info >= (3, 13):
        program = program.replace("_xxsubinterpreters", "_interpreters")
    subprocess.run([sys.executable, "-c", program], check=True)


def test_only_conflicts_may_be_tried_again():
    assert libdsql.is_retryable("40001")
    assert not any(map(libdsql.is_retryable, ["40P01", "23505", "08006", "", None]))
    with pytest.raises(TypeError):
        libdsql.is_retryable(40001)


def test_ca_file_follows_the_variable(monkeypatch, tmp_path):
    path = tmp_path / "ca.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(libdsql.OperationalError, match="SSL_CERT_FILE"):
        libdsql.ca_file()
    path.write_text("")
    assert libdsql.ca_file() == str(path)


def test_exceptions_are_those_of_pep_249():
    assert issubclass(libdsql.InterfaceError, libdsql.Error)
    for name in ["Data", "Operational", "Integrity", "Internal", "Programming", "NotSupported"]:
        assert issubclass(getattr(libdsql, f"{name}Error"), libdsql.DatabaseError)
    assert issubclass(libdsql.DatabaseError, libdsql.Error)
    assert not issubclass(libdsql.Warning, libdsql.Error)
