/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* TLS as Aurora DSQL speaks it: version 1.2 or newer, ALPN "postgresql". */
#ifndef DSQL_TLS_H
#define DSQL_TLS_H

#include <openssl/ssl.h>

#include "dsql.h"
#include "transport.h"

/* A context for the server's side, with the chain and the key of two PEM
 * files. Returned - caller frees with SSL_CTX_free(). */
DSQL_MUST_CHECK int dsql__tls_server_context(const char *chain_file, const char *key_file,
                                             SSL_CTX **context, struct dsql_error *error);

/* A context for the client's side that trusts the authorities of a PEM file
 * (NULL: none). Those of the files used last are kept, shared by all
 * connections: reading the hundred and more of a system takes longer than
 * connecting. Returned - caller frees with SSL_CTX_free(). DSQL_E_TRUST,
 * DSQL_E_CRYPTO. */
DSQL_MUST_CHECK int dsql__tls_client_context(const char *ca_file, SSL_CTX **context,
                                             struct dsql_error *error);

/* Whom a client wants to talk to. Strings borrowed. */
struct dsql__tls_peer {
    const char *host;    /* sent as SNI; verified with DSQL_VERIFY_FULL */
    const char *address; /* for messages */
    const char *ca_file; /* for messages */
    enum dsql_verify verify;
    bool direct; /* without SSLRequest: the server must take our ALPN */
};

/* Puts TLS on a connected socket; nothing is sent yet. */
DSQL_MUST_CHECK int dsql__tls_begin(struct dsql__transport *transport, SSL_CTX *context,
                                    const struct dsql__tls_peer *peer, struct dsql_error *error);
/* 0: done, and the server is whom it should be; DSQL_WANT_...; negative. */
DSQL_MUST_CHECK int dsql__tls_handshake(struct dsql__transport *transport,
                                        const struct dsql__tls_peer *peer,
                                        struct dsql_error *error);

/* The length-prefixed name of PostgreSQL's protocol in ALPN. */
#define DSQL__ALPN "\012postgresql"

#endif
