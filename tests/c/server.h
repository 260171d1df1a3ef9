/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A server that says what a test wants: a thread that takes one connection
 * after another, with TLS by a certificate of its own. */
#ifndef DSQL_TESTS_SERVER_H
#define DSQL_TESTS_SERVER_H

#include <pthread.h>
#include <stdbool.h>

#include <openssl/ssl.h>

#include "dsql.h"
#include "wire.h"

/* A connection as the server sees it; closed when serve() returns. */
struct peer {
    int number; /* 0 for the first connection */
    int fd;
    SSL *ssl;                 /* NULL before peer_open_tls() */
    struct dsql__buffer read; /* messages that came, and what is behind them */
};

struct server {
    void (*serve)(struct server *server, struct peer *peer); /* in the server's thread */
    void *context;                                           /* the test's */
    bool without_alpn;                                       /* set before server_start() */
    int port;
    char ca_file[64], other_ca_file[64]; /* other: an authority of nobody here */
    /* the rest is the server's own */
    int listening;
    char folder[32];
    SSL_CTX *tls;
    pthread_t thread;
};

/* The certificate is for `name`. Aborts when something fails that cannot. */
void server_start(struct server *server, const char *name);
void server_stop(struct server *server);

/* Each returns false at the end of the stream. */
bool peer_open_tls(struct server *server, struct peer *peer);
bool peer_send(struct peer *peer, const void *bytes, size_t length);
/* The next message, which the caller consumes from peer->read. */
bool peer_read(struct peer *peer, bool startup, struct dsql__message *message);
/* As it comes on the socket; 0 at the end. */
int peer_read_raw(struct peer *peer, void *to, size_t size);
/* TLS, and the start-up packet. */
bool peer_greet(struct server *server, struct peer *peer);
/* Asks for the password; it is copied to *password, malloc()ed. */
bool peer_ask(struct peer *peer, char **password);
/* ErrorResponse. */
bool peer_refuse(struct peer *peer, const char *severity, const char *sqlstate, const char *message,
                 const char *hint);
/* Welcomes: AuthenticationOk, parameters, key, ReadyForQuery. */
bool peer_welcome(struct peer *peer);

/* What peer_welcome() sends. */
extern const char server_welcome[];
extern const size_t server_welcome_length;

#endif
