/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The endpoint as a server: its listening socket, its clients, its PostgreSQL,
 * and what all sessions share. */
#ifndef DSQL_LOCAL_SERVER_H
#define DSQL_LOCAL_SERVER_H

#include <openssl/ssl.h>
#include <uv.h>

#include "client.h"
#include "counters.h"
#include "inject.h"
#include "jobs.h"
#include "keys.h"
#include "postgres.h"
#include "texts.h"
#include "watch.h"
#include "rate.h"
#include "stats.h"

struct local_server {
    uv_loop_t loop;
    const struct local_options *options; /* borrowed */
    const struct local_state *state;     /* borrowed */
    struct local_postgres *postgres;     /* borrowed */
    struct local_keys *keys;             /* borrowed */
    SSL_CTX *tls;                        /* owned */
    struct dsql__buffer greeting;        /* PostgreSQL's ParameterStatus messages for admin */
    uv_poll_t listener;
    int listen_fd; /* -1: closed, nobody new is served */
    int port;
    uv_signal_t sigterm, sigint, sigchld;
    uv_timer_t idle;    /* --idle-exit */
    uv_timer_t revival; /* PostgreSQL died: until it answers again */
    int revival_tries;
    uv_timer_t pause;       /* no file descriptor was left: until the next accept */
    uv_timer_t drain;       /* transactions may end until then */
    struct local_rate rate; /* of new connections */
    size_t admitted;        /* clients past their start-up packet */
    size_t admitted_most;   /* at a time */
    struct local_refusals refusals;
    struct local_inject inject;
    struct local_counters counters;
    struct local_stats_socket stats;
    struct local_client *clients;  /* all, doubly linked */
    struct local_client *sessions; /* of them those in CLIENT_SESSION, by next_session */
    bool gave_way;                 /* one of the sessions may have gave_way_to set */
    size_t client_count;
    uint64_t catalog;         /* counts committed changes of the catalog */
    struct local_texts texts; /* that the rules have read */
    struct local_watch watch;
    struct local_jobs jobs;
    bool draining; /* SIGTERM came: who has no transaction is ended */
    bool stopping; /* all are ended */
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

enum local_admission { LOCAL_ADMITTED, LOCAL_RATE_EXCEEDED, LOCAL_TOO_MANY };

/* Whether one more client may sign in; it is counted if so, until it left. */
enum local_admission local_server_admit(struct local_server *server);
void local_server_left(struct local_server *server);
/* Whether its PostgreSQL can be had. */
bool local_server_has_postgres(const struct local_server *server);
/* A client came or went. */
void local_server_add(struct local_server *server, struct local_client *client);
void local_server_remove(struct local_server *server, struct local_client *client);
/* A client's session begins or ends. */
void local_server_add_session(struct local_server *server, struct local_client *client);
void local_server_remove_session(struct local_server *server, struct local_client *client);
/* A line for the log (standard error). */
void local_server_log(const struct local_server *server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
