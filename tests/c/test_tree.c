/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The reader of parse trees, and the parser that writes them. */
#include "rules/parser.h"

#include <stdlib.h>

#include "check.h"

static void
members_are_found_by_path(void)
{
    static const char json[] = "{\"a\":{\"b\":[1,{\"c\":\"x\\u00e4\\n\\\"\"},true,null],\"d\":-5}, "
                               "\"e\" : false}";
    struct arena arena = {0};
    struct tree *tree;
    CHECK(tree_read(json, strlen(json), &arena, &tree) == 0);
    CHECK(tree_count(tree_get(tree, "a.b")) == 4);
    CHECK(tree_number(tree, "a.d", 0) == -5);
    CHECK(tree_number(tree, "a.x", 7) == 7);
    CHECK(tree_get(tree, "e") != NULL && !tree_true(tree, "e"));
    CHECK(tree_get(tree, "a.b.c") == NULL);
    const struct tree *second = tree_get(tree, "a.b")->first->next;
    CHECK_TEXT(tree_text(second, "c"), "x\xC3\xA4\n\"");
    CHECK(tree_is(second, "c", "x\xC3\xA4\n\"") && !tree_is(second, "c", "y"));
    CHECK(tree_find(tree, "a") == tree_get(tree, "a"));
    CHECK(tree_find(tree, "c") == NULL); /* a string, no object */
    arena_clear(&arena);
}

static void
what_is_no_json_is_refused(void)
{
    static const char *const texts[] = {"",      "{",      "[1,",       "{\"a\"}", "{\"a\":}",
                                        "[1 2]", "\"open", "{1:2}",     "[] x",    "\"\\u12\"",
                                        "\"a\\", "]",      "{\"a\":1,}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct arena arena = {0};
        struct tree *tree;
        CHECK(tree_read(texts[i], strlen(texts[i]), &arena, &tree) == DSQL_E_PROTOCOL);
        arena_clear(&arena);
    }
}

static void
deep_nesting_is_refused(void)
{
    enum { DEPTH = 100000 };
    char *json = malloc(DEPTH);
    struct arena arena = {0};
    struct tree *tree;
    CHECK(json != NULL);
    memset(json, '[', DEPTH);
    CHECK(tree_read(json, DEPTH, &arena, &tree) == DSQL_E_PROTOCOL);
    arena_clear(&arena);
    free(json);
}

static void
one_statement_is_parsed_at_a_time(void)
{
    struct arena arena = {0};
    const struct tree *node;
    CHECK(parser_read("DELETE FROM t", &arena, &node) == 0);
    CHECK(tree_get(node, "DeleteStmt") != NULL);
    CHECK(parser_read("-- nothing", &arena, &node) == 0 && node == NULL);
    CHECK(parser_read("SELECT FROM FROM", &arena, &node) == DSQL_E_PROTOCOL);
    CHECK(parser_read("SELECT 1; DELETE FROM t", &arena, &node) == DSQL_E_PROTOCOL);
    arena_clear(&arena);
}

static void
absent_nodes_answer_nothing(void)
{
    CHECK(tree_get(NULL, "a") == NULL);
    CHECK(tree_text(NULL, "a") == NULL);
    CHECK(!tree_true(NULL, "a"));
    CHECK(tree_count(NULL) == 0);
    CHECK(tree_find(NULL, "a") == NULL);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(members_are_found_by_path),   TEST(what_is_no_json_is_refused),
        TEST(deep_nesting_is_refused),     TEST(one_statement_is_parsed_at_a_time),
        TEST(absent_nodes_answer_nothing),
    };
    return RUN(tests);
}
