/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CREATE INDEX. */
#include <stdio.h>
#include <string.h>

#include "check.h"

#define KEYS_MAX 8

static void
check_keys(struct check *check, const struct tree *keys)
{
    for (const struct tree *item = keys ? keys->first : NULL; item != NULL; item = item->next) {
        const struct tree *key = tree_get(item, "IndexElem");
        const char *ordering = tree_text(key, "ordering");
        if (ordering != NULL && strcmp(ordering, "SORTBY_DEFAULT") != 0) {
            check_refuse(check, RULE_INDEX_ORDER, NULL);
        }
        if (tree_count(tree_get(key, "opclass")) > 0) {
            check_refuse(check, RULE_INDEX_OPCLASS, NULL);
        }
        const char *unkeyable = check_unkeyable_type(tree_get(key, "expr.TypeCast.typeName"));
        if (unkeyable != NULL) {
            check_refuse(check, RULE_KEY_TYPE, unkeyable);
        }
        if (tree_count(tree_get(key, "collation")) > 0) {
            check_refuse(check, RULE_INDEX_CLAUSE, "COLLATE");
        }
    }
    if (tree_count(keys) > KEYS_MAX) {
        check_refuse(check, RULE_INDEX_KEYS, NULL);
    }
}

void
check_index(struct check *check, const struct tree *node)
{
    struct rules_statement *statement = check->statement;
    if (tree_true(node, "concurrent")) {
        check_refuse(check, RULE_INDEX_CLAUSE, "CONCURRENTLY");
    }
    if (check->index_using) {
        check_refuse(check, RULE_INDEX_CLAUSE, "USING");
    }
    check_keys(check, tree_get(node, "indexParams"));
    if (tree_text(node, "tableSpace") != NULL) {
        check_refuse(check, RULE_INDEX_CLAUSE, "TABLESPACE");
    }
    if (tree_count(tree_get(node, "options")) > 0) {
        check_refuse(check, RULE_INDEX_CLAUSE, "WITH");
    }
    if (!check->async) {
        check->sync_index = true;
        return;
    }
    statement->job = RULES_JOB_INDEX_BUILD;
}
