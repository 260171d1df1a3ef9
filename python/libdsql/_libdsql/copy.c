/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* COPY: data of the user's to the server, in pieces and no faster than they go
 * out, and the server's to a function of the user's. What goes wrong on the
 * user's side ends the COPY; the connection stays usable. */
#include "connection.h"

#define PIECE (64 * 1024)

/* The bytes of a bytes-like object, or of a str, which is UTF-8 for the server. */
static PyObject *
bytes_view(PyObject *data)
{
    PyObject *bytes = PyUnicode_Check(data) ? PyUnicode_AsUTF8String(data) : Py_NewRef(data);
    PyObject *view = bytes != NULL ? PyMemoryView_GetContiguous(bytes, PyBUF_READ, 'C') : NULL;
    Py_XDECREF(bytes);
    return view;
}

int
start_copy_in(struct cursor *cursor, PyObject *sql, PyObject *data, bool wait)
{
    PyObject *view = NULL, *reader = NULL, *source = NULL;
    if (PyObject_CheckBuffer(data) || PyUnicode_Check(data)) {
        view = bytes_view(data);
    } else if (PyObject_HasAttrString(data, "read")) {
        reader = PyObject_GetAttrString(data, "read");
    } else {
        source = PyObject_GetIter(data);
    }
    if ((view == NULL && reader == NULL && source == NULL) ||
        operation_begin(cursor, OPERATION_COPY_IN, sql, wait) != 0) {
        Py_XDECREF(view);
        Py_XDECREF(reader);
        Py_XDECREF(source);
        return -1;
    }
    cursor_reset(cursor);
    cursor->connection->operation.view = view; /* the operation owns them now */
    cursor->connection->operation.reader = reader;
    cursor->connection->operation.source = source;
    return 0;
}

int
start_copy_out(struct cursor *cursor, PyObject *sql, PyObject *write, bool wait)
{
    if (!PyCallable_Check(write)) {
        raise_own(cursor->connection->state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                  "copy_out() is given a function that takes bytes, not %.100s",
                  Py_TYPE(write)->tp_name);
        return -1;
    }
    if (operation_begin(cursor, OPERATION_COPY_OUT, sql, wait) != 0) {
        return -1;
    }
    cursor_reset(cursor);
    cursor->connection->operation.writer = Py_NewRef(write);
    return 0;
}

/* The next piece as a memoryview; NULL at the end, or with an exception. */
static PyObject *
next_view(struct operation *operation)
{
    PyObject *piece = NULL, *view = NULL;
    if (operation->reader != NULL) {
        piece = PyObject_CallFunction(operation->reader, "i", PIECE);
    } else if (operation->source != NULL) {
        piece = PyIter_Next(operation->source);
    }
    if (piece != NULL) {
        view = bytes_view(piece);
    }
    Py_XDECREF(piece);
    if (operation->reader != NULL && view != NULL && PyMemoryView_GET_BUFFER(view)->len == 0) {
        Py_CLEAR(view); /* the file's end */
    }
    return view;
}

/* Queues a piece, or the end. 0, or -1 with an exception. */
static int
send_piece(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    struct dsql_error error;
    int failure;
    if (operation->view == NULL) {
        operation->view = next_view(operation);
        operation->offset = 0;
    }
    if (operation->view == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (operation->view == NULL) {
        operation->ended = true;
        failure = dsql_send_copy_end(connection->conn, NULL, &error);
    } else {
        const Py_buffer *buffer = PyMemoryView_GET_BUFFER(operation->view);
        Py_ssize_t left = buffer->len - operation->offset;
        Py_ssize_t size = left < PIECE ? left : PIECE;
        failure = dsql_send_copy_data(
            connection->conn, (const char *)buffer->buf + operation->offset, (size_t)size, &error);
        operation->offset += size;
        if (operation->offset == buffer->len) {
            Py_CLEAR(operation->view);
        }
    }
    if (failure != 0) {
        raise_error(connection->state, &error);
    }
    return failure != 0 ? -1 : 0;
}

/* 0, or -1 with an exception: the connection is over. */
static int
send_pieces(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    struct dsql_error error;
    while (!operation->ended && dsql_unsent(connection->conn) <= PIECE) {
        if (send_piece(connection) != 0) {
            operation_fail(connection);
            operation->ended = true;
            if (dsql_send_copy_end(connection->conn, "the program's data ended with an error",
                                   &error) != 0) {
                return operation_over(connection, &error);
            }
        }
    }
    return 0;
}

int
copy_in_step(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    for (;;) {
        if (operation->copying && send_pieces(connection) != 0) {
            return -1;
        }
        int wants = read_events(connection);
        bool more =
            operation->copying && !operation->ended && dsql_unsent(connection->conn) <= PIECE;
        if (wants < 0 || (wants > 0 && !more) || (wants == 0 && operation->batches == 0)) {
            return wants;
        }
    }
}

bool
copy_begins(struct connection *connection, const struct dsql_event *event)
{
    struct operation *operation = &connection->operation;
    enum operation_kind kind =
        event->kind == DSQL_EVENT_COPY_IN ? OPERATION_COPY_IN : OPERATION_COPY_OUT;
    if (operation->kind != kind || operation->copying) {
        return false;
    }
    operation->copying = true;
    return true;
}

void
copy_out_write(struct connection *connection, const struct dsql_event *event)
{
    struct operation *operation = &connection->operation;
    if (operation->writer == NULL || operation->failure != NULL) {
        return;
    }
    PyObject *data = PyBytes_FromStringAndSize(event->data, (Py_ssize_t)event->length);
    PyObject *result = data != NULL ? PyObject_CallOneArg(operation->writer, data) : NULL;
    Py_XDECREF(data);
    Py_XDECREF(result);
    if (result == NULL) {
        operation_fail(connection);
    }
}

void
copy_check(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    bool copies = operation->kind == OPERATION_COPY_IN || operation->kind == OPERATION_COPY_OUT;
    if (copies && !operation->copying && operation->failure == NULL) {
        raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                  "the statement copied nothing: %s() is for %s",
                  operation->kind == OPERATION_COPY_IN ? "copy_in" : "copy_out",
                  operation->kind == OPERATION_COPY_IN ? "COPY ... FROM STDIN"
                                                       : "COPY ... TO STDOUT");
        operation_fail(connection);
    }
}
