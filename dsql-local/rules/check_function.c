/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* CREATE FUNCTION, and the statements in a function's text. */
#include <string.h>
#include <strings.h>

#include "check.h"

static bool
check_language(struct check *check, const struct tree *option)
{
    const char *language = check_constant(tree_get(option, "DefElem.arg"));
    bool sql = language == NULL || strcasecmp(language, "sql") == 0;
    if (!sql) {
        check_refuse(check, RULE_LANGUAGE, language);
    }
    return sql;
}

void
check_function(struct check *check, const struct tree *node)
{
    const struct tree *options = tree_get(node, "options"), *body = NULL;
    bool sql = true;
    if (tree_true(node, "is_procedure")) {
        check_refuse(check, RULE_PROCEDURE, NULL);
    }
    for (const struct tree *option = options ? options->first : NULL; option != NULL;
         option = option->next) {
        if (tree_is(option, "DefElem.defname", "language")) {
            sql &= check_language(check, option);
        } else if (tree_is(option, "DefElem.defname", "as")) {
            body = tree_get(option, "DefElem.arg.List.items");
        }
    }
    const char *text = body != NULL && sql ? check_string(body->first) : NULL;
    if (text != NULL && !check_is_refused(check)) {
        check_nested(check, text);
    }
}

/* ALTER FUNCTION, ALTER PROCEDURE, ALTER ROUTINE. */
void
check_alter_function(struct check *check, const struct tree *node)
{
    if (tree_is(node, "objtype", "OBJECT_PROCEDURE")) {
        check_refuse(check, RULE_PROCEDURE, NULL);
    }
}
