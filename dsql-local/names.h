/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a client's prepared statements and portals are called: name to the text
 * that the rules have read. */
#ifndef DSQL_LOCAL_NAMES_H
#define DSQL_LOCAL_NAMES_H

#include "rules/rules.h"

/* A text read by the rules, shared by names, portals and awaited replies. */
struct local_text {
    unsigned references;
    struct rules_text rules;
};

/* Copies nothing: sql is borrowed for the call. One reference is the caller's. */
DSQL_MUST_CHECK int local_text_new(const char *sql, size_t length, struct local_text **text);
struct local_text *local_text_share(struct local_text *text); /* NULL stays NULL */
void local_text_free(struct local_text *text);                /* drops one reference */

struct local_names {
    void *root; /* of tsearch() */
};

/* The text under a name; borrowed, NULL when there is none. */
struct local_text *local_names_get(const struct local_names *names, const char *name);
/* Shares text. An older text of the name is dropped. */
DSQL_MUST_CHECK int local_names_put(struct local_names *names, const char *name,
                                    struct local_text *text);
void local_names_remove(struct local_names *names, const char *name);
void local_names_clear(struct local_names *names);

#endif
