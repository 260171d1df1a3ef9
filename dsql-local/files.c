/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files and directory trees; see files.h. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

#define TREE_DEPTH 32

static int
write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return -1;
        }
        bytes += put;
        size -= (size_t)put;
    }
    return 0;
}

int
local_file_write(const char *path, const void *bytes, size_t size, mode_t mode,
                 struct dsql_error *error)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid()) >= (int)sizeof beside) {
        return dsql__fail(error, DSQL_E_IO, "the path %.200s is too long", path);
    }
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot write %.300s: %s", beside, strerror(errno));
    }
    int failed = fchmod(fd, mode) != 0 || write_all(fd, bytes, size) != 0 || fsync(fd) != 0;
    failed |= close(fd) != 0;
    if (failed || rename(beside, path) != 0) {
        int why = errno;
        unlink(beside);
        return dsql__fail(error, DSQL_E_IO, "cannot write %.300s: %s", path, strerror(why));
    }
    return 0;
}

void
local_file_line(const char *path, char *line, size_t size)
{
    line[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t got = read(fd, line, size - 1);
    close(fd);
    line[got > 0 ? got : 0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
}

static int
remove_one(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    (void)!remove(path);
    return 0;
}

void
local_tree_remove(const char *path)
{
    nftw(path, remove_one, TREE_DEPTH, FTW_DEPTH | FTW_PHYS);
}

/* nftw() has no argument for its function; the program has one thread. */
static struct {
    size_t from_length;
    const char *to;
} copying;

static int
copy_file(const char *from, const char *to, const struct stat *facts)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    off_t left = facts->st_size;
    while (in >= 0 && out >= 0 && left > 0) {
        ssize_t sent = sendfile(out, in, NULL, (size_t)left);
        if (sent <= 0) {
            break;
        }
        left -= sent;
    }
    int failed =
        in < 0 || out < 0 || left > 0 || fchmod(out, (facts->st_mode & 0111) ? 0755 : 0644) != 0;
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        failed |= close(out) != 0;
    }
    return failed ? -1 : 0;
}

static int
copy_one(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    char to[PATH_MAX], target[PATH_MAX];
    (void)where;
    if (snprintf(to, sizeof to, "%s%s", copying.to, path + copying.from_length) >= (int)sizeof to) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (kind == FTW_D) {
        return mkdir(to, 0755) == 0 || errno == EEXIST ? chmod(to, 0755) : -1;
    }
    if (kind == FTW_SL) {
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length < 0) {
            return -1;
        }
        target[length] = '\0';
        return symlink(target, to) == 0 || errno == EEXIST ? 0 : -1;
    }
    return kind == FTW_F ? copy_file(path, to, facts) : -1;
}

int
local_tree_copy(const char *from, const char *to, struct dsql_error *error)
{
    copying.from_length = strlen(from);
    copying.to = to;
    if (nftw(from, copy_one, TREE_DEPTH, FTW_PHYS) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot copy %.200s to %.200s: %s", from, to,
                          strerror(errno));
    }
    return 0;
}
