/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* DSQL's own syntax put into PostgreSQL's; see rewrite.h. */
#include "rewrite.h"

#include <string.h>

#include "lexer.h"
#include "parser.h"

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

/* The value of a string in any of its spellings: the parser knows them. NULL
 * when it is none. */
static const char *
string_value(struct check *check, struct lexer_token token)
{
    static const char head[] = "SELECT ";
    const struct tree *node = NULL;
    char *sql = arena_get(check->arena, sizeof head + token.length);
    if (sql == NULL) {
        check->failed = true;
        return NULL;
    }
    memcpy(mempcpy(sql, head, sizeof head - 1), token.at, token.length);
    int failure =
        token.kind == LEXER_STRING ? parser_read(sql, check->arena, &node) : DSQL_E_PROTOCOL;
    check->failed |= failure == DSQL_E_NOMEM;
    const struct tree *targets = tree_get(node, "SelectStmt.targetList");
    return targets ? check_constant(tree_get(targets->first, "ResTarget.val")) : NULL;
}

/* AWS IAM GRANT role TO 'arn'; the lexer stands behind IAM. False: something
 * else, whose syntax error is PostgreSQL's to report. */
static bool
rewrite_iam(struct check *check, struct lexer lexer)
{
    char role[128];
    struct lexer_token verb = lexer_next(&lexer), who = lexer_next(&lexer);
    struct lexer_token direction = lexer_next(&lexer), whom = lexer_next(&lexer);
    bool grant = lexer_is(verb, "grant");
    if ((!grant && !lexer_is(verb, "revoke")) || !is_name(who) ||
        !lexer_value(who, role, sizeof role) || !lexer_is(direction, grant ? "to" : "from") ||
        lexer_next(&lexer).kind != LEXER_END) {
        return false;
    }
    const char *arn = string_value(check, whom);
    if (arn == NULL) {
        return check->failed;
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

bool
rewrite_syntax(struct check *check)
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

/* ------------------------------------------------------------------- numeric */

/* Behind the last part of the type's name that begins here. */
static const char *
end_of_name(const char *name, const char *end)
{
    struct lexer lexer;
    lexer_init(&lexer, name, (size_t)(end - name));
    struct lexer_token token = lexer_next(&lexer);
    while (is_name(token)) {
        struct lexer behind = lexer;
        end = token.at + token.length;
        token = lexer_next(&behind);
        if (lexer_is(token, "uescape")) {
            token = lexer_next(&behind);
            end = token.at + token.length;
            token = lexer_next(&behind);
        }
        if (!lexer_is_symbol(token, '.')) {
            break;
        }
        token = lexer_next(&behind);
        lexer = behind;
    }
    return end;
}

static size_t
characters(const char *from, const char *end)
{
    size_t count = 0;
    for (; from < end; from++) {
        count += ((unsigned char)*from & 0xC0) != 0x80;
    }
    return count;
}

void
rewrite_numerics(struct check *check)
{
    struct rules_statement *statement = check->statement;
    const char *from = statement->sql, *end = from + strlen(from);
    size_t count = 0, done = 0;
    for (const struct check_place *place = check->numerics; place != NULL; place = place->next) {
        count++;
    }
    size_t size = strlen(from) + count * strlen(RULES_INSERTED) + 1;
    char *sql = arena_get(check->arena, size), *to = sql;
    size_t *at = arena_get(check->arena, count * sizeof *at);
    if (sql == NULL || at == NULL) {
        check->failed = true;
        return;
    }
    for (const struct check_place *place = check->numerics; place != NULL; place = place->next) {
        const char *behind = end_of_name(statement->sql + place->at, end);
        char *insertion = mempcpy(to, from, (size_t)(behind - from));
        at[done] = (done > 0 ? at[done - 1] : 0) + characters(to, insertion);
        to = stpcpy(insertion, RULES_INSERTED);
        at[done] += done > 0 ? strlen(RULES_INSERTED) : 0;
        done++;
        from = behind;
    }
    stpcpy(to, from);
    statement->sql = sql;
    statement->same_positions = false;
    statement->insertions = count;
    statement->inserted_at = at;
}

size_t
rules_client_place(const struct rules_statement *statement, size_t place)
{
    const size_t length = strlen(RULES_INSERTED);
    size_t shift = 0;
    if (statement->same_positions) {
        return place;
    }
    for (size_t i = 0; i < statement->insertions; i++) {
        size_t at = statement->inserted_at[i] + 1;
        if (place >= at + length) {
            shift += length;
        } else if (place > at) {
            place = at; /* in what the client did not write */
        }
    }
    return statement->insertions > 0 ? place - shift : 0;
}
