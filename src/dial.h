/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A TCP connection to the first of several addresses that answers (RFC 8305):
 * the next one is tried when one fails, or has not answered for a while. */
#ifndef DSQL_DIAL_H
#define DSQL_DIAL_H

#include <stdint.h>

#include "dsql.h"
#include "resolve.h"

#define DSQL__DIAL_PAUSE_MS 250 /* before the next address is tried beside */

/* As in struct dsql_conn_options, complete. */
struct dsql__dial_options {
    int keepalive_idle, keepalive_interval, keepalive_count, user_timeout_ms;
};

struct dsql__dial;

/* host is for messages. All is copied. *dial is returned - caller frees with
 * dsql__dial_free(). */
DSQL_MUST_CHECK int dsql__dial_new(const char *host, const struct dsql__addresses *addresses,
                                   const struct dsql__dial_options *options,
                                   struct dsql__dial **dial, struct dsql_error *error);
/* 0: *fd is connected, and the caller's. DSQL_WANT_READ: call again when
 * dsql__dial_fd() is readable or dsql__dial_due() has come. now: milliseconds of
 * a clock that only goes forward. */
DSQL_MUST_CHECK int dsql__dial_poll(struct dsql__dial *dial, int64_t now, int *fd,
                                    struct dsql_error *error);
/* One descriptor for all attempts; owned by the dial. -1 before the first poll. */
int dsql__dial_fd(const struct dsql__dial *dial);
/* When the next address is due; -1: never. */
int64_t dsql__dial_due(const struct dsql__dial *dial);
/* The addresses that are being tried, as text. */
void dsql__dial_text(const struct dsql__dial *dial, char *text, size_t size);
void dsql__dial_free(struct dsql__dial *dial); /* NULL is allowed */

#endif
