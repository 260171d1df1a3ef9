/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How the library's own files report failures, and small helpers that deal
 * with secrets. */
#ifndef DSQL_ERROR_H
#define DSQL_ERROR_H

#include "dsql.h"

/* Fills error (which may be NULL) and returns code. The message must not hold
 * secrets. */
int dsql__fail(struct dsql_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* DSQL_E_NOMEM with its sentence. */
int dsql__fail_nomem(struct dsql_error *error);

/* Wipes a string and frees it. NULL is allowed. */
void dsql__wipe_free(char *string);

#endif
