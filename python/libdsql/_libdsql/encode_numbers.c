/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing int, float and Decimal. */
#include "codec_private.h"

#include <math.h>

#define INTEGER_DIGITS_MAX 131072
#define SCALE_MAX 16383

/* int4, int8 or numeric: the narrowest that holds the value. */
int
encode_int(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
           struct encoded *encoded)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    encoded->binary = true;
    if (overflow == 0 && number == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow == 0 && number == (int32_t)number) {
        encoded->type = OID_int4;
        dsql__put_int32(buffer, (int32_t)number);
        return 0;
    }
    if (overflow == 0) {
        encoded->type = OID_int8;
        put_uint64(buffer, (uint64_t)number);
        return 0;
    }
    /* A subclass may have another str(). */
    PyObject *text = PyLong_Type.tp_repr(value);
    if (text == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ValueError)) { /* sys.set_int_max_str_digits() */
            data_error_from_current(codec, "an int has more digits than Python writes out; send "
                                           "it as decimal.Decimal or str");
        }
        return -1;
    }
    encoded->type = OID_numeric;
    int failure = put_numeric(codec, (const char *)PyUnicode_1BYTE_DATA(text),
                              (size_t)PyUnicode_GET_LENGTH(text), buffer);
    Py_DECREF(text);
    return failure;
}

int
encode_float(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
             struct encoded *encoded)
{
    (void)codec;
    encoded->type = OID_float8;
    encoded->binary = true;
    put_double(buffer, PyFloat_AS_DOUBLE(value));
    return 0;
}

int
encode_decimal(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
               struct encoded *encoded)
{
    if (codec_load(&codec->decimal_class, "decimal", "Decimal") != 0) {
        return -1;
    }
    /* A subclass may have another str(). */
    PyObject *text = ((PyTypeObject *)codec->decimal_class)->tp_str(value);
    Py_ssize_t length = 0;
    const char *bytes = text ? PyUnicode_AsUTF8AndSize(text, &length) : NULL;
    encoded->type = OID_numeric;
    encoded->binary = true;
    int failure = bytes ? put_numeric(codec, bytes, (size_t)length, buffer) : -1;
    Py_XDECREF(text);
    return failure;
}

/* ------------------------------------------------------- numbers in decimal */

/* coefficient * 10^exponent; the coefficient's digits lie before and after a
 * point, and leading zeros are skipped. */
struct decimal {
    bool negative;
    const char *digits, *point; /* point: NULL without one */
    size_t count;               /* of digits */
    int64_t exponent;
};

static void
put_special(struct dsql__buffer *buffer, uint16_t sign)
{
    dsql__put_int32(buffer, 0);
    dsql__put_int16(buffer, (int16_t)sign);
    dsql__put_int16(buffer, 0);
}

/* -1: no number, or one whose exponent is beyond all limits. */
static int
read_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool negative = at < end && *at == '-';
    int64_t value = 0;
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end) {
        return -1;
    }
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return -1;
        }
        if (value < INT64_C(1000000000000000000) / 10) {
            value = value * 10 + (*at - '0');
        }
    }
    *exponent = negative ? -value : value;
    return 0;
}

static int
read_decimal(struct decimal *decimal, const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    int64_t after = 0;
    *decimal = (struct decimal){.negative = length > 0 && *text == '-'};
    at += decimal->negative;
    decimal->digits = at;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.' && decimal->point == NULL) {
            decimal->point = at;
        } else if (*at < '0' || *at > '9') {
            return -1;
        } else if (decimal->count == 0 && *at == '0') {
            decimal->digits = at + 1;
            after += decimal->point != NULL;
        } else {
            decimal->count++;
            after += decimal->point != NULL;
        }
    }
    if (at < end && read_exponent(at + 1, end, &decimal->exponent) != 0) {
        return -1;
    }
    decimal->exponent -= after;
    return 0;
}

/* The digits as groups of four around the point, which is what base 10000
 * means. */
static void
put_groups(struct dsql__buffer *buffer, const struct decimal *decimal, int64_t before)
{
    int64_t weight = (before - 1 >= 0 ? before - 1 : before - 4) / 4;
    int in_group = (int)(before - 4 * weight); /* digits of the first: 1 to 4 */
    size_t groups = decimal->count ? (decimal->count + (size_t)(4 - in_group) + 3) / 4 : 0;
    const char *at = decimal->digits;
    size_t left = decimal->count;
    uint16_t group = 0;
    dsql__put_int16(buffer, (int16_t)(uint16_t)groups);
    dsql__put_int16(buffer, (int16_t)weight);
    dsql__put_int16(buffer, decimal->negative ? 0x4000 : 0);
    dsql__put_int16(buffer, (int16_t)(decimal->exponent < 0 ? -decimal->exponent : 0));
    for (size_t i = 0; i < groups; i++) {
        for (; in_group > 0; in_group--) {
            at += left > 0 && *at == '.';
            group = (uint16_t)(group * 10 + (left > 0 ? *at++ - '0' : 0));
            left -= left > 0;
        }
        dsql__put_int16(buffer, (int16_t)group);
        group = 0;
        in_group = 4;
    }
}

static bool
begins_with(const char *text, size_t length, const char *start)
{
    size_t of_start = strlen(start);
    return length >= of_start && PyOS_strnicmp(text, start, (Py_ssize_t)of_start) == 0;
}

int
put_numeric(struct codec *codec, const char *text, size_t length, struct dsql__buffer *buffer)
{
    struct decimal decimal;
    bool negative = length > 0 && *text == '-';
    const char *word = text + negative;
    size_t of_word = length - negative;
    if (begins_with(word, of_word, "snan")) {
        data_error(codec, "a signaling NaN has no form in SQL");
        return -1;
    }
    if (begins_with(word, of_word, "nan")) {
        put_special(buffer, 0xC000);
        return 0;
    }
    if (begins_with(word, of_word, "inf")) {
        put_special(buffer, negative ? 0xF000 : 0xD000);
        return 0;
    }
    if (read_decimal(&decimal, text, length) != 0) {
        data_error(codec, "a number's text is not one that numeric has");
        return -1;
    }
    int64_t before = decimal.count > 0 ? (int64_t)decimal.count + decimal.exponent : 1;
    if (before > INTEGER_DIGITS_MAX || decimal.exponent < -SCALE_MAX) {
        data_error(codec,
                   "a number with more than %d digits before or %d after the point has no form "
                   "in PostgreSQL",
                   INTEGER_DIGITS_MAX, SCALE_MAX);
        return -1;
    }
    if (decimal.count == 0) {
        decimal.negative = false; /* numeric has no -0 */
    }
    put_groups(buffer, &decimal, before);
    return 0;
}
