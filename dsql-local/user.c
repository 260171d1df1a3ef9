/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The operating-system user that PostgreSQL runs as. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "postgres.h"

static void
take_user(struct local_user *user, const struct passwd *entry)
{
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    snprintf(user->name, sizeof user->name, "%s", entry->pw_name);
}

int
local_user_choose(struct local_user *user, const char *datadir, struct dsql_error *error)
{
    static const char *const names[] = {"postgres", "nobody"};
    const struct passwd *entry;
    struct stat facts;
    *user = (struct local_user){.other = geteuid() == 0, .uid = geteuid(), .gid = getegid()};
    if (!user->other) {
        entry = getpwuid(user->uid);
        snprintf(user->name, sizeof user->name, "%s", entry ? entry->pw_name : "like us");
        return 0;
    }
    if (stat(datadir, &facts) == 0 && facts.st_uid != 0 &&
        (entry = getpwuid(facts.st_uid)) != NULL) {
        take_user(user, entry);
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        entry = getpwnam(names[i]);
        if (entry != NULL && entry->pw_uid != 0) {
            take_user(user, entry);
            return 0;
        }
    }
    return dsql__fail(error, DSQL_E_IO,
                      "PostgreSQL does not run as root and there is no user \"postgres\" or "
                      "\"nobody\" to run it as: run dsql-local as another user");
}

int
local_user_become(const struct local_user *user)
{
    if (!user->other) {
        return 0;
    }
    return setgroups(0, NULL) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0 ? -1 : 0;
}

int
local_user_own(const struct local_user *user, const char *path)
{
    return user->other ? lchown(path, user->uid, user->gid) : 0;
}

int
local_user_can(const struct local_user *user, const char *path, int mode)
{
    int status;
    if (!user->other) {
        return access(path, mode);
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(local_user_become(user) == 0 && access(path, mode) == 0 ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

bool
local_process_is_in(pid_t pid, const char *dir)
{
    char link[64], cwd[PATH_MAX], real[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%ld/cwd", (long)pid);
    ssize_t length = readlink(link, cwd, sizeof cwd - 1);
    if (length < 0 || realpath(dir, real) == NULL) {
        return false;
    }
    cwd[length] = '\0';
    return strcmp(cwd, real) == 0;
}
