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

/* What is read at once: as much as a few TLS records hold. */
#define DSQL__READ_SIZE (256 * 1024)

struct dsql__transport {
    int fd;   /* -1: closed */
    SSL *ssl; /* NULL before TLS */
    struct dsql__buffer in, out;
};

/* Reads what is there, DSQL__READ_SIZE at most, behind the end of `in`; bytes
 * that OpenSSL has already decrypted count as being there. 0: at least one
 * byte came; DSQL_WANT_...: none is there; DSQL_E_CLOSED at the end of the
 * stream; DSQL_E_IO, DSQL_E_TLS, DSQL_E_NOMEM. */
DSQL_MUST_CHECK int dsql__transport_fill(struct dsql__transport *transport,
                                         struct dsql_error *error);
/* Writes `out` as far as the socket takes it. 0: it is empty; DSQL_WANT_...;
 * negative as above. */
DSQL_MUST_CHECK int dsql__transport_flush(struct dsql__transport *transport,
                                          struct dsql_error *error);
/* Closes, wipes, frees. With goodbye, what waits in `out` and TLS's
 * close_notify are written if that does not block; without it, the peer sees
 * nothing of ours but the socket's end. A struct of zeros must have fd -1. */
void dsql__transport_close(struct dsql__transport *transport, bool goodbye);

#endif
