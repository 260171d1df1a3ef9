/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* credential_process: a program whose standard output tells the keys as JSON.
 * It runs without a shell, with this process's environment, and with no
 * descriptor of ours but its three. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../env.h"
#include "../error.h"
#include "../wire.h"
#include "source.h"
#include "words.h"

#define TIMEOUT_MS 60000
#define OUTPUT_LIMIT ((size_t)256 << 10)

extern char **environ;

struct program {
    pid_t pid;
    int ends[2]; /* of its standard output and standard error, to read */
    struct dsql__buffer output, errors;
    int status;
    bool exited, timed_out, too_long;
};

/* Signals as they are by default, whatever this thread blocks. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int why = posix_spawnattr_setsigmask(attributes, &none);
    if (why == 0) {
        why = posix_spawnattr_setsigdefault(attributes, &all);
    }
    if (why == 0) {
        why = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    return why;
}

static int
set_files(posix_spawn_file_actions_t *actions, int output, int errors)
{
    int why = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (why == 0) {
        why = posix_spawn_file_actions_adddup2(actions, output, 1);
    }
    if (why == 0) {
        why = posix_spawn_file_actions_adddup2(actions, errors, 2);
    }
#ifdef HAVE_CLOSEFROM
    if (why == 0) {
        why = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    }
#endif
    return why;
}

/* 0 or an errno. */
static int
spawn(char **words, int output, int errors, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int why = posix_spawn_file_actions_init(&actions);
    if (why != 0) {
        return why;
    }
    why = posix_spawnattr_init(&attributes);
    if (why == 0) {
        why = set_attributes(&attributes);
        if (why == 0) {
            why = set_files(&actions, output, errors);
        }
        if (why == 0) {
            why = posix_spawnp(pid, words[0], &actions, &attributes, words, environ);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return why;
}

static void
close_both(const int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
}

/* Above the three numbers that the program gets anew, which may be free here. 0
 * or an errno. */
static int
make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] < 3) {
            int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, 3), why = errno;
            close(ends[i]);
            ends[i] = moved;
            if (moved < 0) {
                close_both(ends);
                return why;
            }
        }
    }
    return 0;
}

static int
start(char **words, struct program *program)
{
    int output[2], errors[2];
    int why = make_pipe(output);
    if (why != 0) {
        return why;
    }
    why = make_pipe(errors);
    if (why != 0) {
        close_both(output);
        return why;
    }
    why = spawn(words, output[1], errors[1], &program->pid);
    if (why != 0) {
        close_both(output);
        close_both(errors);
        return why;
    }
    close(output[1]);
    close(errors[1]);
    program->ends[0] = output[0];
    program->ends[1] = errors[0];
    return 0;
}

/* What is there to be read; the end closes the descriptor. */
static void
read_some(int *fd, struct dsql__buffer *buffer, bool *too_long)
{
    char bytes[4096];
    ssize_t got = read(*fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (got <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    if (dsql__buffer_length(buffer) + (size_t)got > OUTPUT_LIMIT) {
        *too_long = true;
    } else {
        dsql__buffer_put(buffer, bytes, (size_t)got);
    }
    explicit_bzero(bytes, (size_t)got);
}

static void
read_all(struct program *program)
{
    int64_t deadline = dsql__monotonic_ms() + TIMEOUT_MS;
    while ((program->ends[0] >= 0 || program->ends[1] >= 0) && !program->too_long) {
        struct pollfd fds[2] = {{program->ends[0], POLLIN, 0}, {program->ends[1], POLLIN, 0}};
        int64_t left = deadline - dsql__monotonic_ms();
        if (left <= 0) {
            program->timed_out = true;
            break;
        }
        if (poll(fds, 2, (int)left) <= 0) {
            continue;
        }
        if (fds[0].revents != 0) {
            read_some(&program->ends[0], &program->output, &program->too_long);
        }
        if (fds[1].revents != 0) {
            bool ignored;
            read_some(&program->ends[1], &program->errors, &ignored);
        }
    }
}

/* Who closed its output is at its end; another is ended. Whoever reaps all
 * children of the process may have been faster: then it counts as good. */
static void
finish(struct program *program)
{
    if (program->timed_out || program->too_long) {
        kill(program->pid, SIGKILL);
    }
    pid_t reaped;
    do {
        reaped = waitpid(program->pid, &program->status, 0);
    } while (reaped < 0 && errno == EINTR);
    if (reaped < 0) {
        program->status = 0;
    }
    close_both(program->ends);
}

static void
program_clear(struct program *program)
{
    dsql__buffer_clear(&program->output);
    dsql__buffer_clear(&program->errors);
}

/* The first line of what it said to people. */
static int
failed(const struct dsql__source_request *request, const struct program *program,
       struct dsql_error *error)
{
    const char *said = dsql__buffer_begin(&program->errors);
    size_t length = dsql__buffer_length(&program->errors);
    const char *end = length > 0 ? memchr(said, '\n', length) : NULL;
    int shown = (int)(end != NULL ? end - said : (ptrdiff_t)(length < 200 ? length : 200));
    shown = shown > 200 ? 200 : shown;
    bool by_signal = WIFSIGNALED(program->status);
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "credential_process of the profile \"%.60s\" ended with %s %d%s%.*s",
                      request->profile->name, by_signal ? "signal" : "status",
                      by_signal ? WTERMSIG(program->status) : WEXITSTATUS(program->status),
                      shown > 0 ? ": " : "", shown, shown > 0 ? said : "");
}

static int
read_answer(const struct dsql__source_request *request, const struct program *program,
            struct dsql_credentials *credentials, struct dsql_error *error)
{
    static const struct dsql__answer_names names = {
        "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", false, false, false,
    };
    struct dsql__json answer;
    int64_t version;
    const char *wrong = "is no JSON", *text = dsql__buffer_begin(&program->output);
    int failure =
        dsql__json_parse(text != NULL ? text : "", dsql__buffer_length(&program->output), &answer);
    if (failure == 0 &&
        (!dsql__json_integer(dsql__json_member(answer, "Version"), &version) || version != 1)) {
        wrong = "is not of \"Version\": 1";
        failure = DSQL_E_PROTOCOL;
    }
    if (failure == 0) {
        failure = dsql__answer_read(answer, &names, credentials, &wrong);
    }
    if (failure == DSQL_E_PROTOCOL) {
        return dsql__fail(error, failure,
                          "the answer of credential_process of the profile \"%.60s\" %s",
                          request->profile->name, wrong);
    }
    return failure == 0 ? 0 : dsql__fail_nomem(error);
}

static int
run(const struct dsql__source_request *request, char **words, struct dsql_credentials *credentials,
    struct dsql_error *error)
{
    struct program program = {0};
    int why = words[0] != NULL ? start(words, &program) : ENOENT;
    if (why != 0) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "credential_process of the profile \"%.60s\" cannot be run: %s",
                          request->profile->name, strerror(why));
    }
    read_all(&program);
    finish(&program);
    int failure;
    if (program.output.failed) {
        failure = dsql__fail_nomem(error);
    } else if (program.timed_out || program.too_long) {
        failure =
            dsql__fail(error, DSQL_E_CREDENTIALS, "credential_process of the profile \"%.60s\" %s",
                       request->profile->name,
                       program.timed_out ? "takes longer than a minute" : "writes too much");
    } else if (program.status != 0) {
        failure = failed(request, &program, error);
    } else {
        failure = read_answer(request, &program, credentials, error);
    }
    program_clear(&program);
    return failure;
}

int
dsql__source_process(struct dsql__source_request *request, struct dsql_credentials *credentials,
                     struct dsql_error *error)
{
    char *line, **words = NULL;
    if (dsql__profile_copy(request->profile, "credential_process", &line) != 0) {
        return dsql__fail_nomem(error);
    }
    if (line == NULL) {
        return DSQL__NEXT;
    }
    int failure = dsql__ask_outside(request);
    if (failure == 0) {
        failure = dsql__words_split(line, &words);
        if (failure == DSQL_E_CONFIG) {
            failure = dsql__fail(error, failure,
                                 "credential_process of the profile \"%.60s\" has a quote that is "
                                 "not closed",
                                 request->profile->name);
        } else if (failure != 0) {
            failure = dsql__fail_nomem(error);
        }
    }
    if (failure == 0) {
        failure = run(request, words, credentials, error);
    }
    free(words);
    dsql__wipe_free(line);
    credentials->source = "process";
    return failure;
}
