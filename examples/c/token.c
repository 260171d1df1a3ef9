/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Prints a token for a cluster, with the keys that the environment or the AWS
 * files tell:
 *
 *     cc token.c $(pkg-config --cflags --libs libdsql) -o token
 *     PGPASSWORD=$(./token HOST) psql "host=HOST user=admin dbname=postgres sslmode=verify-full"
 */
#include <dsql.h>
#include <stdio.h>
#include <time.h>

int
main(int argc, char **argv)
{
    struct dsql_endpoint endpoint;
    struct dsql_credentials credentials = {0};
    struct dsql_error error;
    char *token = NULL;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s HOST [USER]\n", argv[0]);
        return 2;
    }
    const char *user = argc == 3 ? argv[2] : "admin";
    int failure = dsql_endpoint_parse(argv[1], NULL, NULL, &endpoint, &error);
    if (failure == 0) {
        failure = dsql_credentials_load(&credentials, NULL, NULL, &error);
    }
    if (failure == 0) {
        failure = dsql_token_sign(&credentials, &endpoint, user, (int64_t)time(NULL),
                                  DSQL_TOKEN_EXPIRES_DEFAULT, &token, NULL, &error);
    }
    if (failure == 0) {
        puts(token);
    } else {
        fprintf(stderr, "%s: %s\n", argv[0], error.message);
    }
    dsql_token_free(token);
    dsql_credentials_clear(&credentials);
    return failure == 0 ? 0 : 1;
}
