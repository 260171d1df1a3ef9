/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A test program in C: functions that CHECK, listed in TESTS, each run in turn;
 * the exit status says whether all held. */
#ifndef DSQL_TESTS_CHECK_H
#define DSQL_TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

static int check_failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failures++;                                                                      \
            fprintf(stderr, "%s:%d: in %s: %s\n", __FILE__, __LINE__, __func__, #condition);       \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(got, wanted)                                                                    \
    do {                                                                                           \
        const char *check_got = (got), *check_wanted = (wanted);                                   \
        if (check_got == NULL || strcmp(check_got, check_wanted) != 0) {                           \
            check_failures++;                                                                      \
            fprintf(stderr, "%s:%d: in %s: %s is\n  %s\nnot\n  %s\n", __FILE__, __LINE__,          \
                    __func__, #got, check_got ? check_got : "(null)", check_wanted);               \
        }                                                                                          \
    } while (0)

struct check_test {
    const char *name;
    void (*run)(void);
};

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static int
check_run(const struct check_test *tests, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        int before = check_failures;
        tests[i].run();
        failed += check_failures != before;
        printf("%s %zu - %s\n", check_failures == before ? "ok" : "not ok", i + 1, tests[i].name);
    }
    printf("1..%zu\n", count);
    return failed != 0;
}

#define RUN(tests) check_run(tests, sizeof tests / sizeof tests[0])

#endif
