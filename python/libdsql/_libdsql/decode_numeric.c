/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading numeric: the digits are written out in ASCII and handed to Decimal,
 * which is exact, keeps the scale, and needs nothing of Decimal's insides. */
#include "codec_private.h"

/* The head: digits, weight (the first digit counts 10000^weight), sign, scale
 * (decimal places to show), 16 bits each; then the digits of base 10000. */
struct numeric {
    int count, weight, scale;
    uint16_t sign;
    const char *digits;
};

#define SIGN_NEGATIVE 0x4000
#define SIGN_NAN 0xC000
#define SIGN_INFINITY 0xD000
#define SIGN_MINUS_INFINITY 0xF000
#define SCALE_MAX 0x3FFF

/* The digit that counts 10000^weight; 10000 or more: no number. */
static unsigned
digit_at(const struct numeric *number, int weight)
{
    int index = number->weight - weight;
    return index >= 0 && index < number->count ? read_uint16(number->digits + 2 * index) : 0;
}

static char *
write_four(char *at, unsigned value)
{
    unsigned high = value / 100, low = value % 100;
    at[0] = (char)('0' + high / 10);
    at[1] = (char)('0' + high % 10);
    at[2] = (char)('0' + low / 10);
    at[3] = (char)('0' + low % 10);
    return at + 4;
}

/* The most bytes that write_number() uses. */
static size_t
room_for(const struct numeric *number)
{
    size_t before = number->weight >= 0 ? 4 * ((size_t)number->weight + 1) : 1;
    return 1 + before + 1 + (size_t)number->scale + 4;
}

static char *
write_number(const struct numeric *number, char *at)
{
    if (number->sign == SIGN_NEGATIVE) {
        *at++ = '-';
    }
    char *first = at;
    for (int weight = number->weight; weight >= 0; weight--) {
        at = write_four(at, digit_at(number, weight));
        if (weight == number->weight) { /* no zeros in front */
            int zeros = 0;
            while (zeros < 4 && first[zeros] == '0') {
                zeros++;
            }
            memmove(first, first + zeros, 4 - (size_t)zeros);
            at -= zeros;
        }
    }
    if (at == first) {
        *at++ = '0';
    }
    if (number->scale > 0) {
        *at++ = '.';
        char *end = at + number->scale;
        for (int weight = -1; at < end; weight--) {
            at = write_four(at, digit_at(number, weight));
        }
        at = end;
    }
    return at;
}

static PyObject *
decimal_of(struct codec *codec, const char *text, size_t length)
{
    PyObject *argument = PyUnicode_New((Py_ssize_t)length, 127);
    if (argument == NULL) {
        return NULL;
    }
    memcpy(PyUnicode_1BYTE_DATA(argument), text, length);
    PyObject *value = PyObject_CallOneArg(codec->decimal_create, argument);
    Py_DECREF(argument);
    if (value != NULL && PyObject_GC_IsTracked(value)) {
        PyObject_GC_UnTrack(value); /* since 3.13; it refers to its type only */
    }
    return value;
}

static bool
read_numeric(struct numeric *number, const char *data, Py_ssize_t length)
{
    if (length < 8) {
        return false;
    }
    number->count = read_uint16(data);
    number->weight = (int16_t)read_uint16(data + 2);
    number->sign = read_uint16(data + 4);
    number->scale = read_uint16(data + 6);
    number->digits = data + 8;
    if (length != 8 + 2 * (Py_ssize_t)number->count || number->scale > SCALE_MAX) {
        return false;
    }
    for (int i = 0; i < number->count; i++) {
        if (read_uint16(number->digits + 2 * i) > 9999) {
            return false;
        }
    }
    return true;
}

PyObject *
decode_numeric(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    struct codec *codec = decoder->codec;
    struct numeric number;
    char small[256];
    if (codec->decimal_create == NULL && codec_load_decimal(codec) != 0) {
        return NULL;
    }
    if (!read_numeric(&number, data, length)) {
        return wrong_bytes(decoder);
    }
    switch (number.sign) {
    case 0:
    case SIGN_NEGATIVE:
        break;
    case SIGN_NAN:
        return decimal_of(codec, "NaN", 3);
    case SIGN_INFINITY:
        return decimal_of(codec, "Infinity", 8);
    case SIGN_MINUS_INFINITY:
        return decimal_of(codec, "-Infinity", 9);
    default:
        return wrong_bytes(decoder);
    }
    size_t room = room_for(&number);
    char *text = room <= sizeof small ? small : PyMem_Malloc(room);
    if (text == NULL) {
        return PyErr_NoMemory();
    }
    char *end = write_number(&number, text);
    PyObject *value = decimal_of(codec, text, (size_t)(end - text));
    if (text != small) {
        PyMem_Free(text);
    }
    return value;
}
