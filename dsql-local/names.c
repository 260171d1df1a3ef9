/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Names of prepared statements and portals, in a balanced tree; see names.h. */
#include "names.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct node {
    char *name;
    struct local_text *text;
};

int
local_text_new(const char *sql, size_t length, struct local_text **text)
{
    struct local_text *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return DSQL_E_NOMEM;
    }
    int failure = rules_text_read(sql, length, &made->rules);
    if (failure) {
        free(made);
        return failure;
    }
    made->references = 1;
    *text = made;
    return 0;
}

struct local_text *
local_text_share(struct local_text *text)
{
    if (text != NULL) {
        text->references++;
    }
    return text;
}

void
local_text_free(struct local_text *text)
{
    if (text != NULL && --text->references == 0) {
        rules_text_clear(&text->rules);
        free(text);
    }
}

static int
compare(const void *a, const void *b)
{
    return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static void
node_free(void *pointer)
{
    struct node *node = pointer;
    local_text_free(node->text);
    free(node->name);
    free(node);
}

/* The tree's slot for a name, or NULL. The key is only compared, never kept. */
static struct node **
find(const struct local_names *names, const char *name)
{
    struct node key = {.name = (char *)(uintptr_t)name};
    return (struct node **)tfind(&key, &names->root, compare);
}

struct local_text *
local_names_get(const struct local_names *names, const char *name)
{
    struct node **found = find(names, name);
    return found ? (*found)->text : NULL;
}

int
local_names_put(struct local_names *names, const char *name, struct local_text *text)
{
    struct node **found = find(names, name);
    if (found != NULL) {
        struct local_text *old = (*found)->text;
        (*found)->text = local_text_share(text);
        local_text_free(old);
        return 0;
    }
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL || (node->name = strdup(name)) == NULL ||
        tsearch(node, &names->root, compare) == NULL) {
        if (node != NULL) {
            free(node->name);
        }
        free(node);
        return DSQL_E_NOMEM;
    }
    node->text = local_text_share(text);
    return 0;
}

void
local_names_remove(struct local_names *names, const char *name)
{
    struct node **found = find(names, name);
    if (found != NULL) {
        struct node *node = *found;
        tdelete(node, &names->root, compare);
        node_free(node);
    }
}

void
local_names_clear(struct local_names *names)
{
    tdestroy(names->root, node_free);
    names->root = NULL;
}
