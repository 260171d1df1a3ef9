/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The type Connection: transactions, and what is known of the session. */
#include "connection.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <structmember.h>

/* -------------------------------------------------------------------- life */

static bool
is_open(const struct connection *connection)
{
    return connection->conn != NULL && !connection->broken;
}

static int
connection_traverse(struct connection *connection, visitproc visit, void *arg)
{
    const struct operation *operation = &connection->operation;
    Py_VISIT(Py_TYPE(connection));
    Py_VISIT(connection->json_loads);
    Py_VISIT(connection->notices);
    for (int i = 0; i < SHAPES_KEPT; i++) {
        int stop = shape_traverse(connection->shapes[i], visit, arg);
        if (stop != 0) {
            return stop;
        }
    }
    Py_VISIT(operation->cursor);
    Py_VISIT(operation->sql);
    Py_VISIT(operation->source);
    Py_VISIT(operation->reader);
    Py_VISIT(operation->writer);
    Py_VISIT(operation->view);
    Py_VISIT(operation->failure);
    return 0;
}

static int
connection_clear(struct connection *connection)
{
    Py_CLEAR(connection->json_loads);
    Py_CLEAR(connection->notices);
    for (int i = 0; i < SHAPES_KEPT; i++) {
        shape_replace(&connection->shapes[i], NULL);
    }
    operation_clear(&connection->operation);
    return 0;
}

static void
close_socket(struct connection *connection)
{
    struct dsql_conn *conn = connection->conn;
    if (connection->stream != NULL) {
        connection->stream->cut = true;
        connection->stream = NULL;
    }
    connection->streaming = false;
    connection->conn = NULL;
    if (conn != NULL && connection->process != getpid()) {
        dsql_conn_abandon(conn);
    }
    dsql_conn_free(conn);
}

static void
connection_finalize(struct connection *connection)
{
    PyObject *pending = exception_take();
    if (is_open(connection) && connection->process == getpid() &&
        connection->operation.kind != OPERATION_CONNECT &&
        PyErr_ResourceWarning((PyObject *)connection, 1, "a connection was not closed: %R",
                              connection) != 0) {
        PyErr_WriteUnraisable((PyObject *)connection);
    }
    close_socket(connection);
    if (pending != NULL) {
        exception_raise(pending);
    }
}

static void
connection_dealloc(struct connection *connection)
{
    PyTypeObject *type = Py_TYPE(connection);
    if (PyObject_CallFinalizerFromDealloc((PyObject *)connection) < 0) {
        return;
    }
    PyObject_GC_UnTrack(connection);
    if (connection->weak_references != NULL) {
        PyObject_ClearWeakRefs((PyObject *)connection);
    }
    connection_clear(connection);
    close_socket(connection);
    dsql__buffer_clear(&connection->buffer);
    free(connection->values);
    free(connection->types);
    if (connection->lock != NULL) {
        if (connection->owner != 0) {
            PyThread_release_lock(connection->lock);
        }
        PyThread_free_lock(connection->lock);
    }
    type->tp_free(connection);
    Py_DECREF(type);
}

/* ------------------------------------------------------------ transactions */

const char *
connection_status(const struct connection *connection)
{
    if (!is_open(connection)) {
        return "unknown";
    }
    if (connection->streaming) {
        return "intrans";
    }
    if (connection->operation.kind != OPERATION_NONE) {
        return "unknown";
    }
    switch (dsql_conn_transaction(connection->conn)) {
    case 'I':
        return "idle";
    case 'T':
        return "intrans";
    case 'E':
        return "inerror";
    default:
        return "unknown";
    }
}

int
start_end(struct connection *connection, bool commit, bool wait)
{
    if (connection_enter(connection, wait) != 0) {
        return -1;
    }
    connection->operation = (struct operation){.kind = OPERATION_END, .commit = commit};
    return 0;
}

static PyObject *
end(struct connection *connection, bool commit)
{
    if (start_end(connection, commit, true) != 0 || operation_run(connection) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(commit_doc, "commit($self)\n--\n\n"
                         "Store what the transaction did. Nothing is sent when nothing was.");

static PyObject *
connection_commit(struct connection *connection, PyObject *unused)
{
    (void)unused;
    return end(connection, true);
}

PyDoc_STRVAR(rollback_doc, "rollback($self)\n--\n\nForget what the transaction did.");

static PyObject *
connection_rollback(struct connection *connection, PyObject *unused)
{
    (void)unused;
    return end(connection, false);
}

PyDoc_STRVAR(close_doc, "close($self)\n--\n\n"
                        "Close the connection; what was not committed is rolled back.");

static PyObject *
connection_close(struct connection *connection, PyObject *unused)
{
    (void)unused;
    if (connection_take(connection, true) != 0) {
        return NULL;
    }
    close_socket(connection);
    connection_leave(connection);
    Py_RETURN_NONE;
}

static PyObject *
connection_context_enter(struct connection *connection, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(connection);
}

/* The block's own exception goes first, whatever a rollback says. */
static PyObject *
connection_context_exit(struct connection *connection, PyObject *args)
{
    PyObject *kind, *value, *traceback, *result = Py_NewRef(Py_None);
    if (!PyArg_ParseTuple(args, "OOO:__exit__", &kind, &value, &traceback)) {
        return NULL;
    }
    if (is_open(connection)) {
        Py_SETREF(result, end(connection, kind == Py_None));
    }
    PyObject *exception = result == NULL ? exception_take() : NULL;
    PyObject *closed = connection_close(connection, NULL);
    Py_XDECREF(result);
    if (exception != NULL && kind == Py_None) {
        PyErr_Clear();
        Py_XDECREF(closed);
        exception_raise(exception);
        return NULL;
    }
    Py_XDECREF(exception);
    return closed;
}

/* ----------------------------------------------------------------- cursors */

PyDoc_STRVAR(cursor_doc,
             "cursor($self, *, stream=False)\n--\n\n"
             "A new cursor. stream: rows are read from the server as they are fetched.");

static PyObject *
connection_cursor(struct connection *connection, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"stream", NULL};
    int stream = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$p:cursor", names, &stream)) {
        return NULL;
    }
    if (connection->conn == NULL) {
        return raise_own(connection->state, EXCEPTION_OPERATIONAL, DSQL_E_CLOSED,
                         "the connection is closed: open a new one");
    }
    return (PyObject *)cursor_new(connection, stream != 0);
}

PyDoc_STRVAR(execute_doc, "execute($self, sql, parameters=None)\n--\n\n"
                          "A new cursor that has executed a statement.");

static PyObject *
connection_execute(struct connection *connection, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"sql", "parameters", NULL};
    PyObject *sql, *parameters = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:execute", names, &sql, &parameters)) {
        return NULL;
    }
    struct cursor *cursor = cursor_new(connection, false);
    if (cursor != NULL &&
        (start_execute(cursor, sql, parameters, true) != 0 || operation_run(connection) != 0)) {
        Py_CLEAR(cursor);
    }
    return (PyObject *)cursor;
}

/* ------------------------------------------------------------- the session */

PyDoc_STRVAR(is_alive_doc,
             "is_alive($self)\n--\n\n"
             "Whether the connection can be used, as far as its socket tells: nothing\n"
             "is sent.");

static PyObject *
connection_is_alive(struct connection *connection, PyObject *unused)
{
    (void)unused;
    bool alive = is_open(connection) && connection->process == getpid();
    if (alive && PyThread_acquire_lock(connection->lock, NOWAIT_LOCK)) {
        alive = dsql_conn_is_alive(connection->conn) != 0;
        connection->ended = !alive;
        PyThread_release_lock(connection->lock);
    } /* else somebody is using it */
    return PyBool_FromLong(alive);
}

PyDoc_STRVAR(fileno_doc, "fileno($self)\n--\n\nThe descriptor of the socket; -1 when closed.");

static PyObject *
connection_fileno(struct connection *connection, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(connection->conn != NULL ? dsql_conn_fd(connection->conn) : -1);
}

PyDoc_STRVAR(parameter_status_doc,
             "parameter_status($self, name)\n--\n\n"
             "What the server reported of a setting (\"TimeZone\" and the like), or None.");

static PyObject *
connection_parameter_status(struct connection *connection, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) {
        return NULL;
    }
    const char *value =
        connection->conn != NULL ? dsql_conn_parameter(connection->conn, text) : NULL;
    return value != NULL ? PyUnicode_DecodeUTF8(value, (Py_ssize_t)strlen(value), "replace")
                         : Py_NewRef(Py_None);
}

/* ---------------------------------------------------------- for libdsql.aio */

static PyObject *
connection_start_commit(struct connection *connection, PyObject *unused)
{
    (void)unused;
    return start_end(connection, true, false) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *
connection_start_rollback(struct connection *connection, PyObject *unused)
{
    (void)unused;
    return start_end(connection, false, false) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *
connection_step(struct connection *connection, PyObject *unused)
{
    (void)unused;
    if (connection->process != getpid()) {
        return raise_own(connection->state, EXCEPTION_INTERFACE, DSQL_E_STATE,
                         "the connection was opened in another process: open one in this process");
    }
    int wants = operation_step(connection);
    return wants >= 0 ? PyLong_FromLong(wants) : NULL;
}

static PyObject *
connection_timeout_ms(struct connection *connection, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(is_open(connection) ? dsql_conn_timeout_ms(connection->conn) : -1);
}

static PyObject *
connection_abandon_method(struct connection *connection, PyObject *unused)
{
    (void)unused;
    if (connection->running) {
        return raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_STATE,
                         "a thread is using the connection");
    }
    connection_abandon(connection);
    if (connection->operation.kind != OPERATION_NONE) {
        operation_finish(connection);
    }
    Py_RETURN_NONE;
}

/* -------------------------------------------------------------- attributes */

/* The setters' turn: none within a transaction. */
static int
take_outside_transaction(struct connection *connection, const char *what)
{
    if (connection_enter(connection, true) != 0) {
        return -1;
    }
    const char *status = connection_status(connection);
    if (strcmp(status, "idle") != 0) {
        connection_leave(connection);
        raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_STATE,
                  "%s cannot be changed within a transaction: commit or roll back first", what);
        return -1;
    }
    return 0;
}

static int
set_flag(struct connection *connection, PyObject *value, const char *what, bool *flag)
{
    int truth = value != NULL ? PyObject_IsTrue(value) : -1;
    if (value == NULL) {
        PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", what);
    }
    if (truth < 0) {
        return -1;
    }
    if (truth == *flag) {
        return 0;
    }
    if (take_outside_transaction(connection, what) != 0) {
        return -1;
    }
    *flag = truth != 0; /* another thread may have set it meanwhile */
    connection_leave(connection);
    return 0;
}

static PyObject *
get_autocommit(struct connection *connection, void *unused)
{
    (void)unused;
    return PyBool_FromLong(connection->autocommit);
}

static int
set_autocommit(struct connection *connection, PyObject *value, void *unused)
{
    (void)unused;
    return set_flag(connection, value, "autocommit", &connection->autocommit);
}

static PyObject *
get_read_only(struct connection *connection, void *unused)
{
    (void)unused;
    return PyBool_FromLong(connection->read_only);
}

static int
set_read_only(struct connection *connection, PyObject *value, void *unused)
{
    (void)unused;
    return set_flag(connection, value, "read_only", &connection->read_only);
}

static PyObject *
get_json_loads(struct connection *connection, void *unused)
{
    (void)unused;
    if (connection->json_loads == NULL) {
        PyObject *json = PyImport_ImportModule("json");
        connection->json_loads = json != NULL ? PyObject_GetAttrString(json, "loads") : NULL;
        Py_XDECREF(json);
    }
    return Py_XNewRef(connection->json_loads);
}

static int
set_json_loads(struct connection *connection, PyObject *value, void *unused)
{
    (void)unused;
    if (value == NULL || (value != Py_None && !PyCallable_Check(value))) {
        PyErr_SetString(PyExc_TypeError, "json_loads is a function of a str, or None");
        return -1;
    }
    Py_XSETREF(connection->json_loads, Py_NewRef(value));
    return 0;
}

static PyObject *
get_closed(struct connection *connection, void *unused)
{
    (void)unused;
    return PyBool_FromLong(!is_open(connection));
}

static PyObject *
get_broken(struct connection *connection, void *unused)
{
    (void)unused;
    return PyBool_FromLong(connection->broken);
}

static PyObject *
get_transaction_status(struct connection *connection, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(connection_status(connection));
}

static PyObject *
get_server_version(struct connection *connection, void *unused)
{
    (void)unused;
    const char *text =
        connection->conn != NULL ? dsql_conn_parameter(connection->conn, "server_version") : NULL;
    char *rest = NULL;
    long major = text != NULL ? strtol(text, &rest, 10) : 0;
    long minor = rest != NULL && *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    return PyLong_FromLong(major * 10000 + minor);
}

static PyObject *
get_notices(struct connection *connection, void *unused)
{
    (void)unused;
    return Py_NewRef(connection->notices);
}

/* ---------------------------------------------------------------- the type */

static PyMethodDef methods[] = {
    {"cursor", METHOD(connection_cursor), METH_VARARGS | METH_KEYWORDS, cursor_doc},
    {"execute", METHOD(connection_execute), METH_VARARGS | METH_KEYWORDS, execute_doc},
    {"commit", METHOD(connection_commit), METH_NOARGS, commit_doc},
    {"rollback", METHOD(connection_rollback), METH_NOARGS, rollback_doc},
    {"close", METHOD(connection_close), METH_NOARGS, close_doc},
    {"is_alive", METHOD(connection_is_alive), METH_NOARGS, is_alive_doc},
    {"fileno", METHOD(connection_fileno), METH_NOARGS, fileno_doc},
    {"parameter_status", METHOD(connection_parameter_status), METH_O, parameter_status_doc},
    {"__enter__", METHOD(connection_context_enter), METH_NOARGS, NULL},
    {"__exit__", METHOD(connection_context_exit), METH_VARARGS, NULL},
    {"_start_commit", METHOD(connection_start_commit), METH_NOARGS, NULL},
    {"_start_rollback", METHOD(connection_start_rollback), METH_NOARGS, NULL},
    {"_step", METHOD(connection_step), METH_NOARGS, NULL},
    {"_timeout_ms", METHOD(connection_timeout_ms), METH_NOARGS, NULL},
    {"_abandon", METHOD(connection_abandon_method), METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"autocommit", (getter)get_autocommit, (setter)set_autocommit,
     "Whether each statement is a transaction of its own.", NULL},
    {"read_only", (getter)get_read_only, (setter)set_read_only,
     "Whether transactions begin as READ ONLY.", NULL},
    {"json_loads", (getter)get_json_loads, (setter)set_json_loads,
     "What reads json and jsonb; None: they are str.", NULL},
    {"closed", (getter)get_closed, NULL, "Whether it can no longer be used.", NULL},
    {"broken", (getter)get_broken, NULL, "Whether it ended without close().", NULL},
    {"transaction_status", (getter)get_transaction_status, NULL,
     "\"idle\", \"intrans\", \"inerror\" or \"unknown\".", NULL},
    {"server_version", (getter)get_server_version, NULL, "160002 for 16.2.", NULL},
    {"notices", (getter)get_notices, NULL, "The last 50 notices of the server.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct connection, weak_references), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A connection; threads that share it take turns. Made by connect()."},
    {Py_tp_dealloc, SLOT(connection_dealloc)},
    {Py_tp_finalize, SLOT(connection_finalize)},
    {Py_tp_traverse, SLOT(connection_traverse)},
    {Py_tp_clear, SLOT(connection_clear)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "libdsql.Connection",
    .basicsize = sizeof(struct connection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

/* PEP 249's optional extension: the exceptions are attributes, too. */
int
connection_type_add(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    state->connection_type = (PyTypeObject *)type;
    for (int i = 0; type != NULL && i < EXCEPTIONS; i++) {
        if (PyObject_SetAttrString(type, exception_names[i], state->exceptions[i]) != 0) {
            return -1;
        }
    }
    return type == NULL ? -1 : PyModule_AddObjectRef(module, "Connection", type);
}
