/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* No statement waits for another session. Rows are never locked (module/), but
 * tables are: by DDL against all, by all against DDL. Statements that are under
 * way for longer than a moment are looked at; whoever holds one of them up and
 * merely waits for its client gives way:
 *
 * - a transaction that has run DDL takes it back for now, and runs it once more
 *   before its next statement (session.h, "parked"),
 * - any other is aborted, and told OC001 at its next statement,
 * - one whose statement still runs, against DDL, is cancelled, with OC001. */
#ifndef DSQL_LOCAL_WATCH_H
#define DSQL_LOCAL_WATCH_H

#include "upstream.h"

/* How long a statement runs before it is looked at. */
#define WATCH_FIRST_LOOK_MS 10

struct local_watch {
    struct local_server *server;    /* borrowed */
    struct local_upstream upstream; /* asks */
    struct local_upstream cancels;  /* for session.c */
    uv_timer_t timer;
    bool running;
};

void local_watch_open(struct local_watch *watch, struct local_server *server);
/* A session has something under way. */
void local_watch_busy(struct local_watch *watch);
/* Closes the timer and the connection. */
void local_watch_close(struct local_watch *watch);

#endif
