# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Sources of credentials over real connections: moto's server, and a server that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import libdsql
import libdsql.aio
import libdsql.http
import pytest
from aurora_dsql_sqlalchemy import create_dsql_engine
from aws_world import stamp

HOST = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws"
ARN = "arn:aws:iam::123456789012:role/the-role"
FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys but those that a test brings."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "30")


def access_key(token: str) -> str:
    (credential,) = parse_qs(urlsplit("https://" + token).query)["X-Amz-Credential"]
    return credential.split("/")[0]


# ------------------------------------------------------------------------- moto


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_role_of_a_profile(moto, monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        "[profile base]\naws_access_key_id=AKIA\naws_secret_access_key=S\n"
        f"[profile one]\nrole_arn={ARN}\nsource_profile=base\nexternal_id=x\n"
        f"[profile two]\nrole_arn={ARN}-two\nsource_profile=one\nduration_seconds=1800\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    token = libdsql.token(HOST, profile="two")
    assert access_key(token).startswith("ASIA")
    assert "X-Amz-Security-Token=" in token
    assert access_key(libdsql.token(HOST, profile="two")) == access_key(token)  # kept


def test_web_identity(moto, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ARN)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    assert access_key(libdsql.token(HOST)).startswith("ASIA")


def test_instance_and_its_region(moto, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto)
    token = libdsql.token("abcdefghijklmnopqrstuvwx12")
    assert access_key(token) == "test-key"
    assert token.startswith("abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws/")
    engine = create_dsql_engine("abcdefghijklmnopqrstuvwx12", "admin")
    _, options = engine.dialect.create_connect_args(engine.url)
    assert options["region"] == "us-east-1"


# ------------------------------------------------------------------------- misbehaviour


def whole_request(stream: socket.socket) -> bytes:
    """To the end of its body: what were left unread would cost the client the answer."""
    taken = b""
    while more := stream.recv(65536):
        taken += more
        head, end, body = taken.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            break
    return taken


DRIP = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


class Server(threading.Thread):
    """Answers each connection with the next of its answers; the last one stays. None: it is silent;
    DRIP: a byte now and then.
    """

    def __init__(self, *answers: bytes | None, context: ssl.SSLContext | None = None) -> None:
        super().__init__(daemon=True)
        self.answers = list(answers)
        self.context = context
        self.requests: list[bytes] = []
        self.open = threading.Event()  # until it is set, None is no answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def run(self) -> None:
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, plain: socket.socket) -> None:
        # Whoever does not want to hear more ends it.
        with plain, contextlib.suppress(OSError):
            if self.context is None:
                self.answer(plain)
            else:
                with self.context.wrap_socket(plain, server_side=True) as stream:
                    self.answer(stream)

    def answer(self, stream: socket.socket) -> None:
        self.requests.append(whole_request(stream))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            self.open.wait(30)
        else:
            stream.sendall(answer)
        while answer is DRIP and not self.open.wait(0.01):
            stream.sendall(b"x")

    def stop(self) -> None:
        self.open.set()
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[Server] = []

    def started(*answers: bytes | None, **keywords: Any) -> Server:
        servers.append(Server(*answers, **keywords))
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


def http(body: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def keys(access: str = "ASIAONE", expires: str = "") -> str:
    answer = {"AccessKeyId": access, "SecretAccessKey": "S", "Token": "T"}
    return json.dumps({**answer, "Expiration": expires or stamp()})


LATER = http("later", "503 Service Unavailable")


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([http(keys())], 1),
        ([http(keys(), kind="text/html")], 1),
        ([LATER, http("<html>", kind="text/html"), http(keys())], 3),
        ([b"", http(keys())], 2),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", http(keys())], 2),
        ([f"HTTP/1.0 200 OK\r\n\r\n{keys()}".encode()], 1),
        ([b"220 mail ESMTP\r\n", http(keys())], 2),
    ],
    ids=["good", "wrong type", "5xx, a page", "closed", "cut off", "without length", "not HTTP"],
)
def test_what_passes_is_got_over(serve, monkeypatch, answers, asked):
    server = serve(*answers)
    monkeypatch.setenv(FULL, server.url + "/keys")
    assert access_key(libdsql.token(HOST)) == "ASIAONE"
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("answer", "asked", "says"),
    [
        (LATER, 3, "HTTP status 503"),
        (http("no", "404 Not Found"), 3, "HTTP status 404"),
        (http("[1,"), 3, "is no JSON"),
        (http('{"AccessKeyId": 7}'), 1, "something else than text"),
        (http('{"AccessKeyId": "A"}'), 1, "lacks an access key"),
        (http(keys(expires="soon")), 1, "expiration that is no time"),
        (http(keys(expires=stamp(-1))), 1, "have expired already"),
        (http("x" * 300_000), 1, "longer than 262144 bytes"),
        (b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", 3, "status 302"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", 3, "not HTTP"),
    ],
    ids=["5xx", "404", "cut JSON", "number", "half", "no time", "expired", "huge", "redirect",
         "headers"],
)  # fmt: skip
def test_what_stays_wrong_is_said(serve, monkeypatch, answer, asked, says):
    server = serve(answer)
    monkeypatch.setenv(FULL, server.url + "/keys")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer quite-secret")
    with pytest.raises(libdsql.OperationalError, match=says) as caught:
        libdsql.token(HOST)
    assert len(server.requests) == asked
    assert b"Authorization: Bearer quite-secret\r\n" in server.requests[0]
    assert "quite-secret" not in str(caught.value) and "/keys" not in str(caught.value)
    with pytest.raises(libdsql.OperationalError, match=says):
        libdsql.token(HOST)
    assert len(server.requests) == asked  # it is left alone for a while


@pytest.mark.parametrize("answer", [None, DRIP], ids=["silent", "dripping"])
def test_slow_answers_are_not_awaited_for_ever(serve, answer):
    url = serve(answer).url + "/"
    code, sentence = libdsql.http.request("GET", url, (), None, None, None, 0.2, 1_000_000)
    assert (code, sentence) == (libdsql.http.TIMEOUT, "no answer within 0.2 s")


def test_short_answers_are_none(serve):
    url = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").url + "/"
    code, _ = libdsql.http.request("GET", url, (), None, None, None, 10, 1000)
    assert code == libdsql.http.IO


def test_nobody_there(serve, monkeypatch):
    server = serve(b"")
    server.stop()
    monkeypatch.setenv(FULL, server.url + "/keys")
    with pytest.raises(libdsql.OperationalError, match="cannot be asked: Connection refused"):
        libdsql.token(HOST)


def test_version_1_of_the_metadata_service_is_used_when_told(serve, monkeypatch):
    answers = [http("", "403 Forbidden"), http("role"), http(keys("ASIAV1"))]
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    server = serve(*answers)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
    with pytest.raises(libdsql.OperationalError, match="enable IMDSv2"):
        libdsql.token(HOST)
    assert len(server.requests) == 1
    server = serve(*answers)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
    monkeypatch.setenv("AWS_EC2_METADATA_V1_DISABLED", "false")
    assert access_key(libdsql.token(HOST)) == "ASIAV1"


def test_attempts_of_the_metadata_service(serve, monkeypatch):
    server = serve(LATER, http("session"), LATER, http("role"), http("{"), http(keys("ASIAR")))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2")
    assert access_key(libdsql.token(HOST)) == "ASIAR"
    assert len(server.requests) == 6


def test_expired_instance_keys_are_used_on(serve, monkeypatch):
    server = serve(http("session"), http("role"), http(keys("ASIAOLD", stamp(-100))))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
    assert access_key(libdsql.token(HOST)) == "ASIAOLD"


# ------------------------------------------------------------------------- TLS, proxies


@pytest.fixture
def context(endpoint: libdsql.local.LocalEndpoint) -> ssl.SSLContext:
    """TLS with the local endpoint's certificate, which is good for localhost."""
    place = Path(endpoint.ca).parent
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(place / "server.pem", place / "server.key")
    return made


def test_authorities_of_ones_own(serve, monkeypatch, endpoint, context, tmp_path):
    answer = (
        "<R><Credentials><AccessKeyId>ASIATLS</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
        f"<SessionToken>T</SessionToken><Expiration>{stamp()}</Expiration></Credentials></R>"
    )
    server = serve(http(answer), context=context)
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ARN)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://localhost:{server.port}")
    with pytest.raises(libdsql.OperationalError, match="TLS failed"):
        libdsql.token(HOST)
    assert not server.requests
    monkeypatch.setenv("AWS_CA_BUNDLE", endpoint.ca)
    assert access_key(libdsql.token(HOST)) == "ASIATLS"


def test_proxies(serve, monkeypatch, tmp_path):
    proxy = serve(http("", "502 Bad Gateway"))
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ARN)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{proxy.port}")
    with pytest.raises(libdsql.OperationalError, match="AWS STS"):
        libdsql.token(HOST)
    assert proxy.requests[0].startswith(b"CONNECT sts.eu-west-1.amazonaws.com:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in proxy.requests[0]
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.test/")
    with pytest.raises(libdsql.OperationalError, match="AWS STS"):
        libdsql.token(HOST)
    assert proxy.requests[-1].startswith(b"POST http://sts.test HTTP/1.1\r\n")
    asked = len(proxy.requests)
    server = serve(http(keys()))
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
    monkeypatch.setenv(FULL, server.url)
    assert access_key(libdsql.token(HOST)) == "ASIAONE"  # metadata goes past every proxy
    assert len(proxy.requests) == asked


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("http://p:99999", "HTTPS_PROXY names is no URL"),
        ("http://me:word@[::1", "HTTPS_PROXY names is no URL"),
        ("http://me:word@p:x", "HTTPS_PROXY names is no URL"),
        ("http://me:w/ord@p:1", "HTTPS_PROXY names is no URL"),
        (" ", "HTTPS_PROXY names is no URL"),
        ("http://me:word@a..b:1", "the proxy's, names no host"),
    ],
)
def test_proxy_that_is_none_is_said_without_its_password(monkeypatch, tmp_path, proxy, says):
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ARN)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(libdsql.Error, match=says) as caught:
        libdsql.token(HOST)
    assert "ord" not in str(caught.value)


# ------------------------------------------------------------------------- asyncio, threads, fork


def test_asyncio_never_waits_for_keys(serve, monkeypatch, endpoint):
    """While the agent is silent, the loop goes on."""
    server = serve(None)
    monkeypatch.setenv(FULL, server.url)
    address = {"hostaddr": "127.0.0.1", "port": endpoint.port, "sslrootcert": endpoint.ca}

    async def opening() -> None:
        async with libdsql.aio.connect("localhost", **address):
            raise AssertionError("the keys are unknown to the endpoint")

    async def main() -> None:
        task = asyncio.create_task(opening())
        while not server.requests:
            await asyncio.sleep(0.001)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not task.done()
        server.answers = [http(keys())]
        server.open.set()
        with pytest.raises(libdsql.OperationalError, match=r"(?i)access"):
            await task

    asyncio.run(main())


def test_threads_ask_once(serve, monkeypatch):
    server = serve(http(keys()))
    monkeypatch.setenv(FULL, server.url)
    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda: tokens.append(libdsql.token(HOST, now=0))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8 and len(set(tokens)) == 1
    assert len(server.requests) == 1


def test_child_asks_anew(serve, monkeypatch):
    server = serve(http(keys()), http(keys("ASIATWO")))
    monkeypatch.setenv(FULL, server.url)
    assert access_key(libdsql.token(HOST)) == "ASIAONE"
    child = os.fork()
    if child == 0:
        os._exit(0 if access_key(libdsql.token(HOST)) == "ASIATWO" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert access_key(libdsql.token(HOST)) == "ASIAONE"


def test_interrupt_ends_the_search(monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(libdsql.http, "request", interrupted)
    monkeypatch.setenv(FULL, "http://localhost:1/interrupted")
    with pytest.raises(KeyboardInterrupt):
        libdsql.token(HOST)


def test_nothing_is_imported_for_keys_at_hand():
    program = (
        "import sys, libdsql; libdsql.token('localhost');"
        "print(sorted({'botocore', 'http.client', 'ssl', 'libdsql.http'} & set(sys.modules)))"
    )
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


# ------------------------------------------------------------------------- programs


def test_program_gets_three_descriptors_and_says_why_it_failed(monkeypatch, tmp_path):
    (tmp_path / "program").write_text(
        "import os, sys\n"
        "found = sorted(os.listdir('/proc/self/fd'))[:9]\n"
        "print('open:', found, sys.stdin.read(), file=sys.stderr)\n"
        "sys.exit(3)\n"
    )
    config = tmp_path / "config"
    config.write_text(
        f"[default]\ncredential_process = '{sys.executable}' -IS {tmp_path}/program\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    left_open = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(left_open, True)
    with pytest.raises(libdsql.OperationalError) as caught:
        libdsql.token(HOST)
    os.close(left_open)
    assert "ended with status 3: open: ['0', '1', '2', '3'] " in str(caught.value)


def test_mfa_and_sso_say_what_to_run(monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        f"[profile m]\nrole_arn={ARN}\nsource_profile=m\nmfa_serial=arn:mfa\n"
        "aws_access_key_id=A\naws_secret_access_key=S\n"
        "[profile s]\nsso_session=x\nsso_account_id=1\nsso_role_name=r\n"
        "[sso-session x]\nsso_region=us-east-1\nsso_start_url=https://x\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(
        libdsql.OperationalError, match=r"MFA code .*export-credentials --profile m"
    ):
        libdsql.token(HOST, profile="m")
    with pytest.raises(libdsql.OperationalError, match="run `aws sso login --profile s`"):
        libdsql.token(HOST, profile="s")
