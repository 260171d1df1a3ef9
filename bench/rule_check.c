/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the rules cost dsql-local for each statement, read anew and from the
 * cache. Prints a line for each kind of statement: its name, its length, and
 * median and minimum in nanoseconds, without and with the cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "texts.h"

#define ROUNDS 41
#define ROUND_NS 2e6

static const struct {
    const char *name, *sql;
} statements[] = {
    {"SELECT 1", "SELECT 1"},
    {"COMMIT", "COMMIT"},
    {"read by key", "SELECT abalance FROM pgbench_accounts WHERE aid = $1"},
    {"insert of five columns", "INSERT INTO orders (id, customer, item, amount, placed) "
                               "VALUES ($1::uuid, $2, $3, $4, now()) RETURNING id"},
    {"join with grouping",
     "SELECT c.name, count(*) AS orders, sum(o.amount) FROM customers AS c JOIN orders AS o "
     "ON o.customer = c.id WHERE o.placed > now() - interval '1 day' AND c.region IN ($1, $2, $3) "
     "GROUP BY c.name HAVING count(*) > 5 ORDER BY orders DESC, c.name LIMIT 20"},
    {"CREATE TABLE", "CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "
                     "customer uuid NOT NULL REFERENCES customers (id), item text NOT NULL, "
                     "amount numeric(12, 2) CHECK (amount > 0), placed timestamptz DEFAULT now())"},
};

static double
now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Nanoseconds for each of `times` times; texts may keep nothing. */
static double
measure(struct local_texts *texts, const char *sql, size_t length, long times)
{
    double began = now_ns();
    for (long i = 0; i < times; i++) {
        struct local_text *text;
        if (local_texts_get(texts, sql, length, &text) != 0) {
            exit(1);
        }
        local_text_free(text);
    }
    return (now_ns() - began) / (double)times;
}

static int
compare(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

int
main(void)
{
    struct local_texts kept[2] = {{0}, {0}}; /* without, with */
    local_texts_init(&kept[1], LOCAL_TEXTS_COUNT, LOCAL_TEXTS_BYTES);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        const char *sql = statements[i].sql;
        size_t length = strlen(sql);
        double samples[2][ROUNDS];
        long times[2];
        for (int which = 0; which < 2; which++) {
            double once = measure(&kept[which], sql, length, 100);
            times[which] = 1 + (long)(ROUND_NS / once);
        }
        for (int round = 0; round < ROUNDS; round++) {
            for (int which = 0; which < 2; which++) {
                samples[which][round] = measure(&kept[which], sql, length, times[which]);
            }
        }
        printf("%s\t%zu", statements[i].name, length);
        for (int which = 0; which < 2; which++) {
            qsort(samples[which], ROUNDS, sizeof(double), compare);
            printf("\t%.0f\t%.0f", samples[which][ROUNDS / 2], samples[which][0]);
        }
        printf("\n");
    }
    local_texts_clear(&kept[1]);
    return 0;
}
