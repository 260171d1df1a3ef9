/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* All that a connection needs until it is signed in, and the steps to there. */
#ifndef DSQL_CONNECT_H
#define DSQL_CONNECT_H

#include "conn.h"
#include "credentials/fetch.h"
#include "dial.h"
#include "env.h"
#include "resolve.h"
#include "startup.h"
#include "tls.h"

#define DSQL__PAUSE_FIRST_MS 200
#define DSQL__PAUSE_MOST_MS 5000

enum dsql__step {
    DSQL__STEP_KEYS,      /* waits for credentials from outside */
    DSQL__STEP_RESOLVE,   /* waits for the resolver */
    DSQL__STEP_DIAL,      /* waits for one of several sockets */
    DSQL__STEP_REQUEST,   /* sends SSLRequest */
    DSQL__STEP_ANSWER,    /* waits for its one byte */
    DSQL__STEP_HANDSHAKE, /* TLS */
    DSQL__STEP_SIGN_IN,   /* start-up packet, token, greeting */
    DSQL__STEP_PAUSE,     /* waits to try again */
};

struct dsql__connecting {
    /* what was asked for; fixed from the start */
    struct dsql_endpoint endpoint;
    struct dsql_credentials credentials; /* empty with a password */
    struct dsql_env env;
    struct dsql__dial_options sockets;
    int64_t token_seconds;
    enum dsql_verify verify;
    bool classic_tls;
    uint16_t port;
    int timeout_ms; /* -1: none */
    char *user, *dbname, *password, *ca_file, *application_name, *settings;

    /* how far it has come */
    enum dsql__step step;
    int64_t deadline; /* milliseconds of the monotonic clock; -1: none */
    int64_t due;      /* the end of the pause */
    int pause_ms;     /* the next one */
    bool signed_anew; /* after an expired signature: only once */
    SSL_CTX *tls;
    struct dsql__fetch *fetch; /* until the connection takes it over, as soon as it begins */
    enum dsql__step after_keys;
    struct dsql__resolver *resolver;
    struct dsql__addresses addresses;
    struct dsql__dial *dial;
    int idle;                         /* a descriptor that is never ready, for the pause; -1 */
    char address[DSQL__ADDRESS_TEXT]; /* of the peer */
    struct dsql__startup startup;
    bool password_sent;
    struct dsql_error refused; /* the last refusal that was worth another try */

    /* told when a step has led to another one, or to the end; NULL: nobody */
    void (*watch)(void *context, const struct dsql__connecting *connecting, enum dsql__step done);
    void *watch_context;
};

/* Copies and checks the options, loads credentials and authorities.
 * *connecting is returned - caller frees with dsql__connecting_free(). */
DSQL_MUST_CHECK int dsql__connecting_new(const struct dsql_conn_options *options,
                                         struct dsql__connecting **connecting,
                                         struct dsql_error *error);
void dsql__connecting_free(struct dsql__connecting *connecting); /* NULL is allowed */

/* Begins: the clock runs, the name is being resolved. */
DSQL_MUST_CHECK int dsql__connect_begin(struct dsql_conn *conn, struct dsql_error *error);
/* As dsql_conn_poll(). */
DSQL_MUST_CHECK int dsql__connect_poll(struct dsql_conn *conn, struct dsql_error *error);
int dsql__connect_fd(const struct dsql_conn *conn);
int dsql__connect_timeout_ms(const struct dsql_conn *conn);

#endif
