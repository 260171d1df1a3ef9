/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading what holds other values: arrays, vectors of the catalogs, records. */
#include "codec_private.h"

#define DIMENSIONS_MAX 6

struct array {
    struct decoder element;
    const char *at, *end;
    int dimensions;
    int32_t sizes[DIMENSIONS_MAX];
};

/* dimensions, has it NULLs, the element's OID; a size and a lower bound for
 * each dimension. There are never more elements than bytes, since each has a
 * length of four. */
static bool
read_head(const struct decoder *decoder, struct array *array, const char *data, Py_ssize_t length)
{
    if (length < 12) {
        return false;
    }
    uint32_t dimensions = read_uint32(data), flags = read_uint32(data + 4);
    if (dimensions > DIMENSIONS_MAX || flags > 1 || length < 12 + 8 * (Py_ssize_t)dimensions) {
        return false;
    }
    decoder_init(&array->element, decoder->codec, read_uint32(data + 8), decoder->json_loads);
    array->dimensions = (int)dimensions;
    array->at = data + 12 + 8 * dimensions;
    array->end = data + length;
    int64_t elements = 1, most = (array->end - array->at) / 4;
    for (uint32_t i = 0; i < dimensions; i++) {
        array->sizes[i] = (int32_t)read_uint32(data + 12 + 8 * i);
        if (array->sizes[i] < 1 || (elements *= array->sizes[i]) > most) {
            return false;
        }
    }
    return true;
}

/* A length, and the bytes of a value. */
static PyObject *
read_value(const struct decoder *outer, const struct decoder *decoder, const char **at,
           const char *end)
{
    if (end - *at < 4) {
        return wrong_bytes(outer);
    }
    int32_t size = (int32_t)read_uint32(*at);
    *at += 4;
    if (size == -1) {
        Py_RETURN_NONE;
    }
    if (size < 0 || size > end - *at) {
        return wrong_bytes(outer);
    }
    const char *data = *at;
    *at += size;
    return decoder->decode(decoder, data, size);
}

static PyObject *
read_dimension(const struct decoder *decoder, struct array *array, int dimension)
{
    if (dimension == array->dimensions) {
        return read_value(decoder, &array->element, &array->at, array->end);
    }
    PyObject *list = PyList_New(array->sizes[dimension]);
    for (int32_t i = 0; list != NULL && i < array->sizes[dimension]; i++) {
        PyObject *item = read_dimension(decoder, array, dimension + 1);
        if (item == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, item);
    }
    return list;
}

PyObject *
decode_array(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    struct array array;
    if (!read_head(decoder, &array, data, length)) {
        return wrong_bytes(decoder);
    }
    if (Py_EnterRecursiveCall(" while reading an array")) {
        return NULL;
    }
    PyObject *value = array.dimensions > 0 ? read_dimension(decoder, &array, 0) : PyList_New(0);
    Py_LeaveRecursiveCall();
    if (value != NULL && array.at != array.end) {
        Py_DECREF(value);
        return wrong_bytes(decoder);
    }
    return value;
}

/* int2vector and oidvector are arrays to the wire, and "1 2 3" to programs. */
static PyObject *
decode_vector(const struct decoder *decoder, uint32_t element, const char *data, Py_ssize_t length)
{
    struct array array;
    if (!read_head(decoder, &array, data, length) || array.element.type != element ||
        array.dimensions > 1) {
        return wrong_bytes(decoder);
    }
    PyObject *value = array.dimensions > 0 ? read_dimension(decoder, &array, 0) : PyList_New(0);
    PyObject *separator = value ? PyUnicode_FromString(" ") : NULL;
    PyObject *text = NULL;
    if (separator != NULL && array.at != array.end) {
        wrong_bytes(decoder);
    } else if (separator != NULL) {
        Py_ssize_t count = PyList_GET_SIZE(value), done = 0;
        for (; done < count; done++) {
            PyObject *part = PyObject_Str(PyList_GET_ITEM(value, done));
            if (part == NULL) {
                break;
            }
            PyList_SetItem(value, done, part);
        }
        text = done == count ? PyUnicode_Join(separator, value) : NULL;
    }
    Py_XDECREF(separator);
    Py_XDECREF(value);
    return text;
}

PyObject *
decode_int2vector(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return decode_vector(decoder, OID_int2, data, length);
}

PyObject *
decode_oidvector(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return decode_vector(decoder, OID_oid, data, length);
}

static PyObject *
read_record(const struct decoder *decoder, int32_t count, const char *at, const char *end)
{
    PyObject *tuple = PyTuple_New(count);
    for (int32_t i = 0; tuple != NULL && i < count; i++) {
        struct decoder field;
        PyObject *value = NULL;
        if (end - at < 8) {
            wrong_bytes(decoder);
        } else {
            decoder_init(&field, decoder->codec, read_uint32(at), decoder->json_loads);
            at += 4;
            value = read_value(decoder, &field, &at, end);
        }
        if (value == NULL) {
            Py_CLEAR(tuple);
        } else {
            PyTuple_SET_ITEM(tuple, i, value);
        }
    }
    if (tuple != NULL && at != end) {
        Py_DECREF(tuple);
        return wrong_bytes(decoder);
    }
    return tuple;
}

/* The number of fields; for each its OID, a length and bytes. */
PyObject *
decode_record(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    int32_t count = length >= 4 ? (int32_t)read_uint32(data) : -1;
    if (count < 0 || count > (length - 4) / 8) {
        return wrong_bytes(decoder);
    }
    if (Py_EnterRecursiveCall(" while reading a record")) {
        return NULL;
    }
    PyObject *value = read_record(decoder, count, data + 4, data + length);
    Py_LeaveRecursiveCall();
    return value;
}
