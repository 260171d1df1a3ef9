/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* An endpoint's data directory as others see it: where it is, and who serves it. */
#ifndef DSQL_LOCAL_DIRECTORY_H
#define DSQL_LOCAL_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "dsql.h"

/* The data directory that is given, or the user's own (NULL); an absolute path. */
DSQL_MUST_CHECK int local_state_directory(const char *given, char *path, size_t size,
                                          struct dsql_error *error);

/* Whether somebody serves a data directory. */
bool local_is_served(const char *dir);

#define LOCAL_STATS_SOCKET "stats"
/* A socket of the data directory: connected to the endpoint, or with_listen: made
 * anew, for us alone. -1 with errno. */
int local_stats_socket_of(const char *dir, bool with_listen);

#endif
