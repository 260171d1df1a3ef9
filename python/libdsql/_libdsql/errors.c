/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The exceptions: their classes, which class an error of the library or of the
 * server is, and what is told with it. */
#include "module.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

const char *const exception_names[EXCEPTIONS] = {
    "Warning",          "Error",          "InterfaceError", "DatabaseError",    "DataError",
    "OperationalError", "IntegrityError", "InternalError",  "ProgrammingError", "NotSupportedError",
};

static const char *const exception_docs[EXCEPTIONS] = {
    "An important warning.",
    "Base of all errors; `code` names the library's error code.",
    "Wrong use of the library: an argument cannot be right.",
    "The database, or the way to it, failed.",
    "A value that cannot be processed.",
    "Not the program's fault: sign-in, network, server.",
    "A constraint was violated.",
    "The database found itself in the wrong.",
    "Wrong SQL or wrong use of it.",
    "Something that the database does not have.",
};

/* ------------------------------------------------------------- the classes */

static PyObject *
base_of(const struct module_state *state, enum exception which)
{
    switch (which) {
    case EXCEPTION_WARNING:
    case EXCEPTION_ERROR:
        return PyExc_Exception;
    case EXCEPTION_INTERFACE:
    case EXCEPTION_DATABASE:
        return state->exceptions[EXCEPTION_ERROR];
    default:
        return state->exceptions[EXCEPTION_DATABASE];
    }
}

/* What every error has, so that nobody needs to ask whether it is there. */
static PyObject *
error_attributes(struct module_state *state)
{
    PyObject *nothing = diagnostic_new(state, NULL);
    PyObject *made = nothing ? Py_BuildValue("{sssOsOsOsO}", "code", "", "sqlstate", Py_None,
                                             "pgcode", Py_None, "pgerror", Py_None, "diag", nothing)
                             : NULL;
    Py_XDECREF(nothing);
    return made;
}

int
exceptions_add(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    for (int i = 0; i < EXCEPTIONS; i++) {
        char name[64];
        PyObject *attributes = NULL;
        snprintf(name, sizeof name, "libdsql.%s", exception_names[i]);
        if (i == EXCEPTION_ERROR && (attributes = error_attributes(state)) == NULL) {
            return -1;
        }
        state->exceptions[i] =
            PyErr_NewExceptionWithDoc(name, exception_docs[i], base_of(state, i), attributes);
        Py_XDECREF(attributes);
        if (state->exceptions[i] == NULL ||
            PyModule_AddObjectRef(module, exception_names[i], state->exceptions[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --------------------------------------------------- errors of the library */

/* Raises an exception of a class with a text and its code; NULL. */
static PyObject *
raise_with_code(PyObject *type, const char *text, int code)
{
    PyObject *message = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *exception = message ? PyObject_CallOneArg(type, message) : NULL;
    PyObject *name = PyUnicode_FromString(dsql_code_name(code));
    if (exception != NULL && name != NULL && PyObject_SetAttrString(exception, "code", name) == 0) {
        PyErr_SetObject(type, exception);
    }
    Py_XDECREF(message);
    Py_XDECREF(name);
    Py_XDECREF(exception);
    return NULL;
}

static enum exception
class_of_code(int code)
{
    switch (code) {
    case DSQL_E_INVALID:
    case DSQL_E_ENDPOINT:
    case DSQL_E_REGION:
        return EXCEPTION_INTERFACE;
    case DSQL_E_STATE:
        return EXCEPTION_PROGRAMMING;
    case DSQL_E_UNSUPPORTED:
        return EXCEPTION_NOT_SUPPORTED;
    default:
        return EXCEPTION_OPERATIONAL;
    }
}

PyObject *
raise_error(struct module_state *state, const struct dsql_error *error)
{
    if (error->code == DSQL_E_NOMEM) {
        return PyErr_NoMemory();
    }
    return raise_with_code(state->exceptions[class_of_code(error->code)], error->message,
                           error->code);
}

PyObject *
raise_own(struct module_state *state, enum exception which, int code, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return raise_with_code(state->exceptions[which], text, code);
}

/* ---------------------------------------------------- errors of the server */

/* By the first characters of the SQLSTATE; all others: DatabaseError. */
static const struct {
    char class[6];
    enum exception exception;
} classes[] = {
    {"08P01", EXCEPTION_PROGRAMMING}, /* too few parameters */
    {"08", EXCEPTION_OPERATIONAL},    /* connection */
    {"0A", EXCEPTION_NOT_SUPPORTED},  /* feature */
    {"20", EXCEPTION_PROGRAMMING},    /* case not found */
    {"21", EXCEPTION_PROGRAMMING},    /* cardinality */
    {"22", EXCEPTION_DATA},           /* data */
    {"23", EXCEPTION_INTEGRITY},      /* constraint */
    {"24", EXCEPTION_INTERNAL},       /* cursor state */
    {"25", EXCEPTION_INTERNAL},       /* transaction state */
    {"26", EXCEPTION_PROGRAMMING},    /* statement name */
    {"27", EXCEPTION_OPERATIONAL},    /* triggered data change */
    {"28", EXCEPTION_OPERATIONAL},    /* authorization */
    {"2B", EXCEPTION_INTERNAL},       /* dependent privileges */
    {"2D", EXCEPTION_INTERNAL},       /* transaction termination */
    {"2F", EXCEPTION_OPERATIONAL},    /* SQL routine */
    {"34", EXCEPTION_PROGRAMMING},    /* cursor name */
    {"38", EXCEPTION_OPERATIONAL},    /* external routine */
    {"39", EXCEPTION_OPERATIONAL},    /* external routine invocation */
    {"3B", EXCEPTION_OPERATIONAL},    /* savepoint */
    {"3D", EXCEPTION_PROGRAMMING},    /* catalog name */
    {"3F", EXCEPTION_PROGRAMMING},    /* schema name */
    {"40", EXCEPTION_OPERATIONAL},    /* transaction rollback */
    {"42", EXCEPTION_PROGRAMMING},    /* syntax, access */
    {"44", EXCEPTION_PROGRAMMING},    /* check option */
    {"53", EXCEPTION_OPERATIONAL},    /* resources */
    {"54", EXCEPTION_OPERATIONAL},    /* program limit */
    {"55", EXCEPTION_OPERATIONAL},    /* object state */
    {"57", EXCEPTION_OPERATIONAL},    /* operator intervention */
    {"58", EXCEPTION_OPERATIONAL},    /* system error */
    {"F0", EXCEPTION_OPERATIONAL},    /* configuration file */
    {"HV", EXCEPTION_OPERATIONAL},    /* foreign data */
    {"P0", EXCEPTION_PROGRAMMING},    /* PL/pgSQL */
    {"XX", EXCEPTION_INTERNAL},       /* internal */
};

static enum exception
class_of_sqlstate(const char *sqlstate)
{
    for (size_t i = 0; sqlstate != NULL && i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(sqlstate, classes[i].class, strlen(classes[i].class)) == 0) {
            return classes[i].exception;
        }
    }
    return EXCEPTION_DATABASE;
}

static void
put(struct dsql__buffer *buffer, const char *before, const char *text)
{
    if (text != NULL) {
        dsql__buffer_put(buffer, before, strlen(before));
        dsql__buffer_put(buffer, text, strlen(text));
    }
}

static PyObject *
as_text(struct dsql__buffer *buffer)
{
    PyObject *made = buffer->failed
                         ? PyErr_NoMemory()
                         : PyUnicode_DecodeUTF8(dsql__buffer_begin(buffer),
                                                (Py_ssize_t)dsql__buffer_length(buffer), "replace");
    dsql__buffer_clear(buffer);
    return made;
}

static PyObject *
server_message(const struct dsql_diagnostic *said, const char *more)
{
    struct dsql__buffer buffer = {0};
    put(&buffer, "", said->message != NULL ? said->message : "the server gave no message");
    put(&buffer, "\nDETAIL: ", said->detail);
    put(&buffer, "\nHINT: ", said->hint);
    put(&buffer, "\n", more);
    return as_text(&buffer);
}

static PyObject *
pgerror(const struct dsql_diagnostic *said)
{
    struct dsql__buffer buffer = {0};
    put(&buffer, "", said->severity != NULL ? said->severity : "ERROR");
    put(&buffer, ":  ", said->message != NULL ? said->message : "");
    return as_text(&buffer);
}

/* Takes the reference of value, which may be NULL with an exception. */
static int
set_attribute(PyObject *object, const char *name, PyObject *value)
{
    int failure = value != NULL ? PyObject_SetAttrString(object, name, value) : -1;
    Py_XDECREF(value);
    return failure;
}

PyObject *
raise_server_error(struct module_state *state, const struct dsql_diagnostic *said, const char *more)
{
    PyObject *type = state->exceptions[class_of_sqlstate(said->sqlstate)];
    PyObject *message = server_message(said, more);
    PyObject *exception = message != NULL ? PyObject_CallOneArg(type, message) : NULL;
    Py_XDECREF(message);
    if (exception == NULL) {
        return NULL;
    }
    PyObject *diag = diagnostic_new(state, said);
    PyObject *sqlstate = diag != NULL ? PyStructSequence_GetItem(diag, 1) : NULL;
    const char *code = dsql_code_name(DSQL_E_SERVER);
    if (diag != NULL && set_attribute(exception, "code", PyUnicode_FromString(code)) == 0 &&
        PyObject_SetAttrString(exception, "sqlstate", sqlstate) == 0 &&
        PyObject_SetAttrString(exception, "pgcode", sqlstate) == 0 &&
        set_attribute(exception, "pgerror", pgerror(said)) == 0 &&
        PyObject_SetAttrString(exception, "diag", diag) == 0) {
        PyErr_SetObject(type, exception);
    }
    Py_XDECREF(diag);
    Py_DECREF(exception);
    return NULL;
}
