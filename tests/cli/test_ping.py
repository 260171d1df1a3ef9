# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql ping."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

STEPS = ["credentials", "resolve", "connect", "TLS", "sign-in", "first query"]
CLUSTER = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws"


def without(place_of: list[str], option: str) -> list[str]:
    return [word for word in place_of if not word.startswith(option)]


def test_time_of_each_step_is_told(dsql, endpoint, place_of):
    done = dsql("ping", *place_of)
    assert (done.returncode, done.stderr) == (0, "")
    # An address that is given is not resolved.
    assert re.fullmatch(
        rf"""localhost, port {endpoint.port}, region us-east-1
credentials +[\d.]+ ms  shared-credentials-file
connect +[\d.]+ ms  127\.0\.0\.1 port {endpoint.port}
TLS +[\d.]+ ms
sign-in +[\d.]+ ms  admin
first query +[\d.]+ ms  PostgreSQL 16\.\d+
total +[\d.]+ ms
""",
        done.stdout,
    ), done.stdout


def test_json_tells_the_same_to_programs(dsql, endpoint, place_of):
    told = json.loads(dsql("ping", *place_of, "--json").stdout)
    steps = told.pop("steps")
    assert [step["step"] for step in steps] == [step for step in STEPS if step != "resolve"]
    assert told.pop("total_ms") == pytest.approx(sum(step["ms"] for step in steps), abs=0.01)
    assert abs(told.pop("clock_skew_s")) <= 60
    assert told.pop("server").startswith("16.")
    assert told == {
        "host": "localhost",
        "address": f"127.0.0.1 port {endpoint.port}",
        "port": endpoint.port,
        "user": "admin",
        "region": "us-east-1",
        "credentials": "shared-credentials-file",
        "retried": None,
        "failure": None,
    }


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """A port at which everybody gets this answer and is sent away."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def failure(dsql, *arguments: str, **keywords) -> dict[str, str]:
    """What is told in both forms of a failure."""
    table = dsql("ping", *arguments, **keywords)
    done = dsql("ping", *arguments, "--json", **keywords)
    assert (table.returncode, done.returncode) == (1, 1)
    found = dict(json.loads(done.stdout)["failure"])
    said = table.stderr.splitlines()
    assert said[0].startswith(f"dsql ping: {found['step']} failed: ")
    assert said[1:] == [f"  likely cause: {found['cause']}", f"  what to do: {found['remedy']}"]
    return found


def test_missing_keys_are_a_failure_of_credentials(dsql, tmp_path):
    found = failure(dsql, CLUSTER, variables={"HOME": str(tmp_path)})
    assert (found["step"], found["code"]) == ("credentials", "DSQL_E_CREDENTIALS")
    assert "AWS_ACCESS_KEY_ID" in found["remedy"]


def test_name_that_leads_nowhere_is_a_failure_to_resolve(dsql, keys):
    found = failure(dsql, CLUSTER, variables=keys)
    assert (found["step"], found["code"]) == ("resolve", "DSQL_E_RESOLVE")


def test_port_without_a_server_is_a_failure_to_connect(dsql, keys):
    port = f"--port={closed_port()}"
    found = failure(dsql, "localhost", port, variables=keys)
    assert found["step"] == "connect"
    assert found["cause"] == "no dsql-local listens there"
    found = failure(dsql, CLUSTER, port, "--hostaddr=127.0.0.1", variables=keys)
    assert found["cause"] == "nothing listens at that port"


def test_server_without_tls_is_a_failure_of_tls(dsql, keys):
    with server(b"SSH-2.0-x\r\n") as port:
        arguments = (CLUSTER, f"--port={port}", "--hostaddr=127.0.0.1")
        found = failure(dsql, *arguments, variables=keys)
    assert found["step"] == "TLS"
    assert "no Aurora DSQL endpoint" in found["cause"]


def test_other_authority_is_a_failure_of_tls(dsql, place_of):
    found = failure(dsql, *without(place_of, "--ca-file"))
    assert (found["step"], found["code"]) == ("TLS", "DSQL_E_TLS")
    assert "--ca-file" in found["remedy"]


def test_wrong_secret_is_a_failure_to_sign_in(dsql, endpoint, place_of, tmp_path):
    with open(endpoint.credentials) as file:
        text = re.sub(r"(aws_secret_access_key *= *).*", r"\1wrong", file.read())
    (tmp_path / "credentials").write_text(text)
    place = [*without(place_of, "--cred"), f"--credentials-file={tmp_path / 'credentials'}"]
    found = failure(dsql, *place)
    assert (found["step"], found["sqlstate"]) == ("sign-in", "08006")
    assert found["cause"] == "the secret key is not the one of the access key"


def test_role_that_is_not_granted_is_a_failure_to_sign_in(dsql, place_of):
    found = failure(dsql, *place_of, "--user=nobody_there")
    assert (found["step"], found["sqlstate"]) == ("sign-in", "08006")
    assert "IAM" in found["cause"] + found["remedy"]


def test_server_that_does_not_answer_is_a_timeout(dsql, keys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = f"--port={listener.getsockname()[1]}"
        arguments = (CLUSTER, port, "--hostaddr=127.0.0.1", "--timeout=1")
        found = failure(dsql, *arguments, variables=keys)
    assert (found["step"], found["code"]) == ("TLS", "DSQL_E_TIMEOUT")
