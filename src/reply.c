/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the server answers: the messages in the receive buffer, read in the
 * order of the requests, as events. A message that does not fit there ends the
 * connection: whoever goes on after it would take one answer for another. */
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "error.h"

/* Not an error, nor something to wait for: the message made no event. */
#define NO_EVENT 3

static int
broken(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_error *error)
{
    dsql__fail(error, DSQL_E_PROTOCOL,
               "the server broke the protocol (message 0x%02x): the connection is closed",
               (unsigned char)message->type);
    return dsql__conn_break(conn, DSQL_E_PROTOCOL);
}

static int
no_memory(struct dsql_conn *conn, struct dsql_error *error)
{
    dsql__conn_break(conn, DSQL_E_NOMEM);
    return dsql__fail_nomem(error);
}

/* The number of rows at the end of a command tag; -1 without one. */
static int64_t
rows_of(const char *tag)
{
    const char *last = strrchr(tag, ' ');
    int64_t rows = 0;
    if (last == NULL || last[1] == '\0') {
        return -1;
    }
    for (const char *at = last + 1; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || rows > (INT64_MAX - 9) / 10) {
            return -1;
        }
        rows = rows * 10 + (*at - '0');
    }
    return rows;
}

/* ------------------------------------------------------------------ failure */

/* What a request that the server passed over had taken for granted. */
static void
undo(struct dsql_conn *conn, struct dsql__request *request)
{
    struct dsql__statement *statement = request->statement;
    if (request->kind == DSQL__REQUEST_CLOSE) {
        dsql__statements_close_later(&conn->statements, statement);
    } else if (statement != NULL && request->stage == DSQL__AWAIT_PARSE) {
        statement->batch = 0;
    }
}

/* A plan that a change of the catalog has made useless: Parse it anew. */
static bool
is_stale(const struct dsql_diagnostic *diagnostic)
{
    static const char changed[] = "cached plan must not change result type";
    return diagnostic->sqlstate != NULL &&
           (strcmp(diagnostic->sqlstate, "26000") == 0 ||
            (strcmp(diagnostic->sqlstate, "0A000") == 0 && diagnostic->message != NULL &&
             strcmp(diagnostic->message, changed) == 0));
}

/* Another session has changed the catalog: plans that were made before are of no
 * use, and a second try must not fail for that. */
static bool
is_catalog_change(const struct dsql_diagnostic *diagnostic)
{
    return diagnostic->sqlstate != NULL && strcmp(diagnostic->sqlstate, "40001") == 0 &&
           diagnostic->message != NULL && strstr(diagnostic->message, "(OC001)") != NULL;
}

/* This session has. */
static bool
is_ddl(const char *tag)
{
    return strncmp(tag, "CREATE ", 7) == 0 || strncmp(tag, "ALTER ", 6) == 0 ||
           strncmp(tag, "DROP ", 5) == 0;
}

/* The server passes over all that follows up to the next Sync. For a script
 * behind a BEGIN that was refused one is sent here: the caller awaits its
 * DSQL_EVENT_READY. DSQL_E_... or 0. */
static int
skip_batch(struct dsql_conn *conn, bool stale)
{
    struct dsql__request *first = dsql__request_first(conn);
    if (first == NULL || first->kind == DSQL__REQUEST_SCRIPT) {
        return 0; /* ReadyForQuery follows */
    }
    if (first->statement != NULL && stale) {
        dsql__statements_drop(&conn->statements, first->statement);
    }
    int scripts = 0, failure = 0;
    while (first != NULL && first->kind != DSQL__REQUEST_SYNC) {
        scripts += first->kind == DSQL__REQUEST_SCRIPT;
        undo(conn, first);
        dsql__request_pop(conn);
        first = dsql__request_first(conn);
    }
    conn->skipping = first == NULL;
    while (failure == 0 && scripts-- > 0) {
        failure = dsql_send_sync(conn, NULL);
    }
    return failure;
}

static int
on_error(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
         struct dsql_error *error)
{
    if (dsql__diagnostic_read(message->body, message->length, &event->diagnostic) != 0) {
        return broken(conn, message, error);
    }
    if (dsql__diagnostic_is_fatal(&event->diagnostic)) {
        int failure = dsql__conn_refuse(conn, message, error);
        return failure == DSQL_E_NOMEM ? no_memory(conn, error) : dsql__conn_break(conn, failure);
    }
    event->kind = DSQL_EVENT_ERROR;
    event->stale = is_stale(&event->diagnostic);
    conn->copying_in = false;
    if (is_catalog_change(&event->diagnostic)) {
        dsql__statements_drop_all(&conn->statements);
    }
    return skip_batch(conn, event->stale != 0) == 0 ? 0 : no_memory(conn, error);
}

/* ------------------------------------------------------------------ results */

static int
begin_result(struct dsql_conn *conn, struct dsql__columns *columns, struct dsql_event *event)
{
    dsql__columns_release(conn->columns);
    conn->columns = columns;
    if (columns == NULL) {
        return NO_EVENT;
    }
    columns->references++;
    event->kind = DSQL_EVENT_COLUMNS;
    event->columns = columns->columns;
    event->count = columns->count;
    return 0;
}

static int
on_columns(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
           struct dsql_error *error)
{
    int failure = 0;
    struct dsql__columns *columns = NULL;
    if (message->type == 'T') {
        columns = dsql__columns_read(message->body, message->length, &failure);
    }
    if (failure != 0) {
        return failure == DSQL_E_NOMEM ? no_memory(conn, error) : broken(conn, message, error);
    }
    struct dsql__statement *statement = dsql__request_first(conn)->statement;
    if (statement != NULL) {
        dsql__columns_release(statement->columns);
        statement->columns = columns;
        statement->described = true;
        return begin_result(conn, columns, event);
    }
    int result = begin_result(conn, columns, event);
    dsql__columns_release(columns); /* the connection holds it */
    return result;
}

static int
on_row(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
       struct dsql_error *error)
{
    const unsigned char *body = (const unsigned char *)message->body;
    if (conn->columns == NULL || message->length < 2 ||
        (body[0] << 8 | body[1]) != conn->columns->count) {
        return broken(conn, message, error);
    }
    event->kind = DSQL_EVENT_ROW;
    event->columns = conn->columns->columns;
    event->count = conn->columns->count;
    event->data = message->body;
    event->length = message->length;
    return 0;
}

static int
on_copy(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event)
{
    if (message->type == 'd') {
        event->kind = DSQL_EVENT_COPY_DATA;
        event->data = message->body;
        event->length = message->length;
        return 0;
    }
    event->kind = message->type == 'G' ? DSQL_EVENT_COPY_IN : DSQL_EVENT_COPY_OUT;
    conn->copying_in = message->type == 'G';
    return 0;
}

static int
on_complete(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
            struct dsql_error *error)
{
    struct dsql__request *first = dsql__request_first(conn);
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    event->tag = message->type == 'C' ? dsql__get_string(&reader) : "";
    if (reader.failed) {
        return broken(conn, message, error);
    }
    event->kind = DSQL_EVENT_COMPLETE;
    event->rows = rows_of(event->tag);
    conn->copying_in = false;
    if (is_ddl(event->tag)) {
        dsql__statements_drop_all(&conn->statements);
    }
    bool silent = first->kind == DSQL__REQUEST_BEGIN;
    if (silent || first->kind == DSQL__REQUEST_STATEMENT) {
        dsql__request_pop(conn);
    }
    return silent ? NO_EVENT : 0;
}

/* Rows, COPY and the end of a statement. */
static int
on_execution(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
             struct dsql_error *error)
{
    switch (message->type) {
    case 'D':
        return on_row(conn, message, event, error);
    case 'C':
    case 'I':
        return on_complete(conn, message, event, error);
    case 'G':
    case 'H':
    case 'd':
        return on_copy(conn, message, event);
    case 'c':
        return NO_EVENT;
    default:
        return broken(conn, message, error);
    }
}

static int
on_ready(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
         struct dsql_error *error)
{
    if (message->length != 1 || strchr("ITE", message->body[0]) == NULL ||
        message->body[0] == '\0') {
        return broken(conn, message, error);
    }
    conn->transaction = message->body[0];
    dsql__request_pop(conn);
    event->kind = DSQL_EVENT_READY;
    return 0;
}

/* -------------------------------------------------- by what is waited for */

/* The answers of the extended protocol to one statement. */
static int
on_statement(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
             struct dsql_error *error)
{
    struct dsql__request *first = dsql__request_first(conn);
    struct dsql__statement *statement = first->statement;
    switch (first->stage) {
    case DSQL__AWAIT_PARSE:
        if (message->type != '1') {
            break;
        }
        statement->ready = true;
        statement->batch = 0;
        first->stage = DSQL__AWAIT_BIND;
        return NO_EVENT;
    case DSQL__AWAIT_BIND:
        if (message->type != '2') {
            break;
        }
        first->stage = first->describe ? DSQL__AWAIT_DESCRIBE : DSQL__AWAIT_EXECUTE;
        return first->describe ? NO_EVENT : begin_result(conn, statement->columns, event);
    case DSQL__AWAIT_DESCRIBE:
        if (message->type != 'T' && message->type != 'n') {
            break;
        }
        first->stage = DSQL__AWAIT_EXECUTE;
        return on_columns(conn, message, event, error);
    case DSQL__AWAIT_EXECUTE:
        return on_execution(conn, message, event, error);
    }
    return broken(conn, message, error);
}

static int
on_script(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
          struct dsql_error *error)
{
    if (message->type == 'Z') {
        return on_ready(conn, message, event, error);
    }
    return message->type == 'T' ? on_columns(conn, message, event, error)
                                : on_execution(conn, message, event, error);
}

static int
on_answer(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
          struct dsql_error *error)
{
    struct dsql__request *first = dsql__request_first(conn);
    if (first == NULL) {
        return broken(conn, message, error);
    }
    switch (first->kind) {
    case DSQL__REQUEST_BEGIN:
    case DSQL__REQUEST_STATEMENT:
        return on_statement(conn, message, event, error);
    case DSQL__REQUEST_SCRIPT:
        return on_script(conn, message, event, error);
    case DSQL__REQUEST_CLOSE:
        if (message->type == '3' && message->length == 0) {
            dsql__request_pop(conn);
            return NO_EVENT;
        }
        return broken(conn, message, error);
    case DSQL__REQUEST_SYNC:
        return message->type == 'Z' ? on_ready(conn, message, event, error)
                                    : broken(conn, message, error);
    }
    return broken(conn, message, error);
}

static int
on_message(struct dsql_conn *conn, const struct dsql__message *message, struct dsql_event *event,
           struct dsql_error *error)
{
    int failure;
    switch (message->type) {
    case 'E':
        return on_error(conn, message, event, error);
    case 'N':
        event->kind = DSQL_EVENT_NOTICE;
        return dsql__diagnostic_read(message->body, message->length, &event->diagnostic) == 0
                   ? 0
                   : broken(conn, message, error);
    case 'S':
        failure = dsql__conn_keep_parameter(conn, message);
        if (failure == DSQL_E_NOMEM) {
            return no_memory(conn, error);
        }
        return failure == 0 ? NO_EVENT : broken(conn, message, error);
    case 'A': /* NotificationResponse: the service has none, PostgreSQL may */
        return NO_EVENT;
    default:
        return on_answer(conn, message, event, error);
    }
}

/* --------------------------------------------------------------- the events */

/* Whether what was asked is a whole: its answer awaits the end of the flight,
 * not bytes that are still to be sent (rows of executemany(), COPY data). */
static bool
is_flight(const struct dsql_conn *conn)
{
    const struct dsql__requests *ring = &conn->requests;
    size_t last = (ring->first + ring->count - 1) & (ring->size - 1);
    enum dsql__request_kind kind = ring->items[last].kind;
    return !conn->copying_in && (kind == DSQL__REQUEST_SYNC || kind == DSQL__REQUEST_SCRIPT);
}

/* Sends what waits, then reads what is there. 0: bytes came. Nothing can have
 * come yet in answer to a flight that has just gone out: then the look is
 * spared. */
static int
move_bytes(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__transport *transport = &conn->transport;
    bool asked = dsql__buffer_length(&transport->out) > 0 && is_flight(conn);
    int sent = dsql__transport_flush(transport, error);
    if (sent == 0 && asked && dsql__buffer_length(&transport->in) == 0 &&
        (transport->ssl == NULL || SSL_has_pending(transport->ssl) == 0)) {
        return DSQL_WANT_READ;
    }
    int got = sent < 0 ? sent : dsql__transport_fill(transport, error);
    if (got < 0) {
        return dsql__conn_break(conn, got);
    }
    return got == 0 ? 0 : got | sent;
}

static void
consume_taken(struct dsql_conn *conn)
{
    struct dsql__buffer *in = &conn->transport.in;
    dsql__buffer_consume(in, conn->taken);
    conn->taken = 0;
    if (in->size > 4 * DSQL__READ_SIZE) {
        dsql__buffer_trim(in); /* after a very large message */
    }
}

int
dsql_next(struct dsql_conn *conn, struct dsql_event *event, struct dsql_error *error)
{
    if (conn->phase == DSQL__BROKEN) {
        return dsql__fail(error, DSQL_E_CLOSED, "the connection is closed: open a new one");
    }
    if (conn->phase != DSQL__CONNECTED || conn->requests.count == 0) {
        return dsql__fail(error, DSQL_E_STATE, "nothing was asked: there is nothing to await");
    }
    struct dsql__buffer *in = &conn->transport.in;
    struct dsql__message message = {0};
    consume_taken(conn);
    for (;;) {
        int peeked = dsql__message_peek(dsql__buffer_begin(in), dsql__buffer_length(in),
                                        DSQL__MESSAGE_LIMIT, false, &message);
        if (peeked == DSQL__MORE) {
            int moved = move_bytes(conn, error);
            if (moved != 0) {
                return moved;
            }
            continue;
        }
        if (peeked != 0) {
            return broken(conn, &message, error);
        }
        event->count = 0;
        int result = on_message(conn, &message, event, error);
        if (result != NO_EVENT) {
            conn->taken = result == 0 ? message.total : 0;
            return result;
        }
        dsql__buffer_consume(in, message.total);
    }
}

int
dsql_row_get(const struct dsql_event *event, int column, const char **data, size_t *length)
{
    struct dsql__reader reader;
    if (column < 0 || column >= event->count) {
        return DSQL_E_INVALID;
    }
    dsql__reader_init(&reader, event->data, event->length);
    dsql__get_int16(&reader);
    for (int i = 0; i <= column; i++) {
        int32_t size = dsql__get_int32(&reader);
        *data = size >= 0 ? dsql__get_bytes(&reader, (size_t)size) : NULL;
        *length = size >= 0 ? (size_t)size : 0;
    }
    return reader.failed ? DSQL_E_INVALID : 0;
}
