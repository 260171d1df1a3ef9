/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Set-up of OpenSSL for Aurora DSQL's protocol; see tls.h. */
#include "tls.h"

#include <stdio.h>

#include <openssl/err.h>

static const unsigned char alpn[] = "\012postgresql";

/* A client that offers ALPN must offer ours; one that offers none is fine
 * after an SSLRequest (the caller refuses it on a direct connection). */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in,
            unsigned int in_length, void *unused)
{
    (void)ssl;
    (void)unused;
    unsigned char *selected;
    if (SSL_select_next_proto(&selected, out_length, alpn, sizeof alpn - 1, in, in_length) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

int
dsql__tls_server_context(const char *chain_file, const char *key_file, SSL_CTX **context,
                         struct dsql_error *error)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (made == NULL || SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(made, chain_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(made, key_file, SSL_FILETYPE_PEM) != 1) {
        char reason[160];
        ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
        ERR_clear_error();
        SSL_CTX_free(made);
        if (error != NULL) {
            *error = (struct dsql_error){.code = DSQL_E_CRYPTO};
            snprintf(error->message, sizeof error->message,
                     "the certificate %.150s and its key cannot be used for TLS: %.120s",
                     chain_file, reason);
        }
        return DSQL_E_CRYPTO;
    }
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* No client of PostgreSQL's protocol resumes a session: keep none. */
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(made, 0);
    SSL_CTX_set_options(made, SSL_OP_NO_TICKET);
    SSL_CTX_set_alpn_select_cb(made, select_alpn, NULL);
    *context = made;
    return 0;
}
