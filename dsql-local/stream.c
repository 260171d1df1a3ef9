/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sockets on the event loop; see stream.h. */
#include "stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#define READS_PER_TURN 8 /* so that one fast sender does not starve the others */

/* What is read goes through here: a stream that waits needs no memory for it.
 * There is one loop, on one thread. */
static char scratch[32768];

static void
end(struct local_stream *stream)
{
    if (stream->state == STREAM_ENDED) {
        return;
    }
    stream->state = STREAM_ENDED;
    uv_poll_stop(&stream->poll);
    stream->watched = 0;
    if (!stream->closing) {
        stream->events->ended(stream);
    }
}

/* One read: bytes read, 0 when there are none now, -1 at the end. */
static ssize_t
read_some(struct local_stream *stream, char *to, size_t size)
{
    if (stream->state == STREAM_TLS) {
        ERR_clear_error();
        int got = SSL_read(stream->ssl, to, (int)size);
        if (got > 0) {
            return got;
        }
        int why = SSL_get_error(stream->ssl, got);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
            return 0;
        }
        stream->tls_error = ERR_peek_error();
        return -1;
    }
    ssize_t got;
    do {
        got = read(stream->fd, to, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    return got > 0 ? got : -1;
}

static ssize_t
write_some(struct local_stream *stream, const char *from, size_t size)
{
    if (stream->state == STREAM_TLS) {
        ERR_clear_error();
        int put = SSL_write(stream->ssl, from, (int)(size > 65536 ? 65536 : size));
        if (put > 0) {
            return put;
        }
        int why = SSL_get_error(stream->ssl, put);
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    ssize_t put;
    do {
        put = send(stream->fd, from, size, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    return put > 0 ? put : -1;
}

static bool
flush(struct local_stream *stream)
{
    if (stream->out.failed) {
        return false;
    }
    while (dsql__buffer_length(&stream->out) > 0) {
        ssize_t put =
            write_some(stream, dsql__buffer_begin(&stream->out), dsql__buffer_length(&stream->out));
        if (put < 0) {
            return false;
        }
        if (put == 0) {
            return true;
        }
        dsql__buffer_consume(&stream->out, (size_t)put);
        stream->sent += (uint64_t)put;
    }
    dsql__buffer_trim(&stream->out);
    return true;
}

static void
note_water(struct local_stream *stream)
{
    size_t waiting = dsql__buffer_length(&stream->out);
    if (waiting > STREAM_HIGH_WATER) {
        stream->above_high = true;
    } else if (stream->above_high && waiting < STREAM_LOW_WATER) {
        stream->above_high = false;
        if (stream->events->drained != NULL) {
            stream->events->drained(stream);
        }
    }
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void
watch(struct local_stream *stream)
{
    int wanted = 0, readable = stream->postponed ? UV_DISCONNECT : UV_READABLE;
    switch (stream->state) {
    case STREAM_FIRST:
        wanted = readable;
        break;
    case STREAM_HANDSHAKE:
        wanted = SSL_want_write(stream->ssl) ? UV_WRITABLE : readable;
        break;
    case STREAM_PLAIN:
    case STREAM_TLS:
        wanted = (stream->paused ? UV_DISCONNECT : readable) |
                 (dsql__buffer_length(&stream->out) > 0 ? UV_WRITABLE : 0);
        break;
    case STREAM_ENDED:
        return;
    }
    if (wanted != stream->watched) {
        stream->watched = wanted;
        uv_poll_start(&stream->poll, wanted, on_poll);
    }
}

void
local_stream_update(struct local_stream *stream)
{
    if (stream->closing || stream->state == STREAM_ENDED) {
        return;
    }
    if (stream->state == STREAM_PLAIN || stream->state == STREAM_TLS) {
        if (!flush(stream)) {
            end(stream);
            return;
        }
        note_water(stream);
        if (stream->closing || stream->state == STREAM_ENDED) {
            return;
        }
    }
    watch(stream);
}

static void
handshake(struct local_stream *stream)
{
    ERR_clear_error();
    int done = SSL_do_handshake(stream->ssl);
    if (done == 1) {
        stream->state = STREAM_TLS;
        stream->events->ready(stream);
        return;
    }
    int why = SSL_get_error(stream->ssl, done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        stream->tls_error = ERR_peek_error();
        end(stream);
        return;
    }
    watch(stream);
}

/* One read into `in`; as read_some(), and what TLS hid is wiped. */
static ssize_t
read_once(struct local_stream *stream)
{
    ssize_t got = read_some(stream, scratch, sizeof scratch);
    if (got > 0) {
        dsql__buffer_put(&stream->in, scratch, (size_t)got);
        stream->received += (uint64_t)got;
        if (stream->state == STREAM_TLS) {
            OPENSSL_cleanse(scratch, (size_t)got);
        }
    }
    return stream->in.failed ? -1 : got;
}

static void
tell_ready(struct local_stream *stream)
{
    stream->events->ready(stream);
    dsql__buffer_trim(&stream->in);
}

void
local_stream_read(struct local_stream *stream)
{
    bool any = false, more = true;
    for (int turn = 0; turn < READS_PER_TURN && more; turn++) {
        ssize_t got = read_once(stream);
        if (got < 0) {
            if (any) {
                tell_ready(stream);
            }
            if (!stream->closing) {
                end(stream);
            }
            return;
        }
        any = any || got > 0;
        more = got > 0 && (stream->state == STREAM_TLS || (size_t)got == sizeof scratch);
    }
    if (any) {
        tell_ready(stream);
    }
    /* What TLS has already decrypted does not wake the poll again. */
    if (more && !stream->paused) {
        local_stream_resume(stream);
    }
}

void
local_stream_resume(struct local_stream *stream)
{
    stream->paused = false;
    if (!stream->closing && stream->state == STREAM_TLS && SSL_pending(stream->ssl) > 0) {
        local_stream_read(stream);
    }
}

/* Bytes wait in the socket and are wanted now. */
static void
take(struct local_stream *stream)
{
    switch (stream->state) {
    case STREAM_FIRST:
        stream->events->ready(stream);
        break;
    case STREAM_HANDSHAKE:
        handshake(stream);
        break;
    case STREAM_PLAIN:
    case STREAM_TLS:
        local_stream_read(stream);
        break;
    case STREAM_ENDED:
        break;
    }
}

void
local_stream_go_on(struct local_stream *stream)
{
    if (stream->postponed && !stream->closing) {
        stream->postponed = false;
        take(stream);
        local_stream_update(stream);
    }
}

static void
on_poll(uv_poll_t *handle, int status, int events)
{
    struct local_stream *stream = handle->data;
    if (status < 0) {
        /* Reset by the peer; what it sent before is still there to be read. */
        if (stream->state != STREAM_FIRST && !stream->paused) {
            take(stream);
        }
        if (!stream->closing) {
            end(stream);
        }
        return;
    }
    if (events & UV_WRITABLE) {
        if (stream->state == STREAM_HANDSHAKE) {
            handshake(stream);
        } else {
            local_stream_update(stream);
            if (!stream->closing && stream->state != STREAM_ENDED &&
                dsql__buffer_length(&stream->out) == 0 && stream->events->flushed != NULL) {
                stream->events->flushed(stream);
            }
        }
    }
    if (stream->closing || stream->state == STREAM_ENDED) {
        return;
    }
    if ((events & UV_READABLE) && !stream->paused && !stream->postponed) {
        stream->postponed = stream->events->readable != NULL && !stream->events->readable(stream);
        if (stream->postponed) {
            watch(stream);
        } else {
            take(stream);
        }
    } else if (events & UV_DISCONNECT) {
        end(stream);
    }
}

int
local_stream_init(struct local_stream *stream, uv_loop_t *loop, int fd,
                  enum local_stream_state state, const struct local_stream_events *events,
                  void *owner)
{
    *stream = (struct local_stream){.fd = fd, .state = state, .events = events, .owner = owner};
    if (uv_poll_init(loop, &stream->poll, fd) != 0) {
        close(fd);
        stream->fd = -1;
        return DSQL_E_IO;
    }
    stream->poll.data = stream;
    return 0;
}

int
local_stream_accept_tls(struct local_stream *stream, SSL_CTX *context)
{
    stream->ssl = SSL_new(context);
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, stream->fd) != 1) {
        return DSQL_E_NOMEM;
    }
    SSL_set_accept_state(stream->ssl);
    stream->state = STREAM_HANDSHAKE;
    handshake(stream);
    return 0;
}

static void
on_closed(uv_handle_t *handle)
{
    struct local_stream *stream = handle->data;
    close(stream->fd);
    stream->fd = -1;
    SSL_free(stream->ssl);
    stream->ssl = NULL;
    dsql__buffer_clear(&stream->in);
    dsql__buffer_clear(&stream->out);
    stream->events->closed(stream);
}

void
local_stream_close(struct local_stream *stream)
{
    if (stream->closing) {
        return;
    }
    if (stream->state == STREAM_PLAIN || stream->state == STREAM_TLS) {
        flush(stream);
    }
    if (stream->state == STREAM_TLS) {
        ERR_clear_error();
        SSL_shutdown(stream->ssl);
    }
    stream->closing = true;
    stream->state = STREAM_ENDED;
    uv_poll_stop(&stream->poll);
    uv_close((uv_handle_t *)&stream->poll, on_closed);
}
