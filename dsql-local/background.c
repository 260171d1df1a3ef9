/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The ready line, and the endpoint that programs share; see background.h. */
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "files.h"

#define WAIT_SECONDS 180
#define NAPS_PER_SECOND 50

int
local_ready_announce(const struct local_options *options, const struct local_state *state, int port,
                     struct dsql_error *error)
{
    char line[4096];
    bool loopback = strncmp(options->listen, "127.", 4) == 0 || strcmp(options->listen, "::1") == 0;
    int length = snprintf(line, sizeof line,
                          "ready host=%s port=%d cluster=%s region=%s ca=%s credentials=%s\n",
                          loopback ? "localhost" : options->listen, port, state->cluster_id,
                          state->region, state->ca_file, state->credentials_file);
    int failure = local_file_write(state->ready_file, line, (size_t)length, 0600, error);
    if (failure == 0 && options->ready_file != NULL) {
        failure = local_file_write(options->ready_file, line, (size_t)length, 0600, error);
    }
    if (failure == 0) {
        fputs(line, stdout);
        fflush(stdout);
    }
    return failure;
}

static void
nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000000L / NAPS_PER_SECOND}, NULL);
}

/* Whether somebody serves this directory: only the kernel's word counts. */
static bool
is_served(const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool served = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return served;
}

static bool
print_ready(const char *dir)
{
    char path[PATH_MAX], line[4096];
    snprintf(path, sizeof path, "%s/ready", dir);
    local_file_line(path, line, sizeof line);
    if (strncmp(line, "ready ", 6) != 0 || !is_served(dir)) {
        return false;
    }
    puts(line);
    return true;
}

/* The arguments again, without --background. */
static char **
foreground_arguments(char **argv)
{
    size_t count = 0, kept = 0;
    while (argv[count] != NULL) {
        count++;
    }
    char **arguments = calloc(count + 3, sizeof *arguments);
    bool port = false;
    for (size_t i = 0; arguments != NULL && i < count; i++) {
        if (strcmp(argv[i], "--background") != 0) {
            arguments[kept++] = argv[i];
        }
        port |= strncmp(argv[i], "--port", 6) == 0;
    }
    if (arguments != NULL && !port) {
        static char option[] = "--port=0";
        arguments[kept] = option;
    }
    return arguments;
}

/* Starts ourselves anew, detached; what it says goes to the log, of which
 * *said is where this run begins. The child's process id, or -1. */
static pid_t
start_detached(const char *dir, char **argv, off_t *said)
{
    char path[PATH_MAX];
    char **arguments = foreground_arguments(argv);
    snprintf(path, sizeof path, "%s/log", dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (arguments == NULL || log < 0) {
        free(arguments);
        return -1;
    }
    *said = lseek(log, 0, SEEK_END);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        setsid();
        dup2(null, 0);
        dup2(null, 1);
        dup2(log, 2);
        close_range(3, ~0U, 0);
        execv("/proc/self/exe", arguments);
        _exit(127);
    }
    close(log);
    free(arguments);
    return pid;
}

/* What a failed start wrote to the log becomes our own word. */
static int
repeat_log(const char *dir, off_t from)
{
    char path[PATH_MAX], text[4096];
    snprintf(path, sizeof path, "%s/log", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? pread(fd, text, sizeof text, from) : 0;
    if (fd >= 0) {
        close(fd);
    }
    if (got > 0) {
        (void)!write(STDERR_FILENO, text, (size_t)got);
    } else {
        fprintf(stderr, "dsql-local: the endpoint ended while it was starting; see %s\n", path);
    }
    return 1;
}

/* One at a time decides whether to start; the others then find it served. */
static int
take_turn(const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/starting", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int
find_or_start(const char *dir, char **argv)
{
    pid_t pid = 0;
    off_t said = 0;
    for (int naps = 0; naps < WAIT_SECONDS * NAPS_PER_SECOND; naps++) {
        int status;
        if (print_ready(dir)) {
            return 0;
        }
        if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
            return repeat_log(dir, said);
        }
        if (pid == 0 && !is_served(dir)) {
            pid = start_detached(dir, argv, &said);
            if (pid < 0) {
                fprintf(stderr, "dsql-local: cannot start in %s: %s\n", dir, strerror(errno));
                return 1;
            }
        }
        nap();
    }
    fprintf(stderr, "dsql-local: the endpoint of %s did not become ready within %d s\n", dir,
            WAIT_SECONDS);
    return 1;
}

int
local_background(const struct local_options *options, char **argv)
{
    char dir[PATH_MAX];
    struct dsql_error error;
    if (local_state_directory(options, dir, sizeof dir, &error) != 0 ||
        local_state_make_directory(dir, &error) != 0) {
        fprintf(stderr, "dsql-local: %s\n", error.message);
        return 1;
    }
    if (print_ready(dir)) {
        return 0;
    }
    int turn = take_turn(dir);
    if (turn < 0) {
        fprintf(stderr, "dsql-local: cannot write into %s: %s\n", dir, strerror(errno));
        return 1;
    }
    int status = find_or_start(dir, argv);
    close(turn);
    return status;
}
