/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a text of SQL does, without parsing it: the first word of each
 * statement, and the words behind a WITH. In doubt a text does more than it
 * does in truth: whoever asks then is the more careful. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "dsql.h"

struct text {
    const char *at, *end;
};

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool
is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '$';
}

/* Behind the closing quote; a doubled quote reads as two strings, which is the
 * same here. */
static void
skip_quoted(struct text *text, char quote, bool backslashes)
{
    while (text->at < text->end) {
        char c = *text->at++;
        if (c == quote) {
            return;
        }
        if (c == '\\' && backslashes && text->at < text->end) {
            text->at++;
        }
    }
}

/* $tag$ ... $tag$; at is behind the first "$". A "$1" is a parameter. */
static void
skip_dollar(struct text *text)
{
    const char *tag = text->at - 1, *at = text->at;
    if (at < text->end && *at >= '0' && *at <= '9') {
        return;
    }
    while (at < text->end && is_word(*at) && *at != '$') {
        at++;
    }
    if (at == text->end || *at != '$') {
        return;
    }
    size_t length = (size_t)(++at - tag);
    const char *close = memmem(at, (size_t)(text->end - at), tag, length);
    text->at = close != NULL ? close + length : text->end;
}

/* Comments nest; at is behind the opening one. */
static void
skip_comment(struct text *text)
{
    int depth = 1;
    while (text->at < text->end && depth > 0) {
        bool two = text->end - text->at >= 2;
        if (two && memcmp(text->at, "/*", 2) == 0) {
            depth++;
            text->at += 2;
        } else if (two && memcmp(text->at, "*/", 2) == 0) {
            depth--;
            text->at += 2;
        } else {
            text->at++;
        }
    }
}

/* The next thing that counts: a word, a ';', or another character; strings are
 * '\''. Empty at the end. */
static struct text
next_token(struct text *text)
{
    while (text->at < text->end) {
        struct text token = {text->at, text->at + 1};
        char c = *text->at++;
        bool pair = text->at < text->end;
        if (c == '-' && pair && *text->at == '-') {
            const char *line = memchr(text->at, '\n', (size_t)(text->end - text->at));
            text->at = line != NULL ? line + 1 : text->end;
        } else if (c == '/' && pair && *text->at == '*') {
            text->at++;
            skip_comment(text);
        } else if (is_letter(c)) {
            while (text->at < text->end && is_word(*text->at)) {
                text->at++;
            }
            token.end = text->at;
            if (text->at == token.at + 1 && (c == 'e' || c == 'E') && text->at < text->end &&
                *text->at == '\'') {
                text->at++;
                skip_quoted(text, '\'', true);
                token.at = text->at - 1;
                token.end = text->at;
            }
            return token;
        } else if (c == '\'' || c == '"') {
            skip_quoted(text, c, false);
            return token;
        } else if (c == '$') {
            skip_dollar(text);
            return token;
        } else if (strchr(" \t\r\n\f\v", c) == NULL || c == '\0') {
            return token;
        }
    }
    return (struct text){text->end, text->end};
}

static bool
is(struct text token, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(token.end - token.at) == length && strncasecmp(token.at, word, length) == 0;
}

static const struct {
    const char *word;
    int kind;
} words[] = {
    {"ALTER", DSQL_SQL_DDL},        {"AWS", DSQL_SQL_DDL},           {"COMMENT", DSQL_SQL_DDL},
    {"CREATE", DSQL_SQL_DDL},       {"DROP", DSQL_SQL_DDL},          {"GRANT", DSQL_SQL_DDL},
    {"REVOKE", DSQL_SQL_DDL},       {"COPY", DSQL_SQL_DML},          {"DELETE", DSQL_SQL_DML},
    {"INSERT", DSQL_SQL_DML},       {"MERGE", DSQL_SQL_DML},         {"UPDATE", DSQL_SQL_DML},
    {"ABORT", DSQL_SQL_CONTROL},    {"BEGIN", DSQL_SQL_CONTROL},     {"COMMIT", DSQL_SQL_CONTROL},
    {"END", DSQL_SQL_CONTROL},      {"PREPARE", DSQL_SQL_CONTROL},   {"RELEASE", DSQL_SQL_CONTROL},
    {"ROLLBACK", DSQL_SQL_CONTROL}, {"SAVEPOINT", DSQL_SQL_CONTROL}, {"START", DSQL_SQL_CONTROL},
};

static int
kind_of(struct text token)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is(token, words[i].word)) {
            return words[i].kind;
        }
    }
    return 0;
}

/* Reads to behind the ';' of a statement. behind_with: look for writing parts,
 * which FOR UPDATE and FOR NO KEY UPDATE are not. */
static int
read_rest(struct text *text, bool behind_with)
{
    int kind = 0;
    bool locking = false;
    for (;;) {
        struct text token = next_token(text);
        if (token.at == token.end || *token.at == ';') {
            return kind;
        }
        if (behind_with && !locking) {
            kind |= kind_of(token) & DSQL_SQL_DML;
        }
        locking = is(token, "FOR") || (locking && (is(token, "NO") || is(token, "KEY")));
    }
}

int
dsql_sql_kind(const char *sql, size_t length)
{
    struct text text = {sql, sql + length};
    int kind = 0, statements = 0;
    for (;;) {
        struct text token = next_token(&text);
        if (token.at == token.end) {
            return kind | (statements > 1 ? DSQL_SQL_SEVERAL : 0);
        }
        if (*token.at == ';' || *token.at == '(') {
            continue;
        }
        statements++;
        kind |= kind_of(token);
        /* EXPLAIN ANALYZE does what it explains. */
        kind |= read_rest(&text, is(token, "WITH") || is(token, "EXPLAIN"));
    }
}
