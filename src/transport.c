/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Bytes between the socket, TLS and the two queues; see transport.h. */
#include "transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "error.h"

#define RECORD 16384 /* TLS hands out one at most */
#define WRITTEN_AT_ONCE (1 << 20)

/* ------------------------------------------------------------------- socket */

static bool
is_busy(int why)
{
    return why == EAGAIN || why == EWOULDBLOCK;
}

static ssize_t
receive(struct dsql__transport *transport, char *to, size_t size)
{
    ssize_t got;
    do {
        got = recv(transport->fd, to, size, 0);
    } while (got < 0 && errno == EINTR);
    transport->drained = got < (ssize_t)size;
    return got;
}

static ssize_t
transmit(struct dsql__transport *transport, const char *from, size_t size)
{
    ssize_t put;
    do {
        put = send(transport->fd, from, size, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    return put;
}

/* OpenSSL's own BIO for sockets write()s, which raises SIGPIPE. */
static int
bio_read(BIO *bio, char *to, int size)
{
    struct dsql__transport *transport = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t got = receive(transport, to, (size_t)size);
    if (got < 0 && is_busy(errno)) {
        BIO_set_retry_read(bio);
    } else if (got < 0) {
        transport->io_error = errno;
    } else if (got == 0) {
        transport->ended = true;
    }
    return (int)got;
}

static int
bio_write(BIO *bio, const char *from, int size)
{
    struct dsql__transport *transport = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t put = transmit(transport, from, (size_t)size);
    if (put < 0 && is_busy(errno)) {
        BIO_set_retry_write(bio);
    } else if (put < 0) {
        transport->io_error = errno;
    }
    return (int)put;
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct dsql__transport *transport = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return transport->ended;
    default:
        return 0;
    }
}

static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *method; /* the same for all; NULL without memory */

static void
make_method(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "dsql");
    if (made == NULL || BIO_meth_set_read(made, bio_read) != 1 ||
        BIO_meth_set_write(made, bio_write) != 1 || BIO_meth_set_ctrl(made, bio_control) != 1) {
        BIO_meth_free(made);
        made = NULL;
    }
    method = made;
}

int
dsql__transport_set_tls(struct dsql__transport *transport, SSL *ssl)
{
    BIO *bio = NULL;
    if (CRYPTO_THREAD_run_once(&method_once, make_method) == 1 && method != NULL) {
        bio = BIO_new(method);
    }
    if (bio == NULL) {
        ERR_clear_error();
        SSL_free(ssl);
        return DSQL_E_NOMEM;
    }
    BIO_set_data(bio, transport);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    transport->ssl = ssl;
    return 0;
}

/* ------------------------------------------------------------------ failure */

static int
tell(const struct dsql__transport *transport, struct dsql_error *error)
{
    if (error != NULL) {
        *error = transport->over;
    }
    return transport->over.code;
}

static int
end_by_errno(struct dsql__transport *transport, int why, const char *doing)
{
    switch (why) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case ECONNABORTED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return dsql__fail(&transport->over, DSQL_E_CLOSED,
                          "the connection broke while %s: %s; open a new one", doing,
                          strerror(why));
    default:
        return dsql__fail(&transport->over, DSQL_E_IO, "%s failed: %s", doing, strerror(why));
    }
}

static int
end_of_stream(struct dsql__transport *transport)
{
    return dsql__fail(&transport->over, DSQL_E_CLOSED,
                      "the server closed the connection; open a new one");
}

static int
end_by_tls(struct dsql__transport *transport, const char *doing)
{
    unsigned long reason = ERR_peek_last_error();
    char text[160];
    if (ERR_GET_REASON(reason) == ERR_R_MALLOC_FAILURE) {
        return dsql__fail_nomem(&transport->over);
    }
    ERR_error_string_n(reason, text, sizeof text);
    return dsql__fail(&transport->over, DSQL_E_TLS, "TLS failed while %s: %s", doing,
                      ERR_reason_error_string(reason) ? ERR_reason_error_string(reason) : text);
}

int
dsql__transport_judge(struct dsql__transport *transport, int result, const char *doing,
                      struct dsql_error *error)
{
    switch (SSL_get_error(transport->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return DSQL_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return DSQL_WANT_WRITE;
    default:
        break;
    }
    if (transport->over.code == 0) {
        if (transport->io_error != 0) {
            end_by_errno(transport, transport->io_error, doing);
        } else if (transport->ended || SSL_get_shutdown(transport->ssl) & SSL_RECEIVED_SHUTDOWN) {
            end_of_stream(transport);
        } else {
            end_by_tls(transport, doing);
        }
    }
    ERR_clear_error();
    return tell(transport, error);
}

/* ------------------------------------------------------------------ reading */

static const char reading[] = "reading from the server";
static const char writing[] = "writing to the server";

/* 0: *got bytes were read, at least one; else as dsql__transport_fill(). */
static int
read_some(struct dsql__transport *transport, char *to, size_t size, size_t *got,
          struct dsql_error *error)
{
    if (transport->ssl != NULL) {
        ERR_clear_error();
        int result = SSL_read_ex(transport->ssl, to, size, got);
        return result == 1 ? 0 : dsql__transport_judge(transport, result, reading, error);
    }
    ssize_t count = receive(transport, to, size);
    if (count > 0) {
        *got = (size_t)count;
        return 0;
    }
    if (count < 0 && is_busy(errno)) {
        return DSQL_WANT_READ;
    }
    if (count == 0) {
        end_of_stream(transport);
    } else {
        end_by_errno(transport, errno, reading);
    }
    return tell(transport, error);
}

/* A read that was shorter than it could be has emptied the socket: asking once
 * more would only cost a system call. */
static bool
may_have_more(const struct dsql__transport *transport)
{
    return !transport->drained || (transport->ssl != NULL && SSL_has_pending(transport->ssl));
}

int
dsql__transport_fill(struct dsql__transport *transport, struct dsql_error *error)
{
    size_t total = 0, got = 0;
    if (transport->over.code != 0) {
        return tell(transport, error);
    }
    if (transport->fd < 0) {
        return dsql__fail(error, DSQL_E_CLOSED, "the connection is closed; open a new one");
    }
    do {
        struct dsql__buffer *in = &transport->in;
        char *to = dsql__buffer_reserve(in, RECORD);
        if (to == NULL) {
            return dsql__fail_nomem(error);
        }
        int result = read_some(transport, to, in->size - in->end, &got, total ? NULL : error);
        if (result != 0) {
            return total > 0 ? 0 : result;
        }
        dsql__buffer_commit(in, got);
        total += got;
    } while (total < DSQL__READ_SIZE - RECORD && may_have_more(transport));
    return 0;
}

/* ------------------------------------------------------------------ writing */

static int
write_some(struct dsql__transport *transport, const char *from, size_t size, size_t *put,
           struct dsql_error *error)
{
    if (transport->ssl != NULL) {
        ERR_clear_error();
        int result = SSL_write_ex(transport->ssl, from, size, put);
        return result == 1 ? 0 : dsql__transport_judge(transport, result, writing, error);
    }
    ssize_t count = transmit(transport, from, size);
    if (count >= 0) {
        *put = (size_t)count;
        return 0;
    }
    if (is_busy(errno)) {
        return DSQL_WANT_WRITE;
    }
    end_by_errno(transport, errno, writing);
    return tell(transport, error);
}

/* The peer has gone. At first only reading can tell what it said before that. */
static int
fail_to_write(struct dsql__transport *transport, bool may_read, struct dsql_error *error)
{
    if (transport->over.code == DSQL_E_CLOSED && !transport->out_broken) {
        transport->out_broken = true;
        if (may_read) {
            transport->io_error = 0;
            transport->over = (struct dsql_error){0};
        }
        return DSQL_WANT_READ;
    }
    return tell(transport, error);
}

int
dsql__transport_flush(struct dsql__transport *transport, struct dsql_error *error)
{
    struct dsql__buffer *out = &transport->out;
    if (out->failed) {
        return dsql__fail_nomem(error);
    }
    if (transport->fd < 0) {
        return dsql__fail(error, DSQL_E_CLOSED, "the connection is closed; open a new one");
    }
    while (dsql__buffer_length(out) > 0) {
        size_t size = dsql__buffer_length(out), put = 0;
        if (transport->out_broken && transport->over.code == 0) {
            end_by_errno(transport, EPIPE, writing);
        }
        if (transport->over.code != 0) {
            return fail_to_write(transport, false, error);
        }
        int result = write_some(transport, dsql__buffer_begin(out),
                                size < WRITTEN_AT_ONCE ? size : WRITTEN_AT_ONCE, &put, error);
        if (result != 0) {
            return result < 0 ? fail_to_write(transport, true, error) : result;
        }
        dsql__buffer_consume(out, put);
    }
    return 0;
}

void
dsql__transport_close(struct dsql__transport *transport, bool goodbye)
{
    bool open = goodbye && transport->fd >= 0 && transport->over.code == 0;
    if (open && dsql__transport_flush(transport, NULL) == 0 && transport->ssl != NULL &&
        SSL_is_init_finished(transport->ssl)) {
        ERR_clear_error();
        SSL_shutdown(transport->ssl);
        ERR_clear_error();
    }
    SSL_free(transport->ssl);
    if (transport->fd >= 0) {
        close(transport->fd);
    }
    dsql__buffer_clear(&transport->in);
    dsql__buffer_clear(&transport->out);
    *transport = (struct dsql__transport){.fd = -1};
}
