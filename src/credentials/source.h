/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A source of key pairs. The chain asks one after the other; a new source is a
 * file here and a row in the chain's table (credentials.c). */
#ifndef DSQL_SOURCE_H
#define DSQL_SOURCE_H

#include "profile.h"

#define DSQL__NEXT 1 /* this source has nothing to say: ask the next */

struct dsql__source_request {
    const struct dsql_env *env;          /* complete */
    const struct dsql__profile *profile; /* open */
};

/* Fills credentials (zeroed before): 0, DSQL__NEXT, or a failure that ends the
 * search, with its sentence. */
typedef int dsql__source(const struct dsql__source_request *request,
                         struct dsql_credentials *credentials, struct dsql_error *error);

dsql__source dsql__source_environment;
dsql__source dsql__source_credentials_file;
dsql__source dsql__source_config_file;

#endif
