/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a connection does, begun by _start and gone on with by steps. Blocking
 * methods and asyncio differ only in who waits between two steps. Whatever goes
 * wrong while answers are outstanding is kept until all have been read, so that
 * no answer is ever taken for another's. */
#include "connection.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Memory for parameters that stays with a connection; more was for large ones. */
#define BUFFER_KEPT (256 * 1024)

/* ------------------------------------------------------------------- turns */

static int
wait_for_turn(struct connection *connection)
{
    for (;;) {
        PyLockStatus status;
        Py_BEGIN_ALLOW_THREADS;
        status = PyThread_acquire_lock_timed(connection->lock, -1, 1);
        Py_END_ALLOW_THREADS;
        if (status == PY_LOCK_ACQUIRED) {
            return 0;
        }
        if (PyErr_CheckSignals() != 0) {
            return -1;
        }
    }
}

int
connection_take(struct connection *connection, bool wait)
{
    unsigned long me = PyThread_get_thread_ident();
    if (connection->process != getpid()) {
        raise_own(connection->state, EXCEPTION_INTERFACE, DSQL_E_STATE,
                  "the connection was opened in another process: open one in this process");
        return -1;
    }
    if (!PyThread_acquire_lock(connection->lock, NOWAIT_LOCK)) {
        if (!wait || connection->owner == me) {
            raise_own(connection->state, EXCEPTION_PROGRAMMING, DSQL_E_STATE,
                      "another operation is under way on this connection: await its end, or "
                      "use a second connection");
            return -1;
        }
        if (wait_for_turn(connection) != 0) {
            return -1;
        }
    }
    connection->owner = me;
    return 0;
}

void
connection_leave(struct connection *connection)
{
    connection->owner = 0;
    PyThread_release_lock(connection->lock);
}

int
connection_enter(struct connection *connection, bool wait)
{
    if (connection_take(connection, wait) != 0) {
        return -1;
    }
    if (connection->conn == NULL || connection->broken) {
        connection_leave(connection);
        raise_own(connection->state, EXCEPTION_OPERATIONAL, DSQL_E_CLOSED,
                  "the connection is closed: open a new one");
        return -1;
    }
    return 0;
}

/* ----------------------------------------------------------- begin and end */

void
operation_clear(struct operation *operation)
{
    struct operation old = *operation;
    *operation = (struct operation){0};
    Py_XDECREF(old.cursor);
    Py_XDECREF(old.sql);
    Py_XDECREF(old.source);
    Py_XDECREF(old.reader);
    Py_XDECREF(old.writer);
    Py_XDECREF(old.view);
    Py_XDECREF(old.failure);
}

void
operation_finish(struct connection *connection)
{
    struct operation old = connection->operation;
    if (old.kind == OPERATION_NONE) {
        return;
    }
    if (connection->buffer.size > BUFFER_KEPT) {
        connection->buffer.start = connection->buffer.end = 0;
        dsql__buffer_trim(&connection->buffer);
    }
    connection->operation = (struct operation){0};
    connection_leave(connection);
    operation_clear(&old); /* last: it may run Python code */
}

int
operation_begin(struct cursor *cursor, enum operation_kind kind, PyObject *sql, bool wait)
{
    struct connection *connection = cursor->connection;
    struct module_state *state = connection->state;
    if (cursor->closed) {
        raise_own(state, EXCEPTION_INTERFACE, DSQL_E_STATE, "the cursor is closed");
        return -1;
    }
    if (sql != NULL && !PyUnicode_Check(sql)) {
        raise_own(state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID, "SQL is given as a str, not %.100s",
                  Py_TYPE(sql)->tp_name);
        return -1;
    }
    if (sql != NULL && PyUnicode_AsUTF8(sql) == NULL) {
        PyErr_Clear();
        raise_own(state, EXCEPTION_PROGRAMMING, DSQL_E_INVALID,
                  "the SQL text holds a lone surrogate, which UTF-8 does not have");
        return -1;
    }
    if (connection_enter(connection, wait) != 0) {
        return -1;
    }
    connection->operation = (struct operation){
        .kind = kind,
        .cursor = (struct cursor *)Py_NewRef(cursor),
        .sql = Py_XNewRef(sql),
    };
    return 0;
}

void
operation_fail(struct connection *connection)
{
    PyObject *exception = exception_take();
    if (connection->operation.failure == NULL) {
        connection->operation.failure = exception;
    } else {
        Py_XDECREF(exception);
    }
}

void
connection_abandon(struct connection *connection)
{
    connection->broken = true;
    connection->streaming = false;
    if (connection->stream != NULL) {
        connection->stream->cut = true;
        connection->stream = NULL;
    }
    if (connection->conn != NULL) {
        dsql_conn_abandon(connection->conn);
    }
    if (connection->operation.kind == OPERATION_EXECUTE) {
        cursor_reset(connection->operation.cursor); /* no part of a result passes for all of it */
    }
}

static const char unknown_transaction[] =
    "The connection ended before COMMIT was answered: whether the transaction is stored is not "
    "known.";
static const char unknown_statement[] =
    "The connection ended before the statement was answered, which commits itself: whether it "
    "took effect is not known.";

static bool
begins_with_word(const char *sql, const char *word)
{
    size_t length = strlen(word);
    while (Py_ISSPACE(*sql)) {
        sql++;
    }
    return PyOS_strnicmp(sql, word, (Py_ssize_t)length) == 0 && !Py_ISALNUM(sql[length]) &&
           sql[length] != '_';
}

/* What is not known when the connection ends now; NULL: nothing was committed. */
static const char *
what_is_unknown(const struct connection *connection)
{
    const struct operation *operation = &connection->operation;
    Py_ssize_t length = 0;
    const char *sql;
    if (!operation->sent || operation->failure != NULL || operation->stale) {
        return NULL;
    }
    switch (operation->kind) {
    case OPERATION_END:
        return operation->commit ? unknown_transaction : NULL;
    case OPERATION_MANY:
        return operation->own_transaction && operation->batches > 0 ? unknown_transaction : NULL;
    case OPERATION_EXECUTE:
    case OPERATION_SCRIPT:
    case OPERATION_COPY_IN:
        break;
    default:
        return NULL;
    }
    sql = PyUnicode_AsUTF8AndSize(operation->sql, &length); /* it was encoded before */
    if (begins_with_word(sql, "commit") || begins_with_word(sql, "end")) {
        return operation->first ? NULL : unknown_transaction;
    }
    int may_write = DSQL_SQL_DDL | DSQL_SQL_DML | DSQL_SQL_SEVERAL;
    return connection->autocommit && operation->first &&
                   (dsql_sql_kind(sql, (size_t)length) & may_write) != 0
               ? unknown_statement
               : NULL;
}

int
operation_over(struct connection *connection, const struct dsql_error *error)
{
    struct module_state *state = connection->state;
    const struct dsql_diagnostic *last_word = dsql_conn_refusal(connection->conn);
    const char *unknown = what_is_unknown(connection);
    if (last_word != NULL) {
        raise_server_error(state, last_word, unknown);
    } else if (unknown != NULL && error->code != DSQL_E_NOMEM) {
        struct dsql_error both = {.code = error->code};
        PyOS_snprintf(both.message, sizeof both.message, "%.300s. %s", error->message, unknown);
        raise_error(state, &both);
    } else {
        raise_error(state, error);
    }
    connection_abandon(connection);
    return -1;
}

/* ------------------------------------------------------------------- steps */

static int
connect_step(struct connection *connection)
{
    struct dsql_error error;
    int wants = dsql_conn_poll(connection->conn, &error);
    return wants < 0 ? operation_over(connection, &error) : wants;
}

static int
send_execute(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    operation->first = dsql_conn_transaction(connection->conn) == 'I';
    if (begin_if_needed(connection) != 0 || send_statement(connection, 0) != 0) {
        return -1;
    }
    return send_sync(connection);
}

static int
send_script(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    struct dsql_error error, ignored;
    Py_ssize_t length;
    const char *sql = PyUnicode_AsUTF8AndSize(operation->sql, &length);
    if (sql == NULL) {
        return -1;
    }
    if (strlen(sql) != (size_t)length) {
        raise_own(connection->state, EXCEPTION_INTERFACE, DSQL_E_INVALID,
                  "the SQL text holds a NUL character");
        return -1;
    }
    operation->first = dsql_conn_transaction(connection->conn) == 'I';
    if (begin_if_needed(connection) != 0) {
        return -1;
    }
    if (dsql_send_script(connection->conn, sql, &error) != 0) {
        (void)!dsql_end(connection->conn, 0, &ignored);
        raise_error(connection->state, &error);
        return -1;
    }
    operation->batches = 1;
    return 0;
}

/* Queues COMMIT or ROLLBACK; batches stays 0 when there is nothing to end. */
static int
send_end(struct connection *connection)
{
    struct dsql_error error;
    if (connection->ended && connection->operation.commit) {
        error = (struct dsql_error){
            .code = DSQL_E_CLOSED,
            .message = "the connection ended before COMMIT was sent, so that nothing is stored: "
                       "open a new one",
        };
        return operation_over(connection, &error);
    }
    int sent = dsql_end(connection->conn, connection->operation.commit, &error);
    if (sent < 0) {
        return operation_over(connection, &error);
    }
    connection->operation.batches = sent;
    return 0;
}

static int
send_first(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    switch (operation->kind) {
    case OPERATION_EXECUTE:
        return send_execute(connection);
    case OPERATION_SCRIPT:
    case OPERATION_COPY_IN:
    case OPERATION_COPY_OUT:
        return send_script(connection);
    case OPERATION_END:
        return send_end(connection);
    case OPERATION_MANY: /* row by row, later */
        operation->own_transaction =
            connection->autocommit && dsql_conn_transaction(connection->conn) == 'I';
        break;
    case OPERATION_NONE:
    case OPERATION_CONNECT:
    case OPERATION_FETCH:
        break;
    }
    return 0;
}

/* A plan that a change of the catalog had made useless, at the start of a
 * transaction: nothing was done, so it is done again. */
static int
run_again(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    struct dsql_error error;
    operation->stale = false;
    operation->again = true;
    Py_CLEAR(operation->failure);
    operation->sent = false;
    int batches = dsql_end(connection->conn, 0, &error);
    if (batches < 0) {
        return operation_over(connection, &error);
    }
    operation->batches = batches;
    return 0;
}

/* Sends, once what has to be read before was read: a stream's rest, or the
 * answer to the ROLLBACK of run_again(). */
static int
send_step(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    if (operation->sent) {
        return 0;
    }
    if (connection->streaming || operation->batches > 0) {
        int wants = read_events(connection);
        if (wants != 0) {
            return wants;
        }
    }
    if (send_first(connection) != 0) {
        return -1;
    }
    operation->sent = true;
    return 0;
}

static int
answer_step(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    switch (operation->kind) {
    case OPERATION_MANY:
        return many_step(connection);
    case OPERATION_COPY_IN:
        return copy_in_step(connection);
    case OPERATION_FETCH:
        return read_events(connection);
    default:
        return operation->batches > 0 ? read_events(connection) : 0;
    }
}

static int
one_step(struct connection *connection)
{
    struct operation *operation = &connection->operation;
    if (operation->kind == OPERATION_CONNECT) {
        return connect_step(connection);
    }
    for (;;) {
        int wants = send_step(connection);
        wants = wants != 0 ? wants : answer_step(connection);
        if (wants != 0 || !operation->stale) {
            return wants;
        }
        if (run_again(connection) != 0) {
            return -1;
        }
    }
}

int
operation_step(struct connection *connection)
{
    if (connection->operation.kind == OPERATION_NONE || connection->running) {
        bool gone = connection->broken;
        raise_own(connection->state, gone ? EXCEPTION_OPERATIONAL : EXCEPTION_PROGRAMMING,
                  gone ? DSQL_E_CLOSED : DSQL_E_STATE,
                  gone ? "the connection was closed while its answer was awaited"
                       : "no operation of this connection is to be gone on with");
        return -1;
    }
    connection->running = true;
    int wants = one_step(connection);
    connection->running = false;
    if (wants > 0) {
        return wants;
    }
    struct operation *operation = &connection->operation;
    PyObject *exception = wants < 0 ? exception_take() : NULL;
    if (wants == 0) {
        copy_check(connection);
    }
    if (operation->failure != NULL) { /* it came first */
        Py_XSETREF(exception, operation->failure);
        operation->failure = NULL;
    }
    if (wants < 0 && !connection->broken && dsql_conn_fd(connection->conn) < 0) {
        connection_abandon(connection);
    }
    if (exception != NULL && operation->kind == OPERATION_EXECUTE) {
        cursor_reset(operation->cursor);
    }
    operation_finish(connection);
    if (exception == NULL) {
        return 0;
    }
    exception_raise(exception);
    return -1;
}

/* Waits without the GIL: 0, or -1 when a signal's handler has raised. The answer
 * that nobody awaits any more would be taken for the next one's, so that the
 * connection is given up then. */
static int
wait_for(struct connection *connection, int wants)
{
    struct dsql_error error;
    int failure, number, timeout_ms = dsql_conn_timeout_ms(connection->conn);
    connection->running = true;
    Py_BEGIN_ALLOW_THREADS;
    failure = dsql_conn_wait(connection->conn, wants, timeout_ms, &error);
    number = errno;
    Py_END_ALLOW_THREADS;
    connection->running = false;
    bool fatal = failure != 0 && failure != DSQL_E_TIMEOUT && number != EINTR;
    if (PyErr_CheckSignals() == 0) {
        if (!fatal) {
            return 0;
        }
        operation_over(connection, &error);
    }
    PyObject *exception = exception_take();
    connection_abandon(connection);
    operation_finish(connection);
    exception_raise(exception);
    return -1;
}

int
operation_run(struct connection *connection)
{
    for (;;) {
        int wants = operation_step(connection);
        if (wants <= 0) {
            return wants;
        }
        if (wait_for(connection, wants) != 0) {
            return -1;
        }
    }
}
