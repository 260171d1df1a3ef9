/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The endpoint's turns at the jobs; see jobs.h. */
#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "server.h"

#define RETRY_MS 250 /* PostgreSQL was not there, or refused */

static void look(struct local_jobs *jobs);

static void
on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

static void
look_in(struct local_jobs *jobs, uint64_t ms)
{
    if (!uv_is_closing((uv_handle_t *)&jobs->timer)) {
        uv_timer_start(&jobs->timer, on_timer, ms, 0);
    }
}

/* changed, again: see dsql_local_jobs_turn() in bootstrap.sql. */
static void
on_row(void *context, int count, const char *const *values)
{
    struct local_jobs *jobs = context;
    if (count == 2 && values[0] != NULL) {
        jobs->changed = values[0][0] == 't';
        jobs->again_ms = values[1] != NULL ? atol(values[1]) : -1;
    }
}

static void
on_end(void *context, const struct dsql_error *error)
{
    struct local_jobs *jobs = context;
    if (error != NULL) {
        if (!jobs->server->stopping) {
            local_server_log(jobs->server, "cannot work on jobs: %s", error->message);
        }
        look_in(jobs, RETRY_MS);
        return;
    }
    if (jobs->changed) {
        jobs->server->catalog++; /* every session is told, that of the job too */
    }
    jobs->unfinished = jobs->again_ms >= 0;
    if (jobs->look_again) {
        look(jobs);
    } else if (jobs->unfinished) {
        look_in(jobs, (uint64_t)jobs->again_ms);
    }
}

static void
look(struct local_jobs *jobs)
{
    static const struct local_upstream_events events = {.row = on_row, .end = on_end};
    char sql[96];
    if (local_upstream_is_busy(&jobs->upstream)) {
        jobs->look_again = true;
        return;
    }
    jobs->look_again = jobs->changed = false;
    jobs->again_ms = -1;
    snprintf(sql, sizeof sql, "SELECT changed, again FROM pg_catalog.dsql_local_jobs_turn(%d)",
             jobs->server->options->job_delay_ms);
    if (local_upstream_query(&jobs->upstream, sql, &events, jobs) != 0) {
        look_in(jobs, RETRY_MS);
    }
}

void
local_jobs_open(struct local_jobs *jobs, struct local_server *server)
{
    *jobs = (struct local_jobs){.server = server};
    local_upstream_init(&jobs->upstream, server);
    uv_timer_init(&server->loop, &jobs->timer);
    jobs->timer.data = jobs;
    look_in(jobs, 0);
}

void
local_jobs_changed(struct local_jobs *jobs, bool job)
{
    if (jobs->unfinished || (job && jobs->server->options->job_delay_ms > 0)) {
        jobs->unfinished = true;
        look(jobs);
    }
}

void
local_jobs_close(struct local_jobs *jobs)
{
    uv_close((uv_handle_t *)&jobs->timer, NULL);
    local_upstream_close(&jobs->upstream);
}
