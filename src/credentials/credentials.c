/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The chain of sources, and the region that the same files name. */
#include <stdio.h>
#include <string.h>

#include "../env.h"
#include "../error.h"
#include "source.h"

/* In the order in which they are asked. */
static dsql__source *const chain[] = {
    dsql__source_environment,
    dsql__source_credentials_file,
    dsql__source_config_file,
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

/* A profile that gets its keys in a way that is not built yet is told so. */
static int
fail_without_keys(const struct dsql__profile *profile, struct dsql_error *error)
{
    static const char *const other_ways[] = {"role_arn", "credential_process", "sso_session",
                                             "sso_start_url", "web_identity_token_file"};
    for (size_t i = 0; i < sizeof other_ways / sizeof other_ways[0]; i++) {
        bool in_config =
            profile->in_config.at != NULL &&
            dsql__ini_get(&profile->config.ini, profile->in_config, other_ways[i]).at != NULL;
        if (in_config) {
            return dsql__fail(error, DSQL_E_CREDENTIALS,
                              "the profile \"%.60s\" gets its keys by %s, which this version "
                              "cannot do: export keys into the environment, for example with "
                              "`aws configure export-credentials --format env`",
                              profile->name, other_ways[i]);
        }
    }
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
                      "keys under the profile \"%.60s\" into %.150s or %.150s",
                      profile->name,
                      profile->credentials.path ? profile->credentials.path : "~/.aws/credentials",
                      profile->config.path ? profile->config.path : "~/.aws/config");
}

int
dsql_credentials_load(struct dsql_credentials *credentials,
                      const struct dsql_credentials_options *options, const struct dsql_env *env,
                      struct dsql_error *error)
{
    struct dsql_env whole = dsql__env_complete(env);
    struct dsql__profile profile;
    memset(credentials, 0, sizeof *credentials);
    int failure = dsql__profile_open(options, &whole, &profile, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__source_request request = {&whole, &profile};
    failure = DSQL__NEXT;
    for (size_t i = 0; i < sizeof chain / sizeof chain[0] && failure == DSQL__NEXT; i++) {
        dsql_credentials_clear(credentials);
        failure = chain[i](&request, credentials, error);
    }
    if (failure == DSQL__NEXT) {
        failure = fail_without_keys(&profile, error);
    }
    if (failure != 0) {
        dsql_credentials_clear(credentials);
    }
    dsql__profile_clear(&profile);
    return failure;
}

int
dsql_region_load(char *region, size_t size, const struct dsql_credentials_options *options,
                 const struct dsql_env *env, struct dsql_error *error)
{
    struct dsql_env whole = dsql__env_complete(env);
    struct dsql__profile profile;
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    region[0] = '\0';
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = whole.get(whole.context, variables[i]);
        if (value != NULL && *value != '\0') {
            snprintf(region, size, "%s", value);
            return 0;
        }
    }
    int failure = dsql__profile_open(options, &whole, &profile, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__ini_text found = {0};
    if (profile.in_config.at != NULL) {
        found = dsql__ini_get(&profile.config.ini, profile.in_config, "region");
    }
    if (found.at == NULL && profile.in_credentials.at != NULL) {
        found = dsql__ini_get(&profile.credentials.ini, profile.in_credentials, "region");
    }
    if (found.at != NULL) {
        snprintf(region, size, "%.*s", (int)found.length, found.at);
    }
    dsql__profile_clear(&profile);
    return 0;
}
