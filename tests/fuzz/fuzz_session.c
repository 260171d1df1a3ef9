/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A session between a client and a PostgreSQL that both say what they like. The
 * input is a script: a byte that tells who speaks and how, a length, the bytes.
 * What goes to PostgreSQL must be whole messages that a client may send. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct local_server server;
static struct local_stream front, back;
static struct local_session session;

static void
require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* ------------------------------------------------- what a session calls, but here */

void
local_stream_update(struct local_stream *stream)
{
    struct dsql__message message;
    while (stream == &back && dsql__buffer_length(&stream->out) > 0) {
        require(dsql__message_peek(dsql__buffer_begin(&stream->out),
                                   dsql__buffer_length(&stream->out), INT32_MAX, false,
                                   &message) == 0);
        require(strchr("QPBDECHSdcfX", message.type) != NULL && message.type != '\0');
        dsql__buffer_consume(&stream->out, message.total);
    }
    dsql__buffer_consume(&stream->out, dsql__buffer_length(&stream->out));
}

void
local_stream_resume(struct local_stream *stream)
{
    stream->paused = false;
}

void
local_watch_busy(struct local_watch *watch)
{
    watch->running = true;
}

void
local_jobs_changed(struct local_jobs *jobs, bool job)
{
    jobs->unfinished |= job;
}

int
local_upstream_query(struct local_upstream *upstream, const char *sql,
                     const struct local_upstream_events *events, void *context)
{
    (void)upstream;
    (void)events;
    (void)context;
    require(sql != NULL);
    return 0;
}

bool
local_upstream_is_busy(const struct local_upstream *upstream)
{
    (void)upstream;
    return false;
}

void
local_server_log(const struct local_server *here, const char *format, ...)
{
    (void)here;
    (void)format;
}

/* ----------------------------------------------------------------------- the script */

/* A message with these bytes as its body; the first is its type. */
static void
put_message(struct dsql__buffer *buffer, const char *bytes, size_t length)
{
    if (length > 0) {
        size_t mark = dsql__message_begin(buffer, bytes[0]);
        dsql__buffer_put(buffer, bytes + 1, length - 1);
        dsql__message_end(buffer, mark);
    }
}

static void
speak(unsigned kind, const char *bytes, size_t length)
{
    switch (kind & 3) {
    case 0:
        put_message(&front.in, bytes, length);
        local_session_from_client(&session);
        break;
    case 1:
        put_message(&back.in, bytes, length);
        local_session_from_postgres(&session);
        break;
    case 2:
        dsql__buffer_put(&front.in, bytes, length);
        local_session_from_client(&session);
        break;
    default:
        dsql__buffer_put(&back.in, bytes, length);
        local_session_from_postgres(&session);
        break;
    }
    if (kind & 4) {
        local_session_give_way(&session, NULL);
    }
    front.above_high = (kind & 8) != 0;
    back.above_high = (kind & 16) != 0;
    server.catalog += (kind & 32) != 0;
}

static void
begin(unsigned kind)
{
    struct dsql_error error;
    memset(&server, 0, sizeof server);
    front = back = (struct local_stream){0};
    static const struct local_options options;
    server.options = &options;
    local_texts_init(&server.texts, 16, 1 << 16);
    if (kind & 1) {
        require(local_inject_read("occ=0.2,oc001=0.1,drop=0.01,unavailable=0.2,seed=1",
                                  &server.inject, &error) == 0);
    }
    local_session_start(&session, &server, &front, &back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data, *end = data + size;
    begin(size > 0 ? data[0] : 0);
    while (end - at >= 2 && !session.broken) {
        unsigned kind = *at++;
        size_t length = *at++;
        if (length > (size_t)(end - at)) {
            length = (size_t)(end - at);
        }
        speak(kind, (const char *)at, length);
        at += length;
    }
    local_session_clear(&session);
    local_texts_clear(&server.texts);
    dsql__buffer_clear(&front.in);
    dsql__buffer_clear(&front.out);
    dsql__buffer_clear(&back.in);
    dsql__buffer_clear(&back.out);
    return 0;
}
