/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The command line of dsql-local. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "state.h"

static const char usage[] =
    "usage: dsql-local [options]\n"
    "A local endpoint that answers as Amazon Aurora DSQL does, in front of a PostgreSQL\n"
    "of its own. Prints one line when it is ready, and serves until SIGTERM or SIGINT.\n"
    "\n"
    "  --listen ADDRESS         address to listen at (127.0.0.1)\n"
    "  --port N                 port, 0 for any free one (5432)\n"
    "  --allow-public-listen    allow an ADDRESS that other machines can reach\n"
    "  --data DIR               keep everything in DIR\n"
    "  --ephemeral              keep nothing: a new endpoint, removed at the end\n"
    "  --postgres BINDIR        folder with initdb and postgres (looked for otherwise)\n"
    "  --region REGION          AWS region to answer for (us-east-1)\n"
    "  --rtt MILLISECONDS       delay each round trip, to see what chatter costs\n"
    "  --ready-file FILE        write the ready line into FILE too\n"
    "  --background             find the endpoint of DIR or start it, print its ready\n"
    "                           line, and return\n"
    "  --idle-exit SECONDS      stop after so long without a client (0: never)\n"
    "  --drain SECONDS          what open transactions have to end after SIGTERM (5)\n"
    "  --connection-rate N      new connections a second, ten times as many at once\n"
    "                           (100; 0: any number)\n"
    "  --max-connections N      connections open at a time (10000)\n"
    "  --max-connection-age SECONDS\n"
    "                           close a connection then, between transactions (3600)\n"
    "  --max-transaction-age SECONDS\n"
    "                           a transaction that lasts longer fails (300)\n"
    "  --job-delay MILLISECONDS\n"
    "                           what a job of asynchronous DDL takes (0: it is done when\n"
    "                           its statement has been committed)\n"
    "  --inject LIST            faults with their probabilities, such as\n"
    "                           occ=0.1,oc001=0.05,unavailable=0.02,drop=0.01,seed=1\n"
    "  --stats[=json]           ask the running endpoint of DIR what it has counted\n"
    "  --verbose                say more on standard error\n"
    "  --help, --version\n"
    "\n"
    "Example: dsql-local --ephemeral --port 0\n"
    "Manual: man dsql-local\n";

enum option_code {
    OPTION_LISTEN = 256,
    OPTION_PORT,
    OPTION_PUBLIC,
    OPTION_DATA,
    OPTION_EPHEMERAL,
    OPTION_POSTGRES,
    OPTION_REGION,
    OPTION_RTT,
    OPTION_READY_FILE,
    OPTION_BACKGROUND,
    OPTION_IDLE_EXIT,
    OPTION_DRAIN,
    OPTION_CONNECTION_RATE,
    OPTION_MAX_CONNECTIONS,
    OPTION_CONNECTION_AGE,
    OPTION_TRANSACTION_AGE,
    OPTION_JOB_DELAY,
    OPTION_INJECT,
    OPTION_STATS,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"port", required_argument, NULL, OPTION_PORT},
    {"allow-public-listen", no_argument, NULL, OPTION_PUBLIC},
    {"data", required_argument, NULL, OPTION_DATA},
    {"ephemeral", no_argument, NULL, OPTION_EPHEMERAL},
    {"postgres", required_argument, NULL, OPTION_POSTGRES},
    {"region", required_argument, NULL, OPTION_REGION},
    {"rtt", required_argument, NULL, OPTION_RTT},
    {"ready-file", required_argument, NULL, OPTION_READY_FILE},
    {"background", no_argument, NULL, OPTION_BACKGROUND},
    {"idle-exit", required_argument, NULL, OPTION_IDLE_EXIT},
    {"drain", required_argument, NULL, OPTION_DRAIN},
    {"connection-rate", required_argument, NULL, OPTION_CONNECTION_RATE},
    {"max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS},
    {"max-connection-age", required_argument, NULL, OPTION_CONNECTION_AGE},
    {"max-transaction-age", required_argument, NULL, OPTION_TRANSACTION_AGE},
    {"job-delay", required_argument, NULL, OPTION_JOB_DELAY},
    {"inject", required_argument, NULL, OPTION_INJECT},
    {"stats", optional_argument, NULL, OPTION_STATS},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static const char program[] = "dsql-local";

#define YEAR_S 31536000

/* Options that take a number. */
static int
take_number(int option, struct local_options *options)
{
    switch (option) {
    case OPTION_PORT:
        return arguments_number(program, "--port", optarg, 0, 65535, &options->port);
    case OPTION_RTT:
        return arguments_number(program, "--rtt", optarg, 0, 60000, &options->rtt_ms);
    case OPTION_IDLE_EXIT:
        return arguments_number(program, "--idle-exit", optarg, 0, YEAR_S, &options->idle_exit_s);
    case OPTION_DRAIN:
        return arguments_number(program, "--drain", optarg, 0, 3600, &options->drain_s);
    case OPTION_CONNECTION_RATE:
        return arguments_number(program, "--connection-rate", optarg, 0, 1000000,
                                &options->connection_rate);
    case OPTION_MAX_CONNECTIONS:
        return arguments_number(program, "--max-connections", optarg, 1, 1000000,
                                &options->max_connections);
    case OPTION_CONNECTION_AGE:
        return arguments_number(program, "--max-connection-age", optarg, 0, YEAR_S,
                                &options->connection_age_s);
    case OPTION_TRANSACTION_AGE:
        return arguments_number(program, "--max-transaction-age", optarg, 1, 86400,
                                &options->transaction_age_s);
    case OPTION_JOB_DELAY:
        return arguments_number(program, "--job-delay", optarg, 0, 3600000, &options->job_delay_ms);
    default:
        return -1;
    }
}

static int
take_text(int option, struct local_options *options)
{
    const char **to = NULL;
    switch (option) {
    case OPTION_LISTEN:
        to = &options->listen;
        break;
    case OPTION_DATA:
        to = &options->data;
        break;
    case OPTION_POSTGRES:
        to = &options->postgres;
        break;
    case OPTION_REGION:
        to = &options->region;
        break;
    case OPTION_READY_FILE:
        to = &options->ready_file;
        break;
    default:
        break;
    }
    if (to != NULL && *optarg == '\0') {
        return arguments_bad(program, "an option has an empty value");
    }
    if (to != NULL) {
        *to = optarg;
    }
    return 0;
}

static int
take_inject(struct local_options *options)
{
    struct dsql_error error = {0};
    options->inject_text = optarg;
    return local_inject_read(optarg, &options->inject, &error) == 0
               ? 0
               : arguments_bad(program, "%s", error.message);
}

static int
take_stats(struct local_options *options)
{
    if (optarg != NULL && strcmp(optarg, "json") != 0) {
        return arguments_bad(program, "--stats takes nothing or =json, not \"%s\"", optarg);
    }
    options->stats = optarg != NULL ? LOCAL_STATS_JSON : LOCAL_STATS_TABLE;
    return 0;
}

static int
take(int option, struct local_options *options)
{
    int taken = take_number(option, options);
    if (taken >= 0) {
        return taken;
    }
    switch (option) {
    case OPTION_PUBLIC:
        options->listen_public = true;
        return 0;
    case OPTION_EPHEMERAL:
        options->ephemeral = true;
        return 0;
    case OPTION_BACKGROUND:
        options->background = true;
        return 0;
    case OPTION_VERBOSE:
        options->verbose = true;
        return 0;
    case OPTION_INJECT:
        return take_inject(options);
    case OPTION_STATS:
        return take_stats(options);
    default:
        return take_text(option, options);
    }
}

static bool
is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static int
check(struct local_options *options)
{
    if (strcmp(options->listen, "localhost") == 0) {
        options->listen = "127.0.0.1";
    }
    if (options->ephemeral && options->data != NULL) {
        return arguments_bad(program, "--ephemeral and --data contradict each other");
    }
    if (options->ephemeral && options->background) {
        return arguments_bad(
            program, "--background needs a directory that others can find: leave --ephemeral out");
    }
    if (options->stats != LOCAL_STATS_NONE && (options->ephemeral || options->background)) {
        return arguments_bad(program,
                             "--stats asks an endpoint that runs: name its directory with --data");
    }
    if (!is_loopback(options->listen) && !options->listen_public) {
        return arguments_bad(
            program,
            "%s is an address that other machines may reach; --allow-public-listen says that "
            "you mean it",
            options->listen);
    }
    return 0;
}

int
local_options_read(int argc, char **argv, struct local_options *options, int *status)
{
    *options = (struct local_options){
        .listen = "127.0.0.1",
        .port = 5432,
        .region = "us-east-1",
        .connection_rate = 100,
        .max_connections = 10000,
        .connection_age_s = 3600,
        .transaction_age_s = 300,
        .drain_s = 5,
    };
    bool port_given = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == OPTION_HELP || option == OPTION_VERSION) {
            *status = 0;
            if (option == OPTION_HELP) {
                fputs(usage, stdout);
            } else {
                printf("dsql-local %s\n", DSQL_VERSION);
            }
            return 1;
        }
        *status = 2;
        if (option == '?' || option == ':') {
            return arguments_unknown(program, option, argv[optind - 1]);
        }
        port_given |= option == OPTION_PORT;
        if (take(option, options) != 0) {
            return 1;
        }
    }
    *status = 2;
    if (optind < argc) {
        return arguments_bad(program, "there is no argument \"%s\"", argv[optind]);
    }
    if (options->background && !port_given) {
        options->port = 0;
    }
    return check(options);
}
