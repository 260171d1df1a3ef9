# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""An AWS of the tests' own, asked by botocore and by libdsql in the place of the network.

What it answers depends on everything in a request that has a meaning. So two programs that get the
same keys from it have asked the same, with the same keys, at each step on the way.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.awsrequest
import botocore.httpsession
import libdsql.http
import pytest

GENERATED_NAME = re.compile(r"(libdsql|botocore-session)-\d+$")
AGENTS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost", "127.0.0.9")
AGENTS += ("::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "agent.test")
SIGNER = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/sts/aws4_request")


def later(seconds: int = 7200) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def stamp(seconds: int = 7200) -> str:
    return later(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def keys_for(*facts: object) -> tuple[str, str, str]:
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()
    return "ASIA" + digest[:16].upper(), digest[16:40], digest[40:] + "/+="


def sts(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    name = form.pop("RoleSessionName")
    if not GENERATED_NAME.match(name):
        form["RoleSessionName"] = name
    signer = SIGNER.search(headers.get("authorization", ""))
    token = headers.get("x-amz-security-token")
    assert (signer is None) == (form["Action"] == "AssumeRoleWithWebIdentity")
    if "forbidden" in form["RoleArn"]:
        return 403, (
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
            "<Message>not &amp; never</Message></Error></ErrorResponse>"
        )
    access, secret, session = keys_for(
        urlsplit(url).netloc, sorted(form.items()), signer and signer.groups(), token
    )
    action = form["Action"]
    return 200, (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
        f"<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/a/b</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{access}</AccessKeyId>"
        f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{session}</SessionToken>"
        f"<Expiration>{stamp()}</Expiration></Credentials></{action}Result></{action}Response>"
    )


def portal(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    query = sorted(parse_qsl(urlsplit(url).query))
    token = headers["x-amz-sso_bearer_token"]
    if "revoked" in token:
        return 401, '{"message": "Session token not found or invalid"}'
    access, secret, session = keys_for(urlsplit(url).netloc, query, token)
    keys = {"accessKeyId": access, "secretAccessKey": secret, "sessionToken": session}
    keys["expiration"] = int(later().timestamp() * 1000)
    return 200, json.dumps({"roleCredentials": keys})


def oidc(url: str, body: bytes) -> tuple[int, str]:
    asked = json.loads(body)
    assert asked["grantType"] == "refresh_token"
    if asked["refreshToken"] == "refused":
        return 400, '{"error": "invalid_grant", "error_description": "x"}'
    _, token, more = keys_for(urlsplit(url).netloc, sorted(asked.items()))
    answer = {"accessToken": token, "tokenType": "Bearer", "expiresIn": 28800}
    return 200, json.dumps({**answer, "refreshToken": more})


def instance(method: str, url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    parts = urlsplit(url)
    if parts.path == "/latest/api/token":
        assert method == "PUT" and headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        return 200, "session-of-" + parts.netloc
    if headers.get("x-aws-ec2-metadata-token") != "session-of-" + parts.netloc:
        return 401, ""
    role = "/latest/meta-data/iam/security-credentials/"
    if parts.path == role:
        return 200, "the-role"
    if parts.path == role + "the-role":
        return 200, answer_of_agent(parts.netloc)
    if parts.path == "/latest/meta-data/placement/region":
        return 200, "eu-south-2"
    return 404, ""


def answer_of_agent(*facts: object) -> str:
    access, secret, token = keys_for(*facts)
    answer = {"Code": "Success", "AccessKeyId": access, "SecretAccessKey": secret}
    return json.dumps({**answer, "Token": token, "Expiration": stamp()})


def answer(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    host = urlsplit(url).hostname or ""
    headers = {name.lower(): value for name, value in headers.items()}
    if host in ("169.254.169.254", "fd00:ec2::254", "metadata.test"):
        return instance(method, url, headers)
    if host in AGENTS:
        return 200, answer_of_agent(url, headers.get("authorization"))
    if urlsplit(url).path == "/token":
        return oidc(url, body)
    if method == "POST":
        return sts(url, headers, body)
    if urlsplit(url).path == "/federation/credentials":
        return portal(url, headers)
    raise AssertionError(f"nobody is at {url}")


class World:
    """Both clients are led to `answer`; what libdsql asked is in `requests`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[tuple[Any, ...]] = []
        monkeypatch.setattr(libdsql.http, "request", self.for_libdsql)
        monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", World.for_botocore)

    def for_libdsql(
        self,
        method: str,
        url: str,
        headers: tuple[str, ...],
        body: bytes | None,
        proxy: str | None,
        ca_file: str | None,
        timeout: float,
        limit: int,
    ) -> tuple[int, bytes]:
        self.requests.append((method, url, headers, body, proxy, ca_file, timeout))
        pairs = dict(header.split(": ", 1) for header in headers)
        status, text = answer(method, url, pairs, body or b"")
        return status, text.encode()

    @staticmethod
    def for_botocore(_: Any, request: Any) -> Any:
        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body or b""
        if not request.url.startswith("http"):
            raise ValueError(request.url)
        status, text = answer(
            request.method, request.url, headers, body if isinstance(body, bytes) else body.encode()
        )

        class Raw:
            @staticmethod
            def stream(*_: object, **__: object) -> Any:
                yield text.encode()

        return botocore.awsrequest.AWSResponse(request.url, status, {}, Raw())
