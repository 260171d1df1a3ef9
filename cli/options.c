/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading a subcommand's options, and ending it; see cli.h. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "place.h"

#define KNOWN_MAX 32

enum { OPTION_HELP = 256 };

static size_t
append(struct option *to, size_t count, const struct option *from)
{
    for (; from->name != NULL && count < KNOWN_MAX - 1; from++) {
        to[count++] = *from;
    }
    to[count] = (struct option){0};
    return count;
}

static int
take(const struct cli_reader *reader, int option, const char *value)
{
    if (option >= CLI_OWN_OPTIONS) {
        return reader->take(option, value, reader->context);
    }
    return cli_place_take(reader->place, reader->command, option, value);
}

int
cli_read(const struct cli_reader *reader, int argc, char **argv, int *status)
{
    static const struct option help[] = {{"help", no_argument, NULL, OPTION_HELP}, {0}};
    struct option known[KNOWN_MAX];
    size_t count = append(known, 0, help);
    count = append(known, count, reader->known);
    if (reader->place != NULL) {
        append(known, count, cli_place_options);
    }
    int option;
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, reader->ordered ? "+:" : ":", known, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(reader->command->usage, stdout);
            *status = CLI_GOOD;
            return 1;
        }
        *status = CLI_USAGE;
        if (option == '?' || option == ':') {
            return arguments_unknown(reader->command->program, option, argv[optind - 1]);
        }
        if (take(reader, option, optarg) != 0) {
            return 1;
        }
    }
    return 0;
}

int
cli_complain(const struct cli_command *command, const struct dsql_error *error)
{
    fprintf(stderr, "%s: %s\n", command->program, error->message);
    return CLI_FAILED;
}
