/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A statement's parse tree by libpg_query; see parser.h. */
#include "parser.h"

#include <stdio.h>
#include <string.h>

#include <pg_query.h>

#include "lexer.h"

/* libpg_query writes a tree out by recursion and does not watch its stack: it
 * dies of "1+1+1+..." with 65,000 signs on the usual 8 MB. */
#define TOKENS_MAX 20000
#define BRACKETS_MAX 64

/* Whether expressions could nest deeper than is safe: every token may be a
 * level. What a comma parts lies side by side; not so the queries of a UNION,
 * which have commas of their own. Brackets alone are the grammar's to limit. */
static bool
is_too_deep(const char *sql)
{
    size_t length = strlen(sql), levels[BRACKETS_MAX + 1] = {0}, depth = 0, total = 0;
    struct lexer lexer;
    struct lexer_token token;
    if (length < TOKENS_MAX) {
        return false;
    }
    lexer_init(&lexer, sql, length);
    while (total < TOKENS_MAX && (token = lexer_next(&lexer)).kind != LEXER_END) {
        size_t *level = &levels[depth < BRACKETS_MAX ? depth : BRACKETS_MAX];
        bool closes = lexer_is_symbol(token, ')') || lexer_is_symbol(token, ']');
        if (lexer_is(token, "union") || lexer_is(token, "intersect") || lexer_is(token, "except")) {
            total++;
        } else if (lexer_is_symbol(token, '(') || lexer_is_symbol(token, '[')) {
            depth++;
        } else if (closes || lexer_is_symbol(token, ',')) {
            if (depth <= BRACKETS_MAX) {
                total -= *level;
                *level = 0;
            }
            depth -= closes && depth > 0;
        } else {
            ++*level;
            total++;
        }
    }
    return total >= TOKENS_MAX;
}

int
parser_read(const char *sql, struct arena *arena, const struct tree **node)
{
    struct tree *tree = NULL;
    *node = NULL;
    if (is_too_deep(sql)) {
        return DSQL_E_PROTOCOL;
    }
    PgQueryParseResult result = pg_query_parse(sql);
    int failure = result.error != NULL || result.parse_tree == NULL ? DSQL_E_PROTOCOL : 0;
    if (failure == 0) {
        failure = tree_read(result.parse_tree, strlen(result.parse_tree), arena, &tree);
    }
    pg_query_free_parse_result(result);
    if (failure == 0) {
        const struct tree *list = tree_get(tree, "stmts");
        *node = list != NULL ? tree_get(list->first, "stmt") : NULL;
        failure = tree_count(list) > 1 ? DSQL_E_PROTOCOL : 0;
    }
    return failure;
}

/* libpg_query counts characters, from 1. */
static size_t
byte_of(const char *sql, int character)
{
    size_t at = 0;
    for (int left = character; sql[at] != '\0'; at++) {
        left -= ((unsigned char)sql[at] & 0xC0) != 0x80;
        if (left <= 0) {
            return at;
        }
    }
    return at;
}

void
parser_explain(const char *sql, char *message, size_t size, size_t *at)
{
    *at = 0;
    snprintf(message, size, "%s", "it nests too deeply to be read");
    if (is_too_deep(sql)) {
        return;
    }
    PgQueryParseResult result = pg_query_parse(sql);
    if (result.error != NULL) {
        snprintf(message, size, "%s", result.error->message);
        *at = result.error->cursorpos > 0 ? byte_of(sql, result.error->cursorpos) : 0;
    }
    pg_query_free_parse_result(result);
}
