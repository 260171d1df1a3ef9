/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading booleans, integers, floating point numbers and OIDs. */
#include "codec_private.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

PyObject *
decode_bool(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return length == 1 ? PyBool_FromLong(*data != 0) : wrong_bytes(decoder);
}

PyObject *
decode_int2(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return length == 2 ? PyLong_FromLong((int16_t)read_uint16(data)) : wrong_bytes(decoder);
}

PyObject *
decode_int4(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return length == 4 ? PyLong_FromLong((int32_t)read_uint32(data)) : wrong_bytes(decoder);
}

PyObject *
decode_int8(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return length == 8 ? PyLong_FromLongLong((int64_t)read_uint64(data)) : wrong_bytes(decoder);
}

PyObject *
decode_xid8(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return length == 8 ? PyLong_FromUnsignedLongLong(read_uint64(data)) : wrong_bytes(decoder);
}

/* The double that stands for the shortest decimal of a real, as PostgreSQL's own text has it: 0.1,
 * where its bits alone would give 0.10000000149011612. */
static double
widen(float value)
{
    char text[32];
    double wide = value;
    if (!isfinite(value) || (value == truncf(value) && fabsf(value) < 1e6f)) {
        return wide;
    }
    int fewest = fabsf(value) < FLT_MIN ? 1 : FLT_DIG; /* near 0 there are fewer */
    for (int digits = fewest; digits <= FLT_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        wide = strtod(text, NULL);
        /* A decimal halfway to the next real stands for neither. */
        double beyond = nextafter(wide, wide > value ? HUGE_VAL : -HUGE_VAL);
        if ((float)beyond == value) {
            break;
        }
    }
    return wide;
}

PyObject *
decode_float4(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    if (length != 4) {
        return wrong_bytes(decoder);
    }
    uint32_t bits = read_uint32(data);
    float value;
    memcpy(&value, &bits, sizeof value);
    return PyFloat_FromDouble(widen(value));
}

PyObject *
decode_float8(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return length == 8 ? PyFloat_FromDouble(read_double(data)) : wrong_bytes(decoder);
}

/* OIDs, and the types that are one. */
#define UNSIGNED(name)                                                                             \
    PyObject *decode_##name(const struct decoder *decoder, const char *data, Py_ssize_t length)    \
    {                                                                                              \
        return length == 4 ? PyLong_FromUnsignedLong(read_uint32(data)) : wrong_bytes(decoder);    \
    }

UNSIGNED(oid)
UNSIGNED(xid)
UNSIGNED(cid)
UNSIGNED(regproc)
UNSIGNED(regprocedure)
UNSIGNED(regoper)
UNSIGNED(regoperator)
UNSIGNED(regclass)
UNSIGNED(regtype)
UNSIGNED(regconfig)
UNSIGNED(regdictionary)
UNSIGNED(regnamespace)
UNSIGNED(regrole)
UNSIGNED(regcollation)
