/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What an EC2 instance can be asked about itself, beside its keys. */
#ifndef DSQL_METADATA_H
#define DSQL_METADATA_H

#include "source.h"

/* 0 with the instance's region, or DSQL__NEXT, DSQL_E_... as a source. */
DSQL_MUST_CHECK int dsql__metadata_region(struct dsql__source_request *request, char *region,
                                          size_t size, struct dsql_error *error);

#endif
