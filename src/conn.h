/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The connection as the library's own files see it: connect.c makes it (name,
 * socket, TLS, sign-in), request.c appends to what goes out, reply.c reads what
 * comes in. */
#ifndef DSQL_CONN_H
#define DSQL_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsql.h"
#include "statement.h"
#include "transport.h"
#include "wire.h"

/* The largest message that is believed: more than the service's 10 MiB, since
 * a result's row may hold many large columns. */
#define DSQL__MESSAGE_LIMIT (1024u * 1024u * 1024u)

enum dsql__phase {
    DSQL__CONNECTING, /* dsql_conn_poll() only */
    DSQL__CONNECTED,  /* signed in: statements and events */
    DSQL__BROKEN,     /* the protocol or the socket failed: nothing more is read or sent */
};

/* What was asked, in the order in which the server answers. */
enum dsql__request_kind {
    DSQL__REQUEST_BEGIN,     /* as a statement, of our own: its answers make no events */
    DSQL__REQUEST_STATEMENT, /* [Parse] Bind [Describe] Execute */
    DSQL__REQUEST_CLOSE,     /* of a statement that left the cache */
    DSQL__REQUEST_SYNC,      /* ReadyForQuery ends it */
    DSQL__REQUEST_SCRIPT,    /* simple protocol; ReadyForQuery ends it */
};

/* What the first request of the ring still waits for. */
enum dsql__stage {
    DSQL__AWAIT_PARSE,
    DSQL__AWAIT_BIND,
    DSQL__AWAIT_DESCRIBE,
    DSQL__AWAIT_EXECUTE, /* rows, COPY, and the end of the statement */
};

struct dsql__request {
    enum dsql__request_kind kind;
    enum dsql__stage stage;
    bool describe;                     /* a Describe of the portal was sent */
    struct dsql__statement *statement; /* a reference; NULL: none */
};

/* A ring of the requests that are not answered yet. */
struct dsql__requests {
    struct dsql__request *items;
    size_t first, count, size; /* size: a power of two, or 0 */
};

struct dsql__parameter {
    struct dsql__parameter *next;
    char *name, *value; /* one block with the struct */
};

struct dsql__fetch;      /* credentials/fetch.h */
struct dsql__connecting; /* connect.c: all that is needed only until signed in */

struct dsql_conn {
    enum dsql__phase phase;
    struct dsql__transport transport;
    struct dsql__connecting *connecting; /* NULL once connected */
    struct dsql__fetch *fetch;           /* a thread that asks for keys; it may outlive the above */
    struct dsql__parameter *parameters;
    struct dsql__buffer refusal_text; /* a copy of the ErrorResponse that ended us */
    struct dsql_diagnostic refusal;   /* into it */
    bool refused;
    char transaction; /* of the last ReadyForQuery */
    int32_t backend_id, backend_key;

    struct dsql__statements statements;
    struct dsql__requests requests;
    struct dsql__columns *columns; /* of the result that is being read; a reference */
    size_t taken;     /* bytes of the last event's message: consumed by the next call */
    uint64_t batches; /* how many dsql_send_sync() has ended */
    bool skipping;    /* a statement failed and its Sync is not sent yet: nothing is answered */
    bool copying_in;  /* CopyInResponse came; CopyDone or CopyFail not sent yet */
    char begin[64];   /* deferred BEGIN; "": none */
};

/* Messages that may come at any time: NoticeResponse is left to the caller,
 * ParameterStatus is kept. DSQL_E_NOMEM, DSQL_E_PROTOCOL or 0. */
DSQL_MUST_CHECK int dsql__conn_keep_parameter(struct dsql_conn *conn,
                                              const struct dsql__message *message);
/* Keeps an ErrorResponse that ends the connection and fills error from it
 * ("message. HINT"). Returns DSQL_E_SERVER (or DSQL_E_NOMEM, DSQL_E_PROTOCOL). */
DSQL_MUST_CHECK int dsql__conn_refuse(struct dsql_conn *conn, const struct dsql__message *message,
                                      struct dsql_error *error);
/* Forgets parameters, key and refusal: for another attempt. */
void dsql__conn_forget_greeting(struct dsql_conn *conn);
/* Marks the connection broken and closes its socket; returns code. */
int dsql__conn_break(struct dsql_conn *conn, int code);
/* Frees what request.c and reply.c keep. */
void dsql__conn_forget_requests(struct dsql_conn *conn);

/* request.c: the ring. first: NULL when it is empty. */
struct dsql__request *dsql__request_first(struct dsql_conn *conn);
/* Removes the first and releases its statement. */
void dsql__request_pop(struct dsql_conn *conn);

/* exec.c: reads events, blocking, to the end of the batch. each (NULL: nobody)
 * gets the rows. DSQL_E_SERVER with sqlstate and message when a statement failed. */
DSQL_MUST_CHECK int dsql__read_batch(struct dsql_conn *conn,
                                     void (*each)(void *context, const struct dsql_event *row),
                                     void *context, struct dsql_error *error);

#endif
