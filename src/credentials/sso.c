/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* IAM Identity Center (SSO): the token that `aws sso login` left in the user's
 * cache, for which the portal gives the keys of a role. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "../http.h"
#include "../sigv4.h"
#include "../wire.h"
#include "service.h"
#include "sso_token.h"

#define TIMEOUT_MS 10000
#define ATTEMPTS 3

enum { ROLE, ACCOUNT, START_URL, REGION, SETTINGS };

static const char *const keys[SETTINGS] = {"sso_role_name", "sso_account_id", "sso_start_url",
                                           "sso_region"};

struct settings {
    char *session; /* NULL: the older form, all in the profile */
    char *values[SETTINGS];
};

static void
settings_clear(struct settings *settings)
{
    free(settings->session);
    for (int i = 0; i < SETTINGS; i++) {
        free(settings->values[i]);
    }
}

/* Whether profile and session say different things of one key. */
static bool
differs(const struct dsql__profile *profile, struct dsql__ini_text section, char key[64])
{
    const struct dsql__ini *config = &profile->config.ini;
    for (size_t i = 0; i < config->count; i++) {
        const struct dsql__ini_entry *entry = &config->entries[i];
        if (entry->section.at != section.at || entry->key.at == NULL) {
            continue;
        }
        snprintf(key, 64, "%.*s", (int)entry->key.length, entry->key.at);
        struct dsql__ini_text one = dsql__profile_get(profile, key);
        if (one.at != NULL && (one.length != entry->value.length ||
                               memcmp(one.at, entry->value.at, one.length) != 0)) {
            return true;
        }
    }
    return false;
}

/* The values of the profile, or else those of its session. */
static int
read_values(const struct dsql__profile *profile, struct settings *settings,
            struct dsql_error *error)
{
    struct dsql__ini_text section = {0};
    char key[64];
    if (dsql__profile_copy(profile, "sso_session", &settings->session) != 0) {
        return dsql__fail_nomem(error);
    }
    if (settings->session != NULL) {
        section = dsql__profile_section(profile, "sso-session", settings->session);
        if (section.at == NULL) {
            return dsql__fail(
                error, DSQL_E_CREDENTIALS,
                "the profile \"%.60s\" names sso_session = %.60s, but the config file "
                "has no section [sso-session %.60s]: add it",
                profile->name, settings->session, settings->session);
        }
        if (differs(profile, section, key)) {
            return dsql__fail(error, DSQL_E_CREDENTIALS,
                              "%s of the profile \"%.60s\" and of [sso-session %.60s] differ: "
                              "remove one",
                              key, profile->name, settings->session);
        }
    }
    for (int i = 0; i < SETTINGS; i++) {
        struct dsql__ini_text found = dsql__profile_get(profile, keys[i]);
        if (found.at == NULL && section.at != NULL) {
            found = dsql__ini_get(&profile->config.ini, section, keys[i]);
        }
        if (found.at == NULL || found.length == 0) {
            return dsql__fail(error, DSQL_E_CREDENTIALS,
                              "the profile \"%.60s\" signs in by SSO but lacks %s", profile->name,
                              keys[i]);
        }
        settings->values[i] = dsql__ini_copy(found);
        if (settings->values[i] == NULL) {
            return dsql__fail_nomem(error);
        }
    }
    return 0;
}

/* --------------------------------------------------------------- the portal */

static int
read_answer(const struct dsql__source_request *request, const struct dsql_http_response *response,
            struct dsql_credentials *credentials, struct dsql_error *error)
{
    static const struct dsql__answer_names names = {
        "accessKeyId", "secretAccessKey", "sessionToken", "expiration", true, true, true,
    };
    struct dsql__json answer;
    const char *wrong = "is no JSON";
    if (response->status == 401) {
        return dsql__sso_not_signed_in(request->profile, "is not valid any more", error);
    }
    if (response->status != 200) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "IAM Identity Center answers with HTTP status %d for the profile "
                          "\"%.60s\": check sso_account_id and sso_role_name",
                          response->status, request->profile->name);
    }
    int failure = dsql__json_parse(response->body, response->length, &answer);
    if (failure == 0) {
        failure = dsql__answer_read(dsql__json_member(answer, "roleCredentials"), &names,
                                    credentials, &wrong);
    }
    return failure == DSQL_E_PROTOCOL
               ? dsql__fail(error, failure, "the answer of IAM Identity Center %s", wrong)
           : failure != 0 ? dsql__fail_nomem(error)
                          : 0;
}

static int
ask(const struct dsql__source_request *request, const struct settings *settings,
    const struct dsql__service *service, const char *token, struct dsql_http_response *response,
    struct dsql_error *error)
{
    static const char name[] = "x-amz-sso_bearer_token: ";
    struct dsql__buffer url = {0}, header = {0};
    dsql__buffer_put(&header, name, sizeof name - 1);
    dsql__put_string(&header, token);
    dsql__buffer_put(&url, service->url, strlen(service->url));
    dsql__buffer_put(&url, "/federation/credentials?role_name=", 34);
    dsql__put_encoded(&url, settings->values[ROLE]);
    dsql__buffer_put(&url, "&account_id=", 12);
    dsql__put_encoded(&url, settings->values[ACCOUNT]);
    dsql__put_byte(&url, '\0');
    int failure;
    if (url.failed || header.failed) {
        failure = dsql__fail_nomem(error);
    } else {
        const char *const headers[] = {dsql__buffer_begin(&header), "Accept: application/json",
                                       NULL};
        struct dsql__exchange exchange = {
            .what = "IAM Identity Center",
            .method = "GET",
            .url = dsql__buffer_begin(&url),
            .headers = headers,
            .ca_file = service->ca_file,
            .timeout_ms = TIMEOUT_MS,
            .attempts = ATTEMPTS,
        };
        failure = dsql__http_exchange(request->env, &exchange, response, error);
    }
    dsql__buffer_clear(&url);
    dsql__buffer_clear(&header);
    return failure;
}

static int
sign_in(const struct dsql__source_request *request, const struct settings *settings,
        struct dsql_credentials *credentials, struct dsql_error *error)
{
    struct dsql_http_response response;
    struct dsql__service service;
    const struct dsql__sso_session session = {
        .name = settings->session,
        .start_url = settings->values[START_URL],
        .region = settings->values[REGION],
    };
    char *token = NULL;
    int failure = request->outside->forbidden
                      ? DSQL__OUTSIDE
                      : dsql__sso_token_read(request, &session, &token, error);
    if (failure != 0) {
        return failure; /* of the cache, not of the portal: no reason to leave that alone */
    }
    failure = dsql__ask_outside(request);
    if (failure == 0) {
        failure = dsql__service_find(request, "sso", settings->values[REGION], &service, error);
    }
    if (failure == 0) {
        failure = ask(request, settings, &service, token, &response, error);
        if (failure == 0) {
            failure = read_answer(request, &response, credentials, error);
            dsql__http_clear(&response);
        }
        dsql__service_clear(&service);
    }
    dsql__wipe_free(token);
    return failure;
}

int
dsql__source_sso(struct dsql__source_request *request, struct dsql_credentials *credentials,
                 struct dsql_error *error)
{
    const struct dsql__profile *profile = request->profile;
    struct settings settings = {0};
    if (!dsql__profile_has(profile, keys[ROLE]) && !dsql__profile_has(profile, keys[ACCOUNT])) {
        return DSQL__NEXT;
    }
    int failure = read_values(profile, &settings, error);
    if (failure == 0) {
        failure = sign_in(request, &settings, credentials, error);
    }
    settings_clear(&settings);
    credentials->source = "sso";
    return failure;
}

int
dsql__source_login(struct dsql__source_request *request, struct dsql_credentials *credentials,
                   struct dsql_error *error)
{
    (void)credentials;
    if (!dsql__profile_has(request->profile, "login_session")) {
        return DSQL__NEXT;
    }
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "the profile \"%.60s\" gets its keys by `aws login`, which only the AWS "
                      "programs can read: run `aws configure export-credentials --profile %.60s "
                      "--format env` and use the keys that it prints",
                      request->profile->name, request->profile->name);
}
