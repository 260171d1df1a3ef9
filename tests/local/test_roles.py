# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Roles other than admin: made, mapped to IAM principals, signed in by DbConnect tokens."""

from __future__ import annotations

import psycopg
import pytest
from support import connect_to, token_for

ARN = "arn:aws:iam::000000000000:role/app"


class Admin:
    """A session of admin; another's DDL costs it one try more, as on the service."""

    def __init__(self, connection):
        self.connection = connection

    def execute(self, statement):
        try:
            return self.connection.execute(statement)
        except psycopg.errors.SerializationFailure:
            return self.connection.execute(statement)


@pytest.fixture
def role(endpoint, connect):
    """A role that the key pair of the profile `app` may be."""
    with open(endpoint.credentials, "a") as file:
        file.write(f"[app]\naws_access_key_id=AKIAAPP\naws_secret_access_key=S\ndsql_arn={ARN}\n")
    admin = Admin(connect(autocommit=True))
    admin.execute("CREATE ROLE app WITH LOGIN")
    yield admin
    admin.execute("DROP SCHEMA IF EXISTS app CASCADE")
    admin.execute("DROP ROLE app")
    with open(endpoint.credentials) as file:
        kept = file.read().partition("[app]")[0]
    with open(endpoint.credentials, "w") as file:
        file.write(kept)


def sign_in(endpoint, **keywords):
    return connect_to(
        endpoint, "app", password=token_for(endpoint, "app", profile="app"), **keywords
    )


def test_role_signs_in_between_grant_and_revoke(endpoint, role):
    with pytest.raises(psycopg.OperationalError, match="AWS IAM GRANT"):
        sign_in(endpoint)
    assert role.execute(f"AWS IAM GRANT app TO '{ARN}'").statusmessage == "GRANT"
    rows = role.execute(
        "SELECT arn, pg_role_name, grantor_pg_role_name FROM sys.iam_pg_role_mappings"
        " WHERE pg_role_name = 'app'"
    ).fetchall()
    assert rows == [(ARN, "app", "admin")]
    with sign_in(endpoint) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("app",)
    assert role.execute(f"AWS IAM REVOKE app FROM '{ARN}'").statusmessage == "REVOKE"
    with pytest.raises(psycopg.OperationalError, match="AWS IAM GRANT"):
        sign_in(endpoint)


def test_role_has_a_schema_of_its_own_and_no_right_in_public(endpoint, role):
    role.execute(f"AWS IAM GRANT app TO '{ARN}'")
    role.execute("CREATE SCHEMA app")
    role.execute("GRANT USAGE, CREATE ON SCHEMA app TO app")
    try:
        with sign_in(endpoint, options="-c search_path=app", autocommit=True) as connection:
            connection.execute("CREATE TABLE mine (id int)")
            connection.execute("INSERT INTO mine VALUES (1)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE public.theirs (id int)")
            (job,) = connection.execute("CREATE INDEX ASYNC ON mine (id)").fetchone()
            assert connection.execute(f"CALL sys.wait_for_job('{job}')").fetchone() == (True,)
            connection.execute("DROP TABLE mine")
    finally:
        role.execute(f"AWS IAM REVOKE app FROM '{ARN}'")


def test_mapping_made_twice_is_one(endpoint, role):
    for _ in range(2):
        assert role.execute(f"AWS IAM GRANT app TO '{ARN}'").statusmessage == "GRANT"
    mapped = "SELECT count(*) FROM sys.iam_pg_role_mappings WHERE pg_role_name = 'app'"
    assert role.execute(mapped).fetchone() == (1,)
    role.execute(f"AWS IAM REVOKE app FROM '{ARN}'")
    assert role.execute(mapped).fetchone() == (0,)


def test_only_admin_maps_roles(endpoint, role):
    role.execute(f"AWS IAM GRANT app TO '{ARN}'")
    try:
        with (
            sign_in(endpoint) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="admin"),
        ):
            connection.execute(f"AWS IAM GRANT app TO '{ARN}'")
    finally:
        role.execute(f"AWS IAM REVOKE app FROM '{ARN}'")


def test_grant_is_ddl_and_can_be_rolled_back(endpoint, role, connect):
    connection = connect()
    connection.execute(f"AWS IAM GRANT app TO '{ARN}'")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="multiple ddl"):
        connection.execute("CREATE TABLE x (id int)")
    connection.rollback()
    with pytest.raises(psycopg.OperationalError, match="AWS IAM GRANT"):
        sign_in(endpoint)


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        (f"AWS IAM GRANT nobody TO '{ARN}'", "42704"),
        ("AWS IAM GRANT app TO 'not an arn'", "22023"),
        (f"AWS IAM REVOKE app FROM '{ARN}'", "42704"),
        ("AWS IAM GRANT app", "42601"),
    ],
)
def test_wrong_mappings_are_refused(role, statement, sqlstate):
    with pytest.raises(psycopg.Error) as caught:
        role.execute(statement)
    assert caught.value.sqlstate == sqlstate


def test_role_that_is_not_there_is_denied(endpoint):
    with pytest.raises(psycopg.OperationalError, match='role "ghost" does not exist'):
        connect_to(endpoint, "ghost")


def test_tokens_of_admin_are_for_admin(endpoint, role):
    with pytest.raises(psycopg.OperationalError, match="Wrong user to action mapping"):
        connect_to(endpoint, "app", password=token_for(endpoint, "admin"))


def test_role_that_somebody_may_be_is_not_dropped(role, connect):
    admin = connect(autocommit=True)
    mapped = "SELECT arn FROM sys.iam_pg_role_mappings WHERE pg_role_name = 'to_go'"
    arn = "arn:aws:iam::123456789012:role/to-go"
    admin.execute("CREATE ROLE to_go WITH LOGIN")
    admin.execute(f"AWS IAM GRANT to_go TO '{arn}'")
    assert admin.execute(mapped).fetchall() == [(arn,)]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as caught:
        admin.execute("DROP ROLE IF EXISTS nobody_at_all, to_go")
    assert "AWS IAM REVOKE" in (caught.value.diag.message_hint or "")
    admin.execute(f"AWS IAM REVOKE to_go FROM '{arn}'")
    admin.execute("DROP ROLE to_go")


def test_default_privileges_of_another_role_are_refused(role, connect):
    admin = connect(autocommit=True)
    admin.execute("CREATE ROLE of_others")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(
                "ALTER DEFAULT PRIVILEGES FOR ROLE of_others GRANT SELECT ON TABLES TO PUBLIC"
            )
    finally:
        admin.execute("DROP ROLE of_others")
