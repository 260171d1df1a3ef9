/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SQL taken apart as far as quotes and comments go. */
#ifndef DSQL_SQLSCAN_H
#define DSQL_SQLSCAN_H

/* A part of a text; borrowed. */
struct dsql__text {
    const char *at, *end;
};

/* Takes the next thing that counts from the text: a word, a string or a name in
 * quotes (which begin with the quote, '\'' also for E'...'), a $tag$ string, or
 * another character. What lies before it are blanks and comments. Empty at the
 * end. */
struct dsql__text dsql__sql_next(struct dsql__text *text);

#endif
