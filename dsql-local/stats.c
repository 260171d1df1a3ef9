/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The endpoint's side of --stats; see stats.h. */
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "directory.h"
#include "server.h"

static uint64_t
resident_memory(void)
{
    unsigned long all, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &all, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
count_clients(const struct local_server *server, struct local_stats *stats)
{
    for (const struct local_client *client = server->clients; client != NULL;
         client = client->next) {
        stats->postgres_clients += client->back_open;
        stats->counters.received += client->front.received;
        stats->counters.sent += client->front.sent;
    }
}

static void
take_stats(const struct local_stats_socket *listener, struct local_stats *stats)
{
    const struct local_server *server = listener->server;
    *stats = (struct local_stats){
        .size = sizeof *stats,
        .version = DSQL_VERSION,
        .started = listener->started,
        .now = (uint64_t)time(NULL),
        .clients = server->admitted,
        .most = server->admitted_most,
        .postgres_version = (uint64_t)server->postgres->version,
        .memory = resident_memory(),
        .median_us = local_counters_time(&server->counters, 500),
        .tail_us = local_counters_time(&server->counters, 990),
        .counters = server->counters,
    };
    for (int reason = 0; reason < REFUSED_COUNT; reason++) {
        stats->refused[reason] = server->refusals.of[reason].count;
    }
    count_clients(server, stats);
}

static void
on_question(uv_poll_t *handle, int status, int events)
{
    const struct local_stats_socket *listener = handle->data;
    struct local_stats stats;
    (void)status;
    (void)events;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    take_stats(listener, &stats);
    (void)!send(fd, &stats, sizeof stats, MSG_NOSIGNAL); /* a socket's buffer is larger */
    close(fd);
}

void
local_stats_open(struct local_stats_socket *listener, struct local_server *server)
{
    *listener = (struct local_stats_socket){.server = server, .started = (uint64_t)time(NULL)};
    listener->fd = local_stats_socket_of(server->state->dir, true);
    if (listener->fd >= 0 && uv_poll_init(&server->loop, &listener->poll, listener->fd) != 0) {
        close(listener->fd);
        listener->fd = -1;
    }
    if (listener->fd < 0) {
        local_server_log(server, "--stats will not work: %s", strerror(errno));
        return;
    }
    listener->poll.data = listener;
    uv_poll_start(&listener->poll, UV_READABLE, on_question);
}

static void
on_closed(uv_handle_t *handle)
{
    struct local_stats_socket *listener = handle->data;
    close(listener->fd);
    listener->fd = -1;
}

void
local_stats_close(struct local_stats_socket *listener)
{
    char path[1200];
    if (listener->fd >= 0) {
        snprintf(path, sizeof path, "%s/" LOCAL_STATS_SOCKET, listener->server->state->dir);
        unlink(path);
        uv_close((uv_handle_t *)&listener->poll, on_closed);
    }
}
