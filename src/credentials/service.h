/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where AWS's services are, and asking STS for the keys of a role. */
#ifndef DSQL_SERVICE_H
#define DSQL_SERVICE_H

#include "source.h"

struct dsql__service {
    char *url;       /* "https://sts.eu-west-1.amazonaws.com"; without a slash at its end */
    char *ca_file;   /* NULL: the machine's own authorities */
    char region[64]; /* to sign for */
};

/* The endpoint that is configured for it, or the one of its region, with FIPS
 * and dual-stack where they are asked for. name: "sts", "sso" or "sso_oidc". region
 * NULL:
 * that of the environment or the profile. Clear with dsql__service_clear(). */
DSQL_MUST_CHECK int dsql__service_find(const struct dsql__source_request *request, const char *name,
                                       const char *region, struct dsql__service *service,
                                       struct dsql_error *error);
void dsql__service_clear(struct dsql__service *service);

/* A role to be assumed. Strings are borrowed; NULL: not given. */
struct dsql__role {
    const char *arn, *session_name, *external_id;
    long duration;         /* seconds; 0: the service's own */
    const char *web_token; /* with it, not keys, the request identifies itself */
};

/* AssumeRole, signed with keys, or AssumeRoleWithWebIdentity. */
DSQL_MUST_CHECK int dsql__sts_assume(const struct dsql__source_request *request,
                                     const struct dsql__role *role,
                                     const struct dsql_credentials *keys,
                                     struct dsql_credentials *credentials,
                                     struct dsql_error *error);

#endif
