/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A token bucket: so many events a second, and a burst. */
#ifndef DSQL_LOCAL_RATE_H
#define DSQL_LOCAL_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct local_rate {
    uint64_t per_second; /* 0: no limit */
    uint64_t burst;
    uint64_t thousandths; /* of an event, that may happen now */
    uint64_t at_ms;       /* when that was so */
};

/* A full bucket. */
static inline void
local_rate_init(struct local_rate *rate, uint64_t per_second, uint64_t burst, uint64_t now_ms)
{
    *rate = (struct local_rate){per_second, burst, burst * 1000, now_ms};
}

/* Whether one more event may happen now; it is counted if so. */
static inline bool
local_rate_take(struct local_rate *rate, uint64_t now_ms)
{
    if (rate->per_second == 0) {
        return true;
    }
    rate->thousandths += (now_ms - rate->at_ms) * rate->per_second;
    rate->at_ms = now_ms;
    if (rate->thousandths > rate->burst * 1000) {
        rate->thousandths = rate->burst * 1000;
    }
    if (rate->thousandths < 1000) {
        return false;
    }
    rate->thousandths -= 1000;
    return true;
}

#endif
