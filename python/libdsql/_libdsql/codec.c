/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the codec knows of Python: classes that it makes values of, imported
 * when the first such value comes, and its errors. See codec.h. */
#include "codec_private.h"
#include "exception.h"

#include <datetime.h>

struct codec *
codec_new(PyObject *data_error_class)
{
    struct codec *codec = PyMem_Calloc(1, sizeof *codec);
    if (codec == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    codec->data_error = Py_NewRef(data_error_class);
    codec->json_class = json_class_new();
    codec->kinds = PyDict_New();
    if (codec->json_class == NULL || codec->kinds == NULL) {
        codec_free(codec);
        return NULL;
    }
    return codec;
}

PyObject *
codec_json_class(struct codec *codec)
{
    return codec->json_class;
}

int
codec_traverse(struct codec *codec, visitproc visit, void *arg)
{
    Py_VISIT(codec->data_error);
    Py_VISIT(codec->json_class);
    Py_VISIT(codec->kinds);
    Py_VISIT(codec->decimal_class);
    Py_VISIT(codec->decimal_create);
    Py_VISIT(codec->uuid_class);
    Py_VISIT(codec->uuid_int);
    Py_VISIT(codec->uuid_is_safe);
    Py_VISIT(codec->uuid_unknown);
    for (int i = 0; i < ADDRESS_CLASSES; i++) {
        Py_VISIT(codec->address_classes[i]);
    }
    Py_VISIT(codec->json_dumps);
    Py_VISIT(codec->datetime_capsule);
    return 0;
}

void
codec_clear(struct codec *codec)
{
    Py_CLEAR(codec->data_error);
    Py_CLEAR(codec->json_class);
    Py_CLEAR(codec->kinds);
    Py_CLEAR(codec->decimal_class);
    Py_CLEAR(codec->decimal_create);
    Py_CLEAR(codec->uuid_class);
    Py_CLEAR(codec->uuid_int);
    Py_CLEAR(codec->uuid_is_safe);
    Py_CLEAR(codec->uuid_unknown);
    for (int i = 0; i < ADDRESS_CLASSES; i++) {
        Py_CLEAR(codec->address_classes[i]);
    }
    Py_CLEAR(codec->json_dumps);
    codec->datetime = NULL;
    Py_CLEAR(codec->datetime_capsule);
}

void
codec_free(struct codec *codec)
{
    if (codec != NULL) {
        codec_clear(codec);
        PyMem_Free(codec);
    }
}

static PyObject *
imported(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return value;
}

/* Takes value. An import lets other threads run: the first that comes here wins. */
static void
keep(PyObject **member, PyObject *value)
{
    if (*member == NULL) {
        *member = value;
    } else {
        Py_DECREF(value);
    }
}

int
codec_load(PyObject **member, const char *module_name, const char *name)
{
    PyObject *value = *member == NULL ? imported(module_name, name) : NULL;
    if (value != NULL) {
        keep(member, value);
    }
    return *member != NULL ? 0 : -1;
}

/* A context that rounds nothing: its create_decimal() makes the same of a text as
 * Decimal() does, without looking up the thread's context and without a tuple
 * of arguments. */
static PyObject *
new_exact_create(void)
{
    PyObject *create = NULL, *arguments = NULL, *keywords = NULL;
    PyObject *class = imported("decimal", "Context");
    PyObject *precision = class ? imported("decimal", "MAX_PREC") : NULL;
    PyObject *largest = precision ? imported("decimal", "MAX_EMAX") : NULL;
    PyObject *smallest = largest ? imported("decimal", "MIN_EMIN") : NULL;
    if (smallest != NULL) {
        arguments = PyTuple_New(0);
        keywords = Py_BuildValue("{s:O,s:O,s:O,s:[]}", "prec", precision, "Emax", largest, "Emin",
                                 smallest, "traps");
    }
    if (arguments != NULL && keywords != NULL) {
        PyObject *context = PyObject_Call(class, arguments, keywords);
        create = context ? PyObject_GetAttrString(context, "create_decimal") : NULL;
        Py_XDECREF(context);
    }
    Py_XDECREF(keywords);
    Py_XDECREF(arguments);
    Py_XDECREF(smallest);
    Py_XDECREF(largest);
    Py_XDECREF(precision);
    Py_XDECREF(class);
    return create;
}

int
codec_load_decimal(struct codec *codec)
{
    PyObject *create = new_exact_create();
    if (create == NULL) {
        return -1;
    }
    keep(&codec->decimal_create, create);
    return 0;
}

static bool
is_slot(PyObject *descriptor)
{
    if (descriptor != NULL && Py_TYPE(descriptor) != &PyMemberDescr_Type) {
        PyErr_SetString(PyExc_TypeError, "uuid.UUID of this Python has no slots");
    }
    return descriptor != NULL && Py_TYPE(descriptor) == &PyMemberDescr_Type;
}

/* UUID keeps its number and a hint in two slots. */
int
codec_load_uuid(struct codec *codec)
{
    int failure = -1;
    PyObject *class = imported("uuid", "UUID");
    PyObject *safe = class ? imported("uuid", "SafeUUID") : NULL;
    PyObject *unknown = safe ? PyObject_GetAttrString(safe, "unknown") : NULL;
    PyObject *number = unknown ? PyObject_GetAttrString(class, "int") : NULL;
    PyObject *is_safe = number ? PyObject_GetAttrString(class, "is_safe") : NULL;
    if (is_safe != NULL && is_slot(number) && is_slot(is_safe)) {
        keep(&codec->uuid_unknown, Py_NewRef(unknown));
        keep(&codec->uuid_int, Py_NewRef(number));
        keep(&codec->uuid_is_safe, Py_NewRef(is_safe));
        keep(&codec->uuid_class, Py_NewRef(class));
        failure = 0;
    }
    Py_XDECREF(is_safe);
    Py_XDECREF(number);
    Py_XDECREF(unknown);
    Py_XDECREF(safe);
    Py_XDECREF(class);
    return failure;
}

/* The API belongs to the interpreter's own module, so it is kept here and not
 * in the static variable of datetime.h. */
int
codec_load_datetime(struct codec *codec)
{
    (void)PyDateTimeAPI;
    if (codec_load(&codec->datetime_capsule, "datetime", "datetime_CAPI") != 0) {
        return -1;
    }
    codec->datetime = PyCapsule_GetPointer(codec->datetime_capsule, PyDateTime_CAPSULE_NAME);
    return codec->datetime != NULL ? 0 : -1;
}

/* ------------------------------------------------------------------ errors */

PyObject *
data_error(struct codec *codec, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    PyErr_FormatV(codec->data_error, format, arguments);
    va_end(arguments);
    return NULL;
}

void
data_error_from_current(struct codec *codec, const char *format, ...)
{
    va_list arguments;
    PyObject *cause = exception_take();
    va_start(arguments, format);
    PyErr_FormatV(codec->data_error, format, arguments);
    va_end(arguments);
    PyObject *error = exception_take();
    PyException_SetCause(error, cause);
    exception_raise(error);
}
