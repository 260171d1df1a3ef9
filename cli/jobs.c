/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql jobs: the asynchronous jobs of a cluster, as sys.jobs shows them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "json_write.h"
#include "place.h"

#define PAUSE_FIRST_MS 200
#define PAUSE_MOST_MS 5000

enum { OPTION_JSON = CLI_OWN_OPTIONS, OPTION_WAIT, OPTION_TIMEOUT };

static const char usage[] =
    "usage: dsql jobs HOST [JOB...] [options]\n"
    "Lists the asynchronous jobs of HOST, such as index builds: those under way and\n"
    "those that ended within half an hour, or the ones that are named.\n"
    "\n"
    "  --wait                   wait until none of them is under way\n"
    "  --timeout SECONDS        how long, at most (no end)\n"
    "  --json                   one JSON array of objects: job_id, status, job_type,\n"
    "                           object_name, start_time, update_time, details\n"
    "  --user NAME              who signs in (admin)\n"
    "  --region REGION, --profile NAME, --cluster-id ID, --credentials-file FILE\n"
    "                           as for dsql token\n"
    "  --port N, --hostaddr ADDRESS, --ca-file FILE\n"
    "                           as for dsql ping\n"
    "\n"
    "Example: dsql jobs HOST --wait && ./next-step\n"
    "Exit status: 0 listed; 1 no connection, no such job, or with --wait\n"
    "one that it waited for has failed or time was up; 2 usage\n";

static const char *const columns[] = {"job_id",     "status",      "job_type", "object_name",
                                      "start_time", "update_time", "details"};
#define COLUMNS (sizeof columns / sizeof columns[0])
enum {
    COLUMN_ID,
    COLUMN_STATUS,
    COLUMN_TYPE,
    COLUMN_OBJECT,
    COLUMN_START,
    COLUMN_UPDATE,
    COLUMN_DETAILS
};

static const char sql[] =
    "SELECT job_id, status, job_type, object_name, start_time, update_time, details "
    "FROM sys.jobs ORDER BY start_time, job_id";

struct job {
    char *values[COLUMNS]; /* NULL: SQL NULL */
};

struct jobs {
    struct cli_place place;
    bool json, wait;
    int timeout; /* seconds; 0: none */
    char **named;
    size_t named_count;
    char **watched; /* those under way when the waiting began */
    size_t watched_count;
    struct job *items;
    size_t count, size;
    bool failed; /* out of memory */
};

static void
forget(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        for (size_t column = 0; column < COLUMNS; column++) {
            free(jobs->items[i].values[column]);
        }
    }
    jobs->count = 0;
}

/* ---------------------------------------------------------------------- asking */

static bool
is_named(const struct jobs *jobs, const char *id, size_t length)
{
    for (size_t i = 0; i < jobs->named_count; i++) {
        if (strlen(jobs->named[i]) == length && memcmp(jobs->named[i], id, length) == 0) {
            return true;
        }
    }
    return jobs->named_count == 0;
}

static bool
make_room(struct jobs *jobs)
{
    if (jobs->count < jobs->size) {
        return true;
    }
    size_t size = jobs->size ? jobs->size * 2 : 16;
    struct job *larger = realloc(jobs->items, size * sizeof *larger);
    if (larger == NULL) {
        jobs->failed = true;
        return false;
    }
    jobs->items = larger;
    jobs->size = size;
    return true;
}

static void
take_row(void *context, const struct dsql_event *row)
{
    struct jobs *jobs = context;
    const char *data = NULL;
    size_t length = 0;
    if (dsql_row_get(row, COLUMN_ID, &data, &length) != 0 || data == NULL ||
        !is_named(jobs, data, length) || !make_room(jobs)) {
        return;
    }
    struct job *job = &jobs->items[jobs->count++];
    *job = (struct job){0};
    for (size_t column = 0; column < COLUMNS; column++) {
        if (dsql_row_get(row, (int)column, &data, &length) == 0 && data != NULL) {
            job->values[column] = strndup(data, length);
            jobs->failed |= job->values[column] == NULL;
        }
    }
}

/* A change of the catalog, as the end of a job is one, is answered with 40001 once. */
static int
ask(struct jobs *jobs, struct dsql_conn *conn, struct dsql_error *error)
{
    int failure = 0;
    for (int tries = 0; tries < 10; tries++) {
        forget(jobs);
        failure = dsql_exec(conn, sql, NULL, 0, take_row, jobs, error);
        if (failure == 0 || !dsql_sqlstate_is_retryable(error->sqlstate)) {
            break;
        }
    }
    return failure == 0 && jobs->failed ? dsql__fail_nomem(error) : failure;
}

static bool
has_status(const struct job *job, const char *status)
{
    return job->values[COLUMN_STATUS] != NULL && strcmp(job->values[COLUMN_STATUS], status) == 0;
}

static size_t
count_under_way(const struct jobs *jobs)
{
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        count +=
            has_status(&jobs->items[i], "submitted") || has_status(&jobs->items[i], "processing");
    }
    return count;
}

static int64_t
milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whose end matters: the named ones, or those that are under way now. */
static int
watch(struct jobs *jobs, struct dsql_error *error)
{
    jobs->watched = calloc(jobs->count + 1, sizeof *jobs->watched);
    for (size_t i = 0; jobs->watched != NULL && i < jobs->count; i++) {
        const struct job *job = &jobs->items[i];
        if (jobs->named_count == 0 && !has_status(job, "submitted") &&
            !has_status(job, "processing")) {
            continue;
        }
        char *id = strdup(job->values[COLUMN_ID]);
        if (id == NULL) {
            return dsql__fail_nomem(error);
        }
        jobs->watched[jobs->watched_count++] = id;
    }
    return jobs->watched != NULL ? 0 : dsql__fail_nomem(error);
}

/* Whether one of them has ended otherwise than completed. */
static bool
has_failed(const struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->watched_count; i++) {
        for (size_t j = 0; j < jobs->count; j++) {
            const struct job *job = &jobs->items[j];
            if (strcmp(job->values[COLUMN_ID], jobs->watched[i]) == 0 &&
                !has_status(job, "completed")) {
                return true;
            }
        }
    }
    return false;
}

/* Asks until no job is under way. Connections end after an hour: a new one is
 * made then. */
static int
wait_for_all(struct jobs *jobs, struct dsql_conn **conn, struct dsql_error *error)
{
    struct dsql_conn_options options = cli_place_connection(&jobs->place);
    int64_t end = milliseconds() + (int64_t)jobs->timeout * 1000;
    int pause = PAUSE_FIRST_MS;
    size_t left;
    while ((left = count_under_way(jobs)) > 0) {
        int64_t left_ms = end - milliseconds();
        if (jobs->timeout > 0 && left_ms <= 0) {
            return dsql__fail(error, DSQL_E_TIMEOUT, "%zu job%s still under way after %d s", left,
                              left == 1 ? " is" : "s are", jobs->timeout);
        }
        int64_t nap = jobs->timeout > 0 && left_ms < pause ? left_ms : pause;
        nanosleep(&(struct timespec){nap / 1000, nap % 1000 * 1000000L}, NULL);
        pause = pause * 2 < PAUSE_MOST_MS ? pause * 2 : PAUSE_MOST_MS;
        if (!dsql_conn_is_alive(*conn)) {
            dsql_conn_free(*conn);
            int failure = dsql_conn_open(&options, conn, error);
            if (failure != 0) {
                return failure;
            }
        }
        int failure = ask(jobs, *conn, error);
        if (failure != 0) {
            return failure;
        }
    }
    return 0;
}

/* -------------------------------------------------------------------- printing */

static void
print_json(const struct jobs *jobs)
{
    putchar('[');
    for (size_t i = 0; i < jobs->count; i++) {
        for (size_t column = 0; column < COLUMNS; column++) {
            json_text_member(stdout,
                             column > 0 ? ", "
                             : i > 0    ? ",\n {"
                                        : "{",
                             columns[column], jobs->items[i].values[column]);
        }
        putchar('}');
    }
    puts("]");
}

/* Up to the seconds. */
static int
time_length(const char *text)
{
    return (int)strcspn(text, ".+");
}

static void
print_table(const struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        char *const *values = jobs->items[i].values;
        const char *update = values[COLUMN_UPDATE] ? values[COLUMN_UPDATE] : "";
        printf("%-26s  %-10s  %-19s  %-19.*s  %s\n", values[COLUMN_ID],
               values[COLUMN_STATUS] ? values[COLUMN_STATUS] : "",
               values[COLUMN_TYPE] ? values[COLUMN_TYPE] : "", time_length(update), update,
               values[COLUMN_OBJECT] ? values[COLUMN_OBJECT] : "");
        if (values[COLUMN_DETAILS] != NULL && values[COLUMN_DETAILS][0] != '\0') {
            printf("    %s\n", values[COLUMN_DETAILS]);
        }
    }
    if (jobs->count == 0) {
        puts("no jobs");
    }
}

/* ----------------------------------------------------------------- the command */

static int
find_named(const struct jobs *jobs, struct dsql_error *error)
{
    for (size_t i = 0; i < jobs->named_count; i++) {
        size_t found = 0;
        for (size_t j = 0; j < jobs->count; j++) {
            found += strcmp(jobs->items[j].values[COLUMN_ID], jobs->named[i]) == 0;
        }
        if (found == 0) {
            return dsql__fail(error, DSQL_E_INVALID,
                              "there is no job %.60s: jobs are listed for half an hour after "
                              "their end",
                              jobs->named[i]);
        }
    }
    return 0;
}

static int
list(struct jobs *jobs, struct dsql_error *error)
{
    struct dsql_conn_options options = cli_place_connection(&jobs->place);
    struct dsql_conn *conn = NULL;
    int failure = dsql_conn_open(&options, &conn, error);
    if (failure == 0) {
        failure = ask(jobs, conn, error);
    }
    if (failure == 0) {
        failure = find_named(jobs, error);
    }
    if (failure == 0 && jobs->wait) {
        failure = watch(jobs, error);
    }
    if (failure == 0 && jobs->wait) {
        failure = wait_for_all(jobs, &conn, error);
    }
    dsql_conn_free(conn);
    return failure;
}

static int
take(int option, const char *value, void *context)
{
    struct jobs *jobs = context;
    if (option == OPTION_TIMEOUT) {
        return arguments_number(cli_jobs.program, "--timeout", value, 1, 86400, &jobs->timeout);
    }
    jobs->json |= option == OPTION_JSON;
    jobs->wait |= option == OPTION_WAIT;
    return 0;
}

static int
run(int argc, char **argv)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"wait", no_argument, NULL, OPTION_WAIT},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {0},
    };
    struct jobs jobs = {0};
    struct dsql_error error = {0};
    struct cli_reader reader = {&cli_jobs, known, false, take, &jobs, &jobs.place};
    int status;
    if (cli_place_read(&reader, argc, argv, true, &status) != 0) {
        return status;
    }
    jobs.named = argv + optind;
    jobs.named_count = (size_t)(argc - optind);
    status = CLI_GOOD;
    if (list(&jobs, &error) != 0) {
        status = cli_complain(&cli_jobs, &error);
    } else if (jobs.json) {
        print_json(&jobs);
    } else {
        print_table(&jobs);
    }
    if (status == CLI_GOOD && has_failed(&jobs)) {
        status = CLI_FAILED;
    }
    forget(&jobs);
    while (jobs.watched_count > 0) {
        free(jobs.watched[--jobs.watched_count]);
    }
    free(jobs.watched);
    free(jobs.items);
    return status;
}

const struct cli_command cli_jobs = {
    .name = "jobs",
    .program = "dsql jobs",
    .summary = "list asynchronous jobs of HOST, or wait for them",
    .usage = usage,
    .run = run,
};
