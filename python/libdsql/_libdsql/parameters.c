/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Parameters of a statement: a sequence of Python values into the connection's
 * buffer, and from there into a request. */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

/* What it is instead, for the message; NULL: a sequence of parameters. */
static const char *
not_a_sequence(PyObject *parameters)
{
    bool wrong = PyUnicode_Check(parameters) || PyBytes_Check(parameters) ||
                 PyByteArray_Check(parameters) || !PySequence_Check(parameters) ||
                 PyObject_HasAttrString(parameters, "keys");
    return wrong ? Py_TYPE(parameters)->tp_name : NULL;
}

/* A list or a tuple; a reference for the caller. */
static PyObject *
as_fast_sequence(struct module_state *state, PyObject *parameters)
{
    if (PyTuple_CheckExact(parameters) || PyList_CheckExact(parameters)) {
        return Py_NewRef(parameters);
    }
    const char *wrong = not_a_sequence(parameters);
    if (wrong != NULL) {
        return raise_own(state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                         "parameters are a list or a tuple, for $1, $2 and so on, not %.100s",
                         wrong);
    }
    return PySequence_List(parameters);
}

static int
make_room(struct connection *connection, Py_ssize_t count)
{
    if (count <= connection->values_size) {
        return 0;
    }
    if (count > UINT16_MAX) {
        raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                  "%zd parameters: a statement takes %d at most, split it", count, UINT16_MAX);
        return -1;
    }
    size_t size = (size_t)count + 16;
    struct dsql_value *values = realloc(connection->values, size * sizeof *values);
    if (values != NULL) {
        connection->values = values;
    }
    uint32_t *types = realloc(connection->types, size * sizeof *types);
    if (types != NULL) {
        connection->types = types;
    }
    if (values == NULL || types == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memset(types + connection->values_size, 0,
           (size - (size_t)connection->values_size) * sizeof *types);
    connection->values_size = (int)size;
    return 0;
}

/* Until all are written, a value's data is its offset: the buffer may move. */
static int
encode_item(struct connection *connection, PyObject *item, int index, bool keep_types)
{
    struct encoded encoded;
    Py_INCREF(item); /* encoding may run Python code, which may change the list */
    int failure = encode(connection->state->codec, item, &connection->buffer, &encoded);
    Py_DECREF(item);
    if (failure != 0) {
        return -1;
    }
    if (keep_types && encoded.is_null && encoded.type == 0) {
        encoded.type = connection->types[index];
    } else if (keep_types) {
        connection->types[index] = encoded.type;
    }
    connection->values[index] = (struct dsql_value){
        .type = encoded.type,
        .data = encoded.is_null ? NULL : (const char *)(uintptr_t)(encoded.offset + 1),
        .length = encoded.length,
        .binary = encoded.binary,
    };
    return 0;
}

int
encode_parameters(struct connection *connection, PyObject *parameters, bool keep_types, int *count)
{
    struct dsql__buffer *buffer = &connection->buffer;
    buffer->start = buffer->end = 0;
    *count = 0;
    if (parameters == NULL || parameters == Py_None) {
        return 0;
    }
    PyObject *fast = as_fast_sequence(connection->state, parameters);
    if (fast == NULL) {
        return -1;
    }
    Py_ssize_t size = PySequence_Fast_GET_SIZE(fast);
    int failure = make_room(connection, size);
    bool running = connection->running;
    connection->running = true; /* Python code that is run by a value changes nothing here */
    for (Py_ssize_t i = 0; failure == 0 && i < size; i++) {
        if (PySequence_Fast_GET_SIZE(fast) != size) {
            raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                      "the list of parameters was changed while it was read");
            failure = -1;
            break;
        }
        failure = encode_item(connection, PySequence_Fast_GET_ITEM(fast, i), (int)i, keep_types);
    }
    connection->running = running;
    Py_DECREF(fast);
    if (failure == 0 && buffer->failed) {
        PyErr_NoMemory();
        failure = -1;
    }
    buffer->failed = false;
    for (Py_ssize_t i = 0; failure == 0 && i < size; i++) {
        struct dsql_value *value = &connection->values[i];
        if (value->data != NULL) {
            /* An empty value may be all there is: it needs an address all the same. */
            value->data = value->length > 0 ? buffer->data + ((uintptr_t)value->data - 1) : "";
        }
    }
    *count = (int)size;
    return failure;
}

/* Whether the text has $NUMBER anywhere. */
static bool
mentions(const char *sql, int number)
{
    for (const char *at = strchr(sql, '$'); at != NULL; at = strchr(at, '$')) {
        char *end;
        at++;
        if (*at >= '0' && *at <= '9' && strtol(at, &end, 10) == number) {
            return true;
        }
    }
    return false;
}

int
check_count(struct connection *connection, PyObject *sql, int count)
{
    const char *text = PyUnicode_AsUTF8(sql);
    if (text == NULL) {
        return -1;
    }
    if (count > 0 && !mentions(text, count)) {
        raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                  strstr(text, "%s") != NULL
                      ? "%d parameters, but no $%d in the statement: write $1, $2, not %%s"
                      : "%d parameters, but no $%d in the statement",
                  count, count);
        return -1;
    }
    return 0;
}

int
begin_if_needed(struct connection *connection)
{
    struct dsql_error error;
    if (connection->autocommit && !connection->operation.own_transaction) {
        return 0;
    }
    if (dsql_conn_transaction(connection->conn) != 'I') {
        return 0;
    }
    if (dsql_begin(connection->conn, connection->read_only ? "BEGIN READ ONLY" : "BEGIN", &error) !=
        0) {
        raise_error(connection->state, &error);
        return -1;
    }
    return 0;
}

int
send_statement(struct connection *connection, int flags)
{
    struct operation *operation = &connection->operation;
    struct dsql_error error, ignored;
    Py_ssize_t length;
    const char *sql = PyUnicode_AsUTF8AndSize(operation->sql, &length);
    if (sql == NULL) {
        return -1;
    }
    if (dsql_send_query(connection->conn, sql, (size_t)length, connection->values, operation->count,
                        flags, &error) != 0) {
        if (dsql_conn_transaction(connection->conn) == 'I' && operation->row == 0) {
            (void)!dsql_end(connection->conn, 0, &ignored); /* the BEGIN that waits for it */
        }
        raise_error(connection->state, &error);
        return -1;
    }
    return 0;
}

int
send_sync(struct connection *connection)
{
    struct dsql_error error;
    if (dsql_send_sync(connection->conn, &error) != 0) {
        return operation_over(connection, &error);
    }
    connection->operation.batches++;
    return 0;
}
