/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The scanner; see lexer.h. */
#include "lexer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool
is_word_start(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool
is_word_part(char c)
{
    return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

static char
peek(const struct lexer *lexer, size_t ahead)
{
    return (size_t)(lexer->end - lexer->at) > ahead ? lexer->at[ahead] : '\0';
}

void
lexer_init(struct lexer *lexer, const char *text, size_t length)
{
    lexer->at = text;
    lexer->end = text + length;
    lexer->open_comment = NULL;
}

/* Comments between slash-star and star-slash nest. */
static void
skip_block_comment(struct lexer *lexer)
{
    const char *begin = lexer->at;
    size_t depth = 0;
    while (lexer->at < lexer->end) {
        if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
            depth++;
            lexer->at += 2;
        } else if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
            lexer->at += 2;
            if (--depth == 0) {
                return;
            }
        } else {
            lexer->at++;
        }
    }
    lexer->open_comment = begin;
}

static void
skip_line(struct lexer *lexer)
{
    while (lexer->at < lexer->end && *lexer->at != '\n' && *lexer->at != '\r') {
        lexer->at++;
    }
}

static void
skip_blank(struct lexer *lexer)
{
    while (lexer->at < lexer->end) {
        if (isspace((unsigned char)*lexer->at)) {
            lexer->at++;
        } else if (peek(lexer, 0) == '-' && peek(lexer, 1) == '-') {
            skip_line(lexer);
        } else if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
            skip_block_comment(lexer);
        } else {
            return;
        }
    }
}

/* A string goes on, in its own kind, behind white space that has a line's end:
 * the lexer is put before the quote that opens the next part. */
static bool
skip_to_continuation(struct lexer *lexer)
{
    struct lexer ahead = *lexer;
    bool new_line = false;
    while (ahead.at < ahead.end) {
        if (isspace((unsigned char)*ahead.at)) {
            new_line |= *ahead.at == '\n' || *ahead.at == '\r';
            ahead.at++;
        } else if (peek(&ahead, 0) == '-' && peek(&ahead, 1) == '-') {
            skip_line(&ahead);
        } else {
            break;
        }
    }
    if (!new_line || peek(&ahead, 0) != '\'') {
        return false;
    }
    lexer->at = ahead.at;
    return true;
}

/* From the opening quote to behind the closing one; a doubled quote is none. */
static void
skip_quoted(struct lexer *lexer, char quote, bool backslashes)
{
    lexer->at++;
    while (lexer->at < lexer->end) {
        char c = *lexer->at++;
        if (c == '\\' && backslashes && lexer->at < lexer->end) {
            lexer->at++;
        } else if (c == quote) {
            bool doubled = peek(lexer, 0) == quote;
            if (!doubled && (quote != '\'' || !skip_to_continuation(lexer))) {
                return;
            }
            lexer->at++;
        }
    }
}

/* $tag$ ... $tag$; false when what stands here opens no such string. */
static bool
skip_dollar_quoted(struct lexer *lexer)
{
    const char *open = lexer->at, *at = open + 1;
    while (at < lexer->end && is_word_part(*at) && *at != '$') {
        at++;
    }
    if (at >= lexer->end || *at != '$' || isdigit((unsigned char)open[1])) {
        return false;
    }
    size_t length = (size_t)(at + 1 - open);
    for (at++; (size_t)(lexer->end - at) >= length; at++) {
        at = memchr(at, '$', (size_t)(lexer->end - at));
        if (at == NULL || (size_t)(lexer->end - at) < length) {
            break;
        }
        if (memcmp(at, open, length) == 0) {
            lexer->at = at + length;
            return true;
        }
    }
    lexer->at = lexer->end;
    return true;
}

/* E'', B'', X'', N'', U&'' and U&"": a letter that belongs to the quote. */
static bool
skip_prefixed(struct lexer *lexer, enum lexer_kind *kind)
{
    char letter = (char)tolower((unsigned char)peek(lexer, 0));
    if (peek(lexer, 1) == '\'' && strchr("ebxn", letter) != NULL && letter != '\0') {
        lexer->at++;
        skip_quoted(lexer, '\'', letter == 'e');
        *kind = LEXER_STRING;
        return true;
    }
    if (letter == 'u' && peek(lexer, 1) == '&' &&
        (peek(lexer, 2) == '\'' || peek(lexer, 2) == '"')) {
        *kind = peek(lexer, 2) == '"' ? LEXER_QUOTED : LEXER_STRING;
        lexer->at += 2;
        skip_quoted(lexer, *lexer->at, false);
        return true;
    }
    return false;
}

static void
skip_number(struct lexer *lexer)
{
    while (lexer->at < lexer->end) {
        char c = *lexer->at, before = lexer->at[-1];
        bool sign = (c == '+' || c == '-') && (before == 'e' || before == 'E');
        if (!isalnum((unsigned char)c) && c != '.' && c != '_' && !sign) {
            return;
        }
        lexer->at++;
    }
}

static enum lexer_kind
skip_token(struct lexer *lexer)
{
    enum lexer_kind kind;
    char c = *lexer->at;
    if (c == '\'' || c == '"') {
        skip_quoted(lexer, c, false);
        return c == '"' ? LEXER_QUOTED : LEXER_STRING;
    }
    if (skip_prefixed(lexer, &kind)) {
        return kind;
    }
    if (is_word_start(c)) {
        while (lexer->at < lexer->end && is_word_part(*lexer->at)) {
            lexer->at++;
        }
        return LEXER_WORD;
    }
    if (c == '$' && isdigit((unsigned char)peek(lexer, 1))) {
        lexer->at++;
        while (isdigit((unsigned char)peek(lexer, 0))) {
            lexer->at++;
        }
        return LEXER_PARAMETER;
    }
    if (c == '$' && skip_dollar_quoted(lexer)) {
        return LEXER_STRING;
    }
    lexer->at++;
    if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)peek(lexer, 0)))) {
        skip_number(lexer);
        return LEXER_NUMBER;
    }
    return LEXER_SYMBOL;
}

struct lexer_token
lexer_next(struct lexer *lexer)
{
    skip_blank(lexer);
    struct lexer_token token = {.kind = LEXER_END, .at = lexer->at};
    if (lexer->at < lexer->end) {
        token.kind = skip_token(lexer);
        token.length = (size_t)(lexer->at - token.at);
    }
    return token;
}

bool
lexer_is(struct lexer_token token, const char *word)
{
    return token.kind == LEXER_WORD && token.length == strlen(word) &&
           strncasecmp(token.at, word, token.length) == 0;
}

bool
lexer_is_symbol(struct lexer_token token, char symbol)
{
    return token.kind == LEXER_SYMBOL && *token.at == symbol;
}

bool
lexer_ends(struct lexer_place *place, struct lexer_token token)
{
    if (lexer_is_symbol(token, ';') && place->brackets == 0 && place->blocks == 0) {
        return true;
    }
    place->brackets += lexer_is_symbol(token, '(');
    place->brackets -= lexer_is_symbol(token, ')') && place->brackets > 0;
    if (place->create && lexer_is(token, "atomic") && lexer_is(place->before, "begin")) {
        place->blocks++;
    } else if (place->blocks > 0 && lexer_is(token, "case")) {
        place->blocks++;
    } else if (place->blocks > 0 && lexer_is(token, "end")) {
        place->blocks--;
    }
    place->create |= !place->begun && lexer_is(token, "create");
    place->begun = true;
    place->before = token;
    return false;
}

bool
lexer_value(struct lexer_token token, char *value, size_t size)
{
    if (token.length >= size) {
        return false;
    }
    if (token.kind == LEXER_WORD) {
        for (size_t i = 0; i < token.length; i++) {
            unsigned char c = (unsigned char)token.at[i];
            value[i] = (char)(c < 0x80 ? tolower(c) : c);
        }
        value[token.length] = '\0';
        return true;
    }
    char quote = token.kind == LEXER_QUOTED ? '"' : '\'';
    bool plain = (token.kind == LEXER_QUOTED || token.kind == LEXER_STRING) && *token.at == quote &&
                 token.length >= 2 && token.at[token.length - 1] == quote;
    if (!plain) {
        return false;
    }
    char *to = value;
    for (size_t i = 1; i < token.length - 1; i++) {
        *to++ = token.at[i];
        if (token.at[i] == quote && (++i == token.length - 1 || token.at[i] != quote)) {
            return false; /* unclosed, or in more than one part */
        }
    }
    *to = '\0';
    return true;
}
