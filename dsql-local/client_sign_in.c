/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection's way from the first byte to its session: TLS, start-up packet,
 * token. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <openssl/err.h>

#include "greeting.h"
#include "server.h"
#include "sniff.h"

#define STARTUP_LIMIT ((size_t)10000)
#define TOKEN_LIMIT ((size_t)16384)
/* What a client may send ahead of its first statement's PostgreSQL. */
#define AHEAD_LIMIT ((size_t)1 << 18)

/* -------------------------------------------------------------------- the token */

void
client_welcome(struct local_client *client)
{
    struct dsql__buffer *out = &client->front.out;
    size_t mark = dsql__message_begin(out, 'R');
    dsql__put_int32(out, 0); /* AuthenticationOk */
    dsql__message_end(out, mark);
    if (dsql__buffer_length(&client->greeting) > 0) {
        dsql__buffer_put(out, dsql__buffer_begin(&client->greeting),
                         dsql__buffer_length(&client->greeting));
        dsql__buffer_clear(&client->greeting);
    } else {
        local_greeting_put(&client->server->greeting, &client->startup, out);
    }
    local_greeting_put_key(out);
    mark = dsql__message_begin(out, 'Z');
    dsql__put_byte(out, 'I');
    dsql__message_end(out, mark);
    if (client->server->options->verbose) {
        local_server_log(client->server, "user %.64s signed in", client->startup.user);
    }
    client->greeted = true;
    client->server->counters.signed_in++;
    local_client_limit_age(client);
    local_stream_update(&client->front);
}

/* Signed in: without a PostgreSQL, where the greeting is known beforehand. */
static void
go_on(struct local_client *client)
{
    struct local_server *server = client->server;
    bool alone =
        strcmp(client->startup.user, "admin") == 0 && local_greeting_suits(&client->startup);
    if (!alone || !local_server_has_postgres(server)) {
        client_connect_upstream(client);
        return;
    }
    client->catalog_seen = server->catalog;
    client->phase = CLIENT_WAITING;
    client_welcome(client);
}

static void
judge_token(struct local_client *client, const char *token, size_t length)
{
    const struct local_server *server = client->server;
    const char *sni = SSL_get_servername(client->front.ssl, TLSEXT_NAMETYPE_host_name);
    char arn[256] = "";
    struct local_sign_in sign_in = {
        .token = token,
        .token_length = length,
        .user = client->startup.user,
        .sni = sni ? sni : "",
        .cluster_id = server->state->cluster_id,
        .region = server->state->region,
        .now = (int64_t)time(NULL),
    };
    struct dsql_error error = {0};
    if (local_sign_in_verify(server->keys, &sign_in, arn, sizeof arn, &error) != 0) {
        client_deny(client, error.message);
        return;
    }
    client->arn = strdup(arn);
    if (client->arn == NULL) {
        local_client_close(client);
        return;
    }
    go_on(client);
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
        client_refuse(client, REFUSED_PASSWORD, "08P01", "invalid password packet size",
                      "The password must be an authentication token, whole and unchanged.");
        return;
    }
    judge_token(client, message.body, message.length - 1);
    if (client->phase != CLIENT_GOING) {
        OPENSSL_cleanse(dsql__buffer_begin(in), message.total);
        dsql__buffer_consume(in, message.total);
    }
}

/* ----------------------------------------------------------- the start-up packet */

/* Whether there is room for one more. */
static bool
admit(struct local_client *client)
{
    switch (local_server_admit(client->server)) {
    case LOCAL_ADMITTED:
        client->admitted = true;
        return true;
    case LOCAL_RATE_EXCEEDED:
        client_refuse_by(client, REFUSED_RATE, RULE_CONNECTION_RATE, NULL);
        return false;
    case LOCAL_TOO_MANY:
        client_refuse_by(client, REFUSED_TOO_MANY, RULE_CONNECTIONS, NULL);
        return false;
    }
    return false;
}

static void
take_startup(struct local_client *client, const struct dsql__message *packet)
{
    struct dsql__buffer *out = &client->front.out;
    struct dsql_error error;
    if (local_startup_read(packet->body, packet->length, &client->startup, &error) != 0) {
        client_refuse(client, REFUSED_STARTUP, error.sqlstate, error.message, NULL);
        return;
    }
    if (SSL_get_servername(client->front.ssl, TLSEXT_NAMETYPE_host_name) == NULL) {
        client_refuse_by(client, REFUSED_SNI, RULE_NO_SNI,
                         "Connect by name, not by address: host=localhost.");
        return;
    }
    if (!admit(client)) {
        return;
    }
    local_startup_negotiate(packet->body, packet->length, out);
    client->phase = CLIENT_PASSWORD;
    size_t mark = dsql__message_begin(out, 'R');
    dsql__put_int32(out, 3); /* AuthenticationCleartextPassword */
    dsql__message_end(out, mark);
    local_stream_update(&client->front);
}

static void
read_startup(struct local_client *client)
{
    struct dsql__buffer *in = &client->front.in;
    struct dsql__message packet;
    struct dsql__reader reader;
    int more =
        dsql__packet_peek(dsql__buffer_begin(in), dsql__buffer_length(in), STARTUP_LIMIT, &packet);
    if (more == DSQL__MORE) {
        return;
    }
    if (more != 0) {
        client_note_refusal(client, REFUSED_STARTUP, "the start-up packet has an impossible size");
        local_client_close(client);
        return;
    }
    dsql__reader_init(&reader, packet.body, packet.length);
    if (dsql__get_int32(&reader) == DSQL__CANCEL_REQUEST) {
        local_client_close(client); /* the service, too, does nothing on a cancel request */
        return;
    }
    take_startup(client, &packet);
    if (client->phase != CLIENT_GOING) {
        dsql__buffer_consume(in, packet.total);
    }
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

/* Takes the eight bytes of a request and answers with one. */
static void
answer_request(struct local_client *client, char answer)
{
    unsigned char taken[SNIFF_BYTES];
    if (recv(client->front.fd, taken, sizeof taken, 0) != SNIFF_BYTES ||
        send(client->front.fd, &answer, 1, MSG_NOSIGNAL) != 1) {
        local_client_close(client);
    } else if (answer == 'S') {
        begin_tls(client);
    }
}

/* Looks at the first bytes without taking TLS's away from OpenSSL. */
static void
look_at_first_bytes(struct local_client *client)
{
    unsigned char first[SNIFF_BYTES];
    ssize_t seen = recv(client->front.fd, first, sizeof first, MSG_PEEK);
    if (seen <= 0) {
        if (seen == 0 || (errno != EAGAIN && errno != EINTR)) {
            local_client_close(client);
        }
        return;
    }
    switch (local_sniff(first, (size_t)seen)) {
    case SNIFFED_TOO_FEW:
        break;
    case SNIFFED_TLS:
        client->direct = true;
        begin_tls(client);
        break;
    case SNIFFED_SSL_REQUEST:
        answer_request(client, 'S');
        break;
    case SNIFFED_GSS_REQUEST:
        answer_request(client, 'N');
        break;
    case SNIFFED_PLAIN:
        client->phase = CLIENT_STARTUP;
        client->front.state = STREAM_PLAIN;
        client_refuse(client, REFUSED_PLAIN, "08006",
                      "unable to accept connection, TLS is required",
                      "Connect with sslmode=verify-full.");
        break;
    case SNIFFED_GARBAGE:
        client_note_refusal(client, REFUSED_GARBAGE,
                            "its first bytes are neither TLS nor PostgreSQL's protocol");
        local_client_close(client);
        break;
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
        client_refuse(client, REFUSED_ALPN, "08006",
                      "unable to accept connection, ALPN is required",
                      "Direct TLS must offer the application protocol \"postgresql\".");
        return;
    }
    local_stream_update(&client->front);
}

/* With TLS 1.3 a client that does not like our certificate says so after our
 * part of the handshake. */
void
client_sign_in_ended(struct local_client *client)
{
    char detail[200];
    bool failed = client->phase == CLIENT_TLS ||
                  (client->phase == CLIENT_STARTUP && client->front.tls_error != 0);
    if (failed) {
        const char *reason = ERR_reason_error_string(client->front.tls_error);
        snprintf(detail, sizeof detail, "the TLS handshake failed: %.120s",
                 reason ? reason : "the client ended the connection");
        client_note_refusal(client, REFUSED_TLS, detail);
    }
    local_client_close(client);
}

/* ------------------------------------------------------------------- its bytes */

static void
read_first_statement(struct local_client *client)
{
    const struct dsql__buffer *in = &client->front.in;
    if (dsql__buffer_length(in) == 0) {
        return;
    }
    if (*dsql__buffer_begin(in) == 'X') {
        local_client_close(client);
        return;
    }
    client_connect_upstream(client);
}

void
client_sign_in_ready(struct local_client *client)
{
    if (client->phase == CLIENT_FIRST_BYTES) {
        look_at_first_bytes(client);
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
    }
    if (client->phase == CLIENT_WAITING) {
        read_first_statement(client);
    }
    if (client->phase == CLIENT_UPSTREAM || client->phase == CLIENT_ROLE) {
        client->front.paused = dsql__buffer_length(&client->front.in) > AHEAD_LIMIT;
    }
}
