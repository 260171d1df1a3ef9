/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The way to a signed-in connection, step by step, none of which blocks; see
 * connect.h. */
#include "connect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "env.h"
#include "error.h"

/* ------------------------------------------------------------ to the socket */

static int
enter(struct dsql__connecting *connecting, enum dsql__step step, struct dsql_error *error)
{
    connecting->step = step;
    if (step == DSQL__STEP_RESOLVE) {
        return dsql__resolver_start(connecting->endpoint.host, connecting->port,
                                    &connecting->resolver, error);
    }
    return 0;
}

static int
await_keys(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    int result = dsql__fetch_poll(conn->fetch, &connecting->credentials, error);
    if (result != 0) {
        return result;
    }
    dsql__fetch_free(conn->fetch); /* its thread is at its end */
    conn->fetch = NULL;
    return enter(connecting, connecting->after_keys, error);
}

static int
resolve(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    int result = dsql__resolver_poll(connecting->resolver, &connecting->addresses, error);
    if (result == 0) {
        dsql__resolver_free(connecting->resolver);
        connecting->resolver = NULL;
        connecting->step = DSQL__STEP_DIAL;
    }
    return result;
}

static void
note_peer(struct dsql__connecting *connecting, int fd)
{
    struct dsql__address peer = {.length = sizeof peer.name};
    if (getpeername(fd, (struct sockaddr *)&peer.name, &peer.length) != 0) {
        peer.length = 0;
    }
    dsql__address_text(&peer, connecting->address, sizeof connecting->address);
}

static struct dsql__tls_peer
tls_peer(const struct dsql__connecting *connecting)
{
    return (struct dsql__tls_peer){
        .host = connecting->endpoint.host,
        .address = connecting->address,
        .ca_file = connecting->ca_file,
        .verify = connecting->verify,
        .direct = !connecting->classic_tls,
    };
}

static int
begin_tls(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    struct dsql__tls_peer peer = tls_peer(connecting);
    connecting->step = DSQL__STEP_HANDSHAKE;
    return dsql__tls_begin(&conn->transport, connecting->tls, &peer, error);
}

static int
dial(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    int fd = -1, result = 0;
    if (connecting->dial == NULL) {
        result = dsql__dial_new(connecting->endpoint.host, &connecting->addresses,
                                &connecting->sockets, &connecting->dial, error);
    }
    if (result == 0) {
        result = dsql__dial_poll(connecting->dial, dsql__monotonic_ms(), &fd, error);
    }
    if (result != 0) {
        return result;
    }
    dsql__dial_free(connecting->dial);
    connecting->dial = NULL;
    conn->transport.fd = fd;
    note_peer(connecting, fd);
    if (!connecting->classic_tls) {
        return begin_tls(conn, error);
    }
    dsql__put_int32(&conn->transport.out, 8);
    dsql__put_int32(&conn->transport.out, DSQL__SSL_REQUEST);
    connecting->step = DSQL__STEP_REQUEST;
    return 0;
}

/* ------------------------------------------------------------------ to TLS */

static int
request_tls(struct dsql_conn *conn, struct dsql_error *error)
{
    int result = dsql__transport_flush(&conn->transport, error);
    if (result == 0) {
        conn->connecting->step = DSQL__STEP_ANSWER;
    }
    return result;
}

/* One byte, and nothing behind it: what else came was not encrypted, and must
 * not be taken for what comes later. */
static int
read_answer(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__buffer *in = &conn->transport.in;
    const char *address = conn->connecting->address;
    int result = dsql__transport_fill(&conn->transport, error);
    if (result != 0) {
        return result;
    }
    char answer = *dsql__buffer_begin(in);
    size_t length = dsql__buffer_length(in);
    dsql__buffer_clear(in);
    if (answer == 'S' && length == 1) {
        return begin_tls(conn, error);
    }
    if (answer == 'N' && length == 1) {
        return dsql__fail(error, DSQL_E_TLS,
                          "the server at %s has no TLS: check that host and port are an Aurora "
                          "DSQL endpoint's",
                          address);
    }
    return dsql__fail(error, DSQL_E_PROTOCOL,
                      "the server at %s answered the request for TLS with something else: check "
                      "that host and port are an Aurora DSQL endpoint's",
                      address);
}

static int
shake_hands(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    struct dsql__tls_peer peer = tls_peer(connecting);
    int result = dsql__tls_handshake(&conn->transport, &peer, error);
    if (result == 0) {
        dsql__startup_put(&conn->transport.out, connecting->user, connecting->dbname,
                          connecting->application_name, connecting->settings);
        connecting->startup = (struct dsql__startup){0};
        connecting->password_sent = false;
        connecting->step = DSQL__STEP_SIGN_IN;
    }
    return result;
}

/* ------------------------------------------------------------- trying again */

/* Forgets the attempt, and what the server said in it. */
static void
start_over(struct dsql_conn *conn)
{
    dsql__transport_close(&conn->transport, true);
    dsql__conn_forget_greeting(conn);
    conn->connecting->step = DSQL__STEP_DIAL;
}

/* The pause, shorter or longer by a quarter, so that many clients do not come
 * back together. */
static int
jitter(int pause)
{
    unsigned char random = 128;
    if (RAND_bytes(&random, 1) != 1) {
        ERR_clear_error();
    }
    return pause - pause / 4 + pause / 2 * random / 255;
}

static int
try_later(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    int64_t due = dsql__monotonic_ms() + jitter(connecting->pause_ms);
    if (connecting->deadline >= 0 && due >= connecting->deadline) {
        return DSQL_E_SERVER; /* the server's own words say more than a timeout */
    }
    if (connecting->idle < 0) {
        connecting->idle = epoll_create1(EPOLL_CLOEXEC);
    }
    if (connecting->idle < 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make an epoll set: %s", strerror(errno));
    }
    start_over(conn);
    connecting->due = due;
    connecting->pause_ms = connecting->pause_ms * 2 < DSQL__PAUSE_MOST_MS ? connecting->pause_ms * 2
                                                                          : DSQL__PAUSE_MOST_MS;
    connecting->step = DSQL__STEP_PAUSE;
    return 0;
}

static int
rest(struct dsql_conn *conn, struct dsql_error *error)
{
    (void)error;
    if (dsql__monotonic_ms() < conn->connecting->due) {
        return DSQL_WANT_READ;
    }
    conn->connecting->step = DSQL__STEP_DIAL;
    return 0;
}

static int
on_refusal(struct dsql_conn *conn, const struct dsql_error *said, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    switch (dsql__startup_judge(&conn->refusal)) {
    case DSQL_REFUSED_FOR_NOW:
        connecting->refused = *said;
        return try_later(conn, error);
    case DSQL_REFUSED_EXPIRED:
        if (connecting->password != NULL || connecting->signed_anew) {
            return DSQL_E_SERVER;
        }
        connecting->refused = *said;
        connecting->signed_anew = true;
        start_over(conn);
        return 0;
    case DSQL_REFUSED:
        break;
    }
    return DSQL_E_SERVER;
}

/* ------------------------------------------------------------------ sign-in */

/* The token is made when it is asked for: it is as fresh as can be. */
static int
put_token(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    char *token = NULL;
    if (connecting->password != NULL) {
        dsql__startup_put_password(&conn->transport.out, connecting->password);
    } else {
        int failure =
            dsql_token_sign(&connecting->credentials, &connecting->endpoint, connecting->user,
                            connecting->env.now(connecting->env.context), connecting->token_seconds,
                            &token, NULL, error);
        if (failure != 0) {
            return failure;
        }
        dsql__startup_put_password(&conn->transport.out, token);
        dsql_token_free(token);
    }
    connecting->password_sent = true;
    return 0;
}

/* Sends what waits; what held the token is wiped as soon as it is out. */
static int
send_waiting(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__transport *transport = &conn->transport;
    int result = dsql__transport_flush(transport, error);
    if (result == 0 && conn->connecting->password_sent) {
        dsql__buffer_clear(&transport->out);
        conn->connecting->password_sent = false;
    }
    return result;
}

static int
closed_early(const struct dsql_conn *conn, struct dsql_error *error)
{
    return dsql__fail(error, DSQL_E_CLOSED,
                      "the server at %s did not finish signing in (%s): try again",
                      conn->connecting->address, conn->transport.over.message);
}

static int
sign_in(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql_error said = {0};
    for (;;) {
        int sent = send_waiting(conn, error);
        if (sent < 0) {
            return sent;
        }
        int result = dsql__startup_read(conn, &conn->connecting->startup, &said);
        if (result == DSQL__MORE) {
            result = dsql__transport_fill(&conn->transport, error);
            if (result == DSQL_E_CLOSED) {
                return closed_early(conn, error);
            }
            if (result != 0) {
                return result < 0 ? result : result | sent;
            }
            continue;
        }
        if (result == DSQL__STARTUP_PASSWORD) {
            result = put_token(conn, error);
            if (result != 0) {
                return result;
            }
            continue;
        }
        if (result != 0 && error != NULL) {
            *error = said;
        }
        if (result == DSQL_E_SERVER) {
            return on_refusal(conn, &said, error);
        }
        if (result == 0) {
            conn->phase = DSQL__CONNECTED;
        }
        return result;
    }
}

/* -------------------------------------------------------------- the machine */

int
dsql__connect_begin(struct dsql_conn *conn, struct dsql_error *error)
{
    struct dsql__connecting *connecting = conn->connecting;
    if (connecting->timeout_ms >= 0) {
        connecting->deadline = dsql__monotonic_ms() + connecting->timeout_ms;
    }
    conn->fetch = connecting->fetch;
    connecting->fetch = NULL; /* the connection owns it now */
    return enter(connecting, connecting->step, error);
}

static int
time_is_up(const struct dsql__connecting *connecting, struct dsql_error *error)
{
    char what[300] = "", text[200];
    switch (connecting->step) {
    case DSQL__STEP_KEYS:
        snprintf(what, sizeof what, "while asking for AWS credentials: check what they come from");
        break;
    case DSQL__STEP_RESOLVE:
        snprintf(what, sizeof what, "while resolving the host %.200s: check the name servers",
                 connecting->endpoint.host);
        break;
    case DSQL__STEP_DIAL:
        snprintf(text, sizeof text, "%.150s", connecting->endpoint.host);
        if (connecting->dial != NULL) {
            dsql__dial_text(connecting->dial, text, sizeof text);
        }
        snprintf(what, sizeof what,
                 "while connecting to %s: check that network and firewalls lead there", text);
        break;
    case DSQL__STEP_REQUEST:
    case DSQL__STEP_ANSWER:
    case DSQL__STEP_HANDSHAKE:
        snprintf(what, sizeof what, "while opening TLS with %s: check the port",
                 connecting->address);
        break;
    case DSQL__STEP_SIGN_IN:
        snprintf(what, sizeof what, "while signing in at %s", connecting->address);
        break;
    case DSQL__STEP_PAUSE:
        snprintf(what, sizeof what, "before another attempt");
        break;
    }
    bool refused = connecting->refused.code != 0;
    return dsql__fail(error, DSQL_E_TIMEOUT, "connect_timeout (%d ms) was over %s%s%.150s",
                      connecting->timeout_ms, what, refused ? "; the last answer was: " : "",
                      refused ? connecting->refused.message : "");
}

int
dsql__connect_poll(struct dsql_conn *conn, struct dsql_error *error)
{
    static int (*const steps[])(struct dsql_conn *, struct dsql_error *) = {
        [DSQL__STEP_KEYS] = await_keys,    [DSQL__STEP_RESOLVE] = resolve,
        [DSQL__STEP_DIAL] = dial,          [DSQL__STEP_REQUEST] = request_tls,
        [DSQL__STEP_ANSWER] = read_answer, [DSQL__STEP_HANDSHAKE] = shake_hands,
        [DSQL__STEP_SIGN_IN] = sign_in,    [DSQL__STEP_PAUSE] = rest,
    };
    struct dsql__connecting *connecting = conn->connecting;
    for (;;) {
        if (connecting->deadline >= 0 && dsql__monotonic_ms() >= connecting->deadline) {
            return time_is_up(connecting, error);
        }
        enum dsql__step step = connecting->step;
        int result = steps[step](conn, error);
        if (connecting->watch != NULL &&
            (connecting->step != step || conn->phase == DSQL__CONNECTED)) {
            connecting->watch(connecting->watch_context, connecting, step);
        }
        if (result != 0 || conn->phase == DSQL__CONNECTED) {
            return result;
        }
    }
}

int
dsql__connect_fd(const struct dsql_conn *conn)
{
    const struct dsql__connecting *connecting = conn->connecting;
    switch (connecting->step) {
    case DSQL__STEP_KEYS:
        return dsql__fetch_fd(conn->fetch);
    case DSQL__STEP_RESOLVE:
        return dsql__resolver_fd(connecting->resolver);
    case DSQL__STEP_DIAL:
        return connecting->dial ? dsql__dial_fd(connecting->dial) : -1;
    case DSQL__STEP_PAUSE:
        return connecting->idle;
    default:
        return conn->transport.fd;
    }
}

int
dsql__connect_timeout_ms(const struct dsql_conn *conn)
{
    const struct dsql__connecting *connecting = conn->connecting;
    int64_t due = connecting->deadline, other = -1;
    if (connecting->step == DSQL__STEP_PAUSE) {
        other = connecting->due;
    } else if (connecting->step == DSQL__STEP_DIAL && connecting->dial != NULL) {
        other = dsql__dial_due(connecting->dial);
    }
    if (other >= 0 && (due < 0 || other < due)) {
        due = other;
    }
    if (due < 0) {
        return -1;
    }
    int64_t left = due - dsql__monotonic_ms();
    return left > 0 ? (int)left : 0;
}
