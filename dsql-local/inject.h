/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* --inject: faults that happen by chance, so that programs can be tried with
 * them. A pure source of decisions: whoever asks carries them out. */
#ifndef DSQL_LOCAL_INJECT_H
#define DSQL_LOCAL_INJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "dsql.h"

/* Name as the command line spells it. */
#define INJECT_TABLE(X)                                                                            \
    X(INJECT_OCC, "occ")                                                                           \
    X(INJECT_OC001, "oc001")                                                                       \
    X(INJECT_DROP, "drop")                                                                         \
    X(INJECT_UNAVAILABLE, "unavailable")

enum local_inject_kind {
#define INJECT_ENUM(name, word) name,
    INJECT_TABLE(INJECT_ENUM)
#undef INJECT_ENUM
        INJECT_COUNT
};

/* A struct of zeros never decides for a fault. */
struct local_inject {
    bool any;                         /* one of the probabilities is not 0 */
    double probability[INJECT_COUNT]; /* 0 to 1 */
    uint64_t seed;                    /* what was asked for, or taken from the clock */
    uint64_t state;
};

/* Reads "occ=0.1,drop=0.01,seed=7". A fault that is not named never happens; without
 * a seed the system gives one. DSQL_E_INVALID with a sentence. */
DSQL_MUST_CHECK int local_inject_read(const char *text, struct local_inject *inject,
                                      struct dsql_error *error);
/* Whether this fault is to happen now. The same seed and the same questions
 * give the same answers. */
bool local_inject_decides(struct local_inject *inject, enum local_inject_kind kind);
/* One or the other, each half of the time. */
bool local_inject_tosses(struct local_inject *inject);

#endif
