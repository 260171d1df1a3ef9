/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Statements that the parser cannot read: newer than its grammar, or wrong,
 * which is PostgreSQL's to tell. They are judged by their words. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lexer.h"

#define COLUMNS_LOOKED_AT 64

/* Statements known by their first words; NULL: any. The first row that fits. */
static const struct {
    const char *first, *second;
    enum rules_kind kind;
    int rule;
    const char *argument;
} statements[] = {
    {"select", NULL, RULES_READ, RULES_ALLOWED, NULL},
    {"values", NULL, RULES_READ, RULES_ALLOWED, NULL},
    {"table", NULL, RULES_READ, RULES_ALLOWED, NULL},
    {"explain", NULL, RULES_READ, RULES_ALLOWED, NULL},
    {"call", NULL, RULES_READ, RULES_ALLOWED, NULL},
    {"with", NULL, RULES_READ, RULES_ALLOWED, NULL},
    {"insert", NULL, RULES_DML, RULES_ALLOWED, NULL},
    {"update", NULL, RULES_DML, RULES_ALLOWED, NULL},
    {"delete", NULL, RULES_DML, RULES_ALLOWED, NULL},
    {"copy", NULL, RULES_DML, RULES_ALLOWED, NULL},
    {"merge", NULL, RULES_DML, RULE_MERGE, NULL},
    {"begin", NULL, RULES_BEGIN, RULES_ALLOWED, NULL},
    {"start", NULL, RULES_BEGIN, RULES_ALLOWED, NULL},
    {"commit", NULL, RULES_COMMIT, RULES_ALLOWED, NULL},
    {"end", NULL, RULES_COMMIT, RULES_ALLOWED, NULL},
    {"rollback", "to", RULES_SESSION, RULE_TRANSACTION_STATEMENT, "ROLLBACK TO"},
    {"rollback", NULL, RULES_ROLLBACK, RULES_ALLOWED, NULL},
    {"abort", NULL, RULES_ROLLBACK, RULES_ALLOWED, NULL},
    {"savepoint", NULL, RULES_SESSION, RULE_TRANSACTION_STATEMENT, "SAVEPOINT"},
    {"release", NULL, RULES_SESSION, RULE_TRANSACTION_STATEMENT, "RELEASE"},
    {"truncate", NULL, RULES_DDL, RULE_STATEMENT, "Truncate"},
    {"lock", NULL, RULES_SESSION, RULE_STATEMENT, "Lock"},
    {"vacuum", NULL, RULES_SESSION, RULE_VACUUM, NULL},
    {"listen", NULL, RULES_SESSION, RULE_STATEMENT, "Listen"},
    {"notify", NULL, RULES_SESSION, RULE_STATEMENT, "Notify"},
    {"unlisten", NULL, RULES_SESSION, RULE_STATEMENT, "Unlisten"},
    {"do", NULL, RULES_DML, RULE_STATEMENT, "Do"},
    {"prepare", NULL, RULES_SESSION, RULE_STATEMENT, "Prepare"},
    {"execute", NULL, RULES_DML, RULE_STATEMENT, "Execute"},
    {"declare", NULL, RULES_SESSION, RULE_STATEMENT, "DeclareCursor"},
    {"discard", NULL, RULES_SESSION, RULE_STATEMENT, "Discard"},
    {"set", NULL, RULES_SESSION, RULES_ALLOWED, NULL},
    {"reset", NULL, RULES_SESSION, RULES_ALLOWED, NULL},
    {"show", NULL, RULES_SESSION, RULES_ALLOWED, NULL},
    {"analyze", NULL, RULES_SESSION, RULES_ALLOWED, NULL},
    {"create", NULL, RULES_DDL, RULES_ALLOWED, NULL},
    {"alter", NULL, RULES_DDL, RULES_ALLOWED, NULL},
    {"drop", NULL, RULES_DDL, RULES_ALLOWED, NULL},
    {"grant", NULL, RULES_DDL, RULES_ALLOWED, NULL},
    {"revoke", NULL, RULES_DDL, RULES_ALLOWED, NULL},
    {"comment", NULL, RULES_DDL, RULES_ALLOWED, NULL},
};

static bool
contains_word(struct lexer lexer, const char *const *wanted)
{
    for (;;) {
        struct lexer_token token = lexer_next(&lexer);
        if (token.kind == LEXER_END) {
            return false;
        }
        for (size_t i = 0; wanted[i] != NULL; i++) {
            if (lexer_is(token, wanted[i])) {
                return true;
            }
        }
    }
}

/* A setting is judged by its name, whatever follows. */
static void
check_setting_words(struct check *check, struct lexer lexer, struct lexer_token name)
{
    char text[128];
    if (lexer_is(name, "session") || lexer_is(name, "local")) {
        name = lexer_next(&lexer);
    }
    if (lexer_value(name, text, sizeof text) && !rules_setting_is_allowed(text) &&
        strcmp(text, "all") != 0 && strcmp(text, "time") != 0 && strcmp(text, "names") != 0) {
        check_refuse(check, RULE_SETTING, text);
    }
}

/* ---------------------------------------------------------- words in queries */

/* The last tokens of a query that is read word by word. */
struct words {
    struct check *check;
    struct lexer lexer;
    struct lexer_token before, last; /* the token */
    size_t depth, cast;              /* brackets; the depth of CAST's, or 0 */
};

/* The name at token, if it may be PostgreSQL's own: pg_catalog before it is
 * passed over, another schema is not. */
static bool
built_in(struct words *words, struct lexer_token token, char *name, size_t size)
{
    struct lexer behind = words->lexer;
    if (!lexer_value(token, name, size)) {
        return false;
    }
    if (!lexer_is_symbol(lexer_next(&behind), '.')) {
        return true;
    }
    token = lexer_next(&behind);
    if (strcmp(name, "pg_catalog") != 0 || !lexer_value(token, name, size)) {
        return false;
    }
    words->lexer = behind;
    return true;
}

static void
check_call_words(struct words *words, const char *name)
{
    struct lexer behind = words->lexer;
    struct lexer_token open = lexer_next(&behind), argument = lexer_next(&behind);
    char setting[128];
    if (open.kind == LEXER_STRING) {
        check_constructor(words->check, name); /* point '(1,2)' */
    }
    if (!lexer_is_symbol(open, '(')) {
        return;
    }
    check_function_name(words->check, name);
    if (strcmp(name, "set_config") == 0 && argument.kind == LEXER_STRING &&
        lexer_value(argument, setting, sizeof setting) && !rules_setting_is_allowed(setting)) {
        check_refuse(words->check, RULE_SETTING, setting);
    }
}

/* NAME (columns) AS (query): the lexer stands behind the name. Looking further
 * at each comma would take its time. */
static bool
is_name_of_query(struct lexer lexer)
{
    struct lexer_token token = lexer_next(&lexer);
    bool list = lexer_is_symbol(token, '(');
    for (int i = 0; list && i < COLUMNS_LOOKED_AT && token.kind != LEXER_END; i++) {
        list = !lexer_is_symbol(token, ')');
        token = lexer_next(&lexer);
    }
    token = lexer_is(token, "as") ? lexer_next(&lexer) : (struct lexer_token){0};
    return lexer_is_symbol(token, '(') || lexer_is(token, "not") || lexer_is(token, "materialized");
}

/* What makes of a word something else than a function's name. */
static bool
is_other_name(const struct words *words)
{
    static const char *const others[] = {"into",      "with",     "as", "update", "table",
                                         "recursive", "function", "on", "view"};
    struct lexer_token before = words->last;
    bool other = lexer_is_symbol(before, '.') ||
                 (lexer_is_symbol(before, ',') && is_name_of_query(words->lexer));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        other |= lexer_is(before, others[i]);
    }
    return other;
}

/* FOR SHARE, FOR NO KEY UPDATE; the lexer stands behind FOR. */
static void
check_for(struct words *words)
{
    struct lexer behind = words->lexer;
    struct lexer_token strength = lexer_next(&behind);
    bool no_key = lexer_is(strength, "no") && lexer_is(lexer_next(&behind), "key");
    if (lexer_is(strength, "share") || no_key) {
        check_refuse(words->check, RULE_LOCKING, NULL);
    }
}

static void
check_word(struct words *words, struct lexer_token token)
{
    char name[128];
    bool cast = (lexer_is_symbol(words->last, ':') && lexer_is_symbol(words->before, ':')) ||
                (words->cast > 0 && words->cast == words->depth && lexer_is(words->last, "as"));
    if (lexer_is(token, "tablesample")) {
        check_refuse(words->check, RULE_TABLESAMPLE, NULL);
    } else if (lexer_is(token, "for")) {
        check_for(words);
    } else if (cast) {
        if (built_in(words, token, name, sizeof name)) {
            check_constructor(words->check, name);
        }
    } else if (!is_other_name(words) && built_in(words, token, name, sizeof name)) {
        check_call_words(words, name);
    }
}

/* The rules that hold anywhere in a query, as far as words show them. */
static void
check_query_words(struct check *check, struct lexer lexer)
{
    struct words words = {.check = check, .lexer = lexer};
    struct lexer_token token;
    while ((token = lexer_next(&words.lexer)).kind != LEXER_END) {
        if (lexer_is_symbol(token, '(')) {
            words.depth++;
            words.cast = lexer_is(words.last, "cast") ? words.depth : words.cast;
        } else if (lexer_is_symbol(token, ')')) {
            words.cast = words.cast == words.depth ? 0 : words.cast;
            words.depth -= words.depth > 0;
        } else if (token.kind == LEXER_WORD || token.kind == LEXER_QUOTED) {
            check_word(&words, token);
        }
        words.before = words.last;
        words.last = token;
    }
}

/* ------------------------------------------------------------------ the whole */

static void
check_kind(struct check *check, struct lexer_token first, struct lexer_token second)
{
    check->statement->kind = RULES_READ;
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (lexer_is(first, statements[i].first) &&
            (statements[i].second == NULL || lexer_is(second, statements[i].second))) {
            check->statement->kind = statements[i].kind;
            if (statements[i].rule != RULES_ALLOWED) {
                check_refuse(check, statements[i].rule, statements[i].argument);
            }
            return;
        }
    }
}

void
check_words(struct check *check, const char *sql, size_t length)
{
    static const char *const writing[] = {"insert", "update", "delete", "merge", NULL};
    static const char *const reading[] = {"to", NULL}, *const client[] = {"stdin", "stdout", NULL};
    struct rules_statement *statement = check->statement;
    struct lexer lexer;
    lexer_init(&lexer, sql, length);
    struct lexer whole = lexer;
    struct lexer_token first = lexer_next(&lexer);
    struct lexer rest = lexer;
    struct lexer_token second = lexer_next(&lexer);
    while (lexer_is_symbol(first, '(')) {
        first = second;
        second = lexer_next(&lexer);
    }
    check_kind(check, first, second);
    if (lexer_is(first, "copy") && contains_word(rest, reading)) {
        statement->kind = RULES_READ;
    }
    if (lexer_is(first, "copy") && contains_word(rest, client)) {
        statement->copy = statement->kind == RULES_READ ? RULES_COPY_OUT : RULES_COPY_IN;
    }
    if ((lexer_is(first, "with") || lexer_is(first, "explain") || lexer_is(first, "copy")) &&
        contains_word(rest, writing)) {
        statement->kind = RULES_DML;
    }
    if (lexer_is(first, "set") || lexer_is(first, "reset")) {
        check_setting_words(check, lexer, second);
    }
    static const char *const view[] = {"view", NULL};
    if (statement->kind == RULES_READ || statement->kind == RULES_DML ||
        (lexer_is(first, "create") && contains_word(rest, view))) {
        check_query_words(check, whole);
    }
}
