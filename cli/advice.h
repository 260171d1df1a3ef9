/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What to write instead of what is refused. */
#ifndef DSQL_CLI_ADVICE_H
#define DSQL_CLI_ADVICE_H

/* By the rule and its message, which may name what is meant. Static; never NULL. */
const char *advice_for(int rule, const char *message);

#endif
