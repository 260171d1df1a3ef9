/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* libpg_query, whichever version is installed (13 to 17): its JSON form names
 * nodes, members and enumerators as PostgreSQL's sources do, so that versions
 * differ in few members only; check.h has the accessors for those. */
#ifndef DSQL_LOCAL_PARSER_H
#define DSQL_LOCAL_PARSER_H

#include "tree.h"

/* Parses one statement. 0 and *node the object { "SelectStmt": ... } (NULL for an
 * empty text), DSQL_E_PROTOCOL when the grammar does not know it, when it is more
 * than one or nests too deeply, or DSQL_E_NOMEM. */
DSQL_MUST_CHECK int parser_read(const char *sql, struct arena *arena, const struct tree **node);

/* What the grammar says of a statement that it does not know, and the byte of it
 * at which it says so (0 when it does not tell). */
void parser_explain(const char *sql, char *message, size_t size, size_t *at);

#endif
