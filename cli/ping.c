/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql ping: one connection, step by step, with the time of each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connect.h"
#include "diagnosis.h"
#include "error.h"
#include "json_write.h"
#include "place.h"

#define SKEW_SECONDS 60 /* from here on tokens may be refused */

enum { OPTION_JSON = CLI_OWN_OPTIONS, OPTION_TIMEOUT };

static const char usage[] =
    "usage: dsql ping HOST [options]\n"
    "Connects to HOST, asks one query, and tells the time of each step. When a step\n"
    "fails: the likely cause, and what to do about it.\n"
    "\n"
    "  --user NAME              who signs in (admin)\n"
    "  --region REGION, --profile NAME, --cluster-id ID, --credentials-file FILE\n"
    "                           as for dsql token\n"
    "  --port N                 TCP port (5432)\n"
    "  --hostaddr ADDRESS       connect to this number instead of resolving HOST\n"
    "  --ca-file FILE           authorities to trust, in place of the system's\n"
    "  --timeout SECONDS        in all, until signed in (15)\n"
    "  --json                   one JSON object: host, address, port, user, region,\n"
    "                           credentials, server, steps, total_ms, clock_skew_s,\n"
    "                           retried, failure\n"
    "\n"
    "Example: dsql ping local\n"
    "Exit status: 0 the query was answered, 1 it was not, 2 usage\n";

struct ping {
    struct cli_place place;
    bool json;
    int timeout; /* seconds */

    struct dsql_credentials credentials;
    struct dsql_conn *conn;
    enum ping_step step; /* the one under way */
    int64_t begun;       /* microseconds: when it was begun */
    int64_t took[PING_STEPS];
    bool done[PING_STEPS];
    char address[DSQL__ADDRESS_TEXT], server[64];
    struct dsql_error retried; /* the refusal after which it was tried again */
    double server_time;
};

static const char *const step_names[PING_STEPS] = {"credentials", "resolve", "connect",
                                                   "TLS",         "sign-in", "first query"};

static int64_t
microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The step under way is done, the next one begins. */
static void
finish_step(struct ping *ping, enum ping_step next)
{
    int64_t now = microseconds();
    ping->took[ping->step] += now - ping->begun;
    ping->done[ping->step] = true;
    ping->step = next;
    ping->begun = now;
}

static enum ping_step
step_of(enum dsql__step step)
{
    switch (step) {
    case DSQL__STEP_KEYS:
        return PING_CREDENTIALS;
    case DSQL__STEP_RESOLVE:
        return PING_RESOLVE;
    case DSQL__STEP_DIAL:
        return PING_CONNECT;
    case DSQL__STEP_REQUEST:
    case DSQL__STEP_ANSWER:
    case DSQL__STEP_HANDSHAKE:
        return PING_TLS;
    case DSQL__STEP_SIGN_IN:
    case DSQL__STEP_PAUSE:
        return PING_SIGN_IN;
    }
    return PING_SIGN_IN;
}

/* The library goes from a step to another; back to the address when it tries again. */
static void
watch(void *context, const struct dsql__connecting *connecting, enum dsql__step done)
{
    struct ping *ping = context;
    enum ping_step next = step_of(connecting->step);
    (void)done;
    snprintf(ping->address, sizeof ping->address, "%s", connecting->address);
    ping->retried = connecting->refused;
    if (next != ping->step) {
        finish_step(ping, next);
    }
}

/* --------------------------------------------------------------------- steps */

static int
load(struct ping *ping, struct dsql_error *error)
{
    struct dsql_credentials_options where = cli_place_credentials(&ping->place);
    return dsql_credentials_load(&ping->credentials, &where, NULL, error);
}

static int
begin(struct ping *ping, struct dsql_error *error)
{
    struct dsql_conn_options options = cli_place_connection(&ping->place);
    options.credentials = &ping->credentials;
    options.connect_timeout_ms = ping->timeout * 1000;
    int failure = dsql_conn_start(&options, &ping->conn, error);
    if (failure == 0) {
        ping->conn->connecting->watch = watch;
        ping->conn->connecting->watch_context = ping;
        finish_step(ping, step_of(ping->conn->connecting->step));
    }
    return failure;
}

static int
connect_it(struct ping *ping, struct dsql_error *error)
{
    for (;;) {
        int result = dsql_conn_poll(ping->conn, error);
        if (result <= 0) {
            return result;
        }
        result = dsql_conn_wait(ping->conn, result, dsql_conn_timeout_ms(ping->conn), error);
        if (result != 0 && result != DSQL_E_TIMEOUT && errno != EINTR) {
            return result;
        }
    }
}

static void
take_row(void *context, const struct dsql_event *row)
{
    struct ping *ping = context;
    const char *data;
    size_t length;
    char text[64];
    if (dsql_row_get(row, 0, &data, &length) == 0 && data != NULL) {
        snprintf(text, sizeof text, "%.*s", (int)length, data);
        ping->server_time = strtod(text, NULL);
    }
}

static int
ask(struct ping *ping, struct dsql_error *error)
{
    static const char sql[] = "SELECT extract(epoch FROM clock_timestamp())";
    const char *version = dsql_conn_parameter(ping->conn, "server_version");
    snprintf(ping->server, sizeof ping->server, "%s", version ? version : "");
    return dsql_exec(ping->conn, sql, NULL, 0, take_row, ping, error);
}

static int
run_steps(struct ping *ping, struct dsql_error *error)
{
    ping->begun = microseconds();
    int failure = load(ping, error);
    if (failure == 0) {
        failure = begin(ping, error);
    }
    if (failure == 0) {
        failure = connect_it(ping, error);
    }
    if (failure == 0) {
        finish_step(ping, PING_QUERY);
        failure = ask(ping, error);
    }
    if (failure == 0) {
        finish_step(ping, PING_QUERY);
    }
    return failure;
}

/* ------------------------------------------------------------------ the answer */

static int
clock_skew(const struct ping *ping)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ping->server_time > 0 ? (int)((double)now.tv_sec - ping->server_time) : 0;
}

static int64_t
total(const struct ping *ping)
{
    int64_t sum = 0;
    for (int step = 0; step < PING_STEPS; step++) {
        sum += ping->took[step];
    }
    return sum;
}

static void
print_detail(const struct ping *ping, enum ping_step step)
{
    if (step == PING_CREDENTIALS && ping->credentials.source != NULL) {
        printf("  %s", ping->credentials.source);
    } else if (step == PING_CONNECT) {
        printf("  %s", ping->address);
    } else if (step == PING_SIGN_IN) {
        printf("  %s", ping->place.user);
    } else if (step == PING_QUERY && ping->server[0] != '\0') {
        printf("  PostgreSQL %s", ping->server);
    }
}

static void
print_table(const struct ping *ping)
{
    printf("%s, port %d, region %s\n", ping->place.endpoint.host, ping->place.port,
           ping->place.endpoint.region);
    for (int step = 0; step < PING_STEPS; step++) {
        if (ping->done[step]) {
            printf("%-12s %9.1f ms", step_names[step], (double)ping->took[step] / 1000);
            print_detail(ping, (enum ping_step)step);
            putchar('\n');
        }
    }
    if (ping->done[PING_QUERY]) {
        printf("%-12s %9.1f ms\n", "total", (double)total(ping) / 1000);
    }
    if (ping->retried.code != 0) {
        printf("tried again  after: %s\n", ping->retried.message);
    }
    if (abs(clock_skew(ping)) >= SKEW_SECONDS) {
        printf("clock        this machine's is %d s %s the server's: set it (NTP), or tokens will "
               "be refused\n",
               abs(clock_skew(ping)), clock_skew(ping) > 0 ? "ahead of" : "behind");
    }
}

static void
print_failure(const struct ping *ping, const struct dsql_error *error)
{
    struct diagnosis found = diagnosis_of(ping->step, ping->place.endpoint.kind, error);
    fflush(stdout);
    fprintf(stderr, "dsql ping: %s failed: %s\n  likely cause: %s\n  what to do: %s\n",
            step_names[ping->step], error->message, found.cause, found.remedy);
}

static void
print_json(const struct ping *ping, const struct dsql_error *error)
{
    const char *comma = "";
    json_text_member(stdout, "{", "host", ping->place.endpoint.host);
    json_text_member(stdout, ", ", "address", ping->address[0] != '\0' ? ping->address : NULL);
    json_number_member(stdout, ", ", "port", ping->place.port);
    json_text_member(stdout, ", ", "user", ping->place.user);
    json_text_member(stdout, ", ", "region", ping->place.endpoint.region);
    json_text_member(stdout, ", ", "credentials", ping->credentials.source);
    json_text_member(stdout, ", ", "server", ping->server[0] != '\0' ? ping->server : NULL);
    fputs(", \"steps\": [", stdout);
    for (int step = 0; step < PING_STEPS; step++) {
        if (ping->done[step]) {
            printf("%s{\"step\": \"%s\", \"ms\": %.3f}", comma, step_names[step],
                   (double)ping->took[step] / 1000);
            comma = ", ";
        }
    }
    printf("], \"total_ms\": %.3f", (double)total(ping) / 1000);
    json_number_member(stdout, ", ", "clock_skew_s", clock_skew(ping));
    json_text_member(stdout, ", ", "retried",
                     ping->retried.code != 0 ? ping->retried.message : NULL);
    if (error->code != 0) {
        struct diagnosis found = diagnosis_of(ping->step, ping->place.endpoint.kind, error);
        json_text_member(stdout, ", \"failure\": {", "step", step_names[ping->step]);
        json_text_member(stdout, ", ", "code", dsql_code_name(error->code));
        json_text_member(stdout, ", ", "sqlstate", error->sqlstate[0] ? error->sqlstate : NULL);
        json_text_member(stdout, ", ", "message", error->message);
        json_text_member(stdout, ", ", "cause", found.cause);
        json_text_member(stdout, ", ", "remedy", found.remedy);
        puts("}}");
    } else {
        puts(", \"failure\": null}");
    }
}

static int
take(int option, const char *value, void *context)
{
    struct ping *ping = context;
    if (option == OPTION_TIMEOUT) {
        return arguments_number(cli_ping.program, "--timeout", value, 1, 3600, &ping->timeout);
    }
    ping->json = true;
    return 0;
}

static int
run(int argc, char **argv)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {0},
    };
    struct ping ping = {.timeout = 15};
    struct dsql_error error = {0};
    struct cli_reader reader = {&cli_ping, known, false, take, &ping, &ping.place};
    int status;
    if (cli_place_read(&reader, argc, argv, false, &status) != 0) {
        return status;
    }
    int failure = run_steps(&ping, &error);
    if (failure == 0) {
        error = (struct dsql_error){0};
    }
    if (ping.json) {
        print_json(&ping, &error);
    } else {
        print_table(&ping);
    }
    if (failure != 0 && !ping.json) {
        print_failure(&ping, &error);
    }
    dsql_conn_free(ping.conn);
    dsql_credentials_clear(&ping.credentials);
    return failure == 0 ? CLI_GOOD : CLI_FAILED;
}

const struct cli_command cli_ping = {
    .name = "ping",
    .program = "dsql ping",
    .summary = "connect to HOST, tell the time of each step, or why not",
    .usage = usage,
    .run = run,
};
