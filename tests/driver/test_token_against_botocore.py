# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens and profiles compared with botocore's, over many random inputs."""

from __future__ import annotations

import datetime
import random
import string

import botocore.auth
import botocore.configloader
import botocore.credentials
import botocore.session
import libdsql
import pytest
from botocore.awsrequest import AWSRequest

TOKENS = 4000
FILES = 1500
REGIONS = ["us-east-1", "eu-west-3", "ap-southeast-4", "us-gov-west-1", "ca-west-1"]
ODD = string.ascii_letters + string.digits + "/+=~-_. %&?#\"'<>\\äß€"


def botocores_token(monkeypatch, host, region, action, keys, now, expires):
    moment = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    monkeypatch.setattr(
        botocore.auth,
        "get_current_datetime",
        lambda remove_tzinfo=True: moment.replace(tzinfo=None) if remove_tzinfo else moment,
    )
    signer = botocore.auth.SigV4QueryAuth(
        botocore.credentials.Credentials(*keys), "dsql", region, expires=expires
    )
    request = AWSRequest("GET", f"https://{host}/?Action={action}")
    request.url = f"https://{host}/?Action={action}"
    signer.add_auth(request)
    return request.url.removeprefix("https://")


def test_tokens_are_botocores_byte_for_byte(monkeypatch):
    dice = random.Random(20261124)

    def text(alphabet, shortest, longest):
        return "".join(dice.choices(alphabet, k=dice.randint(shortest, longest)))

    for _ in range(TOKENS):
        region = dice.choice(REGIONS)
        suffix = dice.choice(["dsql", "dsql-fnh4"])
        name = text(string.ascii_lowercase + string.digits, 26, 26)
        host = f"{name}.{suffix}.{region}.on.aws"
        user = dice.choice(["admin", "app", "Admin"])
        action = "DbConnectAdmin" if user == "admin" else "DbConnect"
        session_token = text(ODD, 1, 300) if dice.random() < 0.6 else None
        keys = (text(ODD, 1, 40), text(ODD, 1, 60), session_token)
        now, expires = dice.randrange(4_000_000_000), dice.randint(1, 604800)
        token = libdsql.token(
            host,
            user,
            access_key=keys[0],
            secret_key=keys[1],
            session_token=keys[2],
            now=now,
            expires=expires,
        )
        assert token == botocores_token(monkeypatch, host, region, action, keys, now, expires)


# --------------------------------------------------------------------------- profiles


def random_section(dice: random.Random) -> list[str]:
    """Mostly a key pair, sometimes half of one, now and then a key twice."""
    keys = ["aws_access_key_id", dice.choice(["AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"])]
    keys = [key for key in keys if dice.random() < 0.85]
    others = ["aws_session_token", "aws_security_token", "region", "s3", "aws_access_key_id"]
    keys += [key for key in others if dice.random() < 0.15]
    dice.shuffle(keys)
    lines = []
    for key in keys:
        separator = dice.choice(["=", " = ", ": "])
        value = dice.choice(["v1", "v2", "v 3", "v4 # c", "v5", "=v6:", ""])
        lines.append(dice.choice(["", "", "", " "]) + key + separator + value)
        if dice.random() < 0.1:
            lines.append(dice.choice(["# c", "  ; c", "", "   nested = 1", "junk", "\t"]))
    return lines


def random_file(dice: random.Random, config: bool) -> str:
    lines = []
    for name in dice.sample(["default", "a", "b c", "d"], k=dice.randint(0, 3)):
        if config and name != "default":
            name = dice.choice([f"profile {name}", f'profile "{name}"', f"profile  '{name}'", name])
        forms = ["[{}]"] * 8 + ["[{}] ; c", "[ {} ]", "[{}", "[{}]\n[{}]"]
        lines.append(dice.choice(forms).format(name, name))
        lines += random_section(dice)
    return "\n".join(lines) + dice.choice(["", "\n", "\r\n"])


def botocores_keys(profile):
    """What botocore finds, or None where it fails."""
    session = botocore.session.Session(profile=profile)
    try:
        map_of_files = session.full_config["profiles"]
        wanted = profile or session.profile or "default"
        if (profile or session.profile) and wanted not in map_of_files:
            return None
        for provider in (
            botocore.credentials.SharedCredentialProvider(
                session.get_config_variable("credentials_file"), wanted
            ),
            botocore.credentials.ConfigProvider(session.get_config_variable("config_file"), wanted),
        ):
            found = provider.load()
            if found is not None:
                keys = found.access_key, found.secret_key, found.token or None
                # A section within a section may be taken for a key.
                return None if any(isinstance(key, dict) for key in keys) else keys
    except Exception:
        return None
    return None


def test_profiles_are_read_as_botocore_reads_them(monkeypatch, tmp_path):
    dice = random.Random(42)
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_PROFILE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    found = 0
    for number in range(FILES):
        credentials.write_text(random_file(dice, config=False))
        config.write_text(random_file(dice, config=True))
        profile = dice.choice([None, "default", "a", "b c"])
        theirs = botocores_keys(profile)
        if theirs is not None and not (theirs[0] and theirs[1]):
            continue  # empty values: botocore hands them out, we refuse them
        if theirs is not None and any("\n" in (value or "") for value in theirs):
            continue  # a value over lines: no key of AWS is one, only its white space differs
        host = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws"
        try:
            ours = libdsql.token(host, profile=profile, now=number)
        except libdsql.OperationalError:
            ours = None
        expected = theirs and libdsql.token(
            host,
            access_key=theirs[0],
            secret_key=theirs[1],
            session_token=theirs[2],
            now=number,
        )
        assert ours == expected, (credentials.read_text(), config.read_text(), profile)
        found += ours is not None
    assert found > FILES / 20


def test_botocores_own_generator_agrees(monkeypatch):
    session = botocore.session.Session()
    session.set_credentials("AKIA", "secret", "token")
    client = session.create_client("dsql", region_name="us-east-1")
    host = "abcdefghijklmnopqrstuvwx12.dsql.us-east-1.on.aws"
    moment = datetime.datetime(2026, 11, 24, 1, 2, 3, tzinfo=datetime.timezone.utc)
    monkeypatch.setattr(
        botocore.auth,
        "get_current_datetime",
        lambda remove_tzinfo=True: moment.replace(tzinfo=None) if remove_tzinfo else moment,
    )
    token = client.generate_db_connect_admin_auth_token(host, "us-east-1", 77)
    assert token == libdsql.token(
        host,
        access_key="AKIA",
        secret_key="secret",
        session_token="token",
        expires=77,
        now=moment.timestamp(),
    )


if not hasattr(botocore.auth, "get_current_datetime"):
    pytest.fail("this botocore reads its clock elsewhere: adapt the test", pytrace=False)
