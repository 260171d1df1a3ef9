/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing parameters: the type follows the Python value. See codec.h. */
#include "codec_private.h"

/* PostgreSQL's limit for one value. */
#define LENGTH_MAX ((size_t)0x3FFFFFFF)

static int
encode_none(struct encoded *encoded)
{
    encoded->is_null = true;
    return 0;
}

/* true and false are constants: a bool has no subclasses. */
static int
encode_bool(PyObject *value, struct dsql__buffer *buffer, struct encoded *encoded)
{
    encoded->type = OID_bool;
    encoded->binary = true;
    dsql__put_byte(buffer, value == Py_True);
    return 0;
}

/* Writes what another object stands for, which must not stand for one again. */
static int
encode_instead(struct codec *codec, PyObject *given, PyObject *instead, struct dsql__buffer *buffer,
               struct encoded *encoded)
{
    if (instead == NULL) {
        return -1;
    }
    int kind = kind_of(codec, instead), failure = -1;
    bool again = kind == KIND_NUMPY_ARRAY || kind == KIND_ENUM || kind == KIND_INDEX ||
                 (kind == KIND_NUMPY_SCALAR && kind_of(codec, given) != KIND_NUMPY_ARRAY);
    if (again || kind == KIND_UNKNOWN) {
        data_error(codec, "a value of type %s has no form in SQL", Py_TYPE(given)->tp_name);
    } else if (kind > 0) {
        failure = encode_value(codec, instead, buffer, encoded);
    }
    Py_DECREF(instead);
    return failure;
}

/* numpy.datetime64 and timedelta64 become an int where Python's classes lack
 * their precision, and None for NaT: not what the program means. */
static int
encode_numpy_scalar(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
                    struct encoded *encoded)
{
    PyObject *item = PyObject_CallMethod(value, "item", NULL);
    bool is_time = strstr(Py_TYPE(value)->tp_name, "datetime64") != NULL ||
                   strstr(Py_TYPE(value)->tp_name, "timedelta64") != NULL;
    if (item != NULL && is_time && (item == Py_None || PyLong_Check(item))) {
        Py_DECREF(item);
        data_error(codec,
                   "a %s that is NaT, or counts in units that Python lacks, has no form in "
                   "SQL; give None, or convert it to microseconds",
                   Py_TYPE(value)->tp_name);
        return -1;
    }
    return encode_instead(codec, value, item, buffer, encoded);
}

static int
encode_numpy_array(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
                   struct encoded *encoded)
{
    return encode_instead(codec, value, numpy_list(value), buffer, encoded);
}

/* A member that is no other class's value too; a combination of flags may have
 * no name. */
static int
encode_enum(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
            struct encoded *encoded)
{
    PyObject *name = PyObject_GetAttrString(value, "name");
    int failure = -1;
    if (name != NULL && PyUnicode_Check(name)) {
        failure = encode_str(codec, name, buffer, encoded);
    } else if (name != NULL) {
        data_error(codec, "a %s without a name has no form in SQL", Py_TYPE(value)->tp_name);
    }
    Py_XDECREF(name);
    return failure;
}

static int
encode_other(struct codec *codec, int kind, PyObject *value, struct dsql__buffer *buffer,
             struct encoded *encoded)
{
    switch (kind) {
    case KIND_ENUM:
        return encode_enum(codec, value, buffer, encoded);
    case KIND_INDEX:
        return encode_instead(codec, value, PyNumber_Index(value), buffer, encoded);
    case KIND_NUMPY_SCALAR:
        return encode_numpy_scalar(codec, value, buffer, encoded);
    case KIND_NUMPY_ARRAY:
        return encode_numpy_array(codec, value, buffer, encoded);
    case KIND_NOT_A_TIME:
        data_error(codec, "pandas.NaT has no form in SQL; give None for NULL");
        return -1;
    case KIND_UNKNOWN:
        data_error(codec, "a value of type %s has no form in SQL", Py_TYPE(value)->tp_name);
        return -1;
    default:
        return -1;
    }
}

int
encode_value(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
             struct encoded *encoded)
{
    int kind = kind_of(codec, value);
    encoded->type = 0;
    encoded->is_null = encoded->binary = false;
    switch (kind) {
    case KIND_NONE:
        return encode_none(encoded);
    case KIND_BOOL:
        return encode_bool(value, buffer, encoded);
    case KIND_INT:
        return encode_int(codec, value, buffer, encoded);
    case KIND_FLOAT:
        return encode_float(codec, value, buffer, encoded);
    case KIND_STR:
        return encode_str(codec, value, buffer, encoded);
    case KIND_BYTES:
        return encode_bytes(codec, value, buffer, encoded);
    case KIND_LIST:
        return encode_list(codec, value, buffer, encoded);
    case KIND_DICT:
    case KIND_JSON:
        return encode_json(codec, value, buffer, encoded);
    case KIND_DECIMAL:
        return encode_decimal(codec, value, buffer, encoded);
    case KIND_UUID:
        return encode_uuid(codec, value, buffer, encoded);
    case KIND_ADDRESS:
        return encode_address(codec, value, buffer, encoded);
    case KIND_DATETIME:
        return encode_datetime(codec, value, buffer, encoded);
    case KIND_DATE:
        return encode_date(codec, value, buffer, encoded);
    case KIND_TIME:
        return encode_time(codec, value, buffer, encoded);
    case KIND_TIMEDELTA:
        return encode_timedelta(codec, value, buffer, encoded);
    default:
        return encode_other(codec, kind, value, buffer, encoded);
    }
}

int
encode(struct codec *codec, PyObject *value, struct dsql__buffer *buffer, struct encoded *encoded)
{
    size_t before = dsql__buffer_length(buffer);
    int failure = encode_value(codec, value, buffer, encoded);
    encoded->offset = before;
    encoded->length = dsql__buffer_length(buffer) - before;
    if (failure == 0 && buffer->failed) {
        PyErr_NoMemory();
        failure = -1;
    }
    if (failure == 0 && encoded->length > LENGTH_MAX) {
        data_error(codec, "a value of %zu bytes is longer than PostgreSQL's 1 GB", encoded->length);
        failure = -1;
    }
    if (failure != 0) {
        buffer->end = buffer->start + before;
    }
    return failure;
}
