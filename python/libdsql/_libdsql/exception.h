/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Exceptions that have to wait: CPython 3.12's interface for all versions. */
#ifndef LIBDSQL_EXCEPTION_H
#define LIBDSQL_EXCEPTION_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* The exception that is raised, taken; and raised again (the reference is
 * taken). */
PyObject *exception_take(void);
void exception_raise(PyObject *exception);

#endif
