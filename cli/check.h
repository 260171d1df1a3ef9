/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql check: scripts judged by the rules of dsql-local, and what is said of them. */
#ifndef DSQL_CLI_CHECK_H
#define DSQL_CLI_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "dsql.h"

struct check_counts {
    size_t statements, refused, warnings;
};

struct check_options {
    bool json, quiet;
    bool single_transaction; /* each script is one transaction */
};

/* What is said of one statement. Strings are borrowed for the call. */
struct check_finding {
    const char *file;
    size_t line, column;  /* from 1; in characters */
    bool warning;         /* not refused for certain */
    const char *sqlstate; /* of the refusal; NULL of a warning */
    const char *rule;     /* RULE_..., or SYNTAX, ENCODING, MESSAGE_SIZE, ... */
    const char *section;  /* of docs/dsql-rules.md, or NULL */
    const char *message, *instead;
    const char *statement; /* length bytes, not always UTF-8 */
    size_t length;
};

/* check_report.c: to standard output. */
struct check_report {
    const struct check_options *options;
    size_t files;
    struct check_counts all, file;
};
void check_report_file(struct check_report *report, const char *name);
void check_report_finding(struct check_report *report, const struct check_finding *finding);
void check_report_file_end(struct check_report *report);
void check_report_end(struct check_report *report);

/* check_script.c: all statements of a text, which is written to. 0, or
 * DSQL_E_NOMEM. */
DSQL_MUST_CHECK int check_script(struct check_report *report, const char *name, char *text,
                                 size_t length);

#endif
