# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Every probe that a real cluster has answered is answered alike, through the real protocol.

observed-answers.json says where the answers come from and what its members mean. The probes run
once, in the order of the recording, against an endpoint of their own; each is then a test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus
from support import Program, connect_to

RECORDING = json.loads(Path(__file__).with_name("observed-answers.json").read_text())
CASES = {case["name"]: case for case in RECORDING["cases"]}

#: The known gaps that do answer otherwise, and what this endpoint answers instead.
DIFFERENT = {
    # Index builds are done at once unless a delay is asked for.
    "alter_unique_using_index": "ok",
}

Answer = dict[str, Any]


def go_value(value: Any) -> str:
    """A value as Go prints it, which is how rows were recorded."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, UUID):
        value = value.bytes
    if isinstance(value, (bytes, list, tuple)):
        return "[" + " ".join("<nil>" if item is None else go_value(item) for item in value) + "]"
    return str(value)


def success(connection: psycopg.Connection, result: Any) -> Answer:
    answer: Answer = {"command_tag": result.command_status.decode()}
    if result.nfields:
        answer["columns"] = [result.fname(column).decode() for column in range(result.nfields)]
    if result.ntuples:
        transformer = Transformer(connection)
        transformer.set_pgresult(result)
        rows = transformer.load_rows(0, result.ntuples, tuple)
        answer["rows"] = [[go_value(value) for value in row] for row in rows]
    return answer


def failure(connection: psycopg.Connection, result: Any) -> Answer:
    error = psycopg.errors.error_from_result(result, connection.info.encoding)
    return {
        "outcome": "error",
        "sqlstate": error.sqlstate,
        "message": error.diag.message_primary,
    }


def is_failure(result: Any) -> bool:
    return result.status == ExecStatus.FATAL_ERROR


def extended(connection: psycopg.Connection, sql: str) -> Answer:
    result = connection.pgconn.exec_params(sql.encode(), None)
    if is_failure(result):
        return failure(connection, result)
    return {"outcome": "ok", **success(connection, result)}


def simple(connection: psycopg.Connection, sql: str) -> Answer:
    connection.pgconn.send_query(sql.encode())
    results = []
    while (result := connection.pgconn.get_result()) is not None:
        results.append(result)
    if is_failure(results[-1]):
        return failure(connection, results[-1])
    return {"outcome": "ok", "results": [success(connection, result) for result in results]}


def run(connect: Callable[[], psycopg.Connection], case: dict[str, Any]) -> list[Answer]:
    """The answers to the steps of a case; those of two sessions one behind the other."""
    ask = simple if case.get("simple_protocol") else extended
    if "session_sql" not in case:
        with connect() as connection:
            return [ask(connection, step) for step in case["steps"]]
    answers: list[list[Answer]] = [[], []]
    with connect() as first, connect() as second:
        for steps in zip(*case["session_sql"], strict=True):
            for connection, step, list_ in zip((first, second), steps, answers, strict=True):
                list_.append(ask(connection, step))
    return answers[0] + answers[1]


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, list[Answer]]]:
    """The recording's order of events, with this endpoint's answers by the case's name."""
    circumstances = RECORDING["circumstances"]
    program = Program("--ephemeral", "--port", "0")

    def connect() -> psycopg.Connection:
        return connect_to(program.endpoint, autocommit=True)

    def prepare(statements: list[str]) -> None:
        with connect() as connection:
            for statement in statements:
                connection.execute(statement)

    groups = dict.fromkeys(circumstances["first"] + [case["group"] for case in CASES.values()])
    found = {}
    try:
        prepare(RECORDING["setup"])
        for group in groups:
            prepare(circumstances["before"].get(group, []))
            for name, case in CASES.items():
                if case["group"] == group:
                    found[name] = run(connect, case)
        yield found
    finally:
        status, said = program.stop()
    assert (status, "ERROR: AddressSanitizer" in said, "runtime error" in said) == (0, False, False)


def without_rows(answer: Answer) -> Answer:
    answer = {key: value for key, value in answer.items() if key != "rows"}
    if "results" in answer:
        answer["results"] = [without_rows(result) for result in answer["results"]]
    return answer


def comparable(case: dict[str, Any], got: list[Answer]) -> tuple[list[Answer], list[Answer]]:
    """Both lists, without what the recording leaves open."""
    wanted = case["observed"] if "observed" in case else case["sessions"][0] + case["sessions"][1]
    if case.get("ignore_rows"):
        wanted, got = [[without_rows(answer) for answer in list_] for list_ in (wanted, got)]
    half = len(wanted) // 2
    if case.get("conflict_race") and got[:half] != wanted[:half]:
        # The other session has lost: it is told what the loser was told, at the same step.
        for step in range(half):
            if wanted[step]["outcome"] != wanted[half + step]["outcome"]:
                wanted = list(wanted)
                wanted[step], wanted[half + step] = wanted[half + step], wanted[step]
    return wanted, got


@pytest.mark.parametrize("name", sorted(CASES.keys() - DIFFERENT.keys()))
def test_probe_is_answered_as_the_service_answers(answers, name):
    wanted, got = comparable(CASES[name], answers[name])
    assert got == wanted


def test_only_known_gaps_are_answered_otherwise(answers):
    for name, instead in DIFFERENT.items():
        assert CASES[name]["known_gap"]
        wanted, got = comparable(CASES[name], answers[name])
        different = [answer for answer, other in zip(got, wanted, strict=True) if answer != other]
        assert [answer.get("message", answer["outcome"]) for answer in different] == [instead]
