/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The real environment, files and clock, behind struct dsql_env. */
#include "env.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
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
#include "wire.h"

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

/* *home: HOME, or without it what the system knows of this user (services of systemd
 * have no HOME); NULL: neither. 0 or DSQL_E_NOMEM. */
static int
find_home(const struct dsql_env *env, char **home)
{
    const char *set = env->get(env->context, "HOME");
    char text[4096];
    struct passwd user, *found = NULL;
    *home = NULL;
    if (set == NULL && dsql__env_is_real(env) &&
        getpwuid_r(getuid(), &user, text, sizeof text, &found) == 0 && found != NULL) {
        set = user.pw_dir;
    }
    if (set == NULL || *set == '\0') {
        return 0;
    }
    *home = strdup(set);
    return *home != NULL ? 0 : DSQL_E_NOMEM;
}

int
dsql__env_home_path(const struct dsql_env *env, const char *tail, char **path)
{
    char *home;
    *path = NULL;
    int failure = find_home(env, &home);
    if (failure != 0 || home == NULL) {
        return failure;
    }
    size_t size = strlen(home) + strlen(tail) + 2;
    *path = malloc(size);
    if (*path != NULL) {
        snprintf(*path, size, "%s/%s", home, tail);
    }
    free(home);
    return *path != NULL ? 0 : DSQL_E_NOMEM;
}

/* The length of $NAME or ${NAME} at the beginning; 0: there is none. */
static size_t
variable_length(const char *text, char *name, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    bool braced = text[1] == '{';
    const char *from = text + 1 + braced;
    size_t length = braced ? strcspn(from, "}") : strspn(from, letters);
    if (length == 0 || length >= size || (braced && from[length] != '}')) {
        return 0;
    }
    memcpy(name, from, length);
    name[length] = '\0';
    return 1 + length + (braced ? 2 : 0);
}

/* A variable that is not set stays as it is written. */
static void
put_expanded(const struct dsql_env *env, const char *text, struct dsql__buffer *to)
{
    char name[128];
    while (*text != '\0') {
        size_t length = *text == '$' ? variable_length(text, name, sizeof name) : 0;
        const char *value = length > 0 ? env->get(env->context, name) : NULL;
        if (value != NULL) {
            dsql__buffer_put(to, value, strlen(value));
            text += length;
        } else {
            dsql__put_byte(to, *text++);
        }
    }
    dsql__put_byte(to, '\0');
}

int
dsql__env_expand(const struct dsql_env *env, const char *path, char **expanded)
{
    struct dsql__buffer text = {0};
    *expanded = NULL;
    put_expanded(env, path, &text);
    int failure = text.failed ? DSQL_E_NOMEM : 0;
    const char *plain = dsql__buffer_begin(&text);
    if (failure == 0 && plain[0] == '~' && plain[1] == '/') {
        failure = dsql__env_home_path(env, plain + 2, expanded);
    }
    if (failure == 0 && *expanded == NULL) {
        *expanded = strdup(plain);
        failure = *expanded != NULL ? 0 : DSQL_E_NOMEM;
    }
    dsql__buffer_clear(&text);
    return failure;
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
