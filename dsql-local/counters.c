/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Counting; see counters.h. */
#include "counters.h"

#include <stdbool.h>
#include <string.h>

/* Steps of 1 up to 8 microseconds, then eight steps for each doubling. */
static unsigned
step_of(uint64_t microseconds)
{
    unsigned doublings = 0;
    while (microseconds >> doublings >= 16) {
        doublings++;
    }
    unsigned step = doublings * 8 + (unsigned)(microseconds >> doublings);
    return step < COUNTERS_STEPS ? step : COUNTERS_STEPS - 1;
}

/* The largest time of a step. */
static uint64_t
end_of(unsigned step)
{
    if (step < 16) {
        return step;
    }
    unsigned doublings = step / 8 - 1;
    return ((uint64_t)(step % 8 + 8 + 1) << doublings) - 1;
}

void
local_counters_statement(struct local_counters *counters, uint64_t nanoseconds)
{
    counters->statements++;
    counters->times[step_of(nanoseconds / 1000)]++;
}

/* Whether a message is the format with something in the place of each %s. */
static bool
is_of_format(const char *message, const char *format)
{
    const char *hole = strstr(format, "%s");
    if (hole == NULL) {
        return strcmp(message, format) == 0;
    }
    if (strncmp(message, format, (size_t)(hole - format)) != 0) {
        return false;
    }
    const char *rest = hole + 2, *next = strstr(rest, "%s");
    size_t before = (size_t)(hole - format);
    size_t length = strlen(message), end = strlen(rest);
    if (next != NULL) {
        return true; /* the beginning will do */
    }
    return length >= before + end && strcmp(message + length - end, rest) == 0;
}

void
local_counters_error(struct local_counters *counters, const char *sqlstate, const char *message)
{
    counters->errors++;
    if (message == NULL) {
        return;
    }
    for (int rule = RULES_ALLOWED + 1; rule < RULES_COUNT; rule++) {
        if (strcmp(rules_sqlstate(rule), sqlstate) == 0 &&
            is_of_format(message, rules_message(rule))) {
            counters->by_rule[rule]++;
            break;
        }
    }
}

void
local_counters_transaction(struct local_counters *counters, bool committed)
{
    counters->transactions++;
    counters->commits += committed;
}

uint64_t
local_counters_time(const struct local_counters *counters, unsigned thousandths)
{
    uint64_t all = 0, seen = 0;
    for (unsigned step = 0; step < COUNTERS_STEPS; step++) {
        all += counters->times[step];
    }
    for (unsigned step = 0; step < COUNTERS_STEPS; step++) {
        seen += counters->times[step];
        if (seen > 0 && seen * 1000 >= all * thousandths) {
            return end_of(step);
        }
    }
    return 0;
}
