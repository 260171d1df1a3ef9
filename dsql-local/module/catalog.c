/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Refusals of DDL that only the catalog can tell: the types of keys, and how
 * many there are of anything. Source: Aurora DSQL user guide, quotas; probes;
 * live notes. */
#include "occ.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define COLUMNS_MAX 255
#define INDEXES_MAX 24
#define SCHEMAS_MAX 10
#define TABLES_MAX 1000
#define VIEWS_MAX 5000
#define SEQUENCES_MAX 5000
#define STATISTICS_MAX 5

/* ------------------------------------------------------------------- counting */

/* Rows of a catalog for which the function says true. */
static int
count(Oid catalog, bool (*counts)(HeapTuple tuple, TupleDesc row, Oid argument), Oid argument)
{
    Relation relation = table_open(catalog, AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
    HeapTuple tuple;
    int rows = 0;
    while ((tuple = systable_getnext(scan)) != NULL) {
        rows += counts(tuple, RelationGetDescr(relation), argument);
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return rows;
}

static bool
is_users_schema(HeapTuple tuple, TupleDesc row, Oid argument)
{
    Form_pg_namespace schema = (Form_pg_namespace)GETSTRUCT(tuple);
    const char *name = NameStr(schema->nspname);
    return strncmp(name, "pg_", 3) != 0 && strcmp(name, "information_schema") != 0 &&
           strcmp(name, "public") != 0 && strcmp(name, "sys") != 0;
}

/* Of a kind (pg_class.relkind), in a schema of users. */
static bool
is_users_relation(HeapTuple tuple, TupleDesc row, Oid kind)
{
    Form_pg_class class = (Form_pg_class)GETSTRUCT(tuple);
    if ((Oid)class->relkind != kind || class->oid < FirstNormalObjectId) {
        return false;
    }
    char *schema = get_namespace_name(class->relnamespace);
    return schema != NULL && strncmp(schema, "pg_", 3) != 0 && strcmp(schema, "sys") != 0;
}

static bool
is_statistic_of(HeapTuple tuple, TupleDesc row, Oid table)
{
    return ((Form_pg_statistic_ext)GETSTRUCT(tuple))->stxrelid == table;
}

static void
check_relations(char kind, int most, enum occ_rule rule)
{
    if (count(RelationRelationId, is_users_relation, (Oid)kind) >= most) {
        occ_refuse(rule, NULL);
    }
}

/* ----------------------------------------------------------------------- keys */

static bool
is_key_type(Oid type)
{
    static const Oid types[] = {INT2OID,    INT4OID,   INT8OID,    FLOAT4OID,    FLOAT8OID,
                                NUMERICOID, BPCHAROID, VARCHAROID, TEXTOID,      BOOLOID,
                                UUIDOID,    DATEOID,   TIMEOID,    TIMESTAMPOID, TIMESTAMPTZOID};
    for (size_t i = 0; i < lengthof(types); i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

/* The type of an expression over the columns of a table. */
static Oid
expression_type(Relation table, Node *expression)
{
    ParseState *state = make_parsestate(NULL);
    ParseNamespaceItem *item =
        addRangeTableEntryForRelation(state, table, AccessShareLock, NULL, false, true);
    addNSItemToQuery(state, item, false, true, true);
    Oid type = exprType(transformExpr(state, copyObject(expression), EXPR_KIND_INDEX_EXPRESSION));
    free_parsestate(state);
    return type;
}

static void
check_key_type(Relation table, const IndexStmt *statement, const IndexElem *key)
{
    Oid type = InvalidOid;
    if (key->name != NULL) {
        AttrNumber number = get_attnum(RelationGetRelid(table), key->name);
        type = number > 0 ? get_atttype(RelationGetRelid(table), number) : InvalidOid;
    } else if (statement->transformed) {
        type = exprType(key->expr);
    } else {
        type = expression_type(table, key->expr);
    }
    type = OidIsValid(type) ? getBaseType(type) : type;
    if (OidIsValid(type) && !is_key_type(type)) {
        occ_refuse(RULE_KEY_TYPE, format_type_be(type));
    }
}

static void
check_index(const IndexStmt *statement)
{
    ListCell *cell;
    Oid oid = RangeVarGetRelid(statement->relation, AccessShareLock, true);
    if (!OidIsValid(oid)) {
        return; /* PostgreSQL says so */
    }
    Relation table = table_open(oid, NoLock);
    if (occ_is_table(table)) {
        List *indexes = RelationGetIndexList(table);
        foreach (cell, statement->indexParams) {
            check_key_type(table, statement, lfirst_node(IndexElem, cell));
        }
        if (list_length(indexes) >= INDEXES_MAX) {
            occ_refuse(RULE_INDEXES, NULL);
        }
        list_free(indexes);
    }
    table_close(table, NoLock);
}

/* ---------------------------------------------------------------- ALTER TABLE */

static void
check_drop_column(Oid table, const char *column)
{
    Oid constraint;
    Bitmapset *key = get_primary_key_attnos(table, true, &constraint);
    AttrNumber number = get_attnum(table, column);
    if (number > 0 && bms_is_member(number - FirstLowInvalidHeapAttributeNumber, key)) {
        occ_refuse(RULE_DROP_KEY_COLUMN, column);
    }
}

static void
check_drop_constraint(Oid table, const char *constraint)
{
    Oid oid = get_relation_constraint_oid(table, constraint, true);
    HeapTuple tuple = OidIsValid(oid) ? SearchSysCache1(CONSTROID, ObjectIdGetDatum(oid)) : NULL;
    if (HeapTupleIsValid(tuple)) {
        bool primary = ((Form_pg_constraint)GETSTRUCT(tuple))->contype == CONSTRAINT_PRIMARY;
        ReleaseSysCache(tuple);
        if (primary) {
            occ_refuse(RULE_DROP_KEY, constraint);
        }
    }
}

static void
check_add_identity(Oid table, const char *column)
{
    AttrNumber number = get_attnum(table, column);
    Oid type = number > 0 ? get_atttype(table, number) : INT8OID;
    if (type != INT8OID) {
        occ_refuse(RULE_IDENTITY_TYPE, format_type_be(type));
    }
}

/* Types of users that are not domains over what can be stored: the rows of a
 * table, which are a type by the table's name. */
static void
check_stored_type(const TypeName *name)
{
    Oid type = name ? LookupTypeNameOid(NULL, name, true) : InvalidOid;
    if (OidIsValid(type) && get_typtype(getBaseType(type)) == TYPTYPE_COMPOSITE) {
        occ_refuse(RULE_DATATYPE, format_type_be(type));
    }
}

static void
check_stored_types(const List *columns)
{
    ListCell *cell;
    foreach (cell, columns) {
        if (IsA(lfirst(cell), ColumnDef)) {
            check_stored_type(lfirst_node(ColumnDef, cell)->typeName);
        }
    }
}

static int
count_columns(Oid table)
{
    Relation relation = table_open(table, AccessShareLock);
    int columns = 0;
    for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++) {
        columns += !TupleDescAttr(RelationGetDescr(relation), i)->attisdropped;
    }
    table_close(relation, AccessShareLock);
    return columns;
}

static void
check_alter_table(const AlterTableStmt *statement)
{
    ListCell *cell;
    int added = 0;
    Oid table = RangeVarGetRelid(statement->relation, NoLock, true);
    if (!OidIsValid(table)) {
        return;
    }
    foreach (cell, statement->cmds) {
        const AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype == AT_DropColumn) {
            check_drop_column(table, command->name);
        } else if (command->subtype == AT_DropConstraint) {
            check_drop_constraint(table, command->name);
        } else if (command->subtype == AT_AddIdentity) {
            check_add_identity(table, command->name);
        } else if (command->subtype == AT_AddColumn) {
            check_stored_type(castNode(ColumnDef, command->def)->typeName);
        }
        added += command->subtype == AT_AddColumn;
    }
    if (added > 0 && count_columns(table) + added > COLUMNS_MAX) {
        occ_refuse(RULE_COLUMNS, NULL);
    }
}

/* ------------------------------------------------------------------- the whole */

static void
check_statistics(const CreateStatsStmt *statement)
{
    const Node *first = linitial(statement->relations);
    if (!IsA(first, RangeVar)) {
        return;
    }
    Oid table = RangeVarGetRelid((const RangeVar *)first, NoLock, true);
    if (OidIsValid(table) &&
        count(StatisticExtRelationId, is_statistic_of, table) >= STATISTICS_MAX) {
        occ_refuse(RULE_STATISTICS, NULL);
    }
}

/* pg_dsql_local.iam and its column pg_role_oid (bootstrap.sql). */
#define MAPPINGS_ROLE 3

static Oid
mappings_oid(void)
{
    return get_relname_relid("iam", get_namespace_oid("pg_dsql_local", false));
}

/* Whether a role is granted to somebody by AWS IAM GRANT (bootstrap.sql). */
static bool
is_mapping_of(HeapTuple tuple, TupleDesc row, Oid role)
{
    bool null;
    Datum value = heap_getattr(tuple, MAPPINGS_ROLE, row, &null);
    return !null && DatumGetObjectId(value) == role;
}

static void
check_drop_role(const DropRoleStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->roles) {
        const RoleSpec *role = lfirst_node(RoleSpec, cell);
        Oid oid =
            role->roletype == ROLESPEC_CSTRING ? get_role_oid(role->rolename, true) : InvalidOid;
        if (OidIsValid(oid) && count(mappings_oid(), is_mapping_of, oid) > 0) {
            ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                            errmsg("role \"%s\" cannot be dropped because some objects depend "
                                   "on it",
                                   role->rolename),
                            errhint("Run AWS IAM REVOKE for each of its mappings in "
                                    "sys.iam_pg_role_mappings first.")));
        }
    }
}

void
catalog_check(const Node *statement)
{
    switch (nodeTag(statement)) {
    case T_DropRoleStmt:
        check_drop_role((const DropRoleStmt *)statement);
        break;
    case T_CreateStmt:
        check_relations(RELKIND_RELATION, TABLES_MAX, RULE_TABLES);
        check_stored_types(((const CreateStmt *)statement)->tableElts);
        break;
    case T_ViewStmt:
        check_relations(RELKIND_VIEW, VIEWS_MAX, RULE_VIEWS);
        break;
    case T_CreateSeqStmt:
        check_relations(RELKIND_SEQUENCE, SEQUENCES_MAX, RULE_SEQUENCES);
        break;
    case T_CreateSchemaStmt:
        if (count(NamespaceRelationId, is_users_schema, InvalidOid) >= SCHEMAS_MAX) {
            occ_refuse(RULE_SCHEMAS, NULL);
        }
        break;
    case T_CreateDomainStmt:
        check_stored_type(((const CreateDomainStmt *)statement)->typeName);
        break;
    case T_CreateStatsStmt:
        check_statistics((const CreateStatsStmt *)statement);
        break;
    case T_IndexStmt:
        check_index((const IndexStmt *)statement);
        break;
    case T_AlterTableStmt:
        check_alter_table((const AlterTableStmt *)statement);
        break;
    default:
        break;
    }
}
