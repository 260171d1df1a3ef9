/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The command dsql: its subcommands, and how they read their arguments. */
#ifndef DSQL_CLI_H
#define DSQL_CLI_H

#include <stdbool.h>

#include "arguments.h"
#include "dsql.h"

/* Exit statuses; the manual page says more. */
enum cli_status {
    CLI_GOOD = 0,
    CLI_FAILED = 1, /* what was asked for did not come about, or statements are refused */
    CLI_USAGE = 2,  /* wrong arguments, or a file that cannot be read */
};

struct cli_command {
    const char *name;                  /* "token" */
    const char *program;               /* "dsql token": for messages */
    const char *summary;               /* a few words */
    const char *usage;                 /* what --help prints: at most 24 lines of 80 characters */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; the exit status */
};

extern const struct cli_command cli_check, cli_jobs, cli_local, cli_ping, cli_psql, cli_token;

/* The values of all subcommands' own options begin here. */
#define CLI_OWN_OPTIONS 512

/* How a subcommand reads its options. */
struct cli_reader {
    const struct cli_command *command;
    const struct option *known; /* its own, with values of CLI_OWN_OPTIONS and more */
    bool ordered;               /* options end with the first argument that is none */
    /* One of them; 0, or 1 when it was complained of. context is the caller's. */
    int (*take)(int option, const char *value, void *context);
    void *context;
    struct cli_place *place; /* the options of a place are taken, too; or NULL */
};

/* Reads options up to the arguments, which begin at optind. 0 to go on, or 1
 * with *status set: the program is to exit so. */
int cli_read(const struct cli_reader *reader, int argc, char **argv, int *status);

/* "dsql token: " and the message on standard error; returns CLI_FAILED. */
int cli_complain(const struct cli_command *command, const struct dsql_error *error);

#endif
