/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The server of the connection's tests; see server.h. */
#include "server.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls.h"

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ------------------------------------------------------------- certificates */

static X509 *
make_certificate(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *names)
{
    X509 *made = X509_new();
    X509V3_CTX context;
    MUST(made != NULL && X509_set_version(made, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(made), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    MUST(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                                    (const unsigned char *)(issuer ? "server" : "authority"), -1,
                                    -1, 0) == 1);
    X509_set_issuer_name(made, X509_get_subject_name(issuer ? issuer : made));
    X509_set_pubkey(made, key);
    X509V3_set_ctx(&context, issuer ? issuer : made, made, NULL, NULL, 0);
    X509_EXTENSION *extension =
        issuer ? X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names)
               : X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
    MUST(extension != NULL && X509_add_ext(made, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    MUST(X509_sign(made, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
    return made;
}

static void
write_certificate(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "w");
    MUST(file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0);
}

static void
make_files(struct server *server, const char *name)
{
    char names[128], certificate_file[64], key_file[64];
    strcpy(server->folder, "/tmp/dsql-test-XXXXXX");
    MUST(mkdtemp(server->folder) != NULL);
    snprintf(server->ca_file, sizeof server->ca_file, "%s/ca", server->folder);
    snprintf(server->other_ca_file, sizeof server->other_ca_file, "%s/other", server->folder);
    snprintf(certificate_file, sizeof certificate_file, "%s/certificate", server->folder);
    snprintf(key_file, sizeof key_file, "%s/key", server->folder);
    snprintf(names, sizeof names, "DNS:%s", name);
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    MUST(ca_key != NULL && key != NULL);
    X509 *ca = make_certificate(ca_key, NULL, NULL, NULL);
    X509 *other = make_certificate(key, NULL, NULL, NULL);
    X509 *certificate = make_certificate(key, ca, ca_key, names);
    write_certificate(server->ca_file, ca);
    write_certificate(server->other_ca_file, other);
    write_certificate(certificate_file, certificate);
    FILE *file = fopen(key_file, "w");
    MUST(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
         fclose(file) == 0);
    MUST(dsql__tls_server_context(certificate_file, key_file, &server->tls, NULL) == 0);
    X509_free(ca);
    X509_free(other);
    X509_free(certificate);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    unlink(certificate_file);
    unlink(key_file);
}

/* ------------------------------------------------------------------ a thread */

static void *
run(void *argument)
{
    struct server *server = argument;
    sigset_t all; /* a write to a closed socket must not end the test */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (int number = 0;; number++) {
        struct peer peer = {.number = number, .fd = accept(server->listening, NULL, NULL)};
        if (peer.fd < 0) {
            return NULL; /* server_stop() has shut it down */
        }
        server->serve(server, &peer);
        SSL_free(peer.ssl);
        close(peer.fd);
        dsql__buffer_clear(&peer.read);
    }
}

void
server_start(struct server *server, const char *name)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    make_files(server, name);
    /* The end of the socket is not to pass for TLS's own good-bye. */
    SSL_CTX_clear_options(server->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (server->without_alpn) {
        SSL_CTX_set_alpn_select_cb(server->tls, NULL, NULL);
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(bind(server->listening, (struct sockaddr *)&address, sizeof address) == 0 &&
         listen(server->listening, 20) == 0 &&
         getsockname(server->listening, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
    MUST(pthread_create(&server->thread, NULL, run, server) == 0);
}

void
server_stop(struct server *server)
{
    shutdown(server->listening, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listening);
    SSL_CTX_free(server->tls);
    unlink(server->ca_file);
    unlink(server->other_ca_file);
    rmdir(server->folder);
}

/* ---------------------------------------------------------------- one client */

bool
peer_open_tls(struct server *server, struct peer *peer)
{
    peer->ssl = SSL_new(server->tls);
    MUST(peer->ssl != NULL && SSL_set_fd(peer->ssl, peer->fd) == 1);
    return SSL_accept(peer->ssl) == 1;
}

bool
peer_send(struct peer *peer, const void *bytes, size_t length)
{
    if (peer->ssl != NULL) {
        return SSL_write(peer->ssl, bytes, (int)length) == (int)length;
    }
    return send(peer->fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

int
peer_read_raw(struct peer *peer, void *to, size_t size)
{
    return (int)recv(peer->fd, to, size, 0);
}

bool
peer_read(struct peer *peer, bool startup, struct dsql__message *message)
{
    struct dsql__buffer *read = &peer->read;
    for (;;) {
        int peeked = startup
                         ? dsql__packet_peek(dsql__buffer_begin(read), dsql__buffer_length(read),
                                             1 << 20, message)
                         : dsql__message_peek(dsql__buffer_begin(read), dsql__buffer_length(read),
                                              1 << 20, false, message);
        if (peeked <= 0) {
            return peeked == 0;
        }
        char *to = dsql__buffer_reserve(read, 4096);
        MUST(to != NULL);
        int got = peer->ssl ? SSL_read(peer->ssl, to, 4096) : peer_read_raw(peer, to, 4096);
        if (got <= 0) {
            return false;
        }
        dsql__buffer_commit(read, (size_t)got);
    }
}

bool
peer_greet(struct server *server, struct peer *peer)
{
    struct dsql__message message = {0};
    bool read = peer_open_tls(server, peer) && peer_read(peer, true, &message);
    if (read) {
        dsql__buffer_consume(&peer->read, message.total);
    }
    return read;
}

bool
peer_ask(struct peer *peer, char **password)
{
    static const char question[] = {'R', 0, 0, 0, 8, 0, 0, 0, 3};
    struct dsql__message message = {0};
    if (!peer_send(peer, question, sizeof question) || !peer_read(peer, false, &message) ||
        message.type != 'p') {
        return false;
    }
    if (password != NULL) {
        free(*password);
        *password = strdup(message.body);
        MUST(*password != NULL);
    }
    dsql__buffer_consume(&peer->read, message.total);
    return true;
}

bool
peer_refuse(struct peer *peer, const char *severity, const char *sqlstate, const char *message,
            const char *hint)
{
    struct dsql__buffer out = {0};
    struct dsql_diagnostic diagnostic = {
        .severity = severity, .sqlstate = sqlstate, .message = message, .hint = hint};
    dsql__diagnostic_put(&out, 'E', &diagnostic);
    bool sent = peer_send(peer, dsql__buffer_begin(&out), dsql__buffer_length(&out));
    dsql__buffer_clear(&out);
    return sent;
}

const char server_welcome[] = "R\0\0\0\x08\0\0\0\0"
                              "S\0\0\0\x16server_version\0"
                              "17\0"
                              "S\0\0\0\x11TimeZone\0UTC\0"
                              "N\0\0\0\x14SNOTICE\0Mhello\0\0"
                              "K\0\0\0\x0c\0\0\0\x07\0\0\0\x09"
                              "Z\0\0\0\x05I";
const size_t server_welcome_length = sizeof server_welcome - 1;

bool
peer_welcome(struct peer *peer)
{
    return peer_send(peer, server_welcome, server_welcome_length);
}
