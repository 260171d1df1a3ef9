/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connected socket with TLS on it, and the two queues of bytes. Nothing here
 * blocks. */
#ifndef DSQL_TRANSPORT_H
#define DSQL_TRANSPORT_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "dsql.h"
#include "wire.h"

/* What one call reads at most. */
#define DSQL__READ_SIZE (256 * 1024)

/* In use it stays where it is: TLS keeps its address. */
struct dsql__transport {
    int fd;   /* -1: closed */
    SSL *ssl; /* NULL before TLS */
    struct dsql__buffer in, out;
    struct dsql_error over; /* code 0: none; what ended reading, told again and again */
    int io_error;           /* errno of the socket, seen by TLS; 0: none */
    bool ended;             /* the socket's end, seen by TLS */
    bool drained;           /* the last read of the socket took all that was there */
    bool out_broken;        /* the peer reads no more */
};

/* Reads what is there, DSQL__READ_SIZE at most, behind the end of `in`; bytes
 * that OpenSSL has already decrypted count as being there. 0: at least one
 * byte came; DSQL_WANT_...: none is there; DSQL_E_CLOSED at the end of the
 * stream; DSQL_E_IO, DSQL_E_TLS, DSQL_E_NOMEM. */
DSQL_MUST_CHECK int dsql__transport_fill(struct dsql__transport *transport,
                                         struct dsql_error *error);
/* Writes `out` as far as the socket takes it. 0: it is empty; DSQL_WANT_...;
 * negative as above. When the peer has gone, the first call answers
 * DSQL_WANT_READ: what the peer said last can still be read. */
DSQL_MUST_CHECK int dsql__transport_flush(struct dsql__transport *transport,
                                          struct dsql_error *error);
/* Puts a new TLS object on the socket. ssl is taken, also on failure.
 * DSQL_E_NOMEM or 0. */
DSQL_MUST_CHECK int dsql__transport_set_tls(struct dsql__transport *transport, SSL *ssl);
/* What a call of OpenSSL's that returned `result` on this transport means:
 * DSQL_WANT_..., or what ended the stream, also in `over`. `doing` is for the
 * message: "reading from the server". */
DSQL_MUST_CHECK int dsql__transport_judge(struct dsql__transport *transport, int result,
                                          const char *doing, struct dsql_error *error);
/* Closes, wipes, frees; the struct may be used again. With goodbye, what waits
 * in `out` and TLS's close_notify are written if that does not block; without
 * it, the peer sees nothing of ours but the socket's end. A struct of zeros must
 * have fd -1. */
void dsql__transport_close(struct dsql__transport *transport, bool goodbye);

#endif
