/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cache of tokens that `aws sso login` fills; see sso_token.h. The file is
 * replaced as a whole, so that no other program ever reads half of it. */
#include "sso_token.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "../env.h"
#include "../error.h"
#include "../http.h"
#include "../wire.h"
#include "service.h"

#define TIMEOUT_MS 10000
#define ATTEMPTS 3
#define SHA1_SIZE 20
#define RENEWED_AHEAD_SECONDS (15 * 60)

int
dsql__sso_not_signed_in(const struct dsql__profile *profile, const char *why,
                        struct dsql_error *error)
{
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "the SSO session of the profile \"%.60s\" %s: run `aws sso login --profile "
                      "%.60s`",
                      profile->name, why, profile->name);
}

/* ~/.aws/sso/cache/SHA1.json, of the session's name or the start URL. */
static int
cache_path(const struct dsql_env *env, const char *name, char **path)
{
    unsigned char digest[SHA1_SIZE];
    char tail[100] = ".aws/sso/cache/";
    unsigned int size = sizeof digest;
    if (EVP_Digest(name, strlen(name), digest, &size, EVP_sha1(), NULL) != 1) {
        return DSQL_E_CRYPTO;
    }
    size_t at = strlen(tail);
    for (size_t i = 0; i < SHA1_SIZE; i++) {
        at += (size_t)snprintf(tail + at, sizeof tail - at, "%02x", digest[i]);
    }
    snprintf(tail + at, sizeof tail - at, ".json");
    return dsql__env_home_path(env, tail, path);
}

/* ----------------------------------------------------------------- renewing */

static void
put(struct dsql__buffer *buffer, const char *text)
{
    dsql__buffer_put(buffer, text, strlen(text));
}

/* , "NAME": VALUE of a member as it stands; nothing where it is absent. */
static void
put_member(struct dsql__buffer *buffer, const char *name, struct dsql__json value)
{
    if (value.at != NULL) {
        put(buffer, ", \"");
        put(buffer, name);
        put(buffer, "\": ");
        dsql__buffer_put(buffer, value.at, value.length);
    }
}

/* Whether there is what a renewal needs, and its registration still holds. */
static int
can_renew(const struct dsql__source_request *request, const struct dsql__sso_session *session,
          struct dsql__json cached, bool *can)
{
    static const char *const needed[] = {"refreshToken", "clientId", "clientSecret",
                                         "registrationExpiresAt"};
    char *text;
    int64_t end = 0;
    *can = session->name != NULL;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        struct dsql__json value = dsql__json_member(cached, needed[i]);
        *can = *can && value.at != NULL && *value.at == '"';
    }
    if (!*can) {
        return 0;
    }
    int failure = dsql__json_string(dsql__json_member(cached, "registrationExpiresAt"), &text);
    *can = failure == 0 && dsql__time_parse(text, &end) &&
           end > request->env->now(request->env->context);
    free(text);
    return failure == DSQL_E_NOMEM ? failure : 0;
}

static void
make_question(struct dsql__json cached, struct dsql__buffer *body)
{
    put(body, "{\"grantType\": \"refresh_token\"");
    put_member(body, "clientId", dsql__json_member(cached, "clientId"));
    put_member(body, "clientSecret", dsql__json_member(cached, "clientSecret"));
    put_member(body, "refreshToken", dsql__json_member(cached, "refreshToken"));
    put(body, "}");
}

/* What goes into the cache: false when the answer is none. */
static bool
make_renewed(const struct dsql__source_request *request, const struct dsql__sso_session *session,
             struct dsql__json cached, struct dsql__json answer, struct dsql__buffer *renewed)
{
    struct dsql__json token = dsql__json_member(answer, "accessToken");
    int64_t seconds;
    char end[32];
    struct tm tm;
    if (token.at == NULL || *token.at != '"' ||
        !dsql__json_integer(dsql__json_member(answer, "expiresIn"), &seconds) || seconds <= 0) {
        return false;
    }
    time_t expires = (time_t)(request->env->now(request->env->context) + seconds);
    if (gmtime_r(&expires, &tm) == NULL ||
        strftime(end, sizeof end, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        return false;
    }
    put(renewed, "{\"expiresAt\": \"");
    put(renewed, end);
    put(renewed, "\", \"region\": \"");
    put(renewed, session->region);
    put(renewed, "\"");
    put_member(renewed, "startUrl", dsql__json_member(cached, "startUrl"));
    put_member(renewed, "accessToken", token);
    put_member(renewed, "clientId", dsql__json_member(cached, "clientId"));
    put_member(renewed, "clientSecret", dsql__json_member(cached, "clientSecret"));
    put_member(renewed, "registrationExpiresAt",
               dsql__json_member(cached, "registrationExpiresAt"));
    put_member(renewed, "refreshToken", dsql__json_member(answer, "refreshToken"));
    put(renewed, "}");
    return true;
}

/* 0 and the answer, or anything else: there is none. */
static int
ask(const struct dsql__source_request *request, const struct dsql__sso_session *session,
    struct dsql__json cached, struct dsql_http_response *response)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "Accept: application/json", NULL};
    struct dsql__service service;
    struct dsql__buffer body = {0}, url = {0};
    int failure = dsql__ask_outside(request);
    if (failure != 0) {
        return failure;
    }
    failure = dsql__service_find(request, "sso_oidc", session->region, &service, NULL);
    if (failure != 0) {
        return failure;
    }
    make_question(cached, &body);
    put(&url, service.url);
    dsql__put_string(&url, "/token");
    if (body.failed || url.failed) {
        failure = DSQL_E_NOMEM;
    } else {
        struct dsql__exchange exchange = {
            .what = "IAM Identity Center",
            .method = "POST",
            .url = dsql__buffer_begin(&url),
            .headers = headers,
            .body = dsql__buffer_begin(&body),
            .body_length = dsql__buffer_length(&body),
            .ca_file = service.ca_file,
            .timeout_ms = TIMEOUT_MS,
            .attempts = ATTEMPTS,
        };
        failure = dsql__http_exchange(request->env, &exchange, response, NULL);
    }
    dsql__buffer_clear(&body);
    dsql__buffer_clear(&url);
    dsql__service_clear(&service);
    return failure;
}

/* Under a name of its own, then in the place of the old one. What cannot be
 * kept is used all the same. */
static void
put_back(const char *path, const struct dsql__buffer *text)
{
    static const char suffix[] = ".XXXXXX";
    size_t length = strlen(path);
    char *name = malloc(length + sizeof suffix);
    if (name == NULL) {
        return;
    }
    memcpy(name, path, length);
    memcpy(name + length, suffix, sizeof suffix);
    int fd = mkostemp(name, O_CLOEXEC); /* 0600 */
    if (fd >= 0) {
        const char *from = dsql__buffer_begin(text);
        ssize_t size = (ssize_t)dsql__buffer_length(text);
        bool good = write(fd, from, (size_t)size) == size;
        good = close(fd) == 0 && good;
        if (!good || rename(name, path) != 0) {
            unlink(name);
        }
    }
    free(name);
}

/* *renewed is the cache's new text; empty where the token could not be renewed.
 * 0 or DSQL_E_NOMEM. */
static int
renew(const struct dsql__source_request *request, const struct dsql__sso_session *session,
      struct dsql__json cached, const char *path, struct dsql__buffer *renewed)
{
    struct dsql_http_response response = {0};
    struct dsql__json answer;
    int failure = ask(request, session, cached, &response);
    if (failure == DSQL_E_NOMEM) {
        return failure;
    }
    if (failure == 0 && response.status == 200 &&
        dsql__json_parse(response.body, response.length, &answer) == 0 &&
        make_renewed(request, session, cached, answer, renewed) && !renewed->failed &&
        dsql__env_is_real(request->env)) {
        put_back(path, renewed);
    }
    dsql__http_clear(&response);
    return renewed->failed ? DSQL_E_NOMEM : 0;
}

/* ------------------------------------------------------------------ reading */

/* DSQL_E_PROTOCOL: it is no token. */
static int
read_members(struct dsql__json object, char **token, int64_t *end)
{
    char *expires = NULL;
    int failure = dsql__json_string(dsql__json_member(object, "accessToken"), token);
    if (failure == 0) {
        failure = dsql__json_string(dsql__json_member(object, "expiresAt"), &expires);
    }
    if (failure == 0 && (!dsql__time_parse(expires, end) || strpbrk(*token, "\r\n") != NULL)) {
        failure = DSQL_E_PROTOCOL;
    }
    free(expires);
    return failure;
}

static int
token_of(const struct dsql__source_request *request, const struct dsql__sso_session *session,
         const char *text, size_t size, const char *path, char **token, int64_t *end)
{
    struct dsql__buffer renewed = {0};
    struct dsql__json object;
    int failure = dsql__json_parse(text, size, &object);
    if (failure == 0) {
        failure = read_members(object, token, end);
    }
    int64_t now = request->env->now(request->env->context);
    bool can = false;
    if (failure == 0 && *end - now < RENEWED_AHEAD_SECONDS) {
        failure = can_renew(request, session, object, &can);
    }
    if (failure != 0 || !can) {
        return failure;
    }
    failure = renew(request, session, object, path, &renewed);
    if (failure == 0 && dsql__buffer_length(&renewed) > 0) {
        dsql__wipe_free(*token);
        *token = NULL;
        failure =
            dsql__json_parse(dsql__buffer_begin(&renewed), dsql__buffer_length(&renewed), &object);
        if (failure == 0) {
            failure = read_members(object, token, end);
        }
    }
    dsql__buffer_clear(&renewed);
    return failure;
}

static int
read_cache(const struct dsql__source_request *request, const struct dsql__sso_session *session,
           char **path, char **text, size_t *size)
{
    *text = NULL;
    int failure =
        cache_path(request->env, session->name != NULL ? session->name : session->start_url, path);
    if (failure == 0 && *path != NULL) {
        failure = request->env->read_file(request->env->context, *path, text, size);
    }
    return failure;
}

int
dsql__sso_token_read(const struct dsql__source_request *request,
                     const struct dsql__sso_session *session, char **token,
                     struct dsql_error *error)
{
    char *path = NULL, *text = NULL;
    size_t size = 0;
    int64_t end = 0;
    *token = NULL;
    int failure = read_cache(request, session, &path, &text, &size);
    bool there = failure == 0 && text != NULL;
    if (there) {
        failure = token_of(request, session, text, size, path, token, &end);
        explicit_bzero(text, size);
        free(text);
    }
    free(path);
    if (failure == DSQL_E_NOMEM) {
        failure = dsql__fail_nomem(error);
    } else if (failure == DSQL_E_CRYPTO) {
        failure = dsql__fail(error, failure,
                             "OpenSSL cannot compute SHA-1, by which the cache of SSO tokens is "
                             "named");
    } else if (!there) {
        failure = dsql__sso_not_signed_in(request->profile, "has no cached token", error);
    } else if (failure != 0) {
        failure = dsql__sso_not_signed_in(request->profile,
                                          "has a cached token that cannot be read", error);
    } else if (end <= request->env->now(request->env->context)) {
        failure = dsql__sso_not_signed_in(request->profile, "has expired", error);
    }
    if (failure != 0) {
        dsql__wipe_free(*token);
        *token = NULL;
    }
    return failure;
}
