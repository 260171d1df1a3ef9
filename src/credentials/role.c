/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Profiles with role_arn: the keys of another profile or source, with which AWS
 * STS is asked for those of the role. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "service.h"

#define CHAIN_MAX 32 /* no sane chain of profiles is longer */
#define DURATION_LEAST 900

/* The profiles on the way here. */
struct visited {
    const char *name;
    const struct visited *before;
};

struct settings {
    char *source_profile, *credential_source, *arn, *session_name, *external_id, *mfa, *duration;
};

static int
settings_read(const struct dsql__profile *profile, struct settings *settings)
{
    const struct {
        const char *key;
        char **value;
    } wanted[] = {
        {"source_profile", &settings->source_profile},
        {"credential_source", &settings->credential_source},
        {"role_arn", &settings->arn},
        {"role_session_name", &settings->session_name},
        {"external_id", &settings->external_id},
        {"mfa_serial", &settings->mfa},
        {"duration_seconds", &settings->duration},
    };
    int failure = 0;
    memset(settings, 0, sizeof *settings);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && failure == 0; i++) {
        failure = dsql__profile_copy(profile, wanted[i].key, wanted[i].value);
    }
    return failure;
}

static void
settings_clear(struct settings *settings)
{
    free(settings->source_profile);
    free(settings->credential_source);
    free(settings->arn);
    free(settings->session_name);
    dsql__wipe_free(settings->external_id);
    free(settings->mfa);
    free(settings->duration);
}

static bool
has_static_keys(const struct dsql__profile *profile)
{
    return dsql__profile_has(profile, "aws_access_key_id") ||
           dsql__profile_has(profile, "aws_secret_access_key");
}

/* A web identity goes before the role's other keys. */
static bool
has_role(const struct dsql__profile *profile)
{
    return dsql__profile_has(profile, "role_arn") &&
           !dsql__profile_has(profile, "web_identity_token_file");
}

/* Something that is no number is passed over, as botocore does. One that no role
 * can have is DSQL_E_CREDENTIALS. */
static int
read_duration(const struct dsql__profile *profile, const char *text, long *duration,
              struct dsql_error *error)
{
    char *end;
    *duration = 0;
    if (text == NULL || *text == '\0') {
        return 0;
    }
    errno = 0;
    long read = strtol(text, &end, 10);
    if (*end != '\0') {
        return 0;
    }
    if (errno != 0 || read < DURATION_LEAST) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "the profile \"%.60s\" has duration_seconds = %.30s: AWS STS gives keys "
                          "for 900 seconds at least",
                          profile->name, text);
    }
    *duration = read;
    return 0;
}

static int
check(const struct dsql__profile *profile, const struct settings *settings,
      struct dsql_error *error)
{
    const char *other = settings->source_profile, *source = settings->credential_source;
    if ((other != NULL) == (source != NULL)) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "the profile \"%.60s\" has role_arn with %s source_profile %s "
                          "credential_source: give one of them",
                          profile->name, other != NULL ? "both" : "neither",
                          other != NULL ? "and" : "nor");
    }
    if (settings->mfa != NULL) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "the role of the profile \"%.60s\" asks for an MFA code (mfa_serial), "
                          "which cannot be typed in here: run `aws configure export-credentials "
                          "--profile %.60s --format env` and use the keys that it prints",
                          profile->name, profile->name);
    }
    return 0;
}

static int assume(struct dsql__source_request *request, const struct visited *visited,
                  struct dsql_credentials *credentials, struct dsql_error *error);

/* 0, or a failure when the profile has been on the way already: but a profile
 * may name itself for keys that stand in it. */
static int
check_loop(const struct visited *visited, const struct dsql__profile *source,
           struct dsql_error *error)
{
    int length = 0;
    for (const struct visited *at = visited; at != NULL; at = at->before, length++) {
        bool itself = at == visited && has_static_keys(source);
        if ((strcmp(at->name, source->name) == 0 && !itself) || length == CHAIN_MAX) {
            return dsql__fail(error, DSQL_E_CREDENTIALS,
                              "source_profile of the profile \"%.60s\" leads back to \"%.60s\": no "
                              "profile in that chain has keys of its own",
                              visited->name, source->name);
        }
    }
    return 0;
}

static int
keys_of_profile(struct dsql__source_request *request, const struct visited *visited,
                const char *name, struct dsql_credentials *keys, struct dsql_error *error)
{
    struct dsql__profile source;
    if (!dsql__profile_view(request->profile, name, &source)) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "the profile \"%.60s\" names source_profile = %.60s, which is in neither "
                          "file",
                          visited->name, name);
    }
    int failure = check_loop(visited, &source, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__source_request other = *request;
    other.profile = &source;
    if (has_role(&source) && !has_static_keys(&source)) {
        struct visited here = {name, visited};
        return assume(&other, &here, keys, error);
    }
    failure = dsql__profile_keys(&other, keys, error);
    if (failure == DSQL__NEXT) {
        failure = dsql__fail(error, DSQL_E_CREDENTIALS,
                             "the profile \"%.60s\", which is the source_profile of \"%.60s\", has "
                             "no keys: give it some",
                             name, visited->name);
    }
    return failure;
}

static int
keys_of_source(struct dsql__source_request *request, const char *name,
               struct dsql_credentials *keys, struct dsql_error *error)
{
    int failure;
    if (strcmp(name, "Environment") == 0) {
        failure = dsql__environment_keys(request->env, keys, error);
    } else if (strcmp(name, "EcsContainer") == 0) {
        failure = dsql__source_container(request, keys, error);
    } else if (strcmp(name, "Ec2InstanceMetadata") == 0) {
        failure = dsql__source_metadata(request, keys, error);
    } else {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "the profile \"%.60s\" has credential_source = %.60s: it must be "
                          "Environment, EcsContainer or Ec2InstanceMetadata",
                          request->profile->name, name);
    }
    if (failure == DSQL__NEXT) {
        failure = dsql__fail(error, DSQL_E_CREDENTIALS,
                             "the profile \"%.60s\" has credential_source = %.60s, where there are "
                             "no keys%s%s",
                             request->profile->name, name,
                             *request->no_metadata != '\0' ? ": " : "", request->no_metadata);
    }
    return failure;
}

/* The role of request->profile, the first of visited. */
static int
assume(struct dsql__source_request *request, const struct visited *visited,
       struct dsql_credentials *credentials, struct dsql_error *error)
{
    struct dsql_credentials keys = {0};
    struct settings settings;
    long duration = 0;
    int failure = settings_read(request->profile, &settings);
    if (failure != 0) {
        failure = dsql__fail_nomem(error);
    } else {
        failure = check(request->profile, &settings, error);
    }
    if (failure == 0) {
        failure = read_duration(request->profile, settings.duration, &duration, error);
    }
    if (failure == 0) {
        failure = settings.source_profile != NULL
                      ? keys_of_profile(request, visited, settings.source_profile, &keys, error)
                      : keys_of_source(request, settings.credential_source, &keys, error);
    }
    if (failure == 0) {
        struct dsql__role role = {
            .arn = settings.arn,
            .session_name = settings.session_name,
            .external_id = settings.external_id,
            .duration = duration,
        };
        failure = dsql__sts_assume(request, &role, &keys, credentials, error);
    }
    dsql_credentials_clear(&keys);
    settings_clear(&settings);
    credentials->source = "assume-role";
    return failure;
}

int
dsql__source_role(struct dsql__source_request *request, struct dsql_credentials *credentials,
                  struct dsql_error *error)
{
    struct visited here = {request->profile->name, NULL};
    return has_role(request->profile) ? assume(request, &here, credentials, error) : DSQL__NEXT;
}
