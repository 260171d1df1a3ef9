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

#include "directory.h"
#include "error.h"
#include "files.h"

#define WAIT_SECONDS 180
#define NAPS_PER_SECOND 50
#define NOT_READY (-1)

int
local_ready_announce(const struct local_options *options, const struct local_state *state, int port,
                     struct dsql_error *error)
{
    char line[4096];
    const char *at = options->listen;
    bool here = strncmp(at, "127.", 4) == 0 || strcmp(at, "::1") == 0 ||
                strcmp(at, "0.0.0.0") == 0 || strcmp(at, "::") == 0;
    int length = snprintf(line, sizeof line,
                          "ready host=%s port=%d cluster=%s region=%s ca=%s credentials=%s\n",
                          here ? "localhost" : at, port, state->cluster_id, state->region,
                          state->ca_file, state->credentials_file);
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

/* NOT_READY when nobody serves the directory yet, else the exit status. */
static int
print_ready(const struct local_options *options, const char *dir)
{
    char path[PATH_MAX], line[4096];
    struct dsql_error error;
    snprintf(path, sizeof path, "%s/ready", dir);
    local_file_line(path, line, sizeof line - 1);
    if (strncmp(line, "ready ", 6) != 0 || !local_is_served(dir)) {
        return NOT_READY;
    }
    size_t length = strlen(line);
    line[length++] = '\n';
    if (options->ready_file != NULL &&
        local_file_write(options->ready_file, line, length, 0600, &error) != 0) {
        fprintf(stderr, "dsql-local: %s\n", error.message);
        return 1;
    }
    return fwrite(line, length, 1, stdout) == 1 && fflush(stdout) == 0 ? 0 : 1;
}

/* The command line of an endpoint in the foreground. */
struct command {
    const char *arguments[48];
    size_t count;
    char numbers[12][16]; /* as text */
    size_t number_count;
    char postgres[PATH_MAX];
};

static void
add_option(struct command *command, const char *name, const char *value)
{
    command->arguments[command->count++] = name;
    if (value != NULL) {
        command->arguments[command->count++] = value;
    }
}

static void
add_number(struct command *command, const char *name, int value)
{
    char *text = command->numbers[command->number_count++];
    snprintf(text, sizeof command->numbers[0], "%d", value);
    add_option(command, name, text);
}

/* All paths absolute: the endpoint leaves our directory. */
static void
make_command(const struct local_options *options, const char *name, const char *dir,
             struct command *command)
{
    *command = (struct command){0};
    add_option(command, name, NULL);
    add_option(command, "--data", dir);
    add_option(command, "--listen", options->listen);
    add_option(command, "--region", options->region);
    add_number(command, "--port", options->port);
    add_number(command, "--rtt", options->rtt_ms);
    add_number(command, "--idle-exit", options->idle_exit_s);
    add_number(command, "--drain", options->drain_s);
    add_number(command, "--connection-rate", options->connection_rate);
    add_number(command, "--max-connections", options->max_connections);
    add_number(command, "--max-connection-age", options->connection_age_s);
    add_number(command, "--max-transaction-age", options->transaction_age_s);
    add_number(command, "--job-delay", options->job_delay_ms);
    if (options->postgres != NULL) {
        bool found = realpath(options->postgres, command->postgres) != NULL;
        add_option(command, "--postgres", found ? command->postgres : options->postgres);
    }
    if (options->inject_text != NULL) {
        add_option(command, "--inject", options->inject_text);
    }
    if (options->listen_public) {
        add_option(command, "--allow-public-listen", NULL);
    }
    if (options->verbose) {
        add_option(command, "--verbose", NULL);
    }
}

/* Starts ourselves anew, detached; what it says goes to the log, of which
 * *said is where this run begins. The child's process id, or -1. */
static pid_t
start_detached(const char *dir, const struct command *command, off_t *said)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/log", dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) {
        return -1;
    }
    *said = lseek(log, 0, SEEK_END);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        setsid();
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0 ||
            chdir("/") != 0) {
            _exit(126);
        }
        close_range(3, ~0U, 0);
        /* execv() does not change them, though its type does not say so. */
        execv("/proc/self/exe", (char *const *)(uintptr_t)command->arguments);
        _exit(127);
    }
    close(log);
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
find_or_start(const struct local_options *options, const char *dir, const struct command *command)
{
    pid_t pid = 0;
    off_t said = 0;
    for (int naps = 0; naps < WAIT_SECONDS * NAPS_PER_SECOND; naps++) {
        int status = print_ready(options, dir);
        if (status != NOT_READY) {
            return status;
        }
        if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
            if (!local_is_served(dir)) {
                return repeat_log(dir, said);
            }
            pid = 0; /* one in the foreground was faster: wait for that */
        }
        if (pid == 0 && !local_is_served(dir)) {
            pid = start_detached(dir, command, &said);
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
local_background(const struct local_options *options, const char *name)
{
    char dir[PATH_MAX];
    struct dsql_error error;
    struct command command;
    if (local_state_directory(options->data, dir, sizeof dir, &error) != 0 ||
        local_state_make_directory(dir, &error) != 0) {
        fprintf(stderr, "dsql-local: %s\n", error.message);
        return 1;
    }
    int status = print_ready(options, dir);
    if (status != NOT_READY) {
        return status;
    }
    int turn = take_turn(dir);
    if (turn < 0) {
        fprintf(stderr, "dsql-local: cannot write into %s: %s\n", dir, strerror(errno));
        return 1;
    }
    make_command(options, name, dir, &command);
    status = find_or_start(options, dir, &command);
    close(turn);
    return status;
}
