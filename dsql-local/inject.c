/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Faults by chance; see inject.h. */
#include "inject.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"

static const char *const names[] = {
#define INJECT_NAME(name, word) word,
    INJECT_TABLE(INJECT_NAME)
#undef INJECT_NAME
};

/* A fraction in digits, the same in every locale; behind it ends the text or
 * comes a comma. -1 when it is not one from 0 to 1. */
static double
read_probability(const char *text, const char **end)
{
    double value = 0, unit = 1;
    const char *at = text;
    while (isdigit((unsigned char)*at) && at - text < 3) {
        value = value * 10 + (*at++ - '0');
    }
    if (at > text && *at == '.') {
        at++;
        while (isdigit((unsigned char)*at)) {
            unit /= 10;
            value += unit * (*at++ - '0');
        }
    }
    *end = at;
    return at > text && (*at == '\0' || *at == ',') && value <= 1 ? value : -1;
}

static int
read_seed(const char *text, const char **end, struct local_inject *inject, struct dsql_error *error)
{
    char *behind;
    inject->seed = strtoull(text, &behind, 10);
    *end = behind;
    if (!isdigit((unsigned char)*text) || (*behind != '\0' && *behind != ',')) {
        return dsql__fail(error, DSQL_E_INVALID, "--inject: seed takes a number");
    }
    return 0;
}

/* One NAME=VALUE; *at moves behind it. */
static int
read_item(const char **at, struct local_inject *inject, struct dsql_error *error)
{
    size_t length = strcspn(*at, "=,");
    const char *value = *at + length + 1;
    if ((*at)[length] != '=') {
        return dsql__fail(error, DSQL_E_INVALID,
                          "--inject takes a list such as occ=0.1,drop=0.01, not \"%.60s\"", *at);
    }
    if (length == 4 && strncmp(*at, "seed", 4) == 0) {
        return read_seed(value, at, inject, error);
    }
    for (int kind = 0; kind < INJECT_COUNT; kind++) {
        if (strlen(names[kind]) != length || strncmp(*at, names[kind], length) != 0) {
            continue;
        }
        inject->probability[kind] = read_probability(value, at);
        if (inject->probability[kind] < 0) {
            return dsql__fail(error, DSQL_E_INVALID,
                              "--inject: %s takes a probability from 0 to 1, such as 0.05",
                              names[kind]);
        }
        inject->any |= inject->probability[kind] > 0;
        return 0;
    }
    return dsql__fail(error, DSQL_E_INVALID,
                      "--inject knows occ, oc001, drop, unavailable and seed, not \"%.*s\"",
                      (int)(length < 60 ? length : 60), *at);
}

int
local_inject_read(const char *text, struct local_inject *inject, struct dsql_error *error)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *inject =
        (struct local_inject){.seed = (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec};
    for (;;) {
        int failure = read_item(&text, inject, error);
        if (failure != 0) {
            return failure;
        }
        if (*text == '\0') {
            break;
        }
        text++; /* the comma */
    }
    inject->state = inject->seed;
    return 0;
}

/* A Weyl sequence whose bits are mixed by multiplication and shifts. */
static uint64_t
next(struct local_inject *inject)
{
    inject->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t bits = inject->state;
    bits = (bits ^ bits >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    bits = (bits ^ bits >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return bits ^ bits >> 32;
}

bool
local_inject_decides(struct local_inject *inject, enum local_inject_kind kind)
{
    double probability = inject->probability[kind];
    if (probability <= 0) {
        return false;
    }
    return (double)(next(inject) >> 11) / (double)(UINT64_C(1) << 53) < probability;
}

bool
local_inject_tosses(struct local_inject *inject)
{
    return (next(inject) >> 40 & 1) != 0;
}
