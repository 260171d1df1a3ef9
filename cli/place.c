/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where a subcommand connects; see place.h. */
#include "place.h"

#include <strings.h>

enum {
    OPTION_USER = 300,
    OPTION_REGION,
    OPTION_PROFILE,
    OPTION_EXPIRES,
    OPTION_PORT,
    OPTION_HOSTADDR,
    OPTION_CLUSTER_ID,
    OPTION_CA_FILE,
    OPTION_CREDENTIALS_FILE,
};

const struct option cli_place_options[] = {
    {"user", required_argument, NULL, OPTION_USER},
    {"region", required_argument, NULL, OPTION_REGION},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"expires", required_argument, NULL, OPTION_EXPIRES},
    {"port", required_argument, NULL, OPTION_PORT},
    {"hostaddr", required_argument, NULL, OPTION_HOSTADDR},
    {"cluster-id", required_argument, NULL, OPTION_CLUSTER_ID},
    {"ca-file", required_argument, NULL, OPTION_CA_FILE},
    {"credentials-file", required_argument, NULL, OPTION_CREDENTIALS_FILE},
    {0},
};

int
cli_place_take(struct cli_place *place, const struct cli_command *command, int option,
               const char *value)
{
    const char **texts[] = {
        [OPTION_USER - OPTION_USER] = &place->user,
        [OPTION_REGION - OPTION_USER] = &place->region,
        [OPTION_PROFILE - OPTION_USER] = &place->profile,
        [OPTION_HOSTADDR - OPTION_USER] = &place->hostaddr,
        [OPTION_CLUSTER_ID - OPTION_USER] = &place->cluster_id,
        [OPTION_CA_FILE - OPTION_USER] = &place->ca_file,
        [OPTION_CREDENTIALS_FILE - OPTION_USER] = &place->credentials_file,
    };
    if (option == OPTION_EXPIRES) {
        return arguments_number(command->program, "--expires", value, 1, DSQL_TOKEN_EXPIRES_MAX,
                                &place->expires);
    }
    if (option == OPTION_PORT) {
        return arguments_number(command->program, "--port", value, 1, 65535, &place->port);
    }
    if (*value == '\0') {
        return arguments_bad(command->program, "an option has an empty value");
    }
    *texts[option - OPTION_USER] = value;
    return 0;
}

struct dsql_credentials_options
cli_place_credentials(const struct cli_place *place)
{
    return (struct dsql_credentials_options){
        .profile = place->profile            ? place->profile
                   : place->credentials_file ? "default"
                                             : NULL,
        .credentials_file = place->credentials_file,
    };
}

/* A host that does not tell its region takes the environment's. */
static int
settle_endpoint(struct cli_place *place, struct dsql_error *error)
{
    static char region[64];
    int failure =
        dsql_endpoint_parse(place->host, place->region, place->cluster_id, &place->endpoint, error);
    if (failure == DSQL_E_REGION && place->region == NULL) {
        struct dsql_credentials_options where = cli_place_credentials(place);
        int why = dsql_region_find(region, sizeof region, &where, NULL, error);
        if (why != 0) {
            return why;
        }
        place->region = *region != '\0' ? region : NULL;
        failure = dsql_endpoint_parse(place->host, place->region, place->cluster_id,
                                      &place->endpoint, error);
    }
    return failure;
}

static int
settle(struct cli_place *place, const char *host, struct dsql_error *error)
{
    place->host = host;
    place->user = place->user ? place->user : "admin";
    place->expires = place->expires ? place->expires : DSQL_TOKEN_EXPIRES_DEFAULT;
    if (strcasecmp(host, "local") == 0) {
        int failure = cli_local_find(&place->local, error);
        if (failure != 0) {
            return failure;
        }
        place->host = place->local.host;
        place->hostaddr = place->hostaddr ? place->hostaddr : "127.0.0.1";
        place->port = place->port ? place->port : place->local.port;
        place->region = place->region ? place->region : place->local.region;
        place->ca_file = place->ca_file ? place->ca_file : place->local.ca;
        if (place->credentials_file == NULL) {
            place->credentials_file = place->local.credentials;
        }
    }
    place->port = place->port ? place->port : 5432;
    return settle_endpoint(place, error);
}

int
cli_place_read(const struct cli_reader *reader, int argc, char **argv, bool more, int *status)
{
    const struct cli_command *command = reader->command;
    struct dsql_error error = {0};
    if (cli_read(reader, argc, argv, status) != 0) {
        return 1;
    }
    *status = CLI_USAGE;
    if (optind >= argc) {
        return arguments_bad(command->program, "HOST is missing");
    }
    const char *host = argv[optind++];
    if (optind < argc && !more) {
        return arguments_bad(command->program, "there is no argument \"%s\"", argv[optind]);
    }
    if (settle(reader->place, host, &error) != 0) {
        *status = cli_complain(command, &error);
        return 1;
    }
    return 0;
}

struct dsql_conn_options
cli_place_connection(const struct cli_place *place)
{
    return (struct dsql_conn_options){
        .host = place->host,
        .hostaddr = place->hostaddr,
        .port = (uint16_t)place->port,
        .user = place->user,
        .region = place->region,
        .cluster_id = place->cluster_id,
        .profile = place->profile,
        .credentials_file = place->credentials_file,
        .token_seconds = place->expires,
        .verify = place->endpoint.kind == DSQL_HOST_PRIVATELINK ? DSQL_VERIFY_CA : DSQL_VERIFY_FULL,
        .ca_file = place->ca_file,
        .application_name = "dsql/" DSQL_VERSION,
    };
}
