/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection's way from the first byte to its session: TLS, start-up packet,
 * token, sign-in to PostgreSQL; and its end. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "service.h"

#define STARTUP_LIMIT ((size_t)10000)
#define TOKEN_LIMIT ((size_t)16384)
#define SIGN_IN_SECONDS 60

static const char access_denied[] = "unable to accept connection, access denied";

/* ------------------------------------------------------------------- ending */

static void
free_when_closed(struct local_client *client)
{
    if (client->front_open || client->back_open || client->timers_open > 0) {
        return;
    }
    local_session_clear(&client->session);
    dsql__buffer_clear(&client->greeting);
    dsql__buffer_clear(&client->settings);
    free(client->user);
    free(client->database);
    local_server_remove(client->server, client);
    free(client);
}

static void
on_timer_closed(uv_handle_t *handle)
{
    struct local_client *client = handle->data;
    client->timers_open--;
    free_when_closed(client);
}

static void
on_stream_closed(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (stream == &client->front) {
        client->front_open = false;
    } else {
        client->back_open = false;
    }
    free_when_closed(client);
}

void
local_client_close(struct local_client *client)
{
    if (client->phase == CLIENT_GOING) {
        return;
    }
    client->phase = CLIENT_GOING;
    if (client->back_open) {
        dsql__message_put_empty(&client->back.out, 'X');
        local_stream_close(&client->back);
    }
    if (client->front_open) {
        local_stream_close(&client->front);
    }
    uv_close((uv_handle_t *)&client->sign_in, on_timer_closed);
    uv_close((uv_handle_t *)&client->rtt, on_timer_closed);
}

void
local_client_end(struct local_client *client, const char *sqlstate, const char *message,
                 const char *hint)
{
    if (client->phase != CLIENT_GOING && client->phase > CLIENT_TLS) {
        struct dsql__diagnostic diagnostic = {
            .severity = "FATAL",
            .sqlstate = sqlstate,
            .message = message,
            .hint = hint,
        };
        dsql__diagnostic_put(&client->front.out, 'E', &diagnostic);
    }
    local_client_close(client);
}

static void
deny(struct local_client *client, const char *hint)
{
    local_server_log(client->server, "refused user %.64s: %s", client->user ? client->user : "?",
                     hint);
    local_client_end(client, "08006", access_denied, hint);
}

/* --------------------------------------------------------- sign-in to PostgreSQL */

static void welcome(struct local_client *client);

static void
ask_for_role(struct local_client *client)
{
    struct dsql__buffer *out = &client->back.out;
    static const char head[] = "SELECT pg_catalog.dsql_local_may_sign_in(E'";
    client->phase = CLIENT_ROLE;
    size_t mark = dsql__message_begin(out, 'Q');
    dsql__buffer_put(out, head, sizeof head - 1);
    for (const char *at = client->arn; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\') {
            dsql__put_byte(out, *at);
        }
        dsql__put_byte(out, *at);
    }
    dsql__put_string(out, "')");
    dsql__message_end(out, mark);
    local_stream_update(&client->back);
}

static void
refuse_upstream(struct local_client *client, const struct dsql__message *message)
{
    struct dsql__diagnostic diagnostic;
    if (dsql__diagnostic_read(message->body, message->length, &diagnostic) != 0 ||
        diagnostic.sqlstate == NULL || diagnostic.message == NULL) {
        local_client_close(client);
    } else if (strcmp(diagnostic.sqlstate, "53300") == 0) {
        local_client_end(client, "53300", "Unable to accept connection, too many open connections.",
                         NULL);
    } else if (strcmp(diagnostic.sqlstate, "28000") == 0) {
        deny(client, diagnostic.message);
    } else if (strcmp(diagnostic.sqlstate, "57P03") == 0) {
        local_client_end(client, "08006",
                         "unable to accept connection, waking up cluster, please retry later",
                         NULL);
    } else {
        local_client_end(client, diagnostic.sqlstate, diagnostic.message, diagnostic.hint);
    }
}

static void
ready_upstream(struct local_client *client)
{
    if (client->phase == CLIENT_UPSTREAM && strcmp(client->user, "admin") != 0) {
        ask_for_role(client);
    } else if (client->phase == CLIENT_UPSTREAM || client->role_allowed) {
        welcome(client);
    } else {
        char hint[512];
        snprintf(hint, sizeof hint, "Role %.64s is not granted to %s; run AWS IAM GRANT as admin.",
                 client->user,
                 client->arn[0] ? client->arn : "this key pair (its profile has no dsql_arn)");
        deny(client, hint);
    }
}

static void
sign_in_message(struct local_client *client, const struct dsql__message *message)
{
    struct dsql__buffer *greeting = &client->greeting;
    switch (message->type) {
    case 'S':
        if (client->phase == CLIENT_UPSTREAM) {
            service_pass_parameter(greeting, message);
        }
        break;
    case 'K':
        dsql__buffer_put(greeting, message->body - 5, message->total);
        break;
    case 'D': /* one column: int16 count, int32 length, "t" or "f" */
        client->role_allowed = message->length == 7 && message->body[6] == 't';
        break;
    case 'E':
        refuse_upstream(client, message);
        break;
    case 'Z':
        ready_upstream(client);
        break;
    default: /* AuthenticationOk, notices, the row's description */
        break;
    }
}

static bool
signing_in(const struct local_client *client)
{
    return client->phase == CLIENT_UPSTREAM || client->phase == CLIENT_ROLE;
}

static void
read_sign_in(struct local_client *client)
{
    struct dsql__buffer *in = &client->back.in;
    struct dsql__message message;
    while (signing_in(client)) {
        int more = dsql__message_peek(dsql__buffer_begin(in), dsql__buffer_length(in),
                                      STREAM_HIGH_WATER, false, &message);
        if (more == DSQL__MORE) {
            return;
        }
        if (more != 0) {
            local_client_close(client);
            return;
        }
        sign_in_message(client, &message);
        if (client->phase == CLIENT_GOING) {
            return;
        }
        dsql__buffer_consume(in, message.total);
    }
}

static void
on_back_ready(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (signing_in(client)) {
        read_sign_in(client);
    } else if (client->phase == CLIENT_SESSION) {
        local_session_from_postgres(&client->session);
        if (client->session.broken) {
            local_client_close(client);
        }
    }
}

static void
on_back_ended(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase == CLIENT_SESSION) {
        local_session_from_postgres(&client->session); /* its last words */
    }
    local_client_end(client, "57P01",
                     "terminating connection: the PostgreSQL behind the endpoint has ended it",
                     NULL);
}

static void
on_back_drained(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase == CLIENT_SESSION) {
        local_session_from_client(&client->session);
    }
}

static const struct local_stream_events back_events = {
    .ready = on_back_ready,
    .drained = on_back_drained,
    .ended = on_back_ended,
    .closed = on_stream_closed,
};

static void
connect_upstream(struct local_client *client)
{
    const char *path = client->server->postgres->socket_path;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.107s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        client->server->postgres->pid == 0) {
        bool full = fd >= 0 && errno == EAGAIN;
        if (fd >= 0) {
            close(fd);
        }
        local_client_end(client, full ? "53400" : "08006",
                         full ? "Unable to accept connection, rate exceeded."
                              : "unable to accept connection, waking up cluster, "
                                "please retry later",
                         NULL);
        return;
    }
    if (local_stream_init(&client->back, &client->server->loop, fd, STREAM_PLAIN, &back_events,
                          client) != 0) {
        local_client_close(client);
        return;
    }
    client->back_open = true;
    client->phase = CLIENT_UPSTREAM;
    client_startup_put(client, &client->back.out);
    local_stream_update(&client->back);
}

/* -------------------------------------------------------------------- the token */

static void
judge_token(struct local_client *client, const char *token, size_t length)
{
    const struct local_server *server = client->server;
    const char *sni = SSL_get_servername(client->front.ssl, TLSEXT_NAMETYPE_host_name);
    struct local_sign_in sign_in = {
        .token = token,
        .token_length = length,
        .user = client->user,
        .sni = sni ? sni : "",
        .cluster_id = server->state->cluster_id,
        .region = server->state->region,
        .now = (int64_t)time(NULL),
    };
    struct dsql_error error = {0};
    if (local_sign_in_verify(server->keys, &sign_in, client->arn, sizeof client->arn, &error) !=
        0) {
        deny(client, error.message);
        return;
    }
    connect_upstream(client);
}

static void
read_password(struct local_client *client)
{
    struct dsql__buffer *in = &client->front.in;
    struct dsql__message message;
    int more = dsql__message_peek(dsql__buffer_begin(in), dsql__buffer_length(in), TOKEN_LIMIT,
                                  false, &message);
    if (more == DSQL__MORE) {
        return;
    }
    if (more != 0 || message.type != 'p' || message.length < 1 ||
        memchr(message.body, 0, message.length) != message.body + message.length - 1) {
        local_client_end(client, "08P01", "invalid password packet size",
                         "The password must be an authentication token, whole and unchanged.");
        return;
    }
    judge_token(client, message.body, message.length - 1);
    if (client->phase != CLIENT_GOING) {
        OPENSSL_cleanse(dsql__buffer_begin(in), message.total);
        dsql__buffer_consume(in, message.total);
    }
}

static void
read_startup(struct local_client *client)
{
    struct dsql__buffer *in = &client->front.in;
    struct dsql__message packet;
    struct dsql__reader reader;
    struct dsql_error error;
    int more =
        dsql__packet_peek(dsql__buffer_begin(in), dsql__buffer_length(in), STARTUP_LIMIT, &packet);
    if (more == DSQL__MORE) {
        return;
    }
    dsql__reader_init(&reader, packet.body, more == 0 ? packet.length : 0);
    if (more != 0 || dsql__get_int32(&reader) == DSQL__CANCEL_REQUEST) {
        local_client_close(client); /* the service, too, does nothing on a cancel request */
        return;
    }
    if (SSL_get_servername(client->front.ssl, TLSEXT_NAMETYPE_host_name) == NULL) {
        local_client_end(client, "08006", "unable to accept connection, sni was not received",
                         "Connect by name, not by address: host=localhost.");
        return;
    }
    if (client_startup_read(client, packet.body, packet.length, &error) != 0) {
        local_client_end(client, error.sqlstate, error.message, NULL);
        return;
    }
    dsql__buffer_consume(in, packet.total);
    client->phase = CLIENT_PASSWORD;
    size_t mark = dsql__message_begin(&client->front.out, 'R');
    dsql__put_int32(&client->front.out, 3); /* AuthenticationCleartextPassword */
    dsql__message_end(&client->front.out, mark);
    local_stream_update(&client->front);
}

static void
welcome(struct local_client *client)
{
    struct dsql__buffer *out = &client->front.out;
    size_t mark = dsql__message_begin(out, 'R');
    dsql__put_int32(out, 0); /* AuthenticationOk */
    dsql__message_end(out, mark);
    dsql__buffer_put(out, dsql__buffer_begin(&client->greeting),
                     dsql__buffer_length(&client->greeting));
    mark = dsql__message_begin(out, 'Z');
    dsql__put_byte(out, 'I');
    dsql__message_end(out, mark);
    dsql__buffer_clear(&client->greeting);
    dsql__buffer_clear(&client->settings);
    uv_timer_stop(&client->sign_in);
    if (client->server->options->verbose) {
        local_server_log(client->server, "user %.64s signed in", client->user);
    }
    client->phase = CLIENT_SESSION;
    local_session_start(&client->session, client->server, &client->front, &client->back);
    local_stream_update(&client->front);
}

/* ------------------------------------------------------------------------- TLS */

static void
begin_tls(struct local_client *client)
{
    static const int any = 1;
    setsockopt(client->front.fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof any);
    client->phase = CLIENT_TLS;
    if (local_stream_accept_tls(&client->front, client->server->tls) != 0) {
        local_client_close(client);
    }
}

/* Looks at the first bytes without taking TLS's away from OpenSSL. */
static void
sniff(struct local_client *client)
{
    unsigned char first[8];
    ssize_t seen = recv(client->front.fd, first, sizeof first, MSG_PEEK);
    if (seen <= 0) {
        if (seen == 0 || (errno != EAGAIN && errno != EINTR)) {
            local_client_close(client);
        }
        return;
    }
    if (first[0] == 0x16) { /* a TLS handshake record: direct negotiation */
        client->direct = true;
        begin_tls(client);
        return;
    }
    if (seen < 8) {
        return;
    }
    struct dsql__reader reader;
    dsql__reader_init(&reader, (const char *)first, sizeof first);
    int32_t length = dsql__get_int32(&reader), code = dsql__get_int32(&reader);
    bool request = length == 8 && (code == DSQL__SSL_REQUEST || code == DSQL__GSS_REQUEST);
    if (!request) {
        client->phase = CLIENT_STARTUP;
        client->front.state = STREAM_PLAIN;
        local_client_end(client, "08006", "unable to accept connection, TLS is required",
                         "Connect with sslmode=verify-full.");
        return;
    }
    char answer = code == DSQL__SSL_REQUEST ? 'S' : 'N';
    if (recv(client->front.fd, first, sizeof first, 0) != 8 ||
        send(client->front.fd, &answer, 1, MSG_NOSIGNAL) != 1) {
        local_client_close(client);
        return;
    }
    if (answer == 'S') {
        begin_tls(client);
    }
}

static void
after_handshake(struct local_client *client)
{
    const unsigned char *protocol;
    unsigned int length = 0;
    SSL_get0_alpn_selected(client->front.ssl, &protocol, &length);
    client->phase = CLIENT_STARTUP;
    if (client->direct && length == 0) {
        local_client_end(client, "08006", "unable to accept connection, ALPN is required",
                         "Direct TLS must offer the application protocol \"postgresql\".");
        return;
    }
    local_stream_update(&client->front);
}

static void
on_front_ready(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase == CLIENT_FIRST_BYTES) {
        sniff(client);
        return;
    }
    if (client->phase == CLIENT_TLS) {
        after_handshake(client);
        return;
    }
    if (client->phase == CLIENT_STARTUP) {
        read_startup(client);
    }
    if (client->phase == CLIENT_PASSWORD) {
        read_password(client);
    } else if (client->phase == CLIENT_SESSION) {
        local_session_from_client(&client->session);
        if (client->session.broken) {
            local_client_close(client);
        }
    }
}

static void
on_front_ended(struct local_stream *stream)
{
    local_client_close(stream->owner);
}

static void
on_front_drained(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase == CLIENT_SESSION && client->back.paused) {
        local_stream_resume(&client->back);
        local_stream_update(&client->back);
    }
}

/* ------------------------------------------------------------------- beginning */

static void
on_rtt(uv_timer_t *timer)
{
    struct local_client *client = timer->data;
    local_stream_go_on(&client->front);
}

/* --rtt: what comes is looked at one round trip later; what a client sends
 * meanwhile without waiting costs nothing more. */
static bool
on_front_readable(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    int rtt = client->server->options->rtt_ms;
    if (rtt > 0) {
        uv_timer_start(&client->rtt, on_rtt, (uint64_t)rtt, 0);
    }
    return rtt == 0;
}

static void
on_sign_in_limit(uv_timer_t *timer)
{
    struct local_client *client = timer->data;
    local_server_log(client->server, "a client did not sign in within %d s", SIGN_IN_SECONDS);
    local_client_close(client);
}

static const struct local_stream_events front_events = {
    .readable = on_front_readable,
    .ready = on_front_ready,
    .drained = on_front_drained,
    .ended = on_front_ended,
    .closed = on_stream_closed,
};

void
local_client_accept(struct local_server *server, int fd)
{
    static const int tls_header = 8; /* what sniff() needs to see */
    struct local_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        close(fd);
        return;
    }
    client->server = server;
    client->phase = CLIENT_FIRST_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &tls_header, sizeof tls_header);
    if (local_stream_init(&client->front, &server->loop, fd, STREAM_FIRST, &front_events, client) !=
        0) {
        free(client);
        return;
    }
    client->front_open = true;
    uv_timer_init(&server->loop, &client->sign_in);
    uv_timer_init(&server->loop, &client->rtt);
    client->sign_in.data = client->rtt.data = client;
    client->timers_open = 2;
    local_server_add(server, client);
    uv_timer_start(&client->sign_in, on_sign_in_limit, SIGN_IN_SECONDS * 1000, 0);
    local_stream_update(&client->front);
}
