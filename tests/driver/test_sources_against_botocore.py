# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""All sources of credentials compared with botocore's: the same files and environment give the
same keys, or both fail. The network is aws_world's.
"""

from __future__ import annotations

import json
import random

from aws_ground import ARN, BASE, ROLE, Ground
from aws_world import stamp

RANDOM = 400

# ------------------------------------------------------------------------- made by hand


def test_roles_by_hand(ground: Ground) -> None:
    def found(config: str, profile: str | None = "role", **environment: str) -> bool:
        return ground.compare(config, "", environment, profile) is not None

    assert found(BASE + ROLE)
    assert found(BASE + ROLE + "external_id = x y&z\nrole_session_name = me\nduration_seconds=3600")
    assert found(BASE + ROLE + "duration_seconds = soon")
    assert found(BASE + ROLE + "region = eu-west-1")
    assert found(BASE + ROLE, AWS_DEFAULT_REGION="ap-south-1")
    assert found(BASE + ROLE, None, AWS_PROFILE="role")
    assert not found(BASE + ROLE.replace("one", "forbidden"))
    assert not found(ROLE)
    assert not found(BASE + ROLE + "credential_source = Environment")
    assert not found(ROLE.replace("source_profile = base", "credential_source = environment"))
    assert not found(f"[profile role]\nrole_arn = {ARN}one")
    chain = f"[profile top]\nrole_arn = {ARN}two\nsource_profile = role\n"
    assert found(BASE + ROLE + chain, "top")
    assert not found(ROLE.replace("= base", "= role"))
    assert found(ROLE.replace("= base", "= role") + "aws_access_key_id=a\naws_secret_access_key=b")
    assert not found(ROLE.replace("= base", "= top") + chain, "top")
    self_chain = chain.replace("two", "three").replace("= role", "= top") + BASE[15:]
    assert found(self_chain, "top")
    for source, environment in {
        "Environment": {"AWS_ACCESS_KEY_ID": "E1", "AWS_SECRET_ACCESS_KEY": "E2"},
        "EcsContainer": {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/role?id=5"},
        "Ec2InstanceMetadata": {},
    }.items():
        config = f"[profile role]\nrole_arn={ARN}one\ncredential_source={source}\n"
        assert found(config, **environment), source
        ground.compare(config, "", environment, None)
    assert not found("[profile role]\nrole_arn=x\ncredential_source=EcsContainer")
    partly = {"AWS_ACCESS_KEY_ID": "E1"}
    assert not found(f"[profile role]\nrole_arn={ARN}x\ncredential_source=Environment", **partly)


def test_web_identity_by_hand(ground: Ground) -> None:
    path = str(ground.path / "token")
    by_environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": path, "AWS_ROLE_ARN": ARN + "env"}
    profile = f"[profile web]\nrole_arn={ARN}file\nweb_identity_token_file={path}\n"
    assert ground.compare(environment=by_environment)
    assert ground.compare(environment={**by_environment, "AWS_ROLE_SESSION_NAME": "pod"})
    assert ground.compare(profile + "role_session_name = mine", profile="web")
    assert ground.compare(profile, environment=by_environment, profile="web")
    assert ground.compare(profile, environment={**by_environment, "AWS_PROFILE": "web"})
    assert ground.compare(profile, environment={"AWS_PROFILE": "web", "AWS_ROLE_ARN": ARN + "mix"})
    assert not ground.compare(environment={**by_environment, "AWS_ROLE_ARN": ""})
    missing = {**by_environment, "AWS_WEB_IDENTITY_TOKEN_FILE": path + "-missing"}
    assert not ground.compare(environment=missing)
    chained = f"[profile top]\nrole_arn={ARN}top\nsource_profile=web\n" + profile
    assert ground.compare(chained, environment=by_environment, profile="top")
    keys = {"AWS_ACCESS_KEY_ID": "E1", "AWS_SECRET_ACCESS_KEY": "E2"}
    assert ground.compare(environment={**by_environment, **keys})
    assert ground.compare(BASE + profile, environment=by_environment, profile="base")
    with_keys = profile + "aws_access_key_id=a\naws_secret_access_key=b\n"
    assert ground.compare(with_keys, profile="web")


def test_sso_by_hand(ground: Ground) -> None:
    def config(session: str, more: str = "") -> str:
        return (
            f"[profile s]\nsso_session={session}\nsso_account_id=123456789012\n"
            f"sso_role_name=Read Only\n{more}\n[sso-session {session}]\n"
            "sso_region=eu-west-1\nsso_start_url=https://start.test/x\n"
            "sso_registration_scopes=sso:account:access\n"
        )

    assert ground.compare(config("good"), profile="s")
    assert ground.compare(config("good", "sso_region=eu-west-1"), profile="s")
    for session in ("expired", "revoked", "broken", "missing"):
        assert not ground.compare(config(session), profile="s")
    for session in ("renewed", "renewed-early", "refused-early"):
        assert ground.compare(config(session), profile="s"), session
    for session in ("refused", "unregistered", "no-refresh"):
        assert not ground.compare(config(session), profile="s"), session
    assert ground.compare(
        config("renewed"),
        environment={"AWS_ENDPOINT_URL_SSO_OIDC": "http://oidc.test"},
        profile="s",
    )
    assert not ground.compare(config("good", "sso_region=eu-west-2"), profile="s")
    assert not ground.compare(config("good").replace("[sso-session good", "[other"), profile="s")
    assert not ground.compare(config("good").replace("sso_role_name=Read Only", ""), profile="s")
    assert ground.compare(
        config("good"), environment={"AWS_USE_FIPS_ENDPOINT": "true"}, profile="s"
    )
    for end in ("good", "expired", "missing"):
        legacy = (
            f"[profile s]\nsso_start_url=https://start.test/{end}\nsso_region=us-east-2\n"
            "sso_account_id=123456789012\nsso_role_name=r\n"
        )
        assert (ground.compare(legacy, profile="s") is not None) == (end == "good")
    assert not ground.compare("[profile s]\nsso_account_id=1\n", profile="s")
    chained = config("good") + f"[profile top]\nrole_arn={ARN}top\nsource_profile=s\n"
    assert ground.compare(chained, profile="top")


def test_renewed_sso_token_is_put_back(ground: Ground) -> None:
    """As botocore writes it, so that the other program goes on with it."""
    config = (
        "[profile s]\nsso_session=renewed\nsso_account_id=1\nsso_role_name=r\n"
        "[sso-session renewed]\nsso_region=eu-west-1\nsso_start_url=https://start.test/x\n"
    )
    path = ground.token_path("renewed")
    first = ground.compare(config, profile="s")
    ours = json.loads(path.read_text())
    assert first and ours["accessToken"] != "old"
    assert path.stat().st_mode & 0o777 == 0o600 and not list(path.parent.glob("*.json.*"))
    ground.monkeypatch.setattr(ground, "write_tokens", lambda: None)
    second = ground.compare(config, profile="s")  # botocore goes on with what we put there
    assert second == first and json.loads(path.read_text()) == ours
    path.write_text(ground.sso_tokens()["renewed"])
    ground.compare(config, profile="s")  # we go on with what botocore put there
    theirs = json.loads(path.read_text())
    assert theirs.keys() == ours.keys()
    same = theirs.keys() - {"expiresAt"}
    assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}


def test_process_by_hand(ground: Ground) -> None:
    for mode in ("plain", "whole", "null", "ended", "version", "half", "junk", "fails"):
        config = f"[profile p]\ncredential_process = {ground.program(mode)}\n"
        found = ground.compare(config, profile="p")
        assert (found is not None) == (mode in ("plain", "whole", "null")), mode
    for words in ("a\\ b c", "'a \"b' \"c \\\" \\$d\" ''", "a#b ; $HOME *", "x\\\\y"):
        config = f"[profile p]\ncredential_process = {ground.program('words')} {words}\n"
        assert ground.compare(config, profile="p"), words
    for line in ("", "'open", "/nowhere/at/all", "open\\"):
        assert not ground.compare(f"[profile p]\ncredential_process ={line}\n", profile="p")
    process = f"credential_process = {ground.program('plain')}\n"
    keys = "aws_access_key_id = K\naws_secret_access_key = S\n"
    assert ground.compare(f"[profile p]\n{process}{keys}", profile="p")
    assert ground.compare(f"[profile p]\n{process}", f"[p]\n{keys}", profile="p")
    assert ground.compare("[profile p]\n", f"[p]\n{process}", profile="p")
    role = f"[profile top]\nrole_arn={ARN}top\nsource_profile=p\n[profile p]\n{process}"
    assert ground.compare(role, profile="top")


def test_container_by_hand(ground: Ground) -> None:
    full, relative = (f"AWS_CONTAINER_CREDENTIALS_{kind}_URI" for kind in ("FULL", "RELATIVE"))
    token, file = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
    path = str(ground.path / "pod-token")
    assert ground.compare(environment={relative: "/v2/credentials/uuid"})
    assert ground.compare(environment={relative: "/v2", full: "http://localhost/x"})
    for url in (
        "http://localhost:8080/x?y=1",
        "http://127.0.0.9/x",
        "http://169.254.170.23/v1/credentials",
        "https://agent.test/x",
    ):
        assert ground.compare(environment={full: url})
        assert ground.compare(environment={full: url, token: "Basic abc"})
        assert ground.compare(environment={full: url, token: "other", file: path})
    for url in ("http://agent.test/x", "http://10.0.0.1/", "ftp://localhost/", "", "http://[::2]/"):
        assert not ground.compare(environment={full: url})
    local = "http://localhost/x"
    assert not ground.compare(environment={full: local, token: "a\nb"})
    assert not ground.compare(environment={full: local, file: str(ground.path / "two-lines")})
    assert not ground.compare(environment={full: local, file: path + "-missing"})


def test_instance_by_hand(ground: Ground) -> None:
    assert ground.compare()
    assert ground.compare(environment={"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"})
    assert ground.compare("[default]\nec2_metadata_service_endpoint_mode=ipv6\n")
    assert not ground.compare(environment={"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv5"})
    assert ground.compare(environment={"AWS_IMDS_USE_IPV6": "true"})
    custom = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://metadata.test:88"}
    assert ground.compare(environment=custom)
    assert ground.compare(environment={**custom, "AWS_IMDS_USE_IPV6": "true"})
    assert ground.compare(
        "[default]\nec2_metadata_service_endpoint=http://metadata.test/\n",
        environment={"AWS_EC2_METADATA_V1_DISABLED": "true"},
    )
    assert not ground.compare(environment={"AWS_EC2_METADATA_DISABLED": "TRUE"})


def test_environment_by_hand(ground: Ground) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "E1", "AWS_SECRET_ACCESS_KEY": "E2"}
    assert ground.compare(environment=keys)
    assert ground.compare(environment={**keys, "AWS_SESSION_TOKEN": "T"})
    assert ground.compare(environment={**keys, "AWS_CREDENTIAL_EXPIRATION": stamp()})
    assert not ground.compare(environment={**keys, "AWS_CREDENTIAL_EXPIRATION": stamp(-5)})
    assert not ground.compare(environment={**keys, "AWS_CREDENTIAL_EXPIRATION": "soon"})
    assert not ground.compare(environment={"AWS_ACCESS_KEY_ID": "E1"})
    assert not ground.compare(environment={**keys, "AWS_PROFILE": "nobody"})
    assert not ground.compare("[profile l]\nlogin_session = arn:aws:iam::1:user/me\n", profile="l")


def test_endpoints_of_sts(ground: Ground) -> None:
    """Regional, global, FIPS, dual-stack and endpoints of one's own."""
    regions = ["us-east-1", "eu-central-1", "ap-southeast-4", "cn-north-1", "us-gov-west-1"]
    regions += ["us-iso-east-1", "us-isob-east-1", "eusc-de-east-1", "xx-new-1"]
    for region in regions:
        environment = {"AWS_DEFAULT_REGION": region}
        for more in (
            {},
            {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
            {"AWS_USE_FIPS_ENDPOINT": "true"},
            {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "TRUE"},
            {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
        ):
            assert ground.compare(BASE + ROLE, "", {**environment, **more}, "role")
    for region in ("eu-isoe-west-1", "us-isof-south-1"):
        assert ground.compare(BASE + ROLE, "", {"AWS_DEFAULT_REGION": region}, "role")
    for more in (
        {"AWS_ENDPOINT_URL_STS": "https://sts.test/"},
        {"AWS_ENDPOINT_URL": "http://all.test:5000"},
        {"AWS_ENDPOINT_URL": "http://all.test", "AWS_ENDPOINT_URL_STS": "https://sts.test"},
        {"AWS_ENDPOINT_URL": "http://x.test", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_ENDPOINT_URL": "http://all.test/below", "AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
    ):
        assert ground.compare(BASE + ROLE + "region=eu-west-1", "", more, "role"), more
    both = {"AWS_ENDPOINT_URL": "http://all.test", "AWS_USE_FIPS_ENDPOINT": "true"}
    assert ground.compare(BASE + ROLE, "", {**both, "AWS_DEFAULT_REGION": "eu-west-1"}, "role")
    role = BASE + ROLE + "region = eu-west-1\n"
    assert ground.compare(role + "endpoint_url = http://profile.test", profile="role")
    assert ground.compare(role + "sts_regional_endpoints=legacy\n", profile="role")
    services = role + "services = mine\nendpoint_url = http://profile.test\n"
    section = "[services mine]\nsts =\n  endpoint_url = http://services.test\n"
    section += "s3 =\n  endpoint_url = x\n"
    assert ground.compare(services + section, profile="role")
    assert not ground.compare(services, profile="role")
    assert not ground.compare(BASE + ROLE, "", {"AWS_ENDPOINT_URL_STS": "nonsense"}, "role")


# ------------------------------------------------------------------------- made by chance


class Dice(random.Random):
    def often(self, share: float) -> bool:
        return self.random() < share


NAMES = ["default", "a", "b", "c", "d"]


def random_profile(dice: Dice, ground: Ground) -> list[str]:
    lines = []
    for kind in dice.choices(["keys", "role", "web", "sso", "process", "nothing"], k=2):
        if kind == "keys":
            lines += [f"aws_access_key_id = K{dice.randrange(9)}"]
            lines += ["aws_secret_access_key = S"] if dice.often(0.9) else []
            lines += ["aws_session_token = T"] if dice.often(0.3) else []
        elif kind == "role":
            lines += [f"role_arn = {ARN}{dice.choice(['one', 'two', 'three', 'forbidden'])}"]
            sources = ["Environment", "EcsContainer", "Ec2InstanceMetadata", "Nothing"]
            if dice.often(0.75):
                lines += [f"source_profile = {dice.choice([*NAMES, 'nobody'])}"]
            elif dice.often(0.9):
                lines += [f"credential_source = {dice.choice(sources)}"]
            lines += ["external_id = ä b"] if dice.often(0.2) else []
            lines += ["role_session_name = me.you"] if dice.often(0.2) else []
            lines += (
                [f"duration_seconds = {dice.choice([900, 3600, 'x'])}"] if dice.often(0.3) else []
            )
        elif kind == "web":
            file = dice.choice(["token", "token", "token", "missing"])
            lines += [f"web_identity_token_file = {ground.path / file}"]
            lines += [f"role_arn = {ARN}web"] if dice.often(0.7) else []
        elif kind == "sso":
            lines += [f"sso_session = {dice.choice(['good', 'good', 'expired'])}"]
            lines += ["sso_account_id = 123456789012", "sso_role_name = role"]
        elif kind == "process" and dice.often(0.5):
            lines += [f"credential_process = {ground.program(dice.choice(['plain', 'fails']))}"]
    if dice.often(0.15):
        lines += [f"region = {dice.choice(['eu-west-1', 'us-gov-west-1', 'me-south-1'])}"]
    if dice.often(0.08):
        fips = ["use_fips_endpoint = true", "region = eu-west-1"]
        lines += dice.choice([fips, ["sts_regional_endpoints = legacy"]])
    by_key = {line.split(" =")[0]: line for line in lines}
    lines = list(by_key.values())
    dice.shuffle(lines)
    return lines


def random_files(dice: Dice, ground: Ground) -> tuple[str, str]:
    config, credentials = [], []
    for name in NAMES:
        if dice.often(0.8):
            heading = f"[profile {name}]" if name != "default" else "[default]"
            config += [heading, *random_profile(dice, ground)]
        if dice.often(0.2):
            credentials += [f"[{name}]", *random_profile(dice, ground)]
    for session in ("good", "expired"):
        config += [
            f"[sso-session {session}]",
            "sso_region = eu-west-1",
            "sso_start_url = https://s",
        ]
    return "\n".join(config), "\n".join(credentials)


def random_environment(dice: Dice, ground: Ground) -> dict[str, str]:
    choices = {
        "AWS_ACCESS_KEY_ID": ["E1"],
        "AWS_SECRET_ACCESS_KEY": ["E2"],
        "AWS_SESSION_TOKEN": ["E3"],
        "AWS_PROFILE": [*NAMES, "nobody"],
        "AWS_DEFAULT_PROFILE": [*NAMES],
        "AWS_DEFAULT_REGION": ["us-west-2", "cn-north-1", "il-central-1"],
        "AWS_ROLE_ARN": [ARN + "environment"],
        "AWS_WEB_IDENTITY_TOKEN_FILE": [str(ground.path / "token"), str(ground.path / "missing")],
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": ["http://localhost/x", "http://far.test/"],
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ["/agent"],
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": ["token"],
        "AWS_CREDENTIAL_EXPIRATION": [stamp(), stamp(-5)],
        "AWS_ROLE_SESSION_NAME": ["pod"],
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS": ["0", "2"],
        "AWS_EC2_METADATA_DISABLED": ["true", "false"],
        "AWS_STS_REGIONAL_ENDPOINTS": ["legacy", "regional"],
    }
    return {name: dice.choice(values) for name, values in choices.items() if dice.often(0.18)}


def test_configurations_made_by_chance(ground: Ground) -> None:
    dice = Dice(20261125)
    for _ in range(RANDOM):
        config, credentials = random_files(dice, ground)
        profile = dice.choice([None, None, *NAMES])
        ground.compare(config, credentials, random_environment(dice, ground), profile)
    assert RANDOM / 4 < ground.found < RANDOM * 9 / 10
