# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Configurations laid out for botocore and for libdsql, whose keys are compared. The network is
aws_world's.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore.credentials
import botocore.loaders
import botocore.session
import botocore.tokens
import botocore.utils
import libdsql
import pytest
from aws_world import World, stamp

HOST = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws"
LOADER = botocore.loaders.create_loader()
ARN = "arn:aws:iam::123456789012:role/"

Keys = tuple[str, str, "str | None"]


def botocores(profile: str | None) -> Keys | None:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", LOADER)
    try:
        found = session.get_credentials()
        frozen = found.get_frozen_credentials() if found is not None else None
    except Exception:
        return None
    return (frozen.access_key, frozen.secret_key, frozen.token or None) if frozen else None


def token_with(keys: Keys) -> str:
    access, secret, session = keys
    return libdsql.token(HOST, access_key=access, secret_key=secret, session_token=session, now=0)


class Ground:
    """Where a configuration is laid out: files under a directory of its own, and variables."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.monkeypatch = monkeypatch
        self.compared = self.number = self.found = 0
        self.cache = path / "home/.aws/sso/cache"
        self.cache.mkdir(parents=True)
        (path / "token").write_text("web.identity.token")
        (path / "pod-token").write_text("pod-token")
        (path / "two-lines").write_text("pod\ntoken\n")
        self.write_tokens()
        program = path / "program"
        program.write_text(PROGRAM)

    def write_tokens(self) -> None:
        for name, token in self.sso_tokens().items():
            self.token_path(name).write_text(token)

    def token_path(self, name: str) -> Path:
        return self.cache / f"{hashlib.sha1(name.encode()).hexdigest()}.json"

    @staticmethod
    def sso_tokens() -> dict[str, str]:
        def token(text: str, expires: str, **more: str) -> str:
            return json.dumps({"accessToken": text, "expiresAt": expires, "region": "x", **more})

        client = {"clientId": "id", "clientSecret": 'ä/"s', "startUrl": "https://start.test/x"}
        client["registrationExpiresAt"] = stamp(86400)
        ended = {**client, "registrationExpiresAt": stamp(-1)}

        return {
            "good": token("session-token", stamp()),
            "expired": token("session-token", stamp(-60)),
            "revoked": token("revoked", stamp()),
            "broken": '{"accessToken": "x"}',
            "renewed": token("old", stamp(-60), refreshToken="r", **client),
            "renewed-early": token("old", stamp(600), refreshToken="r2", **client),
            "refused": token("old", stamp(-60), refreshToken="refused", **client),
            "refused-early": token("old", stamp(600), refreshToken="refused", **client),
            "unregistered": token("old", stamp(-60), refreshToken="r", **ended),
            "no-refresh": token("old", stamp(-60), **client),
            "https://start.test/good": token("legacy-token", stamp().replace("Z", "UTC")),
            "https://start.test/expired": token("legacy-token", stamp(-60)),
        }

    def program(self, mode: str) -> str:
        return f"'{sys.executable}' -IS \"{self.path}/program\" {mode}"

    def ask(
        self,
        config: str | bytes = "",
        credentials: str | bytes = "",
        environment: Mapping[str, str | None] | None = None,
        profile: str | None = None,
    ) -> tuple[Keys | None, str | None]:
        """botocore's keys, and a token that libdsql signed; a variable that is None is unset."""
        self.number += 1
        place = self.path / str(self.number)
        place.mkdir()
        for name, text in {"config": config, "credentials": credentials}.items():
            (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        variables: dict[str, str | None] = {
            "AWS_CONFIG_FILE": str(place / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(place / "credentials"),
            "HOME": str(self.path / "home"),
            **(environment or {}),
        }
        with self.monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in variables.items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            theirs = botocores(profile)
            self.write_tokens()  # those that it has renewed are as they were
            if theirs is not None and not (theirs[0] and theirs[1]):
                theirs = None  # empty keys: botocore hands them out
            why = ""
            try:
                ours: str | None = libdsql.token(HOST, profile=profile, now=0)
            except libdsql.Error as error:
                ours, why = None, str(error)
        print(config, credentials, environment, profile, theirs, why, sep="\n")
        return theirs, ours

    def compare(
        self,
        config: str | bytes = "",
        credentials: str | bytes = "",
        environment: Mapping[str, str | None] | None = None,
        profile: str | None = None,
    ) -> Keys | None:
        theirs, ours = self.ask(config, credentials, environment, profile)
        self.compared += 1
        self.found += theirs is not None
        assert ours == (theirs and token_with(theirs))
        return theirs


PROGRAM = """
import json, sys
answers = {
    "plain": '{"Version": 1, "AccessKeyId": "PA", "SecretAccessKey": "PS"}',
    "whole": '{"Version": 1, "AccessKeyId": "PA2", "SecretAccessKey": "P\\\\u00e4S",'
             ' "SessionToken": "PT", "Expiration": "2199-01-01T00:00:00+01:00"}',
    "ended": '{"Version": 1, "AccessKeyId": "PA", "SecretAccessKey": "PS", "SessionToken": "T",'
             ' "Expiration": "2001-01-01T00:00:00Z"}',
    "null": '{"Version": 1, "AccessKeyId": "PA", "SecretAccessKey": "PS", "SessionToken": null}',
    "version": '{"Version": 2, "AccessKeyId": "PA", "SecretAccessKey": "PS"}',
    "half": '{"Version": 1, "AccessKeyId": "PA"}',
    "junk": '{"Version": 1, "AccessKeyId": "PA", "SecretAccessKey": "PS"',
    "words": json.dumps({"Version": 1, "AccessKeyId": "|".join(sys.argv), "SecretAccessKey": "S"}),
}
if sys.argv[1] == "fails":
    sys.exit("the program's own words")
print(answers[sys.argv[1]])
"""


def on_ground(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ground]:
    monkeypatch.setattr(botocore.utils.ContainerMetadataFetcher, "SLEEP_TIME", 0)
    cache = str(tmp_path / "home/.aws/sso/cache")
    monkeypatch.setattr(botocore.credentials.SSOProvider, "_SSO_TOKEN_CACHE_DIR", cache)
    monkeypatch.setattr(botocore.tokens.SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", cache)
    World(monkeypatch)
    yield Ground(tmp_path, monkeypatch)


BASE = "[profile base]\naws_access_key_id = B1\naws_secret_access_key = B2\naws_session_token=B3\n"
ROLE = f"[profile role]\nrole_arn = {ARN}one\nsource_profile = base\n"
