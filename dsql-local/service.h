/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the service says of itself where PostgreSQL would say otherwise. */
#ifndef DSQL_LOCAL_SERVICE_H
#define DSQL_LOCAL_SERVICE_H

#include "wire.h"

/* The value that SHOW of a parameter answers (name in lower case), or NULL
 * where PostgreSQL's own value is right. Static. */
const char *service_setting(const char *name);

/* Passes a ParameterStatus message on, with the service's value. */
void service_pass_parameter(struct dsql__buffer *out, const struct dsql__message *message);

#endif
