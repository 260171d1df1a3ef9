/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The server's answers, event by event, into the cursor that they are for. */
#include "connection.h"

#include <string.h>

#define NOTICES_KEPT 50
#define EVENTS_AT_ONCE 10000 /* until other threads and signals' handlers have their turn */

static void
keep_notice(struct connection *connection, const struct dsql_diagnostic *said)
{
    PyObject *notice = diagnostic_new(connection->state, said);
    if (notice == NULL || PyList_Append(connection->notices, notice) != 0 ||
        (PyList_GET_SIZE(connection->notices) > NOTICES_KEPT &&
         PyList_SetSlice(connection->notices, 0, 1, NULL) != 0)) {
        operation_fail(connection);
    }
    Py_XDECREF(notice);
}

/* ----------------------------------------------------------- into a cursor */

/* 0, or -1 with an exception. */
static int
begin_rows(struct connection *connection, struct cursor *cursor, const struct dsql_event *event)
{
    struct shape *shape = shape_for(connection, event);
    if (shape == NULL) {
        return -1;
    }
    PyObject *rows = PyList_New(0);
    bool failed = rows == NULL;
    cursor->position = cursor->taken = 0;
    Py_XSETREF(cursor->rows, rows);
    shape_replace(&cursor->shape, shape);
    return failed ? -1 : 0;
}

/* Reading a value may run Python code (json_loads), and that may do anything to
 * the cursor. */
static int
add_row(struct cursor *cursor, const struct dsql_event *event)
{
    struct shape *shape = cursor->shape;
    bool malformed;
    if (shape == NULL || cursor->rows == NULL) {
        return 0;
    }
    shape->references++;
    PyObject *row =
        decode_row(shape->decoders, shape->count, event->data, event->length, &malformed);
    shape_release(shape);
    if (row == NULL && malformed) { /* nothing behind it can be believed */
        PyObject *exception = exception_take();
        connection_abandon(cursor->connection);
        exception_raise(exception);
        return -1;
    }
    int failure = row == NULL ? -1 : cursor->rows != NULL ? PyList_Append(cursor->rows, row) : 0;
    Py_XDECREF(row);
    return failure;
}

static void
complete(struct cursor *cursor, const struct dsql_event *event)
{
    PyOS_snprintf(cursor->tag, sizeof cursor->tag, "%s", event->tag);
    cursor->rowcount = event->rows;
}

/* ------------------------------------------------------- of an open stream */

/* The stream goes wrong: its cursor is told when it comes to that. */
static void
fail_stream(struct connection *connection)
{
    struct cursor *cursor = connection->stream;
    PyObject *exception = exception_take();
    if (cursor != NULL && cursor->failure == NULL) {
        cursor->failure = exception;
    } else {
        Py_XDECREF(exception);
    }
}

/* Whether the fetching operation has its rows. */
static bool
is_served(const struct connection *connection)
{
    const struct operation *operation = &connection->operation;
    const struct cursor *cursor = connection->stream;
    return operation->kind == OPERATION_FETCH && operation->wanted >= 0 && cursor != NULL &&
           cursor->rows != NULL &&
           PyList_GET_SIZE(cursor->rows) - cursor->position >= operation->wanted;
}

static void
stream_row(struct connection *connection, const struct dsql_event *event)
{
    struct cursor *cursor = connection->stream;
    if (cursor == NULL || cursor->failure != NULL) {
        return; /* nobody wants the rest */
    }
    Py_INCREF(cursor);
    if (add_row(cursor, event) != 0) {
        fail_stream(connection);
    }
    Py_DECREF(cursor);
}

/* True: enough was read. */
static bool
stream_event(struct connection *connection, const struct dsql_event *event)
{
    switch (event->kind) {
    case DSQL_EVENT_ROW:
        stream_row(connection, event);
        return is_served(connection);
    case DSQL_EVENT_COMPLETE:
        if (connection->stream != NULL) {
            complete(connection->stream, event);
        }
        return false;
    case DSQL_EVENT_ERROR:
        raise_server_error(connection->state, &event->diagnostic, NULL);
        fail_stream(connection);
        return false;
    case DSQL_EVENT_READY:
        connection->streaming = false;
        connection->stream = NULL;
        return true;
    default:
        return false;
    }
}

/* --------------------------------------------------------- of an operation */

static void
on_error(struct connection *connection, const struct dsql_event *event)
{
    struct operation *operation = &connection->operation;
    operation->ended = true;
    if (event->stale && operation->kind == OPERATION_EXECUTE && operation->first &&
        !operation->again) {
        operation->stale = true;
        return;
    }
    raise_server_error(connection->state, &event->diagnostic, NULL);
    operation_fail(connection);
}

/* COMMIT of a transaction that had failed is answered with ROLLBACK. */
static void
on_end(struct connection *connection, const char *tag)
{
    struct operation *operation = &connection->operation;
    if (operation->commit && strcmp(tag, "ROLLBACK") == 0) {
        static const struct dsql_diagnostic said = {
            .severity = "ERROR",
            .sqlstate = "25P02",
            .message = "a statement of this transaction had failed, so COMMIT has rolled it back: "
                       "nothing is stored, call rollback() after a failure",
        };
        raise_server_error(connection->state, &said, NULL);
        operation_fail(connection);
    }
}

static void
on_complete(struct connection *connection, const struct dsql_event *event)
{
    struct operation *operation = &connection->operation;
    struct cursor *cursor = operation->cursor;
    switch (operation->kind) {
    case OPERATION_END:
        on_end(connection, event->tag);
        break;
    case OPERATION_MANY:
        if (operation->batches == 1 && operation->ended && operation->own_transaction) {
            break; /* of our own COMMIT or ROLLBACK */
        }
        PyOS_snprintf(cursor->tag, sizeof cursor->tag, "%s", event->tag);
        if (event->rows >= 0) {
            cursor->rowcount = (cursor->rowcount > 0 ? cursor->rowcount : 0) + event->rows;
        }
        break;
    case OPERATION_SCRIPT:
        PyOS_snprintf(cursor->tag, sizeof cursor->tag, "%s", event->tag);
        break;
    default:
        complete(cursor, event);
    }
}

/* True: a streaming cursor has its first row. */
static bool
on_row(struct connection *connection, const struct dsql_event *event)
{
    struct operation *operation = &connection->operation;
    struct cursor *cursor = operation->cursor;
    if (operation->kind != OPERATION_EXECUTE || operation->failure != NULL) {
        return false;
    }
    if (add_row(cursor, event) != 0) {
        operation_fail(connection);
        return false;
    }
    if (cursor->stream) {
        connection->streaming = true;
        connection->stream = cursor;
        cursor->rowcount = -1;
    }
    return cursor->stream;
}

/* COPY with a method that does not copy. */
static void
refuse_copy(struct connection *connection, const struct dsql_event *event)
{
    struct dsql_error error;
    raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_STATE,
              "the statement copies: give copy_in() or copy_out() one COPY statement");
    operation_fail(connection);
    if (event->kind == DSQL_EVENT_COPY_IN &&
        dsql_send_copy_end(connection->conn, "there is no data", &error) != 0) {
        raise_error(connection->state, &error);
        operation_fail(connection);
    }
}

static bool
operation_event(struct connection *connection, const struct dsql_event *event)
{
    struct operation *operation = &connection->operation;
    switch (event->kind) {
    case DSQL_EVENT_COLUMNS:
        if (operation->kind == OPERATION_EXECUTE &&
            begin_rows(connection, operation->cursor, event) != 0) {
            operation_fail(connection);
        }
        return false;
    case DSQL_EVENT_ROW:
        return on_row(connection, event);
    case DSQL_EVENT_COMPLETE:
        on_complete(connection, event);
        /* With nothing outstanding there is nothing to read. */
        return operation->kind == OPERATION_MANY && operation->batches == 0 &&
               --operation->unanswered == 0;
    case DSQL_EVENT_ERROR:
        on_error(connection, event);
        return operation->kind == OPERATION_MANY && operation->batches == 0;
    case DSQL_EVENT_COPY_IN:
    case DSQL_EVENT_COPY_OUT:
        if (copy_begins(connection, event)) {
            return event->kind == DSQL_EVENT_COPY_IN;
        }
        refuse_copy(connection, event);
        return false;
    case DSQL_EVENT_COPY_DATA:
        copy_out_write(connection, event);
        return false;
    case DSQL_EVENT_READY:
        return --operation->batches <= 0;
    default:
        return false;
    }
}

int
read_events(struct connection *connection)
{
    struct dsql_event event;
    struct dsql_error error;
    for (int count = 1;; count++) {
        if (count % EVENTS_AT_ONCE == 0) { /* a server that is faster than we are */
            Py_BEGIN_ALLOW_THREADS;
            Py_END_ALLOW_THREADS;
            if (PyErr_CheckSignals() != 0) {
                connection_abandon(connection);
                return -1;
            }
        }
        int result = dsql_next(connection->conn, &event, &error);
        if (result > 0) {
            return result;
        }
        if (result < 0) {
            return operation_over(connection, &error);
        }
        if (event.kind == DSQL_EVENT_NOTICE) {
            keep_notice(connection, &event.diagnostic);
        } else if (connection->streaming ? stream_event(connection, &event)
                                         : operation_event(connection, &event)) {
            return 0;
        }
    }
}
