/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql_credentials_get() on a thread of its own, for a connection that is being
 * opened without blocking. */
#ifndef DSQL_FETCH_H
#define DSQL_FETCH_H

#include <stdbool.h>

#include "dsql.h"

struct dsql__fetch;

/* *fetch is returned - caller frees with dsql__fetch_free(). env is complete and
 * copied; borrowed: what it leads to belongs to the caller of the library. */
DSQL_MUST_CHECK int dsql__fetch_start(const struct dsql_credentials_options *options,
                                      const struct dsql_env *env, bool borrowed,
                                      struct dsql__fetch **fetch, struct dsql_error *error);
/* Readable when there is an answer. Owned by the fetch. */
int dsql__fetch_fd(const struct dsql__fetch *fetch);
/* 0: *credentials is filled, once; DSQL_WANT_READ: not yet; or the failure. */
DSQL_MUST_CHECK int dsql__fetch_poll(struct dsql__fetch *fetch,
                                     struct dsql_credentials *credentials,
                                     struct dsql_error *error);
/* Waits for the thread where it uses what is borrowed, else leaves it to its
 * end. NULL is allowed. */
void dsql__fetch_free(struct dsql__fetch *fetch);

#endif
