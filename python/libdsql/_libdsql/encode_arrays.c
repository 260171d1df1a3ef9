/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing lists as arrays. The elements are gathered, each is written alone, and
 * their types tell the array's: where the server decides about an element, it
 * decides about the array too, which is then text. */
#include "codec_private.h"

#include <stdio.h>

#define DIMENSIONS_MAX 6
#define MIXED UINT32_MAX

struct array {
    PyObject *leaves;                 /* list: the elements, row by row */
    Py_ssize_t sizes[DIMENSIONS_MAX]; /* -1: not known yet */
    int depth;                        /* of the elements; 0: none seen yet */
    struct encoded *items;            /* the elements, in `scratch` */
    struct dsql__buffer scratch;
    bool has_null;
    uint32_t type; /* of every element; 0: text */
};

/* ---------------------------------------------------------------- gathering */

/* Arrays of datetime64 and timedelta64 are left as numpy's scalars, since
 * tolist() hides what has no counterpart (see encode_numpy_scalar()). */
PyObject *
numpy_list(PyObject *array)
{
    PyObject *type = PyObject_GetAttrString(array, "dtype");
    PyObject *kind = type ? PyObject_GetAttrString(type, "kind") : NULL;
    PyObject *shape = kind ? PyObject_GetAttrString(array, "shape") : NULL;
    PyObject *list = NULL;
    if (shape != NULL && PyUnicode_Check(kind) &&
        (PyUnicode_CompareWithASCIIString(kind, "M") == 0 ||
         PyUnicode_CompareWithASCIIString(kind, "m") == 0)) {
        bool scalar = PyTuple_Check(shape) && PyTuple_GET_SIZE(shape) == 0;
        list = scalar ? PyObject_GetItem(array, shape) : PySequence_List(array);
    } else if (shape != NULL) {
        list = PyObject_CallMethod(array, "tolist", NULL);
    }
    Py_XDECREF(shape);
    Py_XDECREF(kind);
    Py_XDECREF(type);
    return list;
}

static int
ragged(struct codec *codec)
{
    data_error(codec, "a list whose nested lists differ in length or depth is no SQL array");
    return -1;
}

static int gather_item(struct codec *codec, struct array *array, PyObject *item, int level);

static int
gather(struct codec *codec, struct array *array, PyObject *list, int level)
{
    if (level == DIMENSIONS_MAX) {
        data_error(codec, "an array of more than %d dimensions has no form in PostgreSQL",
                   DIMENSIONS_MAX);
        return -1;
    }
    Py_ssize_t size = PySequence_Fast_GET_SIZE(list);
    if (array->sizes[level] != -1 && array->sizes[level] != size) {
        return ragged(codec);
    }
    array->sizes[level] = size;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(list, i));
        if (gather_item(codec, array, item, level + 1) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Takes item. */
static int
gather_item(struct codec *codec, struct array *array, PyObject *item, int level)
{
    int failure = -1, kind = kind_of(codec, item);
    if (kind == KIND_NUMPY_ARRAY) {
        PyObject *list = numpy_list(item);
        kind = list ? kind_of(codec, list) : -1;
        Py_DECREF(item);
        item = list;
    }
    if (kind == KIND_LIST) {
        failure = array->depth != 0 && level >= array->depth ? ragged(codec)
                                                             : gather(codec, array, item, level);
    } else if (kind > 0 && ((array->depth != 0 && array->depth != level) ||
                            (level < DIMENSIONS_MAX && array->sizes[level] != -1))) {
        failure = ragged(codec);
    } else if (kind > 0) {
        array->depth = level;
        failure = PyList_Append(array->leaves, item);
    }
    Py_XDECREF(item);
    return failure;
}

/* -------------------------------------------------------------------- types */

static bool
is_number(uint32_t type)
{
    return type == OID_int4 || type == OID_int8 || type == OID_float8 || type == OID_numeric;
}

static uint32_t
common_type(uint32_t one, uint32_t other)
{
    if (one == other) {
        return one;
    }
    if (!is_number(one) || !is_number(other)) {
        return MIXED;
    }
    if (one == OID_numeric || other == OID_numeric) {
        return OID_numeric;
    }
    return one == OID_float8 || other == OID_float8 ? OID_float8 : OID_int8;
}

static int32_t
array_of(uint32_t type)
{
    switch (type) {
#define ARRAY_CASE(name, oid, array, atomic)                                                       \
    case oid:                                                                                      \
        return array;
        OIDS(ARRAY_CASE)
#undef ARRAY_CASE
    default:
        return 0;
    }
}

/* Writes each element into `scratch`, and finds their type. */
static int
encode_leaves(struct codec *codec, struct array *array)
{
    Py_ssize_t count = PyList_GET_SIZE(array->leaves);
    bool any = false;
    array->items = PyMem_Calloc(count ? (size_t)count : 1, sizeof *array->items);
    if (array->items == NULL || dsql__buffer_reserve(&array->scratch, 1) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        struct encoded *item = &array->items[i];
        PyObject *leaf = PyList_GET_ITEM(array->leaves, i);
        if (encode(codec, leaf, &array->scratch, item) != 0) {
            return -1;
        }
        if (item->is_null) {
            array->has_null = true;
            continue;
        }
        array->type = any ? common_type(array->type, item->type) : item->type;
        any = true;
        if (array->type == MIXED || (array->type != 0 && array_of(array->type) == 0)) {
            data_error(codec,
                       "a list is no SQL array when the types of its elements differ (here by "
                       "a %s)",
                       Py_TYPE(leaf)->tp_name);
            return -1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ writing */

static const char *
bytes_of(const struct array *array, const struct encoded *item)
{
    return dsql__buffer_begin(&array->scratch) + item->offset;
}

/* A number as a wider type. */
static int
put_widened(struct codec *codec, const struct array *array, const struct encoded *item,
            struct dsql__buffer *buffer)
{
    const char *data = bytes_of(array, item);
    int64_t number = 0;
    char text[32], *made = NULL;
    if (item->type == OID_int4) {
        number = (int32_t)read_uint32(data);
    } else if (item->type == OID_int8) {
        number = (int64_t)read_uint64(data);
    }
    if (array->type == OID_int8) {
        put_uint64(buffer, (uint64_t)number);
        return 0;
    }
    if (array->type == OID_float8) {
        put_double(buffer, (double)number);
        return 0;
    }
    if (item->type == OID_float8) {
        made = PyOS_double_to_string(read_double(data), 'r', 0, 0, NULL);
        if (made == NULL) {
            return -1;
        }
    } else {
        PyOS_snprintf(text, sizeof text, "%lld", (long long)number);
    }
    int failure = put_numeric(codec, made ? made : text, strlen(made ? made : text), buffer);
    PyMem_Free(made);
    return failure;
}

static int
put_element(struct codec *codec, const struct array *array, const struct encoded *item,
            struct dsql__buffer *buffer)
{
    size_t mark = dsql__buffer_length(buffer);
    int failure = 0;
    dsql__put_int32(buffer, item->is_null ? -1 : (int32_t)item->length);
    if (item->is_null) {
        return 0;
    }
    if (item->type == array->type) {
        dsql__buffer_put(buffer, bytes_of(array, item), item->length);
        return 0;
    }
    failure = put_widened(codec, array, item, buffer);
    if (failure == 0 && !buffer->failed) {
        uint32_t length = (uint32_t)(dsql__buffer_length(buffer) - mark - 4);
        uint32_t big =
            __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(length) : length;
        memcpy(dsql__buffer_begin(buffer) + mark, &big, sizeof big);
    }
    return failure;
}

static int
put_binary(struct codec *codec, const struct array *array, struct dsql__buffer *buffer)
{
    dsql__put_int32(buffer, array->depth);
    dsql__put_int32(buffer, array->has_null);
    dsql__put_int32(buffer, (int32_t)array->type);
    for (int i = 0; i < array->depth; i++) {
        dsql__put_int32(buffer, (int32_t)array->sizes[i]);
        dsql__put_int32(buffer, 1); /* the first index */
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(array->leaves); i++) {
        if (put_element(codec, array, &array->items[i], buffer) != 0) {
            return -1;
        }
    }
    return 0;
}

static void
put_quoted(struct dsql__buffer *buffer, const char *text, size_t length)
{
    dsql__put_byte(buffer, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            dsql__put_byte(buffer, '\\');
        }
        dsql__put_byte(buffer, text[i]);
    }
    dsql__put_byte(buffer, '"');
}

/* The elements from *next on, in braces. */
static void
put_literal(const struct array *array, int level, Py_ssize_t *next, struct dsql__buffer *buffer)
{
    dsql__put_byte(buffer, '{');
    for (Py_ssize_t i = 0; array->depth > 0 && i < array->sizes[level]; i++) {
        if (i > 0) {
            dsql__put_byte(buffer, ',');
        }
        if (level + 1 < array->depth) {
            put_literal(array, level + 1, next, buffer);
            continue;
        }
        const struct encoded *item = &array->items[(*next)++];
        if (item->is_null) {
            dsql__buffer_put(buffer, "NULL", 4);
        } else {
            put_quoted(buffer, bytes_of(array, item), item->length);
        }
    }
    dsql__put_byte(buffer, '}');
}

/* There are as many elements as the sizes say, unless the lists were changed by
 * code that ran meanwhile. */
static bool
is_whole(const struct array *array)
{
    Py_ssize_t left = PyList_GET_SIZE(array->leaves);
    for (int i = array->depth - 1; i >= 0; i--) {
        if (array->sizes[i] < 1 || left % array->sizes[i] != 0) {
            return false;
        }
        left /= array->sizes[i];
    }
    return array->depth == 0 ? left == 0 : left == 1;
}

int
encode_list(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
            struct encoded *encoded)
{
    struct array array = {.sizes = {-1, -1, -1, -1, -1, -1}, .leaves = PyList_New(0)};
    Py_ssize_t next = 0;
    int failure = -1;
    if (array.leaves == NULL || gather(codec, &array, value, 0) != 0) {
        goto done;
    }
    if (!is_whole(&array)) {
        ragged(codec);
        goto done;
    }
    if (encode_leaves(codec, &array) != 0) {
        goto done;
    }
    encoded->binary = array.type != 0;
    encoded->type = array.type != 0 ? (uint32_t)array_of(array.type) : 0;
    if (encoded->binary) {
        failure = put_binary(codec, &array, buffer);
    } else {
        put_literal(&array, 0, &next, buffer);
        failure = 0;
    }
done:
    dsql__buffer_clear(&array.scratch);
    PyMem_Free(array.items);
    Py_XDECREF(array.leaves);
    return failure;
}
