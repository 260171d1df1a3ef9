/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows out of a cursor: from its memory, or, while its stream is open, read as
 * far as they are asked for. */
#include "fetch.h"

static Py_ssize_t
available(const struct cursor *cursor)
{
    return PyList_GET_SIZE(cursor->rows) - cursor->position;
}

static int
check_result(struct cursor *cursor)
{
    struct module_state *state = cursor->connection->state;
    if (cursor->closed) {
        raise_own(state, EXCEPTION_INTERFACE, DSQL_E_STATE, "the cursor is closed");
        return -1;
    }
    if (cursor->shape == NULL || cursor->rows == NULL) {
        raise_own(state, EXCEPTION_PROGRAMMING, DSQL_E_STATE,
                  "there are no rows to fetch: execute a statement that gives some");
        return -1;
    }
    return 0;
}

/* Gives back the rows that were handed out. */
static int
drop_taken(struct cursor *cursor)
{
    Py_ssize_t taken = cursor->position;
    cursor->position = 0;
    return taken > 0 ? PyList_SetSlice(cursor->rows, 0, taken, NULL) : 0;
}

int
start_fetch(struct cursor *cursor, Py_ssize_t count, bool wait)
{
    struct connection *connection = cursor->connection;
    if (check_result(cursor) != 0) {
        return -1;
    }
    if ((count >= 0 && available(cursor) >= count) ||
        (connection->stream != cursor && !cursor->cut)) {
        return 1;
    }
    if (operation_begin(cursor, OPERATION_FETCH, NULL, wait) != 0) {
        return -1;
    }
    struct operation *operation = &connection->operation;
    if (connection->stream != cursor) { /* the rest came while we waited for our turn */
        operation_finish(connection);
        return 1;
    }
    operation->sent = true;
    operation->wanted = count;
    if (drop_taken(cursor) != 0) {
        operation_finish(connection);
        return -1;
    }
    return 0;
}

/* Reads until `count` rows are there, or all. 0, or -1 with an exception: a
 * stream that has failed gives no part of what was asked for. */
static int
read_rows(struct cursor *cursor, Py_ssize_t count)
{
    int there = start_fetch(cursor, count, true);
    if (there < 0 || (there == 0 && operation_run(cursor->connection) != 0)) {
        return -1;
    }
    if (check_result(cursor) != 0) { /* another thread may have used the cursor */
        return -1;
    }
    if (cursor->failure != NULL && (count < 0 || available(cursor) < count)) {
        PyObject *failure = cursor->failure;
        cursor->failure = NULL;
        cursor_reset(cursor);
        exception_raise(failure);
        return -1;
    }
    return 0;
}

PyObject *
cursor_next_row(struct cursor *cursor)
{
    if (read_rows(cursor, 1) != 0) {
        return NULL;
    }
    if (available(cursor) == 0) {
        return NULL;
    }
    PyObject *row = PyList_GET_ITEM(cursor->rows, cursor->position);
    PyList_SET_ITEM(cursor->rows, cursor->position, Py_NewRef(Py_None));
    cursor->position++;
    cursor->taken++;
    return row;
}

PyObject *
cursor_fetchone(struct cursor *cursor, PyObject *unused)
{
    (void)unused;
    PyObject *row = cursor_next_row(cursor);
    return row != NULL || PyErr_Occurred() ? row : Py_NewRef(Py_None);
}

/* Hands out the next rows as a list, without a copy when these are all. */
static PyObject *
take_rows(struct cursor *cursor, Py_ssize_t count)
{
    Py_ssize_t there = available(cursor);
    PyObject *rows;
    if (cursor->position == 0 && count >= there) {
        PyObject *empty = PyList_New(0);
        if (empty == NULL) {
            return NULL;
        }
        rows = cursor->rows;
        cursor->rows = empty;
        cursor->taken += there;
        return rows;
    }
    count = count < there ? count : there;
    rows = PyList_GetSlice(cursor->rows, cursor->position, cursor->position + count);
    if (rows != NULL) {
        cursor->position += count;
        cursor->taken += count;
        if (available(cursor) == 0 && drop_taken(cursor) != 0) {
            Py_CLEAR(rows);
        }
    }
    return rows;
}

PyObject *
cursor_fetchmany(struct cursor *cursor, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"size", NULL};
    PyObject *given = Py_None;
    Py_ssize_t size = cursor->arraysize;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:fetchmany", names, &given)) {
        return NULL;
    }
    if (given != Py_None) {
        size = PyNumber_AsSsize_t(given, PyExc_OverflowError);
        if (size == -1 && PyErr_Occurred()) {
            return NULL;
        }
    }
    if (size < 0) {
        return raise_own(cursor->connection->state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                         "fetchmany(%zd): give the number of rows", size);
    }
    return read_rows(cursor, size) == 0 ? take_rows(cursor, size) : NULL;
}

PyObject *
cursor_fetchall(struct cursor *cursor, PyObject *unused)
{
    (void)unused;
    return read_rows(cursor, -1) == 0 ? take_rows(cursor, PY_SSIZE_T_MAX) : NULL;
}
