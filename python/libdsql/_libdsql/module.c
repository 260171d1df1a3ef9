/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* libdsql._libdsql: the C library for Python. Holds a state per interpreter, so
 * that sub-interpreters with a GIL of their own may load it too. */
#include "module.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <structmember.h>

static struct module_state *
state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

PyObject *
raise_error(struct module_state *state, const struct dsql_error *error)
{
    if (error->code == DSQL_E_NOMEM) {
        return PyErr_NoMemory();
    }
    bool input = error->code == DSQL_E_INVALID || error->code == DSQL_E_ENDPOINT ||
                 error->code == DSQL_E_REGION;
    PyObject *type = input ? state->interface_error : state->operational_error;
    PyObject *exception = PyObject_CallFunction(type, "s", error->message);
    PyObject *code = PyUnicode_FromString(dsql_code_name(error->code));
    if (exception != NULL && code != NULL && PyObject_SetAttrString(exception, "code", code) == 0) {
        PyErr_SetObject(type, exception);
    }
    Py_XDECREF(code);
    Py_XDECREF(exception);
    return NULL;
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

/* A host that does not tell its region takes the environment's. */
static int
parse_endpoint(struct module_state *state, const char *host, const char *region,
               const char *cluster_id, const char *profile, struct dsql_endpoint *endpoint)
{
    struct dsql_error error, ignored;
    char found[64];
    int failure = dsql_endpoint_parse(host, region, cluster_id, endpoint, &error);
    if (failure == DSQL_E_REGION && (region == NULL || *region == '\0')) {
        struct dsql_credentials_options options = {.profile = profile};
        int looked;
        Py_BEGIN_ALLOW_THREADS looked =
            dsql_region_load(found, sizeof found, &options, NULL, &ignored);
        Py_END_ALLOW_THREADS if (looked == 0 && found[0] != '\0')
        {
            failure = dsql_endpoint_parse(host, found, cluster_id, endpoint, &error);
        }
    }
    if (failure != 0) {
        raise_error(state, &error);
    }
    return failure;
}

PyDoc_STRVAR(endpoint_doc,
             "endpoint(host, *, region=None, cluster_id=None, profile=None)\n--\n\n"
             "Read a host name: a full endpoint, a cluster id with a region, a PrivateLink\n"
             "name with its cluster_id, \"localhost\" or \"local\". A cluster id without a\n"
             "region takes AWS_REGION, AWS_DEFAULT_REGION or the profile's.");

static PyObject *
endpoint_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"host", "region", "cluster_id", "profile", NULL};
    const char *host, *region = NULL, *cluster_id = NULL, *profile = NULL;
    struct dsql_endpoint endpoint;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|$zzz:endpoint", names, &host, &region,
                                     &cluster_id, &profile) ||
        parse_endpoint(state_of(module), host, region, cluster_id, profile, &endpoint) != 0) {
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
    if (parse_endpoint(state, given->host, given->region, given->cluster_id, given->profile,
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
    if (given->access_key == NULL && given->secret_key == NULL) {
        const struct dsql_credentials *cached;
        struct dsql_credentials_options options = {
            .profile = given->profile,
            .credentials_file = given->credentials_file,
        };
        return cached_credentials(state, &options, &cached) == 0
                   ? sign(state, given, &endpoint, cached)
                   : NULL;
    }
    struct dsql_credentials credentials;
    if (dsql_credentials_set(&credentials, given->access_key, given->secret_key,
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
             "Signed on this machine, without the network. Keys that are given win; else\n"
             "they come from the environment or the shared credentials and config files.\n"
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
    struct dsql_credentials_options options = {.profile = profile};
    Py_BEGIN_ALLOW_THREADS failure =
        dsql_region_load(region, sizeof region, &options, NULL, &error);
    Py_END_ALLOW_THREADS return failure == 0 ? PyUnicode_FromString(region)
                                             : raise_error(state_of(module), &error);
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

/* PyCFunctionWithKeywords has another type than PyCFunction; going through
 * void (*)(void) is how CPython itself says that it means it. */
#define KEYWORDS(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef methods[] = {
    {"endpoint", KEYWORDS(endpoint_function), METH_VARARGS | METH_KEYWORDS, endpoint_doc},
    {"token", KEYWORDS(token_function), METH_VARARGS | METH_KEYWORDS, token_doc},
    {"region", KEYWORDS(region_function), METH_VARARGS | METH_KEYWORDS, region_doc},
    {"ca_file", ca_file_function, METH_NOARGS, ca_file_doc},
    {"is_retryable", is_retryable_function, METH_O, is_retryable_doc},
    {NULL, NULL, 0, NULL},
};

/* -------------------------------------------------------------- the module */

/* The tree of PEP 249. */
static const struct {
    const char *name, *base, *doc;
} exceptions[] = {
    {"Warning", NULL, "An important warning."},
    {"Error", NULL, "Base of all errors; `code` names the library's error code."},
    {"InterfaceError", "Error", "Wrong use of the library: an argument cannot be right."},
    {"DatabaseError", "Error", "The database, or the way to it, failed."},
    {"DataError", "DatabaseError", "A value that cannot be processed."},
    {"OperationalError", "DatabaseError", "Not the program's fault: sign-in, network, server."},
    {"IntegrityError", "DatabaseError", "A constraint was violated."},
    {"InternalError", "DatabaseError", "The database found itself in the wrong."},
    {"ProgrammingError", "DatabaseError", "Wrong SQL or wrong use of it."},
    {"NotSupportedError", "DatabaseError", "Something that the database does not have."},
};

static int
add_exceptions(PyObject *module)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "libdsql.%s", exceptions[i].name);
        PyObject *base = exceptions[i].base ? PyObject_GetAttrString(module, exceptions[i].base)
                                            : Py_NewRef(PyExc_Exception);
        PyObject *made =
            base ? PyErr_NewExceptionWithDoc(name, exceptions[i].doc, base, NULL) : NULL;
        Py_XDECREF(base);
        if (made == NULL || PyModule_AddObjectRef(module, exceptions[i].name, made) != 0) {
            Py_XDECREF(made);
            return -1;
        }
        Py_DECREF(made);
    }
    return 0;
}

static int
module_exec(PyObject *module)
{
    struct module_state *state = state_of(module);
    state->endpoint_type = PyStructSequence_NewType(&endpoint_desc);
    if (state->endpoint_type == NULL ||
        PyModule_AddObjectRef(module, "Endpoint", (PyObject *)state->endpoint_type) != 0 ||
        PyModule_AddStringConstant(module, "__version__", dsql_version()) != 0 ||
        add_exceptions(module) != 0) {
        return -1;
    }
    state->error = PyObject_GetAttrString(module, "Error");
    state->interface_error = PyObject_GetAttrString(module, "InterfaceError");
    state->operational_error = PyObject_GetAttrString(module, "OperationalError");
    return state->error && state->interface_error && state->operational_error ? 0 : -1;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = state_of(module);
    Py_VISIT(state->endpoint_type);
    Py_VISIT(state->error);
    Py_VISIT(state->interface_error);
    Py_VISIT(state->operational_error);
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct module_state *state = state_of(module);
    Py_CLEAR(state->endpoint_type);
    Py_CLEAR(state->error);
    Py_CLEAR(state->interface_error);
    Py_CLEAR(state->operational_error);
    return 0;
}

static void
module_free(void *module)
{
    struct module_state *state = state_of(module);
    module_clear(module);
    credentials_cache_clear(&state->cache);
}

/* CPython declares a slot's function as void *, which ISO C cannot convert. */
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
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
