/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Judging a token: taken apart, then signed again with the key pair that it
 * names, by the code that clients sign with. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "error.h"
#include "keys.h"
#include "sigv4.h"

#define TOKEN_LIMIT 16384
#define SKEW_SECONDS 300 /* how far in the future a date may be */

/* The token's fields, decoded; they point into text. */
struct parts {
    char *text; /* owned */
    const char *host, *action, *algorithm, *credential, *date, *expires, *signed_headers;
    const char *session_token, *signature;
};

static int
refuse(struct dsql_error *error, const char *hint)
{
    return dsql__fail(error, DSQL_E_CREDENTIALS, "%s", hint);
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; false for a percent sign without its digits, and for a NUL. */
static bool
decode(char *text)
{
    char *to = text;
    while (*text != '\0') {
        if (*text != '%') {
            *to++ = *text++;
            continue;
        }
        int high = hex_value(text[1]), low = high < 0 ? -1 : hex_value(text[2]);
        if (low < 0 || high * 16 + low == 0) {
            return false;
        }
        *to++ = (char)(high * 16 + low);
        text += 3;
    }
    *to = '\0';
    return true;
}

static const char **
part_named(struct parts *parts, const char *name)
{
    const struct {
        const char *name;
        const char **part;
    } known[] = {
        {"Action", &parts->action},
        {"X-Amz-Algorithm", &parts->algorithm},
        {"X-Amz-Credential", &parts->credential},
        {"X-Amz-Date", &parts->date},
        {"X-Amz-Expires", &parts->expires},
        {"X-Amz-SignedHeaders", &parts->signed_headers},
        {"X-Amz-Security-Token", &parts->session_token},
        {"X-Amz-Signature", &parts->signature},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].part;
        }
    }
    return NULL;
}

/* HOST/?NAME=VALUE&... ; each name once, none that is unknown. */
static bool
take_apart(struct parts *parts)
{
    char *query = strstr(parts->text, "/?");
    if (query == NULL) {
        return false;
    }
    *query = '\0';
    parts->host = parts->text;
    char *rest = query + 2;
    for (char *pair = strsep(&rest, "&"); pair != NULL; pair = strsep(&rest, "&")) {
        char *equals = strchr(pair, '=');
        if (equals == NULL) {
            return false;
        }
        *equals = '\0';
        const char **part = part_named(parts, pair);
        if (part == NULL || *part != NULL || !decode(equals + 1)) {
            return false;
        }
        *part = equals + 1;
    }
    return parts->action && parts->algorithm && parts->credential && parts->date &&
           parts->expires && parts->signed_headers && parts->signature;
}

/* ACCESSKEY/DATE/REGION/dsql/aws4_request, cut in place: the access key. */
static bool
check_scope(char *credential, const char *date, const char *region)
{
    char scope[160];
    char *slash = strchr(credential, '/');
    if (slash == NULL) {
        return false;
    }
    snprintf(scope, sizeof scope, "%.8s/%s/dsql/aws4_request", date, region);
    *slash = '\0';
    return strcmp(slash + 1, scope) == 0;
}

static bool
is_our_host(const struct local_sign_in *sign_in, const char *host)
{
    char name[300];
    size_t length = strcspn(host, ":");
    if (length >= sizeof name) {
        return false;
    }
    memcpy(name, host, length);
    name[length] = '\0';
    if (sign_in->sni[0] != '\0' && strcasecmp(name, sign_in->sni) == 0) {
        return true;
    }
    char own[300];
    snprintf(own, sizeof own, "%s.dsql.%s.on.aws", sign_in->cluster_id, sign_in->region);
    return strcasecmp(name, own) == 0;
}

/* YYYYMMDDThhmmssZ; strptime() alone would take spaces too. */
static bool
read_date(const char *date, int64_t *seconds)
{
    struct tm tm = {0};
    if (strlen(date) != 16 || strspn(date, "0123456789") != 8 ||
        strspn(date + 9, "0123456789") != 6) {
        return false;
    }
    const char *rest = strptime(date, "%Y%m%dT%H%M%SZ", &tm);
    *seconds = (int64_t)timegm(&tm);
    return rest != NULL && *rest == '\0';
}

static int
check_time(const struct parts *parts, int64_t now, int64_t *expires, struct dsql_error *error)
{
    int64_t signed_at;
    char *end;
    *expires = strtol(parts->expires, &end, 10);
    if (!read_date(parts->date, &signed_at) || *end != '\0' || *parts->expires == '\0') {
        return refuse(error, "The token's date or its expiry is malformed.");
    }
    if (*expires < 1 || *expires > DSQL_TOKEN_EXPIRES_MAX) {
        return refuse(error, "X-Amz-Expires must be between 1 and 604800 seconds.");
    }
    struct dsql__sigv4 clock, limit;
    if (dsql__sigv4_set_date(&clock, now) != 0 ||
        dsql__sigv4_set_date(&limit, now - *expires) != 0) {
        return refuse(error, "The clock of the endpoint is wrong.");
    }
    if (now >= signed_at + *expires) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "Signature expired: %s is now earlier than %s (%s - %lld s)", parts->date,
                          limit.date, clock.date, (long long)*expires);
    }
    if (signed_at > now + SKEW_SECONDS) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "Signature not yet current: %s is still later than %s", parts->date,
                          clock.date);
    }
    return 0;
}

static int
check_action(const struct parts *parts, const char *user, struct dsql_error *error)
{
    bool admin = strcmp(user, "admin") == 0;
    if (strcmp(parts->action, admin ? "DbConnectAdmin" : "DbConnect") == 0) {
        return 0;
    }
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "Wrong user to action mapping. user: %.64s, action: %.32s", user,
                      parts->action);
}

static int
check_signature(const struct parts *parts, const struct local_key *key, const char *region,
                int64_t expires, struct dsql_error *error)
{
    struct dsql__sigv4 request = {
        .host = parts->host,
        .region = region,
        .action = parts->action,
        .access_key = key->access_key,
        .secret_key = key->secret_key,
        .session_token = parts->session_token,
        .expires = expires,
    };
    char signature[DSQL__SIGNATURE_SIZE];
    snprintf(request.date, sizeof request.date, "%s", parts->date);
    if (dsql__sigv4_sign(&request, signature) != 0) {
        return dsql__fail_nomem(error);
    }
    bool right = strlen(parts->signature) == DSQL__SIGNATURE_SIZE - 1 &&
                 CRYPTO_memcmp(signature, parts->signature, DSQL__SIGNATURE_SIZE - 1) == 0;
    OPENSSL_cleanse(signature, sizeof signature);
    return right ? 0
                 : refuse(error, "The request signature does not match: the secret key is not the "
                                 "one of this access key, or the token was changed.");
}

/* So that it may be repeated in a refusal. */
static bool
is_word(const char *text)
{
    while (isalnum((unsigned char)*text)) {
        text++;
    }
    return *text == '\0';
}

/* A token has no spaces, no control characters, nothing beyond ASCII. */
static bool
is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return true;
}

static int
judge(struct local_keys *keys, const struct local_sign_in *sign_in, struct parts *parts, char *arn,
      size_t arn_size, struct dsql_error *error)
{
    int64_t expires;
    if (!take_apart(parts) || strcmp(parts->algorithm, "AWS4-HMAC-SHA256") != 0 ||
        strcmp(parts->signed_headers, "host") != 0 || !is_word(parts->action)) {
        return refuse(error, "The password is not an authentication token.");
    }
    if (!is_our_host(sign_in, parts->host)) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "The token is for the host %.100s, not for localhost or "
                          "%s.dsql.%s.on.aws.",
                          parts->host, sign_in->cluster_id, sign_in->region);
    }
    int failure = check_time(parts, sign_in->now, &expires, error);
    if (failure != 0) {
        return failure;
    }
    if (!check_scope((char *)(uintptr_t)parts->credential, parts->date, sign_in->region)) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "Credential should be scoped to the region %s, the service dsql and the "
                          "date of the token.",
                          sign_in->region);
    }
    failure = check_action(parts, sign_in->user, error);
    if (failure != 0) {
        return failure;
    }
    const struct local_key *key = local_keys_find(keys, parts->credential);
    const char *token = parts->session_token ? parts->session_token : "";
    if (key == NULL || strcmp(key->session_token, token) != 0) {
        return refuse(error, "The security token included in the request is invalid: its access "
                             "key is not in this endpoint's credentials file.");
    }
    failure = check_signature(parts, key, sign_in->region, expires, error);
    if (failure == 0) {
        snprintf(arn, arn_size, "%s", key->arn);
    }
    return failure;
}

int
local_sign_in_verify(struct local_keys *keys, const struct local_sign_in *sign_in, char *arn,
                     size_t arn_size, struct dsql_error *error)
{
    struct parts parts = {0};
    if (sign_in->token_length > TOKEN_LIMIT || !is_plain(sign_in->token, sign_in->token_length)) {
        return refuse(error, "The password is not an authentication token.");
    }
    parts.text = strndup(sign_in->token, sign_in->token_length);
    if (parts.text == NULL) {
        return dsql__fail_nomem(error);
    }
    int failure = judge(keys, sign_in, &parts, arn, arn_size, error);
    OPENSSL_cleanse(parts.text, sign_in->token_length);
    free(parts.text);
    return failure;
}
