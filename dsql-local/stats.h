/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* --stats: a socket in the data directory, at which a running endpoint says
 * what it has counted, and the command that asks there. Whoever connects gets a
 * struct local_stats and the end; nothing is read. */
#ifndef DSQL_LOCAL_STATS_H
#define DSQL_LOCAL_STATS_H

#include <uv.h>

#include "counters.h"
#include "refusals.h"
#include "state.h"

/* Between programs of one version, on one machine. */
struct local_stats {
    uint32_t size;               /* of this struct */
    char version[28];            /* DSQL_VERSION */
    uint64_t started, now;       /* seconds since 1970 */
    uint64_t clients, most;      /* connected: now, and the most at a time */
    uint64_t postgres_clients;   /* of them with a PostgreSQL connection */
    uint64_t postgres_version;   /* major */
    uint64_t memory;             /* bytes, resident, without PostgreSQL */
    uint64_t median_us, tail_us; /* of the statements' times; 99 of 100 are within tail_us */
    uint64_t refused[REFUSED_COUNT];
    struct local_counters counters; /* its bytes are those of all clients */
};

/* Where a running endpoint answers. */
struct local_stats_socket {
    struct local_server *server; /* borrowed */
    uv_poll_t poll;
    int fd; /* -1: there is none */
    uint64_t started;
};

/* Without the socket an endpoint serves as well: failures are only logged. The
 * loop has to run until the handle is closed. */
void local_stats_open(struct local_stats_socket *listener, struct local_server *server);
void local_stats_close(struct local_stats_socket *listener);

/* The command: asks the endpoint of the data directory and prints. The exit status. */
int local_stats_show(const struct local_options *options);

#endif
