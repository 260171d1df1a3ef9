/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Values between PostgreSQL's binary format and Python: decode.c and what it
 * calls read them, encode.c and what it calls write them. Bytes and lengths,
 * never a connection. Source of the formats: PostgreSQL's src/backend/utils/adt,
 * the functions ..._send and ..._recv. */
#ifndef LIBDSQL_CODEC_H
#define LIBDSQL_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "wire.h"

/* Python's classes and functions that values are made with or known by; one
 * for each module (interpreter). Objects are owned. */
struct codec;

/* Returned - caller frees with codec_free(). NULL with an exception. data_error
 * is the class for values without a counterpart. Nothing slow is imported
 * before the first value that needs it. */
struct codec *codec_new(PyObject *data_error);
/* The class Json, for the module's dictionary. Borrowed from the codec. */
PyObject *codec_json_class(struct codec *codec);
int codec_traverse(struct codec *codec, visitproc visit, void *arg);
void codec_clear(struct codec *codec);
void codec_free(struct codec *codec);

/* How the values of one column are read. */
struct decoder {
    /* length is never negative: NULL is dealt with by the caller. Returns a new
     * reference, or NULL with an exception: DataError for a value that Python
     * has not, and for bytes that are no value of the type. */
    PyObject *(*decode)(const struct decoder *decoder, const char *data, Py_ssize_t length);
    struct codec *codec;  /* borrowed */
    PyObject *json_loads; /* borrowed; NULL: json is handed out as str */
    uint32_t type;        /* OID */
    bool atomic;          /* its values refer to no other object that the collector must see */
};

/* Fills *decoder for a column of a type. Never fails: values of unknown types
 * are bytes. */
void decoder_init(struct decoder *decoder, struct codec *codec, uint32_t type,
                  PyObject *json_loads);

/* Reads a DataRow's body (16 bits: count, then a length and bytes for each) as
 * a tuple of `count` values; a tuple of atomic values is taken from the garbage
 * collector. NULL with an exception, mostly DataError. *malformed: it is the row
 * that is broken, not a value; nothing that follows can be believed. json_loads
 * may run any code: body and decoders must stay valid meanwhile. */
PyObject *decode_row(const struct decoder *decoders, int count, const char *body, size_t length,
                     bool *malformed);

/* A parameter that has been written into a buffer. */
struct encoded {
    uint32_t type; /* OID; 0: the server decides */
    bool is_null, binary;
    size_t offset, length; /* from dsql__buffer_begin() */
};

/* Writes a value behind the end of buffer. 0, or -1 with an exception (DataError
 * when the value has no form in PostgreSQL) and the buffer as it was. May run
 * any code (utcoffset(), __index__(), ...). */
int encode(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
           struct encoded *encoded);

#endif
