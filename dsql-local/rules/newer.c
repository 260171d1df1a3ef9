/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Newer syntax made plain; see newer.h. */
#include "newer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lexer.h"
#include "parser.h"

#define DEPTH_MAX 64
#define LONGEST_NUMBER 64
static const char name[] = " _q"; /* for a sub-select that has none */

struct plain {
    struct lexer lexer;
    struct lexer_token before; /* the token */
    char *to;
    const char *from; /* up to where the text has been put */
    bool changed;
    bool table; /* CREATE TABLE, ALTER TABLE */
    size_t depth;
    bool select[DEPTH_MAX], from_list[DEPTH_MAX]; /* what has been seen at this depth */
    bool sub[DEPTH_MAX];                          /* a bracket in FROM, around a query */
    bool json[DEPTH_MAX];                         /* one of JSON_OBJECT and its like */
};

static bool
is_any(struct lexer_token token, const char *const *words)
{
    while (*words != NULL && !lexer_is(token, *words)) {
        words++;
    }
    return *words != NULL;
}

static struct lexer_token
peek(struct lexer lexer)
{
    return lexer_next(&lexer);
}

static void
put_up_to(struct plain *plain, const char *end)
{
    plain->to = mempcpy(plain->to, plain->from, (size_t)(end - plain->from));
    plain->from = end;
}

/* In the place of a token just as many characters. */
static void
put_instead(struct plain *plain, struct lexer_token token, const char *text)
{
    put_up_to(plain, token.at);
    size_t length = strlen(text);
    memset(mempcpy(plain->to, text, length), ' ', token.length - length);
    plain->to += token.length;
    plain->from = token.at + token.length;
    plain->changed = true;
}

/* 0x1F, 0o17, 0b1, 1_000: never shorter in decimal digits. */
static void
number(struct plain *plain, struct lexer_token token)
{
    char digits[LONGEST_NUMBER + 1], value[24];
    size_t length = 0;
    if (token.length > LONGEST_NUMBER || token.length < 3) {
        return;
    }
    for (size_t i = 0; i < token.length; i++) {
        if (token.at[i] != '_') {
            digits[length++] = (char)tolower((unsigned char)token.at[i]);
        }
    }
    digits[length] = '\0';
    int base = digits[0] != '0' ? 10 : digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
    if (base == 10 || (digits[1] != 'x' && digits[1] != 'o' && digits[1] != 'b')) {
        if (length != token.length) {
            put_instead(plain, token, digits);
        }
        return;
    }
    snprintf(value, sizeof value, "%llu", strtoull(digits + 2, NULL, base));
    put_instead(plain, token, strlen(value) <= token.length ? value : "1");
}

/* column type STORAGE word */
static void
storage(struct plain *plain, struct lexer_token token)
{
    static const char *const other[] = {"set",    "table", "column", "add",        "drop",
                                        "exists", "alter", "rename", "constraint", NULL};
    struct lexer_token word = peek(plain->lexer);
    if (is_any(plain->before, other) || lexer_is_symbol(plain->before, ',') ||
        lexer_is_symbol(plain->before, '(') ||
        (word.kind != LEXER_WORD && word.kind != LEXER_QUOTED)) {
        return;
    }
    put_instead(plain, token, "");
    put_instead(plain, word, "");
    lexer_next(&plain->lexer);
}

/* ----------------------------------------------------------------------- JSON */

static void
blank_next(struct plain *plain)
{
    struct lexer_token token = lexer_next(&plain->lexer);
    if (token.kind != LEXER_END) {
        put_instead(plain, token, "");
    }
}

/* WITH UNIQUE KEYS, behind WITH. */
static void
blank_unique(struct plain *plain)
{
    blank_next(plain);
    if (lexer_is(peek(plain->lexer), "keys")) {
        blank_next(plain);
    }
}

/* IS JSON [kind] [WITH UNIQUE KEYS] is IS NULL for what the rules look for. */
static void
is_json(struct plain *plain, struct lexer_token token)
{
    static const char *const kinds[] = {"value", "array", "object", "scalar", NULL};
    static const char *const with[] = {"with", "without", NULL};
    put_instead(plain, token, "NULL");
    if (is_any(peek(plain->lexer), kinds)) {
        blank_next(plain);
    }
    struct lexer ahead = plain->lexer;
    if (is_any(lexer_next(&ahead), with) && lexer_is(peek(ahead), "unique")) {
        blank_next(plain);
        blank_unique(plain);
    }
}

/* RETURNING type, up to the bracket's end. */
static void
blank_rest(struct plain *plain)
{
    size_t depth = 0;
    struct lexer_token next = peek(plain->lexer);
    while (next.kind != LEXER_END && (depth > 0 || !lexer_is_symbol(next, ')'))) {
        depth += lexer_is_symbol(next, '(');
        depth -= lexer_is_symbol(next, ')');
        blank_next(plain);
        next = peek(plain->lexer);
    }
}

/* key: value, key VALUE value and the clauses behind them become arguments. */
static bool
json_clause(struct plain *plain, struct lexer_token token)
{
    static const char *const null[] = {"null", "absent", NULL};
    static const char *const with[] = {"with", "without", NULL};
    struct lexer_token next = peek(plain->lexer);
    bool behind = !lexer_is_symbol(plain->before, '(') && !lexer_is_symbol(plain->before, ',');
    if (lexer_is_symbol(token, ':')) {
        if (!lexer_is_symbol(next, ':') && !lexer_is_symbol(plain->before, ':')) {
            put_instead(plain, token, ",");
        }
    } else if (behind && lexer_is(token, "value")) {
        put_instead(plain, token, ",");
    } else if (is_any(token, null) && lexer_is(next, "on")) {
        put_instead(plain, token, "");
        blank_next(plain);
        blank_next(plain);
    } else if (is_any(token, with) && lexer_is(next, "unique")) {
        put_instead(plain, token, "");
        blank_unique(plain);
    } else if (behind && (lexer_is(token, "returning") || lexer_is(token, "format"))) {
        put_instead(plain, token, "");
        blank_rest(plain);
    } else {
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------- brackets */

static void
open_bracket(struct plain *plain)
{
    static const char *const before[] = {"from", "join", "lateral", NULL};
    static const char *const query[] = {"select", "values", "with", "table", NULL};
    static const char *const json[] = {"json_object", "json_array", "json_objectagg",
                                       "json_arrayagg", NULL};
    struct lexer_token first = peek(plain->lexer);
    bool in_list = plain->depth < DEPTH_MAX && plain->from_list[plain->depth];
    bool place = in_list && (is_any(plain->before, before) || lexer_is_symbol(plain->before, ','));
    if (++plain->depth < DEPTH_MAX) {
        plain->select[plain->depth] = plain->from_list[plain->depth] = false;
        plain->json[plain->depth] = is_any(plain->before, json);
        plain->sub[plain->depth] = place && (is_any(first, query) || lexer_is_symbol(first, '('));
    }
}

static void
close_bracket(struct plain *plain, struct lexer_token token)
{
    static const char *const after[] = {
        "where",  "group", "order",  "limit",   "on",    "join",      "left",      "right",
        "inner",  "full",  "cross",  "natural", "union", "except",    "intersect", "having",
        "window", "fetch", "offset", "for",     "using", "returning", NULL};
    bool sub = plain->depth < DEPTH_MAX && plain->sub[plain->depth];
    plain->depth -= plain->depth > 0;
    struct lexer_token next = peek(plain->lexer);
    if (sub && (next.kind == LEXER_END || lexer_is_symbol(next, ')') ||
                lexer_is_symbol(next, ',') || lexer_is_symbol(next, ';') || is_any(next, after))) {
        put_up_to(plain, token.at + token.length);
        plain->to = stpcpy(plain->to, name);
        plain->changed = true;
    }
}

static void
follow(struct plain *plain, struct lexer_token token)
{
    static const char *const ends[] = {"where", "group",  "having",    "order", "limit",
                                       "union", "except", "intersect", NULL};
    static const char *const test[] = {"is", "not", NULL};
    bool *list = plain->depth < DEPTH_MAX ? &plain->from_list[plain->depth] : NULL;
    if (token.kind == LEXER_NUMBER) {
        number(plain, token);
    } else if (lexer_is(token, "json") && is_any(plain->before, test)) {
        is_json(plain, token);
    } else if (list != NULL && plain->json[plain->depth] && json_clause(plain, token)) {
        ; /* done */
    } else if (plain->table && lexer_is(token, "storage")) {
        storage(plain, token);
    } else if (lexer_is_symbol(token, '(')) {
        open_bracket(plain);
    } else if (lexer_is_symbol(token, ')')) {
        close_bracket(plain, token);
    } else if (list != NULL && lexer_is(token, "select")) {
        plain->select[plain->depth] = true;
        *list = false;
    } else if (list != NULL && lexer_is(token, "from") && !lexer_is(plain->before, "distinct")) {
        *list = plain->select[plain->depth] || *list;
    } else if (list != NULL && is_any(token, ends)) {
        *list = false;
    }
    plain->before = token;
}

/* CREATE [kind] TABLE, ALTER TABLE. */
static bool
is_about_table(struct lexer lexer)
{
    struct lexer_token token = lexer_next(&lexer);
    bool about = lexer_is(token, "create") || lexer_is(token, "alter");
    for (int i = 0; i < 3 && !lexer_is(token, "table"); i++) {
        token = lexer_next(&lexer);
    }
    return about && lexer_is(token, "table");
}

/* NULL with *failure: without memory; NULL else: there is nothing newer in it. */
static const char *
make_plain(const char *sql, struct arena *arena, int *failure)
{
    size_t length = strlen(sql), brackets = 0;
    for (const char *at = sql; *at != '\0'; at++) {
        brackets += *at == ')';
    }
    char *text = arena_get(arena, length + brackets * (sizeof name - 1) + 1);
    if (text == NULL) {
        *failure = DSQL_E_NOMEM;
        return NULL;
    }
    struct plain plain = {.to = text, .from = sql};
    struct lexer_token token;
    lexer_init(&plain.lexer, sql, length);
    plain.table = is_about_table(plain.lexer);
    while ((token = lexer_next(&plain.lexer)).kind != LEXER_END) {
        follow(&plain, token);
    }
    put_up_to(&plain, sql + length);
    return plain.changed ? text : NULL;
}

int
newer_read(const char *sql, struct arena *arena, const struct tree **node)
{
    int failure = parser_read(sql, arena, node);
    const char *text = failure == DSQL_E_PROTOCOL ? make_plain(sql, arena, &failure) : NULL;
    return text != NULL ? parser_read(text, arena, node) : failure;
}
