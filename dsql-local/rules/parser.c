/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A statement's parse tree by libpg_query; see parser.h. */
#include "parser.h"

#include <string.h>

#include <pg_query.h>

int
parser_read(const char *sql, struct arena *arena, const struct tree **node)
{
    struct tree *tree = NULL;
    *node = NULL;
    PgQueryParseResult result = pg_query_parse(sql);
    int failure = result.error != NULL || result.parse_tree == NULL ? DSQL_E_PROTOCOL : 0;
    if (failure == 0) {
        failure = tree_read(result.parse_tree, strlen(result.parse_tree), arena, &tree);
    }
    pg_query_free_parse_result(result);
    if (failure == 0) {
        const struct tree *list = tree_get(tree, "stmts");
        *node = list != NULL ? tree_get(list->first, "stmt") : NULL;
    }
    return failure;
}
