/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Transaction control, and the settings of a session. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "check.h"

/* Source: Aurora DSQL user guide, list of the settings that may be set. */
static const char *const settings[] = {
    "application_name",
    "client_encoding",
    "datestyle",
    "dsql.enable_batched_nestloop",
    "disable_sync_create_index",
    "enable_bitmapscan",
    "enable_hashjoin",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_material",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_seqscan",
    "extra_float_digits",
    "intervalstyle",
    "search_path",
    "timezone",
};

bool
rules_setting_is_allowed(const char *name)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcasecmp(settings[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* --------------------------------------------------------------- transactions */

static void
refuse_isolation(struct check *check, const char *level)
{
    char upper[64];
    size_t length = 0;
    for (; level[length] != '\0' && length < sizeof upper - 1; length++) {
        upper[length] = (char)toupper((unsigned char)level[length]);
    }
    upper[length] = '\0';
    check_refuse(check, RULE_ISOLATION, upper);
}

/* The isolation level among options or arguments, if it is not the one that
 * there is. */
static void
check_isolation(struct check *check, const struct tree *options)
{
    for (const struct tree *option = options ? options->first : NULL; option != NULL;
         option = option->next) {
        const char *level = check_constant(tree_get(option, "DefElem.arg"));
        if (tree_is(option, "DefElem.defname", "transaction_isolation") && level != NULL &&
            strcasecmp(level, "repeatable read") != 0) {
            refuse_isolation(check, level);
        }
    }
}

void
check_transaction(struct check *check, const struct tree *node)
{
    static const struct {
        const char *kind;
        enum rules_kind means;
        const char *refused; /* the service's name for it */
    } kinds[] = {
        {"TRANS_STMT_BEGIN", RULES_BEGIN, NULL},
        {"TRANS_STMT_START", RULES_BEGIN, NULL},
        {"TRANS_STMT_COMMIT", RULES_COMMIT, NULL},
        {"TRANS_STMT_ROLLBACK", RULES_ROLLBACK, NULL},
        {"TRANS_STMT_SAVEPOINT", RULES_SESSION, "SAVEPOINT"},
        {"TRANS_STMT_RELEASE", RULES_SESSION, "RELEASE"},
        {"TRANS_STMT_ROLLBACK_TO", RULES_SESSION, "ROLLBACK TO"},
        {"TRANS_STMT_PREPARE", RULES_SESSION, "PREPARE TRANSACTION"},
        {"TRANS_STMT_COMMIT_PREPARED", RULES_SESSION, "COMMIT PREPARED"},
        {"TRANS_STMT_ROLLBACK_PREPARED", RULES_SESSION, "ROLLBACK PREPARED"},
    };
    const char *kind = tree_text(node, "kind");
    check->statement->kind = RULES_SESSION;
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            check->statement->kind = kinds[i].means;
            if (kinds[i].refused != NULL) {
                check_refuse(check, RULE_TRANSACTION_STATEMENT, kinds[i].refused);
            }
        }
    }
    check_isolation(check, tree_get(node, "options"));
}

/* ------------------------------------------------------------------- settings */

void
check_setting(struct check *check, const struct tree *node)
{
    const char *name = tree_text(node, "name"); /* NULL: RESET ALL */
    bool local_role = name != NULL && strcmp(name, "role") == 0 && tree_true(node, "is_local");
    if (name != NULL && !local_role && !rules_setting_is_allowed(name)) {
        check_refuse(check, RULE_SETTING, name);
    }
}

void
check_set(struct check *check, const struct tree *node)
{
    check->statement->kind = RULES_SESSION;
    if (tree_is(node, "kind", "VAR_SET_MULTI")) {
        check_isolation(check, tree_get(node, "args"));
    }
    check_setting(check, node);
}

/* The argument of a call by its name, or its place. */
static const struct tree *
argument_of(const struct tree *call, const char *name)
{
    const struct tree *arguments = tree_get(call, "args");
    const struct tree *first = arguments ? arguments->first : NULL;
    for (const struct tree *item = first; item != NULL; item = item->next) {
        if (tree_is(item, "NamedArgExpr.name", name)) {
            return tree_get(item, "NamedArgExpr.arg");
        }
    }
    return first;
}

/* set_config('name', ...) is SET by another name. Where the name is computed it
 * cannot be judged here. */
void
check_set_config(struct check *check, const struct tree *call)
{
    const char *setting = check_constant_in_casts(argument_of(call, "setting_name"));
    if (setting != NULL && !rules_setting_is_allowed(setting)) {
        check_refuse(check, RULE_SETTING, setting);
    }
}

void
check_show(struct check *check, const struct tree *node)
{
    const char *name = tree_text(node, "name");
    check->statement->kind = RULES_SESSION;
    if (name == NULL) {
        return;
    }
    char *folded = arena_copy(check->arena, name, strlen(name));
    if (folded == NULL) {
        check->failed = true;
        return;
    }
    for (char *at = folded; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    check->statement->show = folded;
    /* Gone in PostgreSQL 16, which the service is; older servers know them. */
    if (strcmp(folded, "lc_collate") == 0 || strcmp(folded, "lc_ctype") == 0) {
        check_refuse(check, RULE_UNKNOWN_SETTING, name);
    }
}
