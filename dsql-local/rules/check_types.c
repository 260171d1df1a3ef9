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
    long longest; /* length that a column may be declared with, 0: any */
} types[] = {
    {"int2", "smallint", STORED | KEY | RUN_TIME, 0},
    {"int4", "integer", STORED | KEY | RUN_TIME, 0},
    {"int8", "bigint", STORED | KEY | RUN_TIME, 0},
    {"float4", "real", STORED | KEY | RUN_TIME, 0},
    {"float8", "double precision", STORED | KEY | RUN_TIME, 0},
    {"numeric", "numeric", STORED | KEY | RUN_TIME, 0},
    {"bpchar", "character", STORED | KEY | RUN_TIME, 4096},
    {"varchar", "character varying", STORED | KEY | RUN_TIME, 65535},
    {"text", "text", STORED | KEY | RUN_TIME, 0},
    {"bytea", "bytea", STORED | RUN_TIME, 0},
    {"bool", "boolean", STORED | KEY | RUN_TIME, 0},
    {"uuid", "uuid", STORED | KEY | RUN_TIME, 0},
    {"date", "date", STORED | KEY | RUN_TIME, 0},
    {"time", "time without time zone", STORED | KEY | RUN_TIME, 0},
    {"timetz", "time with time zone", STORED | RUN_TIME, 0},
    {"timestamp", "timestamp without time zone", STORED | KEY | RUN_TIME, 0},
    {"timestamptz", "timestamp with time zone", STORED | KEY | RUN_TIME, 0},
    {"interval", "interval", STORED | RUN_TIME, 0},
    {"json", "json", STORED | RUN_TIME, 0},
    {"jsonb", "jsonb", STORED | RUN_TIME, 0},
    {"serial", "integer", SERIAL, 0},
    {"serial4", "integer", SERIAL, 0},
    {"bigserial", "bigint", SERIAL, 0},
    {"serial8", "bigint", SERIAL, 0},
    {"smallserial", "smallint", SERIAL, 0},
    {"serial2", "smallint", SERIAL, 0},
    {"money", "money", 0, 0},
    {"xml", "xml", 0, 0},
    {"point", "point", 0, 0},
    {"line", "line", 0, 0},
    {"lseg", "lseg", 0, 0},
    {"box", "box", 0, 0},
    {"path", "path", 0, 0},
    {"polygon", "polygon", 0, 0},
    {"circle", "circle", 0, 0},
    {"bit", "bit", RUN_TIME, 0},
    {"varbit", "bit varying", RUN_TIME, 0},
    {"inet", "inet", RUN_TIME, 0},
    {"cidr", "cidr", RUN_TIME, 0},
    {"macaddr", "macaddr", RUN_TIME, 0},
    {"macaddr8", "macaddr8", RUN_TIME, 0},
    {"tsvector", "tsvector", RUN_TIME, 0},
    {"tsquery", "tsquery", RUN_TIME, 0},
    {"int4range", "int4range", RUN_TIME, 0},
    {"int8range", "int8range", RUN_TIME, 0},
    {"numrange", "numrange", RUN_TIME, 0},
    {"tsrange", "tsrange", RUN_TIME, 0},
    {"tstzrange", "tstzrange", RUN_TIME, 0},
    {"daterange", "daterange", RUN_TIME, 0},
    {"int4multirange", "int4multirange", RUN_TIME, 0},
    {"int8multirange", "int8multirange", RUN_TIME, 0},
    {"nummultirange", "nummultirange", RUN_TIME, 0},
    {"tsmultirange", "tsmultirange", RUN_TIME, 0},
    {"tstzmultirange", "tstzmultirange", RUN_TIME, 0},
    {"datemultirange", "datemultirange", RUN_TIME, 0},
    {"pg_lsn", "pg_lsn", RUN_TIME, 0},
    {"pg_node_tree", "pg_node_tree", RUN_TIME, 0},
    {"pg_snapshot", "pg_snapshot", RUN_TIME, 0},
    {"txid_snapshot", "txid_snapshot", RUN_TIME, 0},
    {"jsonpath", "jsonpath", RUN_TIME, 0},
    {"oid", "oid", RUN_TIME, 0},
    {"oidvector", "oidvector", RUN_TIME, 0},
    {"int2vector", "int2vector", RUN_TIME, 0},
    {"aclitem", "aclitem", RUN_TIME, 0},
    {"gtsvector", "gtsvector", RUN_TIME, 0},
    {"regclass", "regclass", RUN_TIME, 0},
    {"regproc", "regproc", RUN_TIME, 0},
    {"regprocedure", "regprocedure", RUN_TIME, 0},
    {"regtype", "regtype", RUN_TIME, 0},
    {"regrole", "regrole", RUN_TIME, 0},
    {"regnamespace", "regnamespace", RUN_TIME, 0},
    {"regconfig", "regconfig", RUN_TIME, 0},
    {"regdictionary", "regdictionary", RUN_TIME, 0},
    {"regcollation", "regcollation", RUN_TIME, 0},
    {"regoper", "regoper", RUN_TIME, 0},
    {"regoperator", "regoperator", RUN_TIME, 0},
    {"name", "name", RUN_TIME, 0},
    {"char", "\"char\"", RUN_TIME, 0},
    {"xid", "xid", RUN_TIME, 0},
    {"xid8", "xid8", RUN_TIME, 0},
    {"cid", "cid", RUN_TIME, 0},
    {"tid", "tid", RUN_TIME, 0},
    {"refcursor", "refcursor", RUN_TIME, 0},
};

#define TYPES (sizeof types / sizeof types[0])

const char *
check_built_in_name(const struct tree *names)
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
    const char *name = check_built_in_name(tree_get(type_name, "names"));
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
        /* A short-hand only by itself; elsewhere PostgreSQL knows it as little. */
        char name[32];
        snprintf(name, sizeof name, "%s%s", types[type.row].name, type.array ? "[]" : "");
        if (tree_count(tree_get(type_name, "names")) == 1) {
            check_refuse(check, RULE_SERIAL, name);
        }
    } else if (type.array || (known && !(types[type.row].may & STORED))) {
        refuse_type(check, type_name, type);
    } else if (known && check_declared_bytes(type_name) > types[type.row].longest) {
        check_refuse(check, RULE_COLUMN_SIZE, NULL);
    }
}

long
check_declared_bytes(const struct tree *type_name)
{
    const struct tree *modifiers = tree_get(type_name, "typmods");
    size_t row = read_type(type_name).row;
    bool characters = row < TYPES && types[row].longest > 0;
    return characters && modifiers ? check_integer(modifiers->first, 0) : 0;
}

void
check_plain_numeric(struct check *check, const struct tree *type_name)
{
    struct type type = read_type(type_name);
    if (type.row == TYPES || type.array || strcmp(types[type.row].name, "numeric") != 0 ||
        tree_count(tree_get(type_name, "typmods")) > 0) {
        return;
    }
    struct check_place *place = arena_get(check->arena, sizeof *place);
    if (place == NULL) {
        check->failed = true;
        return;
    }
    place->at = (size_t)tree_number(type_name, "location", 0);
    if (check->numerics == NULL) {
        check->numerics = place;
    } else {
        *check->last_numeric = place;
    }
    check->last_numeric = &place->next;
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
check_constructor(struct check *check, const char *name)
{
    size_t row = find_type(name);
    if (row < TYPES && types[row].may == 0) {
        check_refuse(check, RULE_DATATYPE, types[row].format);
    }
}
