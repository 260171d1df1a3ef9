/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Set-up of OpenSSL for Aurora DSQL's protocol, and the client's handshake; see
 * tls.h. */
#include "tls.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "error.h"
#include "resolve.h"

static const unsigned char alpn[] = DSQL__ALPN;

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

/* ----------------------------------------------------------- client's side */

int
dsql__tls_begin(struct dsql__transport *transport, SSL_CTX *context,
                const struct dsql__tls_peer *peer, struct dsql_error *error)
{
    ERR_clear_error();
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_tlsext_host_name(ssl, peer->host) != 1 ||
        (peer->verify == DSQL_VERIFY_FULL && SSL_set1_host(ssl, peer->host) != 1)) {
        ERR_clear_error();
        SSL_free(ssl);
        return dsql__fail_nomem(error);
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set_verify(ssl, peer->verify == DSQL_VERIFY_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_set_connect_state(ssl);
    return dsql__transport_set_tls(transport, ssl) == 0 ? 0 : dsql__fail_nomem(error);
}

/* Why the certificate is not accepted, and what to do. */
static int
fail_verification(long reason, const struct dsql__tls_peer *peer, struct dsql_error *error)
{
    const char *text = X509_verify_cert_error_string(reason);
    switch (reason) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return dsql__fail(error, DSQL_E_TLS,
                          "the server at %s has a certificate that does not match host name %s: "
                          "connect by the name of the endpoint",
                          peer->address, peer->host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return dsql__fail(error, DSQL_E_TLS,
                          "certificate verify failed: %s; check the clock of this machine", text);
    default:
        return dsql__fail(error, DSQL_E_TLS,
                          "certificate verify failed (%s): the certificate of %s is not signed by "
                          "an authority in %.200s; leave sslrootcert out for a cluster, and give "
                          "the file after ca= in the line that dsql-local prints for a local "
                          "endpoint",
                          text, peer->host, peer->ca_file);
    }
}

static int
fail_handshake(struct dsql__transport *transport, const struct dsql__tls_peer *peer, int code,
               int reason, struct dsql_error *error)
{
    if (code == DSQL_E_CLOSED) {
        return dsql__fail(error, code,
                          "the server at %s broke off TLS (%s): check that host and port are an "
                          "Aurora DSQL endpoint's%s",
                          peer->address, transport->over.message,
                          peer->direct ? "; an older server needs sslnegotiation=postgres" : "");
    }
    if (code == DSQL_E_TLS &&
        (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG)) {
        return dsql__fail(error, code,
                          "the server at %s does not speak TLS: check that host and port are an "
                          "Aurora DSQL endpoint's%s",
                          peer->address,
                          peer->direct ? "; an older server needs sslnegotiation=postgres" : "");
    }
    return code;
}

int
dsql__tls_handshake(struct dsql__transport *transport, const struct dsql__tls_peer *peer,
                    struct dsql_error *error)
{
    SSL *ssl = transport->ssl;
    ERR_clear_error();
    int done = SSL_do_handshake(ssl);
    if (done != 1) {
        int reason = ERR_GET_REASON(ERR_peek_last_error());
        char doing[32 + DSQL__ADDRESS_TEXT];
        snprintf(doing, sizeof doing, "shaking hands with %s", peer->address);
        int result = dsql__transport_judge(transport, done, doing, error);
        long verified = peer->verify == DSQL_VERIFY_NONE ? X509_V_OK : SSL_get_verify_result(ssl);
        if (result == DSQL_E_TLS && verified != X509_V_OK) {
            return fail_verification(verified, peer, error);
        }
        return result < 0 ? fail_handshake(transport, peer, result, reason, error) : result;
    }
    const unsigned char *name;
    unsigned int length;
    SSL_get0_alpn_selected(ssl, &name, &length);
    if (peer->direct &&
        (length != sizeof alpn - 2 || memcmp(name, alpn + 1, sizeof alpn - 2) != 0)) {
        return dsql__fail(error, DSQL_E_TLS,
                          "the server at %s speaks TLS, but does not say that it speaks "
                          "PostgreSQL's protocol: check host and port, or use "
                          "sslnegotiation=postgres",
                          peer->address);
    }
    return 0;
}
