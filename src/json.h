/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A reader of JSON (RFC 8259) for the short answers of credential sources: a
 * text is checked as a whole first, then its members are looked up where they
 * stand. Nothing is copied but the strings that are asked for. */
#ifndef DSQL_JSON_H
#define DSQL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsql.h"

#define DSQL__JSON_DEPTH 64

/* A value in a text that was checked; borrowed from it. at NULL: absent. Its
 * first byte tells what it is: { [ " t f n, else a number. */
struct dsql__json {
    const char *at;
    size_t length;
};

/* The text as one value: 0, or DSQL_E_PROTOCOL when it is not JSON. */
DSQL_MUST_CHECK int dsql__json_parse(const char *text, size_t length, struct dsql__json *value);
/* The last member of this name (as Python's json has it); absent in what is no
 * object. A name that is written with escapes is not found. */
struct dsql__json dsql__json_member(struct dsql__json object, const char *name);
/* A string, decoded: *text is returned - caller frees with dsql__wipe_free().
 * DSQL_E_PROTOCOL for anything else, and for one that holds a NUL. */
DSQL_MUST_CHECK int dsql__json_string(struct dsql__json value, char **text);
/* A whole number; false for anything else. */
bool dsql__json_integer(struct dsql__json value, int64_t *number);

#endif
