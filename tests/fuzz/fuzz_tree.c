/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Parse trees, and everything that is asked of them. */
#include <stdint.h>

#include "rules/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct tree *tree;
    if (tree_read((const char *)data, size, &arena, &tree) == 0) {
        tree_text(tree, "a.b");
        tree_number(tree, "stmts", 0);
        tree_find(tree, "SelectStmt");
        tree_count(tree);
    }
    arena_clear(&arena);
    return 0;
}
