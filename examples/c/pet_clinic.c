/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A pet clinic: owners bring their pets at several desks at once. Each desk is a
 * thread; they share a pool. Each visit is a transaction that also counts up a
 * row that all desks change, so that they conflict, and are run again.
 *
 *     cc pet_clinic.c $(pkg-config --cflags --libs libdsql) -pthread -o pet_clinic
 *     ./pet_clinic HOST
 *
 * A local endpoint needs what the line that dsql-local prints tells:
 *
 *     ./pet_clinic localhost PORT CA_FILE CREDENTIALS_FILE */
#include <dsql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESKS 4
#define VISITS 5 /* at each desk */

/* ------------------------------------------------------------------- tables */

static const char *const definitions[] = {
    "DROP TABLE IF EXISTS c_visit",
    "DROP TABLE IF EXISTS c_clinic",
    "CREATE TABLE c_clinic (id int PRIMARY KEY, visits bigint NOT NULL)",
    "CREATE TABLE c_visit (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number bigint NOT NULL, \
owner varchar(30) NOT NULL, pet varchar(30) NOT NULL)",
    "CREATE INDEX ASYNC c_visit_owner ON c_visit (owner)",
    "INSERT INTO c_clinic VALUES (1, 0)",
};

/* One statement: the service takes one definition per transaction. */
static int
run_statement(struct dsql_conn *conn, void *sql, struct dsql_error *error)
{
    return dsql_exec(conn, sql, NULL, 0, NULL, NULL, error);
}

static int
make_tables(struct dsql_pool *pool, struct dsql_error *error)
{
    for (size_t i = 0; i < sizeof definitions / sizeof definitions[0]; i++) {
        int failure = dsql_pool_run_transaction(pool, NULL, run_statement, (void *)definitions[i],
                                                NULL, error);
        if (failure != 0) {
            return failure;
        }
    }
    return 0;
}

/* -------------------------------------------------------------------- visits */

struct desk {
    struct dsql_pool *pool;
    pthread_t thread;
    int number, runs, failed;
};

struct visit {
    struct desk *desk;
    char owner[24], number[24];
};

static void
keep_text(void *context, const struct dsql_event *row)
{
    const char *data;
    size_t length;
    if (dsql_row_get(row, 0, &data, &length) == 0 && data != NULL) {
        snprintf(context, 24, "%.*s", (int)length, data);
    }
}

static struct dsql_value
text(const char *string)
{
    return (struct dsql_value){.data = string, .length = strlen(string)};
}

static int
make_visit(struct dsql_conn *conn, void *context, struct dsql_error *error)
{
    struct visit *visit = context;
    visit->desk->runs++;
    int failure =
        dsql_exec(conn, "UPDATE c_clinic SET visits = visits + 1 WHERE id = 1 RETURNING visits",
                  NULL, 0, keep_text, visit->number, error);
    if (failure != 0) {
        return failure;
    }
    const struct dsql_value values[] = {text(visit->number), text(visit->owner), text("Rex")};
    return dsql_exec(conn, "INSERT INTO c_visit (number, owner, pet) VALUES ($1, $2, $3)", values,
                     3, NULL, NULL, error);
}

static void *
work_at_desk(void *context)
{
    const struct dsql_retry patient = {.attempts = 50};
    struct desk *desk = context;
    struct dsql_error error;
    for (int i = 0; i < VISITS; i++) {
        struct visit visit = {.desk = desk};
        snprintf(visit.owner, sizeof visit.owner, "owner %d-%d", desk->number, i);
        if (dsql_pool_run_transaction(desk->pool, NULL, make_visit, &visit, &patient, &error) !=
            0) {
            fprintf(stderr, "desk %d: %s\n", desk->number, error.message);
            desk->failed++;
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------- the program */

static int
open_desks(struct dsql_pool *pool)
{
    struct desk desks[DESKS];
    int runs = 0, failed = 0, open = 0;
    for (; open < DESKS; open++) {
        desks[open] = (struct desk){.pool = pool, .number = open};
        if (pthread_create(&desks[open].thread, NULL, work_at_desk, &desks[open]) != 0) {
            break;
        }
    }
    for (int i = 0; i < open; i++) {
        pthread_join(desks[i].thread, NULL);
        runs += desks[i].runs;
        failed += desks[i].failed;
    }
    printf("visits at %d desks: %d, in %d tries\n", open, open * VISITS - failed, runs);
    return failed;
}

static int
show_and_drop(struct dsql_pool *pool, struct dsql_error *error)
{
    struct dsql_conn *conn;
    char counted[24] = "?", rows[24] = "?";
    int failure = dsql_pool_get(pool, &conn, error);
    if (failure != 0) {
        return failure;
    }
    failure = dsql_exec(conn, "SELECT visits FROM c_clinic", NULL, 0, keep_text, counted, error);
    if (failure == 0) {
        failure = dsql_exec(conn, "SELECT count(DISTINCT number) FROM c_visit", NULL, 0, keep_text,
                            rows, error);
    }
    printf("counted: %s, rows: %s\n", counted, rows);
    for (int i = 0; i < 2 && failure == 0; i++) {
        failure = dsql_exec(conn, definitions[i], NULL, 0, NULL, NULL, error);
    }
    dsql_pool_put(pool, conn);
    return failure;
}

int
main(int argc, char **argv)
{
    struct dsql_pool *pool;
    struct dsql_error error;

    if (argc != 2 && argc != 5) {
        fprintf(stderr, "usage: %s HOST [PORT CA_FILE CREDENTIALS_FILE]\n", argv[0]);
        return 2;
    }
    struct dsql_conn_options options = {.host = argv[1], .application_name = "pet_clinic.c"};
    if (argc == 5) {
        options.port = (uint16_t)atoi(argv[2]);
        options.ca_file = argv[3];
        options.credentials_file = argv[4];
    }
    int failed = 0;
    int failure =
        dsql_pool_new(&options, &(struct dsql_pool_options){.size = DESKS}, &pool, &error);
    if (failure == 0) {
        failure = make_tables(pool, &error);
    }
    if (failure == 0) {
        failed = open_desks(pool);
        failure = show_and_drop(pool, &error);
    }
    if (failure != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], error.message);
    }
    dsql_pool_free(pool);
    return failure == 0 && failed == 0 ? 0 : 1;
}
