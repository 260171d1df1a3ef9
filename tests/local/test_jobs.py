# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Asynchronous DDL: jobs that build indexes and validate constraints."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sessions import OC001, Database, Session, watchdog
from support import Program, connect_to, wait_for

DELAY = 0.6  # seconds that a job takes on the slow endpoint

SYNC_REFUSED = ("0A000", "unsupported mode. please use CREATE INDEX ASYNC.")


def job_of(session: Session, job: str) -> tuple:
    rows = session("SELECT status, details, object_name FROM sys.jobs WHERE job_id = %s", [job])
    return rows[0] if rows else None


def status_of(session: Session, job: str) -> str:
    return job_of(session, job)[0]


def is_valid(session: Session, index: str) -> bool:
    return session.value(f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{index}'::regclass")


def wait(session: Session, job: str) -> bool:
    return session.value(f"CALL sys.wait_for_job('{job}')")


@pytest.fixture
def table(database: Database) -> Session:
    """A session, and a table `jobs_t` with a duplicate in column `twice`."""
    database.create("CREATE TABLE jobs_t (id int PRIMARY KEY, twice int, note text)")
    session = database.session()
    session("INSERT INTO jobs_t VALUES (1, 7, 'a'), (2, 7, 'b'), (3, 8, NULL), (4, NULL, NULL)")
    return session


@pytest.fixture(scope="module")
def slow_endpoint() -> Iterator:
    program = Program("--ephemeral", "--port", "0", "--job-delay", str(int(DELAY * 1000)))
    yield program.endpoint
    status, said = program.stop()
    assert status == 0, said
    assert "AddressSanitizer" not in said and "runtime error" not in said, said


@pytest.fixture
def slow(slow_endpoint) -> Iterator[Database]:
    """Like `database`, where jobs take their time."""
    made = Database(slow_endpoint)
    made.create("CREATE TABLE slow_t (id int PRIMARY KEY, twice int, note text)")
    with connect_to(slow_endpoint, autocommit=True) as connection:
        connection.execute("INSERT INTO slow_t VALUES (1, 7, 'a'), (2, 7, 'b'), (3, 8, NULL)")
    yield made
    made.remove()


# ------------------------------------------------------------- done at the statement's end


@pytest.mark.parametrize(
    "form",
    [
        "INDEX ASYNC jobs_i ON jobs_t (twice)",
        "INDEX ASYNC IF NOT EXISTS jobs_i ON jobs_t (twice NULLS FIRST, note)",
        "INDEX ASYNC jobs_i ON public.jobs_t USING btree_index (note) INCLUDE (twice)",
        "INDEX ASYNC jobs_i ON jobs_t ((lower(note))) WHERE twice > 7",
        "UNIQUE INDEX ASYNC jobs_i ON jobs_t (id, twice)",
        "UNIQUE INDEX ASYNC jobs_i ON jobs_t (note)",
        "UNIQUE INDEX ASYNC jobs_i ON jobs_t (note) NULLS DISTINCT",
        "UNIQUE INDEX ASYNC jobs_i ON jobs_t (twice) WHERE note IS NULL",
        "UNIQUE INDEX ASYNC jobs_i ON jobs_t ((twice + id))",
    ],
)
def test_every_form_of_an_index_is_built_by_the_time_of_the_answer(table, form):
    ((job,),) = table(f"CREATE {form}")
    assert job_of(table, job) == ("completed", None, "public.jobs_i")
    assert is_valid(table, "jobs_i")
    assert wait(table, job) is True


@pytest.mark.parametrize(
    ("form", "key"),
    [
        ("(twice)", "(twice)=(7)"),
        ("(twice) INCLUDE (id)", "(twice)=(7)"),
        ("(twice) WHERE note IS NOT NULL", "(twice)=(7)"),
        ("(note) NULLS NOT DISTINCT", "(note)=(null)"),
        ("((twice * 2))", "((twice * 2))=(14)"),
    ],
)
def test_unique_index_over_duplicates_fails_at_its_job_with_the_key(table, form, key):
    ((job,),) = table(f"CREATE UNIQUE INDEX ASYNC jobs_u ON jobs_t {form}")
    assert wait(table, job) is False
    status, details, name = job_of(table, job)
    assert (status, name) == ("failed", "public.jobs_u")
    assert details == (
        f"Found duplicate key while validating index for UCVs: Key {key} is duplicated."
    )
    assert not is_valid(table, "jobs_u")


def test_failed_unique_index_still_enforces_until_it_is_dropped(table):
    table("CREATE UNIQUE INDEX ASYNC jobs_u ON jobs_t (twice)")
    flags = "SELECT indisunique, indisready FROM pg_index WHERE indexrelid = 'jobs_u'::regclass"
    assert table(flags) == [(True, True)]
    duplicate = ("23505", 'duplicate key value violates unique constraint "jobs_u"')
    assert table.refusal("INSERT INTO jobs_t VALUES (5, 8)") == duplicate
    assert table.refusal("INSERT INTO jobs_t VALUES (5, 7)") == duplicate
    assert table.refusal("UPDATE jobs_t SET twice = 7 WHERE id = 3") == duplicate
    assert table("INSERT INTO jobs_t VALUES (5, 9)") == "INSERT 0 1"
    assert table.refusal("INSERT INTO jobs_t VALUES (6, 9)") == duplicate
    assert table("DROP INDEX jobs_u") == "DROP INDEX"
    assert table("INSERT INTO jobs_t VALUES (6, 9)") == "INSERT 0 1"


def test_failed_unique_index_is_neither_used_nor_inferred(table):
    table("CREATE UNIQUE INDEX ASYNC jobs_u ON jobs_t (twice)")
    table("SET enable_seqscan = off")
    plan = "\n".join(table.column("EXPLAIN SELECT * FROM jobs_t WHERE twice = 7"))
    assert "jobs_u" not in plan
    code, message = table.refusal("INSERT INTO jobs_t VALUES (9, 9) ON CONFLICT (twice) DO NOTHING")
    assert code == "42P10" and "no unique or exclusion constraint" in message
    assert table.refusal("ALTER TABLE jobs_t ADD CONSTRAINT jobs_c UNIQUE USING INDEX jobs_u") == (
        "55000",
        'index "jobs_u" is not valid',
    )


def test_rows_mended_and_index_made_again_becomes_a_constraint(table):
    table("CREATE UNIQUE INDEX ASYNC jobs_u ON jobs_t (twice)")
    table("DROP INDEX jobs_u")
    table("UPDATE jobs_t SET twice = 6 WHERE id = 2")
    ((job,),) = table("CREATE UNIQUE INDEX ASYNC jobs_u ON jobs_t (twice)")
    assert wait(table, job) is True
    table("ALTER TABLE jobs_t ADD CONSTRAINT jobs_c UNIQUE USING INDEX jobs_u")
    kind = "SELECT contype::text FROM pg_constraint WHERE conname = 'jobs_c'"
    assert table.value(kind) == "u"
    table("INSERT INTO jobs_t VALUES (8, 6) ON CONFLICT (twice) DO UPDATE SET note = 'met'")
    assert table.column("SELECT note FROM jobs_t WHERE twice = 6") == ["met"]


def test_index_that_exists_is_left_alone_and_its_job_is_completed(table):
    table("CREATE INDEX ASYNC jobs_i ON jobs_t (twice)")
    ((job,),) = table("CREATE INDEX ASYNC IF NOT EXISTS jobs_i ON jobs_t (note)")
    assert wait(table, job) is True
    assert "(twice)" in table.value("SELECT pg_get_indexdef('jobs_i'::regclass)")
    code, _ = table.refusal("CREATE INDEX ASYNC jobs_i ON jobs_t (note)")
    assert code == "42P07"


def test_rolled_back_index_leaves_no_job(table):
    before = table.value("SELECT count(*) FROM sys.jobs")
    table.begin()
    ((job,),) = table("CREATE INDEX ASYNC jobs_i ON jobs_t (twice)")
    table.rollback()
    assert table.value("SELECT count(*) FROM sys.jobs") == before
    assert table.refusal(f"CALL sys.wait_for_job('{job}')") == (
        "22023",
        f'job "{job}" does not exist',
    )


def test_jobs_of_prepared_statements_have_ids_of_their_own(table):
    jobs = []
    for _ in range(3):
        with watchdog("index"):
            cursor = table.connection.execute(
                "CREATE INDEX ASYNC jobs_i ON jobs_t (twice)", prepare=True
            )
        assert [column.name for column in cursor.description] == ["job_id"]
        jobs.append(cursor.fetchone()[0])
        table("DROP INDEX jobs_i")
    assert len(set(jobs)) == 3 and all(status_of(table, job) == "completed" for job in jobs)


def test_jobs_are_listed_with_the_documented_columns(table):
    with watchdog("jobs"):
        cursor = table.connection.execute("SELECT * FROM sys.jobs LIMIT 0")
    assert [column.name for column in cursor.description] == [
        "job_id",
        "status",
        "details",
        "job_type",
        "class_id",
        "object_id",
        "object_name",
        "start_time",
        "update_time",
    ]
    ((job,),) = table("CREATE INDEX ASYNC jobs_i ON jobs_t (twice)")
    assert table(
        "SELECT class_id::regclass::text, object_id = 'jobs_i'::regclass, update_time >= start_time"
        " FROM sys.jobs WHERE job_id = %s",
        [job],
    ) == [("pg_class", True, True)]


def test_the_function_form_of_waiting_is_refused(table):
    assert table.refusal("SELECT sys.wait_for_job((SELECT job_id FROM sys.jobs LIMIT 1))") == (
        "42809",
        "sys.wait_for_job(text) is a procedure",
    )
    assert table.refusal("CALL sys.wait_for_job(NULL)")[0] == "22023"


def test_jobs_cannot_be_forged(table):
    for call in [
        "pg_catalog.dsql_local_index_set_valid(1)",
        "pg_catalog.dsql_local_run_as(10, 'SELECT 1')",
        "pg_catalog.dsql_local_job_run('x')",
        "pg_catalog.dsql_local_jobs_turn(0)",
    ]:
        assert table.refusal(f"SELECT {call}")[0] == "42501"


# --------------------------------------------------------------------- constraints


@pytest.mark.parametrize(
    ("constraint", "details"),
    [
        (
            "CHECK (twice < 8)",
            'check constraint "jobs_c" of relation "jobs_t" is violated by some row',
        ),
        (
            "FOREIGN KEY (twice) REFERENCES jobs_p",
            'insert or update on table "jobs_t" violates foreign key constraint "jobs_c": '
            'Key (twice)=(8) is not present in table "jobs_p".',
        ),
    ],
)
def test_constraint_that_a_row_violates_stays_not_valid(database, table, constraint, details):
    database.create("CREATE TABLE jobs_p (id int PRIMARY KEY)")
    assert table.refusal("SELECT 1") == OC001
    table("INSERT INTO jobs_p VALUES (7)")
    table(f"ALTER TABLE jobs_t ADD CONSTRAINT jobs_c {constraint} NOT VALID")
    valid = "SELECT convalidated FROM pg_constraint WHERE conname = 'jobs_c'"
    ((job,),) = table("ALTER TABLE ASYNC jobs_t VALIDATE CONSTRAINT jobs_c")
    assert wait(table, job) is False
    assert job_of(table, job) == ("failed", details, "public.jobs_c")
    assert table.value(valid) is False
    table("DELETE FROM jobs_t WHERE twice = 8")
    ((job,),) = table("ALTER TABLE ASYNC public.jobs_t VALIDATE CONSTRAINT jobs_c")
    assert wait(table, job) is True
    assert table.value(valid) is True
    ((job,),) = table("ALTER TABLE ASYNC jobs_t VALIDATE CONSTRAINT jobs_c")
    assert wait(table, job) is True


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        (
            "ALTER TABLE ASYNC jobs_t VALIDATE CONSTRAINT nothing",
            ("42704", 'constraint "nothing" of relation "jobs_t" does not exist'),
        ),
        (
            "ALTER TABLE ASYNC nothing VALIDATE CONSTRAINT c",
            ("42P01", 'relation "nothing" does not exist'),
        ),
        (
            "ALTER TABLE ASYNC jobs_t VALIDATE CONSTRAINT jobs_t_pkey",
            (
                "42809",
                'constraint "jobs_t_pkey" of relation "jobs_t" is not a foreign key or check'
                " constraint",
            ),
        ),
        (
            "ALTER TABLE ASYNC jobs_t VALIDATE CONSTRAINT a, DROP CONSTRAINT b",
            ("0A000", "ALTER TABLE ASYNC takes one VALIDATE CONSTRAINT and nothing else"),
        ),
    ],
)
def test_validation_that_cannot_begin_is_refused_at_once(table, statement, refusal):
    assert table.refusal(statement) == refusal


def test_validation_answers_as_alter_table(table):
    table("ALTER TABLE jobs_t ADD CONSTRAINT jobs_c CHECK (id > 0) NOT VALID")
    with watchdog("validate"):
        cursor = table.connection.execute("ALTER TABLE ASYNC jobs_t VALIDATE CONSTRAINT jobs_c")
    assert cursor.statusmessage == "ALTER TABLE"
    ((job,),) = cursor.fetchall()
    assert table(
        "SELECT job_type, class_id::regclass::text FROM sys.jobs WHERE job_id = %s", [job]
    ) == [("VALIDATE_CONSTRAINT", "pg_constraint")]
    ((job,),) = table("ALTER TABLE ASYNC IF EXISTS nothing VALIDATE CONSTRAINT c")
    assert wait(table, job) is True


def postgres_switches(program: Program) -> int:
    """How often the endpoint's own sessions have gone to sleep, all PostgreSQL processes added."""
    switches = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
            command = status.with_name("cmdline").read_bytes().decode(errors="replace")
            parent = Path("/proc", facts["PPid"].strip(), "status").read_text()
            ours = f"PPid:\t{program.process.pid}\n" in parent
            if ours and command.startswith("postgres: postgres"):
                switches += int(facts["voluntary_ctxt_switches"])
    return switches


def test_nothing_is_asked_while_no_job_is_left(start):
    program = start("--ephemeral")
    with connect_to(program.endpoint, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        connection.execute("CREATE INDEX ASYNC i ON t (n)")
    before = postgres_switches(program)
    assert before > 0
    time.sleep(1)
    assert postgres_switches(program) - before < 50


# ------------------------------------------------------------------ jobs that take time


def test_job_goes_through_its_states_and_ends_after_the_delay(slow):
    session = slow.session()
    began = time.monotonic()
    ((job,),) = session("CREATE INDEX ASYNC slow_i ON slow_t (twice)")
    assert time.monotonic() - began < DELAY
    seen = []
    while not seen or seen[-1] not in ("completed", "failed"):
        rows = session.outcome("SELECT status FROM sys.jobs WHERE job_id = %s", [job])
        if rows != OC001 and rows[0][0] not in seen:
            seen.append(rows[0][0])
        assert time.monotonic() - began < 10 * DELAY
        time.sleep(0.01)
    took = time.monotonic() - began
    assert seen == ["submitted", "processing", "completed"]
    assert took > DELAY * 0.9


def test_index_is_not_valid_until_its_job_has_ended(slow):
    session = slow.session()
    ((job,),) = session("CREATE INDEX ASYNC slow_i ON slow_t (twice)")
    assert not is_valid(session, "slow_i")
    session("SET enable_seqscan = off")
    plan = "\n".join(session.column("EXPLAIN SELECT * FROM slow_t WHERE twice = 7"))
    assert "slow_i" not in plan
    session("INSERT INTO slow_t VALUES (4, 9)")
    assert wait(session, job) is True
    assert session.refusal("SELECT 1") == OC001
    assert is_valid(session, "slow_i")
    plan = "\n".join(session.column("EXPLAIN SELECT * FROM slow_t WHERE twice = 7"))
    assert "slow_i" in plan
    assert session.column("SELECT id FROM slow_t WHERE twice = 9") == [4]


def test_unique_index_enforces_while_it_is_being_built(slow):
    session = slow.session()
    session("DELETE FROM slow_t WHERE id = 2")
    ((job,),) = session("CREATE UNIQUE INDEX ASYNC slow_u ON slow_t (twice)")
    duplicate = ("23505", 'duplicate key value violates unique constraint "slow_u"')
    assert session.refusal("INSERT INTO slow_t VALUES (4, 7)") == duplicate
    assert session("INSERT INTO slow_t VALUES (4, 9)") == "INSERT 0 1"
    assert session.refusal("INSERT INTO slow_t VALUES (5, 9)") == duplicate
    assert session.refusal("ALTER TABLE slow_t ADD CONSTRAINT c UNIQUE USING INDEX slow_u") == (
        "55000",
        'index "slow_u" is not valid',
    )
    assert wait(session, job) is True


def test_job_that_fails_tells_nobody_of_a_change(slow):
    session = slow.session()
    ((job,),) = session("CREATE UNIQUE INDEX ASYNC slow_u ON slow_t (twice)")
    assert wait(session, job) is False
    assert session.value("SELECT 1") == 1
    assert not is_valid(session, "slow_u")


def test_index_turning_valid_is_told_to_every_session_once(slow):
    session, other, reader = slow.session(), slow.session(), slow.session()
    other.value("SELECT 1")
    ((job,),) = session("CREATE INDEX ASYNC slow_i ON slow_t (twice)")
    assert other.refusal("SELECT 1") == OC001  # of CREATE INDEX
    assert reader.refusal("SELECT 1") == OC001
    reader.begin()
    reader.value("SELECT count(*) FROM slow_t")
    assert wait(session, job) is True
    assert other.refusal("SELECT 1") == OC001
    assert other.value("SELECT 1") == 1
    assert reader.refusal("COMMIT") == OC001
    assert reader.value("SELECT 1") == 1
    assert session.refusal("SELECT 1") == OC001
    assert session.value("SELECT 1") == 1


def test_dropping_an_index_ends_its_job(slow):
    session = slow.session()
    ((job,),) = session("CREATE INDEX ASYNC slow_i ON slow_t (twice)")
    session("DROP INDEX slow_i")
    assert wait(session, job) is False
    assert job_of(session, job) == ("failed", "The object of the job was dropped", "public.slow_i")
    assert session.value("SELECT 1") == 1


def insist(session: Session, statement: str):
    """Its answer, however often the end of a job is told first."""
    while (answer := session.outcome(statement)) == OC001:
        pass
    return answer


def test_jobs_of_several_sessions_run_side_by_side(slow):
    one, two = slow.session(), slow.session()
    began = time.monotonic()
    jobs = [
        insist(session, statement)[0][0]
        for session, statement in (
            (one, "CREATE INDEX ASYNC slow_i ON slow_t (twice)"),
            (two, "CREATE UNIQUE INDEX ASYNC slow_u ON slow_t (twice)"),
            (two, "CREATE INDEX ASYNC slow_j ON slow_t (note)"),
        )
    ]
    answers = [insist(one, f"CALL sys.wait_for_job('{job}')")[0][0] for job in jobs]
    assert answers == [True, False, True]
    assert time.monotonic() - began < 3 * DELAY


def test_job_waits_for_ddl_under_way_and_holds_up_nobody(slow):
    session, other = slow.session(), slow.session()
    ((job,),) = session("CREATE INDEX ASYNC slow_i ON slow_t (twice)")
    assert other.refusal("SELECT 1") == OC001
    other.begin()
    other("ALTER TABLE slow_t ADD COLUMN more int")
    time.sleep(2 * DELAY)
    assert status_of(session, job) == "processing"
    other.rollback()
    assert wait(session, job) is True


def test_constraint_is_not_valid_until_its_job_has_ended(slow):
    session = slow.session()
    valid = "SELECT convalidated FROM pg_constraint WHERE conname = 'slow_c'"
    session("ALTER TABLE slow_t ADD CONSTRAINT slow_c CHECK (twice < 9) NOT VALID")
    ((job,),) = session("ALTER TABLE ASYNC slow_t VALIDATE CONSTRAINT slow_c")
    assert session.value(valid) is False
    assert wait(session, job) is True
    assert session.refusal(valid) == OC001
    assert session.value(valid) is True
    session("ALTER TABLE slow_t ADD CONSTRAINT slow_d CHECK (twice < 8) NOT VALID")
    ((job,),) = session("ALTER TABLE ASYNC slow_t VALIDATE CONSTRAINT slow_d")
    assert wait(session, job) is False
    assert "slow_d" in job_of(session, job)[1]


def test_job_of_the_same_transaction_cannot_be_waited_for(slow):
    session = slow.session()
    session.begin()
    ((job,),) = session("CREATE INDEX ASYNC slow_i ON slow_t (twice)")
    assert session.refusal(f"CALL sys.wait_for_job('{job}')") == (
        "55000",
        f'job "{job}" begins when its transaction has been committed',
    )
    session.rollback()


def test_others_are_served_while_one_waits_for_a_job(slow):
    session, other = slow.session(), slow.session()
    ((job,),) = session("CREATE INDEX ASYNC slow_i ON slow_t (twice)")
    assert other.refusal("SELECT 1") == OC001
    session.connection.pgconn.send_query(f"CALL sys.wait_for_job('{job}')".encode())
    began = time.monotonic()
    for _ in range(5):
        other("INSERT INTO slow_t (id) SELECT max(id) + 1 FROM slow_t")
    assert time.monotonic() - began < DELAY
    with watchdog("wait_for_job"):
        result = session.connection.pgconn.get_result()
        assert result.get_value(0, 0) == b"t"
        assert session.connection.pgconn.get_result() is None


def test_wait_longer_than_a_transaction_may_be_ends(start):
    endpoint = start("--ephemeral", "--job-delay", "60000", "--max-transaction-age", "1").endpoint
    with connect_to(endpoint, autocommit=True) as connection:
        session = Session(connection)
        session("CREATE TABLE t (id int)")
        ((job,),) = session("CREATE INDEX ASYNC i ON t (id)")
        code, message = session.refusal(f"CALL sys.wait_for_job('{job}')")
        assert code == "54000" and "transaction age limit of" in message
        assert status_of(session, job) == "submitted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_unfinished_jobs_go_on_after_a_restart(start, place, number):
    data = str(place / "data")
    program = start("--data", data, "--job-delay", "60000")
    with connect_to(program.endpoint, autocommit=True) as connection:
        session = Session(connection)
        session("CREATE TABLE t (id int, twice int)")
        session("INSERT INTO t VALUES (1, 1), (2, 1)")
        jobs = [
            session.value("CREATE INDEX ASYNC i ON t (id)"),
            session.value("CREATE UNIQUE INDEX ASYNC u ON t (twice)"),
        ]
    program.stop(number)
    again = start("--data", data, "--job-delay", "50000")
    with connect_to(again.endpoint, autocommit=True) as connection:
        session = Session(connection)
        assert [status_of(session, job) for job in jobs] == ["submitted", "submitted"]
    again.stop()
    last = start("--data", data)
    with connect_to(last.endpoint, autocommit=True) as connection:
        session = Session(connection)

        def ended() -> bool:
            answer = session.outcome("SELECT status FROM sys.jobs ORDER BY status")
            return answer == [("completed",), ("failed",)]

        wait_for(ended)
        assert is_valid(session, "i") and not is_valid(session, "u")
        assert session.refusal("INSERT INTO t VALUES (3, 1)")[0] == "23505"


def test_unfinished_job_goes_on_after_postgresql_died(start, place):
    endpoint = start("--data", str(place / "data"), "--job-delay", "1500").endpoint
    with connect_to(endpoint, autocommit=True) as connection:
        session = Session(connection)
        session("CREATE TABLE t (id int)")
        job = session.value("CREATE INDEX ASYNC i ON t (id)")
    pid_file = Path(endpoint.ca).parent / "pg/data/postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

    def ended() -> bool:
        try:
            with connect_to(endpoint, autocommit=True) as connection:
                return status_of(Session(connection), job) == "completed"
        except psycopg.Error:
            return False  # PostgreSQL is not back yet, or OC001

    wait_for(ended)


# ------------------------------------------------------------- CREATE INDEX without ASYNC


def test_index_without_async_is_refused_unless_the_session_says_otherwise(database):
    database.create("CREATE TABLE jobs_e (id int)")
    session = database.session()
    assert session.value("SHOW disable_sync_create_index") == "on"
    assert session.refusal("CREATE INDEX jobs_i ON jobs_e (id)") == SYNC_REFUSED
    session("SET disable_sync_create_index = off")
    assert session("CREATE INDEX jobs_i ON jobs_e (id)") == "CREATE INDEX"
    assert session("CREATE UNIQUE INDEX ON jobs_e (id) INCLUDE (id)") == "CREATE INDEX"
    assert is_valid(session, "jobs_i")
    session("INSERT INTO jobs_e VALUES (1)")
    assert session.refusal("CREATE INDEX jobs_j ON jobs_e (id)") == SYNC_REFUSED
    session("DELETE FROM jobs_e")
    assert session("CREATE INDEX jobs_j ON jobs_e (id)") == "CREATE INDEX"
    session("RESET disable_sync_create_index")
    assert session.refusal("CREATE INDEX jobs_k ON jobs_e (id)") == SYNC_REFUSED


def test_index_without_async_is_refused_in_every_protocol(database):
    database.create("CREATE TABLE jobs_e (id int)")
    session = database.session(options="-c disable_sync_create_index=off")
    assert session("CREATE INDEX jobs_i ON jobs_e (id)", prepare=True) == "CREATE INDEX"
    session("SET disable_sync_create_index = on")
    for prepare in (True, False):
        with pytest.raises(psycopg.Error) as caught, watchdog("index"):
            session.connection.execute("CREATE INDEX jobs_j ON jobs_e (id)", prepare=prepare)
        assert (caught.value.sqlstate, caught.value.diag.message_primary) == SYNC_REFUSED


def test_what_indexes_cannot_be_stays_refused_without_async(database):
    database.create("CREATE TABLE jobs_e (id int)")
    session = database.session(options="-c disable_sync_create_index=off")
    assert session.refusal("CREATE INDEX i ON jobs_e (id DESC)")[1] == (
        "specifying sort order not supported for index keys"
    )
    assert session.refusal("CREATE INDEX CONCURRENTLY i ON jobs_e (id)")[0] == "0A000"
    assert session.refusal("CREATE INDEX i ON jobs_absent (id)")[0] == "42P01"
    refused = session.refusal("CREATE SCHEMA jobs_s CREATE TABLE a (i int) CREATE INDEX b ON a (i)")
    assert refused == SYNC_REFUSED
