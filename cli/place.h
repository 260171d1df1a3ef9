/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where a subcommand connects: HOST with the options that belong to it. */
#ifndef DSQL_CLI_PLACE_H
#define DSQL_CLI_PLACE_H

#include "cli.h"
#include "local.h"

/* A struct of zeros begins. Strings are borrowed from the command line, or from
 * local below. */
struct cli_place {
    const char *host, *hostaddr, *user, *region, *profile, *cluster_id;
    const char *ca_file, *credentials_file;
    int port, expires;
    struct cli_ready local;        /* filled for the host "local" */
    struct dsql_endpoint endpoint; /* what the host is, settled */
};

/* --user and what else says where and as whom; ends with a row of zeros. */
extern const struct option cli_place_options[];
int cli_place_take(struct cli_place *place, const struct cli_command *command, int option,
                   const char *value);

/* Reads the options and the one argument HOST, and settles the place. Arguments
 * behind HOST are the caller's, from optind on, when more says so. 0 to go on,
 * or 1 with *status set. */
int cli_place_read(const struct cli_reader *reader, int argc, char **argv, bool more, int *status);

/* Where the keys are looked for. */
struct dsql_credentials_options cli_place_credentials(const struct cli_place *place);
/* The options of a connection there; they borrow from place. */
struct dsql_conn_options cli_place_connection(const struct cli_place *place);

#endif
