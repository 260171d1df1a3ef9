/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql: the command line for Amazon Aurora DSQL. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char program[] = "dsql";

static const struct cli_command *const commands[] = {
    &cli_token, &cli_check, &cli_ping, &cli_psql, &cli_local, &cli_jobs,
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static int
print_usage(void)
{
    puts("usage: dsql COMMAND [arguments]\n"
         "The command line for Amazon Aurora DSQL.\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-7s %s\n", commands[i]->name, commands[i]->summary);
    }
    puts("\n"
         "dsql COMMAND --help explains a command; dsql --version tells the version.\n"
         "HOST is a cluster's endpoint, its 26-letter id, \"localhost\", or \"local\": your\n"
         "own dsql-local, which is started if it does not run.\n"
         "Manual: man dsql");
    return CLI_GOOD;
}

static const struct cli_command *
find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/* The status, unless what was printed could not be written. */
static int
finish(const char *name, int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: cannot write: %s\n", name, strerror(errno));
        return CLI_FAILED;
    }
    return status;
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        arguments_bad(program, "COMMAND is missing");
        return CLI_USAGE;
    }
    const struct cli_command *command = find(argv[1]);
    if (command != NULL) {
        return finish(command->program, command->run(argc - 1, argv + 1));
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return finish(program, print_usage());
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("dsql %s\n", dsql_version());
        return finish(program, CLI_GOOD);
    }
    arguments_bad(program, "there is no command \"%s\"", argv[1]);
    return CLI_USAGE;
}
