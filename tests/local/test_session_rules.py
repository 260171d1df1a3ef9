# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""What a session of dsql-local refuses, counts and tells, through the real protocol."""

from __future__ import annotations

import psycopg
import pytest

DENIED_AFTER_ERROR = "25P02"
TRUNCATE_REFUSED = ("0A000", "unsupported statement: Truncate")


def refusal(connection, statement):
    """The SQLSTATE and message that a statement is refused with."""
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    return caught.value.sqlstate, caught.value.diag.message_primary


@pytest.fixture
def table(connect):
    """An empty table of one integer column, in a schema that others do not use."""
    with connect(autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS rules_t")
        connection.execute("CREATE TABLE rules_t (id int PRIMARY KEY, note text)")
    yield "rules_t"
    with connect(autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS rules_t")


def test_second_ddl_in_transaction_is_refused(connect):
    with connect() as connection:
        connection.execute("CREATE TABLE rules_a (id int)")
        assert refusal(connection, "CREATE TABLE rules_b (id int)") == (
            "0A000",
            "multiple ddl statements not supported in a transaction",
        )
        assert refusal(connection, "SELECT 1")[0] == DENIED_AFTER_ERROR
        connection.rollback()


@pytest.mark.parametrize(
    "statements",
    [
        ["INSERT INTO rules_t VALUES (1)", "CREATE TABLE rules_c (id int)"],
        ["CREATE TABLE rules_c (id int)", "INSERT INTO rules_t VALUES (1)"],
        ["WITH x AS (DELETE FROM rules_t RETURNING id) SELECT * FROM x", "DROP TABLE rules_t"],
    ],
)
def test_ddl_and_dml_do_not_mix(connect, table, statements):
    with connect() as connection:
        connection.execute(statements[0])
        assert refusal(connection, statements[1]) == (
            "0A000",
            "ddl and dml are not supported in the same transaction",
        )
        connection.rollback()


def test_reading_before_ddl_is_fine(connect):
    with connect() as connection:
        connection.execute("SELECT count(*) FROM pg_class")
        connection.execute("CREATE TABLE rules_d (id int)")
        connection.commit()
        connection.execute("DROP TABLE rules_d")
        connection.commit()


def test_statements_of_one_simple_query_are_one_transaction(connect):
    with connect(autocommit=True) as connection:
        result = connection.pgconn.exec_(
            b"CREATE TABLE rules_e (id int); CREATE TABLE rules_f (id int)"
        )
        assert b"multiple ddl statements" in result.error_message
        assert connection.execute("SELECT to_regclass('rules_e')").fetchone() == (None,)


def test_explicit_transaction_inside_one_simple_query(connect, table):
    with connect(autocommit=True) as connection:
        connection.pgconn.exec_(b"BEGIN; INSERT INTO rules_t VALUES (1); COMMIT; SELECT 1")
        assert connection.execute("SELECT count(*) FROM rules_t").fetchone() == (1,)


def test_refusal_aborts_the_transaction_and_commit_rolls_back(connect, table):
    with connect(autocommit=True) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO rules_t VALUES (1)")
        assert refusal(connection, "TRUNCATE rules_t") == (
            "0A000",
            "unsupported statement: Truncate",
        )
        assert refusal(connection, "TRUNCATE rules_t")[0] == DENIED_AFTER_ERROR
        assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
        assert connection.execute("SELECT count(*) FROM rules_t").fetchone() == (0,)


def test_refusal_outside_a_transaction_leaves_the_session_usable(connect):
    with connect(autocommit=True) as connection:
        assert refusal(connection, "TRUNCATE rules_t")[0] == "0A000"
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_refused_statement_after_rollback_in_one_query_is_still_refused(connect, table):
    with connect(autocommit=True) as connection:
        connection.execute("INSERT INTO rules_t VALUES (1)")
        connection.execute("BEGIN")
        assert refusal(connection, "SELECT 1/0")[0] == "22012"
        result = connection.pgconn.exec_(b"ROLLBACK; TRUNCATE rules_t")
        assert b"Truncate" in result.error_message
        assert connection.execute("SELECT count(*) FROM rules_t").fetchone() == (1,)


# ------------------------------------------------------------------------- row limit


ROW_LIMIT = ("54000", "transaction row limit exceeded")


@pytest.mark.parametrize("prepare", [False, True])
def test_row_3001_fails_at_its_statement(connect, table, prepare):
    with connect() as connection:
        insert = "INSERT INTO rules_t SELECT generate_series(1, 3000)"
        assert connection.execute(insert, prepare=prepare).statusmessage == "INSERT 0 3000"
        assert refusal(connection, "INSERT INTO rules_t VALUES (3001)") == ROW_LIMIT
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM rules_t").fetchone() == (0,)


@pytest.mark.parametrize("simple", [False, True])
def test_autocommit_statement_over_the_limit_stores_nothing(connect, table, simple):
    statement = "INSERT INTO rules_t SELECT generate_series(1, 3001)"
    with connect(autocommit=True) as connection:
        if simple:
            assert b"row limit" in connection.pgconn.exec_(statement.encode()).error_message
        else:
            assert refusal(connection, statement) == ROW_LIMIT
        assert connection.execute("SELECT count(*) FROM rules_t").fetchone() == (0,)


def test_failed_transaction_does_not_count_against_the_next(connect, table):
    with connect() as connection:
        for _ in range(3):
            connection.execute("INSERT INTO rules_t SELECT generate_series(1, 2000)")
            assert refusal(connection, "INSERT INTO rules_t VALUES (1)")[0] == "23505"
            connection.rollback()
        connection.execute("INSERT INTO rules_t SELECT generate_series(1, 3000)")
        connection.rollback()
        connection.execute("INSERT INTO rules_t SELECT generate_series(1, 3000)")
        connection.commit()


def test_rows_of_a_cascade_count(connect):
    with connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE rules_parent (id int PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE rules_child (id int PRIMARY KEY, parent int"
            " REFERENCES rules_parent ON DELETE CASCADE)"
        )
        connection.execute("INSERT INTO rules_parent VALUES (1)")
        connection.execute("INSERT INTO rules_child SELECT g, 1 FROM generate_series(1, 3000) g")
        try:
            assert refusal(connection, "DELETE FROM rules_parent") == ROW_LIMIT
            connection.execute("DELETE FROM rules_child WHERE id = 3000")
            connection.execute("DELETE FROM rules_parent")
        finally:
            connection.execute("DROP TABLE rules_child")
            connection.execute("DROP TABLE rules_parent")


def test_rows_changed_in_a_cte_count(connect, table):
    with connect() as connection:
        statement = (
            "WITH a AS (INSERT INTO rules_t SELECT generate_series(1, %s) RETURNING id)"
            " SELECT count(*) FROM a"
        )
        assert connection.execute(statement, [3000]).fetchone() == (3000,)
        connection.rollback()
        with pytest.raises(psycopg.Error, match="transaction row limit exceeded"):
            connection.execute(statement, [3001])
        connection.rollback()


@pytest.mark.parametrize("parameters", [None, {"x": "x"}])
def test_copied_rows_count(connect, table, parameters):
    with connect() as connection:
        with connection.cursor().copy("COPY rules_t FROM STDIN") as copy:
            for number in range(3000):
                copy.write_row((number, "n"))
        connection.commit()
        with pytest.raises(psycopg.Error, match="transaction row limit exceeded"):
            with connection.cursor().copy("COPY rules_t FROM STDIN") as copy:
                for number in range(3000, 6001):
                    copy.write_row((number, "n"))
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM rules_t").fetchone() == (3000,)


def test_failing_copy_leaves_the_session_usable(connect, table):
    with connect() as connection:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            with connection.cursor().copy("COPY rules_t FROM STDIN") as copy:
                copy.write("not a number\tx\n" * 10000)
        connection.rollback()
        with pytest.raises(RuntimeError, match="stop"):
            with connection.cursor().copy("COPY rules_t FROM STDIN") as copy:
                copy.write("1\tx\n")
                raise RuntimeError("stop")
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM rules_t").fetchone() == (0,)


def test_copy_out_passes_through(connect):
    with connect() as connection:
        query = "COPY (SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g) TO STDOUT"
        with connection.cursor().copy(query) as copy:
            assert sum(len(block) for block in copy) == 2128894


# --------------------------------------------------------------------------- indexes


def test_async_index_answers_a_job_that_can_be_waited_for(connect, table):
    with connect(autocommit=True) as connection:
        cursor = connection.execute("CREATE INDEX ASYNC rules_i ON rules_t (note)")
        assert cursor.statusmessage == "CREATE INDEX"
        assert [column.name for column in cursor.description] == ["job_id"]
        (job,) = cursor.fetchone()
        assert len(job) == 26
        row = connection.execute(
            "SELECT status, job_type, object_name FROM sys.jobs WHERE job_id = %s", [job]
        ).fetchone()
        assert row == ("completed", "INDEX_BUILD", "public.rules_i")
        assert connection.execute(f"CALL sys.wait_for_job('{job}')").fetchone() == (True,)
        assert refusal(connection, "SELECT sys.wait_for_job(job_id) FROM sys.jobs") == (
            "42809",
            "sys.wait_for_job(text) is a procedure",
        )


def test_async_index_without_a_name_gets_postgresqls(connect, table):
    with connect(autocommit=True) as connection:
        (job,) = connection.execute("CREATE INDEX ASYNC ON rules_t (note)").fetchone()
        name = connection.execute(
            "SELECT object_name FROM sys.jobs WHERE job_id = %s", [job]
        ).fetchone()
        assert name == ("public.rules_t_note_idx",)


def test_async_index_in_a_simple_query(connect, table):
    with connect(autocommit=True) as connection:
        result = connection.pgconn.exec_(b"CREATE INDEX ASYNC rules_j ON rules_t (note)")
        assert (result.ntuples, result.fname(0)) == (1, b"job_id")


# ------------------------------------------------------------------------- conflicts


def test_catalog_change_is_told_to_other_sessions_once(connect, table):
    with connect(autocommit=True) as one, connect(autocommit=True) as two:
        two.execute("SELECT 1")
        one.execute("CREATE TABLE rules_g (id int)")
        one.execute("DROP TABLE rules_g")
        assert refusal(two, "SELECT 1") == (
            "40001",
            "schema has been updated by another transaction (OC001)",
        )
        assert two.execute("SELECT 1").fetchone() == (1,)


def test_catalog_change_is_told_at_commit(connect, table):
    with connect() as one, connect(autocommit=True) as two:
        one.execute("SELECT 1")
        two.execute("CREATE TABLE rules_h (id int)")
        with pytest.raises(psycopg.errors.SerializationFailure, match="OC001"):
            one.commit()
        assert one.execute("SELECT 1").fetchone() == (1,)
        one.commit()
        two.execute("DROP TABLE rules_h")


def test_ddl_does_not_wait_for_an_idle_transaction(connect, table):
    with connect() as reader, connect(autocommit=True) as other:
        reader.execute("SELECT * FROM rules_t")
        other.execute("ALTER TABLE rules_t ADD COLUMN extra int")
        assert refusal(reader, "SELECT * FROM rules_t")[0] == "40001"
        reader.rollback()
        reader.execute("SELECT extra FROM rules_t")


def test_rolled_back_ddl_tells_nobody(connect, table):
    with connect() as one, connect(autocommit=True) as two:
        two.execute("SELECT 1")
        one.execute("CREATE TABLE rules_k (id int)")
        one.rollback()
        assert two.execute("SELECT 1").fetchone() == (1,)


def test_writers_of_one_row_never_wait_and_the_loser_is_told(connect, table):
    with connect() as one, connect() as two:
        one.execute("INSERT INTO rules_t VALUES (1, 'a')")
        one.commit()
        one.execute("UPDATE rules_t SET note = 'one' WHERE id = 1")
        two.execute("UPDATE rules_t SET note = 'two' WHERE id = 1")
        two.commit()
        with pytest.raises(psycopg.errors.SerializationFailure) as caught:
            one.commit()
        words = "change conflicts with another transaction (OC000)"
        assert caught.value.diag.message_primary == words
        one.rollback()
        assert one.execute("SELECT note FROM rules_t").fetchone() == ("two",)


# --------------------------------------------------------------------------- session


def test_session_says_what_the_service_says_of_itself(connect):
    with connect(autocommit=True) as connection:
        assert connection.info.parameter_status("server_version") == "16.15"
        assert connection.execute("SHOW server_version").fetchone() == ("16.15",)
        assert connection.execute("SELECT version()").fetchone() == ("PostgreSQL 16",)
        setting = connection.execute("SELECT current_setting('server_version')")
        assert setting.fetchone() == ("16.15",)
        isolation = connection.execute("SHOW transaction_isolation")
        assert isolation.fetchone() == ("repeatable read",)


def test_prepared_statements_keep_their_rules(connect, table):
    with connect() as connection:
        for number in range(12):
            connection.execute("INSERT INTO rules_t VALUES (%s)", [number], prepare=True)
        connection.commit()
        connection.execute("INSERT INTO rules_t VALUES (%s)", [100], prepare=True)
        assert refusal(connection, "DROP TABLE rules_t")[0] == "0A000"
        connection.rollback()


def test_pipeline_runs_in_order_and_skips_after_a_refusal(connect, table):
    with connect(autocommit=True) as connection:
        with connection.pipeline() as pipeline:
            cursors = [
                connection.execute("INSERT INTO rules_t VALUES (%s)", [number])
                for number in range(50)
            ]
            pipeline.sync()
            assert [cursor.rowcount for cursor in cursors] == [1] * 50
        with pytest.raises(psycopg.errors.FeatureNotSupported), connection.pipeline():
            connection.execute("INSERT INTO rules_t VALUES (100)")
            connection.execute("TRUNCATE rules_t")
            connection.execute("INSERT INTO rules_t VALUES (101)")
        rows = connection.execute("SELECT count(*) FROM rules_t WHERE id < 100").fetchone()
        assert rows == (50,)
        assert connection.execute("SELECT 1 FROM rules_t WHERE id = 101").fetchone() is None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;  SELECT nowhere FROM rules_t",
        "INSERT INTO rules_t VALUES (1); INSERT INTO rules_t (nowhere) VALUES (1)",
        "SELECT 'äöü€'; UPDATE rules_t SET note = 'ß', nowhere = 1",
        "CREATE INDEX ASYNC x ON rules_t (nowhere)",
        "DELETE FROM rules_t WHERE nowhere = 1 -- and a comment",
    ],
)
def test_error_position_is_in_the_clients_text(connect, table, text):
    with connect(autocommit=True) as connection:
        result = connection.pgconn.exec_(text.encode())
        position = result.error_field(psycopg.pq.DiagnosticField.STATEMENT_POSITION)
        if position is None:  # PostgreSQL gives none for a column of an index
            assert "INDEX" in text
        else:
            assert text[int(position) - 1 :].startswith("nowhere")


def test_large_result_and_large_row_pass_whole(connect):
    with connect() as connection:
        rows = connection.execute(
            "SELECT g, repeat(chr(97 + g % 26), 200) FROM generate_series(1, 50000) g"
        ).fetchall()
        assert len(rows) == 50000
        assert rows[25] == (26, "a" * 200)
        (wide,) = connection.execute("SELECT repeat('w', 5000000)").fetchone()
        assert len(wide) == 5_000_000


def test_notices_arrive(connect):
    with connect(autocommit=True) as connection:
        seen = []
        connection.add_notice_handler(lambda diagnostic: seen.append(diagnostic.message_primary))
        connection.execute("DROP TABLE IF EXISTS rules_absent")
        assert seen == ['table "rules_absent" does not exist, skipping']


def test_client_that_vanishes_leaves_no_lock_behind(connect, table):
    one = connect()
    one.execute("INSERT INTO rules_t VALUES (1, 'a')")
    one.commit()
    one.execute("UPDATE rules_t SET note = 'one'")
    one.pgconn.finish()
    with connect() as two:
        for _ in range(100):
            try:
                two.execute("UPDATE rules_t SET note = 'two'")
                break
            except psycopg.errors.SerializationFailure:
                two.rollback()
        two.commit()
        assert two.execute("SELECT note FROM rules_t").fetchone() == ("two",)
