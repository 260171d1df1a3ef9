/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The parameters of PostgreSQL's other drivers for Python, %s and %(name)s, and
 * %% for a percent sign, in a text that is meant for $1, $2. */
#ifndef DSQL_PLACEHOLDERS_H
#define DSQL_PLACEHOLDERS_H

#include "dsql.h"
#include "sqlscan.h"
#include "wire.h"

struct dsql__placeholders {
    struct dsql__buffer text; /* with $1, $2, ... */
    struct dsql__text *names; /* what each stands for, into the text that was read; a name has
                                 one number however often it comes; empty for a %s */
    size_t count, size;
};

/* Reads a text, whose length is borrowed with it as long as the names are used.
 * count is 0 when there is nothing to replace, or when the text has $1 of its own:
 * then it is to be used as it is. 0 or DSQL_E_NOMEM; cleared by the caller with
 * dsql__placeholders_clear() in either case. */
DSQL_MUST_CHECK int dsql__placeholders_read(const char *sql, size_t length,
                                            struct dsql__placeholders *found);
void dsql__placeholders_clear(struct dsql__placeholders *found);

#endif
