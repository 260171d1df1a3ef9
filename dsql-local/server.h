/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The endpoint as a server: its listening socket, its clients, its PostgreSQL,
 * and what all sessions share. */
#ifndef DSQL_LOCAL_SERVER_H
#define DSQL_LOCAL_SERVER_H

#include <openssl/ssl.h>
#include <uv.h>

#include "client.h"
#include "keys.h"
#include "postgres.h"

struct local_server {
    uv_loop_t loop;
    const struct local_options *options; /* borrowed */
    const struct local_state *state;     /* borrowed */
    struct local_postgres *postgres;     /* borrowed */
    struct local_keys *keys;             /* borrowed */
    SSL_CTX *tls;                        /* owned */
    uv_poll_t listener;
    int listen_fd;
    int port;
    uv_signal_t sigterm, sigint, sigchld;
    uv_timer_t idle;    /* --idle-exit */
    uv_timer_t revival; /* PostgreSQL died: until it answers again */
    int revival_tries;
    struct local_client *clients; /* doubly linked */
    size_t client_count;
    uint64_t catalog;   /* counts committed changes of the catalog */
    size_t ddl_running; /* sessions whose DDL is under way */
    bool stopping;
    int exit_status;
};

/* Listens and installs the handlers. What fails is said in error. */
DSQL_MUST_CHECK int local_server_open(struct local_server *server,
                                      const struct local_options *options,
                                      const struct local_state *state,
                                      struct local_postgres *postgres, struct local_keys *keys,
                                      struct dsql_error *error);
/* Serves until a signal or the idle limit; returns the exit status. */
int local_server_run(struct local_server *server);
void local_server_close(struct local_server *server);

/* A session is about to run DDL: all others give way. */
void local_server_before_ddl(struct local_server *server, const struct local_session *session);
/* A client came or went. */
void local_server_add(struct local_server *server, struct local_client *client);
void local_server_remove(struct local_server *server, struct local_client *client);
/* A line for the log (standard error). */
void local_server_log(const struct local_server *server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
