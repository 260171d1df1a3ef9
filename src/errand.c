/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Work on a thread of its own; see errand.h. */
#include "errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

static void
release(struct dsql__errand *errand)
{
    if (atomic_fetch_sub(&errand->references, 1) == 1) {
        errand->clear(errand);
        free(errand);
    }
}

static void *
run(void *argument)
{
    struct dsql__errand *errand = argument;
    int wake = errand->wake_write;
    errand->run(errand);
    atomic_store(&errand->done, true);
    release(errand);
    (void)!write(wake, "", 1); /* nobody may read it: SIGPIPE is blocked in this thread */
    close(wake);
    return NULL;
}

/* Signals stay with the program's own threads. */
static int
start_thread(struct dsql__errand *errand)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int why = pthread_create(&errand->thread, NULL, run, errand);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why;
}

int
dsql__errand_start(struct dsql__errand *errand, const char *purpose, struct dsql_error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make a pipe: %s", strerror(errno));
    }
    errand->wake_read = ends[0];
    errand->wake_write = ends[1];
    errand->process = getpid();
    atomic_init(&errand->references, 2);
    atomic_init(&errand->done, false);
    int why = start_thread(errand);
    if (why != 0) {
        close(ends[0]);
        close(ends[1]);
        return dsql__fail(error, DSQL_E_IO, "cannot start a thread %s: %s", purpose, strerror(why));
    }
    return 0;
}

int
dsql__errand_fd(const struct dsql__errand *errand)
{
    return errand->wake_read;
}

bool
dsql__errand_is_done(const struct dsql__errand *errand)
{
    return atomic_load(&errand->done);
}

void
dsql__errand_free(struct dsql__errand *errand)
{
    if (errand == NULL) {
        return;
    }
    close(errand->wake_read);
    /* A child after fork() has not the thread, which would have the last word. */
    bool here = errand->process == getpid();
    if (!here && !dsql__errand_is_done(errand)) {
        return;
    }
    if (here && errand->borrows) {
        pthread_join(errand->thread, NULL);
    } else if (here) {
        pthread_detach(errand->thread);
    }
    release(errand);
}
