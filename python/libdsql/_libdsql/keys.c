/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Key pairs for tokens and connections: the library looks for them without the
 * GIL, and comes back to it for HTTP, which is libdsql.http's. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

/* Who waits for an answer. */
struct waiter {
    PyThreadState *saved; /* to take the GIL with */
    PyObject *raised;     /* what ended the search: KeyboardInterrupt and others */
};

static PyObject *
make_headers(const char *const *headers)
{
    Py_ssize_t count = 0;
    while (headers != NULL && headers[count] != NULL) {
        count++;
    }
    PyObject *made = PyTuple_New(count);
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) {
        PyObject *text =
            PyUnicode_DecodeLatin1(headers[i], (Py_ssize_t)strlen(headers[i]), "strict");
        if (text == NULL) {
            Py_CLEAR(made);
        } else {
            PyTuple_SET_ITEM(made, i, text);
        }
    }
    return made;
}

static PyObject *
call(const struct dsql_http_request *request)
{
    PyObject *module = PyImport_ImportModule("libdsql.http");
    PyObject *headers = module != NULL ? make_headers(request->headers) : NULL;
    PyObject *answer =
        headers != NULL
            ? PyObject_CallMethod(module, "request", "ssOy#zzdn", request->method, request->url,
                                  headers, request->body, (Py_ssize_t)request->body_length,
                                  request->proxy, request->ca_file, request->timeout_ms / 1000.0,
                                  (Py_ssize_t)request->limit)
            : NULL;
    Py_XDECREF(headers);
    Py_XDECREF(module);
    return answer;
}

/* (status, bytes), or (code, str). 0 or the code; -1 with an exception. */
static int
read_answer(PyObject *answer, struct dsql_http_response *response, struct dsql_error *error)
{
    PyObject *second;
    int first;
    if (!PyArg_ParseTuple(answer, "iO", &first, &second)) {
        return -1;
    }
    if (PyUnicode_Check(second)) {
        const char *text = PyUnicode_AsUTF8(second);
        if (text == NULL) {
            return -1;
        }
        *error = (struct dsql_error){.code = first};
        PyOS_snprintf(error->message, sizeof error->message, "%s", text);
        return first;
    }
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(second, &bytes, &length) != 0) {
        return -1;
    }
    response->body = malloc((size_t)length + 1);
    if (response->body == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(response->body, bytes, (size_t)length + 1);
    response->length = (size_t)length;
    response->status = first;
    return 0;
}

static int
request_with_python(void *context, const struct dsql_http_request *request,
                    struct dsql_http_response *response, struct dsql_error *error)
{
    struct waiter *waiter = context;
    int result = -1;
    if (waiter->raised == NULL) {
        PyEval_RestoreThread(waiter->saved);
        PyObject *answer = call(request);
        if (answer == NULL || (result = read_answer(answer, response, error)) == -1) {
            waiter->raised = exception_take();
        }
        Py_XDECREF(answer);
        waiter->saved = PyEval_SaveThread();
    }
    if (result == -1) {
        *error = (struct dsql_error){.code = DSQL_E_UNSUPPORTED, .message = "interrupted"};
        result = DSQL_E_UNSUPPORTED; /* not tried again */
    }
    return result;
}

int
find_keys(struct module_state *state, const struct dsql_credentials_options *options,
          bool may_block, struct dsql_credentials *credentials)
{
    struct waiter waiter = {0};
    const struct dsql_http http = {.context = &waiter, .request = request_with_python};
    const struct dsql_env env = {.http = &http};
    struct dsql_error error;
    waiter.saved = PyEval_SaveThread();
    int result = dsql_credentials_get(credentials, options, &env, may_block, &error);
    PyEval_RestoreThread(waiter.saved);
    if (waiter.raised != NULL) {
        dsql_credentials_clear(credentials);
        exception_raise(waiter.raised);
        return -1;
    }
    if (result < 0) {
        raise_error(state, &error);
        return -1;
    }
    return result;
}

int
find_region(const char *profile, bool may_block, char *region, size_t size,
            struct dsql_error *error)
{
    struct waiter waiter = {0};
    const struct dsql_http http = {.context = &waiter, .request = request_with_python};
    const struct dsql_env env = {.http = &http};
    const struct dsql_credentials_options options = {.profile = profile};
    waiter.saved = PyEval_SaveThread();
    int failure = may_block ? dsql_region_find(region, size, &options, &env, error)
                            : dsql_region_load(region, size, &options, &env, error);
    PyEval_RestoreThread(waiter.saved);
    if (waiter.raised != NULL) {
        exception_raise(waiter.raised);
        return -1;
    }
    return failure;
}
