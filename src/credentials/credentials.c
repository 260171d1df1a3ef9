/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The chain of sources, and the region that the same files name. */
#include <stdio.h>
#include <string.h>

#include "../env.h"
#include "../error.h"
#include "metadata.h"
#include "search.h"

/* In the order in which they are asked. */
static dsql__source *const of_profile[] = {
    dsql__source_web_identity, dsql__source_sso,     dsql__source_credentials_file,
    dsql__source_login,        dsql__source_process, dsql__source_config_file,
};

static int
ask_all(dsql__source *const *sources, size_t count, struct dsql__source_request *request,
        struct dsql_credentials *credentials, struct dsql_error *error)
{
    int failure = DSQL__NEXT;
    for (size_t i = 0; i < count && failure == DSQL__NEXT; i++) {
        dsql_credentials_clear(credentials);
        failure = sources[i](request, credentials, error);
    }
    return failure;
}

int
dsql__profile_keys(struct dsql__source_request *request, struct dsql_credentials *credentials,
                   struct dsql_error *error)
{
    return ask_all(of_profile, sizeof of_profile / sizeof of_profile[0], request, credentials,
                   error);
}

static dsql__source *const chain[] = {
    dsql__source_environment, dsql__source_role,     dsql__profile_keys,
    dsql__source_container,   dsql__source_metadata,
};

int
dsql_credentials_set(struct dsql_credentials *credentials, const char *access_key,
                     const char *secret_key, const char *session_token, struct dsql_error *error)
{
    memset(credentials, 0, sizeof *credentials);
    if (access_key == NULL || *access_key == '\0' || secret_key == NULL || *secret_key == '\0') {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "an access key and its secret key must be given together");
    }
    credentials->access_key = strdup(access_key);
    credentials->secret_key = strdup(secret_key);
    bool token = session_token != NULL && *session_token != '\0';
    credentials->session_token = token ? strdup(session_token) : NULL;
    if (credentials->access_key == NULL || credentials->secret_key == NULL ||
        (token && credentials->session_token == NULL)) {
        dsql_credentials_clear(credentials);
        return dsql__fail_nomem(error);
    }
    credentials->source = "argument";
    return 0;
}

void
dsql_credentials_clear(struct dsql_credentials *credentials)
{
    if (credentials != NULL) {
        dsql__wipe_free(credentials->access_key);
        dsql__wipe_free(credentials->secret_key);
        dsql__wipe_free(credentials->session_token);
        memset(credentials, 0, sizeof *credentials);
    }
}

static int
fail_without_keys(const struct dsql__source_request *request, struct dsql_error *error)
{
    const struct dsql__profile *profile = request->profile;
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
                      "keys under the profile \"%.60s\" into %.100s or %.100s%s%s",
                      profile->name,
                      profile->credentials.path ? profile->credentials.path : "~/.aws/credentials",
                      profile->config.path ? profile->config.path : "~/.aws/config",
                      *request->no_metadata != '\0' ? "; " : "", request->no_metadata);
}

/* Keys that are past their end sign nothing. */
static int
check_expiry(const struct dsql_credentials *credentials, const struct dsql_env *env,
             struct dsql_error *error)
{
    if (credentials->expires_at == 0 || credentials->expires_at > env->now(env->context)) {
        return 0;
    }
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "the keys that come from %s have expired already: get new ones, and check "
                      "this machine's clock",
                      credentials->source);
}

int
dsql__credentials_search(struct dsql_credentials *credentials,
                         const struct dsql_credentials_options *options, const struct dsql_env *env,
                         struct dsql__outside *outside, struct dsql_error *error)
{
    struct dsql__profile profile;
    memset(credentials, 0, sizeof *credentials);
    int failure = dsql__profile_open(options, env, &profile, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__source_request request = {
        .env = env,
        .profile = &profile,
        .settings = &profile,
        .outside = outside,
    };
    failure = ask_all(chain, sizeof chain / sizeof chain[0], &request, credentials, error);
    if (failure == DSQL__NEXT) {
        failure = fail_without_keys(&request, error);
    }
    if (failure == 0) {
        failure = check_expiry(credentials, env, error);
    }
    if (failure != 0) {
        dsql_credentials_clear(credentials);
    }
    dsql__profile_clear(&profile);
    return failure;
}

int
dsql_credentials_load(struct dsql_credentials *credentials,
                      const struct dsql_credentials_options *options, const struct dsql_env *env,
                      struct dsql_error *error)
{
    struct dsql_env whole = dsql__env_complete(env);
    struct dsql__outside outside = {0};
    return dsql__credentials_search(credentials, options, &whole, &outside, error);
}

/* ------------------------------------------------------------------ region */

static int
find_region(char *region, size_t size, const struct dsql_credentials_options *options,
            const struct dsql_env *env, bool ask_instance, struct dsql_error *error)
{
    struct dsql__profile profile;
    struct dsql__outside outside = {.forbidden = !ask_instance};
    int failure = dsql__profile_open(options, env, &profile, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__ini_text found = dsql__profile_get(&profile, "region");
    if (found.at != NULL && found.length > 0) {
        snprintf(region, size, "%.*s", (int)found.length, found.at);
    } else if (ask_instance) {
        struct dsql__source_request request = {
            .env = env,
            .profile = &profile,
            .settings = &profile,
            .outside = &outside,
        };
        failure = dsql__metadata_region(&request, region, size, error);
        failure = failure > 0 ? 0 : failure;
    }
    dsql__profile_clear(&profile);
    return failure;
}

static int
load_region(char *region, size_t size, const struct dsql_credentials_options *options,
            const struct dsql_env *env, bool ask_instance, struct dsql_error *error)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    struct dsql_env whole = dsql__env_complete(env);
    region[0] = '\0';
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = whole.get(whole.context, variables[i]);
        if (value != NULL && *value != '\0') {
            snprintf(region, size, "%s", value);
            return 0;
        }
    }
    return find_region(region, size, options, &whole, ask_instance, error);
}

int
dsql_region_load(char *region, size_t size, const struct dsql_credentials_options *options,
                 const struct dsql_env *env, struct dsql_error *error)
{
    return load_region(region, size, options, env, false, error);
}

int
dsql_region_find(char *region, size_t size, const struct dsql_credentials_options *options,
                 const struct dsql_env *env, struct dsql_error *error)
{
    return load_region(region, size, options, env, true, error);
}
