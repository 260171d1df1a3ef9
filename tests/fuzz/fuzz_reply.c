/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A server that answers what it likes: the first byte says how many bytes of
 * orders follow (what the client asks), the rest is what the server sends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(struct dsql_conn *conn, uint8_t order)
{
    static const char *const texts[] = {"SELECT 1", "SELECT $1", "INSERT INTO t VALUES ($1)",
                                        "COPY t FROM STDIN"};
    const char *sql = texts[order >> 4 & 3];
    struct dsql_value value = {
        .type = order & 64 ? 23 : 0,
        .data = order & 128 ? NULL : "\0\0\0\7",
        .length = 4,
        .binary = 1,
    };
    int count = strchr(sql, '$') != NULL, failure = 0;
    switch (order & 7) {
    case 0:
        failure = dsql_send_sync(conn, NULL);
        break;
    case 1:
        failure = dsql_send_script(conn, sql, NULL);
        break;
    case 2:
        failure = dsql_begin(conn, "BEGIN", NULL);
        break;
    case 3:
        failure = dsql_end(conn, order >> 4 & 1, NULL);
        break;
    default:
        failure = dsql_send_query(conn, sql, strlen(sql), &value, count, order & 3, NULL);
        break;
    }
    (void)failure; /* many orders are refused */
}

static void
look_at(struct dsql_conn *conn, const struct dsql_event *event)
{
    size_t length, sum = 0;
    const char *value;
    switch (event->kind) {
    case DSQL_EVENT_ROW:
        for (int i = -1; i <= event->count; i++) {
            if (dsql_row_get(event, i, &value, &length) == 0 && value != NULL) {
                sum += length > 0 ? (unsigned char)value[length - 1] : 0;
            }
        }
        break;
    case DSQL_EVENT_COLUMNS:
        for (int i = 0; i < event->count; i++) {
            sum += strlen(event->columns[i].name);
        }
        break;
    case DSQL_EVENT_COPY_IN:
        if (dsql_send_copy_data(conn, "1\n", 2, NULL) != 0 ||
            dsql_send_copy_end(conn, NULL, NULL) != 0) {
            abort();
        }
        break;
    case DSQL_EVENT_COMPLETE:
        sum += strlen(event->tag);
        break;
    default:
        break;
    }
    volatile size_t keep = sum;
    (void)keep;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dsql_conn *conn = calloc(1, sizeof *conn);
    size_t orders = size > 0 ? data[0] % 16 : 0, at = 1;
    if (conn == NULL) {
        return 0;
    }
    conn->phase = DSQL__CONNECTED;
    conn->transaction = 'I';
    conn->transport.fd = -1;
    for (; at < size && orders > 0; orders--) {
        ask(conn, data[at++]);
    }
    if (at < size) {
        dsql__buffer_put(&conn->transport.in, data + at, size - at);
    }
    struct dsql_event event = {0};
    while (dsql_next(conn, &event, NULL) == 0) {
        look_at(conn, &event);
        if (event.kind == DSQL_EVENT_READY) {
            ask(conn, size > 1 ? data[1] : 4);
            ask(conn, 0);
        }
    }
    dsql_conn_free(conn);
    return 0;
}
