/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The format of AWS's shared credentials and config files, with the meaning
 * that Python's configparser, and so botocore, gives it: [section], then
 * `key = value` or `key: value`; lines that begin with # or ; are comments;
 * a line indented deeper than its key continues the value; a key or section
 * that stands twice is an error; what [DEFAULT] says holds for all sections. */
#ifndef DSQL_INI_H
#define DSQL_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "dsql.h"

/* A piece of the file; borrowed, not NUL-terminated. at NULL: absent. */
struct dsql__ini_text {
    const char *at;
    size_t length;
};

struct dsql__ini_entry {
    struct dsql__ini_text section, key, value; /* key.at NULL: the section's heading */
};

struct dsql__ini {
    struct dsql__ini_entry *entries; /* in the file's order */
    size_t count, size;
};

/* Reads a file's text, which must outlive ini. 0, DSQL_E_NOMEM, or
 * DSQL_E_CONFIG with *line (from 1) where the text is no such file. */
DSQL_MUST_CHECK int dsql__ini_parse(const char *text, size_t length, struct dsql__ini *ini,
                                    size_t *line);
void dsql__ini_clear(struct dsql__ini *ini);

bool dsql__ini_has_section(const struct dsql__ini *ini, struct dsql__ini_text section);
/* Keys are compared in any case, sections exactly. */
struct dsql__ini_text dsql__ini_get(const struct dsql__ini *ini, struct dsql__ini_text section,
                                    const char *key);

/* The end of the line: lines end with LF, CR LF or CR. */
const char *dsql__ini_line_end(const char *at, const char *end);

bool dsql__ini_equal(struct dsql__ini_text text, const char *word);
/* A copy with a NUL; NULL without memory. Free with dsql__wipe_free(). */
char *dsql__ini_copy(struct dsql__ini_text text);

#endif
