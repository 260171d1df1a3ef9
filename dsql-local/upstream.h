/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection of the endpoint's own to its PostgreSQL, as the superuser, on the
 * event loop: one query at a time, its rows as text. */
#ifndef DSQL_LOCAL_UPSTREAM_H
#define DSQL_LOCAL_UPSTREAM_H

#include "stream.h"

struct local_server;

#define UPSTREAM_COLUMNS 8

struct local_upstream_events {
    /* A row; values (NULL for SQL's) are borrowed for the call. May be NULL. */
    void (*row)(void *context, int count, const char *const *values);
    /* The end: error is NULL, or says what PostgreSQL refused or that it is not
     * there. Another query may be sent from here. */
    void (*end)(void *context, const struct dsql_error *error);
};

struct local_upstream {
    struct local_server *server; /* borrowed */
    struct local_stream stream;
    bool open;      /* the stream exists and its `closed` has not come */
    bool signed_in; /* the first ReadyForQuery came */
    bool closing;
    struct dsql_error error; /* of the query under way */
    bool failed;
    char *sql;                                  /* to be sent, or under way; owned */
    const struct local_upstream_events *events; /* of it */
    void *context;
};

void local_upstream_init(struct local_upstream *upstream, struct local_server *server);
/* Whether a query is under way. */
bool local_upstream_is_busy(const struct local_upstream *upstream);
/* Sends a text, copied; connects first where there is no connection. 0, or
 * DSQL_E_NOMEM or DSQL_E_IO, and then nothing will be called. Not while busy. */
DSQL_MUST_CHECK int local_upstream_query(struct local_upstream *upstream, const char *sql,
                                         const struct local_upstream_events *events, void *context);
/* Closes the connection; a query under way ends with an error. */
void local_upstream_close(struct local_upstream *upstream);

/* A connection to PostgreSQL's socket, with the flags of socket() (SOCK_NONBLOCK):
 * its descriptor, or -1 with errno (EAGAIN: its queue is full). */
int local_upstream_socket(const char *path, int flags);

#endif
