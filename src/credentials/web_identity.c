/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A role for whoever has the token in a file (EKS, CI systems): by AWS_ROLE_ARN
 * and AWS_WEB_IDENTITY_TOKEN_FILE, or by the same keys of the profile. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../env.h"
#include "../error.h"
#include "service.h"

/* A variable that is set wins, also an empty one, unless the caller named the
 * profile. */
static int
look_up(const struct dsql__source_request *request, const char *variable, const char *key,
        char **value)
{
    const char *set =
        request->profile->by_caller ? NULL : request->env->get(request->env->context, variable);
    if (set == NULL) {
        return dsql__profile_copy(request->profile, key, value);
    }
    *value = strdup(set);
    return *value != NULL ? 0 : DSQL_E_NOMEM;
}

static int
read_token(const struct dsql__source_request *request, const char *path, char **token,
           struct dsql_error *error)
{
    size_t size;
    int failure = request->env->read_file(request->env->context, path, token, &size);
    if (failure == DSQL_E_NOMEM) {
        return dsql__fail_nomem(error);
    }
    if (failure != 0) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "the web identity token file %.300s cannot be read: correct "
                          "AWS_WEB_IDENTITY_TOKEN_FILE or web_identity_token_file",
                          path);
    }
    if (size == 0 || strlen(*token) != size) {
        OPENSSL_cleanse(*token, size);
        free(*token);
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "the web identity token file %.300s holds no token", path);
    }
    return 0;
}

static int
assume(const struct dsql__source_request *request, const char *path, const char *arn,
       const char *session_name, struct dsql_credentials *credentials, struct dsql_error *error)
{
    char *token;
    if (arn == NULL || *arn == '\0') {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "there is a web identity token file but no role for it: set AWS_ROLE_ARN "
                          "or role_arn");
    }
    int failure = dsql__ask_outside(request);
    if (failure == 0) {
        failure = read_token(request, path, &token, error);
    }
    if (failure != 0) {
        return failure;
    }
    struct dsql__role role = {.arn = arn, .session_name = session_name, .web_token = token};
    failure = dsql__sts_assume(request, &role, NULL, credentials, error);
    dsql__wipe_free(token);
    credentials->source = "web-identity";
    return failure;
}

int
dsql__source_web_identity(struct dsql__source_request *request,
                          struct dsql_credentials *credentials, struct dsql_error *error)
{
    char *path = NULL, *arn = NULL, *session_name = NULL;
    int failure = look_up(request, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file", &path);
    if (failure == 0) {
        failure = look_up(request, "AWS_ROLE_ARN", "role_arn", &arn);
    }
    if (failure == 0) {
        failure = look_up(request, "AWS_ROLE_SESSION_NAME", "role_session_name", &session_name);
    }
    if (failure != 0) {
        failure = dsql__fail_nomem(error);
    } else if (path == NULL || *path == '\0') {
        failure = DSQL__NEXT;
    } else {
        failure = assume(request, path, arn, session_name, credentials, error);
    }
    free(path);
    free(arn);
    free(session_name);
    return failure;
}
