/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The words of an SQL text, as PostgreSQL's scanner cuts it. For what has to be
 * known before, or instead of, a parse tree. Source: PostgreSQL documentation,
 * "Lexical Structure". */
#ifndef DSQL_LOCAL_LEXER_H
#define DSQL_LOCAL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum lexer_kind {
    LEXER_END,
    LEXER_WORD,   /* identifier or key word, unquoted */
    LEXER_QUOTED, /* "identifier", also U&"..." */
    LEXER_STRING, /* '...', E'...', U&'...', B'...', X'...', $$...$$ */
    LEXER_NUMBER,
    LEXER_PARAMETER, /* $1 */
    LEXER_SYMBOL,    /* one character: an operator's, a bracket, a comma, ... */
};

struct lexer_token {
    enum lexer_kind kind;
    const char *at; /* borrowed from the text */
    size_t length;
};

struct lexer {
    const char *at, *end;
    const char *open_comment; /* that goes to the end of the text, or NULL */
};

void lexer_init(struct lexer *lexer, const char *text, size_t length);
/* The next token; white space and comments are passed over. An unclosed string
 * or comment goes to the end of the text. */
struct lexer_token lexer_next(struct lexer *lexer);

/* How far a statement has been followed; a struct of zeros begins one. */
struct lexer_place {
    size_t brackets, blocks; /* open */
    bool begun, create;      /* a token has been seen; the first was CREATE */
    struct lexer_token before;
};

/* Whether the token is a semicolon that ends a statement: not one in brackets
 * (CREATE RULE), nor of a function's body (CREATE ... BEGIN ATOMIC ... END). Any
 * other token is taken note of. */
bool lexer_ends(struct lexer_place *place, struct lexer_token token);

/* Whether the token is this unquoted word (given in lower case), in any case. */
bool lexer_is(struct lexer_token token, const char *word);
bool lexer_is_symbol(struct lexer_token token, char symbol);

/* The value of an identifier (folded, or unquoted) or of a plain string, into
 * value; false when it does not fit or has escapes that need a parser. */
bool lexer_value(struct lexer_token token, char *value, size_t size);

#endif
