/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A line into words, as a POSIX shell does it without expanding anything, and as
 * Python's shlex.split() does: command lines, and the headings of AWS's files. */
#ifndef DSQL_WORDS_H
#define DSQL_WORDS_H

#include <stdbool.h>

#include "dsql.h"

struct dsql__word_reader {
    const char *at, *end;
    bool in_word;
    char quote; /* that is open, or 0 */
};

#define DSQL__WORD_END (-1)
#define DSQL__WORDS_END (-2)
#define DSQL__WORDS_BROKEN (-3) /* a quote is not closed, or a backslash is the last byte */

/* The next byte of a word, or one of the above. */
int dsql__words_next(struct dsql__word_reader *reader);

/* *words: the words, then NULL, in one block: returned - caller frees with
 * free(). 0, DSQL_E_NOMEM, or DSQL_E_CONFIG where a quote is not closed. */
DSQL_MUST_CHECK int dsql__words_split(const char *line, char ***words);

#endif
