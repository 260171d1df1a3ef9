/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection to the endpoint, from its first byte to its last. */
#ifndef DSQL_LOCAL_CLIENT_H
#define DSQL_LOCAL_CLIENT_H

#include "session.h"

enum client_phase {
    CLIENT_FIRST_BYTES, /* SSLRequest, or TLS at once; nothing else is served */
    CLIENT_TLS,         /* handshake under way */
    CLIENT_STARTUP,     /* the start-up packet is awaited */
    CLIENT_PASSWORD,    /* the token is awaited */
    CLIENT_UPSTREAM,    /* token accepted: PostgreSQL is being signed in to */
    CLIENT_ROLE,        /* PostgreSQL answered: may this key pair be this role? */
    CLIENT_SESSION,     /* statements */
    CLIENT_GOING,       /* the streams are being closed */
};

struct local_client {
    struct local_server *server;
    struct local_client *next, *previous;
    enum client_phase phase;
    bool direct; /* TLS without an SSLRequest: ALPN is required */
    struct local_stream front;
    struct local_stream back;
    bool front_open, back_open; /* the stream exists and its `closed` has not come */
    uv_timer_t sign_in;         /* the limit */
    uv_timer_t rtt;             /* --rtt: until what came is looked at */
    int timers_open;
    struct dsql__buffer greeting; /* PostgreSQL's ParameterStatus and key, for the client */
    struct dsql__buffer settings; /* name, value, ... for PostgreSQL's start-up packet */
    char *user, *database;
    char arn[256];
    bool role_allowed;
    struct local_session session;
};

/* Takes fd. */
void local_client_accept(struct local_server *server, int fd);
/* Ends the connection; with a message when the client still listens. */
void local_client_end(struct local_client *client, const char *sqlstate, const char *message,
                      const char *hint);
/* Closes without a word. */
void local_client_close(struct local_client *client);

/* Reads the parameters of a start-up packet into client->user, ->database and
 * ->settings (client_startup.c). A refusal's text is in error. */
DSQL_MUST_CHECK int client_startup_read(struct local_client *client, const char *body,
                                        size_t length, struct dsql_error *error);
/* The start-up packet for PostgreSQL, at the end of out. */
void client_startup_put(const struct local_client *client, struct dsql__buffer *out);

#endif
