/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The calls that block: for programs that do one thing at a time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "error.h"

int
dsql_next_wait(struct dsql_conn *conn, struct dsql_event *event, struct dsql_error *error)
{
    for (;;) {
        int result = dsql_next(conn, event, error);
        if (result <= 0) {
            return result;
        }
        result = dsql_conn_wait(conn, result, -1, error);
        if (result != 0 && errno != EINTR) {
            return result;
        }
    }
}

static void
keep_error(const struct dsql_event *event, struct dsql_error *error)
{
    const struct dsql_diagnostic *said = &event->diagnostic;
    dsql__fail(error, DSQL_E_SERVER, "%s%s%s", said->message ? said->message : "error",
               said->hint ? ". " : "", said->hint ? said->hint : "");
    if (error != NULL && said->sqlstate != NULL) {
        snprintf(error->sqlstate, sizeof error->sqlstate, "%s", said->sqlstate);
    }
}

int
dsql__read_batch(struct dsql_conn *conn, void (*each)(void *, const struct dsql_event *),
                 void *context, struct dsql_error *error)
{
    struct dsql_event event = {0};
    int failure = 0;
    for (;;) {
        int result = dsql_next_wait(conn, &event, failure == 0 ? error : NULL);
        if (result != 0) {
            return result;
        }
        switch (event.kind) {
        case DSQL_EVENT_READY:
            return failure;
        case DSQL_EVENT_ROW:
            if (each != NULL) {
                each(context, &event);
            }
            break;
        case DSQL_EVENT_ERROR:
            failure = DSQL_E_SERVER;
            keep_error(&event, error);
            break;
        case DSQL_EVENT_COPY_IN:
            result = dsql_send_copy_end(conn, "the program sent no data", error);
            if (result != 0) {
                return result;
            }
            break;
        default:
            break;
        }
    }
}

int
dsql_exec(struct dsql_conn *conn, const char *sql, const struct dsql_value *values, int count,
          void (*each)(void *context, const struct dsql_event *row), void *context,
          struct dsql_error *error)
{
    size_t length = sql != NULL ? strlen(sql) : 0;
    int failure = dsql_send_query(conn, sql, length, values, count, DSQL_TEXT_RESULT, error);
    if (failure == 0) {
        failure = dsql_send_sync(conn, error);
    }
    return failure != 0 ? failure : dsql__read_batch(conn, each, context, error);
}
