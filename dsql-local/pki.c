/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* X.509 by OpenSSL: an authority on P-256, and a server certificate under it
 * for localhost, the loopback addresses and the region's endpoint names. */
#include "pki.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "error.h"
#include "files.h"

#define DAY (24L * 3600)
#define CA_DAYS 3650
#define SERVER_DAYS 397 /* what browsers and libraries accept at most */
#define RENEW_DAYS 31

struct pair {
    X509 *certificate;
    EVP_PKEY *key;
};

static void
pair_clear(struct pair *pair)
{
    X509_free(pair->certificate);
    EVP_PKEY_free(pair->key);
    *pair = (struct pair){0};
}

static int
fail(struct dsql_error *error, const char *what)
{
    char reason[160];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    return dsql__fail(error, DSQL_E_CRYPTO, "cannot make %s: %s", what, reason);
}

static bool
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool
set_basics(X509 *certificate, const char *name, long days)
{
    unsigned char serial[16];
    X509_NAME *subject = X509_get_subject_name(certificate);
    if (RAND_bytes(serial, sizeof serial) != 1) {
        return false;
    }
    serial[0] &= 0x7F;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool done = number != NULL &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL &&
                X509_set_version(certificate, 2) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(certificate), days * DAY) != NULL &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                                           -1, -1, 0) == 1;
    BN_free(number);
    return done;
}

static bool
make_ca(struct pair *ca)
{
    ca->key = EVP_EC_gen("P-256");
    ca->certificate = X509_new();
    X509 *certificate = ca->certificate;
    return ca->key != NULL && certificate != NULL &&
           set_basics(certificate, "dsql-local certificate authority", CA_DAYS) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
           X509_set_pubkey(certificate, ca->key) == 1 &&
           add_extension(certificate, certificate, NID_basic_constraints,
                         "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(certificate, ca->key, EVP_sha256()) > 0;
}

static void
alternative_names(const char *region, char *names, size_t size)
{
    snprintf(names, size, "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1,DNS:*.dsql.%s.on.aws",
             region);
}

static bool
make_server(const struct pair *ca, const char *region, struct pair *server)
{
    char names[256];
    server->key = EVP_EC_gen("P-256");
    server->certificate = X509_new();
    X509 *certificate = server->certificate;
    alternative_names(region, names, sizeof names);
    return server->key != NULL && certificate != NULL &&
           set_basics(certificate, "localhost", SERVER_DAYS) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate)) == 1 &&
           X509_set_pubkey(certificate, server->key) == 1 &&
           add_extension(certificate, ca->certificate, NID_basic_constraints,
                         "critical,CA:FALSE") &&
           add_extension(certificate, ca->certificate, NID_key_usage,
                         "critical,digitalSignature") &&
           add_extension(certificate, ca->certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, ca->certificate, NID_subject_alt_name, names) &&
           add_extension(certificate, ca->certificate, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, ca->certificate, NID_authority_key_identifier, "keyid") &&
           X509_sign(certificate, ca->key, EVP_sha256()) > 0;
}

/* -------------------------------------------------------------------- files */

static int
write_bio(BIO *bio, bool made, const char *path, mode_t mode, struct dsql_error *error)
{
    char *bytes;
    long size = made ? BIO_get_mem_data(bio, &bytes) : 0;
    int failure =
        size > 0 ? local_file_write(path, bytes, (size_t)size, mode, error) : fail(error, path);
    BIO_free(bio);
    return failure;
}

static int
write_key(const char *path, EVP_PKEY *key, struct dsql_error *error)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool made = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    return write_bio(bio, made, path, 0600, error);
}

static int
write_chain(const char *path, X509 *first, X509 *second, struct dsql_error *error)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool made = bio && PEM_write_bio_X509(bio, first) == 1 &&
                (second == NULL || PEM_write_bio_X509(bio, second) == 1);
    return write_bio(bio, made, path, 0644, error);
}

static bool
read_pair(const char *certificate_file, const char *key_file, struct pair *pair)
{
    FILE *certificate = fopen(certificate_file, "r"), *key = fopen(key_file, "r");
    if (certificate != NULL) {
        pair->certificate = PEM_read_X509(certificate, NULL, NULL, NULL);
        fclose(certificate);
    }
    if (key != NULL) {
        pair->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
        fclose(key);
    }
    ERR_clear_error();
    return pair->certificate != NULL && pair->key != NULL &&
           X509_check_private_key(pair->certificate, pair->key) == 1;
}

static bool
lasts(const X509 *certificate)
{
    time_t soon = time(NULL) + RENEW_DAYS * DAY;
    return X509_cmp_time(X509_get0_notAfter(certificate), &soon) > 0;
}

/* Whether it is of this authority, for this region, and for a while yet. */
static bool
serves(const struct pair *server, const struct pair *ca, const char *region)
{
    char name[128];
    EVP_PKEY *key = X509_get0_pubkey(ca->certificate);
    snprintf(name, sizeof name, "any.dsql.%s.on.aws", region);
    return X509_verify(server->certificate, key) == 1 && lasts(server->certificate) &&
           X509_check_host(server->certificate, name, 0, 0, NULL) == 1;
}

static int
open_ca(const struct local_state *state, struct pair *ca, struct dsql_error *error)
{
    char key_file[1100];
    snprintf(key_file, sizeof key_file, "%s/ca.key", state->dir);
    if (read_pair(state->ca_file, key_file, ca) && lasts(ca->certificate)) {
        return 0;
    }
    pair_clear(ca);
    if (!make_ca(ca)) {
        return fail(error, "a certificate authority");
    }
    int failure = write_key(key_file, ca->key, error);
    return failure ? failure : write_chain(state->ca_file, ca->certificate, NULL, error);
}

static int
open_server(const struct local_state *state, const struct pair *ca, struct dsql_error *error)
{
    struct pair server = {0};
    if (read_pair(state->cert_file, state->key_file, &server) &&
        serves(&server, ca, state->region)) {
        pair_clear(&server);
        return 0;
    }
    pair_clear(&server);
    int failure = 0;
    if (!make_server(ca, state->region, &server)) {
        failure = fail(error, "a server certificate");
    }
    if (failure == 0) {
        failure = write_key(state->key_file, server.key, error);
    }
    if (failure == 0) {
        failure = write_chain(state->cert_file, server.certificate, ca->certificate, error);
    }
    pair_clear(&server);
    return failure;
}

int
local_pki_open(const struct local_state *state, struct dsql_error *error)
{
    struct pair ca = {0};
    int failure = open_ca(state, &ca, error);
    if (failure == 0) {
        failure = open_server(state, &ca, error);
    }
    pair_clear(&ca);
    return failure;
}
