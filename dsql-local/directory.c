/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where an endpoint's data directory is, and who serves it; see directory.h. */
#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"

int
local_state_directory(const char *given, char *path, size_t size, struct dsql_error *error)
{
    const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME");
    char cwd[PATH_MAX];
    int length;
    if (given != NULL && given[0] == '/') {
        length = snprintf(path, size, "%s", given);
    } else if (given != NULL) {
        if (getcwd(cwd, sizeof cwd) == NULL) {
            return dsql__fail(error, DSQL_E_IO, "the current directory cannot be found: %s",
                              strerror(errno));
        }
        length = snprintf(path, size, "%s/%s", cwd, given);
    } else if (data != NULL && data[0] == '/') {
        length = snprintf(path, size, "%s/dsql-local", data);
    } else if (geteuid() == 0) { /* whose home PostgreSQL's user could not reach */
        length = snprintf(path, size, "/var/lib/dsql-local");
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(path, size, "%s/.local/share/dsql-local", home);
    } else {
        return dsql__fail(error, DSQL_E_IO,
                          "there is no home directory to keep data in: give --data DIR or "
                          "--ephemeral");
    }
    if (length < 0 || (size_t)length >= size) {
        return dsql__fail(error, DSQL_E_IO, "the path of the data directory is too long");
    }
    return 0;
}

/* Only the kernel's word counts. */
bool
local_is_served(const char *dir)
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

/* A socket's name has 107 bytes, a directory's path may have more: it is opened,
 * and named by its descriptor. */
int
local_stats_socket_of(const char *dir, bool with_listen)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return -1;
    }
    int flags = with_listen ? SOCK_NONBLOCK : 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" LOCAL_STATS_SOCKET,
             folder);
    bool good = fd >= 0;
    if (good && with_listen) {
        unlink(address.sun_path);
        mode_t mask = umask(0177);
        good = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0;
        umask(mask);
    } else if (good) {
        good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    }
    int why = errno;
    close(folder);
    if (!good && fd >= 0) {
        close(fd);
        fd = -1;
    }
    errno = why;
    return fd;
}
