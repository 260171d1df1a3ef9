/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* executemany(): one prepared statement, bound and executed for each row of
 * parameters without waiting in between. Rows are encoded as there is room on
 * the way out, and answers are read meanwhile, so that neither side ever waits
 * for the other to read, and memory stays flat.
 *
 * With autocommit, BEGIN and COMMIT travel along, so that all rows are stored or
 * none, also when a row in the middle cannot be encoded. */
#include "connection.h"

#define UNSENT_MAX (64 * 1024)

int
start_many(struct cursor *cursor, PyObject *sql, PyObject *rows, bool wait)
{
    PyObject *source = PyObject_GetIter(rows);
    if (source == NULL) {
        return -1;
    }
    if (operation_begin(cursor, OPERATION_MANY, sql, wait) != 0) {
        Py_DECREF(source);
        return -1;
    }
    struct connection *connection = cursor->connection;
    struct operation *operation = &connection->operation;
    cursor_reset(cursor);
    operation->source = source; /* the operation owns it now */
    for (int i = 0; i < connection->values_size; i++) {
        connection->types[i] = 0;
    }
    return 0;
}

/* The exception that is raised, with the number of its row. */
static void
name_row(struct connection *connection)
{
    PyObject *data_error = connection->state->exceptions[EXCEPTION_DATA];
    if (PyErr_ExceptionMatches(data_error)) {
        PyObject *exception = exception_take();
        PyErr_Format(data_error, "row %zd of the parameters: %S", connection->operation.row + 1,
                     exception);
        Py_DECREF(exception);
    }
}

/* 0, or -1 with an exception. */
static int
send_row(struct connection *connection, PyObject *row)
{
    struct operation *operation = &connection->operation;
    int before = operation->row > 0 ? operation->count : 0;
    if (encode_parameters(connection, row, true, &operation->count) != 0) {
        name_row(connection);
        return -1;
    }
    if (operation->count != before &&
        check_count(connection, operation->sql, operation->count) != 0) {
        return -1;
    }
    if ((operation->row == 0 && begin_if_needed(connection) != 0) ||
        send_statement(connection, 0) != 0) {
        return -1;
    }
    operation->row++;
    operation->unanswered++;
    return 0;
}

/* Queues rows as far as they should wait to be sent. */
static void
send_rows(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    while (!operation->ended && dsql_unsent(connection->conn) <= UNSENT_MAX) {
        PyObject *row = PyIter_Next(operation->source);
        if (row == NULL || send_row(connection, row) != 0) {
            operation->ended = true;
        }
        Py_XDECREF(row);
        if (PyErr_Occurred()) {
            operation_fail(connection);
        }
    }
}

/* Ends what was sent: the batch and, if it is ours, the transaction. */
static int
end_rows(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    struct dsql_error error;
    if (operation->row == 0) {
        return 0;
    }
    if (send_sync(connection) != 0) {
        return -1;
    }
    if (operation->own_transaction) {
        int sent = dsql_end(connection->conn, operation->failure == NULL, &error);
        if (sent < 0) {
            return operation_over(connection, &error);
        }
        operation->batches += sent;
    }
    return 0;
}

int
many_step(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    for (;;) {
        if (!operation->finished) {
            send_rows(connection);
        }
        if (operation->ended && !operation->finished) {
            operation->finished = true;
            if (end_rows(connection) != 0) {
                return -1;
            }
        }
        if (operation->finished && operation->batches == 0) {
            return 0;
        }
        int wants = operation->finished || operation->unanswered > 0 ? read_events(connection) : 0;
        bool more = !operation->finished && dsql_unsent(connection->conn) <= UNSENT_MAX;
        if (wants < 0 || (wants > 0 && !more)) {
            return wants;
        }
    }
}
