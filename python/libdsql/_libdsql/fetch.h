/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The fetching methods of a cursor. */
#ifndef LIBDSQL_FETCH_H
#define LIBDSQL_FETCH_H

#include "connection.h"

/* NULL without an exception at the end. */
PyObject *cursor_next_row(struct cursor *cursor);
PyObject *cursor_fetchone(struct cursor *cursor, PyObject *unused);
PyObject *cursor_fetchmany(struct cursor *cursor, PyObject *args, PyObject *keywords);
PyObject *cursor_fetchall(struct cursor *cursor, PyObject *unused);

#endif
