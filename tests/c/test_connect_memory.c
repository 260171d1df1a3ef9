/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Connecting while memory runs out, at each allocation in turn. */
#include "check.h"
#include "failing.h"
#include "server.h"

static void
serve(struct server *server, struct peer *peer)
{
    struct dsql__message message;
    if (peer_greet(server, peer) && peer_ask(peer, NULL) && peer_welcome(peer)) {
        (void)peer_read(peer, false, &message); /* the end, or a good-bye */
    }
}

static struct server server = {.serve = serve};

static int
connect_once(void)
{
    const struct dsql_credentials credentials = {.access_key = (char[]){"AKIA"},
                                                 .secret_key = (char[]){"S"},
                                                 .session_token = (char[]){"T"}};
    const struct dsql_conn_options options = {
        .host = "localhost",
        .port = (uint16_t)server.port,
        .ca_file = server.ca_file,
        .credentials = &credentials,
        .application_name = "test",
        .settings = "-c a=b",
    };
    struct dsql_conn *conn;
    struct dsql_error error = {0};
    int failure = dsql_conn_open(&options, &conn, &error);
    CHECK(failure == error.code && (failure == 0) == (conn != NULL));
    long left = until_failure;
    until_failure = -1; /* a good-bye may be left out */
    if (failure == 0) {
        CHECK(dsql_conn_is_alive(conn) == 1);
    }
    dsql_conn_free(conn);
    until_failure = left;
    return failure;
}

static void
connecting_tells_of_missing_memory(void)
{
    server_start(&server, "localhost");
    CHECK(connect_once() == 0); /* the authorities are kept from here on */
    fail_each(connect_once, 15);
    server_stop(&server);
}

static int
make_pool(void)
{
    char access_key[] = "AKIA", secret_key[] = "S", session_token[] = "T";
    const struct dsql_credentials credentials = {
        .access_key = access_key, .secret_key = secret_key, .session_token = session_token};
    const struct dsql_env env = {0};
    const struct dsql_conn_options options = {
        .host = "localhost", .user = "app", .credentials = &credentials, .env = &env};
    struct dsql_pool *pool;
    struct dsql_error error = {0};
    int failure = dsql_pool_new(&options, NULL, &pool, &error);
    CHECK(failure == error.code && (failure == 0) == (pool != NULL));
    dsql_pool_free(pool);
    return failure;
}

static void
a_pool_tells_of_missing_memory(void)
{
    fail_each(make_pool, 6);
}

static void
authorities_are_used_also_when_they_cannot_be_kept(void)
{
    server_start(&server, "localhost");
    bool reached = true;
    for (long number = 0; reached; number++) {
        until_failure = number;
        int result = connect_once();
        reached = until_failure < 0;
        until_failure = -1;
        CHECK(result == 0 || (reached && result == DSQL_E_NOMEM));
    }
    server_stop(&server);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(connecting_tells_of_missing_memory),
        TEST(a_pool_tells_of_missing_memory),
        TEST(authorities_are_used_also_when_they_cannot_be_kept),
    };
    return RUN(tests);
}
