/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A pool of connections: which are kept, and which are not. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "conn.h"
#include "talker.h"

/* The linker hands the library's calls to the wrapper: the pool's clock can be put forward. */
static int64_t forward_ms;
int64_t __real_dsql__monotonic_ms(void);
int64_t __wrap_dsql__monotonic_ms(void);

int64_t
__wrap_dsql__monotonic_ms(void)
{
    return __real_dsql__monotonic_ms() + forward_ms;
}

static struct talk talk;
static struct server server = {.serve = serve_talk, .context = &talk};
static struct dsql_pool *pool;
static struct dsql_error error;

static void
begin_with(struct talk planned_talk, struct dsql_pool_options options)
{
    talk = planned_talk;
    forward_ms = 0;
    error = (struct dsql_error){0};
    server_start(&server, "localhost");
    struct dsql_conn_options connect = talk_options(&server);
    CHECK(dsql_pool_new(&connect, &options, &pool, &error) == 0);
}

static void
over(void)
{
    dsql_pool_free(pool);
    server_stop(&server);
}

static struct dsql_conn *
take(void)
{
    struct dsql_conn *conn = NULL;
    CHECK(dsql_pool_get(pool, &conn, &error) == 0 && conn != NULL);
    return conn;
}

static int
insert(struct dsql_conn *conn, void *runs, struct dsql_error *why)
{
    *(int *)runs += 1;
    return dsql_exec(conn, "INSERT INTO t VALUES (1)", NULL, 0, NULL, NULL, why);
}

/* -------------------------------------------------------------------- tests */

static void
a_connection_is_used_again(void)
{
    begin_with((struct talk){0}, (struct dsql_pool_options){0});
    struct dsql_conn *first = take();
    dsql_pool_put(pool, first);
    CHECK(take() == first);
    dsql_pool_put(pool, first);
    over();
    CHECK(talk.connections == 1);
    CHECK(talk.last == 'X');
}

static void
all_in_use_is_a_timeout(void)
{
    struct dsql_conn *none;
    begin_with((struct talk){0}, (struct dsql_pool_options){.size = 1, .wait_ms = 1});
    struct dsql_conn *only = take();
    CHECK(dsql_pool_get(pool, &none, &error) == DSQL_E_TIMEOUT && none == NULL);
    CHECK(strstr(error.message, "all 1 connections") != NULL);
    dsql_pool_put(pool, only);
    dsql_pool_put(pool, take());
    over();
}

static void
the_old_are_replaced(void)
{
    begin_with((struct talk){0}, (struct dsql_pool_options){.max_age_seconds = 100});
    dsql_pool_put(pool, take());
    forward_ms = 89 * 1000; /* a tenth less at most */
    dsql_pool_put(pool, take());
    CHECK(talk.connections == 1);
    forward_ms = 100 * 1000;
    struct dsql_conn *conn = take();
    CHECK(talk.connections == 2);
    forward_ms = 200 * 1000; /* one that grows old in use is closed when it comes back */
    dsql_pool_put(pool, conn);
    over();
    CHECK(talk.connections == 2);
}

static void
the_dead_are_replaced(void)
{
    int runs = 0;
    begin_with((struct talk){.end_idle = true}, (struct dsql_pool_options){0});
    CHECK(dsql_pool_run_transaction(pool, NULL, insert, &runs, NULL, &error) == 0);
    while (talk.connections == 1) { /* the server ends it about now */
        dsql_pool_put(pool, take());
    }
    CHECK(dsql_pool_run_transaction(pool, NULL, insert, &runs, NULL, &error) == 0);
    CHECK(runs == 2 && talk.commits_seen == 2);
    over();
}

static void
a_transaction_lost_before_commit_runs_on_another_connection(void)
{
    int runs = 0;
    begin_with((struct talk){.statements = "x"}, (struct dsql_pool_options){0});
    CHECK(dsql_pool_run_transaction(pool, NULL, insert, &runs, NULL, &error) == 0);
    CHECK(runs == 2 && talk.connections == 2 && talk.commits_seen == 1);
    over();

    runs = 0;
    begin_with((struct talk){.commits = "x"}, (struct dsql_pool_options){0});
    CHECK(dsql_pool_run_transaction(pool, NULL, insert, &runs, NULL, &error) == DSQL_E_OUTCOME);
    CHECK(runs == 1 && talk.connections == 1);
    over();
}

static void
what_is_left_open_is_rolled_back(void)
{
    int runs = 0;
    begin_with((struct talk){0}, (struct dsql_pool_options){0});
    struct dsql_conn *conn = take();
    CHECK(dsql_begin(conn, "BEGIN", &error) == 0 && insert(conn, &runs, &error) == 0);
    dsql_pool_put(pool, conn);
    CHECK(talk.rollbacks_seen == 1);
    CHECK(take() == conn && dsql_conn_transaction(conn) == 'I');
    CHECK(dsql_send_query(conn, "SELECT 1", 8, NULL, 0, 0, &error) == 0);
    CHECK(dsql_send_sync(conn, &error) == 0);
    dsql_pool_put(pool, conn); /* nobody reads this answer */
    dsql_pool_put(pool, take());
    CHECK(talk.connections == 2);
    over();
}

static void
a_child_makes_a_pool_of_its_own(void)
{
    begin_with((struct talk){0}, (struct dsql_pool_options){0});
    struct dsql_conn *taken = take();
    pid_t child = fork();
    if (child == 0) {
        struct dsql_conn *conn;
        int refused = dsql_pool_get(pool, &conn, &error);
        dsql_pool_put(pool, taken); /* the child's copy: closed without a word */
        dsql_pool_free(pool);
        /* No usual end: what the server's thread has is lost here, where it does not run, and
         * valgrind would make that the status. */
        kill(getpid(), refused == DSQL_E_STATE ? SIGKILL : SIGABRT);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    dsql_pool_put(pool, taken);
    dsql_pool_put(pool, take());
    CHECK(talk.connections == 1 && talk.last == 0); /* the child said no good-bye */
    over();
}

static void
wrong_options_are_told_at_once(void)
{
    struct dsql_conn_options connect = {.host = "abc.example.com"};
    struct dsql_pool *none;
    CHECK(dsql_pool_new(&connect, NULL, &none, &error) == DSQL_E_ENDPOINT && none == NULL);
    connect.host = NULL;
    CHECK(dsql_pool_new(&connect, NULL, &none, &error) == DSQL_E_INVALID);
    connect.host = "localhost";
    CHECK(dsql_pool_new(&connect, &(struct dsql_pool_options){.size = -1}, &none, &error) ==
          DSQL_E_INVALID);
    CHECK(dsql_pool_new(&connect, &(struct dsql_pool_options){.max_age_seconds = -1}, &none,
                        &error) == DSQL_E_INVALID);
}

static void
a_place_is_free_again_when_connecting_fails(void)
{
    struct dsql_conn *none;
    struct dsql_conn_options connect = {.host = "localhost",
                                        .port = 1,
                                        .hostaddr = "127.0.0.1",
                                        .password = "token",
                                        .verify = DSQL_VERIFY_NONE,
                                        .connect_timeout_ms = 1000};
    CHECK(dsql_pool_new(&connect, &(struct dsql_pool_options){.size = 1, .wait_ms = 1}, &pool,
                        &error) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(dsql_pool_get(pool, &none, &error) == DSQL_E_IO);
    }
    dsql_pool_free(pool);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(a_connection_is_used_again),
        TEST(all_in_use_is_a_timeout),
        TEST(the_old_are_replaced),
        TEST(the_dead_are_replaced),
        TEST(a_transaction_lost_before_commit_runs_on_another_connection),
        TEST(what_is_left_open_is_rolled_back),
        TEST(a_child_makes_a_pool_of_its_own),
        TEST(wrong_options_are_told_at_once),
        TEST(a_place_is_free_again_when_connecting_fails),
    };
    return RUN(tests);
}
