/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection's life: begun, waited for, looked at, ended. */
#include "conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"
#include "error.h"

#define PARAMETERS_MOST 256 /* PostgreSQL reports some fifteen */

/* ------------------------------------------------------ what the server says */

static void
free_parameters(struct dsql_conn *conn)
{
    while (conn->parameters != NULL) {
        struct dsql__parameter *next = conn->parameters->next;
        free(conn->parameters);
        conn->parameters = next;
    }
}

void
dsql__conn_forget_greeting(struct dsql_conn *conn)
{
    free_parameters(conn);
    dsql__buffer_clear(&conn->refusal_text);
    conn->refusal = (struct dsql_diagnostic){0};
    conn->refused = false;
    conn->transaction = 0;
    conn->backend_id = conn->backend_key = 0;
}

int
dsql__conn_keep_parameter(struct dsql_conn *conn, const struct dsql__message *message)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    const char *name = dsql__get_string(&reader), *value = dsql__get_string(&reader);
    if (reader.failed || reader.at != reader.end) {
        return DSQL_E_PROTOCOL;
    }
    size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
    struct dsql__parameter *made = malloc(sizeof *made + name_size + value_size);
    if (made == NULL) {
        return DSQL_E_NOMEM;
    }
    made->name = (char *)(made + 1);
    made->value = made->name + name_size;
    memcpy(made->name, name, name_size);
    memcpy(made->value, value, value_size);
    struct dsql__parameter **at = &conn->parameters;
    int count = 0;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
        count++;
    }
    if (count >= PARAMETERS_MOST) {
        free(made);
        return DSQL_E_PROTOCOL;
    }
    made->next = *at ? (*at)->next : NULL;
    free(*at);
    *at = made;
    return 0;
}

static bool
is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

static bool
is_sqlstate(const char *text)
{
    return text != NULL && strlen(text) == 5 &&
           strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5;
}

int
dsql__conn_refuse(struct dsql_conn *conn, const struct dsql__message *message,
                  struct dsql_error *error)
{
    dsql__buffer_clear(&conn->refusal_text);
    dsql__buffer_put(&conn->refusal_text, message->body, message->length);
    if (conn->refusal_text.failed) {
        conn->refusal = (struct dsql_diagnostic){0};
        return dsql__fail_nomem(error);
    }
    struct dsql_diagnostic *said = &conn->refusal;
    if (dsql__diagnostic_read(dsql__buffer_begin(&conn->refusal_text), message->length, said) !=
        0) {
        conn->refusal = (struct dsql_diagnostic){0};
        return dsql__fail(error, DSQL_E_PROTOCOL,
                          "the server ended the connection with a message that cannot be read");
    }
    conn->refused = true;
    const char *text = is_given(said->message) ? said->message : "the server ended the connection";
    const char *hint = is_given(said->hint) ? said->hint : "";
    const char *stop = *hint == '\0' ? "" : text[strlen(text) - 1] == '.' ? " " : ". ";
    dsql__fail(error, DSQL_E_SERVER, "%s%s%s", text, stop, hint);
    if (error != NULL && is_sqlstate(said->sqlstate)) {
        memcpy(error->sqlstate, said->sqlstate, sizeof error->sqlstate);
    }
    return DSQL_E_SERVER;
}

const struct dsql_diagnostic *
dsql_conn_refusal(const struct dsql_conn *conn)
{
    return conn->refused ? &conn->refusal : NULL;
}

const char *
dsql_conn_parameter(const struct dsql_conn *conn, const char *name)
{
    for (const struct dsql__parameter *at = conn->parameters; at != NULL; at = at->next) {
        if (strcmp(at->name, name) == 0) {
            return at->value;
        }
    }
    return NULL;
}

char
dsql_conn_transaction(const struct dsql_conn *conn)
{
    return conn->phase == DSQL__CONNECTED ? conn->transaction : 0;
}

/* ---------------------------------------------------------------- beginning */

static int
is_closed(struct dsql_error *error)
{
    return dsql__fail(error, DSQL_E_CLOSED, "the connection is closed: open a new one");
}

int
dsql_conn_start(const struct dsql_conn_options *options, struct dsql_conn **conn,
                struct dsql_error *error)
{
    *conn = NULL;
    struct dsql_conn *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return dsql__fail_nomem(error);
    }
    made->transport.fd = -1;
    int failure = dsql__connecting_new(options, &made->connecting, error);
    if (failure == 0) {
        failure = dsql__connect_begin(made, error);
    }
    if (failure != 0) {
        dsql_conn_free(made);
        return failure;
    }
    *conn = made;
    return 0;
}

int
dsql_conn_poll(struct dsql_conn *conn, struct dsql_error *error)
{
    switch (conn->phase) {
    case DSQL__CONNECTED:
        return 0;
    case DSQL__BROKEN:
        return is_closed(error);
    case DSQL__CONNECTING:
        break;
    }
    int result = dsql__connect_poll(conn, error);
    if (result == 0) {
        dsql__connecting_free(conn->connecting);
        conn->connecting = NULL;
    }
    return result < 0 ? dsql__conn_break(conn, result) : result;
}

int
dsql_conn_open(const struct dsql_conn_options *options, struct dsql_conn **conn,
               struct dsql_error *error)
{
    int result = dsql_conn_start(options, conn, error);
    if (result != 0) {
        return result;
    }
    for (;;) {
        result = dsql_conn_poll(*conn, error);
        if (result > 0) {
            /* A signal, or the time for the next step: poll again. */
            int waited = dsql_conn_wait(*conn, result, dsql_conn_timeout_ms(*conn), error);
            result = waited == DSQL_E_IO && errno != EINTR ? waited : 1;
        }
        if (result == 0) {
            return 0;
        }
        if (result < 0) {
            dsql_conn_free(*conn);
            *conn = NULL;
            return result;
        }
    }
}

/* ------------------------------------------------------------------ waiting */

int
dsql_conn_fd(const struct dsql_conn *conn)
{
    return conn->phase == DSQL__CONNECTING ? dsql__connect_fd(conn) : conn->transport.fd;
}

int
dsql_conn_timeout_ms(const struct dsql_conn *conn)
{
    return conn->phase == DSQL__CONNECTING ? dsql__connect_timeout_ms(conn) : -1;
}

int
dsql_conn_wait(struct dsql_conn *conn, int wants, int timeout_ms, struct dsql_error *error)
{
    struct pollfd waiting = {.fd = dsql_conn_fd(conn)};
    if (waiting.fd < 0) {
        errno = EBADF;
        return is_closed(error);
    }
    waiting.events =
        (short)((wants & DSQL_WANT_READ ? POLLIN : 0) | (wants & DSQL_WANT_WRITE ? POLLOUT : 0));
    int ready = poll(&waiting, 1, timeout_ms);
    if (ready > 0) {
        return 0;
    }
    if (ready == 0) {
        errno = ETIMEDOUT;
        return dsql__fail(error, DSQL_E_TIMEOUT, "the server has not answered within %d ms",
                          timeout_ms);
    }
    int why = errno;
    dsql__fail(error, DSQL_E_IO, "cannot wait for the server: %s", strerror(why));
    errno = why;
    return DSQL_E_IO;
}

/* ------------------------------------------------------------------- liveness */

/* Whether a message among those that wait to be read ends the connection. */
static bool
is_ended(const struct dsql_conn *conn)
{
    const struct dsql__buffer *in = &conn->transport.in;
    const char *at = dsql__buffer_begin(in);
    size_t left = dsql__buffer_length(in);
    struct dsql__message message = {.total = conn->taken};
    struct dsql_diagnostic said;
    for (;;) {
        at = left > 0 ? at + message.total : at;
        left -= message.total;
        int peeked = dsql__message_peek(at, left, DSQL__MESSAGE_LIMIT, false, &message);
        if (peeked != 0) {
            return peeked < 0;
        }
        if (message.type == 'E' &&
            (dsql__diagnostic_read(message.body, message.length, &said) != 0 ||
             dsql__diagnostic_is_fatal(&said))) {
            return true;
        }
    }
}

int
dsql_conn_is_alive(struct dsql_conn *conn)
{
    if (conn->phase != DSQL__CONNECTED) {
        return 0;
    }
    /* A result that is being read may be long: what is behind it is not looked for. */
    while (dsql__buffer_length(&conn->transport.in) <= DSQL__READ_SIZE) {
        int result = dsql__transport_fill(&conn->transport, NULL);
        if (result < 0) {
            return 0;
        }
        if (result != 0) {
            break;
        }
    }
    return !is_ended(conn);
}

/* ------------------------------------------------------------------- ending */

int
dsql__conn_break(struct dsql_conn *conn, int code)
{
    conn->phase = DSQL__BROKEN;
    dsql__transport_close(&conn->transport, false);
    dsql__connecting_free(conn->connecting);
    conn->connecting = NULL;
    return code;
}

void
dsql_conn_abandon(struct dsql_conn *conn)
{
    dsql__conn_break(conn, DSQL_E_CLOSED);
}

void
dsql_conn_free(struct dsql_conn *conn)
{
    if (conn == NULL) {
        return;
    }
    bool idle = conn->phase == DSQL__CONNECTED && conn->requests.count == 0;
    if (idle) {
        dsql__message_put_empty(&conn->transport.out, 'X');
    }
    dsql__transport_close(&conn->transport, idle);
    dsql__connecting_free(conn->connecting);
    dsql__fetch_free(conn->fetch);
    dsql__conn_forget_requests(conn);
    dsql__conn_forget_greeting(conn);
    free(conn);
}
