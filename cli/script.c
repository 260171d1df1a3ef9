/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Scripts for psql, cut into statements; see script.h. */
#include "script.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void
script_init(struct script *script, char *text, size_t length)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if (length >= 3 && memcmp(text, mark, 3) == 0) {
        text += 3;
        length -= 3;
    }
    *script = (struct script){.text = text,
                              .data_end = text,
                              .end = text + length,
                              .counted = text,
                              .line = 1,
                              .column = 1};
    lexer_init(&script->lexer, text, length);
}

void
script_go_to(struct script *script, const char *at)
{
    for (; script->counted < at; script->counted++) {
        if (*script->counted == '\n') {
            script->line++;
            script->column = 1;
        } else {
            script->column += ((unsigned char)*script->counted & 0xC0) != 0x80;
        }
    }
}

/* Lines stay. */
static void
blank(char *from, const char *to)
{
    for (; from < to; from++) {
        if (*from != '\n') {
            *from = ' ';
        }
    }
}

static const char *
line_end(const struct script *script, const char *at)
{
    const char *end = memchr(at, '\n', (size_t)(script->end - at));
    return end != NULL ? end : script->end;
}

/* ----------------------------------------------------------- psql's commands */

enum meta {
    META_OTHER,
    META_SEND,      /* \g */
    META_TOGETHER,  /* \; */
    META_RESET,     /* \r */
    META_CONNECT,   /* \c */
    META_COPY,      /* \copy ... from stdin */
    META_COPY_FILE, /* \copy ... from something else */
    META_INCLUDE,   /* \i */
};

static bool
is_name(const char *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && strncmp(name, wanted, length) == 0;
}

/* \copy table from stdin, from pstdin, or from a file: the words outside of quotes
 * and brackets. */
static enum meta
copy_kind(const char *at, const char *end)
{
    struct lexer lexer;
    struct lexer_token token;
    size_t depth = 0;
    lexer_init(&lexer, at, (size_t)(end - at));
    while ((token = lexer_next(&lexer)).kind != LEXER_END) {
        depth += lexer_is_symbol(token, '(');
        depth -= depth > 0 && lexer_is_symbol(token, ')');
        if (depth == 0 && lexer_is(token, "from")) {
            token = lexer_next(&lexer);
            return lexer_is(token, "stdin") || lexer_is(token, "pstdin") ? META_COPY
                                                                         : META_COPY_FILE;
        }
    }
    return META_OTHER;
}

static enum meta
meta_kind(const char *name, size_t length, const char *end)
{
    static const struct {
        const char *name;
        enum meta kind;
    } known[] = {
        {"g", META_SEND},          {"gx", META_SEND},         {"gdesc", META_SEND},
        {"gexec", META_SEND},      {"gset", META_SEND},       {"crosstabview", META_SEND},
        {"watch", META_SEND},      {"r", META_RESET},         {"reset", META_RESET},
        {"c", META_CONNECT},       {"connect", META_CONNECT}, {"i", META_INCLUDE},
        {"include", META_INCLUDE}, {"ir", META_INCLUDE},      {"include_relative", META_INCLUDE},
    };
    if (is_name(name, length, "copy")) {
        return copy_kind(name + length, end);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_name(name, length, known[i].name)) {
            return known[i].kind;
        }
    }
    return META_OTHER;
}

/* The end of a command's arguments: of its line, or the next backslash outside of
 * quotes, which begins another command (two of them: only end this one). */
static const char *
arguments_end(const char *at, const char *end)
{
    char quote = '\0';
    for (; at < end; at++) {
        if (quote != '\0') {
            quote = *at == quote ? '\0' : quote;
        } else if (*at == '\'' || *at == '"' || *at == '`') {
            quote = *at;
        } else if (*at == '\\') {
            break;
        }
    }
    return at;
}

/* A command, whose backslash is at `at`: it becomes blanks. */
static enum meta
take_meta(struct script *script, const char *backslash)
{
    char *at = script->text + (backslash - script->text);
    const char *end = line_end(script, at), *name = at + 1;
    size_t length = 0;
    enum meta kind;
    if (name < end && *name == ';') {
        end = name + 1;
        kind = META_TOGETHER;
    } else if (name < end && *name == '\\') {
        end = name + 1;
        kind = META_OTHER;
    } else {
        while (name + length < end && (isalnum((unsigned char)name[length]) ||
                                       (name[length] != '\0' && strchr("_+?!", name[length])))) {
            length++;
        }
        if (!is_name(name, length, "copy")) { /* which takes its whole line */
            end = arguments_end(name + length, end);
        }
        kind = meta_kind(name, length, end);
    }
    if (kind < META_CONNECT) { /* others are items of their own */
        blank(at, end);
    }
    script->lexer.at = end;
    return kind;
}

/* ------------------------------------------------------------------ statements */

static void
include(struct script_statement *statement, struct lexer_token token)
{
    if (statement->at == NULL) {
        statement->at = token.at;
    }
    statement->length = (size_t)(token.at + token.length - statement->at);
}

enum script_item
script_next(struct script *script, struct script_statement *statement)
{
    struct lexer_place place = {0};
    *statement = (struct script_statement){0};
    for (;;) {
        struct lexer_token token = lexer_next(&script->lexer);
        bool begun = statement->at != NULL;
        enum meta meta = META_OTHER;
        if (token.kind == LEXER_END) {
            return begun ? SCRIPT_STATEMENT : SCRIPT_END;
        }
        if (lexer_is_symbol(token, '\\')) {
            meta = take_meta(script, token.at);
        } else if (!lexer_ends(&place, token)) {
            include(statement, token);
        } else if (begun) {
            return SCRIPT_STATEMENT;
        }
        statement->together = meta == META_TOGETHER;
        if (begun && (meta == META_SEND || meta == META_TOGETHER)) {
            return SCRIPT_STATEMENT;
        }
        if (meta == META_RESET) {
            *statement = (struct script_statement){0};
            place = (struct lexer_place){0};
        } else if (meta >= META_CONNECT) {
            /* What was begun waits in psql, too: nobody writes that. */
            statement->at = token.at;
            statement->length = (size_t)(script->lexer.at - token.at);
            return meta == META_COPY        ? SCRIPT_COPY
                   : meta == META_COPY_FILE ? SCRIPT_COPY_FILE
                   : meta == META_INCLUDE   ? SCRIPT_INCLUDE
                                            : SCRIPT_CONNECT;
        }
    }
}

size_t
script_data(struct script *script)
{
    const char *at = script->lexer.at;
    size_t rows = 0;
    if (at < script->data_end) {
        at = script->data_end; /* of another COPY of the same line */
    } else {
        at = line_end(script, at);
        at += at < script->end;
    }
    char *begin = script->text + (at - script->text);
    while (at < script->end) {
        const char *end = line_end(script, at);
        size_t length = (size_t)(end - at);
        bool last = (length == 2 || (length == 3 && at[2] == '\r')) && memcmp(at, "\\.", 2) == 0;
        at = end + (end < script->end);
        if (last) {
            break;
        }
        rows++;
    }
    blank(begin, at);
    script->data_end = script->text + (at - script->text);
    return rows;
}

/* ------------------------------------------------------------------- variables */

static bool
is_name_part(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* :{?name} is true or false. */
static bool
replace_test(char *at, const char *end)
{
    if (end - at < 5) {
        return false;
    }
    char *close = at + 3;
    while (close < end && is_name_part(*close)) {
        close++;
    }
    if (close >= end || at[2] != '?' || *close != '}' || close == at + 3) {
        return false;
    }
    memset(at, ' ', (size_t)(close + 1 - at));
    memcpy(at, "true", 4);
    return true;
}

bool
script_replace_variables(char *sql, size_t length)
{
    struct lexer lexer;
    struct lexer_token token;
    const char *end = sql + length, *before = NULL;
    bool replaced = false;
    lexer_init(&lexer, sql, length);
    while ((token = lexer_next(&lexer)).kind != LEXER_END) {
        char *at = sql + (token.at - sql);
        bool cast = before != NULL && before + 1 == token.at;
        if (!lexer_is_symbol(token, ':')) {
            continue;
        }
        before = token.at;
        if (cast || end - at < 2) {
            continue; /* :: */
        }
        if (at[1] == '{') {
            replaced |= replace_test(at, end);
            lexer.at = at + 1;
        } else if (is_name_part(at[1]) || at[1] == '\'' || at[1] == '"') {
            *at = ' ';
            replaced = true;
        }
    }
    return replaced;
}
