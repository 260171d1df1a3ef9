/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SQL taken apart as far as quotes and comments go, with PostgreSQL's rules. */
#include "sqlscan.h"

#include <stdbool.h>
#include <string.h>

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
skip_quoted(struct dsql__text *text, char quote, bool backslashes)
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
skip_dollar(struct dsql__text *text)
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
skip_comment(struct dsql__text *text)
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

struct dsql__text
dsql__sql_next(struct dsql__text *text)
{
    while (text->at < text->end) {
        struct dsql__text token = {text->at, text->at + 1};
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
                token.at = text->at++;
                skip_quoted(text, '\'', true);
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
    return (struct dsql__text){text->end, text->end};
}
