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
    {"pg_node_tree", "pg_node_tree", RUN_TIME},
    {"pg_snapshot", "pg_snapshot", RUN_TIME},
    {"txid_snapshot", "txid_snapshot", RUN_TIME},
    {"jsonpath", "jsonpath", RUN_TIME},
    {"oid", "oid", RUN_TIME},
    {"oidvector", "oidvector", RUN_TIME},
    {"int2vector", "int2vector", RUN_TIME},
    {"aclitem", "aclitem", RUN_TIME},
    {"gtsvector", "gtsvector", RUN_TIME},
    {"regclass", "regclass", RUN_TIME},
    {"regproc", "regproc", RUN_TIME},
    {"regprocedure", "regprocedure", RUN_TIME},
    {"regtype", "regtype", RUN_TIME},
    {"regrole", "regrole", RUN_TIME},
    {"regnamespace", "regnamespace", RUN_TIME},
    {"regconfig", "regconfig", RUN_TIME},
    {"regdictionary", "regdictionary", RUN_TIME},
    {"regcollation", "regcollation", RUN_TIME},
    {"regoper", "regoper", RUN_TIME},
    {"regoperator", "regoperator", RUN_TIME},
    {"name", "name", RUN_TIME},
    {"char", "\"char\"", RUN_TIME},
    {"xid", "xid", RUN_TIME},
    {"xid8", "xid8", RUN_TIME},
    {"cid", "cid", RUN_TIME},
    {"tid", "tid", RUN_TIME},
    {"refcursor", "refcursor", RUN_TIME},
};

#define TYPES (sizeof types / sizeof types[0])

/* The name that is meant, if it could be built in: unqualified or in pg_catalog. */
static const char *
built_in_name(const struct tree *names)
{
    const struct tree *first = names ? names->first : NULL;
    const char *text = check_string(first);
    if (first != NULL && first->next != NULL) {
        bool catalog = text != NULL && strcmp(text, "pg_catalog") == 0;
        text = catalog && first->next->next == NULL ? check_string(first->next) : NULL;
    }
    return text;
}

/* The row of a type, or TYPES. */
static size_t
find_type(const char *name)
{
    size_t row = 0;
    while (row < TYPES && (name == NULL || strcmp(types[row].name, name) != 0)) {
        row++;
    }
    return row;
}

struct type {
    size_t row; /* of the elements, for an array */
    bool array;
};

static struct type
read_type(const struct tree *type_name)
{
    const char *name = built_in_name(tree_get(type_name, "names"));
    struct type type = {find_type(name), tree_count(tree_get(type_name, "arrayBounds")) > 0};
    if (type.row == TYPES && name != NULL && *name == '_' && find_type(name + 1) < TYPES) {
        type = (struct type){find_type(name + 1), true}; /* _int4 is integer[] */
    }
    return type;
}

const char *
check_type_format(const struct tree *type_name)
{
    size_t row = read_type(type_name).row;
    return row < TYPES ? types[row].format : "";
}

static void
refuse_type(struct check *check, const struct tree *type_name, struct type type)
{
    char name[160];
    const char *own = check_last_name(tree_get(type_name, "names"));
    snprintf(name, sizeof name, "%.120s%s", type.row < TYPES ? types[type.row].format : own,
             type.array ? "[]" : "");
    check_refuse(check, RULE_DATATYPE, name);
}

void
check_column_type(struct check *check, const struct tree *type_name)
{
    struct type type = read_type(type_name);
    bool known = type.row < TYPES;
    if (check_last_name(tree_get(type_name, "names")) == NULL) {
        return;
    }
    if (known && (types[type.row].may & SERIAL)) {
        /* Only the short-hand itself: an array of it is no type at all. */
        check_refuse(check, RULE_SERIAL, check_last_name(tree_get(type_name, "names")));
    } else if (type.array || (known && !(types[type.row].may & STORED))) {
        refuse_type(check, type_name, type);
    }
}

const char *
check_unkeyable_type(const struct tree *type_name)
{
    size_t row = read_type(type_name).row;
    bool stored = row < TYPES && (types[row].may & STORED);
    return stored && !(types[row].may & KEY) ? types[row].format : NULL;
}

/* ------------------------------------------------------------- in expressions */

void
check_cast(struct check *check, const struct tree *type_name)
{
    struct type type = read_type(type_name);
    if (type.row < TYPES && types[type.row].may == 0) {
        refuse_type(check, type_name, type);
    }
}

void
check_constructor(struct check *check, const struct tree *function_name)
{
    size_t row = find_type(built_in_name(function_name));
    if (row < TYPES && types[row].may == 0) {
        check_refuse(check, RULE_DATATYPE, types[row].format);
    }
}
