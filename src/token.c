/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Authentication tokens: arguments checked, then signed. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "error.h"
#include "sigv4.h"

static int
check(const struct dsql_credentials *credentials, const struct dsql_endpoint *endpoint,
      const char *user, int64_t expires, struct dsql_error *error)
{
    if (credentials->access_key == NULL || *credentials->access_key == '\0' ||
        credentials->secret_key == NULL || *credentials->secret_key == '\0') {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "a token needs an access key and a secret key");
    }
    if (user == NULL || *user == '\0') {
        return dsql__fail(error, DSQL_E_INVALID,
                          "a token is for a database user: give one, such as \"admin\"");
    }
    if (endpoint->sign_host[0] == '\0' || endpoint->region[0] == '\0') {
        return dsql__fail(error, DSQL_E_ENDPOINT, "a token needs a parsed endpoint");
    }
    if (expires < 1 || expires > DSQL_TOKEN_EXPIRES_MAX) {
        return dsql__fail(error, DSQL_E_INVALID,
                          "a token lasts 1 to %d seconds (one week), not %lld",
                          DSQL_TOKEN_EXPIRES_MAX, (long long)expires);
    }
    return 0;
}

int
dsql_token_sign(const struct dsql_credentials *credentials, const struct dsql_endpoint *endpoint,
                const char *user, int64_t now, int64_t expires, char **token, size_t *length,
                struct dsql_error *error)
{
    char signature[DSQL__SIGNATURE_SIZE];
    struct dsql__buffer out = {0};
    *token = NULL;
    int failure = check(credentials, endpoint, user, expires, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__sigv4 request = {
        .host = endpoint->sign_host,
        .region = endpoint->region,
        .action = strcmp(user, "admin") == 0 ? "DbConnectAdmin" : "DbConnect",
        .access_key = credentials->access_key,
        .secret_key = credentials->secret_key,
        .session_token = credentials->session_token,
        .expires = expires,
    };
    if (dsql__sigv4_set_date(&request, now) != 0) {
        return dsql__fail(error, DSQL_E_INVALID,
                          "the time to sign for is not in the years 1970 to 9999");
    }
    failure = dsql__sigv4_sign(&request, signature);
    if (failure == DSQL_E_CRYPTO) {
        return dsql__fail(error, failure, "OpenSSL cannot compute an HMAC with SHA-256");
    }
    if (failure == 0) {
        dsql__sigv4_token(&request, signature, &out);
        dsql__put_byte(&out, '\0');
    }
    if (failure != 0 || out.failed) {
        dsql__buffer_clear(&out);
        return dsql__fail_nomem(error);
    }
    if (length != NULL) {
        *length = dsql__buffer_length(&out) - 1;
    }
    *token = out.data; /* start is 0: nothing was consumed; the caller owns it now */
    return 0;
}

void
dsql_token_free(char *token)
{
    dsql__wipe_free(token);
}
