/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Types: which may be stored, which may be keys, which do not exist. */
#include <stdio.h>
#include <string.h>

#include "check.h"

enum {
    STORED = 1,   /* a column may have it */
    KEY = 2,      /* an index may have it as a key */
    RUN_TIME = 4, /* expressions may have it */
    SERIAL = 8,   /* a short-hand that the service does not know */
};

/* PostgreSQL's built-in types by catalog name, and as format_type() writes
 * them. A name that is not here is the user's own (a domain). */
static const struct {
    const char *name, *format;
    int may;
} types[] = {
    {"int2", "smallint", STORED | KEY | RUN_TIME},
    {"int4", "integer", STORED | KEY | RUN_TIME},
    {"int8", "bigint", STORED | KEY | RUN_TIME},
    {"float4", "real", STORED | KEY | RUN_TIME},
    {"float8", "double precision", STORED | KEY | RUN_TIME},
    {"numeric", "numeric", STORED | KEY | RUN_TIME},
    {"bpchar", "character", STORED | KEY | RUN_TIME},
    {"varchar", "character varying", STORED | KEY | RUN_TIME},
    {"text", "text", STORED | KEY | RUN_TIME},
    {"bytea", "bytea", STORED | RUN_TIME},
    {"bool", "boolean", STORED | KEY | RUN_TIME},
    {"uuid", "uuid", STORED | KEY | RUN_TIME},
    {"date", "date", STORED | KEY | RUN_TIME},
    {"time", "time without time zone", STORED | KEY | RUN_TIME},
    {"timetz", "time with time zone", STORED | RUN_TIME},
    {"timestamp", "timestamp without time zone", STORED | KEY | RUN_TIME},
    {"timestamptz", "timestamp with time zone", STORED | KEY | RUN_TIME},
    {"interval", "interval", STORED | RUN_TIME},
    {"json", "json", STORED | RUN_TIME},
    {"jsonb", "jsonb", STORED | RUN_TIME},
    {"serial", "integer", SERIAL},
    {"serial4", "integer", SERIAL},
    {"bigserial", "bigint", SERIAL},
    {"serial8", "bigint", SERIAL},
    {"smallserial", "smallint", SERIAL},
    {"serial2", "smallint", SERIAL},
    {"money", "money", 0},
    {"xml", "xml", 0},
    {"point", "point", 0},
    {"line", "line", 0},
    {"lseg", "lseg", 0},
    {"box", "box", 0},
    {"path", "path", 0},
    {"polygon", "polygon", 0},
    {"circle", "circle", 0},
    {"bit", "bit", RUN_TIME},
    {"varbit", "bit varying", RUN_TIME},
    {"inet", "inet", RUN_TIME},
    {"cidr", "cidr", RUN_TIME},
    {"macaddr", "macaddr", RUN_TIME},
    {"macaddr8", "macaddr8", RUN_TIME},
    {"tsvector", "tsvector", RUN_TIME},
    {"tsquery", "tsquery", RUN_TIME},
    {"int4range", "int4range", RUN_TIME},
    {"int8range", "int8range", RUN_TIME},
    {"numrange", "numrange", RUN_TIME},
    {"tsrange", "tsrange", RUN_TIME},
    {"tstzrange", "tstzrange", RUN_TIME},
    {"daterange", "daterange", RUN_TIME},
    {"int4multirange", "int4multirange", RUN_TIME},
    {"int8multirange", "int8multirange", RUN_TIME},
    {"nummultirange", "nummultirange", RUN_TIME},
    {"tsmultirange", "tsmultirange", RUN_TIME},
    {"tstzmultirange", "tstzmultirange", RUN_TIME},
    {"datemultirange", "datemultirange", RUN_TIME},
    {"pg_lsn", "pg_lsn", RUN_TIME},
    {"pg_snapshot", "pg_snapshot", RUN_TIME},
    {"txid_snapshot", "txid_snapshot", RUN_TIME},
    {"jsonpath", "jsonpath", RUN_TIME},
    {"oid", "oid", RUN_TIME},
    {"regclass", "regclass", RUN_TIME},
    {"regproc", "regproc", RUN_TIME},
    {"regprocedure", "regprocedure", RUN_TIME},
    {"regtype", "regtype", RUN_TIME},
    {"regrole", "regrole", RUN_TIME},
    {"regnamespace", "regnamespace", RUN_TIME},
    {"regconfig", "regconfig", RUN_TIME},
    {"name", "name", RUN_TIME},
    {"char", "\"char\"", RUN_TIME},
    {"xid", "xid", RUN_TIME},
    {"xid8", "xid8", RUN_TIME},
    {"cid", "cid", RUN_TIME},
    {"tid", "tid", RUN_TIME},
    {"refcursor", "refcursor", RUN_TIME},
};

#define TYPES (sizeof types / sizeof types[0])

/* The row of a TypeName or of a function's name, or TYPES: unqualified, or in
 * pg_catalog. */
static size_t
find_type(const struct tree *names)
{
    const struct tree *name = names ? names->first : NULL;
    const char *schema = NULL, *text = check_string(name);
    if (name != NULL && name->next != NULL) {
        schema = text;
        text = check_string(name->next);
    }
    if (text == NULL || (schema != NULL && strcmp(schema, "pg_catalog") != 0) ||
        tree_count(names) > 2) {
        return TYPES;
    }
    size_t row = 0;
    while (row < TYPES && strcmp(types[row].name, text) != 0) {
        row++;
    }
    return row;
}

const char *
check_type_format(const struct tree *type_name)
{
    size_t row = find_type(tree_get(type_name, "names"));
    return row < TYPES ? types[row].format : "";
}

static void
refuse_array(struct check *check, const struct tree *type_name, size_t row)
{
    char name[160];
    const struct tree *last = tree_get(type_name, "names")->first;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    const char *own = check_string(last);
    snprintf(name, sizeof name, "%.120s[]", row < TYPES ? types[row].format : own ? own : "");
    check_refuse(check, RULE_DATATYPE, name);
}

void
check_column_type(struct check *check, const struct tree *type_name)
{
    const struct tree *names = tree_get(type_name, "names");
    if (names == NULL) {
        return;
    }
    size_t row = find_type(names);
    if (row < TYPES && (types[row].may & SERIAL)) {
        /* Only the short-hand itself: an array of it is no type at all. */
        const struct tree *last = names->first;
        while (last->next != NULL) {
            last = last->next;
        }
        check_refuse(check, RULE_SERIAL, check_string(last));
    } else if (tree_count(tree_get(type_name, "arrayBounds")) > 0) {
        refuse_array(check, type_name, row);
    } else if (row < TYPES && !(types[row].may & STORED)) {
        check_refuse(check, RULE_DATATYPE, types[row].format);
    }
}

const char *
check_unkeyable_type(struct check *check, const struct tree *type_name)
{
    (void)check;
    size_t row = find_type(tree_get(type_name, "names"));
    bool stored = row < TYPES && (types[row].may & STORED);
    return stored && !(types[row].may & KEY) ? types[row].format : NULL;
}

/* ------------------------------------------------------------- in expressions */

static int
check_cast(const struct tree *found, void *context)
{
    size_t row = find_type(tree_get(found, "typeName.names"));
    if (row < TYPES && types[row].may == 0) {
        check_refuse(context, RULE_DATATYPE, types[row].format);
    }
    return 0;
}

/* line('{1,2,3}') is a function call to the parser. */
static int
check_constructor(const struct tree *found, void *context)
{
    size_t row = find_type(tree_get(found, "funcname"));
    if (row < TYPES && types[row].may == 0) {
        check_refuse(context, RULE_DATATYPE, types[row].format);
    }
    return 0;
}

void
check_run_time_types(struct check *check, const struct tree *node)
{
    tree_visit(node, "TypeCast", check_cast, check);
    tree_visit(node, "FuncCall", check_constructor, check);
}
