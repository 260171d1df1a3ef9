/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a server says until the client is signed in, in pieces: the first byte
 * is the size of the pieces. Where the cuts are makes no difference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "startup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* What came of it, with all that was kept at the end of `conn`. */
static int
greet(struct dsql_conn *conn, const uint8_t *data, size_t size, size_t piece,
      struct dsql_error *error)
{
    struct dsql__startup startup = {0};
    int passwords = 0, result = DSQL__MORE;
    for (size_t at = 0; at < size && result == DSQL__MORE; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        dsql__buffer_put(&conn->transport.in, data + at, length);
        do {
            result = dsql__startup_read(conn, &startup, error);
            passwords += result == DSQL__STARTUP_PASSWORD;
        } while (result == DSQL__STARTUP_PASSWORD);
    }
    require(passwords <= 1);
    require(result != 0 || (startup.allowed && conn->transaction == 'I'));
    require(result >= 0 || (error->code == result && error->message[0] != '\0'));
    require((result == DSQL_E_SERVER) == (dsql_conn_refusal(conn) != NULL));
    return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dsql_conn *whole = calloc(1, sizeof *whole), *cut = calloc(1, sizeof *cut);
    struct dsql_error one = {0}, other = {0};
    size_t piece = size > 0 && data[0] > 0 ? data[0] : 1;
    if (whole != NULL && cut != NULL && size > 1) {
        whole->transport.fd = cut->transport.fd = -1;
        int result = greet(whole, data + 1, size - 1, size, &one);
        require(greet(cut, data + 1, size - 1, piece, &other) == result);
        require(strcmp(one.message, other.message) == 0);
        require(whole->backend_id == cut->backend_id && whole->backend_key == cut->backend_key);
        for (const struct dsql__parameter *at = whole->parameters; at != NULL; at = at->next) {
            const char *value = dsql_conn_parameter(cut, at->name);
            require(value != NULL && strcmp(value, at->value) == 0);
        }
        if (result == DSQL_E_SERVER) {
            require(dsql__startup_judge(&whole->refusal) == dsql__startup_judge(&cut->refusal));
        }
    }
    dsql_conn_free(whole);
    dsql_conn_free(cut);
    return 0;
}
