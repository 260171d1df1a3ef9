/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A client's text, cut into statements, DSQL's own syntax put into
 * PostgreSQL's, and each statement judged. */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lexer.h"
#include "newer.h"
#include "parser.h"
#include "rewrite.h"

static const struct {
    const char *name, *sqlstate, *message, *section;
} table[] = {{"RULES_ALLOWED", NULL, NULL, NULL},
#define ROW(name, sqlstate, message, section) {#name, sqlstate, message, section},
             RULES_TABLE(ROW)
#undef ROW
};

const char *
rules_name(int rule)
{
    return table[rule].name;
}

const char *
rules_sqlstate(int rule)
{
    return table[rule].sqlstate;
}

const char *
rules_message(int rule)
{
    return table[rule].message;
}

const char *
rules_section(int rule)
{
    return table[rule].section;
}

int
rules_beside(bool ddl, bool dml, enum rules_kind kind)
{
    if (kind == RULES_DDL && ddl) {
        return RULE_MULTIPLE_DDL;
    }
    bool mixed = (kind == RULES_DDL && dml) || (kind == RULES_DML && ddl);
    return mixed ? RULE_DDL_AND_DML : RULES_ALLOWED;
}

/* ------------------------------------------------------------------ splitting */

static bool
next_statement(struct lexer *lexer, const char **start, size_t *length)
{
    struct lexer_place place = {0};
    struct lexer_token token;
    *start = NULL;
    *length = 0;
    for (;;) {
        token = lexer_next(lexer);
        if (token.kind == LEXER_END) {
            return *start != NULL;
        }
        if (lexer_ends(&place, token)) {
            if (*start != NULL) {
                return true;
            }
            continue;
        }
        if (*start == NULL) {
            *start = token.at;
        }
        *length = (size_t)(token.at + token.length - *start);
    }
}

/* ------------------------------------------------------------------- the whole */

static int
judge(struct check *check)
{
    const struct tree *node;
    struct rules_statement *statement = check->statement;
    if (!rewrite_syntax(check)) {
        int failure = newer_read(statement->sql, check->arena, &node);
        if (failure == 0) {
            check_statement(check, node);
        } else if (failure == DSQL_E_PROTOCOL) {
            statement->unread = true;
            check_words(check, statement->sql, statement->length);
        } else {
            return failure;
        }
    }
    if (check->numerics != NULL && !check_is_refused(check)) {
        rewrite_numerics(check);
    }
    return check->failed ? DSQL_E_NOMEM : 0;
}

static int
read_statement(struct arena *arena, const char *start, size_t length, unsigned depth,
               struct rules_statement *statement)
{
    struct check check = {.arena = arena, .statement = statement, .depth = depth};
    statement->length = length;
    statement->same_positions = true;
    statement->sql = arena_copy(arena, start, length);
    return statement->sql ? judge(&check) : DSQL_E_NOMEM;
}

#define NESTED_MAX 8

void
check_nested(struct check *check, const char *sql)
{
    struct lexer lexer;
    const char *start;
    size_t size;
    lexer_init(&lexer, sql, strlen(sql));
    while (check->depth < NESTED_MAX && !check->failed && !check_is_refused(check) &&
           next_statement(&lexer, &start, &size)) {
        struct rules_statement inner = {0}, *outer = check->statement;
        check->failed |= read_statement(check->arena, start, size, check->depth + 1, &inner) != 0;
        outer->rule = inner.rule;
        outer->sqlstate = inner.sqlstate;
        outer->message = inner.message;
    }
}

/* Reads all statements into an arena. */
static int
read_all(struct arena *arena, const char *sql, size_t length, struct rules_text *text)
{
    struct lexer lexer;
    const char *start;
    size_t size, count = 0, characters = 0;
    const char *counted = sql;
    lexer_init(&lexer, sql, length);
    while (next_statement(&lexer, &start, &size)) {
        count++;
    }
    text->statements = arena_get(arena, (count + 1) * sizeof *text->statements);
    int failure = text->statements ? 0 : DSQL_E_NOMEM;
    lexer_init(&lexer, sql, length);
    while (failure == 0 && next_statement(&lexer, &start, &size)) {
        struct rules_statement *statement = &text->statements[text->count++];
        statement->start = (size_t)(start - sql);
        for (; counted < start; counted++) {
            characters += ((unsigned char)*counted & 0xC0) != 0x80;
        }
        statement->start_characters = characters;
        failure = read_statement(arena, start, size, 0, statement);
        statement->verbatim = failure == 0 && strlen(statement->sql) == size &&
                              memcmp(statement->sql, start, size) == 0;
    }
    return failure;
}

/* The strings of a statement that lie in the arena. */
static const char **
string_of(struct rules_statement *statement, size_t index)
{
    const char **strings[] = {&statement->sql, &statement->message, &statement->show};
    return index < sizeof strings / sizeof strings[0] ? strings[index] : NULL;
}

/* Moves what is to be kept into one block: the trees that it was found in take
 * many times as much. */
static int
keep(struct rules_text *text)
{
    const char **string;
    size_t size = text->count * sizeof *text->statements;
    for (size_t i = 0; i < text->count; i++) {
        size += text->statements[i].insertions * sizeof(size_t);
        for (size_t j = 0; (string = string_of(&text->statements[i], j)) != NULL; j++) {
            size += *string ? strlen(*string) + 1 : 0;
        }
    }
    struct rules_statement *statements = malloc(size + 1);
    if (statements == NULL) {
        return DSQL_E_NOMEM;
    }
    memcpy(statements, text->statements, text->count * sizeof *statements);
    size_t *places = (size_t *)(statements + text->count);
    for (size_t i = 0; i < text->count; i++) {
        size_t count = statements[i].insertions;
        if (count > 0) {
            memcpy(places, statements[i].inserted_at, count * sizeof *places);
            statements[i].inserted_at = places;
            places += count;
        }
    }
    char *to = (char *)places;
    for (size_t i = 0; i < text->count; i++) {
        for (size_t j = 0; (string = string_of(&statements[i], j)) != NULL; j++) {
            if (*string != NULL) {
                char *copy = to;
                to = stpcpy(to, *string) + 1;
                *string = copy;
            }
        }
    }
    text->statements = statements;
    text->size = size;
    return 0;
}

int
rules_text_read(const char *sql, size_t length, struct rules_text *text)
{
    struct arena arena = {0};
    *text = (struct rules_text){0};
    int failure = read_all(&arena, sql, length, text);
    if (failure == 0) {
        failure = keep(text);
    }
    if (failure != 0) {
        *text = (struct rules_text){0};
    }
    arena_clear(&arena);
    return failure;
}

void
rules_text_clear(struct rules_text *text)
{
    free(text->statements);
    *text = (struct rules_text){0};
}
