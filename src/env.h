/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The environment as the library's own files use it: a struct dsql_env with
 * every member filled. */
#ifndef DSQL_ENV_H
#define DSQL_ENV_H

#include <stdbool.h>

#include "dsql.h"

/* env (may be NULL) with the real functions for what it leaves out. */
struct dsql_env dsql__env_complete(const struct dsql_env *env);

/* Whether what a get() or read_file() answers is the real thing: what was found
 * with it may be kept. */
bool dsql__env_is_real(const struct dsql_env *env);

/* A copy of a variable's value, "" and unset alike as NULL. *value is returned
 * - caller frees with dsql__wipe_free(). 0 or DSQL_E_NOMEM. */
DSQL_MUST_CHECK int dsql__env_copy(const struct dsql_env *env, const char *name, char **value);

/* The path of a file below the home directory, NULL when that is not known; or one as
 * users write it in variables, with ~/, $NAME and ${NAME}. *path and *expanded are
 * returned - caller frees with free(). 0 or DSQL_E_NOMEM. */
DSQL_MUST_CHECK int dsql__env_home_path(const struct dsql_env *env, const char *tail, char **path);
DSQL_MUST_CHECK int dsql__env_expand(const struct dsql_env *env, const char *path, char **expanded);

/* Any number; 0 where OpenSSL has none. */
uint32_t dsql__random(void);

/* Milliseconds of a clock that only goes on: for spans, not for points in time. */
int64_t dsql__monotonic_ms(void);

#endif
