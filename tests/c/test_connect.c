/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Connecting to servers that do what they should, and to ones that do not. */
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "check.h"
#include "conn.h"
#include "connect.h"
#include "server.h"

/* What a server that welcomes has seen. */
struct seen {
    struct dsql__buffer startup; /* the last start-up packet's body */
    char *password;              /* the last one */
    char *before;                /* the one before it */
    int connections;
    char last;          /* type of the last message before the end; 0: none */
    bool closed_by_tls; /* close_notify came before the end */
};

static void
seen_clear(struct seen *seen)
{
    dsql__buffer_clear(&seen->startup);
    free(seen->password);
    free(seen->before);
    memset(seen, 0, sizeof *seen);
}

static bool
take_startup(struct server *server, struct peer *peer)
{
    struct seen *seen = server->context;
    struct dsql__message message = {0};
    seen->connections++;
    if (!peer_open_tls(server, peer) || !peer_read(peer, true, &message)) {
        return false;
    }
    dsql__buffer_clear(&seen->startup);
    dsql__buffer_put(&seen->startup, message.body, message.length);
    dsql__buffer_consume(&peer->read, message.total);
    return true;
}

static bool
take_password(struct server *server, struct peer *peer)
{
    struct seen *seen = server->context;
    free(seen->before);
    seen->before = seen->password;
    seen->password = NULL;
    return take_startup(server, peer) && peer_ask(peer, &seen->password);
}

static void
wait_for_end(struct server *server, struct peer *peer)
{
    struct seen *seen = server->context;
    struct dsql__message message = {0};
    while (peer_read(peer, false, &message)) {
        seen->last = message.type;
        dsql__buffer_consume(&peer->read, message.total);
    }
    seen->closed_by_tls = (SSL_get_shutdown(peer->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

static void
serve_well(struct server *server, struct peer *peer)
{
    if (take_password(server, peer) && peer_welcome(peer)) {
        wait_for_end(server, peer);
    }
}

/* ------------------------------------------------------------------ clients */

static int64_t clock_seconds; /* goes on by an hour with each look */

static int64_t
fake_now(void *context)
{
    (void)context;
    clock_seconds += 3600;
    return clock_seconds;
}

static const char *
fake_get(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "AWS_ACCESS_KEY_ID") == 0       ? "AKIA"
           : strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? "S"
                                                        : NULL;
}

static const struct dsql_env env = {.get = fake_get, .now = fake_now};

static struct dsql_conn_options
options_for(const struct server *server)
{
    return (struct dsql_conn_options){
        .host = "localhost",
        .port = (uint16_t)server->port,
        .ca_file = server->ca_file,
        .connect_timeout_ms = 20000,
        .env = &env,
    };
}

/* Expects the connection to fail with this code and these words. */
static void
expect_failure(const struct dsql_conn_options *options, int code, const char *words)
{
    struct dsql_conn *conn = NULL;
    struct dsql_error error = {0};
    int result = dsql_conn_open(options, &conn, &error);
    CHECK(result == code && error.code == code && conn == NULL);
    if (result != code || strstr(error.message, words) == NULL) {
        CHECK_TEXT(error.message, words);
    }
    dsql_conn_free(conn);
}

static struct dsql_conn *
expect_success(const struct dsql_conn_options *options)
{
    struct dsql_conn *conn = NULL;
    struct dsql_error error = {0};
    if (dsql_conn_open(options, &conn, &error) != 0) {
        CHECK_TEXT(error.message, "success");
    }
    return conn;
}

/* ------------------------------------------------------------ what goes well */

static void
signs_in_with_a_token_and_keeps_what_it_is_told(void)
{
    static const char startup[] = "\0\3\0\0user\0admin\0database\0postgres\0client_encoding\0UTF8\0"
                                  "application_name\0test\0options\0-c a=b\0";
    struct seen seen = {.connections = 0};
    struct server server = {.serve = serve_well, .context = &seen};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    options.application_name = "test";
    options.settings = "-c a=b";
    struct dsql_conn *conn = expect_success(&options);
    CHECK_TEXT(dsql_conn_parameter(conn, "server_version"), "17");
    CHECK_TEXT(dsql_conn_parameter(conn, "TimeZone"), "UTC");
    CHECK(dsql_conn_parameter(conn, "none") == NULL);
    CHECK(dsql_conn_transaction(conn) == 'I' && dsql_conn_refusal(conn) == NULL);
    CHECK(conn->backend_id == 7 && conn->backend_key == 9);
    CHECK(conn->connecting == NULL && conn->transport.out.data == NULL);
    CHECK(dsql_conn_is_alive(conn) == 1);
    CHECK(dsql_conn_fd(conn) >= 0 && dsql_conn_timeout_ms(conn) == -1);
    struct dsql_error error;
    CHECK(dsql_conn_poll(conn, &error) == 0);
    CHECK(dsql_conn_wait(conn, DSQL_WANT_READ, 1, &error) == DSQL_E_TIMEOUT);
    CHECK(dsql_conn_wait(conn, DSQL_WANT_WRITE, -1, &error) == 0);
    dsql_conn_free(conn);
    server_stop(&server);
    CHECK(dsql__buffer_length(&seen.startup) == sizeof startup &&
          memcmp(seen.startup.data, startup, sizeof startup) == 0);
    CHECK(seen.password && strncmp(seen.password, "localhost/?Action=DbConnectAdmin&", 33) == 0);
    CHECK(seen.last == 'X' && seen.closed_by_tls);
    seen_clear(&seen);
}

static void
password_of_the_caller_goes_as_it_is(void)
{
    struct seen seen = {.connections = 0};
    struct server server = {.serve = serve_well, .context = &seen};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    options.password = "a token of my own";
    options.hostaddr = "127.0.0.1";
    dsql_conn_free(expect_success(&options));
    server_stop(&server);
    CHECK_TEXT(seen.password, "a token of my own");
    seen_clear(&seen);
}

static void
abandoned_connection_says_nothing(void)
{
    struct seen seen = {.connections = 0};
    struct server server = {.serve = serve_well, .context = &seen};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    struct dsql_conn *conn = expect_success(&options);
    dsql_conn_abandon(conn);
    CHECK(dsql_conn_fd(conn) == -1 && dsql_conn_is_alive(conn) == 0);
    struct dsql_error error;
    CHECK(dsql_conn_poll(conn, &error) == DSQL_E_CLOSED);
    CHECK(dsql_conn_wait(conn, DSQL_WANT_READ, 0, &error) == DSQL_E_CLOSED);
    dsql_conn_free(conn);
    server_stop(&server);
    CHECK(seen.last == 0 && !seen.closed_by_tls);
    seen_clear(&seen);
}

/* ---------------------------------------------------------------- SSLRequest */

/* Answers an SSLRequest with the context's text, then as serve_well(). */
struct classic {
    struct seen seen; /* first: serve_well() finds it there */
    const char *answer;
};

static void
serve_classic(struct server *server, struct peer *peer)
{
    static const char request[] = {0, 0, 0, 8, 4, (char)0xD2, 0x16, 0x2F};
    const char *answer = ((const struct classic *)server->context)->answer;
    char got[8];
    CHECK(peer_read_raw(peer, got, sizeof got) == 8 && memcmp(got, request, 8) == 0);
    if (peer_send(peer, answer, strlen(answer)) && strcmp(answer, "S") == 0) {
        serve_well(server, peer);
    }
}

static void
classic_tls_takes_one_byte_and_nothing_else(void)
{
    static const struct {
        const char *answer, *words;
        int code;
    } cases[] = {
        {"SX", "answered the request for TLS with something else", DSQL_E_PROTOCOL},
        {"N", "has no TLS", DSQL_E_TLS},
        {"NN", "something else", DSQL_E_PROTOCOL},
        {"E", "something else", DSQL_E_PROTOCOL},
        {"", "closed the connection", DSQL_E_CLOSED},
    };
    struct classic classic = {.answer = "S"};
    struct server server = {.serve = serve_classic, .context = &classic, .without_alpn = true};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    options.classic_tls = 1;
    dsql_conn_free(expect_success(&options));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        classic.answer = cases[i].answer;
        expect_failure(&options, cases[i].code, cases[i].words);
    }
    server_stop(&server);
    seen_clear(&classic.seen);
}

/* ----------------------------------------------------------------------- TLS */

static void
certificates_are_judged(void)
{
    struct seen seen = {.connections = 0};
    struct server server = {.serve = serve_well, .context = &seen};
    server_start(&server, "elsewhere");
    struct dsql_conn_options options = options_for(&server);
    expect_failure(&options, DSQL_E_TLS, "a certificate that does not match host name localhost");
    options.verify = DSQL_VERIFY_CA;
    dsql_conn_free(expect_success(&options));
    options.ca_file = server.other_ca_file;
    expect_failure(&options, DSQL_E_TLS, "certificate verify failed");
    options.verify = DSQL_VERIFY_NONE;
    dsql_conn_free(expect_success(&options));
    options.verify = DSQL_VERIFY_FULL;
    options.ca_file = "/none";
    expect_failure(&options, DSQL_E_TRUST,
                   "the root certificate file /none cannot be read (No such file or directory)");
    options.ca_file = "/dev/null";
    expect_failure(&options, DSQL_E_TRUST, "holds no usable certificates");
    server_stop(&server);
    seen_clear(&seen);
}

static void
changed_authorities_are_noticed(void)
{
    struct seen seen = {.connections = 0};
    struct server server = {.serve = serve_well, .context = &seen};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    dsql_conn_free(expect_success(&options));
    CHECK(rename(server.other_ca_file, server.ca_file) == 0);
    expect_failure(&options, DSQL_E_TLS, "certificate verify failed");
    server_stop(&server);
    seen_clear(&seen);
}

static void
direct_tls_needs_the_protocols_name(void)
{
    struct seen seen = {.connections = 0};
    struct server server = {.serve = serve_well, .context = &seen, .without_alpn = true};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    expect_failure(&options, DSQL_E_TLS, "does not say that it speaks PostgreSQL's protocol");
    server_stop(&server);
    CHECK(seen.password == NULL);
    seen_clear(&seen);
}

static void
serve_plain_text(struct server *server, struct peer *peer)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    char got[600];
    (void)server;
    if (peer_read_raw(peer, got, sizeof got) > 0) {
        peer_send(peer, text, sizeof text - 1);
    }
}

static void
server_without_tls_is_told_from_one_with(void)
{
    struct server server = {.serve = serve_plain_text};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    expect_failure(&options, DSQL_E_TLS, "does not speak TLS");
    server_stop(&server);
}

/* ------------------------------------------------------------ broken servers */

/* Sends bytes of the test's, after the password if it wants one. */
struct script {
    const char *bytes;
    size_t length;
    bool ask;   /* for the password first */
    int repeat; /* so many times more */
};

static void
serve_script(struct server *server, struct peer *peer)
{
    const struct script script =
        *(const struct script *)server->context; /* the next one may come */
    bool good = peer_greet(server, peer) && (!script.ask || peer_ask(peer, NULL));
    for (int i = 0; good && i <= script.repeat; i++) {
        good = peer_send(peer, script.bytes, script.length);
    }
    SSL_shutdown(peer->ssl);
}

static void
greeting_may_end_at_each_byte(void)
{
    struct script script = {.bytes = server_welcome, .ask = true};
    struct server server = {.serve = serve_script, .context = &script};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    for (script.length = 1; script.length < server_welcome_length; script.length++) {
        expect_failure(&options, DSQL_E_CLOSED, "did not finish signing in");
    }
    dsql_conn_free(expect_success(&options));
    server_stop(&server);
}

#define BYTES(text) .bytes = (text), .length = sizeof(text) - 1

static void
broken_greetings_are_refused(void)
{
    static const struct {
        struct script script;
        int code;
        const char *words;
    } cases[] = {
        {{BYTES("R\0\0\0\x08\0\0\0\3"), .ask = true}, DSQL_E_PROTOCOL, "message 0x52"},
        {{BYTES("R\0\0\0\x08\0\0\0\0R\0\0\0\x08\0\0\0\0")}, DSQL_E_PROTOCOL, "message 0x52"},
        {{BYTES("R\0\0\0\x09\0\0\0\0\0")}, DSQL_E_PROTOCOL, "message 0x52"},
        {{BYTES("R\0\0\0\x06\0\0")}, DSQL_E_PROTOCOL, "message 0x52"},
        {{BYTES("R\0\0\0\x0c\0\0\0\5abcd")}, DSQL_E_UNSUPPORTED, "authentication of kind 5"},
        {{BYTES("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0")}, DSQL_E_UNSUPPORTED, "of kind 10"},
        {{BYTES("Z\0\0\0\5I")}, DSQL_E_PROTOCOL, "message 0x5a"},
        {{BYTES("S\0\0\0\x08"
                "a\0b\0")},
         DSQL_E_PROTOCOL,
         "message 0x53"},
        {{BYTES("K\0\0\0\x0c\0\0\0\1\0\0\0\2")}, DSQL_E_PROTOCOL, "message 0x4b"},
        {{BYTES("D\0\0\0\4")}, DSQL_E_PROTOCOL, "message 0x44"},
        {{BYTES("\0\0\0\0\0")}, DSQL_E_PROTOCOL, "more than a greeting"},
        {{BYTES("N\x7f\xff\xff\xff")}, DSQL_E_PROTOCOL, "more than a greeting"},
        {{BYTES("N\xff\xff\xff\xff")}, DSQL_E_PROTOCOL, "more than a greeting"},
        {{BYTES("N\0\0\0\3")}, DSQL_E_PROTOCOL, "more than a greeting"},
        {{BYTES("R\0\0\0\x08\0\0\0\0S\0\0\0\6ab")}, DSQL_E_PROTOCOL, "message 0x53"},
        {{BYTES("R\0\0\0\x08\0\0\0\0K\0\0\0\6ab")}, DSQL_E_PROTOCOL, "message 0x4b"},
        {{BYTES("R\0\0\0\x08\0\0\0\0Z\0\0\0\5T")}, DSQL_E_PROTOCOL, "message 0x5a"},
        {{BYTES("R\0\0\0\x08\0\0\0\0Z\0\0\0\4")}, DSQL_E_PROTOCOL, "message 0x5a"},
        {{BYTES("E\0\0\0\6ab")}, DSQL_E_PROTOCOL, "cannot be read"},
        {{BYTES("N\0\0\0\x0bMhello\0"), .repeat = 200000}, DSQL_E_PROTOCOL, "more than a greeting"},
    };
    struct script script;
    struct server server = {.serve = serve_script, .context = &script};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        script = cases[i].script;
        expect_failure(&options, cases[i].code, cases[i].words);
    }
    server_stop(&server);
}

static void
serve_many_parameters(struct server *server, struct peer *peer)
{
    static const char ok[] = "R\0\0\0\x08\0\0\0\0";
    struct dsql__buffer out = {0};
    dsql__buffer_put(&out, ok, sizeof ok - 1);
    for (int i = 0; i < 300; i++) {
        char name[20];
        snprintf(name, sizeof name, "name%d", i);
        size_t mark = dsql__message_begin(&out, 'S');
        dsql__put_string(&out, name);
        dsql__put_string(&out, "");
        dsql__message_end(&out, mark);
    }
    if (peer_greet(server, peer)) {
        peer_send(peer, dsql__buffer_begin(&out), dsql__buffer_length(&out));
    }
    dsql__buffer_clear(&out);
}

static void
parameters_without_end_are_refused(void)
{
    struct server server = {.serve = serve_many_parameters};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    expect_failure(&options, DSQL_E_PROTOCOL, "message 0x53");
    server_stop(&server);
}

/* ------------------------------------------------------------------ refusals */

/* The first connections are refused, then comes a welcome. */
struct refusing {
    struct seen seen; /* first */
    const char *sqlstate, *message, *hint;
    int times;
};

static void
serve_refusals(struct server *server, struct peer *peer)
{
    const struct refusing *refusing = server->context;
    if (peer->number >= refusing->times) {
        serve_well(server, peer);
    } else if (take_password(server, peer)) {
        peer_refuse(peer, "FATAL", refusing->sqlstate, refusing->message, refusing->hint);
        SSL_shutdown(peer->ssl);
    }
}

static void
refuse(struct refusing *refusing, int times, int timeout_ms, const char *password, int code,
       const char *words)
{
    struct server server = {.serve = serve_refusals, .context = refusing};
    refusing->times = times;
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    options.connect_timeout_ms = timeout_ms;
    options.password = password;
    if (code == 0) {
        struct dsql_conn *conn = expect_success(&options);
        CHECK(dsql_conn_refusal(conn) == NULL && dsql_conn_is_alive(conn));
        dsql_conn_free(conn);
    } else {
        expect_failure(&options, code, words);
    }
    server_stop(&server);
}

static void
refusals_for_now_are_tried_again(void)
{
    struct refusing rate = {.sqlstate = "53400", .message = "too many"};
    refuse(&rate, 2, 20000, NULL, 0, "");
    CHECK(rate.seen.connections == 3);
    CHECK(rate.seen.before != NULL && strcmp(rate.seen.before, rate.seen.password) != 0);
    seen_clear(&rate.seen);
    struct refusing text = {.sqlstate = "08006", .message = "Rate Exceeded."};
    refuse(&text, 1, 20000, "password", 0, "");
    CHECK(text.seen.connections == 2);
    seen_clear(&text.seen);
    struct refusing waking = {.sqlstate = "08006",
                              .message = "unable to accept connection",
                              .hint = "Waking up cluster, please retry later"};
    refuse(&waking, 1, 20000, NULL, 0, "");
    CHECK(waking.seen.connections == 2);
    seen_clear(&waking.seen);
}

static void
refusal_is_told_when_no_time_is_left(void)
{
    struct refusing rate = {.sqlstate = "53400", .message = "rate exceeded."};
    refuse(&rate, 1000, 1000, NULL, DSQL_E_SERVER, "rate exceeded.");
    CHECK(rate.seen.connections >= 2);
    seen_clear(&rate.seen);
}

static void
expired_token_is_made_anew_once(void)
{
    struct refusing expired = {.sqlstate = "08006",
                               .message = "unable to accept connection, access denied",
                               .hint = "Signature expired: a is now earlier than b"};
    refuse(&expired, 1, 20000, NULL, 0, "");
    CHECK(expired.seen.connections == 2);
    CHECK(expired.seen.before != NULL && strcmp(expired.seen.before, expired.seen.password) != 0);
    seen_clear(&expired.seen);
    refuse(&expired, 5, 20000, NULL, DSQL_E_SERVER,
           "unable to accept connection, access denied. Signature expired: a is now");
    CHECK(expired.seen.connections == 2);
    seen_clear(&expired.seen);
    refuse(&expired, 5, 20000, "password", DSQL_E_SERVER, "Signature expired");
    CHECK(expired.seen.connections == 1);
    seen_clear(&expired.seen);
}

static void
refusal_for_good_is_kept_whole(void)
{
    struct refusing denied = {
        .sqlstate = "28000", .message = "access denied", .hint = "ask", .times = 1};
    struct server server = {.serve = serve_refusals, .context = &denied};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    struct dsql_conn *conn;
    struct dsql_error error = {0};
    CHECK(dsql_conn_start(&options, &conn, &error) == 0);
    int result = dsql_conn_poll(conn, &error);
    while (result > 0) {
        CHECK(dsql_conn_fd(conn) >= 0 && dsql_conn_timeout_ms(conn) > 0);
        CHECK(dsql_conn_wait(conn, result, dsql_conn_timeout_ms(conn), &error) == 0);
        result = dsql_conn_poll(conn, &error);
    }
    CHECK(result == DSQL_E_SERVER && error.code == DSQL_E_SERVER);
    CHECK_TEXT(error.message, "access denied. ask");
    CHECK_TEXT(error.sqlstate, "28000");
    const struct dsql_diagnostic *refusal = dsql_conn_refusal(conn);
    CHECK(refusal != NULL);
    CHECK_TEXT(refusal->severity, "FATAL");
    CHECK_TEXT(refusal->hint, "ask");
    CHECK(dsql_conn_fd(conn) == -1);
    CHECK(dsql_conn_poll(conn, &error) == DSQL_E_CLOSED);
    dsql_conn_free(conn);
    server_stop(&server);
    CHECK(denied.seen.connections == 1);
    seen_clear(&denied.seen);
}

/* ------------------------------------------------------------------- silence */

static void
serve_silence(struct server *server, struct peer *peer)
{
    char got[600];
    const bool *sign_in = server->context;
    if (*sign_in) {
        peer_greet(server, peer);
    }
    while (recv(peer->fd, got, sizeof got, 0) > 0) {
    }
}

static void
time_covers_tls_and_sign_in(void)
{
    bool sign_in = false;
    struct server server = {.serve = serve_silence, .context = &sign_in};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    options.connect_timeout_ms = 200;
    expect_failure(&options, DSQL_E_TIMEOUT,
                   "connect_timeout (200 ms) was over while opening TLS with 127.0.0.1 port ");
    options.classic_tls = 1;
    expect_failure(&options, DSQL_E_TIMEOUT, "while opening TLS with 127.0.0.1 port ");
    options.classic_tls = 0;
    server_stop(&server);
    sign_in = true;
    server_start(&server, "localhost");
    options = options_for(&server);
    options.connect_timeout_ms = 1000;
    expect_failure(&options, DSQL_E_TIMEOUT, "while signing in at 127.0.0.1 port ");
    server_stop(&server);
}

/* ------------------------------------------------------------------ liveness */

/* After the welcome: does what the test wants, when it wants it. */
struct ending {
    const char *severity; /* NULL: says nothing */
    bool close;
    sem_t *go; /* to be waited for first; NULL: none */
};

static void
serve_ending(struct server *server, struct peer *peer)
{
    const struct ending ending = *(const struct ending *)server->context; /* as above */
    if (!peer_greet(server, peer) || !peer_ask(peer, NULL) || !peer_welcome(peer)) {
        return;
    }
    if (ending.go != NULL) {
        sem_wait(ending.go);
    }
    if (ending.severity != NULL) {
        peer_refuse(peer, ending.severity, "57P01", "terminating connection", NULL);
    }
    if (!ending.close) {
        struct dsql__message message;
        CHECK(peer_read(peer, false, &message) && message.type == 'X');
    } else if (ending.severity != NULL) {
        SSL_shutdown(peer->ssl);
    }
}

static void
wait_for_bytes(const struct dsql_conn *conn)
{
    struct pollfd waiting = {.fd = dsql_conn_fd(conn), .events = POLLIN};
    CHECK(poll(&waiting, 1, 20000) == 1);
}

static void
dead_connections_are_told_from_live_ones(void)
{
    struct ending ending = {.severity = "NOTICE"};
    struct server server = {.serve = serve_ending, .context = &ending};
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    struct dsql_conn *conn = expect_success(&options);
    CHECK(dsql_conn_is_alive(conn) == 1);
    CHECK(dsql_conn_is_alive(conn) == 1);
    dsql_conn_free(conn);
    ending = (struct ending){.severity = "FATAL"};
    conn = expect_success(&options);
    while (dsql_conn_is_alive(conn) == 1) {
        wait_for_bytes(conn);
    }
    CHECK(dsql_conn_is_alive(conn) == 0);
    dsql_conn_free(conn);
    ending = (struct ending){.close = true};
    conn = expect_success(&options);
    while (dsql_conn_is_alive(conn) == 1) {
        wait_for_bytes(conn);
    }
    CHECK(dsql_conn_is_alive(conn) == 0);
    dsql_conn_free(conn);
    server_stop(&server);
}

static volatile sig_atomic_t pipes;

static void
on_pipe(int number)
{
    (void)number;
    pipes++;
}

static void
last_words_are_read_although_writing_fails(void)
{
    sem_t go;
    struct ending ending = {.severity = "FATAL", .close = true, .go = &go};
    struct server server = {.serve = serve_ending, .context = &ending};
    struct dsql_error error = {0};
    struct dsql_event event;
    struct sigaction action = {.sa_handler = on_pipe}, before;
    sigaction(SIGPIPE, &action, &before);
    sem_init(&go, 0, 0);
    server_start(&server, "localhost");
    struct dsql_conn_options options = options_for(&server);
    struct dsql_conn *conn = expect_success(&options);
    /* What the server has not read makes its close() a reset. */
    CHECK(dsql_send_query(conn, "SELECT 1", 8, NULL, 0, 0, &error) == 0);
    CHECK(dsql_flush(conn, &error) == 0);
    sem_post(&go);
    server_stop(&server);
    CHECK(dsql_send_sync(conn, &error) == 0);
    CHECK(dsql_next_wait(conn, &event, &error) == DSQL_E_SERVER);
    CHECK_TEXT(error.message, "terminating connection");
    CHECK_TEXT(error.sqlstate, "57P01");
    CHECK(pipes == 0);
    dsql_conn_free(conn);
    sem_destroy(&go);
    sigaction(SIGPIPE, &before, NULL);
}

/* ------------------------------------------------------------------- options */

static void
options_that_cannot_be_right_are_refused(void)
{
    static const char vpce[] = "vpce-0a-b.dsql-fnh4.us-east-1.vpce.amazonaws.com";
    struct dsql_conn_options options = {.host = "local", .env = &env};
    expect_failure(&options, DSQL_E_UNSUPPORTED, "\"local\" is found or started by the caller");
    options.host = "example.com";
    expect_failure(&options, DSQL_E_ENDPOINT, "is not an Aurora DSQL host");
    options.host = vpce;
    options.cluster_id = "abcdefghijklmnopqrstuvwx12";
    expect_failure(&options, DSQL_E_INVALID, "use sslmode=verify-ca with a PrivateLink endpoint");
    options = (struct dsql_conn_options){.host = "localhost", .token_seconds = 604801};
    expect_failure(&options, DSQL_E_INVALID, "a token lasts 1 to 604800 seconds");
    options = (struct dsql_conn_options){.host = "localhost", .verify = (enum dsql_verify)9};
    expect_failure(&options, DSQL_E_INVALID, "verify");
    options = (struct dsql_conn_options){
        .host = "localhost", .password = "t", .verify = DSQL_VERIFY_NONE, .hostaddr = "name"};
    expect_failure(&options, DSQL_E_RESOLVE, "hostaddr \"name\" is not an address");
}

static void
privatelink_names_the_cluster_in_its_settings(void)
{
    const struct dsql_conn_options options = {
        .host = "vpce-0a-b.dsql-fnh4.us-east-1.vpce.amazonaws.com",
        .cluster_id = "abcdefghijklmnopqrstuvwx12",
        .verify = DSQL_VERIFY_NONE,
        .settings = "-c a=b",
        .env = &env,
    };
    struct dsql__connecting *connecting = NULL;
    CHECK(dsql__connecting_new(&options, &connecting, NULL) == 0);
    CHECK_TEXT(connecting->settings, "-c a=b -c amzn-cluster-id=abcdefghijklmnopqrstuvwx12");
    dsql__connecting_free(connecting);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(signs_in_with_a_token_and_keeps_what_it_is_told),
        TEST(password_of_the_caller_goes_as_it_is),
        TEST(abandoned_connection_says_nothing),
        TEST(classic_tls_takes_one_byte_and_nothing_else),
        TEST(certificates_are_judged),
        TEST(changed_authorities_are_noticed),
        TEST(direct_tls_needs_the_protocols_name),
        TEST(server_without_tls_is_told_from_one_with),
        TEST(greeting_may_end_at_each_byte),
        TEST(broken_greetings_are_refused),
        TEST(parameters_without_end_are_refused),
        TEST(refusals_for_now_are_tried_again),
        TEST(refusal_is_told_when_no_time_is_left),
        TEST(expired_token_is_made_anew_once),
        TEST(refusal_for_good_is_kept_whole),
        TEST(time_covers_tls_and_sign_in),
        TEST(dead_connections_are_told_from_live_ones),
        TEST(last_words_are_read_although_writing_fails),
        TEST(options_that_cannot_be_right_are_refused),
        TEST(privatelink_names_the_cluster_in_its_settings),
    };
    return RUN(tests);
}
