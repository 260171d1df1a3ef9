/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* libdsql._libdsql: the C library for Python: its functions, and what one
 * interpreter has of it. */
#include "connection.h"

#include <stdbool.h>
#include <time.h>

static struct module_state *
state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

/* --------------------------------------------------------------- endpoint() */

static PyStructSequence_Field endpoint_fields[] = {
    {"kind", "\"cluster\", \"privatelink\", \"localhost\" or \"local\""},
    {"host", "the name to connect to and to verify; \"\" for \"local\""},
    {"sign_host", "the name that tokens are signed for"},
    {"region", "the AWS region"},
    {"cluster_id", "the cluster's id, \"\" where it is not known"},
    {NULL, NULL},
};

static PyStructSequence_Desc endpoint_desc = {
    .name = "libdsql.Endpoint",
    .doc = "What a host name means: see endpoint().",
    .fields = endpoint_fields,
    .n_in_sequence = 5,
};

static PyObject *
endpoint_object(struct module_state *state, const struct dsql_endpoint *endpoint)
{
    static const char *const kinds[] = {
        [DSQL_HOST_CLUSTER] = "cluster",
        [DSQL_HOST_PRIVATELINK] = "privatelink",
        [DSQL_HOST_LOCALHOST] = "localhost",
        [DSQL_HOST_LOCAL] = "local",
    };
    const char *values[] = {
        kinds[endpoint->kind], endpoint->kind == DSQL_HOST_LOCAL ? "" : endpoint->host,
        endpoint->sign_host,   endpoint->region,
        endpoint->cluster_id,
    };
    PyObject *made = PyStructSequence_New(state->endpoint_type);
    for (Py_ssize_t i = 0; made != NULL && i < 5; i++) {
        PyObject *value = PyUnicode_FromString(values[i]);
        if (value == NULL) {
            Py_CLEAR(made);
            break;
        }
        PyStructSequence_SetItem(made, i, value);
    }
    return made;
}

int
parse_endpoint(struct module_state *state, const char *host, const char *region,
               const char *cluster_id, const char *profile, bool may_block,
               struct dsql_endpoint *endpoint)
{
    struct dsql_error error, ignored;
    char found[64];
    int failure = dsql_endpoint_parse(host, region, cluster_id, endpoint, &error);
    if (failure == DSQL_E_REGION && (region == NULL || *region == '\0')) {
        int looked = find_region(profile, may_block, found, sizeof found, &ignored);
        if (looked == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (looked == 0 && found[0] != '\0') {
            failure = dsql_endpoint_parse(host, found, cluster_id, endpoint, &error);
        }
    }
    if (failure != 0) {
        raise_error(state, &error);
    }
    return failure;
}

PyDoc_STRVAR(
    endpoint_doc,
    "endpoint(host, *, region=None, cluster_id=None, profile=None, may_block=False)\n--\n\n"
    "Read a host name: a full endpoint, a cluster id with a region, a PrivateLink\n"
    "name with its cluster_id, \"localhost\" or \"local\". A cluster id without a\n"
    "region takes AWS_REGION, AWS_DEFAULT_REGION or the profile's; with may_block, at\n"
    "last that of the EC2 instance.");

static PyObject *
endpoint_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"host", "region", "cluster_id", "profile", "may_block", NULL};
    const char *host, *region = NULL, *cluster_id = NULL, *profile = NULL;
    struct dsql_endpoint endpoint;
    int may_block = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$zzzp:endpoint", names, &host, &region,
                                     &cluster_id, &profile, &may_block) ||
        parse_endpoint(state_of(module), host, region, cluster_id, profile, may_block != 0,
                       &endpoint) != 0) {
        return NULL;
    }
    return endpoint_object(state_of(module), &endpoint);
}

/* ------------------------------------------------------------------ token() */

struct token_arguments {
    const char *host, *user, *region, *profile, *access_key, *secret_key, *session_token;
    const char *cluster_id, *credentials_file;
    long long expires;
    PyObject *now;
};

static int
token_time(PyObject *now, int64_t *seconds)
{
    if (now == Py_None) {
        *seconds = (int64_t)time(NULL);
        return 0;
    }
    PyObject *whole = PyNumber_Long(now); /* a float's fraction is cut */
    if (whole == NULL) {
        return -1;
    }
    *seconds = PyLong_AsLongLong(whole);
    Py_DECREF(whole);
    return *seconds == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *
sign(struct module_state *state, const struct token_arguments *given,
     const struct dsql_endpoint *endpoint, const struct dsql_credentials *credentials)
{
    struct dsql_error error;
    int64_t now;
    char *token;
    size_t length;
    if (token_time(given->now, &now) != 0) {
        return NULL;
    }
    if (dsql_token_sign(credentials, endpoint, given->user, now, given->expires, &token, &length,
                        &error) != 0) {
        return raise_error(state, &error);
    }
    PyObject *text = PyUnicode_DecodeUTF8(token, (Py_ssize_t)length, "surrogateescape");
    dsql_token_free(token);
    return text;
}

static PyObject *
token_for(struct module_state *state, const struct token_arguments *given)
{
    struct dsql_endpoint endpoint;
    struct dsql_error error;
    if (parse_endpoint(state, given->host, given->region, given->cluster_id, given->profile, true,
                       &endpoint) != 0) {
        return NULL;
    }
    if (endpoint.kind == DSQL_HOST_LOCAL) {
        error = (struct dsql_error){
            .code = DSQL_E_ENDPOINT,
            .message = "\"local\" signs in by itself: use create_dsql_engine(host=\"local\"), or "
                       "run dsql-local and give host=\"localhost\" with its credentials_file",
        };
        return raise_error(state, &error);
    }
    struct dsql_credentials credentials;
    if (given->access_key == NULL && given->secret_key == NULL) {
        struct dsql_credentials_options options = {
            .profile = given->profile,
            .credentials_file = given->credentials_file,
        };
        if (find_keys(state, &options, true, &credentials) != 0) {
            return NULL;
        }
    } else if (dsql_credentials_set(&credentials, given->access_key, given->secret_key,
                                    given->session_token, &error) != 0) {
        return raise_error(state, &error);
    }
    PyObject *token = sign(state, given, &endpoint, &credentials);
    dsql_credentials_clear(&credentials);
    return token;
}

PyDoc_STRVAR(token_doc,
             "token(host, user='admin', *, region=None, profile=None, access_key=None,\n"
             "      secret_key=None, session_token=None, expires=900, now=None,\n"
             "      cluster_id=None, credentials_file=None)\n--\n\n"
             "An authentication token: the password of a connection to host as user.\n\n"
             "Signed on this machine. Keys that are given win; else they come from where\n"
             "other AWS programs find them (docs/credentials.md), which may block.\n"
             "expires: seconds, 1 to 604800. now: seconds since the epoch, for tests.\n"
             "Raises InterfaceError for wrong arguments, OperationalError without keys.");

static PyObject *
token_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"host",       "user",       "region",           "profile",
                            "access_key", "secret_key", "session_token",    "expires",
                            "now",        "cluster_id", "credentials_file", NULL};
    struct token_arguments given = {
        .user = "admin",
        .expires = DSQL_TOKEN_EXPIRES_DEFAULT,
        .now = Py_None,
    };
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|s$zzzzzLOzz:token", names, &given.host,
                                     &given.user, &given.region, &given.profile, &given.access_key,
                                     &given.secret_key, &given.session_token, &given.expires,
                                     &given.now, &given.cluster_id, &given.credentials_file)) {
        return NULL;
    }
    return token_for(state_of(module), &given);
}

/* --------------------------------------------------------- small functions */

PyDoc_STRVAR(region_doc,
             "region(profile=None)\n--\n\n"
             "The region of the environment or of the profile, \"\" when there is none.");

static PyObject *
region_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"profile", NULL};
    const char *profile = NULL;
    char region[64];
    struct dsql_error error;
    int failure;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z:region", names, &profile)) {
        return NULL;
    }
    failure = find_region(profile, false, region, sizeof region, &error);
    if (failure == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return failure == 0 ? PyUnicode_FromString(region) : raise_error(state_of(module), &error);
}

PyDoc_STRVAR(keys_ready_doc,
             "keys_ready(profile=None, credentials_file=None)\n--\n\n"
             "Whether token() and connecting find keys without waiting for anybody. Raises\n"
             "OperationalError where there are none.");

static PyObject *
keys_ready_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"profile", "credentials_file", NULL};
    struct dsql_credentials_options options = {0};
    struct dsql_credentials credentials;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|zz:keys_ready", names, &options.profile,
                                     &options.credentials_file)) {
        return NULL;
    }
    int result = find_keys(state_of(module), &options, false, &credentials);
    if (result < 0) {
        return NULL;
    }
    dsql_credentials_clear(&credentials);
    return PyBool_FromLong(result == 0);
}

PyDoc_STRVAR(ca_file_doc, "ca_file()\n--\n\n"
                          "The file of certificate authorities that this machine trusts.");

static PyObject *
ca_file_function(PyObject *module, PyObject *unused)
{
    char path[4096];
    struct dsql_error error;
    (void)unused;
    if (dsql_ca_file_find(path, sizeof path, NULL, &error) != 0) {
        return raise_error(state_of(module), &error);
    }
    return PyUnicode_DecodeFSDefault(path);
}

PyDoc_STRVAR(is_retryable_doc,
             "is_retryable(sqlstate)\n--\n\n"
             "Whether a transaction that failed so may be run again from its start.");

static PyObject *
is_retryable_function(PyObject *module, PyObject *sqlstate)
{
    (void)module;
    if (sqlstate == Py_None) {
        Py_RETURN_FALSE;
    }
    const char *text = PyUnicode_AsUTF8(sqlstate);
    return text ? PyBool_FromLong(dsql_sqlstate_is_retryable(text)) : NULL;
}

static PyMethodDef methods[] = {
    {"endpoint", METHOD(endpoint_function), METH_VARARGS | METH_KEYWORDS, endpoint_doc},
    {"token", METHOD(token_function), METH_VARARGS | METH_KEYWORDS, token_doc},
    {"region", METHOD(region_function), METH_VARARGS | METH_KEYWORDS, region_doc},
    {"ca_file", ca_file_function, METH_NOARGS, ca_file_doc},
    {"keys_ready", METHOD(keys_ready_function), METH_VARARGS | METH_KEYWORDS, keys_ready_doc},
    {"connect_start", METHOD(connect_start_function), METH_VARARGS | METH_KEYWORDS,
     connect_start_doc},
    {"is_retryable", is_retryable_function, METH_O, is_retryable_doc},
    {NULL, NULL, 0, NULL},
};

/* -------------------------------------------------------------- the module */

static int
module_exec(PyObject *module)
{
    struct module_state *state = state_of(module);
    state->endpoint_type = PyStructSequence_NewType(&endpoint_desc);
    if (state->endpoint_type == NULL ||
        PyModule_AddObjectRef(module, "Endpoint", (PyObject *)state->endpoint_type) != 0 ||
        PyModule_AddStringConstant(module, "__version__", dsql_version()) != 0 ||
        diagnostic_type_add(module) != 0 || exceptions_add(module) != 0 ||
        column_type_add(module) != 0 || connection_type_add(module) != 0 ||
        cursor_type_add(module) != 0 || retry_add(module) != 0 || placeholders_add(module) != 0) {
        return -1;
    }
    state->codec = codec_new(state->exceptions[EXCEPTION_DATA]);
    return state->codec != NULL
               ? PyModule_AddObjectRef(module, "Json", codec_json_class(state->codec))
               : -1;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = state_of(module);
    Py_VISIT(state->endpoint_type);
    Py_VISIT(state->diagnostic_type);
    Py_VISIT(state->column_type);
    Py_VISIT(state->connection_type);
    Py_VISIT(state->cursor_type);
    for (int i = 0; i < EXCEPTIONS; i++) {
        Py_VISIT(state->exceptions[i]);
    }
    return state->codec != NULL ? codec_traverse(state->codec, visit, arg) : 0;
}

static int
module_clear(PyObject *module)
{
    struct module_state *state = state_of(module);
    Py_CLEAR(state->endpoint_type);
    Py_CLEAR(state->diagnostic_type);
    Py_CLEAR(state->column_type);
    Py_CLEAR(state->connection_type);
    Py_CLEAR(state->cursor_type);
    for (int i = 0; i < EXCEPTIONS; i++) {
        Py_CLEAR(state->exceptions[i]);
    }
    if (state->codec != NULL) {
        codec_clear(state->codec);
    }
    return 0;
}

static void
module_free(void *module)
{
    struct module_state *state = state_of(module);
    module_clear(module);
    codec_free(state->codec);
    state->codec = NULL;
}

/* Interpreters that share a GIL only: the datetime C API is one for the process.
 * Nothing is said of free-threading, so that CPython turns the GIL on there. */
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, SLOT(module_exec)},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "libdsql._libdsql",
    .m_doc = "The C library for Python; import libdsql instead.",
    .m_size = sizeof(struct module_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__libdsql(void);

PyMODINIT_FUNC
PyInit__libdsql(void)
{
    return PyModuleDef_Init(&definition);
}
