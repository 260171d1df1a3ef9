/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What an endpoint has counted since it started, for --stats. A struct of zeros
 * has counted nothing. Counting costs no allocation and no system call. */
#ifndef DSQL_LOCAL_COUNTERS_H
#define DSQL_LOCAL_COUNTERS_H

#include <stdint.h>

#include "rules/rules.h"

/* Times are kept as how often they fell into steps of an eighth of their size. */
#define COUNTERS_STEPS 320

struct local_counters {
    uint64_t signed_in;            /* clients */
    uint64_t statements;           /* answered, also by an error */
    uint64_t errors;               /* answers that were one */
    uint64_t transactions;         /* ended, also those of one statement */
    uint64_t commits;              /* of them */
    uint64_t received, sent;       /* bytes, of clients that have gone */
    uint64_t by_rule[RULES_COUNT]; /* errors with a rule's SQLSTATE and words */
    uint64_t times[COUNTERS_STEPS];
};

/* A statement was answered so long after it had been sent to PostgreSQL. */
void local_counters_statement(struct local_counters *counters, uint64_t nanoseconds);
/* An error went to a client. */
void local_counters_error(struct local_counters *counters, const char *sqlstate,
                          const char *message);
/* A transaction ended. */
void local_counters_transaction(struct local_counters *counters, bool committed);
/* The time that so many thousandths of the statements did not take longer than,
 * in microseconds, at most an eighth too large. */
uint64_t local_counters_time(const struct local_counters *counters, unsigned thousandths);

#endif
