/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Command lines: what all programs of the project make of their arguments. */
#ifndef DSQL_ARGUMENTS_H
#define DSQL_ARGUMENTS_H

#include <getopt.h>

/* "program: what is wrong; see program --help" on standard error. Returns 1. */
int arguments_bad(const char *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads the number of an option. 0, or 1 as above. */
int arguments_number(const char *program, const char *name, const char *text, long least, long most,
                     int *number);

/* getopt_long() with ":" has returned '?' or ':'; the argument it looked at last. Returns 1. */
int arguments_unknown(const char *program, int option, const char *argument);

#endif
