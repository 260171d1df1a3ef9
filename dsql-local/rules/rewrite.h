/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What PostgreSQL is to run where the service's SQL is not PostgreSQL's. */
#ifndef DSQL_LOCAL_REWRITE_H
#define DSQL_LOCAL_REWRITE_H

#include "check.h"

/* Puts DSQL's forms into PostgreSQL's, in check->statement->sql, which is written
 * to. True when the statement is thereby settled. */
bool rewrite_syntax(struct check *check);

/* Gives the NUMERIC columns noted in check->numerics the precision that the
 * service gives them. */
void rewrite_numerics(struct check *check);

#endif
