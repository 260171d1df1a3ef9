/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* connect_start(): from the options of Python's connect() to a connection that
 * is being opened. */
#include "connection.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

const char connect_start_doc[] =
    "Begin to connect; with block=True, until it is done. For connect() of libdsql and of\n"
    "libdsql.aio, which also know host=\"local\".";

struct given {
    struct dsql_conn_options options;
    const char *sslmode, *sslrootcert, *sslnegotiation, *access_key, *secret_key, *session_token;
    long long token_seconds;
    double connect_timeout;
    int port, keepalives, autocommit, block;
    PyObject *json_loads;
};

static int
parse(PyObject *args, PyObject *keywords, struct given *given)
{
    static char *names[] = {"host",
                            "user",
                            "dbname",
                            "hostaddr",
                            "port",
                            "region",
                            "cluster_id",
                            "profile",
                            "credentials_file",
                            "access_key",
                            "secret_key",
                            "session_token",
                            "password",
                            "token_duration_secs",
                            "sslmode",
                            "sslrootcert",
                            "sslnegotiation",
                            "application_name",
                            "options",
                            "connect_timeout",
                            "keepalives",
                            "keepalives_idle",
                            "keepalives_interval",
                            "keepalives_count",
                            "tcp_user_timeout",
                            "autocommit",
                            "json_loads",
                            "block",
                            NULL};
    struct dsql_conn_options *options = &given->options;
    return PyArg_ParseTupleAndKeywords(
               args, keywords, "s|$sszizzzzzzzzLszszzdiiiiipOp:connect_start", names,
               &options->host, &options->user, &options->dbname, &options->hostaddr, &given->port,
               &options->region, &options->cluster_id, &options->profile,
               &options->credentials_file, &given->access_key, &given->secret_key,
               &given->session_token, &options->password, &given->token_seconds, &given->sslmode,
               &given->sslrootcert, &given->sslnegotiation, &options->application_name,
               &options->settings, &given->connect_timeout, &given->keepalives,
               &options->keepalive_idle, &options->keepalive_interval, &options->keepalive_count,
               &options->user_timeout_ms, &given->autocommit, &given->json_loads, &given->block)
               ? 0
               : -1;
}

static int
refuse(struct module_state *state, const char *sentence)
{
    raise_own(state, EXCEPTION_INTERFACE, DSQL_E_INVALID, "%s", sentence);
    return -1;
}

static int
read_tls(struct module_state *state, struct given *given)
{
    struct dsql_conn_options *options = &given->options;
    if (strcmp(given->sslmode, "verify-full") == 0) {
        options->verify = DSQL_VERIFY_FULL;
    } else if (strcmp(given->sslmode, "verify-ca") == 0) {
        options->verify = DSQL_VERIFY_CA;
    } else if (strcmp(given->sslmode, "require") == 0) {
        options->verify = DSQL_VERIFY_NONE;
    } else {
        return refuse(state, "sslmode must be require, verify-ca or verify-full: Aurora DSQL is "
                             "reached over TLS only");
    }
    options->classic_tls = strcmp(given->sslnegotiation, "postgres") == 0;
    if (!options->classic_tls && strcmp(given->sslnegotiation, "direct") != 0) {
        return refuse(state, "sslnegotiation must be direct or postgres");
    }
    if (given->sslrootcert != NULL && strcmp(given->sslrootcert, "system") != 0) {
        options->ca_file = given->sslrootcert;
    }
    return 0;
}

static int
read_numbers(struct module_state *state, struct given *given)
{
    struct dsql_conn_options *options = &given->options;
    if (given->port < 1 || given->port > UINT16_MAX) {
        return refuse(state, "port must be a number from 1 to 65535");
    }
    if (given->token_seconds < 1 || given->token_seconds > DSQL_TOKEN_EXPIRES_MAX) {
        return refuse(state, "token_duration_secs must be a number of seconds from 1 to 604800");
    }
    if (!(given->connect_timeout >= 0 && given->connect_timeout <= INT_MAX / 1000)) {
        return refuse(state, "connect_timeout must be a number of seconds, 0 for none");
    }
    options->port = (uint16_t)given->port;
    options->token_seconds = given->token_seconds;
    options->connect_timeout_ms =
        given->connect_timeout > 0 ? (int)ceil(given->connect_timeout * 1000) : -1;
    if (given->keepalives == 0) {
        options->keepalive_idle = -1;
    }
    return 0;
}

/* The keys for the token, unless the caller made one: of the arguments, or of
 * the environment and the files. */
static int
read_keys(struct module_state *state, struct given *given, struct dsql_credentials *storage)
{
    struct dsql_conn_options *options = &given->options;
    struct dsql_error error;
    if (options->password != NULL) {
        return 0;
    }
    if (given->access_key == NULL && given->secret_key == NULL && given->session_token == NULL) {
        struct dsql_credentials_options where = {
            .profile = options->profile,
            .credentials_file = options->credentials_file,
        };
        options->credentials = storage;
        return find_keys(state, &where, true, storage);
    }
    if (given->access_key == NULL || given->secret_key == NULL) {
        return refuse(state, "access_key and secret_key belong together");
    }
    if (dsql_credentials_set(storage, given->access_key, given->secret_key, given->session_token,
                             &error) != 0) {
        raise_error(state, &error);
        return -1;
    }
    options->credentials = storage;
    return 0;
}

static struct connection *
connection_new(struct module_state *state, const struct given *given)
{
    PyTypeObject *type = state->connection_type;
    struct connection *connection = (struct connection *)type->tp_alloc(type, 0);
    if (connection == NULL) {
        return NULL;
    }
    connection->state = state;
    connection->process = getpid();
    connection->autocommit = given->autocommit != 0;
    connection->json_loads = Py_XNewRef(given->json_loads);
    connection->notices = PyList_New(0);
    connection->lock = PyThread_allocate_lock();
    if (connection->notices == NULL || connection->lock == NULL) {
        if (connection->lock == NULL) {
            PyErr_NoMemory();
        }
        Py_CLEAR(connection);
    }
    return connection;
}

static int
start(struct connection *connection, struct given *given)
{
    struct module_state *state = connection->state;
    struct dsql_credentials storage = {0};
    struct dsql_endpoint endpoint;
    struct dsql_error error;
    struct dsql_conn_options *options = &given->options;
    if (read_tls(state, given) != 0 || read_numbers(state, given) != 0 ||
        parse_endpoint(state, options->host, options->region, options->cluster_id, options->profile,
                       true, &endpoint) != 0) {
        return -1;
    }
    if (endpoint.kind == DSQL_HOST_LOCAL) {
        return refuse(state, "host=\"local\" is for libdsql.connect() and libdsql.aio.connect()");
    }
    options->region = endpoint.region;
    if (read_keys(state, given, &storage) != 0) {
        return -1;
    }
    int failure = dsql_conn_start(options, &connection->conn, &error);
    dsql_credentials_clear(&storage);
    if (failure != 0) {
        raise_error(state, &error);
        return -1;
    }
    PyThread_acquire_lock(connection->lock, NOWAIT_LOCK); /* nobody else knows it yet */
    connection->owner = PyThread_get_thread_ident();
    connection->operation = (struct operation){.kind = OPERATION_CONNECT, .sent = true};
    return 0;
}

PyObject *
connect_start_function(PyObject *module, PyObject *args, PyObject *keywords)
{
    struct module_state *state = PyModule_GetState(module);
    struct given given = {
        .options = {.user = "admin",
                    .dbname = "postgres",
                    .keepalive_idle = 30,
                    .keepalive_interval = 10,
                    .keepalive_count = 3},
        .sslmode = "verify-full",
        .sslnegotiation = "direct",
        .token_seconds = DSQL_TOKEN_EXPIRES_DEFAULT,
        .connect_timeout = 30,
        .port = 5432,
        .keepalives = 1,
    };
    if (parse(args, keywords, &given) != 0) {
        return NULL;
    }
    if (given.json_loads != NULL && given.json_loads != Py_None &&
        !PyCallable_Check(given.json_loads)) {
        PyErr_SetString(PyExc_TypeError, "json_loads is a function of a str, or None");
        return NULL;
    }
    struct connection *connection = connection_new(state, &given);
    if (connection == NULL) {
        return NULL;
    }
    if (start(connection, &given) != 0 || (given.block && operation_run(connection) != 0)) {
        Py_CLEAR(connection);
    }
    return (PyObject *)connection;
}
