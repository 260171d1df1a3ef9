/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The real environment, files and clock, behind struct dsql_env. */
#include "env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "http.h"

/* No configuration file of a sane machine is larger. */
#define FILE_LIMIT ((off_t)16 << 20)

static const char *
real_get(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static int64_t
real_now(void *context)
{
    (void)context;
    return (int64_t)time(NULL);
}

static int
read_all(int fd, size_t size, char **data, size_t *read_size)
{
    char *bytes = malloc(size + 1);
    if (bytes == NULL) {
        return DSQL_E_NOMEM;
    }
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(fd, bytes + have, size - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            OPENSSL_cleanse(bytes, have);
            free(bytes);
            return DSQL_E_IO;
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
    }
    bytes[have] = '\0';
    *data = bytes;
    *read_size = have;
    return 0;
}

static int
real_read_file(void *context, const char *path, char **data, size_t *size)
{
    struct stat facts;
    (void)context;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return DSQL_E_IO;
    }
    int failure = DSQL_E_IO;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size <= FILE_LIMIT) {
        failure = read_all(fd, (size_t)facts.st_size, data, size);
    }
    close(fd);
    return failure;
}

struct dsql_env
dsql__env_complete(const struct dsql_env *env)
{
    struct dsql_env whole = {0};
    if (env != NULL) {
        whole = *env;
    }
    whole.get = whole.get ? whole.get : real_get;
    whole.read_file = whole.read_file ? whole.read_file : real_read_file;
    whole.now = whole.now ? whole.now : real_now;
    whole.http = whole.http ? whole.http : &dsql__curl;
    return whole;
}

bool
dsql__env_is_real(const struct dsql_env *env)
{
    return env->get == real_get && env->read_file == real_read_file;
}

int
dsql__env_copy(const struct dsql_env *env, const char *name, char **value)
{
    const char *found = env->get(env->context, name);
    *value = NULL;
    if (found == NULL || *found == '\0') {
        return 0;
    }
    *value = strdup(found);
    return *value ? 0 : DSQL_E_NOMEM;
}

int
dsql__env_home_path(const struct dsql_env *env, const char *tail, char **path)
{
    const char *home = env->get(env->context, "HOME");
    *path = NULL;
    if (home == NULL || *home == '\0') {
        return 0;
    }
    size_t size = strlen(home) + strlen(tail) + 2;
    *path = malloc(size);
    if (*path == NULL) {
        return DSQL_E_NOMEM;
    }
    snprintf(*path, size, "%s/%s", home, tail);
    return 0;
}

int
dsql__env_expand(const struct dsql_env *env, const char *path, char **expanded)
{
    if (path[0] == '~' && path[1] == '/') {
        int failure = dsql__env_home_path(env, path + 2, expanded);
        if (failure != 0 || *expanded != NULL) {
            return failure;
        }
    }
    *expanded = strdup(path);
    return *expanded ? 0 : DSQL_E_NOMEM;
}

int64_t
dsql__monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t
dsql__random(void)
{
    uint32_t number;
    if (RAND_bytes((unsigned char *)&number, sizeof number) != 1) {
        ERR_clear_error();
        number = 0;
    }
    return number;
}
