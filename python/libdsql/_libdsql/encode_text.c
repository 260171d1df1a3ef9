/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing what is text or bytes on the wire: strings, JSON, bytes, UUIDs and
 * addresses. Text goes without a type, so that the server decides. */
#include "codec_private.h"

int
encode_str(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
           struct encoded *encoded)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(value, &length);
    (void)encoded;
    if (text == NULL) {
        if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            data_error_from_current(codec, "a str with a lone surrogate has no form in SQL");
        }
        return -1;
    }
    if (memchr(text, '\0', (size_t)length) != NULL) {
        data_error(codec, "a str with a NUL character has no form in PostgreSQL");
        return -1;
    }
    dsql__buffer_put(buffer, text, (size_t)length);
    return 0;
}

int
encode_bytes(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
             struct encoded *encoded)
{
    Py_buffer view;
    int failure = 0;
    (void)codec;
    encoded->type = OID_bytea;
    encoded->binary = true;
    if (PyObject_GetBuffer(value, &view, PyBUF_FULL_RO) != 0) {
        return -1;
    }
    char *to = dsql__buffer_reserve(buffer, (size_t)view.len);
    if (to != NULL) {
        failure = PyBuffer_ToContiguous(to, &view, view.len, 'C');
        dsql__buffer_commit(buffer, failure == 0 ? (size_t)view.len : 0);
    }
    PyBuffer_Release(&view);
    return failure;
}

/* The number of a UUID as 16 bytes. */
static int
put_uuid_number(struct dsql__buffer *buffer, PyObject *number)
{
    unsigned char bytes[16];
#if PY_VERSION_HEX >= 0x030D0000
    if (PyLong_AsNativeBytes(number, bytes, sizeof bytes,
                             Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER) < 0) {
        return -1;
    }
#else
    if (_PyLong_AsByteArray((PyLongObject *)number, bytes, sizeof bytes, 0, 0) != 0) {
        return -1;
    }
#endif
    dsql__buffer_put(buffer, bytes, sizeof bytes);
    return 0;
}

/* UUID.bytes is computed in Python: the slot is read instead. A subclass may
 * keep its number elsewhere. */
int
encode_uuid(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
            struct encoded *encoded)
{
    if (codec->uuid_class == NULL && codec_load_uuid(codec) != 0) {
        return -1;
    }
    PyObject *slot = codec->uuid_int;
    PyObject *number = Py_IS_TYPE(value, (PyTypeObject *)codec->uuid_class)
                           ? Py_TYPE(slot)->tp_descr_get(slot, value, (PyObject *)Py_TYPE(value))
                           : PyObject_GetAttrString(value, "int");
    int failure = -1;
    encoded->type = OID_uuid;
    encoded->binary = true;
    if (number != NULL && PyLong_Check(number)) {
        failure = put_uuid_number(buffer, number);
    } else if (number != NULL) {
        data_error(codec, "a UUID whose number is no int has no form in SQL");
    }
    Py_XDECREF(number);
    return failure;
}

/* Takes text, which may be NULL with an exception. */
static int
encode_made_text(struct codec *codec, PyObject *text, struct dsql__buffer *buffer,
                 struct encoded *encoded)
{
    int failure = text ? encode_str(codec, text, buffer, encoded) : -1;
    Py_XDECREF(text);
    return failure;
}

int
encode_json(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
            struct encoded *encoded)
{
    if (codec_load(&codec->json_dumps, "json", "dumps") != 0) {
        return -1;
    }
    PyObject *content =
        Py_IS_TYPE(value, (PyTypeObject *)codec->json_class) ? json_class_value(value) : value;
    PyObject *text = PyObject_CallOneArg(codec->json_dumps, content);
    if (text == NULL &&
        (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_ValueError))) {
        data_error_from_current(codec, "a %s that json.dumps() refuses has no form in SQL",
                                Py_TYPE(content)->tp_name);
    }
    return encode_made_text(codec, text, buffer, encoded);
}

int
encode_address(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
               struct encoded *encoded)
{
    return encode_made_text(codec, PyObject_Str(value), buffer, encoded);
}
