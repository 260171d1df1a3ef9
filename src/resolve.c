/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Name resolution; see resolve.h. */
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "error.h"

struct dsql__resolver {
    struct dsql__errand errand;
    int failure; /* of getaddrinfo() */
    int why;     /* errno for EAI_SYSTEM */
    struct dsql__addresses addresses;
    char port[6];
    char host[]; /* with its NUL */
};

/* ---------------------------------------------------------------- addresses */

void
dsql__address_text(const struct dsql__address *address, char *text, size_t size)
{
    char host[64], port[8];
    if (getnameinfo((const struct sockaddr *)&address->name, address->length, host, sizeof host,
                    port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(text, size, "an unknown address");
        return;
    }
    snprintf(text, size, "%s port %s", host, port);
}

static void
add(struct dsql__addresses *addresses, const struct sockaddr *name, socklen_t length)
{
    if (addresses->count < DSQL__ADDRESSES_MAX && length <= sizeof(struct sockaddr_storage)) {
        struct dsql__address *item = &addresses->items[addresses->count++];
        memset(item, 0, sizeof *item);
        memcpy(&item->name, name, length);
        item->length = length;
    }
}

static int
look_up(const char *host, const char *port, int flags, struct dsql__addresses *addresses)
{
    struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    addresses->count = 0;
    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure != 0) {
        return failure;
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (at->ai_family == AF_INET || at->ai_family == AF_INET6) {
            add(addresses, at->ai_addr, at->ai_addrlen);
        }
    }
    freeaddrinfo(found);
    return addresses->count > 0 ? 0 : EAI_NONAME;
}

int
dsql__addresses_parse(const char *text, uint16_t port, struct dsql__addresses *addresses,
                      struct dsql_error *error)
{
    char service[6];
    snprintf(service, sizeof service, "%u", port);
    if (look_up(text, service, AI_NUMERICHOST, addresses) != 0) {
        return dsql__fail(error, DSQL_E_RESOLVE,
                          "hostaddr \"%.100s\" is not an address: write it like 192.0.2.1 or "
                          "2001:db8::1, or leave it out",
                          text);
    }
    return 0;
}

void
dsql__addresses_local(uint16_t port, struct dsql__addresses *addresses)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    six.sin6_addr = in6addr_loopback;
    addresses->count = 0;
    add(addresses, (const struct sockaddr *)&four, sizeof four);
    add(addresses, (const struct sockaddr *)&six, sizeof six);
}

/* The first item from `at` on whose family is this (or is not). */
static int
find(const struct dsql__addresses *addresses, int at, sa_family_t family, bool same)
{
    while (at < addresses->count && (addresses->items[at].name.ss_family == family) != same) {
        at++;
    }
    return at;
}

void
dsql__addresses_interleave(struct dsql__addresses *addresses)
{
    struct dsql__addresses from = *addresses;
    sa_family_t family = from.items[0].name.ss_family;
    int first = find(&from, 0, family, true), other = find(&from, 0, family, false);
    bool first_next = true;
    for (int i = 0; i < from.count; i++) {
        if (other >= from.count || (first_next && first < from.count)) {
            addresses->items[i] = from.items[first];
            first = find(&from, first + 1, family, true);
        } else {
            addresses->items[i] = from.items[other];
            other = find(&from, other + 1, family, false);
        }
        first_next = !first_next;
    }
}

/* ------------------------------------------------------------------- thread */

static void
run(struct dsql__errand *errand)
{
    struct dsql__resolver *resolver = (struct dsql__resolver *)errand;
    resolver->failure = look_up(resolver->host, resolver->port, 0, &resolver->addresses);
    resolver->why = errno;
}

static void
clear(struct dsql__errand *errand)
{
    (void)errand; /* all of it is one block */
}

int
dsql__resolver_start(const char *host, uint16_t port, struct dsql__resolver **resolver,
                     struct dsql_error *error)
{
    char purpose[300];
    size_t size = strlen(host) + 1;
    struct dsql__resolver *made = malloc(sizeof *made + size);
    if (made == NULL) {
        return dsql__fail_nomem(error);
    }
    memset(made, 0, sizeof *made);
    made->errand = (struct dsql__errand){.run = run, .clear = clear};
    memcpy(made->host, host, size);
    snprintf(made->port, sizeof made->port, "%u", port);
    snprintf(purpose, sizeof purpose, "to resolve %s", host);
    int failure = dsql__errand_start(&made->errand, purpose, error);
    if (failure != 0) {
        free(made);
        return failure;
    }
    *resolver = made;
    return 0;
}

int
dsql__resolver_fd(const struct dsql__resolver *resolver)
{
    return dsql__errand_fd(&resolver->errand);
}

int
dsql__resolver_poll(const struct dsql__resolver *resolver, struct dsql__addresses *addresses,
                    struct dsql_error *error)
{
    if (!dsql__errand_is_done(&resolver->errand)) {
        return DSQL_WANT_READ;
    }
    if (resolver->failure == 0) {
        *addresses = resolver->addresses;
        dsql__addresses_interleave(addresses);
        return 0;
    }
    const char *why =
        resolver->failure == EAI_SYSTEM ? strerror(resolver->why) : gai_strerror(resolver->failure);
    return dsql__fail(
        error, DSQL_E_RESOLVE, "the host %s cannot be resolved: %s; %s", resolver->host, why,
        resolver->failure == EAI_NONAME ? "check the endpoint and its region"
                                        : "check this machine's network and name servers");
}

void
dsql__resolver_free(struct dsql__resolver *resolver)
{
    dsql__errand_free(resolver != NULL ? &resolver->errand : NULL);
}
