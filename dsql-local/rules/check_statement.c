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

static void
check_query(struct check *check, const struct tree *node)
{
    (void)node;
    check->statement->kind = check->writes ? RULES_DML : RULES_READ;
}

static void
check_copy(struct check *check, const struct tree *node)
{
    bool from = tree_true(node, "is_from");
    check->statement->kind = from || check->writes ? RULES_DML : RULES_READ;
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
    check->statement->kind = analyze && check->writes ? RULES_DML : RULES_READ;
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
check_view(struct check *check, const struct tree *node)
{
    if (check_is_temporary(tree_get(node, "view"))) {
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

/* Whether a granted object is the service's own: a schema, or something in one. */
static bool
is_system_object(const struct tree *node, const struct tree *object)
{
    static const char *const system[] = {"sys", "pg_catalog", "information_schema", NULL};
    const char *schema = tree_text(object, "RangeVar.schemaname");
    if (tree_is(node, "objtype", "OBJECT_SCHEMA") ||
        tree_is(node, "targtype", "ACL_TARGET_ALL_IN_SCHEMA")) {
        schema = check_string(object);
    } else if (tree_count(tree_get(object, "ObjectWithArgs.objname")) > 1) {
        schema = check_string(tree_get(object, "ObjectWithArgs.objname")->first);
    }
    return is_listed(schema, system) || (tree_is(node, "objtype", "OBJECT_SCHEMA") &&
                                         schema != NULL && strcmp(schema, "public") == 0);
}

static void
check_grant(struct check *check, const struct tree *node)
{
    const struct tree *objects = tree_get(node, "objects");
    for (const struct tree *object = objects ? objects->first : NULL; object != NULL;
         object = object->next) {
        if (is_system_object(node, object)) {
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

/* OWNER TO and SET SCHEMA of what is no table. */
static void
check_alter_object(struct check *check, const struct tree *node)
{
    if (tree_is(node, "objectType", "OBJECT_TYPE")) {
        check_refuse(check, RULE_ALTER, "TYPE");
    } else if (tree_is(node, "objectType", "OBJECT_PROCEDURE")) {
        check_refuse(check, RULE_PROCEDURE, NULL);
    }
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
    {"AlterFunctionStmt", check_alter_function},
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
    {"AlterOwnerStmt", check_alter_object},
    {"AlterObjectSchemaStmt", check_alter_object},
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
    check_everywhere(check, body, true);
    check_node(check, body);
    if (!check_is_refused(check)) {
        check_everywhere(check, body, false);
    }
    if (check->sync_index && !check_is_refused(check)) {
        check->statement->session_may_allow = strcmp(body->key, "IndexStmt") == 0;
        check_refuse(check, RULE_INDEX_SYNC, NULL);
    }
}
