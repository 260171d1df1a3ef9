/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How others learn where the endpoint is: the ready line; and --background,
 * by which many programs share one endpoint that the first of them starts. */
#ifndef DSQL_LOCAL_BACKGROUND_H
#define DSQL_LOCAL_BACKGROUND_H

#include "state.h"

/* Writes the ready line into the ready files (whole or not at all) and prints
 * it on standard output. */
DSQL_MUST_CHECK int local_ready_announce(const struct local_options *options,
                                         const struct local_state *state, int port,
                                         struct dsql_error *error);

/* Finds the running endpoint of the data directory or starts one that outlives
 * us, prints its ready line, and returns the exit status. name is what we were
 * called as. */
int local_background(const struct local_options *options, const char *name);

#endif
