/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Adds to a counter in a transaction that is run again when it meets another:
 *
 *     cc retry.c $(pkg-config --cflags --libs libdsql) -o retry
 *     ./retry HOST            run several at a time, and no step is lost
 *
 * A local endpoint needs what the line that dsql-local prints tells:
 *
 *     ./retry localhost PORT CA_FILE CREDENTIALS_FILE */
#include <dsql.h>
#include <stdio.h>
#include <stdlib.h>

static int
create_counter(struct dsql_conn *conn, void *context, struct dsql_error *error)
{
    (void)context;
    return dsql_exec(conn,
                     "CREATE TABLE IF NOT EXISTS retry_counter (id int PRIMARY KEY, n bigint "
                     "NOT NULL)",
                     NULL, 0, NULL, NULL, error);
}

static void
keep_number(void *context, const struct dsql_event *row)
{
    const char *data;
    size_t length;
    if (dsql_row_get(row, 0, &data, &length) == 0 && data != NULL) {
        char text[24];
        snprintf(text, sizeof text, "%.*s", (int)length, data);
        *(long long *)context = strtoll(text, NULL, 10);
    }
}

/* May be called more than once: all that it does is in the database. */
static int
count_one(struct dsql_conn *conn, void *context, struct dsql_error *error)
{
    return dsql_exec(conn,
                     "INSERT INTO retry_counter VALUES (1, 1) "
                     "ON CONFLICT (id) DO UPDATE SET n = retry_counter.n + 1 RETURNING n",
                     NULL, 0, keep_number, context, error);
}

static int
say_retry(void *context, unsigned int attempt, int64_t wait_ms, const struct dsql_error *error)
{
    (void)context;
    fprintf(stderr, "try %u: %s; again in %lld ms\n", attempt, error->message, (long long)wait_ms);
    return 0;
}

int
main(int argc, char **argv)
{
    struct dsql_conn *conn;
    struct dsql_error error;
    long long number = 0;

    if (argc != 2 && argc != 5) {
        fprintf(stderr, "usage: %s HOST [PORT CA_FILE CREDENTIALS_FILE]\n", argv[0]);
        return 2;
    }
    struct dsql_conn_options options = {.host = argv[1]};
    if (argc == 5) {
        options.port = (uint16_t)atoi(argv[2]);
        options.ca_file = argv[3];
        options.credentials_file = argv[4];
    }
    const struct dsql_retry retry = {.attempts = 20, .on_retry = say_retry};
    int failure = dsql_conn_open(&options, &conn, &error);
    if (failure == 0) {
        failure = dsql_run_transaction(conn, NULL, create_counter, NULL, &retry, &error);
        if (failure == 0) {
            failure = dsql_run_transaction(conn, NULL, count_one, &number, &retry, &error);
        }
        dsql_conn_free(conn);
    }
    if (failure != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], error.message);
        return 1;
    }
    printf("%lld\n", number);
    return 0;
}
