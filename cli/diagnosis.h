/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What probably is the cause when a connection does not come about, and what to
 * do about it. */
#ifndef DSQL_CLI_DIAGNOSIS_H
#define DSQL_CLI_DIAGNOSIS_H

#include "dsql.h"

enum ping_step {
    PING_CREDENTIALS, /* and what else is read on this machine */
    PING_RESOLVE,
    PING_CONNECT,
    PING_TLS,
    PING_SIGN_IN,
    PING_QUERY,
    PING_STEPS
};

struct diagnosis {
    const char *cause, *remedy; /* static */
};

/* Of a failure at this step. Never without an answer. */
struct diagnosis diagnosis_of(enum ping_step step, enum dsql_host_kind kind,
                              const struct dsql_error *error);

#endif
