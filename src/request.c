/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a connection asks: messages are appended to the bytes that go out, and a
 * record of each request to the ring by which reply.c reads the answers. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "error.h"

/* ---------------------------------------------------------------- the ring */

struct dsql__request *
dsql__request_first(struct dsql_conn *conn)
{
    struct dsql__requests *ring = &conn->requests;
    return ring->count > 0 ? &ring->items[ring->first] : NULL;
}

void
dsql__request_pop(struct dsql_conn *conn)
{
    struct dsql__requests *ring = &conn->requests;
    dsql__statement_release(ring->items[ring->first].statement);
    ring->first = (ring->first + 1) & (ring->size - 1);
    ring->count--;
}

static int
grow(struct dsql__requests *ring)
{
    size_t size = ring->size ? ring->size * 2 : 16;
    struct dsql__request *items = calloc(size, sizeof *items);
    if (items == NULL) {
        return DSQL_E_NOMEM;
    }
    for (size_t i = 0; i < ring->count; i++) {
        items[i] = ring->items[(ring->first + i) & (ring->size - 1)];
    }
    free(ring->items);
    ring->items = items;
    ring->first = 0;
    ring->size = size;
    return 0;
}

/* statement: its reference is taken, also on failure. */
static int
push(struct dsql_conn *conn, enum dsql__request_kind kind, enum dsql__stage stage, bool describe,
     struct dsql__statement *statement)
{
    struct dsql__requests *ring = &conn->requests;
    if (ring->count == ring->size && grow(ring) != 0) {
        dsql__statement_release(statement);
        return DSQL_E_NOMEM;
    }
    ring->items[(ring->first + ring->count) & (ring->size - 1)] = (struct dsql__request){
        .kind = kind,
        .stage = stage,
        .describe = describe,
        .statement = statement,
    };
    ring->count++;
    return 0;
}

void
dsql__conn_forget_requests(struct dsql_conn *conn)
{
    while (conn->requests.count > 0) {
        dsql__request_pop(conn);
    }
    free(conn->requests.items);
    conn->requests = (struct dsql__requests){0};
    dsql__columns_release(conn->columns);
    conn->columns = NULL;
    dsql__statements_clear(&conn->statements);
}

/* ------------------------------------------------- all of it, or nothing */

/* Where the queues stood before a request. */
struct mark {
    size_t bytes, requests;
};

static struct mark
mark(const struct dsql_conn *conn)
{
    return (struct mark){dsql__buffer_length(&conn->transport.out), conn->requests.count};
}

/* Takes back what was appended since; a statement whose Parse goes with it was
 * not sent. Returns the failure. */
static int
take_back(struct dsql_conn *conn, struct mark before, struct dsql_error *error)
{
    struct dsql__requests *ring = &conn->requests;
    struct dsql__buffer *out = &conn->transport.out;
    while (ring->count > before.requests) {
        ring->count--;
        struct dsql__request *last = &ring->items[(ring->first + ring->count) & (ring->size - 1)];
        if (last->kind == DSQL__REQUEST_CLOSE) {
            dsql__statements_close_later(&conn->statements, last->statement);
        } else if (last->statement != NULL && last->stage == DSQL__AWAIT_PARSE) {
            last->statement->batch = 0;
        }
        dsql__statement_release(last->statement);
    }
    out->end = out->start + before.bytes;
    out->failed = false;
    return dsql__fail_nomem(error);
}

static int
check_connected(const struct dsql_conn *conn, struct dsql_error *error)
{
    if (conn->phase == DSQL__CONNECTED) {
        return 0;
    }
    return conn->phase == DSQL__BROKEN
               ? dsql__fail(error, DSQL_E_CLOSED, "the connection is closed: open a new one")
               : dsql__fail(error, DSQL_E_STATE, "the connection is not open yet");
}

/* Whether a message, of which all has come unless it is cut, may come unasked. An
 * error that does not end the connection is an answer. */
static bool
comes_unasked(char type, const struct dsql__message *message, bool cut)
{
    struct dsql_diagnostic said;
    if (type != 'E' || cut) {
        return memchr("NSAE", type, 4) != NULL;
    }
    return dsql__diagnostic_read(message->body, message->length, &said) == 0 &&
           dsql__diagnostic_is_fatal(&said);
}

/* Before a request when none is under way: what lies unread may be messages
 * that come unasked, but no answer. One that were left there would be taken for
 * the answer to this request. */
static int
check_quiet(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__buffer *in = &conn->transport.in;
    struct dsql__message message;
    int failure = check_connected(conn, error);
    if (failure != 0 || conn->requests.count > 0) {
        return failure;
    }
    dsql__buffer_consume(in, conn->taken);
    conn->taken = 0;
    const char *at = dsql__buffer_begin(in);
    size_t left = dsql__buffer_length(in);
    while (left > 0) {
        failure = dsql__message_peek(at, left, DSQL__MESSAGE_LIMIT, false, &message);
        if (failure < 0 || !comes_unasked(*at, &message, failure == DSQL__MORE)) {
            dsql__fail(error, DSQL_E_PROTOCOL,
                       "the server broke the protocol (message 0x%02x unasked): the connection is "
                       "closed",
                       (unsigned char)*at);
            return dsql__conn_break(conn, DSQL_E_PROTOCOL);
        }
        if (failure == DSQL__MORE) {
            break;
        }
        at += message.total;
        left -= message.total;
    }
    return 0;
}

/* ---------------------------------------------------------------- messages */

/* "" for the unnamed statement. */
static void
put_name(struct dsql__buffer *out, const struct dsql__statement *statement)
{
    char name[16] = "";
    if (statement->number != 0) {
        snprintf(name, sizeof name, "s%u", statement->number);
    }
    dsql__put_string(out, name);
}

static void
put_parse(struct dsql__buffer *out, const struct dsql__statement *statement)
{
    size_t at = dsql__message_begin(out, 'P');
    put_name(out, statement);
    dsql__buffer_put(out, statement->sql, statement->length + 1);
    dsql__put_int16(out, (int16_t)statement->count);
    for (int i = 0; i < statement->count; i++) {
        dsql__put_int32(out, (int32_t)statement->types[i]);
    }
    dsql__message_end(out, at);
}

static void
put_bind(struct dsql__buffer *out, const struct dsql__statement *statement,
         const struct dsql_value *values, int count, bool text_result)
{
    size_t at = dsql__message_begin(out, 'B');
    dsql__put_byte(out, 0); /* the unnamed portal */
    put_name(out, statement);
    dsql__put_int16(out, (int16_t)count);
    for (int i = 0; i < count; i++) {
        dsql__put_int16(out, values[i].binary != 0);
    }
    dsql__put_int16(out, (int16_t)count);
    for (int i = 0; i < count; i++) {
        dsql__put_int32(out, values[i].data ? (int32_t)values[i].length : -1);
        dsql__buffer_put(out, values[i].data, values[i].data ? values[i].length : 0);
    }
    dsql__put_int16(out, 1); /* one format for all columns */
    dsql__put_int16(out, !text_result);
    dsql__message_end(out, at);
}

static const char describe_portal[] = {'D', 0, 0, 0, 6, 'P', 0};
static const char execute_all[] = {'E', 0, 0, 0, 9, 0, 0, 0, 0, 0};

static void
put_script(struct dsql__buffer *out, const char *sql)
{
    size_t at = dsql__message_begin(out, 'Q');
    dsql__put_string(out, sql);
    dsql__message_end(out, at);
}

/* ---------------------------------------------------------------- requests */

static uint64_t
this_batch(const struct dsql_conn *conn)
{
    return conn->batches + 1;
}

/* [Parse] Bind [Describe] Execute. A reference of the statement is taken. */
static int
append(struct dsql_conn *conn, enum dsql__request_kind kind, struct dsql__statement *statement,
       const struct dsql_value *values, int count, bool text_result)
{
    struct dsql__buffer *out = &conn->transport.out;
    bool parse = !statement->ready && statement->batch != this_batch(conn);
    /* One whose first Bind failed is ready, and its columns are not known yet. */
    bool describe =
        kind == DSQL__REQUEST_STATEMENT && (parse || (statement->ready && !statement->described));
    if (push(conn, kind, parse ? DSQL__AWAIT_PARSE : DSQL__AWAIT_BIND, describe, statement) != 0) {
        return DSQL_E_NOMEM;
    }
    if (parse) {
        put_parse(out, statement);
        statement->batch = this_batch(conn);
    }
    put_bind(out, statement, values, count, text_result);
    if (describe) {
        dsql__buffer_put(out, describe_portal, sizeof describe_portal);
    }
    dsql__buffer_put(out, execute_all, sizeof execute_all);
    return 0;
}

/* The statement for a text, with a reference for the caller: one that is kept,
 * or, where its Parse is on its way in an earlier batch that may yet fail, or it
 * shall not be kept, one of this request only. */
static struct dsql__statement *
choose(struct dsql_conn *conn, const char *sql, size_t length, const struct dsql_value *values,
       int count, int flags)
{
    if ((flags & DSQL_NO_CACHE) == 0 && length <= DSQL__STATEMENT_LENGTH) {
        struct dsql__statement *kept =
            dsql__statement_find(&conn->statements, sql, length, values, count);
        if (kept == NULL) {
            return NULL;
        }
        if (kept->ready || kept->batch == 0 || kept->batch == this_batch(conn)) {
            kept->references++;
            return kept;
        }
    }
    return dsql__statement_new(sql, length, values, count);
}

static int
append_begin(struct dsql_conn *conn)
{
    if (conn->begin[0] == '\0') {
        return 0;
    }
    struct dsql__statement *begin = choose(conn, conn->begin, strlen(conn->begin), NULL, 0, 0);
    return begin ? append(conn, DSQL__REQUEST_BEGIN, begin, NULL, 0, false) : DSQL_E_NOMEM;
}

/* Close messages for the statements that have left the cache. */
static int
append_closes(struct dsql_conn *conn)
{
    struct dsql__buffer *out = &conn->transport.out;
    for (struct dsql__statement *closing = dsql__statements_to_close(&conn->statements);
         closing != NULL; closing = dsql__statements_to_close(&conn->statements)) {
        size_t at = dsql__message_begin(out, 'C');
        dsql__put_byte(out, 'S');
        put_name(out, closing);
        dsql__message_end(out, at);
        if (push(conn, DSQL__REQUEST_CLOSE, DSQL__AWAIT_EXECUTE, false, closing) != 0) {
            return DSQL_E_NOMEM;
        }
    }
    return 0;
}

static int
check_query(struct dsql_conn *conn, const char *sql, size_t length, const struct dsql_value *values,
            int count, struct dsql_error *error)
{
    int failure = check_quiet(conn, error);
    size_t total = length;
    if (failure != 0) {
        return failure;
    }
    if (conn->copying_in) {
        return dsql__fail(error, DSQL_E_STATE, "a COPY is under way: end it first");
    }
    if (sql == NULL) {
        return dsql__fail(error, DSQL_E_INVALID, "no SQL is given");
    }
    if (memchr(sql, 0, length) != NULL) {
        return dsql__fail(error, DSQL_E_INVALID, "the SQL text holds a NUL character");
    }
    if (count < 0 || count > UINT16_MAX) {
        return dsql__fail(error, DSQL_E_INVALID,
                          "%d parameters: a statement takes %d at most, split it", count,
                          UINT16_MAX);
    }
    for (int i = 0; i < count; i++) {
        if (values[i].data != NULL && values[i].length > DSQL__MESSAGE_LIMIT - total) {
            return dsql__fail(error, DSQL_E_INVALID, "the parameters are larger than 1 GB");
        }
        total += values[i].data ? values[i].length : 0;
    }
    return 0;
}

int
dsql_send_query(struct dsql_conn *conn, const char *sql, size_t sql_length,
                const struct dsql_value *values, int count, int flags, struct dsql_error *error)
{
    int failure = check_query(conn, sql, sql_length, values, count, error);
    if (failure != 0 || conn->skipping) {
        return failure;
    }
    struct mark before = mark(conn);
    struct dsql__statement *statement = choose(conn, sql, sql_length, values, count, flags);
    if (statement == NULL) {
        return dsql__fail_nomem(error);
    }
    dsql__statements_trim(&conn->statements);
    if (append_closes(conn) != 0 || append_begin(conn) != 0) {
        dsql__statement_release(statement);
        return take_back(conn, before, error);
    }
    if (append(conn, DSQL__REQUEST_STATEMENT, statement, values, count,
               (flags & DSQL_TEXT_RESULT) != 0) != 0) {
        return take_back(conn, before, error);
    }
    if ((flags & DSQL_COPY) != 0) {
        dsql__message_put_empty(&conn->transport.out, 'H');
    }
    if (conn->transport.out.failed) {
        return take_back(conn, before, error);
    }
    conn->begin[0] = '\0';
    return 0;
}

int
dsql_send_sync(struct dsql_conn *conn, struct dsql_error *error)
{
    int failure = check_connected(conn, error);
    if (failure != 0) {
        return failure;
    }
    struct mark before = mark(conn);
    dsql__message_put_empty(&conn->transport.out, 'S');
    if (push(conn, DSQL__REQUEST_SYNC, DSQL__AWAIT_EXECUTE, false, NULL) != 0 ||
        conn->transport.out.failed) {
        return take_back(conn, before, error);
    }
    conn->skipping = false;
    conn->batches++;
    return 0;
}

int
dsql_send_script(struct dsql_conn *conn, const char *sql, struct dsql_error *error)
{
    int failure = check_query(conn, sql, sql != NULL ? strlen(sql) : 0, NULL, 0, error);
    if (failure != 0) {
        return failure;
    }
    if (conn->skipping) {
        return dsql__fail(error, DSQL_E_STATE, "a batch has failed: end it with dsql_send_sync()");
    }
    struct mark before = mark(conn);
    /* In the extended protocol, so that the server passes over the script when
     * it refuses to begin: the script must not commit itself. */
    if (append_begin(conn) != 0) {
        return take_back(conn, before, error);
    }
    put_script(&conn->transport.out, sql);
    if (push(conn, DSQL__REQUEST_SCRIPT, DSQL__AWAIT_EXECUTE, false, NULL) != 0 ||
        conn->transport.out.failed) {
        return take_back(conn, before, error);
    }
    conn->begin[0] = '\0';
    return 0;
}

int
dsql_begin(struct dsql_conn *conn, const char *sql, struct dsql_error *error)
{
    int failure = check_connected(conn, error);
    if (failure != 0) {
        return failure;
    }
    if (conn->transaction != 'I' || conn->requests.count > 0) {
        return dsql__fail(error, DSQL_E_STATE, "a transaction is under way: end it first");
    }
    size_t length = strlen(sql);
    if (length == 0 || length >= sizeof conn->begin) {
        return dsql__fail(error, DSQL_E_INVALID, "%.80s begins no transaction", sql);
    }
    memcpy(conn->begin, sql, length + 1);
    return 0;
}

int
dsql_end(struct dsql_conn *conn, int commit, struct dsql_error *error)
{
    int failure = check_connected(conn, error);
    if (failure != 0) {
        return failure;
    }
    if (conn->begin[0] != '\0' || (conn->transaction == 'I' && conn->requests.count == 0)) {
        conn->begin[0] = '\0';
        return 0;
    }
    failure = dsql_send_script(conn, commit ? "COMMIT" : "ROLLBACK", error);
    return failure != 0 ? failure : 1;
}

/* -------------------------------------------------------------------- COPY */

#define COPY_PIECE (1024 * 1024) /* the service takes messages of 10 MiB at most */

static int
check_copying(const struct dsql_conn *conn, struct dsql_error *error)
{
    int failure = check_connected(conn, error);
    if (failure == 0 && !conn->copying_in) {
        return dsql__fail(error, DSQL_E_STATE, "no COPY ... FROM STDIN is under way");
    }
    return failure;
}

int
dsql_send_copy_data(struct dsql_conn *conn, const void *data, size_t length,
                    struct dsql_error *error)
{
    int failure = check_copying(conn, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__buffer *out = &conn->transport.out;
    struct mark before = mark(conn);
    for (const char *at = data; length > 0;) {
        size_t piece = length < COPY_PIECE ? length : COPY_PIECE;
        size_t message = dsql__message_begin(out, 'd');
        dsql__buffer_put(out, at, piece);
        dsql__message_end(out, message);
        at += piece;
        length -= piece;
    }
    return out->failed ? take_back(conn, before, error) : 0;
}

/* Whether a Sync was sent behind the COPY statement: the server passes over it
 * while it copies. */
static bool
has_sync(const struct dsql_conn *conn)
{
    const struct dsql__requests *ring = &conn->requests;
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->items[(ring->first + i) & (ring->size - 1)].kind == DSQL__REQUEST_SYNC) {
            return true;
        }
    }
    return false;
}

int
dsql_send_copy_end(struct dsql_conn *conn, const char *reason, struct dsql_error *error)
{
    int failure = check_copying(conn, error);
    if (failure != 0) {
        return failure;
    }
    struct dsql__buffer *out = &conn->transport.out;
    struct mark before = mark(conn);
    size_t at = dsql__message_begin(out, reason ? 'f' : 'c');
    if (reason != NULL) {
        dsql__put_string(out, reason);
    }
    dsql__message_end(out, at);
    if (has_sync(conn)) {
        dsql__message_put_empty(out, 'S');
    }
    if (out->failed) {
        return take_back(conn, before, error);
    }
    conn->copying_in = false;
    return 0;
}

/* ----------------------------------------------------------------- sending */

size_t
dsql_unsent(const struct dsql_conn *conn)
{
    return dsql__buffer_length(&conn->transport.out);
}

int
dsql_flush(struct dsql_conn *conn, struct dsql_error *error)
{
    int failure = check_connected(conn, error);
    if (failure != 0) {
        return failure;
    }
    failure = dsql__transport_flush(&conn->transport, error);
    return failure < 0 ? dsql__conn_break(conn, failure) : failure;
}
