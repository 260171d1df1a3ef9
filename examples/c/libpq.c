/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A program that uses libpq itself, and libdsql only to sign in:
 *
 *     cc libpq.c $(pkg-config --cflags --libs libdsql libpq) -o libpq
 *     ./libpq HOST
 *
 * A local endpoint needs what the line that dsql-local prints tells:
 *
 *     ./libpq localhost PORT CA_FILE CREDENTIALS_FILE */
#include <dsql.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <time.h>

/* A token for a new connection: made anew for each, since it lasts minutes only. */
static char *
make_token(const struct dsql_endpoint *endpoint, const char *credentials_file,
           struct dsql_error *error)
{
    struct dsql_credentials credentials = {0};
    const struct dsql_credentials_options where = {.profile = credentials_file ? "default" : NULL,
                                                   .credentials_file = credentials_file};
    char *token = NULL;
    if (dsql_credentials_load(&credentials, &where, NULL, error) == 0 &&
        dsql_token_sign(&credentials, endpoint, "admin", (int64_t)time(NULL),
                        DSQL_TOKEN_EXPIRES_DEFAULT, &token, NULL, error) != 0) {
        token = NULL;
    }
    dsql_credentials_clear(&credentials);
    return token;
}

static PGconn *
open_connection(const struct dsql_endpoint *endpoint, const char *port, const char *ca_file,
                const char *token)
{
    /* libpq 17 can begin with TLS, which saves a round trip; older ones do not know the word. */
    const int direct = PQlibVersion() >= 170000;
    const char *const names[] = {"host",
                                 "port",
                                 "user",
                                 "password",
                                 "dbname",
                                 "sslmode",
                                 "sslrootcert",
                                 "application_name",
                                 direct ? "sslnegotiation" : NULL,
                                 NULL};
    const char *const values[] = {endpoint->host, port,    "admin",   token,    "postgres",
                                  "verify-full",  ca_file, "libpq.c", "direct", NULL};
    return PQconnectdbParams(names, values, 0);
}

int
main(int argc, char **argv)
{
    struct dsql_endpoint endpoint;
    struct dsql_error error = {0};
    char ca_file[4096];

    if (argc != 2 && argc != 5) {
        fprintf(stderr, "usage: %s HOST [PORT CA_FILE CREDENTIALS_FILE]\n", argv[0]);
        return 2;
    }
    int failure = dsql_endpoint_parse(argv[1], NULL, NULL, &endpoint, &error);
    if (failure == 0 && argc == 2) {
        failure = dsql_ca_file_find(ca_file, sizeof ca_file, NULL, &error);
    }
    char *token = failure == 0 ? make_token(&endpoint, argc == 5 ? argv[4] : NULL, &error) : NULL;
    if (token == NULL) {
        fprintf(stderr, "%s: %s\n", argv[0], error.message);
        return 1;
    }
    PGconn *conn = open_connection(&endpoint, argc == 5 ? argv[2] : "5432",
                                   argc == 5 ? argv[3] : ca_file, token);
    dsql_token_free(token);
    PGresult *result = PQstatus(conn) == CONNECTION_OK ? PQexec(conn, "SELECT current_user") : NULL;
    int good = PQresultStatus(result) == PGRES_TUPLES_OK;
    if (good) {
        puts(PQgetvalue(result, 0, 0));
    } else {
        fprintf(stderr, "%s: %s", argv[0], PQerrorMessage(conn));
    }
    PQclear(result);
    PQfinish(conn);
    return good ? 0 : 1;
}
