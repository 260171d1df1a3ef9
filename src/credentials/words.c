/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Splitting a command line; see words.h. */
#include "words.h"

#include <stdlib.h>
#include <string.h>

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Within quotes. In "..." a backslash keeps its meaning before " and itself only. */
static int
next_quoted(struct dsql__word_reader *reader, bool *closed)
{
    *closed = false;
    if (reader->at == reader->end) {
        return DSQL__WORDS_BROKEN;
    }
    char c = *reader->at++;
    if (c == reader->quote) {
        reader->quote = '\0';
        *closed = true;
        return 0;
    }
    if (c == '\\' && reader->quote == '"' && reader->at < reader->end &&
        (*reader->at == '"' || *reader->at == '\\')) {
        c = *reader->at++;
    }
    return (unsigned char)c;
}

static int
end_word(struct dsql__word_reader *reader)
{
    bool ended = reader->in_word;
    reader->in_word = false;
    return ended ? DSQL__WORD_END : DSQL__WORDS_END;
}

int
dsql__words_next(struct dsql__word_reader *reader)
{
    for (;;) {
        if (reader->quote != '\0') {
            bool closed;
            int next = next_quoted(reader, &closed);
            if (!closed) {
                return next;
            }
            continue;
        }
        if (reader->at == reader->end) {
            return end_word(reader);
        }
        char c = *reader->at++;
        if (is_space(c)) {
            if (reader->in_word) {
                return end_word(reader);
            }
            continue;
        }
        reader->in_word = true;
        if (c == '"' || c == '\'') {
            reader->quote = c;
        } else if (c != '\\') {
            return (unsigned char)c;
        } else {
            return reader->at < reader->end ? (unsigned char)*reader->at++ : DSQL__WORDS_BROKEN;
        }
    }
}

int
dsql__words_split(const char *line, char ***words)
{
    /* Each word takes a byte of the line and one to part it from the next. */
    size_t length = strlen(line), most = length / 2 + 1, count = 0;
    struct dsql__word_reader reader = {.at = line, .end = line + length};
    *words = malloc((most + 1) * sizeof(char *) + length + 2);
    if (*words == NULL) {
        return DSQL_E_NOMEM;
    }
    char *to = (char *)(*words + most + 1), *begin = to;
    int next;
    while ((next = dsql__words_next(&reader)) > DSQL__WORDS_END) {
        if (next != DSQL__WORD_END) {
            *to++ = (char)next;
            continue;
        }
        *to++ = '\0';
        (*words)[count++] = begin;
        begin = to;
    }
    if (next == DSQL__WORDS_BROKEN) {
        free(*words);
        *words = NULL;
        return DSQL_E_CONFIG;
    }
    (*words)[count] = NULL;
    return 0;
}
