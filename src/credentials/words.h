/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A command line into words, as a POSIX shell does it without expanding
 * anything, and as Python's shlex.split() does. */
#ifndef DSQL_WORDS_H
#define DSQL_WORDS_H

#include "dsql.h"

/* *words: the words, then NULL, in one block: returned - caller frees with
 * free(). 0, DSQL_E_NOMEM, or DSQL_E_CONFIG where a quote is not closed. */
DSQL_MUST_CHECK int dsql__words_split(const char *line, char ***words);

#endif
