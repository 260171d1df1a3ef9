/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* TLS as Aurora DSQL speaks it: version 1.2 or newer, ALPN "postgresql". */
#ifndef DSQL_TLS_H
#define DSQL_TLS_H

#include <openssl/ssl.h>

#include "dsql.h"

/* A context for the server's side, with the chain and the key of two PEM
 * files. Returned - caller frees with SSL_CTX_free(). */
DSQL_MUST_CHECK int dsql__tls_server_context(const char *chain_file, const char *key_file,
                                             SSL_CTX **context, struct dsql_error *error);

#endif
