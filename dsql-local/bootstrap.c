/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A small blocking client over the socket, and what it is for: bootstrap.sql. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "error.h"
#include "files.h"
#include "postgres.h"
#include "upstream.h"
#include "wire.h"

extern const char local_bootstrap_sql[];
extern const size_t local_bootstrap_sql_size;

#define MESSAGE_LIMIT ((size_t)1 << 20)
#define WAIT_SECONDS 60

static int
open_socket(const char *path)
{
    struct timeval limit = {.tv_sec = WAIT_SECONDS};
    int fd = local_upstream_socket(path, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    return fd;
}

static int
send_all(int fd, struct dsql__buffer *out)
{
    while (dsql__buffer_length(out) > 0) {
        ssize_t put = send(fd, dsql__buffer_begin(out), dsql__buffer_length(out), MSG_NOSIGNAL);
        if (put <= 0) {
            return DSQL_E_IO;
        }
        dsql__buffer_consume(out, (size_t)put);
    }
    return out->failed ? DSQL_E_NOMEM : 0;
}

static int
take_error(const struct dsql__message *message, struct dsql_error *error)
{
    struct dsql_diagnostic diagnostic;
    int failure = dsql__diagnostic_read(message->body, message->length, &diagnostic);
    if (failure != 0 || diagnostic.message == NULL || diagnostic.sqlstate == NULL) {
        return DSQL_E_PROTOCOL;
    }
    failure = dsql__fail(error, DSQL_E_PROTOCOL, "PostgreSQL says: %.300s", diagnostic.message);
    if (error != NULL) {
        snprintf(error->sqlstate, sizeof error->sqlstate, "%.5s", diagnostic.sqlstate);
    }
    return failure;
}

/* Reads up to ReadyForQuery; ParameterStatus messages go to the end of parameters,
 * which may be NULL. */
static int
await_ready(int fd, struct dsql__buffer *in, struct dsql__buffer *parameters,
            struct dsql_error *error)
{
    int result = 0;
    for (;;) {
        struct dsql__message message;
        int more = dsql__message_peek(dsql__buffer_begin(in), dsql__buffer_length(in),
                                      MESSAGE_LIMIT, false, &message);
        if (more < 0) {
            return more;
        }
        if (more == 0) {
            char type = message.type;
            if (type == 'E') {
                result = take_error(&message, error);
            } else if (type == 'S' && parameters != NULL) {
                dsql__buffer_put(parameters, message.body - 5, message.total);
            }
            dsql__buffer_consume(in, message.total);
            if (type == 'Z') {
                return result;
            }
            continue;
        }
        char *to = dsql__buffer_reserve(in, 8192);
        ssize_t got = to != NULL ? recv(fd, to, 8192, 0) : -1;
        if (got <= 0) {
            return result != 0 ? result : DSQL_E_IO;
        }
        dsql__buffer_commit(in, (size_t)got);
    }
}

static int
sign_in(int fd, const char *user, struct dsql__buffer *out, struct dsql__buffer *in,
        struct dsql__buffer *parameters, struct dsql_error *error)
{
    size_t mark = dsql__message_begin(out, 0);
    dsql__put_int32(out, DSQL__PROTOCOL_3_0);
    dsql__put_string(out, "user");
    dsql__put_string(out, user);
    dsql__put_string(out, "database");
    dsql__put_string(out, "postgres");
    dsql__put_byte(out, '\0');
    dsql__message_end(out, mark);
    int failure = send_all(fd, out);
    return failure ? failure : await_ready(fd, in, parameters, error);
}

static int
exchange(const char *socket_path, const char *user, const char *sql, size_t length,
         struct dsql__buffer *parameters, struct dsql_error *error)
{
    struct dsql__buffer out = {0}, in = {0};
    int fd = open_socket(socket_path);
    if (fd < 0) {
        return DSQL_E_IO;
    }
    int failure = sign_in(fd, user, &out, &in, parameters, error);
    if (failure == 0 && length > 0) {
        size_t mark = dsql__message_begin(&out, 'Q');
        dsql__buffer_put(&out, sql, length);
        dsql__put_byte(&out, '\0');
        dsql__message_end(&out, mark);
        failure = send_all(fd, &out);
        if (failure == 0) {
            failure = await_ready(fd, &in, NULL, error);
        }
    }
    dsql__message_put_empty(&out, 'X');
    (void)!send_all(fd, &out);
    close(fd);
    dsql__buffer_clear(&out);
    dsql__buffer_clear(&in);
    return failure;
}

int
local_upstream_run(const char *socket_path, const char *sql, size_t length,
                   struct dsql_error *error)
{
    return exchange(socket_path, "postgres", sql, length, NULL, error);
}

int
local_upstream_greeting(const char *socket_path, struct dsql__buffer *parameters,
                        struct dsql_error *error)
{
    struct dsql_error said = {0};
    if (exchange(socket_path, "admin", NULL, 0, parameters, &said) != 0 || parameters->failed) {
        return dsql__fail(error, DSQL_E_PROTOCOL, "admin cannot sign in to PostgreSQL: %.300s",
                          said.message[0] ? said.message : "the connection was ended");
    }
    return 0;
}

/* The text's hash, kept in a file beside the data when it has run. */
int
local_bootstrap(const struct local_postgres *postgres, struct dsql_error *error)
{
    unsigned char digest[32];
    char hash[65], path[1200], line[80];
    if (EVP_Digest(local_bootstrap_sql, local_bootstrap_sql_size, digest, NULL, EVP_sha256(),
                   NULL) != 1) {
        return dsql__fail(error, DSQL_E_CRYPTO, "OpenSSL cannot compute SHA-256");
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(hash + 2 * i, 3, "%02x", digest[i]);
    }
    snprintf(path, sizeof path, "%s/bootstrap", postgres->home);
    local_file_line(path, line, sizeof line);
    if (strcmp(line, hash) == 0) {
        return 0;
    }
    struct dsql_error said = {0};
    if (local_upstream_run(postgres->socket_path, local_bootstrap_sql, local_bootstrap_sql_size,
                           &said) != 0) {
        return dsql__fail(error, DSQL_E_PROTOCOL, "the database cannot be prepared: %.300s",
                          said.message[0] ? said.message : "PostgreSQL ended the connection");
    }
    return local_file_write(path, hash, 64, 0600, error);
}
