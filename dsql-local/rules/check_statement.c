/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a statement is, and which statements there are at all. */
#include <stdio.h>
#include <string.h>

#include "check.h"

void
check_refuse(struct check *check, int rule, const char *argument)
{
    struct rules_statement *statement = check->statement;
    if (statement->rule != RULES_ALLOWED) {
        return;
    }
    const char *format = rules_message(rule), *place = strstr(format, "%s");
    const char *text = argument && place ? argument : "";
    size_t size = strlen(format) + strlen(text) + 1;
    char *message = arena_get(check->arena, size);
    if (message == NULL) {
        check->failed = true;
        return;
    }
    if (place == NULL) {
        memcpy(message, format, size);
    } else {
        snprintf(message, size, "%.*s%s%s", (int)(place - format), format, text, place + 2);
    }
    statement->rule = rule;
    statement->sqlstate = rules_sqlstate(rule);
    statement->message = message;
}

/* ------------------------------------------------------------- reading, writing */

static bool
writes(const struct tree *node)
{
    return tree_find(node, "InsertStmt") != NULL || tree_find(node, "UpdateStmt") != NULL ||
           tree_find(node, "DeleteStmt") != NULL || tree_find(node, "MergeStmt") != NULL;
}

static int
check_locking(const struct tree *found, void *context)
{
    if (!tree_is(found, "strength", "LCS_FORUPDATE") &&
        !tree_is(found, "strength", "LCS_FORKEYSHARE")) {
        check_refuse(context, RULE_LOCKING, NULL);
    }
    return 0;
}

static int
check_into(const struct tree *found, void *context)
{
    (void)found;
    check_refuse(context, RULE_STATEMENT, "CreateTableAs");
    return 1;
}

static int
check_sample(const struct tree *found, void *context)
{
    (void)found;
    check_refuse(context, RULE_TABLESAMPLE, NULL);
    return 1;
}

static int
check_merge(const struct tree *found, void *context)
{
    (void)found;
    check_refuse(context, RULE_MERGE, NULL);
    return 1;
}

static int
check_type_cast(const struct tree *found, void *context)
{
    check_cast(context, tree_get(found, "typeName"));
    return 0;
}

static int
check_call_of(const struct tree *found, void *context)
{
    const struct tree *names = tree_get(found, "funcname");
    const char *name = check_last_name(names);
    check_constructor(context, names); /* line('{1,2,3}') is a call to the parser */
    if (name != NULL && strcmp(name, "set_config") == 0) {
        check_set_config(context, found);
    } else if (name != NULL && (strncmp(name, "pg_advisory_", 12) == 0 ||
                                strncmp(name, "pg_try_advisory_", 16) == 0)) {
        check_refuse(context, RULE_FUNCTION, name);
    }
    return 0;
}

/* Clauses that are refused wherever they stand, also in CTEs, views and
 * functions' bodies that the parser reads. */
static void
check_everywhere(struct check *check, const struct tree *node)
{
    tree_visit(node, "MergeStmt", check_merge, check);
    tree_visit(node, "LockingClause", check_locking, check);
    tree_visit(node, "RangeTableSample", check_sample, check);
    tree_visit(node, "intoClause", check_into, check);
    tree_visit(node, "TypeCast", check_type_cast, check);
    tree_visit(node, "FuncCall", check_call_of, check);
}

static void
check_query(struct check *check, const struct tree *node)
{
    (void)node;
    check->statement->kind = writes(node) || strcmp(node->key, "InsertStmt") == 0 ||
                                     strcmp(node->key, "UpdateStmt") == 0 ||
                                     strcmp(node->key, "DeleteStmt") == 0
                                 ? RULES_DML
                                 : RULES_READ;
}

static void
check_copy(struct check *check, const struct tree *node)
{
    bool from = tree_true(node, "is_from");
    check->statement->kind = from || writes(node) ? RULES_DML : RULES_READ;
    if (tree_get(node, "filename") == NULL && !tree_true(node, "is_program")) {
        check->statement->copy = from ? RULES_COPY_IN : RULES_COPY_OUT;
    }
}

static bool
is_listed(const char *word, const char *const *list)
{
    while (*list != NULL && (word == NULL || strcmp(*list, word) != 0)) {
        list++;
    }
    return *list != NULL;
}

/* The service names a statement that it does not have by the parser's name for
 * it, without "Stmt" at its end. */
static void
refuse_by_name(struct check *check, const char *node)
{
    char name[64];
    size_t length = strlen(node);
    if (length > 4 && strcmp(node + length - 4, "Stmt") == 0) {
        length -= 4;
    }
    snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), node);
    check_refuse(check, RULE_STATEMENT, name);
}

static void
check_explain(struct check *check, const struct tree *node)
{
    static const char *const known[] = {"SelectStmt", "InsertStmt", "UpdateStmt",
                                        "DeleteStmt", "MergeStmt",  NULL};
    const struct tree *options = tree_get(node, "options"), *query = tree_get(node, "query");
    bool analyze = false;
    for (const struct tree *option = options ? options->first : NULL; option != NULL;
         option = option->next) {
        if (tree_is(option, "DefElem.defname", "analyze")) {
            analyze = check_boolean(option);
        }
    }
    check->statement->kind = analyze && writes(query) ? RULES_DML : RULES_READ;
    if (query != NULL && query->first != NULL && !is_listed(query->first->key, known)) {
        refuse_by_name(check, query->first->key);
    }
}

/* ------------------------------------------------------------------------ DDL */

static void
check_drop(struct check *check, const struct tree *node)
{
    static const char *const known[] = {"OBJECT_TABLE",  "OBJECT_VIEW",          "OBJECT_INDEX",
                                        "OBJECT_SCHEMA", "OBJECT_SEQUENCE",      "OBJECT_FUNCTION",
                                        "OBJECT_DOMAIN", "OBJECT_STATISTIC_EXT", NULL};
    if (!is_listed(tree_text(node, "removeType"), known)) {
        check_refuse(check, RULE_DROP_OBJECT, NULL);
    } else if (tree_true(node, "concurrent")) {
        check_refuse(check, RULE_DROP_INDEX_CLAUSE, NULL);
    }
}

static void
check_rename(struct check *check, const struct tree *node)
{
    static const char *const known[] = {"OBJECT_TABLE",
                                        "OBJECT_COLUMN",
                                        "OBJECT_INDEX",
                                        "OBJECT_VIEW",
                                        "OBJECT_SEQUENCE",
                                        "OBJECT_SCHEMA",
                                        "OBJECT_FUNCTION",
                                        "OBJECT_TABCONSTRAINT",
                                        "OBJECT_DOMAIN",
                                        "OBJECT_DOMCONSTRAINT",
                                        "OBJECT_ROLE",
                                        "OBJECT_STATISTIC_EXT",
                                        NULL};
    if (!is_listed(tree_text(node, "renameType"), known)) {
        check_refuse(check, RULE_RENAME_OBJECT, NULL);
    }
}

static void
check_function(struct check *check, const struct tree *node)
{
    const struct tree *options = tree_get(node, "options");
    if (tree_true(node, "is_procedure")) {
        check_refuse(check, RULE_PROCEDURE, NULL);
    }
    for (const struct tree *option = options ? options->first : NULL; option != NULL;
         option = option->next) {
        if (tree_is(option, "DefElem.defname", "language")) {
            const char *language = check_constant(tree_get(option, "DefElem.arg"));
            if (language != NULL && strcmp(language, "sql") != 0) {
                check_refuse(check, RULE_LANGUAGE, language);
            }
        }
    }
}

static void
check_view(struct check *check, const struct tree *node)
{
    if (tree_is(node, "view.relpersistence", "t")) {
        check_refuse(check, RULE_CREATE, "TEMPORARY VIEW");
    }
}

static void
check_domain(struct check *check, const struct tree *node)
{
    check_column_type(check, tree_get(node, "typeName"));
    if (tree_get(node, "collClause") != NULL) {
        check_refuse(check, RULE_COLLATE, NULL);
    }
}

static void
check_grant(struct check *check, const struct tree *node)
{
    static const char *const system[] = {"sys", "pg_catalog", "information_schema", "public", NULL};
    static const char *const catalogs[] = {"sys", "pg_catalog", "information_schema", NULL};
    const struct tree *objects = tree_get(node, "objects");
    for (const struct tree *object = objects ? objects->first : NULL; object != NULL;
         object = object->next) {
        bool schema =
            tree_is(node, "objtype", "OBJECT_SCHEMA") && is_listed(check_string(object), system);
        if (schema || is_listed(tree_text(object, "RangeVar.schemaname"), catalogs)) {
            check_refuse(check, RULE_SYSTEM_ENTITY, NULL);
        }
    }
}

static void
check_nothing(struct check *check, const struct tree *node)
{
    (void)check;
    (void)node;
}

static void
check_session(struct check *check, const struct tree *node)
{
    check->statement->kind = RULES_SESSION;
    check->statement->deallocate_all =
        strcmp(node->key, "DeallocateStmt") == 0 && tree_text(node, "name") == NULL;
}

static void
check_call(struct check *check, const struct tree *node)
{
    (void)node;
    check->statement->kind = RULES_READ;
}

static void
check_vacuum(struct check *check, const struct tree *node)
{
    check->statement->kind = RULES_SESSION; /* ANALYZE */
    if (tree_true(node, "is_vacuumcmd")) {
        check_refuse(check, RULE_VACUUM, NULL);
    }
}

static void
check_trigger(struct check *check, const struct tree *node)
{
    (void)node;
    check_refuse(check, RULE_CREATE, "TRIGGER");
}

static void
check_create_type(struct check *check, const struct tree *node)
{
    (void)node;
    check_refuse(check, RULE_CREATE, "TYPE");
}

static void
check_alter_type(struct check *check, const struct tree *node)
{
    (void)node;
    check_refuse(check, RULE_ALTER, "TYPE");
}

static void check_node(struct check *check, const struct tree *body);

/* CREATE SCHEMA s CREATE TABLE ...: what stands in it is judged alike. */
static void
check_schema(struct check *check, const struct tree *node)
{
    const struct tree *elements = tree_get(node, "schemaElts");
    for (const struct tree *item = elements ? elements->first : NULL; item != NULL;
         item = item->next) {
        check_node(check, item->first);
    }
}

/* ------------------------------------------------------------------ the table */

/* Every statement that the service has; kind RULES_DDL unless its function says
 * otherwise. */
static const struct {
    const char *node;
    void (*check)(struct check *check, const struct tree *node);
} statements[] = {
    {"SelectStmt", check_query},
    {"InsertStmt", check_query},
    {"UpdateStmt", check_query},
    {"DeleteStmt", check_query},
    {"MergeStmt", check_query},
    {"CopyStmt", check_copy},
    {"ExplainStmt", check_explain},
    {"CallStmt", check_call},
    {"TransactionStmt", check_transaction},
    {"VariableSetStmt", check_set},
    {"VariableShowStmt", check_show},
    {"DeallocateStmt", check_session},
    {"ConstraintsSetStmt", check_session},
    {"VacuumStmt", check_vacuum},
    {"CreateStmt", check_create_table},
    {"AlterTableStmt", check_alter_table},
    {"IndexStmt", check_index},
    {"DropStmt", check_drop},
    {"RenameStmt", check_rename},
    {"ViewStmt", check_view},
    {"CreateFunctionStmt", check_function},
    {"AlterFunctionStmt", check_nothing},
    {"CreateSchemaStmt", check_schema},
    {"CreateDomainStmt", check_domain},
    {"AlterDomainStmt", check_nothing},
    {"CreateSeqStmt", check_sequence},
    {"AlterSeqStmt", check_alter_sequence},
    {"CreateStatsStmt", check_nothing},
    {"AlterStatsStmt", check_nothing},
    {"CommentStmt", check_nothing},
    {"GrantStmt", check_grant},
    {"GrantRoleStmt", check_nothing},
    {"AlterDefaultPrivilegesStmt", check_nothing},
    {"CreateRoleStmt", check_nothing},
    {"AlterRoleStmt", check_nothing},
    {"DropRoleStmt", check_nothing},
    {"AlterOwnerStmt", check_nothing},
    {"AlterObjectSchemaStmt", check_nothing},
    {"CreateTrigStmt", check_trigger},
    {"CreateEnumStmt", check_create_type},
    {"AlterEnumStmt", check_alter_type},
};

static void
check_node(struct check *check, const struct tree *body)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (strcmp(statements[i].node, body->key) == 0) {
            statements[i].check(check, body);
            return;
        }
    }
    refuse_by_name(check, body->key);
}

void
check_statement(struct check *check, const struct tree *node)
{
    const struct tree *body = node != NULL ? node->first : NULL;
    if (body == NULL) {
        check->statement->kind = RULES_EMPTY;
        return;
    }
    check->statement->kind = RULES_DDL;
    check_node(check, body);
    check_everywhere(check, body);
}
