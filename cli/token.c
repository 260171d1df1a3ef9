/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* dsql token: an authentication token, for programs that cannot make one. */
#include <stdio.h>
#include <time.h>

#include "json_write.h"
#include "place.h"

enum { OPTION_JSON = CLI_OWN_OPTIONS };

static const char usage[] =
    "usage: dsql token HOST [options]\n"
    "Prints an authentication token: the password of a connection to HOST.\n"
    "\n"
    "  --user NAME              whose token; \"admin\" has an action of its own (admin)\n"
    "  --region REGION          AWS region, where HOST does not tell it\n"
    "  --profile NAME           profile of the AWS configuration\n"
    "  --expires SECONDS        how long one can sign in with it, up to 604800 (900)\n"
    "  --cluster-id ID          the cluster behind a PrivateLink HOST\n"
    "  --credentials-file FILE  in place of ~/.aws/credentials\n"
    "  --json                   one JSON object: token, host, port, user, region,\n"
    "                           expires_at, credentials\n"
    "\n"
    "A token is checked when a connection is made; the connection outlives it.\n"
    "Example: PGPASSWORD=$(dsql token HOST) psql -h HOST -U admin postgres\n"
    "Exit status: 0 printed, 1 no token (the reason is on standard error), 2 usage\n";

static int
take(int option, const char *value, void *context)
{
    (void)option;
    (void)value;
    *(bool *)context = true;
    return 0;
}

static void
print_json(const struct cli_place *place, const struct dsql_credentials *credentials,
           const char *token, time_t expires_at)
{
    char when[40];
    struct tm tm;
    gmtime_r(&expires_at, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_text_member(stdout, "{", "token", token);
    json_text_member(stdout, ", ", "host", place->endpoint.host);
    json_number_member(stdout, ", ", "port", place->port);
    json_text_member(stdout, ", ", "user", place->user);
    json_text_member(stdout, ", ", "region", place->endpoint.region);
    json_text_member(stdout, ", ", "expires_at", when);
    json_text_member(stdout, ", ", "credentials", credentials->source);
    puts("}");
}

static int
run(int argc, char **argv)
{
    static const struct option known[] = {{"json", no_argument, NULL, OPTION_JSON}, {0}};
    struct cli_place place = {0};
    struct dsql_credentials credentials = {0};
    struct dsql_error error = {0};
    bool json = false;
    char *token = NULL;
    int status;
    struct cli_reader reader = {&cli_token, known, false, take, &json, &place};
    if (cli_place_read(&reader, argc, argv, false, &status) != 0) {
        return status;
    }
    struct dsql_credentials_options where = cli_place_credentials(&place);
    time_t now = time(NULL), expires_at = now + place.expires;
    if (dsql_credentials_load(&credentials, &where, NULL, &error) != 0 ||
        dsql_token_sign(&credentials, &place.endpoint, place.user, now, place.expires, &token, NULL,
                        &error) != 0) {
        dsql_credentials_clear(&credentials);
        return cli_complain(&cli_token, &error);
    }
    if (credentials.expires_at > 0 && credentials.expires_at < expires_at) {
        expires_at = credentials.expires_at; /* it dies with the keys that signed it */
    }
    if (json) {
        print_json(&place, &credentials, token, expires_at);
    } else {
        puts(token);
    }
    dsql_token_free(token);
    dsql_credentials_clear(&credentials);
    return CLI_GOOD;
}

const struct cli_command cli_token = {
    .name = "token",
    .program = "dsql token",
    .summary = "print an authentication token for HOST",
    .usage = usage,
    .run = run,
};
