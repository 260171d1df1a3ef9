/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Retrying, from Python: what became of a failed transaction or sign-in, how long
 * to wait, what a text of SQL does. Pure functions. */
#include "module.h"

PyDoc_STRVAR(outcome_doc, "outcome(sqlstate, *, committing=False, connection_lost=False)\n--\n\n"
                          "What became of a transaction that failed: \"failed\", \"retry\" (not\n"
                          "applied, it may be run again) or \"unknown\" (perhaps applied).");

static PyObject *
outcome_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"sqlstate", "committing", "connection_lost", NULL};
    static const char *const outcomes[] = {
        [DSQL_OUTCOME_FAILED] = "failed",
        [DSQL_OUTCOME_RETRY] = "retry",
        [DSQL_OUTCOME_UNKNOWN] = "unknown",
    };
    const char *sqlstate;
    int committing = 0, connection_lost = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "z|$pp:outcome", names, &sqlstate, &committing,
                                     &connection_lost)) {
        return NULL;
    }
    int flags = (committing ? DSQL_COMMITTING : 0) | (connection_lost ? DSQL_CONNECTION_LOST : 0);
    return PyUnicode_FromString(outcomes[dsql_outcome_of(sqlstate, flags)]);
}

PyDoc_STRVAR(ends_connection_doc,
             "ends_connection(sqlstate)\n--\n\n"
             "Whether an error with this SQLSTATE is the last word of its connection.");

static PyObject *
ends_connection_function(PyObject *module, PyObject *sqlstate)
{
    (void)module;
    if (sqlstate == Py_None) {
        Py_RETURN_FALSE;
    }
    const char *text = PyUnicode_AsUTF8(sqlstate);
    return text ? PyBool_FromLong(dsql_sqlstate_ends_connection(text)) : NULL;
}

PyDoc_STRVAR(refusal_doc, "refusal(sqlstate, text, /)\n--\n\n"
                          "After the server refused a sign-in: \"final\", \"later\" (try again\n"
                          "later) or \"expired\" (sign again, once). text: message and hint.");

static PyObject *
refusal_function(PyObject *module, PyObject *args)
{
    static const char *const refusals[] = {
        [DSQL_REFUSED] = "final",
        [DSQL_REFUSED_FOR_NOW] = "later",
        [DSQL_REFUSED_EXPIRED] = "expired",
    };
    const char *sqlstate, *text;
    (void)module;
    if (!PyArg_ParseTuple(args, "zz:refusal", &sqlstate, &text)) {
        return NULL;
    }
    return PyUnicode_FromString(refusals[dsql_refusal_of(sqlstate, text)]);
}

PyDoc_STRVAR(backoff_ms_doc,
             "backoff_ms(attempt, random, *, first_ms=50, max_ms=5000, multiplier=2.0, "
             "jitter=0.5)\n--\n\n"
             "Milliseconds to wait after try number attempt failed. random: 0 to 2**32 - 1.");

static PyObject *
backoff_ms_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"attempt",    "random", "first_ms", "max_ms",
                            "multiplier", "jitter", NULL};
    long long first_ms = 50, max_ms = 5000;
    struct dsql_backoff backoff = {.multiplier = 2, .jitter = 0.5};
    unsigned int attempt;
    unsigned int random;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "II|$LLdd:backoff_ms", names, &attempt,
                                     &random, &first_ms, &max_ms, &backoff.multiplier,
                                     &backoff.jitter)) {
        return NULL;
    }
    backoff.first_ms = first_ms;
    backoff.max_ms = max_ms;
    return PyLong_FromLongLong(dsql_backoff_ms(&backoff, attempt, random));
}

PyDoc_STRVAR(sql_kind_doc, "sql_kind(sql)\n--\n\n"
                           "What a text of SQL does: SQL_DDL, SQL_DML, SQL_CONTROL, SQL_SEVERAL.");

static PyObject *
sql_kind_function(PyObject *module, PyObject *sql)
{
    Py_ssize_t length;
    (void)module;
    const char *text = PyUnicode_AsUTF8AndSize(sql, &length);
    return text ? PyLong_FromLong(dsql_sql_kind(text, (size_t)length)) : NULL;
}

static PyMethodDef retry_methods[] = {
    {"outcome", METHOD(outcome_function), METH_VARARGS | METH_KEYWORDS, outcome_doc},
    {"ends_connection", ends_connection_function, METH_O, ends_connection_doc},
    {"refusal", refusal_function, METH_VARARGS, refusal_doc},
    {"backoff_ms", METHOD(backoff_ms_function), METH_VARARGS | METH_KEYWORDS, backoff_ms_doc},
    {"sql_kind", sql_kind_function, METH_O, sql_kind_doc},
    {NULL, NULL, 0, NULL},
};

int
retry_add(PyObject *module)
{
    if (PyModule_AddIntConstant(module, "SQL_DDL", DSQL_SQL_DDL) != 0 ||
        PyModule_AddIntConstant(module, "SQL_DML", DSQL_SQL_DML) != 0 ||
        PyModule_AddIntConstant(module, "SQL_CONTROL", DSQL_SQL_CONTROL) != 0 ||
        PyModule_AddIntConstant(module, "SQL_SEVERAL", DSQL_SQL_SEVERAL) != 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, retry_methods);
}
