/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection whose keys have to be asked for: nothing blocks meanwhile, and it
 * can be given up at any time. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "dsql.h"

/* Held: the source of keys is silent. */
static pthread_mutex_t silence = PTHREAD_MUTEX_INITIALIZER;
static atomic_int asked;

static int
fake_request(void *context, const struct dsql_http_request *request,
             struct dsql_http_response *response, struct dsql_error *error)
{
    static const char keys[] = "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\", \"Token\": "
                               "\"T\", \"Expiration\": \"2999-01-01T00:00:00Z\"}";
    (void)context;
    asked++;
    pthread_mutex_lock(&silence);
    pthread_mutex_unlock(&silence);
    if (strstr(request->url, "/gone") != NULL) {
        *error = (struct dsql_error){.code = DSQL_E_UNSUPPORTED, .message = "gone for good"};
        return DSQL_E_UNSUPPORTED;
    }
    response->status = 200;
    response->body = strdup(keys);
    response->length = sizeof keys - 1;
    return 0;
}

static const struct dsql_http http = {.request = fake_request};
static const struct dsql_env env = {.http = &http};

/* Nobody listens at its port. */
static struct dsql_conn *
start(const char *path, int timeout_ms)
{
    char url[100];
    snprintf(url, sizeof url, "http://localhost/%s", path);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    const struct dsql_conn_options options = {
        .host = "localhost",
        .hostaddr = "127.0.0.1",
        .port = 1,
        .verify = DSQL_VERIFY_NONE,
        .connect_timeout_ms = timeout_ms,
        .env = &env,
    };
    struct dsql_conn *conn = NULL;
    struct dsql_error error;
    CHECK(dsql_conn_start(&options, &conn, &error) == 0);
    return conn;
}

/* Until it is over: the error. */
static struct dsql_error
finish(struct dsql_conn *conn)
{
    struct dsql_error error = {0};
    int result;
    while ((result = dsql_conn_poll(conn, &error)) > 0) {
        struct pollfd fd = {dsql_conn_fd(conn), POLLIN, 0};
        if ((result & DSQL_WANT_WRITE) != 0) {
            fd.events |= POLLOUT;
        }
        poll(&fd, 1, dsql_conn_timeout_ms(conn));
    }
    CHECK(result < 0);
    return error;
}

static void
start_and_poll_do_not_wait_for_keys(void)
{
    struct dsql_error error;
    pthread_mutex_lock(&silence);
    struct dsql_conn *conn = start("good", 0);
    CHECK(dsql_conn_poll(conn, &error) == DSQL_WANT_READ);
    CHECK(dsql_conn_fd(conn) >= 0 && dsql_conn_timeout_ms(conn) > 0);
    pthread_mutex_unlock(&silence);
    error = finish(conn);
    CHECK(error.code == DSQL_E_IO && strstr(error.message, "127.0.0.1 port 1") != NULL);
    CHECK(asked == 1);
    dsql_conn_free(conn);
    conn = start("good", 0); /* kept: no thread, no question */
    CHECK(finish(conn).code == DSQL_E_IO && asked == 1);
    dsql_conn_free(conn);
}

static void
failure_of_the_source_is_the_connections(void)
{
    struct dsql_conn *conn = start("gone", 0);
    struct dsql_error error = finish(conn);
    CHECK(error.code == DSQL_E_UNSUPPORTED && strstr(error.message, "gone for good") != NULL);
    dsql_conn_free(conn);
}

static void
timeout_says_that_keys_were_asked_for(void)
{
    pthread_mutex_lock(&silence);
    struct dsql_conn *conn = start("silent", 50);
    struct dsql_error error = finish(conn);
    CHECK(error.code == DSQL_E_TIMEOUT);
    CHECK(strstr(error.message, "while asking for AWS credentials") != NULL);
    pthread_mutex_unlock(&silence);
    dsql_conn_free(conn);
}

static void *
free_it(void *conn)
{
    dsql_conn_free(conn);
    return NULL;
}

static void
connection_that_is_given_up_waits_for_what_it_borrows(void)
{
    pthread_t thread;
    asked = 0;
    pthread_mutex_lock(&silence);
    struct dsql_conn *conn = start("given-up", 0);
    while (asked == 0) {
        usleep(1000);
    }
    CHECK(pthread_create(&thread, NULL, free_it, conn) == 0);
    CHECK(pthread_tryjoin_np(thread, NULL) != 0);
    pthread_mutex_unlock(&silence);
    CHECK(pthread_join(thread, NULL) == 0);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(start_and_poll_do_not_wait_for_keys),
        TEST(failure_of_the_source_is_the_connections),
        TEST(timeout_says_that_keys_were_asked_for),
        TEST(connection_that_is_given_up_waits_for_what_it_borrows),
    };
    clearenv();
    setenv("HOME", "/nowhere", 1);
    return RUN(tests);
}
