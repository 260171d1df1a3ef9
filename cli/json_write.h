/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* JSON on standard output, put together by the caller: strings are escaped here. */
#ifndef DSQL_CLI_JSON_WRITE_H
#define DSQL_CLI_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A string in quotes; what is not UTF-8 becomes U+FFFD. NULL: null. */
void json_string(FILE *to, const char *text, size_t length);
/* "name": value, behind what divides it from the member before ("{" for the first). */
void json_text_member(FILE *to, const char *before, const char *name, const char *text);
void json_number_member(FILE *to, const char *before, const char *name, int64_t value);

#endif
