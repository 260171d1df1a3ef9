/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Connects, runs one statement and prints its rows, a line each:
 *
 *     cc query.c $(pkg-config --cflags --libs libdsql) -o query
 *     ./query HOST "SELECT now()"
 *
 * A local endpoint needs what the line that dsql-local prints tells:
 *
 *     ./query localhost "SELECT 1" PORT CA_FILE CREDENTIALS_FILE */
#include <dsql.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_row(void *context, const struct dsql_event *row)
{
    const char *data;
    size_t length;
    (void)context;
    for (int i = 0; dsql_row_get(row, i, &data, &length) == 0; i++) {
        printf("%s%.*s", i > 0 ? "\t" : "", data ? (int)length : 4, data ? data : "NULL");
    }
    putchar('\n');
}

int
main(int argc, char **argv)
{
    struct dsql_conn *conn;
    struct dsql_error error;

    if (argc != 3 && argc != 6) {
        fprintf(stderr, "usage: %s HOST SQL [PORT CA_FILE CREDENTIALS_FILE]\n", argv[0]);
        return 2;
    }
    struct dsql_conn_options options = {.host = argv[1]};
    if (argc == 6) {
        options.port = (uint16_t)atoi(argv[3]);
        options.ca_file = argv[4];
        options.credentials_file = argv[5];
    }
    int failure = dsql_conn_open(&options, &conn, &error);
    if (failure == 0) {
        failure = dsql_exec(conn, argv[2], NULL, 0, print_row, NULL, &error);
        dsql_conn_free(conn);
    }
    if (failure != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], error.message);
    }
    return failure == 0 ? 0 : 1;
}
