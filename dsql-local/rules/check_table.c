/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CREATE TABLE and ALTER TABLE. */
#include <string.h>

#include "check.h"

#define COLUMNS_MAX 255
#define INDEXES_MAX 24
#define KEYS_MAX 8
#define KEY_BYTES_MAX 2000

/* --------------------------------------------------------------- CREATE TABLE */

static bool
is_constraint(const struct tree *item, const char *type)
{
    return tree_is(item, "Constraint.contype", type);
}

static bool
is_key(const struct tree *item)
{
    return is_constraint(item, "CONSTR_PRIMARY") || is_constraint(item, "CONSTR_UNIQUE");
}

/* A column that becomes part of a key; bytes are those of the key's other ones.
 * Returns both together, as they are declared. */
static long
check_key_column(struct check *check, const struct tree *type, long bytes)
{
    const char *unkeyable = check_unkeyable_type(type);
    if (unkeyable != NULL) {
        check_refuse(check, RULE_KEY_TYPE, unkeyable);
    }
    bytes += check_declared_bytes(type);
    if (bytes > KEY_BYTES_MAX) {
        check_refuse(check, RULE_KEY_SIZE, NULL);
    }
    return bytes;
}

/* What may not be said of a key; behind a column's key its attributes follow. */
static void
check_key_clauses(struct check *check, const struct tree *key, const struct tree *attributes)
{
    bool deferrable = tree_true(key, "Constraint.deferrable");
    while (attributes != NULL &&
           tree_is(attributes, "Constraint.contype", "CONSTR_ATTR_DEFERRABLE")) {
        deferrable = true;
        attributes = attributes->next;
    }
    if (deferrable) {
        check_refuse(check, RULE_CREATE_CLAUSE, "DEFERRABLE PRIMARY KEY or UNIQUE constraint");
    }
    if (tree_count(tree_get(key, "Constraint.options")) > 0) {
        check_refuse(check, RULE_CREATE_CLAUSE, "WITH");
    }
    if (tree_text(key, "Constraint.indexspace") != NULL) {
        check_refuse(check, RULE_CREATE_CLAUSE, "TABLESPACE");
    }
}

static void
check_column(struct check *check, const struct tree *column)
{
    const struct tree *type = tree_get(column, "typeName");
    const struct tree *constraints = tree_get(column, "constraints");
    check_column_type(check, type);
    check_plain_numeric(check, type);
    if (tree_get(column, "collClause") != NULL) {
        check_refuse(check, RULE_COLLATE, NULL);
    }
    if (tree_text(column, "compression") != NULL) {
        check_refuse(check, RULE_CREATE_CLAUSE, "COMPRESSION");
    }
    for (const struct tree *item = constraints ? constraints->first : NULL; item != NULL;
         item = item->next) {
        if (is_constraint(item, "CONSTR_IDENTITY")) {
            check_identity(check, type, tree_get(item, "Constraint"));
        } else if (is_key(item)) {
            check_key_column(check, type, 0);
            check_key_clauses(check, item, item->next);
        }
    }
}

static const struct tree *
column_named(const struct tree *elements, const char *name)
{
    for (const struct tree *item = elements ? elements->first : NULL; item != NULL;
         item = item->next) {
        if (tree_is(item, "ColumnDef.colname", name)) {
            return tree_get(item, "ColumnDef");
        }
    }
    return NULL;
}

static void
check_key(struct check *check, const struct tree *constraint, const struct tree *elements)
{
    const struct tree *keys = tree_get(constraint, "keys");
    if (tree_count(keys) > KEYS_MAX) {
        check_refuse(check, RULE_INDEX_KEYS, NULL);
        return;
    }
    long bytes = 0;
    for (const struct tree *key = keys ? keys->first : NULL; key != NULL; key = key->next) {
        const char *name = check_string(key);
        const struct tree *column = name ? column_named(elements, name) : NULL;
        bytes = check_key_column(check, tree_get(column, "typeName"), bytes);
    }
}

static size_t
count_keys(const struct tree *constraints)
{
    size_t count = 0;
    for (const struct tree *item = constraints ? constraints->first : NULL; item != NULL;
         item = item->next) {
        count += is_key(item);
    }
    return count;
}

/* Whether there are as many columns and keys as may be; looking up each key
 * among more would take its time. */
static bool
check_size(struct check *check, const struct tree *elements)
{
    size_t columns = 0, keys = count_keys(elements);
    for (const struct tree *item = elements ? elements->first : NULL; item != NULL;
         item = item->next) {
        columns += tree_get(item, "ColumnDef") != NULL;
        keys += count_keys(tree_get(item, "ColumnDef.constraints"));
    }
    if (columns > COLUMNS_MAX) {
        check_refuse(check, RULE_COLUMNS, NULL);
    } else if (keys > INDEXES_MAX) {
        check_refuse(check, RULE_INDEXES, NULL);
    }
    return columns <= COLUMNS_MAX && keys <= INDEXES_MAX;
}

static void
check_elements(struct check *check, const struct tree *elements)
{
    if (!check_size(check, elements)) {
        return;
    }
    for (const struct tree *item = elements ? elements->first : NULL; item != NULL;
         item = item->next) {
        const struct tree *column = tree_get(item, "ColumnDef");
        if (column != NULL) {
            check_column(check, column);
        } else if (is_constraint(item, "CONSTR_EXCLUSION")) {
            check_refuse(check, RULE_EXCLUDE, NULL);
        } else if (is_key(item)) {
            check_key(check, tree_get(item, "Constraint"), elements);
            check_key_clauses(check, item, NULL);
        }
    }
}

bool
check_is_temporary(const struct tree *relation)
{
    const char *schema = tree_text(relation, "schemaname");
    return tree_is(relation, "relpersistence", "t") ||
           (schema != NULL && strncmp(schema, "pg_temp", 7) == 0);
}

void
check_create_table(struct check *check, const struct tree *node)
{
    static const struct {
        const char *member, *clause;
    } clauses[] = {
        {"partspec", "PARTITION BY"}, {"partbound", "PARTITION OF"},
        {"inhRelations", "INHERITS"}, {"ofTypename", "OF"},
        {"options", "WITH"},          {"tablespacename", "TABLESPACE"},
    };
    if (check_is_temporary(tree_get(node, "relation"))) {
        check_refuse(check, RULE_CREATE_CLAUSE, "TEMPORARY or TEMP table");
    } else if (tree_is(node, "relation.relpersistence", "u")) {
        check_refuse(check, RULE_CREATE_CLAUSE, "UNLOGGED table");
    }
    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        const struct tree *member = tree_get(node, clauses[i].member);
        if (member != NULL && (member->kind != TREE_LIST || member->first != NULL)) {
            check_refuse(check, RULE_CREATE_CLAUSE, clauses[i].clause);
        }
    }
    const char *method = tree_text(node, "accessMethod");
    if (method != NULL && strcmp(method, "btree_table") != 0) { /* that is what there is */
        check_refuse(check, RULE_CREATE_CLAUSE, "USING");
    }
    check_elements(check, tree_get(node, "tableElts"));
}

/* ---------------------------------------------------------------- ALTER TABLE */

static void
check_add_column(struct check *check, const struct tree *command)
{
    const struct tree *column = tree_get(command, "def.ColumnDef");
    if (tree_count(tree_get(column, "constraints")) > 0 || tree_get(column, "collClause") != NULL) {
        check_refuse(check, RULE_ADD_COLUMN, NULL);
    }
    if (tree_text(column, "compression") != NULL) {
        check_refuse(check, RULE_CREATE_CLAUSE, "COMPRESSION");
    }
    check_column_type(check, tree_get(column, "typeName"));
    check_plain_numeric(check, tree_get(column, "typeName"));
}

/* CHECK and FOREIGN KEY must not look at the rows that are there; a UNIQUE
 * constraint comes from an index that has been built. */
static void
check_add_constraint(struct check *check, const struct tree *command)
{
    const struct tree *constraint = tree_get(command, "def");
    bool unseen = (is_constraint(constraint, "CONSTR_FOREIGN") ||
                   is_constraint(constraint, "CONSTR_CHECK")) &&
                  tree_true(constraint, "Constraint.skip_validation");
    bool from_index = is_constraint(constraint, "CONSTR_UNIQUE") &&
                      tree_text(constraint, "Constraint.indexname") != NULL;
    if (!unseen && !from_index) {
        check_refuse(check, RULE_ALTER_TABLE, "ADD CONSTRAINT");
    }
}

static void
check_add_identity(struct check *check, const struct tree *command)
{
    check_identity(check, NULL, tree_get(command, "def.Constraint"));
}

static void
check_set_identity(struct check *check, const struct tree *command)
{
    check_changed_identity(check, tree_get(command, "def.List.items"));
}

static void
check_validate(struct check *check, const struct tree *command)
{
    (void)command;
    if (!check->async) {
        check_refuse(check, RULE_ALTER_TABLE, "VALIDATE CONSTRAINT");
        return;
    }
    check->statement->job = RULES_JOB_VALIDATE_CONSTRAINT;
}

/* In the words that PostgreSQL has for these commands in its own messages. */
static const struct {
    const char *subtype;
    void (*check)(struct check *check, const struct tree *command);
    int rule; /* that refuses it, or RULES_ALLOWED */
    const char *argument;
} commands[] = {
    {"AT_AddColumn", check_add_column, RULES_ALLOWED, NULL},
    {"AT_AddConstraint", check_add_constraint, RULES_ALLOWED, NULL},
    {"AT_AddIdentity", check_add_identity, RULES_ALLOWED, NULL},
    {"AT_ValidateConstraint", check_validate, RULES_ALLOWED, NULL},
    {"AT_DropColumn", NULL, RULES_ALLOWED, NULL},
    {"AT_ColumnDefault", NULL, RULES_ALLOWED, NULL},
    {"AT_DropNotNull", NULL, RULES_ALLOWED, NULL},
    {"AT_DropExpression", NULL, RULES_ALLOWED, NULL},
    {"AT_SetStorage", NULL, RULES_ALLOWED, NULL},
    {"AT_SetIdentity", check_set_identity, RULES_ALLOWED, NULL},
    {"AT_DropIdentity", NULL, RULES_ALLOWED, NULL},
    {"AT_DropConstraint", NULL, RULES_ALLOWED, NULL},
    {"AT_ChangeOwner", NULL, RULES_ALLOWED, NULL},
    {"AT_SetNotNull", NULL, RULE_ALTER_COLUMN, "SET NOT NULL"},
    {"AT_AlterColumnType", NULL, RULE_ALTER_COLUMN, "SET DATA TYPE"},
    {"AT_SetStatistics", NULL, RULE_ALTER_COLUMN, "SET STATISTICS"},
    {"AT_SetCompression", NULL, RULE_ALTER_COLUMN, "SET COMPRESSION"},
    {"AT_SetOptions", NULL, RULE_ALTER_COLUMN, "SET"},
    {"AT_ResetOptions", NULL, RULE_ALTER_COLUMN, "RESET"},
    {"AT_AlterConstraint", NULL, RULE_ALTER_TABLE, "ALTER CONSTRAINT"},
    {"AT_SetTableSpace", NULL, RULE_ALTER_TABLE, "SET TABLESPACE"},
    {"AT_SetRelOptions", NULL, RULE_ALTER_TABLE, "SET"},
    {"AT_ResetRelOptions", NULL, RULE_ALTER_TABLE, "RESET"},
    {"AT_SetLogged", NULL, RULE_ALTER_TABLE, "SET LOGGED"},
    {"AT_SetUnLogged", NULL, RULE_ALTER_TABLE, "SET UNLOGGED"},
    {"AT_SetAccessMethod", NULL, RULE_ALTER_TABLE, "SET ACCESS METHOD"},
    {"AT_ClusterOn", NULL, RULE_ALTER_TABLE, "CLUSTER ON"},
    {"AT_DropCluster", NULL, RULE_ALTER_TABLE, "SET WITHOUT CLUSTER"},
    {"AT_DropOids", NULL, RULE_ALTER_TABLE, "SET WITHOUT OIDS"},
    {"AT_EnableTrig", NULL, RULE_ALTER_TABLE, "ENABLE TRIGGER"},
    {"AT_EnableTrigAll", NULL, RULE_ALTER_TABLE, "ENABLE TRIGGER ALL"},
    {"AT_EnableTrigUser", NULL, RULE_ALTER_TABLE, "ENABLE TRIGGER USER"},
    {"AT_DisableTrig", NULL, RULE_ALTER_TABLE, "DISABLE TRIGGER"},
    {"AT_DisableTrigAll", NULL, RULE_ALTER_TABLE, "DISABLE TRIGGER ALL"},
    {"AT_DisableTrigUser", NULL, RULE_ALTER_TABLE, "DISABLE TRIGGER USER"},
    {"AT_EnableRule", NULL, RULE_ALTER_TABLE, "ENABLE RULE"},
    {"AT_DisableRule", NULL, RULE_ALTER_TABLE, "DISABLE RULE"},
    {"AT_AddOf", NULL, RULE_ALTER_TABLE, "OF"},
    {"AT_DropOf", NULL, RULE_ALTER_TABLE, "NOT OF"},
    {"AT_AddInherit", NULL, RULE_ALTER_TABLE, "INHERIT"},
    {"AT_DropInherit", NULL, RULE_ALTER_TABLE, "NO INHERIT"},
    {"AT_AttachPartition", NULL, RULE_ALTER_TABLE, "ATTACH PARTITION"},
    {"AT_DetachPartition", NULL, RULE_ALTER_TABLE, "DETACH PARTITION"},
    {"AT_EnableRowSecurity", NULL, RULE_ALTER_TABLE, "ENABLE ROW SECURITY"},
    {"AT_DisableRowSecurity", NULL, RULE_ALTER_TABLE, "DISABLE ROW SECURITY"},
    {"AT_ForceRowSecurity", NULL, RULE_ALTER_TABLE, "FORCE ROW SECURITY"},
    {"AT_NoForceRowSecurity", NULL, RULE_ALTER_TABLE, "NO FORCE ROW SECURITY"},
    {"AT_ReplicaIdentity", NULL, RULE_ALTER_TABLE, "REPLICA IDENTITY"},
};

static void
check_command(struct check *check, const struct tree *command)
{
    const char *subtype = tree_text(command, "subtype");
    for (size_t i = 0; subtype != NULL && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].subtype, subtype) == 0) {
            if (commands[i].rule != RULES_ALLOWED) {
                check_refuse(check, commands[i].rule, commands[i].argument);
            } else if (commands[i].check != NULL) {
                commands[i].check(check, command);
            }
            return;
        }
    }
    check_refuse(check, RULE_ALTER_TABLE, subtype ? subtype + 3 : "");
}

void
check_alter_table(struct check *check, const struct tree *node)
{
    const struct tree *list = tree_get(node, "cmds");
    if (tree_is(node, "objtype", "OBJECT_TYPE") || tree_is(node, "relkind", "OBJECT_TYPE")) {
        check_refuse(check, RULE_ALTER, "TYPE"); /* a composite type's attributes */
        return;
    }
    for (const struct tree *item = list ? list->first : NULL; item != NULL; item = item->next) {
        check_command(check, tree_get(item, "AlterTableCmd"));
    }
}
