/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the small nodes of a parse tree hold: words, numbers, switches, names;
 * whichever version of the parser wrote them. */
#include <string.h>
#include <strings.h>

#include "check.h"

const char *
check_string(const struct tree *element)
{
    const char *text = tree_text(element, "String.sval");
    return text ? text : tree_text(element, "String.str");
}

const char *
check_constant(const struct tree *node)
{
    const char *text = check_string(node);
    if (text == NULL) {
        text = tree_text(node, "A_Const.sval.sval");
    }
    if (text == NULL) {
        text = tree_text(node, "A_Const.val.String.str");
    }
    if (text == NULL && tree_get(node, "TypeName.names") != NULL) {
        const struct tree *name = tree_get(node, "TypeName.names")->first;
        while (name != NULL && name->next != NULL) {
            name = name->next;
        }
        text = check_string(name);
    }
    return text;
}

const char *
check_constant_in_casts(const struct tree *node)
{
    const struct tree *inner;
    while ((inner = tree_get(node, "TypeCast.arg")) != NULL) {
        node = inner;
    }
    return check_constant(node);
}

long
check_integer(const struct tree *node, long otherwise)
{
    static const char *const paths[] = {"Integer", "A_Const.ival", "A_Const.val.Integer"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const struct tree *found = tree_get(node, paths[i]);
        if (found != NULL) {
            return tree_number(found, "ival", 0); /* a zero is left out of the tree */
        }
    }
    /* Larger than 32 bits: a Float. */
    const char *text = tree_text(node, "Float.fval");
    text = text ? text : tree_text(node, "Float.str");
    return text ? 2147483647L : otherwise;
}

bool
check_boolean(const struct tree *option)
{
    const struct tree *value = tree_get(option, "DefElem.arg");
    const char *word = check_constant(value);
    if (word != NULL) {
        return strcasecmp(word, "off") != 0 && strcasecmp(word, "false") != 0;
    }
    return check_integer(value, 1) != 0;
}

const char *
check_last_name(const struct tree *names)
{
    const struct tree *name = names ? names->first : NULL;
    while (name != NULL && name->next != NULL) {
        name = name->next;
    }
    return check_string(name);
}
