/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A non-blocking socket on the event loop, with a queue of bytes each way and
 * TLS when there is one. Both ends of a client's connection are streams. */
#ifndef DSQL_LOCAL_STREAM_H
#define DSQL_LOCAL_STREAM_H

#include <stdbool.h>

#include <openssl/ssl.h>
#include <uv.h>

#include "wire.h"

enum local_stream_state {
    STREAM_FIRST,     /* `ready` says that bytes are there; the owner looks at the socket */
    STREAM_PLAIN,     /* bytes as they are */
    STREAM_HANDSHAKE, /* TLS is being agreed on: nothing else moves */
    STREAM_TLS,       /* bytes through `ssl` */
    STREAM_ENDED,     /* the peer has gone or the socket failed: nothing moves any more */
};

struct local_stream;

struct local_stream_events {
    /* Bytes wait in the socket: false leaves them there until
     * local_stream_go_on(). NULL: always true. */
    bool (*readable)(struct local_stream *stream);
    /* Bytes came into `in`, the handshake ended, or the connection stands. */
    void (*ready)(struct local_stream *stream);
    /* `out` fell below the low-water mark after it was above the high one. NULL:
     * nobody asks; the same for `flushed`. */
    void (*drained)(struct local_stream *stream);
    /* All of `out` has gone to the socket, after some of it had to wait. */
    void (*flushed)(struct local_stream *stream);
    /* The state became STREAM_ENDED. */
    void (*ended)(struct local_stream *stream);
    /* The last event: the handle is closed, the memory may be freed. */
    void (*closed)(struct local_stream *stream);
};

struct local_stream {
    uv_poll_t poll;
    int fd;
    enum local_stream_state state;
    SSL *ssl;                    /* owned */
    unsigned long tls_error;     /* OpenSSL's code for what ended it, or 0 */
    struct dsql__buffer in, out; /* hold no memory while they are empty */
    uint64_t received, sent;     /* bytes, without TLS's own */
    const struct local_stream_events *events;
    void *owner;     /* borrowed */
    bool paused;     /* do not read */
    bool postponed;  /* `readable` said no */
    bool above_high; /* `out` went above the high-water mark */
    bool closing;    /* local_stream_close() was called */
    int watched;     /* events that uv_poll waits for */
};

#define STREAM_HIGH_WATER ((size_t)1 << 18)
#define STREAM_LOW_WATER ((size_t)1 << 16)

/* Takes fd (closed with the stream, also on failure). 0 or DSQL_E_IO. */
DSQL_MUST_CHECK int local_stream_init(struct local_stream *stream, uv_loop_t *loop, int fd,
                                      enum local_stream_state state,
                                      const struct local_stream_events *events, void *owner);

/* Begins the server's side of TLS. */
DSQL_MUST_CHECK int local_stream_accept_tls(struct local_stream *stream, SSL_CTX *context);

/* Sends what waits in `out` as far as the socket takes it, and decides what to
 * wait for next. Call it after each change of `out`, `paused` or the state. */
void local_stream_update(struct local_stream *stream);

/* Reads what there is, whatever `paused` says. */
void local_stream_read(struct local_stream *stream);

/* Reads what `readable` left. */
void local_stream_go_on(struct local_stream *stream);

/* Clears `paused`, and reads what TLS holds already decrypted. The caller calls
 * local_stream_update() afterwards. */
void local_stream_resume(struct local_stream *stream);

/* Says farewell (TLS close_notify), closes; `closed` follows from the loop. */
void local_stream_close(struct local_stream *stream);

#endif
