/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The columns of results: Column, what describes one, and shapes, which keep
 * decoders and description for the next result with the same columns. */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "oids.h"

/* ------------------------------------------------------------------ Column */

static PyStructSequence_Field fields[] = {
    {"name", "as the statement names it"},
    {"type_code", "PostgreSQL's OID of the type"},
    {"display_size", "None"},
    {"internal_size", "bytes of a value, None where they vary"},
    {"precision", "of a numeric that has one"},
    {"scale", "of a numeric that has one"},
    {"null_ok", "None: not known"},
    {NULL, NULL},
};

static PyStructSequence_Desc column_description = {
    .name = "libdsql.Column",
    .doc = "A column of a result, as PEP 249 has it.",
    .fields = fields,
    .n_in_sequence = 7,
};

int
column_type_add(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    state->column_type = PyStructSequence_NewType(&column_description);
    return state->column_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Column", (PyObject *)state->column_type);
}

#define MODIFIER_HEADER 4 /* what PostgreSQL adds to a numeric's modifier */

static PyObject *
number_or_none(bool there, long number)
{
    return there ? PyLong_FromLong(number) : Py_NewRef(Py_None);
}

static PyObject *
column_new(struct module_state *state, const struct dsql_column *column)
{
    bool sized = column->type == OID_numeric && column->modifier >= MODIFIER_HEADER;
    int modifier = sized ? column->modifier - MODIFIER_HEADER : 0;
    /* 16 bits of precision, then 11 of scale, which may be negative. */
    int scale = ((modifier & 0x7ff) ^ 1024) - 1024;
    PyObject *values[] = {
        PyUnicode_DecodeUTF8(column->name, (Py_ssize_t)strlen(column->name), "replace"),
        PyLong_FromUnsignedLong(column->type),
        Py_NewRef(Py_None),
        number_or_none(column->size > 0, column->size),
        number_or_none(sized, modifier >> 16 & 0xffff),
        number_or_none(sized, scale),
        Py_NewRef(Py_None),
    };
    PyObject *made = PyStructSequence_New(state->column_type);
    bool failed = made == NULL;
    for (Py_ssize_t i = 0; i < 7; i++) {
        failed = failed || values[i] == NULL;
        if (made != NULL) {
            PyStructSequence_SetItem(made, i, values[i]);
        } else {
            Py_XDECREF(values[i]);
        }
    }
    if (failed) {
        Py_CLEAR(made);
    }
    return made;
}

PyObject *
shape_description(struct module_state *state, struct shape *shape)
{
    if (shape->description != NULL) {
        return shape->description;
    }
    PyObject *made = PyTuple_New(shape->count);
    for (int i = 0; made != NULL && i < shape->count; i++) {
        PyObject *column = column_new(state, &shape->columns[i]);
        if (column == NULL) {
            Py_CLEAR(made);
            break;
        }
        PyTuple_SET_ITEM(made, i, column);
    }
    shape->description = made;
    return made;
}

/* ------------------------------------------------------------------ shapes */

void
shape_release(struct shape *shape)
{
    if (shape != NULL && --shape->references == 0) {
        Py_XDECREF(shape->description);
        Py_XDECREF(shape->json_loads);
        free(shape->columns);
        free(shape);
    }
}

void
shape_replace(struct shape **place, struct shape *shape)
{
    struct shape *old = *place;
    *place = shape;
    shape_release(old);
}

int
shape_traverse(const struct shape *shape, visitproc visit, void *arg)
{
    if (shape != NULL) {
        Py_VISIT(shape->json_loads);
    }
    return 0;
}

static bool
is_same(const struct shape *shape, const struct dsql_event *event)
{
    if (shape->count != event->count) {
        return false;
    }
    for (int i = 0; i < event->count; i++) {
        const struct dsql_column *a = &shape->columns[i], *b = &event->columns[i];
        if (a->type != b->type || a->modifier != b->modifier || a->size != b->size ||
            strcmp(a->name, b->name) != 0) {
            return false;
        }
    }
    return true;
}

/* The columns with their names in one block; NULL without memory. */
static struct dsql_column *
copy_columns(const struct dsql_event *event)
{
    size_t count = (size_t)event->count, names = 0;
    for (size_t i = 0; i < count; i++) {
        names += strlen(event->columns[i].name) + 1;
    }
    struct dsql_column *columns = malloc(count * sizeof *columns + names + 1);
    char *name = columns != NULL ? (char *)(columns + count) : NULL;
    for (size_t i = 0; columns != NULL && i < count; i++) {
        size_t size = strlen(event->columns[i].name) + 1;
        columns[i] = event->columns[i];
        columns[i].name = memcpy(name, event->columns[i].name, size);
        name += size;
    }
    return columns;
}

static bool
may_hold_json(uint32_t type)
{
    switch (type) {
    case OID_json:
    case OID_json_array:
    case OID_jsonb:
    case OID_jsonb_array:
    case OID_record:
    case OID_record_array:
        return true;
    default:
        return false;
    }
}

/* The function for json columns: the connection's, or json.loads, imported when
 * a first column wants it. NULL: none, or with an exception. */
static PyObject *
json_loads_of(struct connection *connection, const struct dsql_event *event)
{
    bool wanted = false;
    for (int i = 0; i < event->count; i++) {
        wanted = wanted || may_hold_json(event->columns[i].type);
    }
    if (!wanted || connection->json_loads == Py_None) {
        return NULL;
    }
    if (connection->json_loads == NULL) {
        PyObject *json = PyImport_ImportModule("json");
        connection->json_loads = json != NULL ? PyObject_GetAttrString(json, "loads") : NULL;
        Py_XDECREF(json);
    }
    return connection->json_loads;
}

static struct shape *
shape_new(struct connection *connection, const struct dsql_event *event, PyObject *json_loads)
{
    size_t count = (size_t)event->count;
    struct shape *shape = calloc(1, sizeof *shape + count * sizeof shape->decoders[0]);
    if (shape == NULL || (shape->columns = copy_columns(event)) == NULL) {
        free(shape);
        PyErr_NoMemory();
        return NULL;
    }
    shape->references = 1;
    shape->count = event->count;
    shape->json_loads = Py_XNewRef(json_loads);
    for (size_t i = 0; i < count; i++) {
        decoder_init(&shape->decoders[i], connection->state->codec, event->columns[i].type,
                     json_loads);
    }
    return shape;
}

struct shape *
shape_for(struct connection *connection, const struct dsql_event *event)
{
    PyObject *json_loads = json_loads_of(connection, event);
    if (json_loads == NULL && PyErr_Occurred()) {
        return NULL;
    }
    /* The library hands out the same array for the same prepared statement. */
    uintptr_t number = (uintptr_t)event->columns;
    struct shape **place = &connection->shapes[(number >> 4 ^ number >> 9) & (SHAPES_KEPT - 1)];
    if (*place == NULL || (*place)->json_loads != json_loads || !is_same(*place, event)) {
        struct shape *made = shape_new(connection, event, json_loads);
        if (made == NULL) {
            return NULL;
        }
        made->references++;
        shape_replace(place, made);
        return made;
    }
    (*place)->references++;
    return *place;
}
