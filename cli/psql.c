/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql psql: psql with a fresh token and the right TLS settings. All that it has
 * to know travels in its environment, which only its own user can read. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "place.h"

static const char usage[] =
    "usage: dsql psql HOST [options] [-- arguments of psql]\n"
    "Runs psql, signed in at HOST: with a fresh token, TLS that checks the server,\n"
    "and direct TLS where psql's library is version 17 or newer.\n"
    "\n"
    "  --user NAME              the database's role (admin)\n"
    "  --region REGION, --profile NAME, --cluster-id ID, --credentials-file FILE\n"
    "                           as for dsql token\n"
    "  --port N, --hostaddr ADDRESS, --ca-file FILE\n"
    "                           as for dsql ping\n"
    "  --expires SECONDS        how long \\connect can sign in again (900)\n"
    "\n"
    "Examples: dsql psql local\n"
    "          dsql psql HOST --user app -- -c 'SELECT 1' -At\n"
    "Exit status: that of psql; 1 no token, 2 usage, 127 psql cannot be run\n";

/* What of libpq's environment would lead elsewhere, or ask for what there is not. */
static const char *const misleading[] = {
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGHOSTADDR",
    "PGPASSFILE",
    "PGREQUIREPEER",
    "PGREQUIRESSL",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGREQUIREAUTH",
    "PGSSLCERTMODE",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
    "PGCHANNELBINDING",
};

static int
put(const char *name, const char *value)
{
    return setenv(name, value, 1);
}

static int
make_token(const struct cli_place *place, char **token, struct dsql_error *error)
{
    struct dsql_credentials credentials = {0};
    struct dsql_credentials_options where = cli_place_credentials(place);
    int failure = dsql_credentials_load(&credentials, &where, NULL, error);
    if (failure == 0) {
        failure = dsql_token_sign(&credentials, &place->endpoint, place->user, time(NULL),
                                  place->expires, token, NULL, error);
    }
    dsql_credentials_clear(&credentials);
    return failure;
}

/* The cluster's id travels in the settings where the name does not tell it. */
static int
put_settings(const struct cli_place *place)
{
    const char *given = getenv("PGOPTIONS");
    char *settings;
    if (place->endpoint.kind != DSQL_HOST_PRIVATELINK) {
        return 0;
    }
    if (asprintf(&settings, "%s%s-c amzn-cluster-id=%s", given ? given : "", given ? " " : "",
                 place->endpoint.cluster_id) < 0) {
        return -1;
    }
    int failed = put("PGOPTIONS", settings);
    free(settings);
    return failed;
}

static int
put_environment(const struct cli_place *place, const char *ca_file, const char *token)
{
    char port[16];
    int failed = 0;
    bool by_name = place->endpoint.kind != DSQL_HOST_PRIVATELINK;
    for (size_t i = 0; i < sizeof misleading / sizeof misleading[0]; i++) {
        unsetenv(misleading[i]);
    }
    snprintf(port, sizeof port, "%d", place->port);
    failed |= put("PGHOST", place->endpoint.host);
    failed |= put("PGPORT", port);
    failed |= put("PGUSER", place->user);
    failed |= put("PGDATABASE", "postgres");
    failed |= put("PGPASSWORD", token);
    failed |= put("PGSSLMODE", by_name ? "verify-full" : "verify-ca");
    failed |= put("PGSSLROOTCERT", ca_file);
    failed |= put("PGSSLNEGOTIATION", "direct"); /* libpq before 17 does not look at it */
    failed |= put("PGSSLSNI", "1");
    failed |= put("PGGSSENCMODE", "disable");
    failed |= setenv("PGAPPNAME", "dsql-psql/" DSQL_VERSION, 0);
    failed |= setenv("PGCONNECT_TIMEOUT", "30", 0);
    if (place->hostaddr != NULL) {
        failed |= put("PGHOSTADDR", place->hostaddr);
    }
    return failed | put_settings(place);
}

/* As the shell would find it, or that of the PostgreSQL that dsql-local uses. */
static int
become_psql(char **arguments)
{
    const char *folder = getenv("DSQL_LOCAL_POSTGRES");
    char path[PATH_MAX];
    execvp("psql", arguments);
    int why = errno;
    if (why == ENOENT && folder != NULL &&
        snprintf(path, sizeof path, "%s/psql", folder) < (int)sizeof path) {
        execv(path, arguments);
    }
    if (why == ENOENT) {
        fputs("dsql psql: psql is not installed: apt-get install postgresql-client, dnf install "
              "postgresql, apk add postgresql-client, or brew install libpq\n",
              stderr);
        return 127;
    }
    fprintf(stderr, "dsql psql: psql cannot be run: %s\n", strerror(why));
    return 126;
}

/* getopt_long() moves HOST behind the "--" that parts psql's arguments. */
static bool
are_parted(int argc, char **argv)
{
    for (int i = 1; i < argc && i < optind; i++) {
        if (strcmp(argv[i], "--") == 0) {
            return true;
        }
    }
    return false;
}

static int
run(int argc, char **argv)
{
    static const struct option known[] = {{0}};
    struct cli_place place = {0};
    struct dsql_error error = {0};
    char ca_file[PATH_MAX], *token = NULL;
    int status;
    struct cli_reader reader = {&cli_psql, known, false, NULL, NULL, &place};
    if (cli_place_read(&reader, argc, argv, true, &status) != 0) {
        return status;
    }
    if (optind < argc && !are_parted(argc, argv)) {
        arguments_bad(cli_psql.program, "psql's arguments stand behind --");
        return CLI_USAGE;
    }
    int failure = 0;
    if (place.ca_file != NULL) {
        snprintf(ca_file, sizeof ca_file, "%s", place.ca_file);
    } else {
        failure = dsql_ca_file_find(ca_file, sizeof ca_file, NULL, &error);
    }
    if (failure == 0) {
        failure = make_token(&place, &token, &error);
    }
    if (failure == 0 && put_environment(&place, ca_file, token) != 0) {
        failure = dsql__fail_nomem(&error);
    }
    dsql_token_free(token);
    if (failure != 0) {
        return cli_complain(&cli_psql, &error);
    }
    static char name[] = "psql";
    argv[optind - 1] = name; /* the place of HOST, before psql's own arguments */
    return become_psql(argv + optind - 1);
}

const struct cli_command cli_psql = {
    .name = "psql",
    .program = "dsql psql",
    .summary = "run psql, signed in at HOST",
    .usage = usage,
    .run = run,
};
