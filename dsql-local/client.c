/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A connection's beginning, its time limits and its end; see client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"
#include "sniff.h"

#define SIGN_IN_SECONDS 60

static const char shutting_down[] = "terminating connection due to administrator command";

/* ------------------------------------------------------------------- ending */

static void
free_when_closed(struct local_client *client)
{
    if (client->front_open || client->back_open || client->timers_open > 0) {
        return;
    }
    client->server->counters.received += client->front.received;
    client->server->counters.sent += client->front.sent;
    local_session_clear(&client->session);
    dsql__buffer_clear(&client->greeting);
    local_startup_clear(&client->startup);
    free(client->arn);
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

void
client_on_stream_closed(struct local_stream *stream)
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
    if (client->phase == CLIENT_SESSION) {
        local_server_remove_session(client->server, client);
    }
    client->phase = CLIENT_GOING;
    if (client->admitted) {
        client->admitted = false;
        local_server_left(client->server);
    }
    if (client->back_open) {
        dsql__message_put_empty(&client->back.out, 'X');
        local_stream_close(&client->back);
    }
    if (client->front_open) {
        local_stream_close(&client->front);
    }
    uv_close((uv_handle_t *)&client->limit, on_timer_closed);
    uv_close((uv_handle_t *)&client->rtt, on_timer_closed);
}

void
local_client_end(struct local_client *client, const char *sqlstate, const char *message,
                 const char *hint)
{
    if (client->phase != CLIENT_GOING && client->phase > CLIENT_TLS) {
        struct dsql_diagnostic diagnostic = {
            .severity = "FATAL",
            .sqlstate = sqlstate,
            .message = message,
            .hint = hint,
        };
        dsql__diagnostic_put(&client->front.out, 'E', &diagnostic);
    }
    local_client_close(client);
}

/* ---------------------------------------------------------------- refusing */

static void
peer_name(const union local_peer *peer, char *name, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (peer->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &peer->v4.sin_addr, host, sizeof host);
        snprintf(name, size, "%s:%d", host, ntohs(peer->v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &peer->v6.sin6_addr, host, sizeof host);
        snprintf(name, size, "[%s]:%d", host, ntohs(peer->v6.sin6_port));
    }
}

void
client_note_refusal(struct local_client *client, enum local_refused reason, const char *detail)
{
    char peer[80];
    peer_name(&client->peer, peer, sizeof peer);
    local_refusals_note(client->server, reason, peer, client->startup.user, detail);
}

void
client_refuse(struct local_client *client, enum local_refused reason, const char *sqlstate,
              const char *message, const char *hint)
{
    char detail[600];
    bool said = reason == REFUSED_ACCESS; /* the hint says it all */
    snprintf(detail, sizeof detail, "%.300s%s%.250s", said ? hint : message,
             hint != NULL && !said ? ": " : "", hint != NULL && !said ? hint : "");
    client_note_refusal(client, reason, detail);
    local_client_end(client, sqlstate, message, hint);
}

void
client_refuse_by(struct local_client *client, enum local_refused reason, int rule, const char *hint)
{
    client_refuse(client, reason, rules_sqlstate(rule), rules_message(rule), hint);
}

void
client_deny(struct local_client *client, const char *hint)
{
    client_refuse_by(client, REFUSED_ACCESS, RULE_ACCESS_DENIED, hint);
}

/* ------------------------------------------------------------------- leaving */

static void
leave_now(struct local_client *client)
{
    if (client->leaving == LEAVING_SHUTDOWN) {
        local_client_end(client, "57P01", shutting_down, NULL);
    } else {
        local_client_close(client);
    }
}

/* A transaction is open, a statement under way, or an answer not yet sent. */
static bool
has_work(const struct local_client *client)
{
    switch (client->phase) {
    case CLIENT_SESSION:
        return client->session.busy || local_session_is_open(&client->session) ||
               client->session.replies_count > 0 || dsql__buffer_length(&client->front.out) > 0;
    case CLIENT_UPSTREAM:
    case CLIENT_ROLE:
        return client->greeted; /* the first statement waits */
    case CLIENT_FIRST_BYTES:
    case CLIENT_TLS:
    case CLIENT_STARTUP:
    case CLIENT_PASSWORD:
    case CLIENT_WAITING:
    case CLIENT_GOING:
        break;
    }
    return false;
}

void
client_leave_if_idle(struct local_client *client)
{
    if (client->leaving != LEAVING_NOT && client->phase != CLIENT_GOING && !has_work(client)) {
        leave_now(client);
    }
}

static void
on_patience(uv_timer_t *timer)
{
    leave_now(timer->data);
}

void
local_client_leave(struct local_client *client, enum client_leaving leaving, uint64_t patience_ms)
{
    if (client->phase == CLIENT_GOING) {
        return;
    }
    client->leaving = leaving;
    uv_timer_start(&client->limit, on_patience, patience_ms, 0);
    client_leave_if_idle(client);
}

static void
on_age(uv_timer_t *timer)
{
    struct local_client *client = timer->data;
    uint64_t patience = (uint64_t)client->server->options->transaction_age_s * 1000;
    local_client_leave(client, LEAVING_OLD, patience);
}

static void
on_sign_in_limit(uv_timer_t *timer)
{
    struct local_client *client = timer->data;
    char detail[80];
    snprintf(detail, sizeof detail, "it did not sign in within %d s", SIGN_IN_SECONDS);
    client_note_refusal(client, REFUSED_SLOW, detail);
    local_client_close(client);
}

void
local_client_limit_age(struct local_client *client)
{
    uint64_t age = (uint64_t)client->server->options->connection_age_s * 1000;
    uv_timer_stop(&client->limit);
    if (age > 0) {
        uv_timer_start(&client->limit, on_age, age, 0);
    }
}

/* ------------------------------------------------------------ the client's bytes */

static void
on_front_ready(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase != CLIENT_SESSION) {
        client_sign_in_ready(client);
        return;
    }
    local_session_from_client(&client->session);
    if (client->session.broken) {
        local_client_close(client);
    }
}

static void
on_front_ended(struct local_stream *stream)
{
    struct local_client *client = stream->owner;
    if (client->phase == CLIENT_UPSTREAM && client->greeted) {
        client->gone = true; /* what it sent is still carried out */
    } else {
        client_sign_in_ended(client);
    }
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

static void
on_front_flushed(struct local_stream *stream)
{
    client_leave_if_idle(stream->owner);
}

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

static const struct local_stream_events front_events = {
    .readable = on_front_readable,
    .ready = on_front_ready,
    .drained = on_front_drained,
    .flushed = on_front_flushed,
    .ended = on_front_ended,
    .closed = client_on_stream_closed,
};

/* ------------------------------------------------------------------- beginning */

/* A peer that has vanished is noticed within five minutes: when nothing goes
 * on by probes, and when bytes for it wait by their age. */
static void
watch_peer(int fd)
{
    static const int on = 1, idle_s = 60, between_s = 30, probes = 8, unanswered_ms = 300000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

void
local_client_accept(struct local_server *server, int fd, const union local_peer *peer)
{
    static const int first_bytes = SNIFF_BYTES;
    struct local_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        close(fd);
        return;
    }
    client->server = server;
    client->peer = *peer;
    client->phase = CLIENT_FIRST_BYTES;
    watch_peer(fd);
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &first_bytes, sizeof first_bytes);
    if (local_stream_init(&client->front, &server->loop, fd, STREAM_FIRST, &front_events, client) !=
        0) {
        free(client);
        return;
    }
    client->front_open = true;
    uv_timer_init(&server->loop, &client->limit);
    uv_timer_init(&server->loop, &client->rtt);
    client->limit.data = client->rtt.data = client;
    client->timers_open = 2;
    local_server_add(server, client);
    uv_timer_start(&client->limit, on_sign_in_limit, SIGN_IN_SECONDS * 1000, 0);
    local_stream_update(&client->front);
}
