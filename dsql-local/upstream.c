/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The endpoint's own connection to PostgreSQL; see upstream.h. */
#include "upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "server.h"

int
local_upstream_socket(const char *path, int flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.107s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

void
local_upstream_init(struct local_upstream *upstream, struct local_server *server)
{
    *upstream = (struct local_upstream){.server = server};
}

bool
local_upstream_is_busy(const struct local_upstream *upstream)
{
    return upstream->sql != NULL;
}

static void
finish(struct local_upstream *upstream)
{
    const struct local_upstream_events *events = upstream->events;
    struct dsql_error error = upstream->error;
    bool failed = upstream->failed;
    free(upstream->sql);
    upstream->sql = NULL;
    upstream->failed = false;
    if (events != NULL) {
        upstream->events = NULL;
        events->end(upstream->context, failed ? &error : NULL);
    }
}

static void
fail(struct local_upstream *upstream, const char *sqlstate, const char *message)
{
    upstream->failed = true;
    (void)dsql__fail(&upstream->error, DSQL_E_PROTOCOL, "%.240s", message);
    snprintf(upstream->error.sqlstate, sizeof upstream->error.sqlstate, "%.5s", sqlstate);
}

static void
send_query(struct local_upstream *upstream)
{
    struct dsql__buffer *out = &upstream->stream.out;
    size_t mark = dsql__message_begin(out, 'Q');
    dsql__put_string(out, upstream->sql);
    dsql__message_end(out, mark);
}

static void
on_row(struct local_upstream *upstream, const struct dsql__message *message)
{
    const char *values[UPSTREAM_COLUMNS] = {NULL};
    char *texts[UPSTREAM_COLUMNS] = {NULL};
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    int count = dsql__get_int16(&reader);
    count = count < UPSTREAM_COLUMNS ? count : UPSTREAM_COLUMNS;
    for (int i = 0; i < count && !reader.failed; i++) {
        int32_t length = dsql__get_int32(&reader);
        const char *at = length > 0 ? dsql__get_bytes(&reader, (size_t)length) : "";
        if (length >= 0 && !reader.failed) {
            values[i] = texts[i] = strndup(at, (size_t)length);
        }
    }
    if (!reader.failed && upstream->events != NULL && upstream->events->row != NULL) {
        upstream->events->row(upstream->context, count, values);
    }
    for (int i = 0; i < count; i++) {
        free(texts[i]);
    }
}

static void
on_message(struct local_upstream *upstream, const struct dsql__message *message)
{
    struct dsql_diagnostic diagnostic;
    switch (message->type) {
    case 'D':
        on_row(upstream, message);
        break;
    case 'E':
        if (dsql__diagnostic_read(message->body, message->length, &diagnostic) == 0 &&
            diagnostic.message != NULL && diagnostic.sqlstate != NULL) {
            fail(upstream, diagnostic.sqlstate, diagnostic.message);
        }
        break;
    case 'Z':
        if (!upstream->signed_in) {
            upstream->signed_in = true;
            send_query(upstream);
        } else {
            finish(upstream);
        }
        break;
    default: /* AuthenticationOk, settings, descriptions, completions, notices */
        break;
    }
}

static void
on_ready(struct local_stream *stream)
{
    struct local_upstream *upstream = stream->owner;
    struct dsql__buffer *in = &stream->in;
    struct dsql__message message;
    int more;
    while ((more = dsql__message_peek(dsql__buffer_begin(in), dsql__buffer_length(in),
                                      STREAM_HIGH_WATER, false, &message)) == 0) {
        on_message(upstream, &message);
        dsql__buffer_consume(in, message.total);
    }
    if (more < 0 || stream->out.failed) {
        local_stream_close(stream);
    } else {
        local_stream_update(stream);
    }
}

static void
on_ended(struct local_stream *stream)
{
    local_stream_close(stream);
}

static void
on_closed(struct local_stream *stream)
{
    struct local_upstream *upstream = stream->owner;
    upstream->open = upstream->signed_in = false;
    if (upstream->sql != NULL) {
        if (!upstream->failed) {
            fail(upstream, "08006", "PostgreSQL has ended the connection");
        }
        finish(upstream);
    }
}

static void
on_drained(struct local_stream *stream)
{
    (void)stream; /* whoever waits for an answer sends nothing more */
}

static const struct local_stream_events stream_events = {
    .ready = on_ready,
    .drained = on_drained,
    .ended = on_ended,
    .closed = on_closed,
};

static int
open_stream(struct local_upstream *upstream)
{
    int fd = local_upstream_socket(upstream->server->postgres->socket_path, SOCK_NONBLOCK);
    if (fd < 0 || local_stream_init(&upstream->stream, &upstream->server->loop, fd, STREAM_PLAIN,
                                    &stream_events, upstream) != 0) {
        return DSQL_E_IO;
    }
    upstream->open = true;
    struct dsql__buffer *out = &upstream->stream.out;
    size_t mark = dsql__message_begin(out, 0);
    dsql__put_int32(out, DSQL__PROTOCOL_3_0);
    dsql__put_string(out, "user");
    dsql__put_string(out, "postgres");
    dsql__put_string(out, "options"); /* what it does is not a client's transaction */
    dsql__put_string(out, "-c default_transaction_isolation=read\\ committed "
                          "-c dsql_local.limits=off");
    dsql__put_byte(out, '\0');
    dsql__message_end(out, mark);
    return 0;
}

int
local_upstream_query(struct local_upstream *upstream, const char *sql,
                     const struct local_upstream_events *events, void *context)
{
    if (upstream->closing || upstream->sql != NULL ||
        (upstream->open && upstream->stream.closing)) {
        return DSQL_E_IO;
    }
    upstream->sql = strdup(sql);
    if (upstream->sql == NULL) {
        return DSQL_E_NOMEM;
    }
    if (!upstream->open && open_stream(upstream) != 0) {
        free(upstream->sql);
        upstream->sql = NULL;
        return DSQL_E_IO;
    }
    upstream->events = events;
    upstream->context = context;
    upstream->failed = false;
    if (upstream->signed_in) {
        send_query(upstream);
    }
    local_stream_update(&upstream->stream);
    return 0;
}

void
local_upstream_close(struct local_upstream *upstream)
{
    upstream->closing = true;
    if (upstream->open) {
        dsql__message_put_empty(&upstream->stream.out, 'X');
        local_stream_close(&upstream->stream);
    }
}
