# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""A pool's connections are signed in one by one: with credentials that change, with tokens that
came too late, at a service that asks to come back later."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libdsql
import pytest
from aurora_dsql_sqlalchemy import create_async_dsql_engine, create_dsql_engine
from everywhere import KINDS, arguments_for, run
from impostor import CLEARTEXT, Stream, fields, impostor, message
from sqlalchemy import Engine, NullPool, text
from sqlalchemy.exc import OperationalError
from support import Program

PAIR = "[{}]\naws_access_key_id = {}\naws_secret_access_key = secret\naws_session_token = session\n"
ARN = "dsql_arn = arn:aws:iam::000000000000:user/local\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """An endpoint whose key pairs are ours to change."""
    program = Program("--ephemeral", "--port", "0", "--connection-rate", "0")
    yield program.endpoint
    program.stop()


class Rotated:
    """A client's file of credentials, and what the endpoint accepts of it."""

    def __init__(self, cluster: Any, folder: Path) -> None:
        self.accepted = Path(cluster.credentials)
        self.file = folder / "credentials"

    def accept(self, *keys: str) -> None:
        self.accepted.write_text("".join(PAIR.format(key, key) + ARN for key in keys))

    def use(self, key: str) -> None:
        """In one step, as whoever writes such files should."""
        beside = self.file.with_suffix(".new")
        beside.write_text(PAIR.format("default", key))
        os.replace(beside, self.file)


@pytest.fixture
def rotated(cluster: Any, tmp_path: Path) -> Rotated:
    rotated = Rotated(cluster, tmp_path)
    rotated.accept("AKIAFIRST", "AKIASECOND")
    rotated.use("AKIAFIRST")
    return rotated


@pytest.mark.parametrize("kind", KINDS)
def test_connections_that_are_open_outlive_their_credentials(
    kind: str, cluster: Any, rotated: Rotated
) -> None:
    def body(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        rotated.accept("AKIASECOND")
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            with pytest.raises(OperationalError, match="access denied"):
                engine.connect()
            rotated.use("AKIASECOND")
            with engine.connect() as second:
                second.execute(text("SELECT 1"))

    run(kind, body, **arguments_for(cluster, credentials_file=str(rotated.file)))


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_change_while_many_connect(kind: str, cluster: Any, rotated: Rotated) -> None:
    driver, _, loop = kind.partition(" ")
    keywords: dict[str, Any] = {
        **arguments_for(cluster, credentials_file=str(rotated.file)),
        "driver": driver,
        "poolclass": NullPool,
    }
    connected: list[int] = []
    working = [True]

    def rotate() -> None:
        turn = 0
        while working[0]:
            rotated.use(("AKIAFIRST", "AKIASECOND")[turn % 2])
            turn += 1

    def connect_in_threads() -> None:
        engine = create_dsql_engine(**keywords)

        def connect() -> None:
            for _ in range(5):
                with engine.connect() as connection:
                    connected.append(connection.execute(text("SELECT 1")).scalar_one())

        threads = [threading.Thread(target=connect) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    async def connect_in_tasks() -> None:
        engine = create_async_dsql_engine(**keywords)

        async def connect() -> None:
            for _ in range(5):
                async with engine.connect() as connection:
                    connected.append((await connection.execute(text("SELECT 1"))).scalar_one())

        await asyncio.gather(*(connect() for _ in range(4)))

    rotation = threading.Thread(target=rotate)
    rotation.start()
    try:
        asyncio.run(connect_in_tasks()) if loop else connect_in_threads()
    finally:
        working[0] = False
        rotation.join()
    assert connected == [1] * 20


class Tokens:
    """Signs as libdsql does, some of the first in the past."""

    def __init__(self, late: int) -> None:
        self.late = late
        self.signed = 0
        self.sign = libdsql.token

    def __call__(self, *arguments: Any, **keywords: Any) -> str:
        self.signed += 1
        if self.signed <= self.late:
            keywords["now"] = time.time() - 2000
        return self.sign(*arguments, **keywords)


SIGNED_BY_THE_DIALECT = [kind for kind in KINDS if not kind.startswith("libdsql")]


@pytest.mark.parametrize("kind", SIGNED_BY_THE_DIALECT)
def test_token_that_came_too_late_is_signed_anew_once(
    kind: str, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(engine: Engine) -> None:
        tokens = Tokens(late=1)
        monkeypatch.setattr(libdsql, "token", tokens)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        assert tokens.signed == 2
        monkeypatch.setattr(libdsql, "token", Tokens(late=3))
        with engine.connect(), pytest.raises(OperationalError, match="Signature expired"):
            engine.connect()
        assert libdsql.token.signed == 2
        monkeypatch.undo()

    run(kind, body, **arguments_for(endpoint))


@pytest.mark.parametrize("kind", KINDS)
def test_sign_in_is_tried_again_where_the_rate_was_exceeded(kind: str, endpoint: Any) -> None:
    refused: list[int] = []

    def busy(stream: Stream) -> None:
        if refused:
            stream.sign_in()
            stream.until("X")
            return
        refused.append(1)
        stream.packet()
        stream.send(CLEARTEXT)
        stream.message()
        words = "Unable to accept connection, rate exceeded."
        stream.send(message("E", fields(S="FATAL", V="FATAL", C="53400", M=words)))

    def body(engine: Engine) -> None:
        dialect: Any = engine.dialect
        connection = dialect.connect(**dialect.create_connect_args(engine.url)[1])
        assert dialect.is_open(connection)
        dialect.do_terminate(connection) if dialect.is_async else connection.close()

    with impostor(endpoint, busy) as server:
        run(kind, body, **arguments_for(endpoint, port=server.port))
    assert refused == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_no_variable_in_the_traceback_of_a_refusal_holds_the_token(
    kind: str, endpoint: Any
) -> None:
    def body(engine: Engine) -> None:
        with pytest.raises(OperationalError) as caught:
            engine.connect()
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "X-Amz-Signature" not in "".join(shown.format())

    run(kind, body, user="nobody", **arguments_for(endpoint))
