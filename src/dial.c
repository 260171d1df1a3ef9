/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Racing connects; see dial.h. poll() says how each attempt does; epoll only
 * makes one descriptor of all for the caller to wait on, as a kqueue would
 * elsewhere. */
#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"

struct attempt {
    int fd;       /* -1: failed, or not tried yet */
    int why;      /* errno of the failure */
    bool watched; /* is in the epoll set */
};

struct dsql__dial {
    struct dsql__addresses addresses;
    struct dsql__dial_options options;
    struct attempt attempts[DSQL__ADDRESSES_MAX];
    int started, open;
    int64_t next_at; /* the next address is due then */
    int waiter;      /* the epoll set, -1: not needed yet */
    char host[256];
};

int
dsql__dial_new(const char *host, const struct dsql__addresses *addresses,
               const struct dsql__dial_options *options, struct dsql__dial **dial,
               struct dsql_error *error)
{
    struct dsql__dial *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return dsql__fail_nomem(error);
    }
    made->addresses = *addresses;
    made->options = *options;
    made->waiter = -1;
    for (int i = 0; i < DSQL__ADDRESSES_MAX; i++) {
        made->attempts[i].fd = -1;
    }
    snprintf(made->host, sizeof made->host, "%s", host);
    *dial = made;
    return 0;
}

/* ----------------------------------------------------------------- attempts */

static void
set(int fd, int level, int option, int value)
{
    /* What a system does not know is left as it is. */
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static void
set_options(int fd, const struct dsql__dial_options *options)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options->keepalive_idle >= 0) {
        set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, options->keepalive_idle);
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, options->keepalive_interval);
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, options->keepalive_count);
    }
    if (options->user_timeout_ms > 0) {
        set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options->user_timeout_ms);
    }
}

static void
start_next(struct dsql__dial *dial, int64_t now)
{
    struct attempt *attempt = &dial->attempts[dial->started];
    const struct dsql__address *address = &dial->addresses.items[dial->started++];
    dial->next_at = now + DSQL__DIAL_PAUSE_MS;
    int fd = socket(address->name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        attempt->why = errno;
        return;
    }
    set_options(fd, &dial->options);
    if (connect(fd, (const struct sockaddr *)&address->name, address->length) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        attempt->why = errno;
        close(fd);
        return;
    }
    attempt->fd = fd;
    dial->open++;
}

static void
drop(struct dsql__dial *dial, struct attempt *attempt, int why)
{
    close(attempt->fd); /* leaves the epoll set by that */
    attempt->fd = -1;
    attempt->why = why;
    dial->open--;
}

/* The descriptor of an attempt that has come through, its own no more; -1:
 * none. Those that have failed are dropped. */
static int
take_connected(struct dsql__dial *dial)
{
    struct pollfd polls[DSQL__ADDRESSES_MAX];
    for (int i = 0; i < dial->started; i++) {
        polls[i] = (struct pollfd){.fd = dial->attempts[i].fd, .events = POLLOUT};
    }
    if (poll(polls, (nfds_t)dial->started, 0) <= 0) {
        return -1;
    }
    for (int i = 0; i < dial->started; i++) {
        struct attempt *attempt = &dial->attempts[i];
        int why = 0;
        socklen_t size = sizeof why;
        if (attempt->fd < 0 || polls[i].revents == 0) {
            continue;
        }
        if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0) {
            why = errno;
        }
        if (why == 0) {
            int fd = attempt->fd;
            attempt->fd = -1;
            dial->open--;
            return fd;
        }
        drop(dial, attempt, why);
    }
    return -1;
}

/* ------------------------------------------------------------------ failure */

static const char *
advice(const struct dsql__dial *dial)
{
    bool refused = true;
    for (int i = 0; i < dial->started; i++) {
        refused = refused && dial->attempts[i].why == ECONNREFUSED;
    }
    if (strcmp(dial->host, "localhost") == 0) {
        return "start dsql-local, or give its port";
    }
    return refused ? "check the port"
                   : "check the endpoint, and that this machine's network and firewalls lead there";
}

static int
fail(const struct dsql__dial *dial, struct dsql_error *error)
{
    char reasons[300] = "", text[DSQL__ADDRESS_TEXT];
    size_t used = 0;
    for (int i = 0; i < dial->started && used < sizeof reasons; i++) {
        dsql__address_text(&dial->addresses.items[i], text, sizeof text);
        used += (size_t)snprintf(reasons + used, sizeof reasons - used, "%s%s (%s)",
                                 i > 0 ? ", " : "", text, strerror(dial->attempts[i].why));
    }
    return dsql__fail(error, DSQL_E_IO, "cannot connect to %.100s at %s; %s", dial->host, reasons,
                      advice(dial));
}

void
dsql__dial_text(const struct dsql__dial *dial, char *text, size_t size)
{
    size_t used = 0;
    char one[DSQL__ADDRESS_TEXT];
    text[0] = '\0';
    for (int i = 0; i < dial->started && used < size; i++) {
        if (dial->attempts[i].fd >= 0) {
            dsql__address_text(&dial->addresses.items[i], one, sizeof one);
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", one);
        }
    }
}

/* ------------------------------------------------------------------ waiting */

static int
watch(struct dsql__dial *dial, struct dsql_error *error)
{
    if (dial->waiter < 0) {
        dial->waiter = epoll_create1(EPOLL_CLOEXEC);
    }
    for (int i = 0; i < dial->started && dial->waiter >= 0; i++) {
        struct attempt *attempt = &dial->attempts[i];
        struct epoll_event event = {.events = EPOLLOUT};
        if (attempt->fd < 0 || attempt->watched) {
            continue;
        }
        if (epoll_ctl(dial->waiter, EPOLL_CTL_ADD, attempt->fd, &event) != 0) {
            return dsql__fail(error, DSQL_E_IO, "cannot wait for a socket: %s", strerror(errno));
        }
        attempt->watched = true;
    }
    return dial->waiter >= 0
               ? DSQL_WANT_READ
               : dsql__fail(error, DSQL_E_IO, "cannot make an epoll set: %s", strerror(errno));
}

int
dsql__dial_poll(struct dsql__dial *dial, int64_t now, int *fd, struct dsql_error *error)
{
    for (;;) {
        *fd = take_connected(dial);
        if (*fd >= 0) {
            return 0;
        }
        if (dial->started < dial->addresses.count && (dial->open == 0 || now >= dial->next_at)) {
            start_next(dial, now);
        } else if (dial->open == 0) {
            return fail(dial, error);
        } else {
            return watch(dial, error);
        }
    }
}

int
dsql__dial_fd(const struct dsql__dial *dial)
{
    return dial->waiter;
}

int64_t
dsql__dial_due(const struct dsql__dial *dial)
{
    return dial->started < dial->addresses.count ? dial->next_at : -1;
}

void
dsql__dial_free(struct dsql__dial *dial)
{
    if (dial == NULL) {
        return;
    }
    for (int i = 0; i < dial->started; i++) {
        if (dial->attempts[i].fd >= 0) {
            close(dial->attempts[i].fd);
        }
    }
    if (dial->waiter >= 0) {
        close(dial->waiter);
    }
    free(dial);
}
