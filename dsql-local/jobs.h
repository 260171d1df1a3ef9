/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Jobs of asynchronous DDL that take their time (--job-delay): their states are
 * moved on, and their work is done, over a connection of the endpoint's own. What
 * a job is stands in PostgreSQL, so that it outlives both programs. */
#ifndef DSQL_LOCAL_JOBS_H
#define DSQL_LOCAL_JOBS_H

#include <stdbool.h>

#include <uv.h>

#include "upstream.h"

struct local_jobs {
    struct local_server *server; /* borrowed */
    struct local_upstream upstream;
    uv_timer_t timer;
    bool unfinished; /* jobs are left, as far as is known */
    bool look_again; /* something was committed during a look */
    bool changed;    /* the look under way has changed the catalog */
    long again_ms;   /* when it wants to be repeated; -1: not */
};

/* Begins with the jobs that an earlier run has left. */
void local_jobs_open(struct local_jobs *jobs, struct local_server *server);
/* A client's DDL was committed; job: it has submitted one. */
void local_jobs_changed(struct local_jobs *jobs, bool job);
void local_jobs_close(struct local_jobs *jobs);

#endif
