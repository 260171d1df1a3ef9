/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Transactions that are run again: the loop, for a connection and for a pool. */
#ifndef DSQL_TRANSACTION_H
#define DSQL_TRANSACTION_H

#include "dsql.h"

/* Where the tries get their connections. */
struct dsql__source {
    void *context;
    /* For each try. 0, or the failure, which ends the tries. */
    int (*get)(void *context, struct dsql_conn **conn, struct dsql_error *error);
    /* After each try, whatever became of it. */
    void (*put)(void *context, struct dsql_conn *conn);
    int renews; /* 1: a connection that was lost is replaced by another */
};

/* As dsql_run_transaction(). */
DSQL_MUST_CHECK int dsql__run(const struct dsql__source *source, const char *begin, dsql_work *work,
                              void *context, const struct dsql_retry *retry,
                              struct dsql_error *error);

/* Reads, blocking, what was asked and not answered yet, to its end, and rolls an
 * open transaction back. Negative: the connection is over. */
DSQL_MUST_CHECK int dsql__settle(struct dsql_conn *conn, struct dsql_error *error);

#endif
