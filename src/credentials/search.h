/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The search through all sources, as dsql_credentials_load() and what keeps its
 * results share it. */
#ifndef DSQL_SEARCH_H
#define DSQL_SEARCH_H

#include "source.h"

/* As dsql_credentials_load(), with a complete env; DSQL__OUTSIDE where that is
 * forbidden and needed. */
DSQL_MUST_CHECK int dsql__credentials_search(struct dsql_credentials *credentials,
                                             const struct dsql_credentials_options *options,
                                             const struct dsql_env *env,
                                             struct dsql__outside *outside,
                                             struct dsql_error *error);

#endif
