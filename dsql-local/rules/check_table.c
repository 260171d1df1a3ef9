/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CREATE TABLE, ALTER TABLE, sequences and identity columns. */
#include <string.h>

#include "check.h"

#define COLUMNS_MAX 255
#define INDEXES_MAX 24
#define KEYS_MAX 8
#define SMALLEST_CACHE 65536

/* ---------------------------------------------------------- identity, sequences */

static const struct tree *
option_named(const struct tree *options, const char *name)
{
    for (const struct tree *option = options ? options->first : NULL; option != NULL;
         option = option->next) {
        if (tree_is(option, "DefElem.defname", name)) {
            return tree_get(option, "DefElem");
        }
    }
    return NULL;
}

static bool
is_good_cache(const struct tree *option)
{
    long cache = check_integer(tree_get(option, "arg"), 0);
    return cache == 1 || cache >= SMALLEST_CACHE;
}

static bool
has_good_cache(const struct tree *options)
{
    const struct tree *option = option_named(options, "cache");
    return option != NULL && is_good_cache(option);
}

/* What is changed must be good; what is not mentioned stays. */
static bool
keeps_good_cache(const struct tree *options)
{
    const struct tree *option = option_named(options, "cache");
    return option == NULL || is_good_cache(option);
}

static void
check_identity(struct check *check, const struct tree *type_name, const struct tree *constraint)
{
    const char *format = check_type_format(type_name);
    if (type_name != NULL && *format != '\0' && strcmp(format, "bigint") != 0) {
        check_refuse(check, RULE_IDENTITY_TYPE, format);
    }
    if (!has_good_cache(tree_get(constraint, "options"))) {
        check_refuse(check, RULE_IDENTITY_CACHE, NULL);
    }
}

static void
check_sequence_type(struct check *check, const struct tree *options)
{
    const struct tree *type = option_named(options, "as");
    const char *format = check_type_format(tree_get(type, "arg.TypeName"));
    if (type != NULL && strcmp(format, "bigint") != 0) {
        check_refuse(check, RULE_SEQUENCE_TYPE, format);
    }
}

void
check_sequence(struct check *check, const struct tree *node)
{
    const struct tree *options = tree_get(node, "options");
    if (tree_is(node, "sequence.relpersistence", "t")) {
        check_refuse(check, RULE_CREATE, "TEMPORARY SEQUENCE");
    }
    check_sequence_type(check, options);
    if (!has_good_cache(options)) {
        check_refuse(check, RULE_SEQUENCE_CACHE, NULL);
    }
}

void
check_alter_sequence(struct check *check, const struct tree *node)
{
    const struct tree *options = tree_get(node, "options");
    check_sequence_type(check, options);
    if (!keeps_good_cache(options)) {
        check_refuse(check, RULE_SEQUENCE_CACHE, NULL);
    }
}

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

static void
check_column(struct check *check, const struct tree *column)
{
    const struct tree *type = tree_get(column, "typeName");
    const struct tree *constraints = tree_get(column, "constraints");
    check_column_type(check, type);
    if (tree_get(column, "collClause") != NULL) {
        check_refuse(check, RULE_COLLATE, NULL);
    }
    for (const struct tree *item = constraints ? constraints->first : NULL; item != NULL;
         item = item->next) {
        const char *unkeyable = is_key(item) ? check_unkeyable_type(type) : NULL;
        if (is_constraint(item, "CONSTR_IDENTITY")) {
            check_identity(check, type, tree_get(item, "Constraint"));
        } else if (unkeyable != NULL) {
            check_refuse(check, RULE_KEY_TYPE, unkeyable);
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
    for (const struct tree *key = keys ? keys->first : NULL; key != NULL; key = key->next) {
        const char *name = check_string(key);
        const struct tree *column = name ? column_named(elements, name) : NULL;
        const char *type = check_unkeyable_type(tree_get(column, "typeName"));
        if (type != NULL) {
            check_refuse(check, RULE_KEY_TYPE, type);
        }
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
        }
    }
}

static bool
is_temporary(const struct tree *relation)
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
        {"accessMethod", "USING"},
    };
    if (is_temporary(tree_get(node, "relation"))) {
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
    check_column_type(check, tree_get(column, "typeName"));
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
    if (!keeps_good_cache(tree_get(command, "def.List.items"))) {
        check_refuse(check, RULE_IDENTITY_CACHE, NULL);
    }
}

static void
check_validate(struct check *check, const struct tree *command)
{
    if (!check->async) {
        check_refuse(check, RULE_ALTER_TABLE, "VALIDATE CONSTRAINT");
        return;
    }
    check->statement->job = RULES_JOB_VALIDATE_CONSTRAINT;
    check->statement->job_object = tree_text(command, "name");
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
    if (check->async) {
        check->statement->job_table = check_table_name(check, tree_get(node, "relation"));
    }
    for (const struct tree *item = list ? list->first : NULL; item != NULL; item = item->next) {
        check_command(check, tree_get(item, "AlterTableCmd"));
    }
}
