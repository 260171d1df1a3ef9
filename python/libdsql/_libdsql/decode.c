/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading values: which function reads a type, and a row of them. See codec.h. */
#include "codec_private.h"

void
decoder_init(struct decoder *decoder, struct codec *codec, uint32_t type, PyObject *json_loads)
{
    *decoder = (struct decoder){
        .decode = decode_bytes,
        .codec = codec,
        .json_loads = json_loads,
        .type = type,
        .atomic = true,
    };
    switch (type) {
#define VALUE_CASE(name, oid, array, is_atomic)                                                    \
    case oid:                                                                                      \
        decoder->decode = decode_##name;                                                           \
        decoder->atomic = is_atomic;                                                               \
        break;
        OIDS(VALUE_CASE)
#undef VALUE_CASE
    default:
        break;
    }
    switch (type) {
    case OID_json:
    case OID_jsonb:
        decoder->atomic = json_loads == NULL;
        break;
    case OID_ANYARRAY:
#define ARRAY_CASE(name, oid, array, is_atomic)                                                    \
    case array != 0 ? array:                                                                       \
        -oid:
        OIDS(ARRAY_CASE)
#undef ARRAY_CASE
        decoder->decode = decode_array;
        decoder->atomic = false;
        break;
    default:
        break;
    }
}

PyObject *
wrong_bytes(const struct decoder *decoder)
{
    return data_error(decoder->codec, "the server sent bytes that are no value of type %u",
                      (unsigned)decoder->type);
}

static PyObject *
malformed_row(PyObject *row, const struct decoder *decoders, int count, bool *malformed)
{
    *malformed = true;
    Py_XDECREF(row);
    if (count > 0) {
        return data_error(decoders[0].codec, "the server sent a row that is cut or too long");
    }
    PyErr_SetString(PyExc_ValueError, "the server sent a row with columns that no result has");
    return NULL;
}

PyObject *
decode_row(const struct decoder *decoders, int count, const char *body, size_t length,
           bool *malformed)
{
    const char *at = body, *end = body + length;
    bool atomic = count > 0; /* nobody may untrack the one empty tuple */
    *malformed = false;
    if (length < 2 || read_uint16(at) != count) {
        return malformed_row(NULL, decoders, count, malformed);
    }
    at += 2;
    PyObject *row = PyTuple_New(count);
    if (row == NULL) {
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        const struct decoder *decoder = &decoders[i];
        if (end - at < 4) {
            return malformed_row(row, decoders, count, malformed);
        }
        int32_t size = (int32_t)read_uint32(at);
        at += 4;
        if (size == -1) {
            PyTuple_SET_ITEM(row, i, Py_NewRef(Py_None));
            continue;
        }
        if (size < 0 || size > end - at) {
            return malformed_row(row, decoders, count, malformed);
        }
        PyObject *value = decoder->decode(decoder, at, size);
        if (value == NULL) {
            Py_DECREF(row);
            return NULL;
        }
        PyTuple_SET_ITEM(row, i, value);
        atomic = atomic && decoder->atomic;
        at += size;
    }
    if (at != end) {
        return malformed_row(row, decoders, count, malformed);
    }
    if (atomic) {
        PyObject_GC_UnTrack(row);
    }
    return row;
}
