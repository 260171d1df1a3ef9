/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Characters of UTF-8. */
#ifndef DSQL_CLI_UTF8_H
#define DSQL_CLI_UTF8_H

#include <stddef.h>

/* The bytes of the character at text, 1 to 4; 0 when there is none. length is at
 * least 1. */
size_t utf8_character(const char *text, size_t length);

#endif
