/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A parse tree as libpg_query gives it: JSON, read into nodes of an arena. */
#ifndef DSQL_LOCAL_TREE_H
#define DSQL_LOCAL_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "dsql.h"

/* Memory that is freed as a whole. A struct of zeros is empty. */
struct arena {
    struct arena_block *blocks;
};

void *arena_get(struct arena *arena, size_t size); /* zeroed; NULL without memory */
char *arena_copy(struct arena *arena, const char *text, size_t length);
void arena_clear(struct arena *arena);

enum tree_kind {
    TREE_OBJECT,
    TREE_LIST,
    TREE_STRING,
    TREE_NUMBER,
    TREE_TRUE,
    TREE_FALSE,
    TREE_NULL
};

struct tree {
    enum tree_kind kind;
    const char *key;  /* of the object that holds it, or NULL */
    const char *text; /* TREE_STRING: its value, TREE_NUMBER: as written */
    struct tree *first, *next;
};

/* 0, DSQL_E_NOMEM, or DSQL_E_PROTOCOL for text that is no JSON or nests deeper
 * than 2,000. */
DSQL_MUST_CHECK int tree_read(const char *json, size_t length, struct arena *arena,
                              struct tree **tree);

/* All below take NULL for a node and then answer NULL, false, 0. */

/* A member of an object; with dots a member of a member. */
const struct tree *tree_get(const struct tree *node, const char *path);
/* The string (or an enumerator's name) under a path, else NULL. */
const char *tree_text(const struct tree *node, const char *path);
bool tree_true(const struct tree *node, const char *path);
long tree_number(const struct tree *node, const char *path, long otherwise);
bool tree_is(const struct tree *node, const char *path, const char *text);
size_t tree_count(const struct tree *list);

/* Calls visit for every object below node (and node itself) that is the value
 * of this key; stops at, and returns, the first that is not 0. */
int tree_visit(const struct tree *node, const char *key,
               int (*visit)(const struct tree *found, void *context), void *context);
/* The first such object. */
const struct tree *tree_find(const struct tree *node, const char *key);

#endif
