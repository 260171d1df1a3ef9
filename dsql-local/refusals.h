/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Connections that are refused: counted by reason, and each a line in the log,
 * but not the same line over and over. */
#ifndef DSQL_LOCAL_REFUSALS_H
#define DSQL_LOCAL_REFUSALS_H

#include <stdint.h>

/* Name, what --stats calls it. */
#define REFUSED_TABLE(X)                                                                           \
    X(REFUSED_GARBAGE, "first bytes are not PostgreSQL's")                                         \
    X(REFUSED_PLAIN, "without TLS")                                                                \
    X(REFUSED_TLS, "TLS handshake failed")                                                         \
    X(REFUSED_ALPN, "direct TLS without ALPN")                                                     \
    X(REFUSED_SNI, "no host name in TLS")                                                          \
    X(REFUSED_STARTUP, "start-up packet or a setting in it")                                       \
    X(REFUSED_PASSWORD, "password message broken")                                                 \
    X(REFUSED_ACCESS, "access denied")                                                             \
    X(REFUSED_RATE, "rate exceeded")                                                               \
    X(REFUSED_TOO_MANY, "too many open connections")                                               \
    X(REFUSED_SLOW, "not signed in in time")                                                       \
    X(REFUSED_POSTGRES, "by the PostgreSQL behind")

enum local_refused {
#define REFUSED_ENUM(name, words) name,
    REFUSED_TABLE(REFUSED_ENUM)
#undef REFUSED_ENUM
        REFUSED_COUNT
};

/* A struct of zeros has counted nothing. */
struct local_refusals {
    struct {
        uint64_t count;
        uint64_t began_ms; /* of the time in which lines are counted */
        unsigned lines;    /* written since */
        unsigned unsaid;   /* counted without a line since */
    } of[REFUSED_COUNT];
};

struct local_server;

/* Words of the table; static. */
const char *local_refused_words(enum local_refused reason);

/* Counts a refusal and says it in the log. Peer is the client's address, user
 * may be NULL, detail says why; none holds a secret. */
void local_refusals_note(struct local_server *server, enum local_refused reason, const char *peer,
                         const char *user, const char *detail);
/* Says how many lines were left out. */
void local_refusals_flush(struct local_server *server);

#endif
