/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What blocks, done on a thread of its own for a connection that must not. The
 * thread and its starter share one counted struct, so that either may end
 * first. The starter hears of the end by a byte in a pipe: the pipe's end alone
 * would not be seen while a child that was forked meanwhile has it open, too. */
#ifndef DSQL_ERRAND_H
#define DSQL_ERRAND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "dsql.h"

/* The first member of whatever the errand needs and brings, which comes from
 * malloc(). The caller sets these, and zeros: */
struct dsql__errand {
    void (*run)(struct dsql__errand *errand);   /* on the thread */
    void (*clear)(struct dsql__errand *errand); /* frees what is in it, but not itself */
    bool borrows; /* it uses what the library's caller has lent: its end is awaited */

    atomic_int references;
    atomic_bool done;
    int wake_read;  /* the starter's */
    int wake_write; /* the thread's */
    pid_t process;
    pthread_t thread;
};

/* purpose: "to resolve example.org". On failure the errand is still the caller's. */
DSQL_MUST_CHECK int dsql__errand_start(struct dsql__errand *errand, const char *purpose,
                                       struct dsql_error *error);
/* Readable when it is done. Owned by the errand. */
int dsql__errand_fd(const struct dsql__errand *errand);
/* Whether run() has ended, and what it brings can be read. */
bool dsql__errand_is_done(const struct dsql__errand *errand);
/* Of one that was started: waits for the thread where that borrows, else leaves it
 * to its end. NULL is allowed. */
void dsql__errand_free(struct dsql__errand *errand);

#endif
