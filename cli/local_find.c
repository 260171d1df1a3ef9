/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Finding the user's own dsql-local; see local.h. */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"

#define IDLE_EXIT_SECONDS "600"

/* The next word NAME=VALUE of a ready line, VALUE up to a blank, or with the name
 * of the next word given up to that; NULL when it is not there. */
static char *
take_word(char **at, const char *name, const char *next)
{
    size_t length = strlen(name);
    char *value = *at;
    if (value == NULL || strncmp(value, name, length) != 0) {
        return NULL;
    }
    value += length;
    char *end = strstr(value, next);
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    *at = end + 1;
    return value;
}

int
cli_local_parse(struct cli_ready *local, struct dsql_error *error)
{
    char *at = local->line, *port;
    local->line[strcspn(local->line, "\n")] = '\n';
    bool ready = strncmp(at, "ready ", 6) == 0;
    at += ready ? 6 : 0;
    local->host = take_word(&at, "host=", " port=");
    port = take_word(&at, "port=", " cluster=");
    local->cluster = take_word(&at, "cluster=", " region=");
    local->region = take_word(&at, "region=", " ca=");
    local->ca = take_word(&at, "ca=", " credentials=");
    local->credentials = take_word(&at, "credentials=", "\n");
    local->port = port != NULL ? atoi(port) : 0;
    if (!ready || local->credentials == NULL || local->ca == NULL || local->region == NULL ||
        local->cluster == NULL || local->host == NULL || local->port < 1 || local->port > 65535) {
        return dsql__fail(error, DSQL_E_PROTOCOL,
                          "dsql-local did not say where it is; see its log");
    }
    return 0;
}

/* --------------------------------------------------------------- the program */

static bool
is_program(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && access(path, X_OK) == 0;
}

/* In a folder of PATH. */
static bool
find_in_path(char path[PATH_MAX])
{
    const char *folders = getenv("PATH");
    while (folders != NULL && *folders != '\0') {
        size_t length = strcspn(folders, ":");
        if (length > 0 &&
            snprintf(path, PATH_MAX, "%.*s/dsql-local", (int)length, folders) < PATH_MAX &&
            is_program(path)) {
            return true;
        }
        folders += length + (folders[length] == ':');
    }
    return false;
}

int
cli_local_program(char path[PATH_MAX], struct dsql_error *error)
{
    static const char name[] = "dsql-local";
    const char *named = getenv("DSQL_LOCAL");
    if (named != NULL && *named != '\0') {
        snprintf(path, PATH_MAX, "%s", named);
        return 0;
    }
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof name);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        memcpy(slash + 1, name, sizeof name);
        if (is_program(path)) {
            return 0;
        }
    }
    if (find_in_path(path)) {
        return 0;
    }
    return dsql__fail(error, DSQL_E_UNSUPPORTED,
                      "dsql-local is not installed: it is built where libpg_query and libuv are "
                      "found (Debian, Ubuntu: apt-get install libpg-query-dev libuv1-dev, then "
                      "install again)");
}

/* ------------------------------------------------------------------ asking it */

static pid_t
start(const char *path, int output)
{
    const char *const arguments[] = {"dsql-local", "--background", "--idle-exit", IDLE_EXIT_SECONDS,
                                     NULL};
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(output, STDOUT_FILENO) < 0) {
            _exit(126);
        }
        /* execv() does not change them, though its type does not say so. */
        execv(path, (char *const *)(uintptr_t)arguments);
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        _exit(127);
    }
    return pid;
}

static int
read_line(int fd, char *line, size_t size)
{
    size_t have = 0;
    ssize_t got = 1;
    while (got > 0 && have < size - 1) {
        got = read(fd, line + have, size - 1 - have);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    line[have] = '\0';
    return have > 0 && line[have - 1] == '\n' ? 0 : -1;
}

int
cli_local_find(struct cli_ready *local, struct dsql_error *error)
{
    char path[PATH_MAX];
    int ends[2], status = 0;
    int failure = cli_local_program(path, error);
    if (failure != 0) {
        return failure;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make a pipe: %s", strerror(errno));
    }
    pid_t pid = start(path, ends[1]);
    close(ends[1]);
    int read = pid > 0 ? read_line(ends[0], local->line, sizeof local->line - 1) : -1;
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || read != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return dsql__fail(error, DSQL_E_IO, "the local endpoint did not start (%.300s)", path);
    }
    return cli_local_parse(local, error);
}
