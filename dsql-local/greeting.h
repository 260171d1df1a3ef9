/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What PostgreSQL says to whoever has signed in (ParameterStatus), kept from a
 * connection of the endpoint's own: so a client is greeted before it has a
 * PostgreSQL connection, which it gets at its first statement. */
#ifndef DSQL_LOCAL_GREETING_H
#define DSQL_LOCAL_GREETING_H

#include <stdbool.h>

#include "client_startup.h"
#include "wire.h"

/* Whether the kept greeting, with this client's settings in it, is the one that
 * PostgreSQL would give. False: only PostgreSQL can judge these settings. */
bool local_greeting_suits(const struct local_startup *startup);

/* The greeting for such a client, in the service's words. Parameters are the
 * messages of local_upstream_greeting() (postgres.h). */
void local_greeting_put(const struct dsql__buffer *parameters, const struct local_startup *startup,
                        struct dsql__buffer *out);

/* BackendKeyData of nobody: cancel requests do nothing on the service. */
void local_greeting_put_key(struct dsql__buffer *out);

#endif
