/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql-local: a local endpoint that answers as Amazon Aurora DSQL does, in
 * front of a PostgreSQL of its own. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "background.h"
#include "interrupt.h"
#include "server.h"
#include "stats.h"

static int
complain(const struct dsql_error *error)
{
    fprintf(stderr, "dsql-local: %s\n",
            local_interrupted() ? "stopped before it was ready" : error->message);
    return 1;
}

static int
serve(const struct local_options *options, const struct local_state *state,
      struct local_postgres *postgres, struct local_keys *keys, struct dsql_error *error)
{
    struct local_server server;
    int failure = local_server_open(&server, options, state, postgres, keys, error);
    if (failure != 0) {
        return complain(error);
    }
    int status = 1;
    if (local_interrupted() || local_ready_announce(options, state, server.port, error) != 0) {
        complain(error);
    } else {
        status = local_server_run(&server);
        unlink(state->ready_file); /* whoever looks now waits for the next endpoint */
    }
    local_server_close(&server);
    return status;
}

/* As many connections as the system allows. */
static void
raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int
main(int argc, char **argv)
{
    struct local_options options;
    struct local_state state;
    struct local_postgres postgres = {0};
    struct local_keys *keys = NULL;
    struct dsql_error error = {0};
    int status;
    if (local_options_read(argc, argv, &options, &status) != 0) {
        return status;
    }
    status = 1;
    signal(SIGPIPE, SIG_IGN);
    umask(022); /* secrets have modes of their own; PostgreSQL's user has to reach the rest */
    if (options.stats != LOCAL_STATS_NONE) {
        return local_stats_show(&options);
    }
    if (options.background) {
        return local_background(&options, argv[0]);
    }
    raise_file_limit();
    local_interrupts_catch();
    if (local_state_open(&options, &state, &error) != 0) {
        return complain(&error);
    }
    if (local_postgres_start(&options, &state, &postgres, &error) != 0 ||
        local_keys_open(state.credentials_file, &keys, &error) != 0) {
        complain(&error);
    } else {
        status = serve(&options, &state, &postgres, keys, &error);
    }
    local_keys_close(keys);
    local_postgres_stop(&postgres);
    local_state_close(&state);
    return status;
}
