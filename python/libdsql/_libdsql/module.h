/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the files of the extension share: its state and its exceptions. */
#ifndef LIBDSQL_MODULE_H
#define LIBDSQL_MODULE_H

#include <stdbool.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "dsql.h"
#include "exception.h"

/* The tree of PEP 249, in the order in which it is made. */
enum exception {
    EXCEPTION_WARNING,
    EXCEPTION_ERROR,
    EXCEPTION_INTERFACE,
    EXCEPTION_DATABASE,
    EXCEPTION_DATA,
    EXCEPTION_OPERATIONAL,
    EXCEPTION_INTEGRITY,
    EXCEPTION_INTERNAL,
    EXCEPTION_PROGRAMMING,
    EXCEPTION_NOT_SUPPORTED,
    EXCEPTIONS,
};

struct codec;

struct module_state {
    PyTypeObject *endpoint_type, *diagnostic_type, *column_type;
    PyTypeObject *connection_type, *cursor_type;
    PyObject *exceptions[EXCEPTIONS];
    struct codec *codec;
};

/* PyCFunctionWithKeywords and others have another type than PyCFunction; going
 * through void (*)(void) is how CPython itself says that it means it. */
#define METHOD(function) ((PyCFunction)(void (*)(void))(function))
/* CPython declares a slot's function as void *, which ISO C cannot convert. */
#define SLOT(function) ((void *)(uintptr_t)(function))

/* Adds the exceptions and the type of their diag. */
int exceptions_add(PyObject *module);
extern const char *const exception_names[EXCEPTIONS];

/* Raises the exception of a struct dsql_error; returns NULL. */
PyObject *raise_error(struct module_state *state, const struct dsql_error *error);
/* Raises what the server said; more (NULL: nothing) goes behind its message. */
PyObject *raise_server_error(struct module_state *state, const struct dsql_diagnostic *said,
                             const char *more);
/* Raises one of ours with a code: "DSQL_E_STATE" and the like. */
PyObject *raise_own(struct module_state *state, enum exception which, int code, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

int diagnostic_type_add(PyObject *module);
/* said NULL: all None. */
PyObject *diagnostic_new(struct module_state *state, const struct dsql_diagnostic *said);

/* Reads a host's name; a region that is missing is the environment's, the
 * profile's or, with may_block, the EC2 instance's. -1 with an exception. */
int parse_endpoint(struct module_state *state, const char *host, const char *region,
                   const char *cluster_id, const char *profile, bool may_block,
                   struct dsql_endpoint *endpoint);
/* dsql_credentials_get() without the GIL. 0: the caller clears credentials; 1:
 * it would block, but may not; -1 with an exception. */
int find_keys(struct module_state *state, const struct dsql_credentials_options *options,
              bool may_block, struct dsql_credentials *credentials);
/* dsql_region_find() or, where it may not block, dsql_region_load(), without the
 * GIL. 0 or *error; -1 with an exception. */
int find_region(const char *profile, bool may_block, char *region, size_t size,
                struct dsql_error *error);

/* Puts the functions of retry.c into the module. -1 with an exception. */
int retry_add(PyObject *module);
int placeholders_add(PyObject *module);

#endif
