/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Looks at statements that take long; see watch.h. */
#include "watch.h"

#include <stdlib.h>

#include "server.h"

#define TICK_MS 5
#define RAREST_LOOK_MS 250 /* ever more rarely */

static const char question[] =
    "SELECT DISTINCT l.pid, b.pid FROM pg_catalog.pg_locks l"
    " CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(l.pid)) AS b(pid)"
    " WHERE NOT l.granted";

static struct local_session *
session_of(struct local_server *server, int pid)
{
    for (struct local_client *client = server->sessions; client != NULL;
         client = client->next_session) {
        if (client->session.backend_pid == pid) {
            return &client->session;
        }
    }
    return NULL;
}

/* Others' locks may be parted with: a session of a client holds up another
 * session, or work of our own, which is DDL. */
static void
on_row(void *context, int count, const char *const *values)
{
    struct local_watch *watch = context;
    if (count != 2 || values[0] == NULL || values[1] == NULL) {
        return;
    }
    struct local_session *blocked = session_of(watch->server, atoi(values[0]));
    struct local_session *blocking = session_of(watch->server, atoi(values[1]));
    if (blocking != NULL && (blocked == NULL || blocked->replies_count > 0)) {
        local_session_give_way(blocking, blocked);
    }
}

static void
on_end(void *context, const struct dsql_error *error)
{
    const struct local_watch *watch = context;
    if (error != NULL && !watch->server->stopping) {
        local_server_log(watch->server, "cannot see who waits for whom: %s", error->message);
    }
}

static const struct local_upstream_events events = {.row = on_row, .end = on_end};

/* Whether a statement is due to be looked at; *busy: whether any runs. */
static bool
is_due(struct local_server *server, bool *busy)
{
    uint64_t now = uv_now(&server->loop);
    bool due = false;
    size_t open = 0;
    *busy = false;
    for (struct local_client *client = server->sessions; client != NULL;
         client = client->next_session) {
        struct local_session *session = &client->session;
        bool runs = session->replies_count > 0;
        open += runs || local_session_is_open(session);
        if (runs) {
            *busy = true;
            if (now >= session->look_at) {
                uint64_t age = now - session->busy_since;
                session->look_at = now + (age > RAREST_LOOK_MS ? RAREST_LOOK_MS : age);
                due = true;
            }
        }
    }
    return due && open > 1;
}

static void
on_tick(uv_timer_t *timer)
{
    struct local_watch *watch = timer->data;
    bool busy, due = is_due(watch->server, &busy);
    if (!busy) {
        uv_timer_stop(timer);
        watch->running = false;
    }
    if (due && !local_upstream_is_busy(&watch->upstream) &&
        local_upstream_query(&watch->upstream, question, &events, watch) != 0) {
        local_server_log(watch->server, "cannot ask PostgreSQL who waits for whom");
    }
}

void
local_watch_open(struct local_watch *watch, struct local_server *server)
{
    *watch = (struct local_watch){.server = server};
    local_upstream_init(&watch->upstream, server);
    local_upstream_init(&watch->cancels, server);
    uv_timer_init(&server->loop, &watch->timer);
    watch->timer.data = watch;
}

void
local_watch_busy(struct local_watch *watch)
{
    if (!watch->running) {
        watch->running = true;
        uv_timer_start(&watch->timer, on_tick, WATCH_FIRST_LOOK_MS, TICK_MS);
    }
}

void
local_watch_close(struct local_watch *watch)
{
    local_upstream_close(&watch->upstream);
    local_upstream_close(&watch->cancels);
    uv_close((uv_handle_t *)&watch->timer, NULL);
}
