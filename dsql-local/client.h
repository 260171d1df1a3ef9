/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection to the endpoint, from its first byte to its last. */
#ifndef DSQL_LOCAL_CLIENT_H
#define DSQL_LOCAL_CLIENT_H

#include <netinet/in.h>

#include "client_startup.h"
#include "refusals.h"
#include "session.h"

enum client_phase {
    CLIENT_FIRST_BYTES, /* SSLRequest, or TLS at once; nothing else is served */
    CLIENT_TLS,         /* handshake under way */
    CLIENT_STARTUP,     /* the start-up packet is awaited */
    CLIENT_PASSWORD,    /* the token is awaited */
    CLIENT_WAITING,     /* signed in; its first statement is awaited, without a PostgreSQL */
    CLIENT_UPSTREAM,    /* PostgreSQL is being signed in to */
    CLIENT_ROLE,        /* PostgreSQL answered: may this key pair be this role? */
    CLIENT_SESSION,     /* statements */
    CLIENT_GOING,       /* the streams are being closed */
};

/* What is to happen as soon as no transaction is open. */
enum client_leaving {
    LEAVING_NOT,
    LEAVING_OLD,      /* closed without a word, as the service does after 60 minutes */
    LEAVING_SHUTDOWN, /* told that the endpoint ends */
};

/* The client's address. */
union local_peer {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct local_client {
    struct local_server *server;
    struct local_client *next, *previous;
    struct local_client *next_session, *previous_session; /* while its phase is CLIENT_SESSION */
    enum client_phase phase;
    enum client_leaving leaving;
    bool direct;   /* TLS without an SSLRequest: ALPN is required */
    bool admitted; /* counted in server->admitted */
    bool greeted;  /* the client knows that it is signed in */
    bool gone;     /* it went while its first statement waited for PostgreSQL */
    bool role_allowed;
    union local_peer peer;
    struct local_stream front;
    struct local_stream back;
    bool front_open, back_open; /* the stream exists and its `closed` has not come */
    uv_timer_t limit;           /* of the sign-in, then of the connection's age */
    uv_timer_t rtt;             /* --rtt: until what came is looked at */
    int timers_open;
    struct dsql__buffer greeting; /* PostgreSQL's own, where the kept one does not suit */
    struct local_startup startup;
    char *arn;             /* of the key pair, owned; "" when it has none */
    int backend_pid;       /* of PostgreSQL's process for it; 0 before there is one */
    uint64_t catalog_seen; /* server->catalog when it signed in */
    struct local_session session;
};

/* Takes fd. */
void local_client_accept(struct local_server *server, int fd, const union local_peer *peer);
/* Ends the connection; with a message when the client still listens. */
void local_client_end(struct local_client *client, const char *sqlstate, const char *message,
                      const char *hint);
/* Closes without a word. */
void local_client_close(struct local_client *client);
/* It is signed in: its age counts. */
void local_client_limit_age(struct local_client *client);
/* Ends it as `leaving` says, at once or as soon as no transaction is open, at
 * the latest after patience_ms. */
void local_client_leave(struct local_client *client, enum client_leaving leaving,
                        uint64_t patience_ms);

/* ------------------------------------------------- between the client's files */

/* Notes a refusal (counts and logs it) in the words of detail. */
void client_note_refusal(struct local_client *client, enum local_refused reason,
                         const char *detail);
/* The same, and ends the connection with an error. */
void client_refuse(struct local_client *client, enum local_refused reason, const char *sqlstate,
                   const char *message, const char *hint);
/* The same with a rule's SQLSTATE and words. */
void client_refuse_by(struct local_client *client, enum local_refused reason, int rule,
                      const char *hint);
/* RULE_ACCESS_DENIED, and the reason in the hint. */
void client_deny(struct local_client *client, const char *hint);
/* The stream to the client ended or the bytes for it can go no further. */
void client_on_stream_closed(struct local_stream *stream);
/* The session, if it waits, leaves when it is time to. */
void client_leave_if_idle(struct local_client *client);

/* The client's bytes up to its session (client_sign_in.c). */
void client_sign_in_ready(struct local_client *client);
/* The handshake failed, or the client went away before it had signed in. */
void client_sign_in_ended(struct local_client *client);
/* Says that the client is signed in; the greeting is PostgreSQL's own, or the
 * kept one where there is none. */
void client_welcome(struct local_client *client);

/* Connects to PostgreSQL and signs in there; the phase is CLIENT_UPSTREAM, or
 * the client is refused (client_upstream.c). */
void client_connect_upstream(struct local_client *client);

#endif
