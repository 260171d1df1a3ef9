/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Small files of the data directory, written whole or not at all. */
#ifndef DSQL_LOCAL_FILES_H
#define DSQL_LOCAL_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include "dsql.h"

/* Writes a file of this mode beside its place and renames it there. */
DSQL_MUST_CHECK int local_file_write(const char *path, const void *bytes, size_t size, mode_t mode,
                                     struct dsql_error *error);

/* The first line of a file, without its end; "" when there is no such file. */
void local_file_line(const char *path, char *line, size_t size);

/* Removes a directory and all in it; what cannot be removed stays. */
void local_tree_remove(const char *path);

/* Copies a directory with all in it (files and symbolic links), readable by
 * everyone. */
DSQL_MUST_CHECK int local_tree_copy(const char *from, const char *to, struct dsql_error *error);

#endif
