/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Transactions that are run again, and those that are not. */
#include "check.h"
#include "conn.h"
#include "talker.h"

static struct talk talk;
static struct server server = {.serve = serve_talk, .context = &talk};
static struct dsql_conn *conn;
static struct dsql_error error;

static void
begin_with(const char *statements, const char *commits)
{
    talk = (struct talk){.statements = statements, .commits = commits};
    error = (struct dsql_error){0};
    server_start(&server, "localhost");
    struct dsql_conn_options options = talk_options(&server);
    CHECK(dsql_conn_open(&options, &conn, &error) == 0);
}

static void
over(void)
{
    dsql_conn_free(conn);
    server_stop(&server);
}

/* ------------------------------------------------------------- what they do */

struct working {
    int runs;   /* how often it was called */
    int answer; /* what it returns instead of its statement's result; 0: that */
};

static int
insert(struct dsql_conn *on, void *context, struct dsql_error *why)
{
    struct working *working = context;
    working->runs++;
    int failure = dsql_exec(on, "INSERT INTO t VALUES (1)", NULL, 0, NULL, NULL, why);
    return working->answer ? working->answer : failure;
}

static int
do_nothing(struct dsql_conn *on, void *context, struct dsql_error *why)
{
    (void)on;
    (void)context;
    (void)why;
    return 0;
}

static int
pass_over_failure(struct dsql_conn *on, void *context, struct dsql_error *why)
{
    (void)insert(on, context, why);
    return 0;
}

static int
leave_unread(struct dsql_conn *on, void *context, struct dsql_error *why)
{
    struct working *working = context;
    static const char sql[] = "INSERT INTO t VALUES (2)";
    working->runs++;
    return dsql_send_query(on, sql, sizeof sql - 1, NULL, 0, 0, why);
}

struct seen {
    unsigned int attempts; /* a bit for each number */
    int64_t longest;
    int answer;
};

static int
note_retry(void *context, unsigned int attempt, int64_t wait_ms, const struct dsql_error *why)
{
    struct seen *seen = context;
    seen->attempts |= 1u << attempt;
    seen->longest = wait_ms > seen->longest ? wait_ms : seen->longest;
    CHECK_TEXT(why->sqlstate, "40001");
    return seen->answer;
}

/* Waits of a millisecond. */
static struct dsql_retry
quick(struct seen *seen)
{
    return (struct dsql_retry){
        .backoff = {.first_ms = 1, .max_ms = 2, .multiplier = 2},
        .on_retry = note_retry,
        .context = seen,
    };
}

static int
run(dsql_work *work, struct working *working, struct seen *seen)
{
    const struct dsql_retry retry = quick(seen);
    return dsql_run_transaction(conn, NULL, work, working, &retry, &error);
}

/* -------------------------------------------------------------------- tests */

static void
what_works_is_committed_once(void)
{
    struct working working = {0};
    struct seen seen = {0};
    begin_with("", "");
    CHECK(run(insert, &working, &seen) == 0);
    CHECK(working.runs == 1 && talk.commits_seen == 1 && talk.rollbacks_seen == 0);
    CHECK(seen.attempts == 0 && dsql_conn_transaction(conn) == 'I');
    CHECK(dsql_run_transaction(conn, "BEGIN READ ONLY", insert, &working, NULL, NULL) == 0);
    over();
}

static void
nothing_costs_nothing(void)
{
    begin_with("", "");
    CHECK(dsql_run_transaction(conn, NULL, do_nothing, NULL, NULL, &error) == 0);
    over();
    CHECK(talk.commits_seen == 0 && talk.statements_seen == 0 && talk.rollbacks_seen == 0);
}

static void
conflicts_run_again(void)
{
    struct working working = {0};
    struct seen seen = {0};
    begin_with(".c", "c.");
    CHECK(run(insert, &working, &seen) == 0);
    CHECK(working.runs == 3 && seen.attempts == (1u << 1 | 1u << 2));
    CHECK(seen.longest == 2);
    CHECK(talk.commits_seen == 2 && talk.rollbacks_seen == 1);
    over();
}

static void
tries_end(void)
{
    struct working working = {0};
    struct seen seen = {0};
    begin_with("", "cccccccc");
    CHECK(run(insert, &working, &seen) == DSQL_E_SERVER);
    CHECK(working.runs == 5);
    CHECK_TEXT(error.sqlstate, "40001");
    CHECK(strstr(error.message, "change conflicts") != NULL);
    CHECK(strstr(error.message, "(given up after 5 tries)") != NULL);
    over();

    const struct dsql_retry hasty = {
        .deadline_ms = 1, .backoff = {.first_ms = 60000, .max_ms = 60000, .multiplier = 1}};
    begin_with("", "c");
    CHECK(dsql_run_transaction(conn, NULL, insert, &working, &hasty, &error) == DSQL_E_SERVER);
    CHECK(working.runs == 6);
    over();

    seen = (struct seen){.answer = 1};
    begin_with("", "c");
    CHECK(run(insert, &working, &seen) == DSQL_E_SERVER);
    CHECK(working.runs == 7);
    over();
}

static void
unknown_outcomes_are_not_run_again(void)
{
    static const char *const commits[] = {"s", "x"};
    for (int i = 0; i < 2; i++) {
        struct working working = {0};
        struct seen seen = {0};
        begin_with("", commits[i]);
        CHECK(run(insert, &working, &seen) == DSQL_E_OUTCOME);
        CHECK(error.code == DSQL_E_OUTCOME && working.runs == 1 && talk.commits_seen == 1);
        CHECK_TEXT(error.sqlstate, i == 0 ? "XX000" : "");
        CHECK(strstr(error.message, "not known") != NULL);
        over();
    }
}

static void
failures_are_rolled_back_and_returned(void)
{
    struct working working = {.answer = 7};
    struct seen seen = {0};
    begin_with("", "");
    CHECK(run(insert, &working, &seen) == 7);
    CHECK(talk.commits_seen == 0 && talk.rollbacks_seen == 1);
    CHECK(dsql_conn_transaction(conn) == 'I');
    over();

    working = (struct working){0};
    begin_with("d", "");
    CHECK(run(insert, &working, &seen) == DSQL_E_SERVER);
    CHECK_TEXT(error.sqlstate, "23505");
    CHECK(working.runs == 1 && talk.rollbacks_seen == 1);
    over();

    working = (struct working){0};
    begin_with("", "d");
    CHECK(run(insert, &working, &seen) == DSQL_E_SERVER);
    CHECK(working.runs == 1 && talk.commits_seen == 1);
    over();
}

static void
a_failure_that_was_passed_over_is_not_committed(void)
{
    struct working working = {0};
    struct seen seen = {0};
    begin_with("d", "");
    CHECK(run(pass_over_failure, &working, &seen) == DSQL_E_STATE);
    CHECK(talk.commits_seen == 0 && talk.rollbacks_seen == 1);
    over();
}

static void
answers_that_were_left_are_read(void)
{
    struct working working = {0};
    struct seen seen = {0};
    begin_with(".d", "");
    CHECK(run(leave_unread, &working, &seen) == 0);
    CHECK(talk.statements_seen == 1 && talk.commits_seen == 1);
    CHECK(run(leave_unread, &working, &seen) == DSQL_E_STATE);
    CHECK(talk.commits_seen == 1 && talk.rollbacks_seen == 1);
    over();
}

static void
a_lost_connection_is_the_end_of_it(void)
{
    struct working working = {0};
    struct seen seen = {0};
    begin_with("x", "");
    CHECK(run(insert, &working, &seen) < 0);
    CHECK(working.runs == 1 && error.code != DSQL_E_OUTCOME && seen.attempts == 0);
    CHECK(run(insert, &working, &seen) == DSQL_E_CLOSED);
    CHECK(working.runs == 1);
    over();
}

static void
a_transaction_of_the_caller_is_left_alone(void)
{
    struct working working = {0};
    struct seen seen = {0};
    begin_with("", "");
    CHECK(dsql_begin(conn, "BEGIN", &error) == 0);
    CHECK(insert(conn, &working, &error) == 0);
    CHECK(run(insert, &working, &seen) == DSQL_E_STATE);
    CHECK(working.runs == 1 && talk.rollbacks_seen == 0 && dsql_conn_transaction(conn) == 'T');
    over();
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(what_works_is_committed_once),
        TEST(nothing_costs_nothing),
        TEST(conflicts_run_again),
        TEST(tries_end),
        TEST(unknown_outcomes_are_not_run_again),
        TEST(failures_are_rolled_back_and_returned),
        TEST(a_failure_that_was_passed_over_is_not_committed),
        TEST(answers_that_were_left_are_read),
        TEST(a_lost_connection_is_the_end_of_it),
        TEST(a_transaction_of_the_caller_is_left_alone),
    };
    return RUN(tests);
}
