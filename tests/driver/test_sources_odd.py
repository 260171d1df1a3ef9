# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Files, names and values that nobody writes on purpose, compared with botocore's reading of
them; and what libdsql takes otherwise, each as docs/credentials.md has it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import libdsql
import pytest
from aws_ground import ARN, BASE, HOST, ROLE, Ground, token_with
from aws_world import World, stamp
from botocore.utils import get_environ_proxies

KEYS = "aws_access_key_id = K1\naws_secret_access_key = K2\n"
FILE = "[default]\n" + KEYS
ALONE = {"AWS_EC2_METADATA_DISABLED": "true"}
NAMES = ["a b", "ä", "a'b", 'a"b', "a\\b", "'a'", "a]b", "a#b", "", "default", "DEFAULT", "$HOME"]


def test_names_of_profiles(ground: Ground) -> None:
    for name in NAMES:
        for heading in (f"profile {name}", f'profile "{name}"', f"profilex\t{name} ", name):
            ground.compare(f"[{heading}]\n{KEYS}", "", ALONE, name or None)
        ground.compare("", f"[{name}]\n{KEYS}", ALONE, name or None)
    assert ground.found > 20 and ground.compared - ground.found > 20


def test_files_that_are_odd(ground: Ground) -> None:
    odd = [
        FILE.replace("\n", "\r\n"),
        FILE.replace("\n", "\r"),
        FILE.encode("utf-16"),
        FILE.replace(" = ", ":"),
        FILE.replace("K2", "K=2 # c"),
        FILE.replace("K2", "%(x)s"),
        FILE.upper(),
        FILE + FILE,
        FILE + "aws_access_key_id = K9\n",
        FILE + "[profile default]\naws_access_key_id = P1\n",
        "[profile default]\naws_access_key_id = P1\n" + FILE,
        "[DEFAULT]\n" + KEYS + "[default]\n",
        FILE + "s3 =\n  # c\n\n  a = b\n  c=d\n",
        FILE + "s3 =\n  a\n",
        FILE + "alone\n",
        FILE + "[open\n",
        "x = y\n" + FILE,
        FILE.replace("\n", "\n\t"),
        FILE.replace("K1", "K\x0c1"),
        "",
    ]
    for text in odd:
        ground.compare(text, "", ALONE)
        ground.compare("", text, ALONE)
    assert ground.found > 16 and ground.compared - ground.found > 12


def test_where_the_files_are(ground: Ground) -> None:
    home = ground.path / "home"
    (home / "keys").write_text(FILE)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        for path in ("~/keys", "$HOME/keys", "${HOME}/keys", "~//keys"):
            assert ground.compare(environment={**ALONE, name: path})
        for path in ("$NOPE/keys", "${HOME/keys", "$", "~", "/dev/null", str(home)):
            assert not ground.compare(environment={**ALONE, name: path})
    (home / ".aws/credentials").write_text(FILE)
    nowhere = {**ALONE, "AWS_CONFIG_FILE": None, "AWS_SHARED_CREDENTIALS_FILE": None}
    assert ground.compare(environment=nowhere)
    ground.compare(environment={**nowhere, "HOME": None})  # by the system's list of users
    assert not ground.compare(environment={**nowhere, "HOME": "/nowhere"})


def test_names_in_the_environment(ground: Ground) -> None:
    for first, second in (("base", "role"), ("role", "base"), ("nobody", "base")):
        environment = {"AWS_DEFAULT_PROFILE": first, "AWS_PROFILE": second}
        found = ground.compare(BASE + ROLE, environment=environment)
        assert (found is None) == (first == "nobody")
        ground.compare(BASE + ROLE, environment=environment, profile=second)


def test_roles_that_are_odd(ground: Ground) -> None:
    for seconds in ("900", "0", "-5", "+3600", "3600.0", "0x10", "007200", "3600s"):
        ground.compare(BASE + ROLE + f"duration_seconds = {seconds}", "", ALONE, "role")
    for region in ("EU-WEST-1", "eu_west_1", "-x", "12", "1a", "a.b", "us-east-1-fips", "ä"):
        ground.compare(BASE + ROLE + f"region = {region}", "", ALONE, "role")
        fips = f"region = {region}\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true"
        ground.compare(BASE + ROLE + fips, "", ALONE, "role")
    for word in ("regional", "other", ""):
        text = BASE + ROLE + f"region = us-east-2\nsts_regional_endpoints = {word}\n"
        assert (ground.compare(text, "", ALONE, "role") is None) == (word == "other")
    chain = "".join(
        f"[profile {name}]\nrole_arn = {ARN}{name}\nsource_profile = {source}\n"
        for name, source in ("ab", "bc", "ca")
    )
    assert not ground.compare(chain, "", ALONE, "a")
    assert ground.compare(chain + KEYS, "", ALONE, "a")
    assert ground.compare(chain, "[c]\n" + KEYS, ALONE, "b")
    for source in ("Environment", "environment", "SharedConfig", ""):
        text = f"[profile s]\nrole_arn = {ARN}s\ncredential_source = {source}\n"
        text += f"[profile t]\nrole_arn = {ARN}t\nsource_profile = s\n"
        keys = {"AWS_ACCESS_KEY_ID": "E1", "AWS_SECRET_ACCESS_KEY": "E2"}
        assert (ground.compare(text, "", keys, "t") is None) == (source != "Environment")


def test_endpoints_that_are_odd(ground: Ground) -> None:
    text = BASE + ROLE + "region = eu-west-1\nservices = mine\n[services mine]\n"
    for section in (
        "sts =\n  endpoint_url = http://one.test\n  endpoint_url = http://two.test\n",
        "STS =\n  endpoint_url = http://one.test\n",
        "sts =\n  ENDPOINT_URL = http://one.test\n",
        "sts =\n  other = x\n\n  # c\n  endpoint_url=https://one.test:8443/path/\n",
        "sts =\n  endpoint_url = ftp://one.test\n",
        "endpoint_url = http://one.test\n",
        "sso =\n  endpoint_url = http://one.test\n",
    ):
        ground.compare(text + section, "", ALONE, "role")
        ground.compare(text.replace("\n", "\r") + section.replace("\n", "\r"), "", ALONE, "role")
        for more in ("TRUE", "1"):
            environment = {**ALONE, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": more}
            ground.compare(text + section, "", environment, "role")
    assert ground.found > 14 and ground.compared - ground.found > 2


def test_programs_that_are_odd(ground: Ground) -> None:
    program = ground.path / "prints"
    program.write_text(
        "import sys\nsys.stdout.write(open(sys.argv[1]).read())\n"
        "sys.stderr.write('x' * 3000)\nsys.exit(int(sys.argv[2]))\n"
    )
    good = {"Version": 1, "AccessKeyId": "PA", "SecretAccessKey": "PS", "SessionToken": "PT"}

    def found(text: str, status: int = 0) -> bool:
        (ground.path / "answer").write_text(text)
        line = f"{sys.executable} -IS {program} {ground.path / 'answer'} {status}"
        return ground.compare(f"[profile p]\ncredential_process = {line}", profile="p") is not None

    for end in ("2099-01-01T00:00Z", "20990101T000000Z", "2099-01-01T00:00:00,5 +0100"):
        assert found(json.dumps({**good, "Expiration": end})), end
    for end in ("2099-01-01 00:00:00 UTC", " 2099-01-01T00:00:00GMT "):
        assert found(json.dumps({**good, "Expiration": end})), end
    for end in ("2099-01-01T00:00:00", "", "2099-02-30T00:00:00Z", "2099-01-01T00:00:60Z"):
        assert not found(json.dumps({**good, "Expiration": end})), end
    assert found(json.dumps({**good, "Extra": {"a": [1, None]}, "AccountId": 5}))
    assert not found(json.dumps({**good, "Version": "1"}))
    assert not found(json.dumps(good) + "\nmore")
    assert not found(json.dumps(good), status=3)


def test_sso_that_is_odd(ground: Ground) -> None:
    profile = "[profile s]\nsso_session = good\nsso_account_id = 1\nsso_role_name = ä b&c\n"
    session = "sso_region = eu-west-1\nsso_start_url = https://start.test/x\n"
    for heading in ("sso-session 'good'", "sso-session good x", "SSO-session good", "profile good"):
        found = ground.compare(f"{profile}[{heading}]\n{session}", "", ALONE, "s")
        assert (found is None) == ("'" not in heading)
    for region in ("cn-north-1", "us-gov-west-1", "xx-new-1", "eu west", "us-east-1-fips"):
        text = f"{profile}[sso-session good]\n{session.replace('eu-west-1', region)}"
        ground.compare(text, "", ALONE, "s")
        ground.compare(text, "", {**ALONE, "AWS_USE_DUALSTACK_ENDPOINT": "true"}, "s")
    token = {"accessToken": "tok", "expiresAt": stamp(-60), "refreshToken": "r", "clientId": "id"}
    token |= {"clientSecret": "s", "registrationExpiresAt": stamp(86400), "startUrl": "https://x"}
    for name in token.keys() - {"accessToken"}:
        for cached in ({**token, name: None}, {**token, name: ""}):
            text = json.dumps(cached)
            ground.monkeypatch.setattr(
                ground, "write_tokens", lambda text=text: ground.token_path("good").write_text(text)
            )
            ground.write_tokens()
            ground.compare(f"{profile}[sso-session good]\n{session}", "", ALONE, "s")


def test_containers_that_are_odd(ground: Ground) -> None:
    full, relative = (f"AWS_CONTAINER_CREDENTIALS_{kind}_URI" for kind in ("FULL", "RELATIVE"))
    for url in (
        "http://LOCALHOST/x",
        "http://localhost./x",
        "http://127.1/x",
        "http://2130706433/",
        "http://[::1]:8080/x",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[FD00:EC2::23]/v1",
        "http://[fd00:ec2:0::23]/v1",
        "http://localhost@evil.test/",
        "http://localhost.evil.test/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
    ):
        ground.compare(environment={**ALONE, full: url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t"})
    for path in ("", "//evil.test/", "@evil.test/", ".evil.test/x", "#x"):
        ground.compare(environment={**ALONE, relative: path})
    assert ground.found and ground.compared > ground.found


def test_metadata_that_is_odd(ground: Ground) -> None:
    for name in ("TIMEOUT", "NUM_ATTEMPTS"):
        for value in ("5", " 5 ", "+5", "0.5", "1e1", "x"):
            environment = {f"AWS_METADATA_SERVICE_{name}": value}
            found = ground.compare(environment=environment)
            assert (found is None) == (value in ("0.5", "1e1", "x"))
    assert not ground.compare(environment={"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "0"})


def test_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same proxy as botocore takes, by all forms of NO_PROXY; a CGI program takes none from
    HTTP_PROXY, which its client has set.
    """
    world = World(monkeypatch)
    lists = ["*", "a,*", "amazonaws.com", ".test", "*.test", "est", "STS.TEST", "sts.test:8080"]
    lists += [" sts.test , x", "sts.test x", "10.0.0.0/8", "10.1.2.3", "10.", "[fd00::1]", "", ","]
    urls = ["https://sts.eu-west-1.amazonaws.com", "http://sts.test:8080", "https://STS.Test"]
    urls += ["http://10.1.2.3", "http://[fd00::1]"]
    both = {"HTTPS_PROXY": "http://u%40x:w@p:1", "HTTP_PROXY": "q:2"}
    (tmp_path / "config").write_text(BASE + ROLE)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def check(url: str, proxies: dict[str, str]) -> None:
        environment = {**proxies, "AWS_ENDPOINT_URL_STS": url, "AWS_X": json.dumps(proxies)}
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            theirs = get_environ_proxies(url).get("https" if url[4] == "s" else "http") or ""
            libdsql.token(HOST, profile="role")
        ours = world.requests[-1][4] or ""
        assert ours.removeprefix("http://") == theirs.removeprefix("http://"), environment

    for url in urls:
        for excluded in lists:
            check(url, {**both, "NO_PROXY": excluded})
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        check(urls[1], {name: "http://p:1"})
        check(urls[1], {name: "http://p:1", "REQUEST_METHOD": "GET"})
    assert len(world.requests) == len(urls) * len(lists) + 6


def test_what_is_taken_otherwise(ground: Ground) -> None:
    """The rows of the page's table that a configuration can show."""
    taken = [
        ("\ufeff" + FILE, {}, None),
        (FILE.encode() + b"# \xe9\n", {}, None),
        (FILE, {"AWS_PROFILE": ""}, None),
        (FILE, {"AWS_METADATA_SERVICE_TIMEOUT": "x"}, None),
        (FILE, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "x"}, None),
    ]
    for text, environment, profile in taken:
        theirs, ours = ground.ask(text, "", {**ALONE, **environment}, profile)
        assert theirs is None and ours == token_with(("K1", "K2", None))
    refused = [
        (FILE.replace("K2", "K2\n  K3"), {}, None),
        (FILE.replace("K1", "K\x001"), {}, None),
        (BASE + ROLE + "endpoint_url = http://u:p@own.test\nregion = eu-west-1\n", {}, "role"),
        ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://u@localhost/x"}, None),
    ]
    for text, environment, profile in refused:
        theirs, ours = ground.ask(text, "", {**ALONE, **environment}, profile)
        assert theirs is not None and ours is None
