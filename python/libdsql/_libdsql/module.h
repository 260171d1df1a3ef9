/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the files of the extension share: its state and its exceptions. */
#ifndef LIBDSQL_MODULE_H
#define LIBDSQL_MODULE_H

#include <stdbool.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "dsql.h"

/* One key pair, kept as long as what it came from is unchanged. */
struct credentials_cache {
    struct dsql_credentials credentials;
    unsigned char fingerprint[32]; /* of the environment, the files' stamps, the arguments */
    bool filled;
};

struct module_state {
    PyTypeObject *endpoint_type;
    PyObject *error, *interface_error, *operational_error;
    struct credentials_cache cache; /* guarded by the GIL */
};

/* Raises the exception of a struct dsql_error; returns NULL. */
PyObject *raise_error(struct module_state *state, const struct dsql_error *error);

/* The key pair that the environment and the files tell: borrowed until the next
 * call or until the GIL is released. -1 with an exception. */
int cached_credentials(struct module_state *state, const struct dsql_credentials_options *options,
                       const struct dsql_credentials **credentials);
void credentials_cache_clear(struct credentials_cache *cache);

#endif
