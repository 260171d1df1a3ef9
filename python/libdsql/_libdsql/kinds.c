/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a Python value is to PostgreSQL: known by its class, and by the names of
 * classes whose modules are not imported for that. */
#include "codec_private.h"

#include <datetime.h>

/* Classes made by a program in a loop are not kept for ever. */
#define KINDS_KEPT 256

static const struct {
    const char *package, *name;
    enum kind kind;
} named[] = {
    {"decimal", "Decimal", KIND_DECIMAL},
    {"uuid", "UUID", KIND_UUID},
    {"enum", "Enum", KIND_ENUM},
    {"ipaddress", "IPv4Address", KIND_ADDRESS},
    {"ipaddress", "IPv4Network", KIND_ADDRESS},
    {"ipaddress", "IPv6Address", KIND_ADDRESS},
    {"ipaddress", "IPv6Network", KIND_ADDRESS}, /* interfaces are addresses */
    {"numpy", "generic", KIND_NUMPY_SCALAR},
    {"numpy", "ndarray", KIND_NUMPY_ARRAY},
    {"pandas", "NaTType", KIND_NOT_A_TIME},
};

static int
builtin_kind(struct codec *codec, PyTypeObject *type)
{
    PyDateTime_CAPI *api = codec->datetime;
    const struct {
        const void *type;
        enum kind kind;
    } classes[] = {
        {&PyBool_Type, KIND_BOOL},
        {&PyLong_Type, KIND_INT},
        {&PyFloat_Type, KIND_FLOAT},
        {&PyUnicode_Type, KIND_STR},
        {&PyBytes_Type, KIND_BYTES},
        {&PyByteArray_Type, KIND_BYTES},
        {&PyMemoryView_Type, KIND_BYTES},
        {&PyList_Type, KIND_LIST},
        {&PyTuple_Type, KIND_LIST},
        {&PyDict_Type, KIND_DICT},
        {api ? api->DateTimeType : NULL, KIND_DATETIME},
        {api ? api->DateType : NULL, KIND_DATE},
        {api ? api->TimeType : NULL, KIND_TIME},
        {api ? api->DeltaType : NULL, KIND_TIMEDELTA},
        {codec->json_class, KIND_JSON},
    };
    (void)PyDateTimeAPI;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if ((const void *)type == classes[i].type) {
            return classes[i].kind;
        }
    }
    return KIND_UNKNOWN;
}

/* 1: the class is of this package, 0: of another, -1: an exception. */
static int
is_of_package(PyTypeObject *type, const char *name)
{
    PyObject *module = PyObject_GetAttrString((PyObject *)type, "__module__");
    if (module == NULL) {
        return -1;
    }
    const char *text = PyUnicode_Check(module) ? PyUnicode_AsUTF8(module) : "";
    size_t length = strlen(name);
    int same = text == NULL ? -1
                            : strncmp(text, name, length) == 0 &&
                                  (text[length] == '\0' || text[length] == '.');
    Py_DECREF(module);
    return same;
}

static int
named_kind(PyTypeObject *type)
{
    const char *dot = strrchr(type->tp_name, '.');
    const char *name = dot ? dot + 1 : type->tp_name;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (strcmp(name, named[i].name) == 0) {
            int same = is_of_package(type, named[i].package);
            if (same != 0) {
                return same < 0 ? -1 : (int)named[i].kind;
            }
        }
    }
    return KIND_UNKNOWN;
}

/* By the first class of the method resolution order that is known. */
static int
kind_of_class(struct codec *codec, PyTypeObject *type)
{
    int kind = KIND_UNKNOWN;
    PyObject *order = Py_NewRef(type->tp_mro);
    for (Py_ssize_t i = 0; kind == KIND_UNKNOWN && i < PyTuple_GET_SIZE(order); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(order, i);
        kind = builtin_kind(codec, base);
        if (kind == KIND_UNKNOWN) {
            kind = named_kind(base);
        }
    }
    Py_DECREF(order);
    if (kind == KIND_UNKNOWN && type->tp_as_number != NULL &&
        type->tp_as_number->nb_index != NULL) {
        kind = KIND_INDEX;
    }
    return kind;
}

static int
keep_kind(struct codec *codec, PyTypeObject *type, int kind)
{
    if (PyDict_GET_SIZE(codec->kinds) >= KINDS_KEPT) {
        PyDict_Clear(codec->kinds);
    }
    PyObject *number = PyLong_FromLong(kind);
    int failure = number ? PyDict_SetItem(codec->kinds, (PyObject *)type, number) : -1;
    Py_XDECREF(number);
    return failure == 0 ? kind : -1;
}

int
kind_of(struct codec *codec, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (value == Py_None) {
        return KIND_NONE;
    }
    if (type == &PyUnicode_Type) {
        return KIND_STR;
    }
    if (type == &PyLong_Type) {
        return KIND_INT;
    }
    if (type == &PyFloat_Type) {
        return KIND_FLOAT;
    }
    PyObject *known = PyDict_GetItemWithError(codec->kinds, (PyObject *)type);
    if (known != NULL || PyErr_Occurred()) {
        return known != NULL ? (int)PyLong_AsLong(known) : -1;
    }
    int kind = builtin_kind(codec, type);
    if (kind == KIND_UNKNOWN) {
        if (codec->datetime == NULL && codec_load_datetime(codec) != 0) {
            return -1;
        }
        kind = kind_of_class(codec, type);
    }
    return kind > 0 ? keep_kind(codec, type, kind) : -1;
}
