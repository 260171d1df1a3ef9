/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One statement under examination, shared by the files that know the rules. */
#ifndef DSQL_LOCAL_CHECK_H
#define DSQL_LOCAL_CHECK_H

#include "rules.h"
#include "tree.h"

struct check {
    struct arena *arena;
    struct rules_statement *statement; /* kind, rule, sqlstate, message are filled */
    bool async;                        /* CREATE INDEX ASYNC, ALTER TABLE ASYNC */
    bool sync_index;                   /* CREATE INDEX without ASYNC, perhaps within another */
    bool index_using;                  /* CREATE INDEX ... USING something else than btree_index */
    bool failed;                       /* out of memory */
    bool writes;                       /* INSERT, UPDATE, DELETE or MERGE, at any depth */
    unsigned depth;                    /* of functions' texts around it */
    struct check_place *numerics, **last_numeric; /* NUMERIC that a column is to get (18,6) for */
};

/* A place in the text, in bytes. */
struct check_place {
    size_t at;
    struct check_place *next;
};

/* Refuses by a rule whose format takes one argument (or none); the first
 * refusal of a statement stays. */
void check_refuse(struct check *check, int rule, const char *argument);
static inline bool
check_is_refused(const struct check *check)
{
    return check->statement->rule != RULES_ALLOWED;
}

/* A statement by its parse tree: node is the object { "SelectStmt": ... }. */
void check_statement(struct check *check, const struct tree *node);
/* One that libpg_query cannot read, by its words. */
void check_words(struct check *check, const char *sql, size_t length);
/* All statements of a function's text: the first refusal becomes that of the
 * statement that makes the function. */
void check_nested(struct check *check, const char *sql);
/* What may stand anywhere. With writing, only check->writes is found out. */
void check_everywhere(struct check *check, const struct tree *node, bool writing);
/* A call of a function of PostgreSQL's own. */
void check_function_name(struct check *check, const char *name);

void check_create_table(struct check *check, const struct tree *node);
void check_alter_table(struct check *check, const struct tree *node);
void check_index(struct check *check, const struct tree *node);
void check_function(struct check *check, const struct tree *node);
void check_alter_function(struct check *check, const struct tree *node);
void check_sequence(struct check *check, const struct tree *node);
void check_alter_sequence(struct check *check, const struct tree *node);
/* An identity column of a type (NULL: not known); the options that change one. */
void check_identity(struct check *check, const struct tree *type_name,
                    const struct tree *constraint);
void check_changed_identity(struct check *check, const struct tree *options);
/* A column's type where it is stored; names a type that cannot be. */
void check_column_type(struct check *check, const struct tree *type_name);
/* A cast to a type that does not exist at all, or a call of its constructor. */
void check_cast(struct check *check, const struct tree *type_name);
void check_constructor(struct check *check, const char *name);
/* The name that is meant, if it could be PostgreSQL's own: unqualified or in
 * pg_catalog; else NULL. */
const char *check_built_in_name(const struct tree *names);
/* NUMERIC without precision: noted in check->numerics, for a column. */
void check_plain_numeric(struct check *check, const struct tree *type_name);
/* The longest value that a column of characters is declared to hold; 0 for one
 * without a length, and for all other types. */
long check_declared_bytes(const struct tree *type_name);
/* Whether a RangeVar names something temporary. */
bool check_is_temporary(const struct tree *relation);
/* Whether an index may have keys of this type; NULL, or the type's name. */
const char *check_unkeyable_type(const struct tree *type_name);
/* The name that PostgreSQL's format_type() gives, "" for one that is not built in. */
const char *check_type_format(const struct tree *type_name);

void check_transaction(struct check *check, const struct tree *node);
void check_set(struct check *check, const struct tree *node);
/* SET by itself, in CREATE FUNCTION and in a function's text. */
void check_setting(struct check *check, const struct tree *node);
void check_show(struct check *check, const struct tree *node);
/* A call of set_config(). */
void check_set_config(struct check *check, const struct tree *call);

/* ------------------------------------ what small nodes hold, in any version */

/* The text of a String node: list elements are { "String": { "sval": "x" } },
 * "str" before version 15. */
const char *check_string(const struct tree *element);
/* The value of an A_Const, a String or a TypeName used as a word. */
const char *check_constant(const struct tree *node);
/* The number of an Integer or an A_Const; otherwise when it is none. */
long check_integer(const struct tree *node, long otherwise);
/* The value of an option that is on when it has none. */
bool check_boolean(const struct tree *option);
/* The same, behind any number of casts. */
const char *check_constant_in_casts(const struct tree *node);
/* The last part of a qualified name, which is a list of Strings. */
const char *check_last_name(const struct tree *names);

#endif
