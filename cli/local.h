/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The user's own dsql-local: its program, and the endpoint that it finds or
 * starts. */
#ifndef DSQL_CLI_LOCAL_H
#define DSQL_CLI_LOCAL_H

#include <limits.h>

#include "dsql.h"

/* What a ready line says. */
struct cli_ready {
    char line[3 * PATH_MAX]; /* the strings lie in it */
    const char *host, *cluster, *region, *ca, *credentials;
    int port;
};

/* Takes the ready line that is in local->line to pieces. DSQL_E_PROTOCOL when it
 * is none. */
DSQL_MUST_CHECK int cli_local_parse(struct cli_ready *local, struct dsql_error *error);

/* Asks dsql-local --background. */
DSQL_MUST_CHECK int cli_local_find(struct cli_ready *local, struct dsql_error *error);

/* The path of dsql-local: the variable DSQL_LOCAL, the folder of this program, or
 * PATH's. */
DSQL_MUST_CHECK int cli_local_program(char path[PATH_MAX], struct dsql_error *error);

#endif
