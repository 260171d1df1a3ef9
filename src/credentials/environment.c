/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and a session token. A
 * profile that the caller names goes before them. */
#include <stdlib.h>

#include "../env.h"
#include "../error.h"
#include "source.h"

static int
copy_token(const struct dsql_env *env, char **token)
{
    int failure = dsql__env_copy(env, "AWS_SECURITY_TOKEN", token); /* the older name wins */
    if (failure == 0 && *token == NULL) {
        failure = dsql__env_copy(env, "AWS_SESSION_TOKEN", token);
    }
    return failure;
}

static int
read_expiration(const struct dsql_env *env, int64_t *expires, struct dsql_error *error)
{
    char *text;
    if (dsql__env_copy(env, "AWS_CREDENTIAL_EXPIRATION", &text) != 0) {
        return dsql__fail_nomem(error);
    }
    bool good = text == NULL || dsql__time_parse(text, expires);
    free(text);
    return good ? 0
                : dsql__fail(error, DSQL_E_CREDENTIALS,
                             "AWS_CREDENTIAL_EXPIRATION is no time like 2026-11-25T12:00:00Z: "
                             "correct or unset it");
}

int
dsql__environment_keys(const struct dsql_env *env, struct dsql_credentials *credentials,
                       struct dsql_error *error)
{
    if (dsql__env_copy(env, "AWS_ACCESS_KEY_ID", &credentials->access_key) != 0 ||
        dsql__env_copy(env, "AWS_SECRET_ACCESS_KEY", &credentials->secret_key) != 0 ||
        copy_token(env, &credentials->session_token) != 0) {
        return dsql__fail_nomem(error);
    }
    if (credentials->access_key == NULL) {
        return DSQL__NEXT;
    }
    if (credentials->secret_key == NULL) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not: set both or "
                          "neither");
    }
    credentials->source = "environment";
    return read_expiration(env, &credentials->expires_at, error);
}

int
dsql__source_environment(struct dsql__source_request *request, struct dsql_credentials *credentials,
                         struct dsql_error *error)
{
    return request->profile->by_caller ? DSQL__NEXT
                                       : dsql__environment_keys(request->env, credentials, error);
}
