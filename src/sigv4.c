/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The stages of a presigned request; see sigv4.h. */
#include "sigv4.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define SHA256_SIZE 32
/* SHA-256 of nothing: the body of the request. */
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ALGORITHM "AWS4-HMAC-SHA256"

static void
put(struct dsql__buffer *buffer, const char *text)
{
    dsql__buffer_put(buffer, text, strlen(text));
}

static void
to_hex(const unsigned char digest[SHA256_SIZE], char hex[DSQL__SIGNATURE_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * SHA256_SIZE] = '\0';
}

static const char *
service(const struct dsql__sigv4 *request)
{
    return request->service != NULL ? request->service : "dsql";
}

int
dsql__sigv4_hash(const void *bytes, size_t length, char hex[DSQL__SIGNATURE_SIZE])
{
    unsigned char digest[SHA256_SIZE];
    unsigned int size = sizeof digest;
    if (EVP_Digest(bytes, length, digest, &size, EVP_sha256(), NULL) != 1) {
        return DSQL_E_CRYPTO;
    }
    to_hex(digest, hex);
    return 0;
}

int
dsql__sigv4_set_date(struct dsql__sigv4 *request, int64_t now)
{
    struct tm tm;
    time_t seconds = (time_t)now;
    if (now < 0 || now > 253402300799 || gmtime_r(&seconds, &tm) == NULL ||
        strftime(request->date, sizeof request->date, "%Y%m%dT%H%M%SZ", &tm) != 16) {
        return DSQL_E_INVALID;
    }
    return 0;
}

void
dsql__put_encoded(struct dsql__buffer *buffer, const char *value)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    while (*value != '\0') {
        size_t run = strspn(value, plain);
        dsql__buffer_put(buffer, value, run);
        value += run;
        if (*value != '\0') {
            unsigned char byte = (unsigned char)*value++;
            char encoded[3] = {'%', digits[byte >> 4], digits[byte & 15]};
            dsql__buffer_put(buffer, encoded, sizeof encoded);
        }
    }
}

/* DATE/REGION/SERVICE/aws4_request, with the separator of the place. */
static void
put_scope(struct dsql__buffer *buffer, const struct dsql__sigv4 *request, const char *slash)
{
    dsql__buffer_put(buffer, request->date, 8);
    put(buffer, slash);
    if (*slash == '%') {
        dsql__put_encoded(buffer, request->region);
    } else {
        put(buffer, request->region);
    }
    put(buffer, slash);
    put(buffer, service(request));
    put(buffer, slash);
    put(buffer, "aws4_request");
}

/* Query fields up to the signed headers; the order is the same for signing and
 * for the token but for the session token. */
static void
put_query_head(struct dsql__buffer *buffer, const struct dsql__sigv4 *request)
{
    char expires[24];
    snprintf(expires, sizeof expires, "%lld", (long long)request->expires);
    put(buffer, "Action=");
    dsql__put_encoded(buffer, request->action);
    put(buffer, "&X-Amz-Algorithm=" ALGORITHM "&X-Amz-Credential=");
    dsql__put_encoded(buffer, request->access_key);
    put(buffer, "%2F");
    put_scope(buffer, request, "%2F");
    put(buffer, "&X-Amz-Date=");
    put(buffer, request->date);
    put(buffer, "&X-Amz-Expires=");
    put(buffer, expires);
}

static void
put_session_token(struct dsql__buffer *buffer, const struct dsql__sigv4 *request)
{
    if (request->session_token != NULL) {
        put(buffer, "&X-Amz-Security-Token=");
        dsql__put_encoded(buffer, request->session_token);
    }
}

void
dsql__sigv4_canonical(const struct dsql__sigv4 *request, struct dsql__buffer *out)
{
    put(out, "GET\n/\n");
    put_query_head(out, request);
    put_session_token(out, request);
    put(out, "&X-Amz-SignedHeaders=host\nhost:");
    put(out, request->host);
    put(out, "\n\nhost\n" EMPTY_HASH);
}

int
dsql__sigv4_string_to_sign(const struct dsql__sigv4 *request, const char *canonical, size_t length,
                           struct dsql__buffer *out)
{
    char hex[DSQL__SIGNATURE_SIZE];
    if (dsql__sigv4_hash(canonical, length, hex) != 0) {
        return DSQL_E_CRYPTO;
    }
    put(out, ALGORITHM "\n");
    put(out, request->date);
    put(out, "\n");
    put_scope(out, request, "/");
    put(out, "\n");
    put(out, hex);
    return 0;
}

/* HMAC-SHA256, fetched from OpenSSL's providers once for all five steps. */
struct hmac {
    EVP_MAC *mac;
    EVP_MAC_CTX *context;
};

static int
hmac_open(struct hmac *hmac)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    hmac->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hmac->context = hmac->mac != NULL ? EVP_MAC_CTX_new(hmac->mac) : NULL;
    return hmac->context != NULL && EVP_MAC_CTX_set_params(hmac->context, parameters) == 1
               ? 0
               : DSQL_E_CRYPTO;
}

static void
hmac_close(struct hmac *hmac)
{
    EVP_MAC_CTX_free(hmac->context);
    EVP_MAC_free(hmac->mac);
}

/* key and digest may be the same memory. */
static int
hmac_step(struct hmac *hmac, const void *key, size_t key_size, const char *text, size_t size,
          unsigned char digest[SHA256_SIZE])
{
    size_t written;
    return EVP_MAC_init(hmac->context, key, key_size, NULL) == 1 &&
                   EVP_MAC_update(hmac->context, (const unsigned char *)text, size) == 1 &&
                   EVP_MAC_final(hmac->context, digest, &written, SHA256_SIZE) == 1
               ? 0
               : DSQL_E_CRYPTO;
}

static int
hmac_text(struct hmac *hmac, unsigned char key[SHA256_SIZE], const char *text, size_t size)
{
    return hmac_step(hmac, key, SHA256_SIZE, text, size, key);
}

/* "AWS4" and the secret, then date, region, service and the closing word. */
static int
derive_key(struct hmac *hmac, const struct dsql__sigv4 *request, unsigned char key[SHA256_SIZE])
{
    struct dsql__buffer first = {0};
    put(&first, "AWS4");
    put(&first, request->secret_key);
    int failure = first.failed ? DSQL_E_NOMEM
                               : hmac_step(hmac, dsql__buffer_begin(&first),
                                           dsql__buffer_length(&first), request->date, 8, key);
    dsql__buffer_clear(&first);
    if (failure == 0) {
        failure = hmac_text(hmac, key, request->region, strlen(request->region));
    }
    if (failure == 0) {
        failure = hmac_text(hmac, key, service(request), strlen(service(request)));
    }
    if (failure == 0) {
        failure = hmac_text(hmac, key, "aws4_request", sizeof "aws4_request" - 1);
    }
    return failure;
}

/* The signature of a string, as bytes. */
static int
sign_string(const struct dsql__sigv4 *request, const struct dsql__buffer *string,
            unsigned char key[SHA256_SIZE])
{
    struct hmac hmac = {0};
    int failure = hmac_open(&hmac);
    if (failure == 0) {
        failure = derive_key(&hmac, request, key);
    }
    if (failure == 0) {
        failure = hmac_text(&hmac, key, dsql__buffer_begin(string), dsql__buffer_length(string));
    }
    hmac_close(&hmac);
    return failure;
}

int
dsql__sigv4_sign_canonical(const struct dsql__sigv4 *request, const char *canonical, size_t length,
                           char signature[DSQL__SIGNATURE_SIZE])
{
    struct dsql__buffer string = {0};
    unsigned char key[SHA256_SIZE];
    int failure = dsql__sigv4_string_to_sign(request, canonical, length, &string);
    if (failure == 0 && string.failed) {
        failure = DSQL_E_NOMEM;
    }
    if (failure == 0) {
        failure = sign_string(request, &string, key);
    }
    if (failure == 0) {
        to_hex(key, signature);
    }
    OPENSSL_cleanse(key, sizeof key);
    dsql__buffer_clear(&string);
    return failure;
}

int
dsql__sigv4_sign(const struct dsql__sigv4 *request, char signature[DSQL__SIGNATURE_SIZE])
{
    struct dsql__buffer canonical = {0};
    dsql__sigv4_canonical(request, &canonical);
    int failure = canonical.failed ? DSQL_E_NOMEM : 0;
    if (failure == 0) {
        failure = dsql__sigv4_sign_canonical(request, dsql__buffer_begin(&canonical),
                                             dsql__buffer_length(&canonical), signature);
    }
    dsql__buffer_clear(&canonical);
    return failure;
}

void
dsql__sigv4_token(const struct dsql__sigv4 *request, const char *signature,
                  struct dsql__buffer *out)
{
    put(out, request->host);
    put(out, "/?");
    put_query_head(out, request);
    put(out, "&X-Amz-SignedHeaders=host");
    put_session_token(out, request);
    put(out, "&X-Amz-Signature=");
    put(out, signature);
}
