/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* AWS Signature Version 4, query-string form, as Aurora DSQL's tokens use it:
 * a GET of / with one signed header (host) and an empty body. Each stage is a
 * function of its own, so that a test can name the stage that differs. Signs
 * for the client and verifies for dsql-local; requests to AWS STS are signed with
 * the same stages, from a canonical request of their own. Source: AWS General Reference,
 * "Signature Version 4"; emission order as botocore has it. */
#ifndef DSQL_SIGV4_H
#define DSQL_SIGV4_H

#include "wire.h"

/* All strings borrowed. */
struct dsql__sigv4 {
    const char *host; /* with a port where one is signed */
    const char *region;
    const char *action; /* DbConnect or DbConnectAdmin */
    const char *access_key;
    const char *secret_key;
    const char *session_token; /* NULL: none */
    char date[17];             /* YYYYMMDDThhmmssZ */
    int64_t expires;           /* seconds */
    const char *service;       /* NULL: "dsql" */
};

#define DSQL__SIGNATURE_SIZE 65 /* 64 hex digits and a NUL */

/* Fills date; DSQL_E_INVALID for a time outside the years 1970 to 9999. */
DSQL_MUST_CHECK int dsql__sigv4_set_date(struct dsql__sigv4 *request, int64_t now);

/* Appends value with everything but A-Z a-z 0-9 - _ . ~ percent-encoded. */
void dsql__put_encoded(struct dsql__buffer *buffer, const char *value);

/* The canonical request, and what is signed of it, appended to out. */
void dsql__sigv4_canonical(const struct dsql__sigv4 *request, struct dsql__buffer *out);
DSQL_MUST_CHECK int dsql__sigv4_string_to_sign(const struct dsql__sigv4 *request,
                                               const char *canonical, size_t length,
                                               struct dsql__buffer *out);
/* 0, DSQL_E_NOMEM or DSQL_E_CRYPTO. */
DSQL_MUST_CHECK int dsql__sigv4_sign(const struct dsql__sigv4 *request,
                                     char signature[DSQL__SIGNATURE_SIZE]);
/* The same of a canonical request that the caller made, of any kind. */
DSQL_MUST_CHECK int dsql__sigv4_sign_canonical(const struct dsql__sigv4 *request,
                                               const char *canonical, size_t length,
                                               char signature[DSQL__SIGNATURE_SIZE]);
/* SHA-256 in hexadecimal digits; 0 or DSQL_E_CRYPTO. */
DSQL_MUST_CHECK int dsql__sigv4_hash(const void *bytes, size_t length,
                                     char hex[DSQL__SIGNATURE_SIZE]);
/* The token: host, path and query as botocore emits them, with the signature. */
void dsql__sigv4_token(const struct dsql__sigv4 *request, const char *signature,
                       struct dsql__buffer *out);

#endif
