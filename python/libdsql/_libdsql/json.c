/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* libdsql.Json: a parameter that is sent as JSON, whatever its class. */
#include "codec_private.h"

#include <stddef.h>
#include <structmember.h>

struct json {
    PyObject_HEAD PyObject *value;
};

static PyObject *
json_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"value", NULL};
    PyObject *value;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:Json", names, &value)) {
        return NULL;
    }
    struct json *self = (struct json *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->value = Py_NewRef(value);
    }
    return (PyObject *)self;
}

static PyObject *
json_repr(PyObject *self)
{
    return PyUnicode_FromFormat("Json(%R)", json_class_value(self));
}

static int
json_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct json *)self)->value);
    return 0;
}

static int
json_clear(PyObject *self)
{
    Py_CLEAR(((struct json *)self)->value);
    return 0;
}

static void
json_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    json_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(json_doc, "Json(value)\n--\n\n"
                       "A parameter that is sent as JSON text, written by json.dumps: for values\n"
                       "that are something else to SQL, such as lists, strings and None.");

static PyMemberDef json_members[] = {
    {"value", T_OBJECT, offsetof(struct json, value), READONLY, "The value to send."},
    {NULL, 0, 0, 0, NULL},
};

/* CPython declares a slot's function as void *, which ISO C cannot convert. */
#define SLOT(function) ((void *)(uintptr_t)(function))

PyObject *
json_class_new(void)
{
    PyType_Slot slots[] = {
        {Py_tp_new, SLOT(json_new)},           {Py_tp_repr, SLOT(json_repr)},
        {Py_tp_traverse, SLOT(json_traverse)}, {Py_tp_clear, SLOT(json_clear)},
        {Py_tp_dealloc, SLOT(json_dealloc)},   {Py_tp_doc, (void *)(uintptr_t)json_doc},
        {Py_tp_members, json_members},         {0, NULL},
    };
    PyType_Spec spec = {
        .name = "libdsql.Json",
        .basicsize = sizeof(struct json),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    return PyType_FromSpec(&spec);
}

PyObject *
json_class_value(PyObject *json)
{
    return ((struct json *)json)->value;
}
