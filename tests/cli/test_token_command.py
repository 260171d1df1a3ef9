# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""dsql token."""

from __future__ import annotations

import datetime
import json
import re

import psycopg
import pytest
from support import end_endpoint

CLUSTER = "abcdefghijklmnopqrstuvwxyz"
HOST = f"{CLUSTER}.dsql.eu-west-1.on.aws"


def test_token_alone_is_printed(dsql, keys):
    done = dsql("token", HOST, "--user", "app", "--expires", "60", variables=keys)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        rf"{re.escape(HOST)}/\?Action=DbConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&"
        r"X-Amz-Credential=AKIA%2F\d{8}%2Feu-west-1%2Fdsql%2Faws4_request&X-Amz-Date=\d{8}T\d{6}Z"
        r"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=[0-9a-f]{64}\n",
        done.stdout,
    )


def test_json_tells_where_and_how_long(dsql, keys):
    before = datetime.datetime.now(datetime.timezone.utc)
    told = json.loads(dsql("token", HOST, "--json", variables=keys).stdout)
    expires_at = datetime.datetime.fromisoformat(told.pop("expires_at").replace("Z", "+00:00"))
    assert 899 <= (expires_at - before).total_seconds() <= 930
    assert told.pop("token").startswith(f"{HOST}/?Action=DbConnectAdmin&")
    assert told == {
        "host": HOST,
        "port": 5432,
        "user": "admin",
        "region": "eu-west-1",
        "credentials": "environment",
    }


def test_cluster_id_takes_its_region_from_option_or_environment(dsql, keys):
    by_option = dsql("token", CLUSTER, "--region", "eu-west-1", variables=keys)
    by_variable = dsql("token", CLUSTER, variables={**keys, "AWS_REGION": "eu-west-1"})
    for done in (by_option, by_variable):
        assert done.stdout.startswith(f"{HOST}/?")


def test_profile_names_the_keys(dsql, keys, tmp_path):
    file = tmp_path / "credentials"
    file.write_text("[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = s\n")
    variables = {**keys, "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    assert (
        "Credential=AKIADEV%2F" in dsql("token", HOST, "--profile=dev", variables=variables).stdout
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([HOST], "no AWS credentials"),
        (["example.com"], '"example.com" is not an Aurora DSQL host'),
        ([CLUSTER], "region"),
        ([CLUSTER, "--profile=none-such"], "none-such"),
        ([HOST, "--region=us-east-1"], "us-east-1"),
    ],
)
def test_reason_for_no_token_is_on_standard_error(dsql, tmp_path, arguments, said):
    done = dsql("token", *arguments, variables={"HOME": str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dsql token: ")
    assert said in done.stderr


def test_token_signs_in_at_a_local_endpoint(dsql, endpoint, place_of):
    token = dsql("token", *place_of).stdout.strip()
    with psycopg.connect(
        host="localhost", hostaddr="127.0.0.1", port=endpoint.port, user="admin", dbname="postgres",
        password=token, sslmode="verify-full", sslrootcert=endpoint.ca,
    ) as connection:  # fmt: skip
        assert connection.execute("SELECT current_user").fetchone() == ("admin",)


def test_host_local_is_the_users_own_endpoint_which_is_started(dsql, place):
    variables = {"XDG_DATA_HOME": str(place)}
    try:
        told = json.loads(dsql("token", "local", "--json", variables=variables).stdout)
    finally:
        end_endpoint(place)
    assert told["credentials"] == "shared-credentials-file"
    assert told["token"].startswith("localhost/?Action=DbConnectAdmin&")
    assert told["port"] != 5432
