# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Signing in through the dialect: a fresh token for each connection, and never seen."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libdsql.local
import pytest
from libdsql import __version__
from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

MakeEngine = Callable[..., Engine]
SECRET = "X-Amz-Signature"


def one(engine: Engine, statement: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar_one()


def url_of(endpoint: libdsql.local.LocalEndpoint, name: str, **query: str) -> URL:
    return URL.create(
        name,
        username="admin",
        host="localhost",
        port=endpoint.port,
        database="postgres",
        query={
            "hostaddr": "127.0.0.1",
            "region": endpoint.region,
            "sslrootcert": endpoint.ca,
            "credentials_file": endpoint.credentials,
            **query,
        },
    )


@pytest.mark.parametrize(
    "name", ["auroradsql", "auroradsql+libdsql", "auroradsql+psycopg", "auroradsql+psycopg2"]
)
def test_plain_url_signs_in(endpoint: libdsql.local.LocalEndpoint, name: str) -> None:
    engine = create_engine(url_of(endpoint, name), poolclass=NullPool)
    assert one(engine, "SELECT current_user") == "admin"
    assert engine.driver == name.partition("+")[2] or engine.driver == "libdsql"


def test_url_is_enough_with_the_defaults(endpoint: libdsql.local.LocalEndpoint) -> None:
    url = url_of(endpoint, "auroradsql").set(username=None, database=None)
    engine = create_engine(url, poolclass=NullPool)
    assert one(engine, "SELECT current_user || '@' || current_database()") == "admin@postgres"


def test_helper_signs_in(engine: Engine, driver: str) -> None:
    assert one(engine, "SELECT current_user") == "admin"
    assert engine.dialect.driver == driver


class Provider:
    """Credentials as botocore gives them; counts how often it is asked."""

    def __init__(self, endpoint: libdsql.local.LocalEndpoint) -> None:
        lines = Path(endpoint.credentials).read_text().splitlines()
        section = lines[lines.index("[default]") + 1 :]
        pairs = dict(line.split(" = ", 1) for line in section[:3] if " = " in line)
        self.access_key = pairs["aws_access_key_id"]
        self.secret_key = pairs["aws_secret_access_key"]
        self.token = None
        self.asked = 0

    def load(self) -> Provider:
        self.asked += 1
        return self


def test_provider_of_credentials_is_asked_for_each_connection(
    make_engine: MakeEngine, endpoint: libdsql.local.LocalEndpoint
) -> None:
    provider = Provider(endpoint)
    engine = make_engine(
        connect_args={"custom_credentials_provider": provider, "credentials_file": None},
        poolclass=NullPool,
    )
    for count in (1, 2, 3):
        assert one(engine, "SELECT current_user") == "admin"
        assert provider.asked == count


def test_each_connection_of_a_pool_signs_once(
    make_engine: MakeEngine, endpoint: libdsql.local.LocalEndpoint
) -> None:
    provider = Provider(endpoint)
    engine = make_engine(
        connect_args={"custom_credentials_provider": provider, "credentials_file": None},
        pool_size=2,
    )
    for _ in range(3):
        with engine.connect(), engine.connect():
            pass
    assert provider.asked == 2


def test_provider_may_be_a_function(
    make_engine: MakeEngine, endpoint: libdsql.local.LocalEndpoint
) -> None:
    keys = Provider(endpoint)
    engine = make_engine(
        connect_args={"custom_credentials_provider": lambda: keys, "credentials_file": None}
    )
    assert one(engine, "SELECT 1") == 1


def test_token_is_in_no_log_no_event_and_no_repr(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engine = make_engine(echo="debug", echo_pool="debug")
    seen: list[Any] = []
    event.listen(engine, "do_connect", lambda *arguments: seen.append(repr(arguments)))
    assert one(engine, "SELECT 1") == 1
    assert seen and "hostaddr" in seen[0]
    shown = [caplog.text, *seen, repr(engine), repr(engine.url), str(engine.pool.status())]
    assert SECRET not in " ".join(shown)


def test_token_is_not_in_the_error_of_a_refused_connection(
    make_engine: MakeEngine, tmp_path: Path, endpoint: libdsql.local.LocalEndpoint
) -> None:
    foreign = tmp_path / "credentials"
    foreign.write_text(
        "[default]\naws_access_key_id = AKIAFOREIGN\naws_secret_access_key = not-known-here\n"
    )
    engine = make_engine(connect_args={"credentials_file": str(foreign)})
    with pytest.raises(OperationalError) as caught:
        engine.connect()
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__
    assert "access denied" in str(caught.value)
    assert "HINT" in str(caught.value)


def test_role_and_region_that_do_not_fit_are_explained(make_engine: MakeEngine) -> None:
    engine = make_engine(connect_args={"region": "eu-west-1"})
    with pytest.raises(OperationalError, match="access denied") as caught:
        engine.connect()
    assert "HINT" in str(caught.value)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_driver_that_names_no_host_in_tls_is_told_which_does(make_engine: MakeEngine) -> None:
    engine = make_engine(connect_args={"sslsni": "0"})
    with pytest.raises(OperationalError, match="sni was not received") as caught:
        engine.connect()
    assert "libpq 14 or newer" in str(caught.value)


def test_missing_credentials_say_where_was_looked(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    engine = make_engine(connect_args={"credentials_file": None})
    with pytest.raises(OperationalError, match="AWS_ACCESS_KEY_ID"):
        engine.connect()


def test_certificate_of_another_authority_is_refused_with_advice(
    make_engine: MakeEngine, tmp_path: Path, endpoint: libdsql.local.LocalEndpoint
) -> None:
    engine = make_engine(sslrootcert="system")
    with pytest.raises(OperationalError, match="sslrootcert"):
        engine.connect()


def test_system_is_the_machines_file_of_authorities(
    make_engine: MakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: libdsql.local.LocalEndpoint,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", endpoint.ca)
    assert one(make_engine(sslrootcert="system"), "SELECT 1") == 1


def test_application_name_follows_the_convention_of_the_connectors(
    make_engine: MakeEngine, driver: str
) -> None:
    own = f"aurora-dsql-python-{driver}/{__version__}"
    assert one(make_engine(), "SHOW application_name") == f"sqlalchemy:{own}"
    assert one(make_engine(application_name="clinic"), "SHOW application_name") == f"clinic:{own}"
    long = one(make_engine(application_name="c" * 80), "SHOW application_name")
    assert len(long) <= 64


def test_environment_with_aws_keys_does_not_replace_the_named_file(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    assert one(make_engine(), "SELECT 1") == 1


def test_search_path_is_set_by_options(make_engine: MakeEngine) -> None:
    engine = make_engine(connect_args={"options": "-c search_path=clinic"})
    assert one(engine, "SHOW search_path") == "clinic"


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_connection_is_encrypted_and_credentials_are_private(
    engine: Engine, endpoint: libdsql.local.LocalEndpoint
) -> None:
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        assert raw.info.ssl_in_use if hasattr(raw.info, "ssl_in_use") else raw.pgconn.ssl_in_use
    assert stat.S_IMODE(Path(endpoint.credentials).stat().st_mode) & 0o077 == 0
