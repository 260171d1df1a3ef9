/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Fetching keys beside the connection; see fetch.h. As with name resolution,
 * the thread and its starter share one counted struct, and a byte in a pipe
 * tells of the answer. */
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../error.h"

struct dsql__fetch {
    atomic_int references;
    atomic_bool answered; /* what is below failure is complete */
    int wake_read;        /* the starter's */
    int wake_write;       /* the thread's */
    bool borrowed;
    pid_t process;
    pthread_t thread;
    struct dsql_env env;
    struct dsql_credentials_options options; /* copies */
    int failure;
    struct dsql_error error;
    struct dsql_credentials credentials;
};

static void
release(struct dsql__fetch *fetch)
{
    if (atomic_fetch_sub(&fetch->references, 1) == 1) {
        dsql_credentials_clear(&fetch->credentials);
        free((char *)(uintptr_t)fetch->options.profile);
        free((char *)(uintptr_t)fetch->options.credentials_file);
        free(fetch);
    }
}

static void *
run(void *argument)
{
    struct dsql__fetch *fetch = argument;
    int wake = fetch->wake_write;
    fetch->failure =
        dsql_credentials_get(&fetch->credentials, &fetch->options, &fetch->env, 1, &fetch->error);
    atomic_store(&fetch->answered, true);
    release(fetch);
    (void)!write(wake, "", 1); /* nobody may read it: SIGPIPE is blocked in this thread */
    close(wake);
    return NULL;
}

/* Signals stay with the program's own threads. */
static int
start_thread(struct dsql__fetch *fetch)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int why = pthread_create(&fetch->thread, NULL, run, fetch);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why;
}

static int
copy_text(const char *text, const char **copy)
{
    *copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *copy != NULL ? 0 : DSQL_E_NOMEM;
}

int
dsql__fetch_start(const struct dsql_credentials_options *options, const struct dsql_env *env,
                  bool borrowed, struct dsql__fetch **fetch, struct dsql_error *error)
{
    int ends[2];
    struct dsql__fetch *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return dsql__fail_nomem(error);
    }
    made->env = *env;
    made->borrowed = borrowed;
    made->process = getpid();
    atomic_init(&made->references, 1);
    atomic_init(&made->answered, false);
    if (copy_text(options->profile, &made->options.profile) != 0 ||
        copy_text(options->credentials_file, &made->options.credentials_file) != 0) {
        release(made);
        return dsql__fail_nomem(error);
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        int why = errno;
        release(made);
        return dsql__fail(error, DSQL_E_IO, "cannot make a pipe: %s", strerror(why));
    }
    made->wake_read = ends[0];
    made->wake_write = ends[1];
    atomic_store(&made->references, 2);
    int why = start_thread(made);
    if (why != 0) {
        close(ends[0]);
        close(ends[1]);
        atomic_store(&made->references, 1);
        release(made);
        return dsql__fail(error, DSQL_E_IO, "cannot start a thread to ask for credentials: %s",
                          strerror(why));
    }
    *fetch = made;
    return 0;
}

int
dsql__fetch_fd(const struct dsql__fetch *fetch)
{
    return fetch->wake_read;
}

int
dsql__fetch_poll(struct dsql__fetch *fetch, struct dsql_credentials *credentials,
                 struct dsql_error *error)
{
    if (!atomic_load(&fetch->answered)) {
        return DSQL_WANT_READ;
    }
    if (fetch->failure != 0) {
        return dsql__fail(error, fetch->failure, "%s", fetch->error.message);
    }
    *credentials = fetch->credentials;
    memset(&fetch->credentials, 0, sizeof fetch->credentials); /* they are the caller's now */
    return 0;
}

void
dsql__fetch_free(struct dsql__fetch *fetch)
{
    if (fetch == NULL) {
        return;
    }
    close(fetch->wake_read);
    if (fetch->process != getpid()) {
        return; /* a child after fork() has not the thread, which would have the last word */
    }
    if (fetch->borrowed) {
        pthread_join(fetch->thread, NULL);
    } else {
        pthread_detach(fetch->thread);
    }
    release(fetch);
}
