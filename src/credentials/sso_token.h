/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The token of IAM Identity Center that `aws sso login` left, and renewing it. */
#ifndef DSQL_SSO_TOKEN_H
#define DSQL_SSO_TOKEN_H

#include "source.h"

struct dsql__sso_session {
    const char *name; /* NULL: the older form, which cannot be renewed */
    const char *start_url, *region;
};

/* *token is returned - caller frees with dsql__wipe_free(). One that is near its
 * end is renewed where that is possible, and put back for others. */
DSQL_MUST_CHECK int dsql__sso_token_read(const struct dsql__source_request *request,
                                         const struct dsql__sso_session *session, char **token,
                                         struct dsql_error *error);
/* The sentence that says what to run. */
int dsql__sso_not_signed_in(const struct dsql__profile *profile, const char *why,
                            struct dsql_error *error);

#endif
