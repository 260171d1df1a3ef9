/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The endpoint's own certificate authority and the server's certificate. */
#ifndef DSQL_LOCAL_PKI_H
#define DSQL_LOCAL_PKI_H

#include "state.h"

/* Makes ca.pem, ca.key, server.pem and server.key where they are missing, and
 * the server's anew when it ends within a month or is for another region. The
 * authority stays until its own last month, ten years on. */
DSQL_MUST_CHECK int local_pki_open(const struct local_state *state, struct dsql_error *error);

#endif
