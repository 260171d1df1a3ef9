/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What is refused wherever it stands: in queries and their CTEs, in views,
 * defaults, checks, index expressions and functions' bodies. */
#include <stdio.h>
#include <string.h>

#include "check.h"

/* -------------------------------------------------------------------- clauses */

static void
check_locking(struct check *check, const struct tree *clause)
{
    if (!tree_is(clause, "strength", "LCS_FORUPDATE") &&
        !tree_is(clause, "strength", "LCS_FORKEYSHARE")) {
        check_refuse(check, RULE_LOCKING, NULL);
    }
}

static void
check_into(struct check *check, const struct tree *clause)
{
    (void)clause;
    check_refuse(check, RULE_STATEMENT, "CreateTableAs");
}

static void
check_sample(struct check *check, const struct tree *clause)
{
    (void)clause;
    check_refuse(check, RULE_TABLESAMPLE, NULL);
}

static void
check_merge(struct check *check, const struct tree *statement)
{
    (void)statement;
    check_refuse(check, RULE_MERGE, NULL);
}

/* ---------------------------------------------------------------- expressions */

static void
check_type(struct check *check, const struct tree *type_name)
{
    check_cast(check, type_name);
}

static void
check_xml(struct check *check, const struct tree *expression)
{
    (void)expression;
    check_refuse(check, RULE_DATATYPE, "xml");
}

/* PostgreSQL's functions that give or take XML. */
static bool
is_xml_function(const char *name)
{
    static const char predicate[] = "xml_is_well_formed";
    return (strncmp(name, "xml", 3) == 0 && strncmp(name, predicate, sizeof predicate - 1) != 0) ||
           strncmp(name, "xpath", 5) == 0 || strstr(name, "_to_xml") != NULL;
}

static bool
starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

void
check_function_name(struct check *check, const char *name)
{
    check_constructor(check, name); /* line('{1,2,3}') is a call to the parser */
    if (starts_with(name, "pg_advisory_") || starts_with(name, "pg_try_advisory_")) {
        check_refuse(check, RULE_FUNCTION, name);
    } else if (is_xml_function(name)) {
        check_refuse(check, RULE_DATATYPE, "xml");
    }
}

static void
check_call_of(struct check *check, const struct tree *call)
{
    const char *name = check_built_in_name(tree_get(call, "funcname"));
    if (name == NULL) {
        return; /* in another schema: the user's own */
    }
    check_function_name(check, name);
    if (strcmp(name, "set_config") == 0) {
        check_set_config(check, call);
    }
}

/* -------------------------------------------------------------------- LATERAL */

/* Whether PostgreSQL would merge a sub-select of one table into its query. */
static bool
is_simple_query(const struct tree *query)
{
    static const char *const clauses[] = {
        "distinctClause", "groupClause", "havingClause", "windowClause",  "valuesLists",
        "sortClause",     "limitOffset", "limitCount",   "lockingClause", "withClause"};
    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        if (tree_get(query, clauses[i]) != NULL) {
            return false;
        }
    }
    const char *operation = tree_text(query, "op");
    return (operation == NULL || strcmp(operation, "SETOP_NONE") == 0) &&
           tree_count(tree_get(query, "fromClause")) == 1;
}

struct outer_search {
    const char *inner; /* what the sub-select calls its table */
    bool outer, other; /* columns of the query around it; columns of its own or unknown */
};

static int
note_column(const struct tree *column, void *context)
{
    struct outer_search *search = context;
    const struct tree *fields = tree_get(column, "fields");
    const char *table = fields ? check_string(fields->first) : NULL;
    bool qualified = tree_count(fields) == 2 && table != NULL;
    search->outer |= qualified && strcmp(table, search->inner) != 0;
    search->other |= !qualified || strcmp(table, search->inner) == 0;
    return 0;
}

/* LEFT JOIN LATERAL (SELECT p.id FROM c): what stands on the side that may be
 * missing and is made of the other side's columns alone is what the service
 * cannot do. */
static void
check_lateral(struct check *check, const struct tree *join)
{
    const struct tree *side = tree_get(join, "rarg.RangeSubselect");
    const struct tree *query = tree_get(side, "subquery.SelectStmt");
    if (!tree_is(join, "jointype", "JOIN_LEFT") || !tree_true(side, "lateral") || query == NULL ||
        !is_simple_query(query)) {
        return;
    }
    const struct tree *table = tree_get(tree_get(query, "fromClause")->first, "RangeVar");
    const char *name = tree_text(table, "relname"), *alias = tree_text(table, "alias.aliasname");
    const struct tree *targets = tree_get(query, "targetList");
    long number = 0;
    for (const struct tree *target = targets ? targets->first : NULL;
         target != NULL && name != NULL; target = target->next) {
        struct outer_search search = {.inner = alias ? alias : name};
        tree_visit(target, "ColumnRef", note_column, &search);
        number++;
        if (search.outer && !search.other) {
            char text[128];
            snprintf(text, sizeof text, "%ld of type %.63s", number, name);
            check_refuse(check, RULE_LATERAL, text);
            return;
        }
    }
}

/* ------------------------------------------------------------------- the walk */

static void
note_writing(struct check *check, const struct tree *statement)
{
    (void)statement;
    check->writes = true;
}

/* By the member under which the parser puts it. */
static const struct {
    const char *key;
    void (*check)(struct check *check, const struct tree *node);
} rules[] = {
    {"FuncCall", check_call_of},        {"InsertStmt", note_writing},
    {"JoinExpr", check_lateral},        {"LockingClause", check_locking},
    {"RangeTableSample", check_sample}, {"DeleteStmt", note_writing},
    {"TypeName", check_type},           {"UpdateStmt", note_writing},
    {"VariableSetStmt", check_setting}, {"XmlExpr", check_xml},
    {"XmlSerialize", check_xml},        {"argType", check_type},
    {"intoClause", check_into},         {"returnType", check_type},
    {"typeName", check_type},
};

/* Reads everything twice: what writes is to be known before the statement is
 * judged, what is refused here comes after the statement's own rules. */
void
check_everywhere(struct check *check, const struct tree *node, bool writing)
{
    if (node->kind == TREE_OBJECT && node->key != NULL) {
        for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
            if (*node->key == *rules[i].key && strcmp(node->key, rules[i].key) == 0 &&
                writing == (rules[i].check == note_writing)) {
                rules[i].check(check, node);
            }
        }
        if (strcmp(node->key, "MergeStmt") == 0) {
            check->writes = true;
            if (!writing) {
                check_merge(check, node);
            }
        }
    }
    for (const struct tree *member = node->first; member != NULL; member = member->next) {
        check_everywhere(check, member, writing);
    }
}
