/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The start-up packet: who signs in, to which database, with which settings.
 * Bytes and lengths go in, never a socket. */
#ifndef DSQL_LOCAL_CLIENT_STARTUP_H
#define DSQL_LOCAL_CLIENT_STARTUP_H

#include "wire.h"

/* A struct of zeros is an empty one. */
struct local_startup {
    char *user;             /* owned */
    char *database;         /* owned; NULL: not named, "postgres" is meant */
    char *settings;         /* owned: name, value, ..., each with its NUL */
    size_t settings_length; /* bytes of settings */
};

/* Reads the body of a packet into a struct of zeros. Settings that the service
 * does not know are refused, also those inside `options`. A refusal's SQLSTATE
 * and text are in error; what was read until then is there to be cleared. */
DSQL_MUST_CHECK int local_startup_read(const char *body, size_t length,
                                       struct local_startup *startup, struct dsql_error *error);
/* NegotiateProtocolVersion at the end of out, where the packet asks for more
 * than protocol 3.0 without options; nothing otherwise. */
void local_startup_negotiate(const char *body, size_t length, struct dsql__buffer *out);
/* The start-up packet for PostgreSQL, at the end of out. */
void local_startup_put(const struct local_startup *startup, struct dsql__buffer *out);
void local_startup_clear(struct local_startup *startup);

#endif
