/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A client's text, cut into statements, DSQL's own syntax put into
 * PostgreSQL's, and each statement judged. */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lexer.h"
#include "parser.h"

static const struct {
    const char *name, *sqlstate, *message;
} table[] = {{"RULES_ALLOWED", NULL, NULL},
#define ROW(name, sqlstate, message, source) {#name, sqlstate, message},
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

/* ------------------------------------------------------------------ splitting */

/* Follows a text to the semicolons that end statements: not those in brackets
 * (CREATE RULE) nor those of a function's body (CREATE ... BEGIN ATOMIC ... END). */
static bool
next_statement(struct lexer *lexer, const char **start, size_t *length)
{
    size_t brackets = 0, blocks = 0;
    struct lexer_token token, before = {0};
    bool create = false;
    *start = NULL;
    *length = 0;
    for (;;) {
        token = lexer_next(lexer);
        if (token.kind == LEXER_END) {
            return *start != NULL;
        }
        if (lexer_is_symbol(token, ';') && brackets == 0 && blocks == 0) {
            if (*start != NULL) {
                return true;
            }
            continue;
        }
        brackets += lexer_is_symbol(token, '(');
        brackets -= lexer_is_symbol(token, ')') && brackets > 0;
        if (create && lexer_is(token, "atomic") && lexer_is(before, "begin")) {
            blocks++;
        } else if (blocks > 0 && lexer_is(token, "case")) {
            blocks++;
        } else if (blocks > 0 && lexer_is(token, "end")) {
            blocks--;
        }
        if (*start == NULL) {
            *start = token.at;
            create = lexer_is(token, "create");
        }
        *length = (size_t)(token.at + token.length - *start);
        before = token;
    }
}

/* ---------------------------------------------------------- DSQL's own syntax */

static void
blank(struct lexer_token token)
{
    memset((char *)(uintptr_t)token.at, ' ', token.length);
}

static bool
is_name(struct lexer_token token)
{
    return token.kind == LEXER_WORD || token.kind == LEXER_QUOTED;
}

/* The token behind NAME or SCHEMA.NAME, which begins with token. */
static struct lexer_token
skip_name(struct lexer *lexer, struct lexer_token token)
{
    while (is_name(token)) {
        token = lexer_next(lexer);
        if (!lexer_is_symbol(token, '.')) {
            break;
        }
        token = lexer_next(lexer);
    }
    return token;
}

/* CREATE [UNIQUE] INDEX [ASYNC] ...: the lexer stands behind INDEX. */
static void
rewrite_index(struct check *check, struct lexer lexer)
{
    struct lexer_token token = lexer_next(&lexer);
    if (lexer_is(token, "async")) {
        blank(token);
        check->async = true;
        token = lexer_next(&lexer);
    }
    while (token.kind != LEXER_END && !lexer_is(token, "on")) {
        token = lexer_next(&lexer);
    }
    token = lexer_next(&lexer);
    if (lexer_is(token, "only")) {
        token = lexer_next(&lexer);
    }
    token = skip_name(&lexer, token);
    if (lexer_is(token, "using")) {
        struct lexer_token method = lexer_next(&lexer);
        char name[64];
        if (is_name(method) && lexer_value(method, name, sizeof name) &&
            strcmp(name, "btree_index") == 0) { /* the service's own name of what there is */
            blank(token);
            blank(method);
        } else {
            check->index_using = true;
        }
    }
}

/* ALTER TABLE ASYNC [IF EXISTS] [ONLY] name VALIDATE ...: the lexer stands behind
 * TABLE. Without VALIDATE there, async is a table of that name. */
static void
rewrite_alter_table(struct check *check, struct lexer lexer)
{
    struct lexer_token async = lexer_next(&lexer);
    struct lexer_token next = lexer_next(&lexer);
    if (lexer_is(next, "if")) {
        next = lexer_next(&lexer); /* EXISTS */
        next = lexer_next(&lexer);
    }
    if (lexer_is(next, "only")) {
        next = lexer_next(&lexer);
    }
    if (lexer_is(async, "async") && is_name(next) &&
        lexer_is(skip_name(&lexer, next), "validate")) {
        blank(async);
        check->async = true;
    }
}

static void
put_literal(char **to, const char *value)
{
    *(*to)++ = '\'';
    for (; *value != '\0'; value++) {
        if (*value == '\'') {
            *(*to)++ = '\'';
        }
        *(*to)++ = *value;
    }
    *(*to)++ = '\'';
}

/* AWS IAM GRANT role TO 'arn'; the lexer stands behind IAM. False: something
 * else, whose syntax error is PostgreSQL's to report. */
static bool
rewrite_iam(struct check *check, struct lexer lexer)
{
    char role[128], arn[2100];
    struct lexer_token verb = lexer_next(&lexer), who = lexer_next(&lexer);
    struct lexer_token direction = lexer_next(&lexer), whom = lexer_next(&lexer);
    bool grant = lexer_is(verb, "grant");
    if ((!grant && !lexer_is(verb, "revoke")) || !is_name(who) ||
        !lexer_value(who, role, sizeof role) || !lexer_is(direction, grant ? "to" : "from") ||
        whom.kind != LEXER_STRING || !lexer_value(whom, arn, sizeof arn) ||
        lexer_next(&lexer).kind != LEXER_END) {
        return false;
    }
    const char *call =
        grant ? "CALL pg_catalog.dsql_local_iam_grant(" : "CALL pg_catalog.dsql_local_iam_revoke(";
    char *sql = arena_get(check->arena, strlen(call) + 2 * (strlen(role) + strlen(arn)) + 8);
    if (sql == NULL) {
        check->failed = true;
        return true;
    }
    char *to = stpcpy(sql, call);
    put_literal(&to, role);
    *to++ = ',';
    put_literal(&to, arn);
    *to++ = ')';
    check->statement->sql = sql;
    check->statement->same_positions = false;
    check->statement->kind = RULES_DDL;
    check->statement->tag = grant ? "GRANT" : "REVOKE";
    return true;
}

/* Puts DSQL's forms into PostgreSQL's, in check->statement->sql. True when the
 * statement is thereby settled. */
static bool
rewrite(struct check *check)
{
    struct lexer lexer;
    lexer_init(&lexer, check->statement->sql, check->statement->length);
    struct lexer_token first = lexer_next(&lexer), second = lexer_next(&lexer);
    if (lexer_is(first, "aws") && lexer_is(second, "iam")) {
        return rewrite_iam(check, lexer);
    }
    if (lexer_is(first, "alter") && lexer_is(second, "table")) {
        rewrite_alter_table(check, lexer);
        return false;
    }
    if (lexer_is(second, "unique")) {
        second = lexer_next(&lexer);
    }
    if (lexer_is(first, "create") && lexer_is(second, "index")) {
        rewrite_index(check, lexer);
    }
    return false;
}

/* ------------------------------------------------------------------- the whole */

static int
judge(struct check *check)
{
    const struct tree *node;
    struct rules_statement *statement = check->statement;
    if (!rewrite(check)) {
        int failure = parser_read(statement->sql, check->arena, &node);
        if (failure == 0) {
            check_statement(check, node);
        } else if (failure == DSQL_E_PROTOCOL) {
            check_words(check, statement->sql, statement->length);
        } else {
            return failure;
        }
    }
    return check->failed ? DSQL_E_NOMEM : 0;
}

static int
read_statement(struct arena *arena, const char *start, size_t length,
               struct rules_statement *statement)
{
    struct check check = {.arena = arena, .statement = statement};
    statement->length = length;
    statement->same_positions = true;
    statement->sql = arena_copy(arena, start, length);
    return statement->sql ? judge(&check) : DSQL_E_NOMEM;
}

int
rules_text_read(const char *sql, size_t length, struct rules_text *text)
{
    struct lexer lexer;
    const char *start;
    size_t size, count = 0;
    *text = (struct rules_text){0};
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL) {
        return DSQL_E_NOMEM;
    }
    text->memory = arena;
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
        failure = read_statement(arena, start, size, statement);
    }
    if (failure != 0) {
        rules_text_clear(text);
    }
    return failure;
}

void
rules_text_clear(struct rules_text *text)
{
    if (text->memory != NULL) {
        arena_clear(text->memory);
        free(text->memory);
    }
    *text = (struct rules_text){0};
}
