/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sequences and identity columns. */
#include <string.h>

#include "check.h"

#define SMALLEST_CACHE 65536

static const struct tree *
option_named(const struct tree *options, const char *name)
{
    for (const struct tree *option = options ? options->first : NULL; option != NULL;
         option = option->next) {
        if (tree_is(option, "DefElem.defname", name)) {
            return tree_get(option, "DefElem");
        }
    }
    return NULL;
}

static bool
is_good_cache(const struct tree *option)
{
    long cache = check_integer(tree_get(option, "arg"), 0);
    return cache == 1 || cache >= SMALLEST_CACHE;
}

static bool
has_good_cache(const struct tree *options)
{
    const struct tree *option = option_named(options, "cache");
    return option != NULL && is_good_cache(option);
}

/* What is changed must be good; what is not mentioned stays. */
static bool
keeps_good_cache(const struct tree *options)
{
    const struct tree *option = option_named(options, "cache");
    return option == NULL || is_good_cache(option);
}

void
check_identity(struct check *check, const struct tree *type_name, const struct tree *constraint)
{
    const char *format = check_type_format(type_name);
    if (type_name != NULL && *format != '\0' && strcmp(format, "bigint") != 0) {
        check_refuse(check, RULE_IDENTITY_TYPE, format);
    }
    if (!has_good_cache(tree_get(constraint, "options"))) {
        check_refuse(check, RULE_IDENTITY_CACHE, NULL);
    }
}

void
check_changed_identity(struct check *check, const struct tree *options)
{
    if (!keeps_good_cache(options)) {
        check_refuse(check, RULE_IDENTITY_CACHE, NULL);
    }
}

static void
check_sequence_type(struct check *check, const struct tree *options)
{
    const struct tree *type = option_named(options, "as");
    const char *format = check_type_format(tree_get(type, "arg.TypeName"));
    if (type != NULL && strcmp(format, "bigint") != 0) {
        check_refuse(check, RULE_SEQUENCE_TYPE, format);
    }
}

void
check_sequence(struct check *check, const struct tree *node)
{
    const struct tree *options = tree_get(node, "options");
    if (check_is_temporary(tree_get(node, "sequence"))) {
        check_refuse(check, RULE_CREATE, "TEMPORARY SEQUENCE");
    }
    check_sequence_type(check, options);
    if (!has_good_cache(options)) {
        check_refuse(check, RULE_SEQUENCE_CACHE, NULL);
    }
}

void
check_alter_sequence(struct check *check, const struct tree *node)
{
    const struct tree *options = tree_get(node, "options");
    check_sequence_type(check, options);
    if (!keeps_good_cache(options)) {
        check_refuse(check, RULE_SEQUENCE_CACHE, NULL);
    }
}
