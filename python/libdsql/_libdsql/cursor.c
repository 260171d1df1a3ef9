/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The type Cursor: statements and their results. */
#include "fetch.h"

#include <stddef.h>
#include <string.h>

#include <structmember.h>

/* -------------------------------------------------------------------- life */

struct cursor *
cursor_new(struct connection *connection, bool stream)
{
    PyTypeObject *type = connection->state->cursor_type;
    struct cursor *cursor = (struct cursor *)type->tp_alloc(type, 0);
    if (cursor != NULL) {
        cursor->connection = (struct connection *)Py_NewRef(connection);
        cursor->rowcount = -1;
        cursor->arraysize = 1;
        cursor->stream = stream;
    }
    return cursor;
}

void
cursor_reset(struct cursor *cursor)
{
    if (cursor->connection != NULL && cursor->connection->stream == cursor) {
        cursor->connection->stream = NULL; /* nobody wants the rest */
    }
    PyObject *failure = cursor->failure, *rows = cursor->rows;
    cursor->failure = cursor->rows = NULL;
    cursor->position = cursor->taken = 0;
    cursor->rowcount = -1;
    cursor->cut = false;
    cursor->tag[0] = '\0';
    shape_replace(&cursor->shape, NULL); /* from here on Python code may run */
    Py_XDECREF(failure);
    Py_XDECREF(rows);
}

static int
cursor_traverse(struct cursor *cursor, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(cursor));
    Py_VISIT(cursor->connection);
    Py_VISIT(cursor->rows);
    Py_VISIT(cursor->failure);
    return cursor->shape != NULL && cursor->shape->references == 1
               ? shape_traverse(cursor->shape, visit, arg)
               : 0;
}

static int
cursor_clear(struct cursor *cursor)
{
    cursor_reset(cursor);
    Py_CLEAR(cursor->connection);
    return 0;
}

static void
cursor_dealloc(struct cursor *cursor)
{
    PyTypeObject *type = Py_TYPE(cursor);
    PyObject_GC_UnTrack(cursor);
    if (cursor->weak_references != NULL) {
        PyObject_ClearWeakRefs((PyObject *)cursor);
    }
    cursor_clear(cursor);
    type->tp_free(cursor);
    Py_DECREF(type);
}

/* -------------------------------------------------------------- statements */

int
start_execute(struct cursor *cursor, PyObject *sql, PyObject *parameters, bool wait)
{
    struct connection *connection = cursor->connection;
    if (operation_begin(cursor, OPERATION_EXECUTE, sql, wait) != 0) {
        return -1;
    }
    if (encode_parameters(connection, parameters, false, &connection->operation.count) != 0 ||
        check_count(connection, sql, connection->operation.count) != 0) {
        PyObject *exception = exception_take();
        operation_finish(connection);
        exception_raise(exception);
        return -1;
    }
    cursor_reset(cursor);
    return 0;
}

int
start_script(struct cursor *cursor, PyObject *sql, bool wait)
{
    if (operation_begin(cursor, OPERATION_SCRIPT, sql, wait) != 0) {
        return -1;
    }
    cursor_reset(cursor);
    return 0;
}

/* "self", or None, of an operation that has been begun. */
static PyObject *
finish(struct cursor *cursor, int begun, PyObject *result)
{
    return begun == 0 && operation_run(cursor->connection) == 0 ? Py_NewRef(result) : NULL;
}

static PyObject *
nothing(int failure)
{
    return failure == 0 ? Py_NewRef(Py_None) : NULL;
}

/* A statement and one thing more, by place or by name. required: both must be
 * there; otherwise *second may stay NULL. */
static int
two_arguments(const char *function, const char *second_name, bool required, PyObject *const *args,
              Py_ssize_t count, PyObject *names, PyObject **sql, PyObject **second)
{
    PyObject *found[2] = {count > 0 ? args[0] : NULL, count > 1 ? args[1] : NULL};
    Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    bool wrong = count > 2;
    for (Py_ssize_t i = 0; i < named && !wrong; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        int index = PyUnicode_CompareWithASCIIString(name, "sql") == 0         ? 0
                    : PyUnicode_CompareWithASCIIString(name, second_name) == 0 ? 1
                                                                               : -1;
        wrong = index < 0 || found[index] != NULL;
        if (!wrong) {
            found[index] = args[count + i];
        }
    }
    if (wrong || found[0] == NULL || (required && found[1] == NULL)) {
        PyErr_Format(PyExc_TypeError, "%s() takes sql%s %s%s", function,
                     required ? " and" : ", then", second_name, required ? "" : " or nothing");
        return -1;
    }
    *sql = found[0];
    *second = found[1];
    return 0;
}

PyDoc_STRVAR(execute_doc,
             "execute($self, sql, parameters=None)\n--\n\n"
             "Run one statement with values for $1, $2 and so on. Its rows are read into memory,\n"
             "or, with stream=True, as they are fetched. Returns the cursor.");

static PyObject *
cursor_execute(struct cursor *cursor, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *sql, *parameters;
    if (two_arguments("execute", "parameters", false, args, count, names, &sql, &parameters) != 0) {
        return NULL;
    }
    return finish(cursor, start_execute(cursor, sql, parameters, true), (PyObject *)cursor);
}

PyDoc_STRVAR(executemany_doc,
             "executemany($self, sql, parameters)\n--\n\n"
             "Run one statement for each of many sequences of parameters, without waiting for\n"
             "answers in between. Rows that it gives are dropped.");

static PyObject *
cursor_executemany(struct cursor *cursor, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *sql, *rows;
    if (two_arguments("executemany", "parameters", true, args, count, names, &sql, &rows) != 0) {
        return NULL;
    }
    return finish(cursor, start_many(cursor, sql, rows, true), Py_None);
}

PyDoc_STRVAR(executescript_doc, "executescript($self, sql)\n--\n\n"
                                "Run one or more statements without parameters; rows are dropped.");

static PyObject *
cursor_executescript(struct cursor *cursor, PyObject *sql)
{
    return finish(cursor, start_script(cursor, sql, true), Py_None);
}

PyDoc_STRVAR(copy_in_doc, "copy_in($self, sql, data)\n--\n\n"
                          "COPY ... FROM STDIN with bytes or str, an iterable of them, or a file.");

static PyObject *
cursor_copy_in(struct cursor *cursor, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *sql, *data;
    if (two_arguments("copy_in", "data", true, args, count, names, &sql, &data) != 0) {
        return NULL;
    }
    return finish(cursor, start_copy_in(cursor, sql, data, true), Py_None);
}

PyDoc_STRVAR(copy_out_doc, "copy_out($self, sql, write)\n--\n\n"
                           "COPY ... TO STDOUT: calls write(bytes) for each piece of the data.");

static PyObject *
cursor_copy_out(struct cursor *cursor, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *sql, *write;
    if (two_arguments("copy_out", "write", true, args, count, names, &sql, &write) != 0) {
        return NULL;
    }
    return finish(cursor, start_copy_out(cursor, sql, write, true), Py_None);
}

/* --------------------------------------------------- the same, only begun */

static PyObject *
cursor_start_execute(struct cursor *cursor, PyObject *const *args, Py_ssize_t count,
                     PyObject *names)
{
    PyObject *sql, *parameters;
    if (two_arguments("_start_execute", "parameters", true, args, count, names, &sql,
                      &parameters) != 0) {
        return NULL;
    }
    return nothing(start_execute(cursor, sql, parameters, false));
}

static PyObject *
cursor_start_executemany(struct cursor *cursor, PyObject *const *args, Py_ssize_t count,
                         PyObject *names)
{
    PyObject *sql, *rows;
    if (two_arguments("_start_executemany", "parameters", true, args, count, names, &sql, &rows) !=
        0) {
        return NULL;
    }
    return nothing(start_many(cursor, sql, rows, false));
}

static PyObject *
cursor_start_executescript(struct cursor *cursor, PyObject *sql)
{
    return nothing(start_script(cursor, sql, false));
}

static PyObject *
cursor_start_copy_in(struct cursor *cursor, PyObject *const *args, Py_ssize_t count,
                     PyObject *names)
{
    PyObject *sql, *data;
    if (two_arguments("_start_copy_in", "data", true, args, count, names, &sql, &data) != 0) {
        return NULL;
    }
    return nothing(start_copy_in(cursor, sql, data, false));
}

static PyObject *
cursor_start_copy_out(struct cursor *cursor, PyObject *const *args, Py_ssize_t count,
                      PyObject *names)
{
    PyObject *sql, *write;
    if (two_arguments("_start_copy_out", "write", true, args, count, names, &sql, &write) != 0) {
        return NULL;
    }
    return nothing(start_copy_out(cursor, sql, write, false));
}

static PyObject *
cursor_start_fetch(struct cursor *cursor, PyObject *number)
{
    Py_ssize_t count = PyNumber_AsSsize_t(number, PyExc_OverflowError);
    if (count == -1 && PyErr_Occurred()) {
        return NULL;
    }
    int there = start_fetch(cursor, count, false);
    return there < 0 ? NULL : PyBool_FromLong(there);
}

/* ------------------------------------------------------------ the other ones */

PyDoc_STRVAR(close_doc, "close($self)\n--\n\n"
                        "Give up the result. What is left of a stream is read, and dropped, when\n"
                        "the connection is used next.");

static PyObject *
cursor_close(struct cursor *cursor, PyObject *unused)
{
    (void)unused;
    cursor->closed = true;
    cursor_reset(cursor);
    Py_RETURN_NONE;
}

static PyObject *
cursor_enter(struct cursor *cursor, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(cursor);
}

static PyObject *
cursor_exit(struct cursor *cursor, PyObject *args)
{
    (void)args;
    return cursor_close(cursor, NULL);
}

PyDoc_STRVAR(set_size_doc, "Does nothing: sizes need not be told.");

static PyObject *
cursor_set_size(struct cursor *cursor, PyObject *args)
{
    (void)cursor;
    (void)args;
    Py_RETURN_NONE;
}

static PyObject *
cursor_iterate(struct cursor *cursor)
{
    return Py_NewRef(cursor);
}

/* -------------------------------------------------------------- attributes */

static PyObject *
get_connection(struct cursor *cursor, void *unused)
{
    (void)unused;
    return Py_NewRef(cursor->connection);
}

static PyObject *
get_description(struct cursor *cursor, void *unused)
{
    (void)unused;
    if (cursor->shape == NULL) {
        Py_RETURN_NONE;
    }
    return Py_XNewRef(shape_description(cursor->connection->state, cursor->shape));
}

static PyObject *
get_rowcount(struct cursor *cursor, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(cursor->rowcount);
}

static PyObject *
get_rownumber(struct cursor *cursor, void *unused)
{
    (void)unused;
    return cursor->shape != NULL ? PyLong_FromSsize_t(cursor->taken) : Py_NewRef(Py_None);
}

static PyObject *
get_statusmessage(struct cursor *cursor, void *unused)
{
    (void)unused;
    return cursor->tag[0] != '\0'
               ? PyUnicode_DecodeUTF8(cursor->tag, (Py_ssize_t)strlen(cursor->tag), "replace")
               : Py_NewRef(Py_None);
}

static PyObject *
get_closed(struct cursor *cursor, void *unused)
{
    (void)unused;
    return PyBool_FromLong(cursor->closed);
}

/* ---------------------------------------------------------------- the type */

#define FAST (METH_FASTCALL | METH_KEYWORDS)

static PyMethodDef methods[] = {
    {"execute", METHOD(cursor_execute), FAST, execute_doc},
    {"executemany", METHOD(cursor_executemany), FAST, executemany_doc},
    {"executescript", METHOD(cursor_executescript), METH_O, executescript_doc},
    {"copy_in", METHOD(cursor_copy_in), FAST, copy_in_doc},
    {"copy_out", METHOD(cursor_copy_out), FAST, copy_out_doc},
    {"fetchone", METHOD(cursor_fetchone), METH_NOARGS,
     PyDoc_STR("fetchone($self)\n--\n\nThe next row, or None.")},
    {"fetchmany", METHOD(cursor_fetchmany), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("fetchmany($self, size=None)\n--\n\n"
               "The next rows, arraysize at most or as many as asked for.")},
    {"fetchall", METHOD(cursor_fetchall), METH_NOARGS,
     PyDoc_STR("fetchall($self)\n--\n\nThe rows that are left.")},
    {"setinputsizes", METHOD(cursor_set_size), METH_VARARGS, set_size_doc},
    {"setoutputsize", METHOD(cursor_set_size), METH_VARARGS, set_size_doc},
    {"close", METHOD(cursor_close), METH_NOARGS, close_doc},
    {"__enter__", METHOD(cursor_enter), METH_NOARGS, NULL},
    {"__exit__", METHOD(cursor_exit), METH_VARARGS, NULL},
    {"_start_execute", METHOD(cursor_start_execute), FAST, NULL},
    {"_start_executemany", METHOD(cursor_start_executemany), FAST, NULL},
    {"_start_executescript", METHOD(cursor_start_executescript), METH_O, NULL},
    {"_start_copy_in", METHOD(cursor_start_copy_in), FAST, NULL},
    {"_start_copy_out", METHOD(cursor_start_copy_out), FAST, NULL},
    {"_start_fetch", METHOD(cursor_start_fetch), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"connection", (getter)get_connection, NULL, "The connection that it belongs to.", NULL},
    {"description", (getter)get_description, NULL, "Its columns; None: no rows.", NULL},
    {"rowcount", (getter)get_rowcount, NULL, "Rows given or changed; -1: not known.", NULL},
    {"rownumber", (getter)get_rownumber, NULL, "Of the next row, from 0; None: no rows.", NULL},
    {"statusmessage", (getter)get_statusmessage, NULL, "The command tag.", NULL},
    {"closed", (getter)get_closed, NULL, "Whether it is closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"arraysize", T_PYSSIZET, offsetof(struct cursor, arraysize), 0,
     "How many rows fetchmany() gives when it is not told."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct cursor, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Statements and their rows. With stream=True rows are read as they are fetched."},
    {Py_tp_dealloc, SLOT(cursor_dealloc)},
    {Py_tp_traverse, SLOT(cursor_traverse)},
    {Py_tp_clear, SLOT(cursor_clear)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {Py_tp_iter, SLOT(cursor_iterate)},
    {Py_tp_iternext, SLOT(cursor_next_row)},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "libdsql.Cursor",
    .basicsize = sizeof(struct cursor),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int
cursor_type_add(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    state->cursor_type = (PyTypeObject *)type;
    return type == NULL ? -1 : PyModule_AddObjectRef(module, "Cursor", type);
}
