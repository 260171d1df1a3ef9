/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading what is text or bytes on the wire: strings, JSON, bytea, UUIDs and
 * addresses. */
#include "codec_private.h"

PyObject *
decode_text(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    PyObject *value = PyUnicode_DecodeUTF8(data, length, NULL);
    if (value == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        data_error_from_current(decoder->codec, "the server sent text that is not UTF-8");
    }
    return value;
}

#define TEXT(name)                                                                                 \
    PyObject *decode_##name(const struct decoder *decoder, const char *data, Py_ssize_t length)    \
    {                                                                                              \
        return decode_text(decoder, data, length);                                                 \
    }

TEXT(name)
TEXT(xml)
TEXT(pg_node_tree)
TEXT(unknown)
TEXT(bpchar)
TEXT(varchar)
TEXT(refcursor)
TEXT(cstring)
TEXT(void)

/* "char": one byte. Its text is empty for 0, and "\ooo" for what is not ASCII. */
PyObject *
decode_char(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    if (length != 1) {
        return wrong_bytes(decoder);
    }
    unsigned char byte = (unsigned char)*data;
    return byte < 0x80 ? PyUnicode_FromStringAndSize(data, byte != 0)
                       : PyUnicode_FromFormat("\\%d%d%d", byte >> 6, byte >> 3 & 7, byte & 7);
}

PyObject *
decode_bytes(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    (void)decoder;
    return PyBytes_FromStringAndSize(data, length);
}

PyObject *
decode_bytea(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return decode_bytes(decoder, data, length);
}

PyObject *
decode_json(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    PyObject *text = decode_text(decoder, data, length);
    if (text == NULL || decoder->json_loads == NULL) {
        return text;
    }
    PyObject *value = PyObject_CallOneArg(decoder->json_loads, text);
    Py_DECREF(text);
    return value;
}

PyObject *
decode_jsonb(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    /* The first byte is the version of the format. */
    return length > 0 && *data == 1 ? decode_json(decoder, data + 1, length - 1)
                                    : wrong_bytes(decoder);
}

static PyObject *
int_of_bytes(const char *data, size_t length)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyLong_FromUnsignedNativeBytes(data, length, Py_ASNATIVEBYTES_BIG_ENDIAN);
#else
    return _PyLong_FromByteArray((const unsigned char *)data, length, 0, 0);
#endif
}

/* UUID.__init__() costs twenty times as much as the rest of a row's column: the
 * two slots of a new object are set through their descriptors instead. */
PyObject *
decode_uuid(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    struct codec *codec = decoder->codec;
    if (length != 16) {
        return wrong_bytes(decoder);
    }
    if (codec->uuid_class == NULL && codec_load_uuid(codec) != 0) {
        return NULL;
    }
    PyObject *number = int_of_bytes(data, 16);
    if (number == NULL) {
        return NULL;
    }
    PyTypeObject *type = (PyTypeObject *)codec->uuid_class;
    PyObject *value = type->tp_alloc(type, 0);
    if (value != NULL &&
        (Py_TYPE(codec->uuid_int)->tp_descr_set(codec->uuid_int, value, number) != 0 ||
         Py_TYPE(codec->uuid_is_safe)
                 ->tp_descr_set(codec->uuid_is_safe, value, codec->uuid_unknown) != 0)) {
        Py_CLEAR(value);
    }
    Py_DECREF(number);
    if (value != NULL) {
        PyObject_GC_UnTrack(value); /* an int and a constant: in no cycle */
    }
    return value;
}

static const char *const address_classes[ADDRESS_CLASSES] = {
    "IPv4Network", "IPv6Network", "IPv4Address", "IPv6Address", "IPv4Interface", "IPv6Interface",
};

/* family (2: IPv4, 3: IPv6), bits of the mask, is it a network, length, address */
static PyObject *
decode_internet(const struct decoder *decoder, bool network, const char *data, Py_ssize_t length)
{
    struct codec *codec = decoder->codec;
    if (length < 4 || (data[0] != 2 && data[0] != 3)) {
        return wrong_bytes(decoder);
    }
    int size = data[0] == 2 ? 4 : 16, bits = (unsigned char)data[1];
    if (bits > 8 * size || data[3] != size || length != 4 + size) {
        return wrong_bytes(decoder);
    }
    int class = (network ? 0 : (bits == 8 * size ? 2 : 4)) + (size == 16);
    if (codec_load(&codec->address_classes[class], "ipaddress", address_classes[class]) != 0) {
        return NULL;
    }
    PyObject *made_with = codec->address_classes[class];
    PyObject *value =
        class / 2 == 1
            ? PyObject_CallFunction(made_with, "y#", data + 4, (Py_ssize_t)size)
            : PyObject_CallFunction(made_with, "((y#i))", data + 4, (Py_ssize_t)size, bits);
    if (value == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        data_error_from_current(codec, "the server sent a network with bits outside of its mask");
    }
    return value;
}

PyObject *
decode_inet(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return decode_internet(decoder, false, data, length);
}

PyObject *
decode_cidr(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return decode_internet(decoder, true, data, length);
}
