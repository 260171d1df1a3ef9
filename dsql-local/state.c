/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The data directory: where it is, that it is ours alone, and what identifies
 * the endpoint. Layout: lock, cluster, region, ca.pem, ca.key, server.pem,
 * server.key, credentials, ready, log; pg/ is PostgreSQL's and belongs to the
 * user under which it runs. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "directory.h"
#include "error.h"
#include "files.h"
#include "keys.h"
#include "pki.h"

#define LOCK_TRIES 25

/* Makes a directory and those above it. */
static int
make_path(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            if (mkdir(part, 0755) != 0 && errno != EEXIST) {
                return -1;
            }
            *at = '/';
        }
    }
    return mkdir(part, mode) == 0 || errno == EEXIST ? 0 : -1;
}

/* As root the directory is traversed by the user that PostgreSQL runs as. */
static mode_t
directory_mode(void)
{
    return geteuid() == 0 ? 0711 : 0700;
}

static int
ephemeral_directory(struct local_state *state, struct dsql_error *error)
{
    const char *place = getenv("TMPDIR");
    if (place == NULL || place[0] != '/' || strlen(place) > 60) {
        place = "/tmp"; /* short, so that the socket's path fits into 107 bytes */
    }
    snprintf(state->dir, sizeof state->dir, "%s/dsql-local-XXXXXX", place);
    if (mkdtemp(state->dir) == NULL || chmod(state->dir, directory_mode()) != 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot make a directory in %s: %s", place,
                          strerror(errno));
    }
    return 0;
}

int
local_state_make_directory(const char *dir, struct dsql_error *error)
{
    struct stat facts;
    if (make_path(dir, directory_mode()) != 0) {
        return dsql__fail(error, DSQL_E_IO,
                          "cannot make the directory %.300s: %s; give another with --data", dir,
                          strerror(errno));
    }
    if (stat(dir, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
        return dsql__fail(error, DSQL_E_IO, "%.300s is not a directory: give another with --data",
                          dir);
    }
    if (facts.st_uid != geteuid()) {
        return dsql__fail(error, DSQL_E_IO,
                          "the directory %.300s belongs to another user: give one of your own with "
                          "--data",
                          dir);
    }
    return 0;
}

static int
take_lock(struct local_state *state, struct dsql_error *error)
{
    char path[PATH_MAX];
    bool locked = false;
    snprintf(path, sizeof path, "%s/lock", state->dir);
    state->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (state->lock_fd < 0) {
        return dsql__fail(error, DSQL_E_IO, "cannot write into %.300s: %s", state->dir,
                          strerror(errno));
    }
    /* Whoever looks whether the directory is served holds it for a moment. */
    for (int tries = 0; tries < LOCK_TRIES && !locked; tries++) {
        locked = flock(state->lock_fd, LOCK_EX | LOCK_NB) == 0;
        if (!locked) {
            nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
        }
    }
    if (!locked) {
        close(state->lock_fd);
        state->lock_fd = -1;
        return dsql__fail(error, DSQL_E_IO,
                          "the data directory %.300s is in use by another dsql-local: stop that "
                          "one, or give another with --data",
                          state->dir);
    }
    unlink(state->ready_file); /* of a run that did not end well */
    return 0;
}

/* 26 letters and digits, made once. */
static int
settle_cluster_id(struct local_state *state, struct dsql_error *error)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char path[PATH_MAX], line[64];
    unsigned char random[26];
    snprintf(path, sizeof path, "%s/cluster", state->dir);
    local_file_line(path, line, sizeof line);
    if (strlen(line) == 26 && strspn(line, alphabet) == 26) {
        memcpy(state->cluster_id, line, 27);
        return 0;
    }
    if (RAND_bytes(random, sizeof random) != 1) {
        return dsql__fail(error, DSQL_E_CRYPTO, "OpenSSL gives no random bytes");
    }
    for (size_t i = 0; i < sizeof random; i++) {
        state->cluster_id[i] = alphabet[random[i] % 36];
    }
    state->cluster_id[26] = '\0';
    return local_file_write(path, state->cluster_id, 26, 0600, error);
}

static void
name_files(struct local_state *state)
{
    snprintf(state->ca_file, sizeof state->ca_file, "%s/ca.pem", state->dir);
    snprintf(state->cert_file, sizeof state->cert_file, "%s/server.pem", state->dir);
    snprintf(state->key_file, sizeof state->key_file, "%s/server.key", state->dir);
    snprintf(state->credentials_file, sizeof state->credentials_file, "%s/credentials", state->dir);
    snprintf(state->ready_file, sizeof state->ready_file, "%s/ready", state->dir);
    snprintf(state->log_file, sizeof state->log_file, "%s/log", state->dir);
}

int
local_state_open(const struct local_options *options, struct local_state *state,
                 struct dsql_error *error)
{
    struct dsql_endpoint endpoint;
    memset(state, 0, sizeof *state);
    state->lock_fd = -1;
    state->ephemeral = options->ephemeral;
    int failure = dsql_endpoint_parse("localhost", options->region, NULL, &endpoint, error);
    if (failure != 0) {
        return failure;
    }
    memcpy(state->region, endpoint.region, sizeof state->region);
    if (options->ephemeral) {
        failure = ephemeral_directory(state, error);
    } else {
        failure = local_state_directory(options->data, state->dir, sizeof state->dir, error);
        if (failure == 0) {
            failure = local_state_make_directory(state->dir, error);
        }
    }
    if (failure != 0) {
        return failure;
    }
    name_files(state);
    failure = take_lock(state, error);
    if (failure == 0) {
        failure = settle_cluster_id(state, error);
    }
    if (failure == 0) {
        failure = local_pki_open(state, error);
    }
    if (failure == 0) {
        failure = local_keys_make(state->credentials_file, error);
    }
    if (failure != 0) {
        local_state_close(state);
    }
    return failure;
}

void
local_state_close(struct local_state *state)
{
    if (state->lock_fd >= 0) {
        unlink(state->ready_file);
    }
    if (state->ephemeral) {
        local_tree_remove(state->dir);
    }
    if (state->lock_fd >= 0) {
        close(state->lock_fd);
        state->lock_fd = -1;
    }
}
