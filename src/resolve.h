/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Names to addresses, on a thread of its own: getaddrinfo() blocks. */
#ifndef DSQL_RESOLVE_H
#define DSQL_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "dsql.h"

#define DSQL__ADDRESSES_MAX 16 /* more are not tried */

struct dsql__address {
    struct sockaddr_storage name;
    socklen_t length;
};

struct dsql__addresses {
    struct dsql__address items[DSQL__ADDRESSES_MAX];
    int count;
};

#define DSQL__ADDRESS_TEXT 80
/* "192.0.2.1 port 5432", "2001:db8::1 port 5432". */
void dsql__address_text(const struct dsql__address *address, char *text, size_t size);

/* The address that a text is; DSQL_E_RESOLVE when it is none. */
DSQL_MUST_CHECK int dsql__addresses_parse(const char *text, uint16_t port,
                                          struct dsql__addresses *addresses,
                                          struct dsql_error *error);
/* 127.0.0.1, where dsql-local listens, then ::1: localhost means this machine
 * whatever name servers and /etc/hosts say (RFC 6761). */
void dsql__addresses_local(uint16_t port, struct dsql__addresses *addresses);
/* The families by turns, beginning with the first address's, each in its order. */
void dsql__addresses_interleave(struct dsql__addresses *addresses);

struct dsql__resolver;

/* *resolver is returned - caller frees with dsql__resolver_free(). */
DSQL_MUST_CHECK int dsql__resolver_start(const char *host, uint16_t port,
                                         struct dsql__resolver **resolver,
                                         struct dsql_error *error);
/* Readable when there is an answer. Owned by the resolver. */
int dsql__resolver_fd(const struct dsql__resolver *resolver);
/* 0: *addresses is filled, by turns of the families; DSQL_WANT_READ: not yet;
 * DSQL_E_RESOLVE. */
DSQL_MUST_CHECK int dsql__resolver_poll(const struct dsql__resolver *resolver,
                                        struct dsql__addresses *addresses,
                                        struct dsql_error *error);
/* Does not wait for the thread: it frees what it needs when it ends. NULL is
 * allowed. */
void dsql__resolver_free(struct dsql__resolver *resolver);

#endif
