/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Splitting a command line; see words.h. */
#include "words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Up to the closing quote; NULL without one. In "..." a backslash keeps its
 * meaning before " and itself only. */
static const char *
copy_quoted(const char *at, char quote, char **to)
{
    while (*at != quote) {
        if (*at == '\\' && quote == '"' && (at[1] == '"' || at[1] == '\\')) {
            at++;
        }
        if (*at == '\0') {
            return NULL;
        }
        *(*to)++ = *at++;
    }
    return at + 1;
}

static const char *
copy_word(const char *at, char **to)
{
    while (at != NULL && *at != '\0' && !is_space(*at)) {
        if (*at == '"' || *at == '\'') {
            at = copy_quoted(at + 1, *at, to);
            continue;
        }
        if (*at == '\\' && *++at == '\0') {
            return NULL;
        }
        *(*to)++ = *at++;
    }
    *(*to)++ = '\0';
    return at;
}

int
dsql__words_split(const char *line, char ***words)
{
    /* Each word takes a byte of the line and one to part it from the next. */
    size_t length = strlen(line), most = length / 2 + 1, count = 0;
    *words = malloc((most + 1) * sizeof(char *) + length + 2);
    if (*words == NULL) {
        return DSQL_E_NOMEM;
    }
    char *to = (char *)(*words + most + 1);
    while (line != NULL) {
        while (is_space(*line)) {
            line++;
        }
        if (*line == '\0') {
            break;
        }
        (*words)[count++] = to;
        line = copy_word(line, &to);
    }
    if (line == NULL) {
        free(*words);
        *words = NULL;
        return DSQL_E_CONFIG;
    }
    (*words)[count] = NULL;
    return 0;
}
