/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Syntax of PostgreSQL 16, which the service and the server have, for a parser
 * that may be older. */
#ifndef DSQL_LOCAL_NEWER_H
#define DSQL_LOCAL_NEWER_H

#include "tree.h"

/* As parser_read(). A text that the grammar does not know is read once more
 * without STORAGE of a column, with numbers in plain digits, without the clauses of
 * JSON's tests and constructors, and with a name for sub-selects in FROM that have
 * none. Locations in CREATE TABLE and ALTER TABLE
 * stay those of sql. */
DSQL_MUST_CHECK int newer_read(const char *sql, struct arena *arena, const struct tree **node);

#endif
