/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What may be run again, what ends a connection or a sign-in, how long retries
 * wait, and what a text of SQL does. */
#include "dsql.h"

#include "check.h"

static void
conflicts_may_be_run_again_wherever_they_are_told(void)
{
    for (int flags = 0; flags < 4; flags++) {
        CHECK(dsql_outcome_of("40001", flags) == DSQL_OUTCOME_RETRY);
    }
}

static void
commit_without_a_decided_answer_is_unknown(void)
{
    static const char *const undecided[] = {"XX000", "08006", "08P01", "57P01", "57014",
                                            "58030", "40003", "53300", "",      NULL};
    for (size_t i = 0; i < sizeof undecided / sizeof undecided[0]; i++) {
        CHECK(dsql_outcome_of(undecided[i], DSQL_COMMITTING) == DSQL_OUTCOME_UNKNOWN);
        CHECK(dsql_outcome_of(undecided[i], DSQL_COMMITTING | DSQL_CONNECTION_LOST) ==
              DSQL_OUTCOME_UNKNOWN);
        CHECK(dsql_outcome_of(undecided[i], 0) == DSQL_OUTCOME_FAILED);
        CHECK(dsql_outcome_of(undecided[i], DSQL_CONNECTION_LOST) == DSQL_OUTCOME_RETRY);
    }
}

static void
refusals_are_final(void)
{
    static const char *const decided[] = {"23505", "23503", "54000", "25P02",
                                          "0A000", "22012", "42601", "55000"};
    for (size_t i = 0; i < sizeof decided / sizeof decided[0]; i++) {
        for (int flags = 0; flags < 4; flags++) {
            CHECK(dsql_outcome_of(decided[i], flags) == DSQL_OUTCOME_FAILED);
        }
    }
}

static void
errors_that_end_a_connection_are_known(void)
{
    static const char *const ends[] = {"08006", "08003", "08000", "57P01", "57P03", "57P05"};
    static const char *const stays[] = {"08P01", "57014", "40001", "XX000", "53300", "", "0", NULL};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        CHECK(dsql_sqlstate_ends_connection(ends[i]) == 1);
    }
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++) {
        CHECK(dsql_sqlstate_ends_connection(stays[i]) == 0);
    }
}

static void
refusals_of_a_sign_in_are_told_apart(void)
{
    CHECK(dsql_refusal_of("53400", NULL) == DSQL_REFUSED_FOR_NOW);
    CHECK(dsql_refusal_of(NULL, "FATAL: Unable to accept connection, Rate exceeded.") ==
          DSQL_REFUSED_FOR_NOW);
    CHECK(dsql_refusal_of("08006", "waking up cluster, please retry later") ==
          DSQL_REFUSED_FOR_NOW);
    CHECK(dsql_refusal_of("08006", "access denied\nHINT:  Signature expired: 1 is now earlier") ==
          DSQL_REFUSED_EXPIRED);
    CHECK(dsql_refusal_of("08006", "access denied") == DSQL_REFUSED);
    CHECK(dsql_refusal_of("53300", "too many open connections.") == DSQL_REFUSED);
    CHECK(dsql_refusal_of(NULL, NULL) == DSQL_REFUSED);
}

static void
waits_double_up_to_the_longest(void)
{
    struct dsql_backoff backoff = {50, 5000, 2, 0};
    static const int64_t waits[] = {50, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (unsigned int i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        CHECK(dsql_backoff_ms(&backoff, i + 1, 4000000000u) == waits[i]);
    }
    CHECK(dsql_backoff_ms(&backoff, 0, 0) == 50);
    CHECK(dsql_backoff_ms(&backoff, 4000000000u, 0) == 5000);
}

static void
jitter_takes_its_share_away(void)
{
    struct dsql_backoff backoff = {100, 5000, 2, 0.5};
    CHECK(dsql_backoff_ms(&backoff, 1, 0) == 100);
    CHECK(dsql_backoff_ms(&backoff, 1, UINT32_MAX) == 50);
    CHECK(dsql_backoff_ms(&backoff, 1, UINT32_MAX / 2) == 75);
    backoff.jitter = 1;
    CHECK(dsql_backoff_ms(&backoff, 3, UINT32_MAX) == 0);
}

static void
senseless_settings_give_waits_all_the_same(void)
{
    struct dsql_backoff backoff = {INT64_MAX, INT64_MAX, 1e300, 7};
    CHECK(dsql_backoff_ms(&backoff, 9, 0) == INT64_MAX);
    CHECK(dsql_backoff_ms(&backoff, 9, UINT32_MAX) == 0);
    backoff = (struct dsql_backoff){-5, 100, 0.5, -1};
    CHECK(dsql_backoff_ms(&backoff, 2, 1) == 0);
    backoff = (struct dsql_backoff){10, -1, 2, 0};
    CHECK(dsql_backoff_ms(&backoff, 2, 1) == 0);
    backoff = (struct dsql_backoff){10, 100, 0.5, 0};
    CHECK(dsql_backoff_ms(&backoff, 9, 1) == 10);
}

static int
kind(const char *sql)
{
    return dsql_sql_kind(sql, strlen(sql));
}

static void
first_word_tells_the_kind(void)
{
    CHECK(kind("SELECT 1") == 0);
    CHECK(kind("  -- DROP\n/* INSERT /* nested */ */ select 1;") == 0);
    CHECK(kind("(SELECT 1) UNION (SELECT 2)") == 0);
    CHECK(kind("insert into t values (1)") == DSQL_SQL_DML);
    CHECK(kind("Update t SET a = 1;") == DSQL_SQL_DML);
    CHECK(kind("DELETE FROM t") == DSQL_SQL_DML);
    CHECK(kind("CREATE TABLE t (id int)") == DSQL_SQL_DDL);
    CHECK(kind("/* x */ ALTER TABLE t ADD COLUMN b int") == DSQL_SQL_DDL);
    CHECK(kind("COMMENT ON TABLE t IS 'x; y'") == DSQL_SQL_DDL);
    CHECK(kind("AWS IAM GRANT r TO 'arn'") == DSQL_SQL_DDL);
    CHECK(kind("COMMIT") == DSQL_SQL_CONTROL);
    CHECK(kind("rollback to x") == DSQL_SQL_CONTROL);
    CHECK(kind("") == 0 && kind(" ; ;") == 0 && kind("created") == 0);
}

static void
writing_parts_of_with_are_seen(void)
{
    CHECK(kind("WITH a AS (SELECT 1) SELECT * FROM a") == 0);
    CHECK(kind("WITH a AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM a") ==
          DSQL_SQL_DML);
    CHECK(kind("WITH a AS (SELECT 1) SELECT * FROM t FOR UPDATE") == 0);
    CHECK(kind("WITH a AS (SELECT 1) SELECT * FROM t FOR NO KEY UPDATE") == 0);
    CHECK(kind("WITH a AS (SELECT 'DELETE', \"update\", $$insert$$) SELECT 1") == 0);
    CHECK(kind("EXPLAIN ANALYZE DELETE FROM t") == DSQL_SQL_DML);
}

static void
several_statements_are_counted_outside_of_quotes(void)
{
    CHECK(kind("SELECT 1; SELECT 2") == DSQL_SQL_SEVERAL);
    CHECK(kind("SELECT 1; DROP TABLE t;") == (DSQL_SQL_SEVERAL | DSQL_SQL_DDL));
    CHECK(kind("INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)") ==
          (DSQL_SQL_SEVERAL | DSQL_SQL_DML | DSQL_SQL_CONTROL));
    CHECK(kind("SELECT ';', 'it''s;', \";\", $a$;$b$;$a$ -- ; x\n") == 0);
    CHECK(kind("SELECT E'\\'; SELECT 2'") == 0);
    CHECK(kind("SELECT e'\\\\'; SELECT 2") == DSQL_SQL_SEVERAL);
    CHECK(kind("SELECT '\\'; SELECT 2") == DSQL_SQL_SEVERAL);
    CHECK(kind("SELECT $1; SELECT $2") == DSQL_SQL_SEVERAL);
    CHECK(kind("SELECT date'2026-01-01'; SELECT 2") == DSQL_SQL_SEVERAL);
}

static void
texts_that_end_early_are_read_to_their_end(void)
{
    static const char *const texts[] = {"'",  "\"", "E'\\", "$",     "$a", "$a$", "/*", "/* *",
                                        "--", "-",  "/",    "$a$ $", "E",  "(",   ";"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(kind(texts[i]) == 0);
    }
    CHECK(dsql_sql_kind("SELECT\0; DROP", 13) == (DSQL_SQL_SEVERAL | DSQL_SQL_DDL));
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(conflicts_may_be_run_again_wherever_they_are_told),
        TEST(commit_without_a_decided_answer_is_unknown),
        TEST(refusals_are_final),
        TEST(errors_that_end_a_connection_are_known),
        TEST(refusals_of_a_sign_in_are_told_apart),
        TEST(waits_double_up_to_the_longest),
        TEST(jitter_takes_its_share_away),
        TEST(senseless_settings_give_waits_all_the_same),
        TEST(first_word_tells_the_kind),
        TEST(writing_parts_of_with_are_seen),
        TEST(several_statements_are_counted_outside_of_quotes),
        TEST(texts_that_end_early_are_read_to_their_end),
    };
    return RUN(tests);
}
