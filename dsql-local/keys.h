/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who may sign in: the key pairs of the credentials file, and the judgement of
 * a token against them. */
#ifndef DSQL_LOCAL_KEYS_H
#define DSQL_LOCAL_KEYS_H

#include <stdint.h>

#include "dsql.h"

/* A key pair; the strings belong to the struct local_keys. */
struct local_key {
    char *access_key;
    char *secret_key;
    char *session_token; /* "": none */
    char *arn;           /* the key `dsql_arn` of its profile; "" when there is none */
};

/* The key pairs of the credentials file, read again when the file changes. */
struct local_keys;

/* Makes the file (0600) with one random key pair, unless it is there. */
DSQL_MUST_CHECK int local_keys_make(const char *credentials_file, struct dsql_error *error);
DSQL_MUST_CHECK int local_keys_open(const char *credentials_file, struct local_keys **keys,
                                    struct dsql_error *error);
void local_keys_close(struct local_keys *keys);
/* NULL when no profile has this access key. Borrowed until the next call. */
const struct local_key *local_keys_find(struct local_keys *keys, const char *access_key);

struct local_sign_in {
    const char *token;
    size_t token_length;
    const char *user;       /* of the start-up packet */
    const char *sni;        /* "" when the client sent none */
    const char *cluster_id; /* of this endpoint */
    const char *region;
    int64_t now;
};

/* Judges a token. 0: welcome, and arn holds the key pair's dsql_arn ("" when
 * its profile has none). DSQL_E_CREDENTIALS: refused, error->message is the
 * text for the HINT of the service's 08006. The signature is compared in
 * constant time; nothing of the token is echoed but its date and its names. */
DSQL_MUST_CHECK int local_sign_in_verify(struct local_keys *keys,
                                         const struct local_sign_in *sign_in, char *arn,
                                         size_t arn_size, struct dsql_error *error);

#endif
