/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CREATE INDEX, and statements that the parser cannot read. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lexer.h"

#define KEYS_MAX 8

static void
check_keys(struct check *check, const struct tree *keys)
{
    for (const struct tree *item = keys ? keys->first : NULL; item != NULL; item = item->next) {
        const struct tree *key = tree_get(item, "IndexElem");
        const char *ordering = tree_text(key, "ordering");
        if (ordering != NULL && strcmp(ordering, "SORTBY_DEFAULT") != 0) {
            check_refuse(check, RULE_INDEX_ORDER, NULL);
        }
        if (tree_count(tree_get(key, "opclass")) > 0) {
            check_refuse(check, RULE_INDEX_OPCLASS, NULL);
        }
        if (tree_count(tree_get(key, "collation")) > 0) {
            check_refuse(check, RULE_INDEX_CLAUSE, "COLLATE");
        }
    }
    if (tree_count(keys) > KEYS_MAX) {
        check_refuse(check, RULE_INDEX_KEYS, NULL);
    }
}

void
check_index(struct check *check, const struct tree *node)
{
    struct rules_statement *statement = check->statement;
    if (tree_true(node, "concurrent")) {
        check_refuse(check, RULE_INDEX_CLAUSE, "CONCURRENTLY");
    }
    if (check->index_using) {
        check_refuse(check, RULE_INDEX_CLAUSE, "USING");
    }
    check_keys(check, tree_get(node, "indexParams"));
    if (tree_text(node, "tableSpace") != NULL) {
        check_refuse(check, RULE_INDEX_CLAUSE, "TABLESPACE");
    }
    if (tree_count(tree_get(node, "options")) > 0) {
        check_refuse(check, RULE_INDEX_CLAUSE, "WITH");
    }
    if (!check->async) {
        check_refuse(check, RULE_INDEX_SYNC, NULL);
        return;
    }
    statement->job = RULES_JOB_INDEX_BUILD;
    statement->job_table = check_table_name(check, tree_get(node, "relation"));
    statement->job_object = tree_text(node, "idxname");
}

/* ------------------------------------------------------------ unreadable texts */

/* Statements known by their first words; NULL: any. The first row that fits. */
static const struct {
    const char *first, *second;
    enum rules_kind kind;
    int rule;
    const char *argument;
} words[] = {
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

void
check_words(struct check *check, const char *sql, size_t length)
{
    static const char *const writing[] = {"insert", "update", "delete", "merge", NULL};
    static const char *const reading[] = {"to", NULL}, *const client[] = {"stdin", "stdout", NULL};
    struct rules_statement *statement = check->statement;
    struct lexer lexer;
    lexer_init(&lexer, sql, length);
    struct lexer_token first = lexer_next(&lexer);
    struct lexer rest = lexer;
    struct lexer_token second = lexer_next(&lexer);
    while (lexer_is_symbol(first, '(')) {
        first = second;
        second = lexer_next(&lexer);
    }
    statement->kind = RULES_READ;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!lexer_is(first, words[i].first) ||
            (words[i].second != NULL && !lexer_is(second, words[i].second))) {
            continue;
        }
        statement->kind = words[i].kind;
        if (words[i].rule != RULES_ALLOWED) {
            check_refuse(check, words[i].rule, words[i].argument);
        }
        break;
    }
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
}
