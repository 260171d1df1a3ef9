/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The listening socket, the signals, PostgreSQL's life; see server.h. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "tls.h"

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS 100
#define BURST_SECONDS 10 /* the burst of connections is that of so many seconds */
#define REVIVAL_MS 100
#define REVIVAL_TRIES 300

void
local_server_log(const struct local_server *server, const char *format, ...)
{
    char line[1024], when[32];
    time_t now = time(NULL);
    struct tm tm;
    (void)server;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ') {
            *at = '?'; /* what clients send must not look like lines of ours */
        }
    }
    fprintf(stderr, "%s dsql-local: %s\n", when, line);
}

/* ------------------------------------------------------------------- clients */

void
local_server_add(struct local_server *server, struct local_client *client)
{
    client->next = server->clients;
    if (server->clients != NULL) {
        server->clients->previous = client;
    }
    server->clients = client;
    server->client_count++;
    uv_timer_stop(&server->idle);
}

static void
on_idle(uv_timer_t *timer)
{
    struct local_server *server = timer->data;
    local_server_log(server, "no client for %d s: stopping", server->options->idle_exit_s);
    uv_stop(&server->loop);
}

static void
watch_idleness(struct local_server *server)
{
    if (server->options->idle_exit_s > 0 && server->client_count == 0 && !server->draining &&
        !server->stopping) {
        uv_timer_start(&server->idle, on_idle, (uint64_t)server->options->idle_exit_s * 1000, 0);
    }
}

void
local_server_remove(struct local_server *server, struct local_client *client)
{
    if (client->previous != NULL) {
        client->previous->next = client->next;
    } else {
        server->clients = client->next;
    }
    if (client->next != NULL) {
        client->next->previous = client->previous;
    }
    server->client_count--;
    watch_idleness(server);
    if (server->draining && server->client_count == 0) {
        uv_stop(&server->loop);
    }
}

void
local_server_add_session(struct local_server *server, struct local_client *client)
{
    client->previous_session = NULL;
    client->next_session = server->sessions;
    if (server->sessions != NULL) {
        server->sessions->previous_session = client;
    }
    server->sessions = client;
}

void
local_server_remove_session(struct local_server *server, struct local_client *client)
{
    if (client->previous_session != NULL) {
        client->previous_session->next_session = client->next_session;
    } else {
        server->sessions = client->next_session;
    }
    if (client->next_session != NULL) {
        client->next_session->previous_session = client->previous_session;
    }
}

enum local_admission
local_server_admit(struct local_server *server)
{
    if (server->admitted >= (size_t)server->options->max_connections) {
        return LOCAL_TOO_MANY;
    }
    if (!local_rate_take(&server->rate, uv_now(&server->loop))) {
        return LOCAL_RATE_EXCEEDED;
    }
    server->admitted++;
    if (server->admitted > server->admitted_most) {
        server->admitted_most = server->admitted;
    }
    return LOCAL_ADMITTED;
}

void
local_server_left(struct local_server *server)
{
    server->admitted--;
}

bool
local_server_has_postgres(const struct local_server *server)
{
    return server->postgres->pid != 0 && !uv_is_active((const uv_handle_t *)&server->revival);
}

static void
end_clients(struct local_server *server, bool all, const char *message)
{
    for (struct local_client *client = server->clients; client != NULL; client = client->next) {
        if (all || client->back_open) {
            local_client_end(client, "57P01", message, NULL);
        }
    }
}

/* ---------------------------------------------------------------- the listener */

static void on_listener(uv_poll_t *handle, int status, int events);

static void
on_pause_over(uv_timer_t *timer)
{
    struct local_server *server = timer->data;
    if (server->listen_fd >= 0) {
        uv_poll_start(&server->listener, UV_READABLE, on_listener);
    }
}

/* Without a file descriptor the socket would wake us again and again. */
static void
pause_accepting(struct local_server *server, int why)
{
    if (why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM) {
        local_refusals_note(server, REFUSED_TOO_MANY, "nobody yet", NULL, strerror(why));
        uv_poll_stop(&server->listener);
        uv_timer_start(&server->pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
    }
}

static void
on_listener(uv_poll_t *handle, int status, int events)
{
    struct local_server *server = handle->data;
    (void)status;
    (void)events;
    for (int turn = 0; turn < ACCEPTS_PER_TURN; turn++) {
        union local_peer peer = {0};
        socklen_t size = sizeof peer;
        int fd = accept4(server->listen_fd, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            pause_accepting(server, errno);
            return;
        }
        local_client_accept(server, fd, &peer);
    }
}

static void
stop_listening(struct local_server *server)
{
    if (server->listen_fd >= 0) {
        uv_poll_stop(&server->listener);
        close(server->listen_fd);
        server->listen_fd = -1;
    }
}

static bool
read_address(const char *text, int port, struct sockaddr_storage *address, socklen_t *size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *size = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *size = sizeof *v6;
        return true;
    }
    return false;
}

static int
listen_at(struct local_server *server, struct dsql_error *error)
{
    const char *text = server->options->listen;
    int port = server->options->port;
    static const int on = 1;
    struct sockaddr_storage address;
    socklen_t size;
    if (!read_address(text, port, &address, &size)) {
        return dsql__fail(error, DSQL_E_IO,
                          "%.100s is not an IP address to listen at; use 127.0.0.1 or ::1", text);
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make a socket: %s", strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        if (why == EADDRINUSE) {
            return dsql__fail(
                error, DSQL_E_IO,
                "port %d of %.100s is in use; choose another with --port, or --port 0 "
                "for any free one",
                port, text);
        }
        return dsql__fail(error, DSQL_E_IO, "cannot listen at %.100s port %d: %s", text, port,
                          strerror(why));
    }
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        int why = errno;
        close(fd);
        return dsql__fail(error, DSQL_E_IO, "cannot find out the port: %s", strerror(why));
    }
    server->listen_fd = fd;
    server->port =
        ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                           : ((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

/* ------------------------------------------------------------ PostgreSQL's life */

static void
give_up(struct local_server *server)
{
    local_server_log(server, "PostgreSQL does not come back: see %s/postgres.log",
                     server->state->dir);
    server->exit_status = 1;
    uv_stop(&server->loop);
}

/* A new server may have to wait until the last processes of the old one, which
 * hold its memory, have noticed that it is gone. */
static void
on_revival(uv_timer_t *timer)
{
    struct local_server *server = timer->data;
    struct dsql_error error = {0};
    if (server->postgres->pid == 0 && local_postgres_restart(server->postgres, &error) != 0) {
        local_server_log(server, "%s", error.message);
    } else if (local_postgres_answers(server->postgres)) {
        uv_timer_stop(timer);
        local_server_log(server, "PostgreSQL answers again");
        return;
    }
    if (++server->revival_tries > REVIVAL_TRIES) {
        uv_timer_stop(timer);
        give_up(server);
    }
}

static void
on_child(uv_signal_t *handle, int signal)
{
    struct local_server *server = handle->data;
    int status;
    (void)signal;
    if (server->postgres->pid == 0 ||
        waitpid(server->postgres->pid, &status, WNOHANG) != server->postgres->pid) {
        return;
    }
    server->postgres->pid = 0;
    if (server->stopping || uv_is_active((uv_handle_t *)&server->revival)) {
        return; /* the timer starts it once more */
    }
    local_server_log(server, "PostgreSQL has ended (status %d): starting it again", status);
    end_clients(server, false,
                "terminating connection because PostgreSQL behind the endpoint has ended");
    server->revival_tries = 0;
    uv_timer_start(&server->revival, on_revival, REVIVAL_MS, REVIVAL_MS);
}

/* ------------------------------------------------------------------ the end */

static void
on_drained(uv_timer_t *timer)
{
    struct local_server *server = timer->data;
    uv_stop(&server->loop);
}

/* The first signal lets open transactions end, the second does not. */
static void
on_stop_signal(uv_signal_t *handle, int signal)
{
    struct local_server *server = handle->data;
    uint64_t patience_ms = (uint64_t)server->options->drain_s * 1000;
    (void)signal;
    if (server->draining || patience_ms == 0) {
        uv_stop(&server->loop);
        return;
    }
    server->draining = true;
    unlink(server->state->ready_file); /* whoever looks now waits for the next endpoint */
    stop_listening(server);
    uv_timer_start(&server->drain, on_drained, patience_ms, 0);
    for (struct local_client *client = server->clients; client != NULL; client = client->next) {
        local_client_leave(client, LEAVING_SHUTDOWN, patience_ms);
    }
    if (server->client_count == 0) {
        uv_stop(&server->loop);
    }
}

/* ------------------------------------------------------------------ life */

static void
begin(struct local_server *server)
{
    uv_loop_init(&server->loop);
    uv_poll_init(&server->loop, &server->listener, server->listen_fd);
    uv_signal_init(&server->loop, &server->sigterm);
    uv_signal_init(&server->loop, &server->sigint);
    uv_signal_init(&server->loop, &server->sigchld);
    uv_timer_init(&server->loop, &server->idle);
    uv_timer_init(&server->loop, &server->revival);
    uv_timer_init(&server->loop, &server->pause);
    uv_timer_init(&server->loop, &server->drain);
    server->listener.data = server->sigterm.data = server->sigint.data = server;
    server->sigchld.data = server->idle.data = server->revival.data = server;
    server->pause.data = server->drain.data = server;
    local_rate_init(&server->rate, (uint64_t)server->options->connection_rate,
                    (uint64_t)server->options->connection_rate * BURST_SECONDS,
                    uv_now(&server->loop));
    uv_poll_start(&server->listener, UV_READABLE, on_listener);
    uv_signal_start(&server->sigterm, on_stop_signal, SIGTERM);
    uv_signal_start(&server->sigint, on_stop_signal, SIGINT);
    uv_signal_start(&server->sigchld, on_child, SIGCHLD);
    local_watch_open(&server->watch, server);
    local_stats_open(&server->stats, server);
    local_jobs_open(&server->jobs, server);
    watch_idleness(server);
}

int
local_server_open(struct local_server *server, const struct local_options *options,
                  const struct local_state *state, struct local_postgres *postgres,
                  struct local_keys *keys, struct dsql_error *error)
{
    memset(server, 0, sizeof *server);
    server->options = options;
    server->state = state;
    server->postgres = postgres;
    server->keys = keys;
    server->inject = options->inject;
    int failure = dsql__tls_server_context(state->cert_file, state->key_file, &server->tls, error);
    if (failure != 0) {
        return failure;
    }
    failure = listen_at(server, error);
    if (failure != 0) {
        SSL_CTX_free(server->tls);
        return failure;
    }
    failure = local_upstream_greeting(postgres->socket_path, &server->greeting, error);
    if (failure != 0) {
        close(server->listen_fd);
        SSL_CTX_free(server->tls);
        dsql__buffer_clear(&server->greeting);
        return failure;
    }
    local_texts_init(&server->texts, LOCAL_TEXTS_COUNT, LOCAL_TEXTS_BYTES);
    begin(server);
    return 0;
}

int
local_server_run(struct local_server *server)
{
    uv_run(&server->loop, UV_RUN_DEFAULT);
    return server->exit_status;
}

void
local_server_close(struct local_server *server)
{
    uv_handle_t *handles[] = {
        (uv_handle_t *)&server->listener, (uv_handle_t *)&server->sigterm,
        (uv_handle_t *)&server->sigint,   (uv_handle_t *)&server->sigchld,
        (uv_handle_t *)&server->idle,     (uv_handle_t *)&server->revival,
        (uv_handle_t *)&server->pause,    (uv_handle_t *)&server->drain,
    };
    server->stopping = true;
    stop_listening(server);
    end_clients(server, true, "terminating connection due to administrator command");
    local_refusals_flush(server);
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        uv_close(handles[i], NULL);
    }
    local_watch_close(&server->watch);
    local_stats_close(&server->stats);
    local_jobs_close(&server->jobs);
    server->draining = false;              /* the loop is not stopped for the last client */
    uv_run(&server->loop, UV_RUN_DEFAULT); /* until every handle is closed */
    uv_loop_close(&server->loop);
    local_texts_clear(&server->texts);
    SSL_CTX_free(server->tls);
    dsql__buffer_clear(&server->greeting);
}
