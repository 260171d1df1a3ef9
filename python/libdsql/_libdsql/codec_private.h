/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the files of the codec share: the classes it knows, big-endian numbers,
 * errors, and the functions for each kind of value. */
#ifndef LIBDSQL_CODEC_PRIVATE_H
#define LIBDSQL_CODEC_PRIVATE_H

#include "codec.h"
#include "oids.h"

#include <string.h>

#define ADDRESS_CLASSES 6

/* Members are NULL until they are needed, but for the first three. */
struct codec {
    PyObject *data_error;
    PyObject *json_class; /* libdsql.Json */
    PyObject *kinds;      /* dict: a class to the enum kind of its values */
    PyObject *decimal_class;
    PyObject *decimal_create; /* create_decimal() of a context without limits */
    PyObject *uuid_class, *uuid_int, *uuid_is_safe; /* its slots' descriptors */
    PyObject *uuid_unknown;                         /* the value of is_safe */
    PyObject *address_classes[ADDRESS_CLASSES];     /* see decode_text.c */
    PyObject *json_dumps;
    PyObject *datetime_capsule; /* keeps what the next member points to */
    void *datetime;             /* PyDateTime_CAPI */
};

/* Fills a member with module.name, unless it is there. 0, or -1 with an
 * exception. */
int codec_load(PyObject **member, const char *module_name, const char *name);
/* The same for members that need more. */
int codec_load_decimal(struct codec *codec);
int codec_load_uuid(struct codec *codec);
int codec_load_datetime(struct codec *codec);

/* Raises DataError; returns NULL. */
PyObject *data_error(struct codec *codec, const char *format, ...);
/* The same in place of the exception that is set, which becomes its cause. */
void data_error_from_current(struct codec *codec, const char *format, ...);
/* DataError: the server sent bytes that are no value of the column's type. */
PyObject *wrong_bytes(const struct decoder *decoder);

/* The class Json. New reference. */
PyObject *json_class_new(void);
/* Its value. Borrowed. */
PyObject *json_class_value(PyObject *json);

/* ----------------------------------------------------------------- numbers */

static inline uint16_t
read_uint16(const char *data)
{
    uint16_t value;
    memcpy(&value, data, sizeof value);
    return (uint16_t)(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(value) : value);
}

static inline uint32_t
read_uint32(const char *data)
{
    uint32_t value;
    memcpy(&value, data, sizeof value);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(value) : value;
}

static inline uint64_t
read_uint64(const char *data)
{
    uint64_t value;
    memcpy(&value, data, sizeof value);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(value) : value;
}

static inline void
put_uint64(struct dsql__buffer *buffer, uint64_t value)
{
    value = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(value) : value;
    dsql__buffer_put(buffer, &value, sizeof value);
}

static inline double
read_double(const char *data)
{
    uint64_t bits = read_uint64(data);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void
put_double(struct dsql__buffer *buffer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_uint64(buffer, bits);
}

/* ---------------------------------------------------------------- decoding */

/* decode_int4() and so on: what struct decoder's `decode` says. */
#define DECODE_DECLARATION(name, oid, array, atomic)                                               \
    PyObject *decode_##name(const struct decoder *decoder, const char *data, Py_ssize_t length);
OIDS(DECODE_DECLARATION)
#undef DECODE_DECLARATION
PyObject *decode_bytes(const struct decoder *decoder, const char *data, Py_ssize_t length);
PyObject *decode_array(const struct decoder *decoder, const char *data, Py_ssize_t length);

/* ---------------------------------------------------------------- encoding */

/* What a value is to PostgreSQL, by its Python class. */
enum kind {
    KIND_NONE = 1,
    KIND_BOOL,
    KIND_INT,
    KIND_FLOAT,
    KIND_STR,
    KIND_BYTES, /* and bytearray, memoryview */
    KIND_LIST,  /* and tuple */
    KIND_DICT,
    KIND_DECIMAL,
    KIND_UUID,
    KIND_DATETIME,
    KIND_DATE,
    KIND_TIME,
    KIND_TIMEDELTA,
    KIND_ADDRESS, /* all classes of ipaddress */
    KIND_ENUM,    /* no other class's value too */
    KIND_JSON,
    KIND_NUMPY_SCALAR,
    KIND_NUMPY_ARRAY,
    KIND_NOT_A_TIME, /* pandas.NaT */
    KIND_INDEX,      /* has __index__() */
    KIND_UNKNOWN,
};

/* KIND_..., or -1 with an exception. */
int kind_of(struct codec *codec, PyObject *value);

/* encode() without its last checks: fills type, binary and is_null, and writes
 * behind the end of the buffer. */
int encode_value(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
                 struct encoded *encoded);

typedef int encode_function(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
                            struct encoded *encoded);
encode_function encode_int, encode_float, encode_decimal;
encode_function encode_str, encode_bytes, encode_uuid, encode_json, encode_address;
encode_function encode_datetime, encode_date, encode_time, encode_timedelta;
encode_function encode_list;

/* The decimal number that text is, as numeric: what str() makes of Decimal, int
 * and float. */
int put_numeric(struct codec *codec, const char *text, size_t length, struct dsql__buffer *buffer);

/* The values of a numpy array: a list (of lists, or of arrays), or one value. New
 * reference. */
PyObject *numpy_list(PyObject *array);

#endif
