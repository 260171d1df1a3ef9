/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Allocations that fail when a test wants it: the linker (--wrap) hands our own
 * calls to the functions below; libraries keep the real ones. For one file of a
 * program. */
#ifndef DSQL_TESTS_FAILING_H
#define DSQL_TESTS_FAILING_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "check.h"
#include "dsql.h"

/* Allocations of this thread that succeed yet; below 0: all. */
static _Thread_local long until_failure = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);

static bool
fails(void)
{
    bool failing = until_failure >= 0 && until_failure-- == 0;
    if (failing) {
        errno = ENOMEM;
    }
    return failing;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *
__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t length)
{
    return fails() ? NULL : __real_strndup(text, length);
}

/* Runs work with its first, second, ... allocation failing until it succeeds. */
static void
fail_each(int (*work)(void), int at_least)
{
    int failures = 0;
    for (long number = 0; number < 10000; number++) {
        until_failure = number;
        int result = work();
        bool reached = until_failure < 0;
        until_failure = -1;
        if (!reached) {
            CHECK(result == 0);
            break;
        }
        CHECK(result == DSQL_E_NOMEM);
        failures++;
    }
    CHECK(failures >= at_least);
}

#endif
