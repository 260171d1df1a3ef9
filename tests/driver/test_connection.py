# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""connect(): its options and what goes wrong; what a connection tells of itself."""

from __future__ import annotations

import gc
import os
import types
import weakref

import boto3
import botocore.session
import libdsql
import libdsql.local
import pytest
from support import drive_to, end_endpoint, wait_for


def setting(connection, name: str) -> str:
    return connection.execute(f"SHOW {name}").fetchone()[0]


# Options


def test_options_reach_the_server(connect_driver):
    connection = connect_driver(
        user="admin",
        database="postgres",
        application_name="the program",
        options="-c search_path=elsewhere",
        client_encoding="UTF-8",
        connect_timeout="20",
        keepalives=1,
        keepalives_idle="40",
        keepalives_interval=5,
        keepalives_count=2,
        tcp_user_timeout=1000,
        sslnegotiation="postgres",
        sslmode="verify-ca",
        token_duration_secs="60",
        autocommit=True,
    )
    assert setting(connection, "application_name") == "the program"
    assert setting(connection, "search_path") == "elsewhere"
    assert connection.execute("SELECT current_user, current_database()").fetchone() == (
        "admin",
        "postgres",
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"pasword": "x"}, "connect() knows no option 'pasword'"),
        ({"b": 1, "a": 2}, "connect() knows no option 'a', 'b'"),
        ({"dbname": "a", "database": "b"}, "give dbname or database, not both"),
        ({"client_encoding": "latin1"}, "client_encoding='latin1': Aurora DSQL speaks utf8 only"),
        ({"sslmode": "prefer"}, "sslmode must be require, verify-ca or verify-full"),
        ({"sslnegotiation": "x"}, "sslnegotiation must be direct or postgres"),
        ({"port": 0}, "port must be a number from 1 to 65535"),
        ({"port": "x"}, "port='x' must be a number"),
        ({"connect_timeout": -1}, "connect_timeout must be"),
        ({"connect_timeout": float("nan")}, "connect_timeout must be"),
        ({"token_duration_secs": 604801}, "token_duration_secs must be"),
        ({"user": 5}, "user must be a str, not int"),
        ({"autocommit": "maybe"}, "autocommit='maybe' must be true or false"),
        ({"password": "secret\0"}, "password holds a NUL character"),
        ({"port": 2**31}, "port=2147483648 is out of range"),
        ({"keepalives_idle": float("inf")}, "keepalives_idle=inf must be a number"),
        ({"access_key": "A"}, "access_key and secret_key belong together"),
        ({"custom_credentials_provider": lambda: 5}, "custom_credentials_provider must give"),
        ({"host": None}, "no host: give the cluster's endpoint"),
        ({"host": ""}, "no host: give the cluster's endpoint"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(connect_driver, options, sentence):
    with pytest.raises(libdsql.InterfaceError) as caught:
        connect_driver(**options)
    assert str(caught.value).startswith(sentence)


def test_json_loads_must_be_callable(connect_driver):
    with pytest.raises(TypeError):
        connect_driver(json_loads=5)
    assert connect_driver(json_loads=None).json_loads is None
    assert connect_driver(json_loads=str).json_loads is str
    assert connect_driver().json_loads('{"a": 1}') == {"a": 1}


def test_token_of_the_callers(connect_driver, token):
    connection = connect_driver(password=token(), credentials_file="/nowhere")
    assert connection.execute("SELECT 1").fetchone() == (1,)


def keys(endpoint) -> dict[str, str]:
    with open(endpoint.credentials) as file:
        lines = dict(line.strip().split(" = ", 1) for line in file if " = " in line)
    return {name.removeprefix("aws_"): value for name, value in lines.items()}


def session_of_botocore(found: dict[str, str]) -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(found["access_key_id"], found["secret_access_key"])
    return session


def test_keys_of_the_callers(endpoint, connect_driver):
    found = keys(endpoint)
    pair = {"access_key": found["access_key_id"], "secret_key": found["secret_access_key"]}
    connection = connect_driver(credentials_file="/nowhere", **pair)
    assert connection.execute("SELECT 1").fetchone() == (1,)
    frozen = types.SimpleNamespace(**pair, token=None)
    for provider in (
        lambda: frozen,
        types.SimpleNamespace(load=lambda: frozen),
        lambda: types.SimpleNamespace(get_frozen_credentials=lambda: frozen),
        frozen,
        boto3.Session(found["access_key_id"], found["secret_access_key"]),
        session_of_botocore(found),
    ):
        connect_driver(credentials_file="/nowhere", custom_credentials_provider=provider)
    connect_driver(custom_credentials_provider=lambda: None)


def test_keys_of_the_environment(endpoint, connect_driver, monkeypatch):
    found = keys(endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", found["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", found["secret_access_key"])
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    connection = connect_driver(credentials_file=None)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_host_local(place, monkeypatch):
    """The user's own endpoint is started, and started again when it has gone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
    monkeypatch.setattr(libdsql.local, "_known", None)
    monkeypatch.setenv("AWS_PROFILE", "somebody")  # has no part in it
    try:
        for _ in range(2):
            with libdsql.connect("Local") as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            end_endpoint(place)
    finally:
        end_endpoint(place)


@pytest.mark.parametrize(
    ("text", "meant"), [("true", True), ("off", False), ("FALSE", False), ("1", True)]
)
def test_autocommit_may_be_text(connect_driver, text, meant):
    assert connect_driver(autocommit=text).autocommit is meant


# What goes wrong


def test_refusal_is_told_with_its_hint(connect_driver, token):
    with pytest.raises(libdsql.OperationalError) as caught:
        connect_driver(password=token(user="somebody"))
    error = caught.value
    assert str(error).startswith("unable to accept connection, access denied\nHINT: ")
    assert (error.sqlstate, error.diag.severity) == ("08006", "FATAL")
    assert error.diag.message_hint in str(error)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"sslrootcert": "/nowhere"}, "DSQL_E_TRUST"),
        ({"sslrootcert": "system"}, "DSQL_E_TLS"),
        ({"hostaddr": "127.0.0.1", "port": 1}, "DSQL_E_IO"),
        ({"hostaddr": "nonsense"}, "DSQL_E_RESOLVE"),
        ({"credentials_file": "/nowhere"}, "DSQL_E_CREDENTIALS"),
        ({"host": "nonsense", "region": None}, "DSQL_E_ENDPOINT"),
    ],
)
def test_failures_have_codes(connect_driver, options, code):
    with pytest.raises(libdsql.Error) as caught:
        connect_driver(**options)
    assert caught.value.code == code


def test_secrets_are_in_no_message(connect_driver):
    with pytest.raises(libdsql.OperationalError) as caught:
        connect_driver(access_key="AKIAPUBLIC", secret_key="verysecret", session_token="session")
    assert "verysecret" not in repr(caught.value)
    assert "X-Amz-Signature" not in repr(caught.value)


def test_server_that_ends(start):
    program = start("--ephemeral")
    connection = drive_to(program.endpoint)
    connection.execute("SELECT 1")
    assert connection.is_alive()
    program.stop()
    wait_for(lambda: not connection.is_alive())
    with pytest.raises(libdsql.OperationalError):
        connection.execute("SELECT 1")
    assert connection.closed and connection.broken
    connection.close()
    assert connection.closed
    with pytest.raises(libdsql.OperationalError):
        drive_to(program.endpoint)


# What a connection tells


def test_session(connect_driver):
    connection = connect_driver()
    assert connection.server_version // 10000 >= 16
    assert connection.parameter_status("client_encoding") == "UTF8"
    assert connection.parameter_status("nothing") is None
    assert not connection.closed and not connection.broken
    assert connection.fileno() >= 0
    os.fstat(connection.fileno())


def test_notices_are_kept(connect_driver):
    connection = connect_driver(autocommit=True)
    assert connection.notices == []
    for number in range(60):
        connection.execute(f"DROP TABLE IF EXISTS notice_{number}")
    assert len(connection.notices) == 50
    last = connection.notices[-1]
    assert (last.severity, last.sqlstate) == ("NOTICE", "00000")
    assert last.message_primary == 'table "notice_59" does not exist, skipping'
    connection.notices.clear()
    assert connection.notices == []


def test_closed_connection_does_nothing(connect_driver):
    connection = connect_driver()
    cursor = connection.cursor()
    connection.close()
    connection.close()
    assert connection.closed and not connection.broken
    assert not connection.is_alive()
    assert connection.fileno() == -1
    assert connection.parameter_status("TimeZone") is None
    for use in (
        connection.cursor,
        connection.commit,
        connection.rollback,
        lambda: connection.execute("SELECT 1"),
        lambda: cursor.execute("SELECT 1"),
        lambda: setattr(connection, "autocommit", True),
        connection.__enter__().commit,
    ):
        with pytest.raises(libdsql.OperationalError, match="closed"):
            use()


def test_rows_outlive_their_connection(connect_driver):
    connection = connect_driver()
    cursor = connection.execute("SELECT 1")
    connection.close()
    assert cursor.fetchall() == [(1,)]


# Its end


def test_connection_that_nobody_closed_warns(endpoint):
    connection = drive_to(endpoint)
    number = connection.fileno()
    with pytest.warns(ResourceWarning, match="was not closed"):
        del connection
        gc.collect()
    with pytest.raises(OSError):
        os.fstat(number)


def test_connection_in_a_cycle_is_collected(endpoint):
    connection = drive_to(endpoint)
    cursor = connection.execute("SELECT 1")
    connection.notices.append(cursor)
    watched = weakref.ref(connection)
    del connection, cursor
    with pytest.warns(ResourceWarning):
        gc.collect()
    assert watched() is None


@pytest.mark.parametrize("kept", [True, False])
def test_json_function_that_knows_its_connection_is_collected(endpoint, kept):
    def use() -> weakref.ref:
        connection = drive_to(endpoint)
        connection.json_loads = lambda text: (connection, text)
        cursor = connection.execute("SELECT '1'::json")
        if not kept:
            connection.json_loads = None
            connection.execute("SELECT '1'::json")
        assert cursor.fetchone() == ((connection, "1"),)
        connection.close()
        return weakref.ref(connection)

    watched = use()
    gc.collect()
    assert watched() is None


def test_cursor_keeps_its_connection(endpoint):
    cursor = drive_to(endpoint).execute("SELECT 1")
    gc.collect()
    assert cursor.connection.execute("SELECT 2").fetchone() == (2,)
    cursor.connection.close()


# Steps, as libdsql.aio takes them


def test_operation_that_is_under_way_lets_no_other_in(connect_driver):
    connection = connect_driver()
    cursor, other = connection.cursor(), connection.cursor()
    cursor._start_execute("SELECT 1", None)
    for use in (
        lambda: other.execute("SELECT 2"),
        lambda: other._start_execute("SELECT 2", None),
        connection.commit,
        connection._start_rollback,
        connection.close,
    ):
        with pytest.raises(libdsql.ProgrammingError, match="under way"):
            use()
    assert connection.transaction_status == "unknown"
    assert connection.is_alive()
    while connection._step():
        pass
    assert cursor.fetchone() == (1,)
    with pytest.raises(libdsql.ProgrammingError):
        connection._step()
    connection._start_commit()
    while connection._step():
        pass
    assert connection.transaction_status == "idle"


def test_abandoned_operation_ends_the_connection(connect_driver):
    connection = connect_driver()
    cursor = connection.cursor()
    cursor._start_execute("SELECT 1", None)
    assert connection._step() == 1
    connection._abandon()
    assert connection.broken and connection.closed
    with pytest.raises(libdsql.OperationalError):
        connection._step()
    connection.close()
