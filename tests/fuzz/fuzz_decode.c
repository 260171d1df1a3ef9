/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The decoders of the extension, in an embedded Python: a byte (bit 0: a row,
 * else one value; bit 1: JSON is parsed), then for a value its type's OID (16
 * bits) and its bytes, for a row the number of columns, their OIDs and its body.
 * Either a value comes or an exception that the decoders promise; what is
 * encoded to the same type again reads as the same value. */
#include <stdint.h>
#include <stdlib.h>

#include "codec_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* CPython ends with memory in use; leaks are looked for by the Python tests. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}

static const uint16_t types[] = {
#define TYPE_ROW(name, oid, array, atomic) oid, array,
    OIDS(TYPE_ROW)
#undef TYPE_ROW
        OID_ANYARRAY,
};

static struct codec *codec;
static PyObject *data_error_class, *json_loads;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            PyErr_Print();                                                                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void
start_python(void)
{
    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.allocator = PYMEM_ALLOCATOR_MALLOC; /* so that the sanitizer sees each object */
    CHECK(!PyStatus_Exception(Py_PreInitialize(&before)));
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 0;
    CHECK(!PyStatus_Exception(Py_InitializeFromConfig(&config)));
    PyConfig_Clear(&config);
    PyObject *json = PyImport_ImportModule("json");
    CHECK(json != NULL);
    json_loads = PyObject_GetAttrString(json, "loads");
    Py_DECREF(json);
    data_error_class = PyErr_NewException("fuzz.DataError", NULL, NULL);
    codec = codec_new(data_error_class);
    CHECK(json_loads != NULL && data_error_class != NULL && codec != NULL);
}

/* An OID that is none of ours stands for one of them, so that mutation finds
 * all. */
static uint32_t
type_of(const uint8_t *data)
{
    uint16_t type = read_uint16((const char *)data);
    size_t count = sizeof types / sizeof types[0];
    for (size_t i = 0; i < count; i++) {
        if (types[i] == type) {
            return type;
        }
    }
    return types[type % count];
}

/* Promised: DataError, what json.loads() raises, and what nesting and memory
 * allow. */
static void
check_exception(bool with_json)
{
    CHECK(PyErr_ExceptionMatches(data_error_class) ||
          PyErr_ExceptionMatches(PyExc_RecursionError) ||
          PyErr_ExceptionMatches(PyExc_MemoryError) ||
          (with_json && PyErr_ExceptionMatches(PyExc_ValueError)));
    PyErr_Clear();
}

static bool
same(PyObject *one, PyObject *other)
{
    int equal = PyObject_RichCompareBool(one, other, Py_EQ);
    CHECK(equal >= 0);
    if (equal) {
        return true;
    }
    PyObject *text = PyObject_Repr(one), *other_text = PyObject_Repr(other); /* NaN */
    CHECK(text != NULL && other_text != NULL);
    equal = PyUnicode_Compare(text, other_text) == 0;
    Py_DECREF(text);
    Py_DECREF(other_text);
    return equal;
}

static void
encode_again(const struct decoder *decoder, PyObject *value)
{
    struct dsql__buffer buffer = {0};
    struct encoded encoded;
    if (encode(codec, value, &buffer, &encoded) != 0) {
        check_exception(false);
        CHECK(dsql__buffer_length(&buffer) == 0);
    } else {
        CHECK(!PyErr_Occurred());
        if (encoded.binary && encoded.type == decoder->type) {
            PyObject *again = decoder->decode(decoder, dsql__buffer_begin(&buffer) + encoded.offset,
                                              (Py_ssize_t)encoded.length);
            CHECK(again != NULL && same(value, again));
            Py_DECREF(again);
        }
    }
    dsql__buffer_clear(&buffer);
}

static void
run_value(const uint8_t *data, size_t size, bool with_json)
{
    struct decoder decoder;
    if (size < 2) {
        return;
    }
    decoder_init(&decoder, codec, type_of(data), with_json ? json_loads : NULL);
    PyObject *value = decoder.decode(&decoder, (const char *)data + 2, (Py_ssize_t)size - 2);
    if (value == NULL) {
        check_exception(with_json);
        return;
    }
    CHECK(!PyErr_Occurred());
    CHECK(!decoder.atomic || !PyObject_GC_IsTracked(value));
    encode_again(&decoder, value);
    Py_DECREF(value);
}

static void
run_row(const uint8_t *data, size_t size, bool with_json)
{
    struct decoder decoders[16];
    int count = size > 0 ? data[0] % 17 : 0;
    bool malformed;
    if (size < 1 + 2 * (size_t)count) {
        return;
    }
    for (int i = 0; i < count; i++) {
        decoder_init(&decoders[i], codec, type_of(data + 1 + 2 * i), with_json ? json_loads : NULL);
    }
    size_t head = 1 + 2 * (size_t)count;
    PyObject *row = decode_row(decoders, count, (const char *)data + head, size - head, &malformed);
    if (row == NULL) {
        check_exception(with_json || (count == 0 && malformed));
        return;
    }
    CHECK(!PyErr_Occurred() && !malformed && PyTuple_GET_SIZE(row) == count);
    Py_DECREF(row);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (codec == NULL) {
        start_python();
    }
    if (size > 0) {
        (data[0] & 1 ? run_row : run_value)(data + 1, size - 1, data[0] & 2);
    }
    return 0;
}
