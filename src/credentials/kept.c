/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The key pairs of the process: kept by what they depend on (options,
 * environment, the files' stamps), of which only a hash is kept. One caller
 * replaces a pair, without the lock; others are given the pair that still
 * holds, or wait where there is none. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "../env.h"
#include "../error.h"
#include "../wire.h"
#include "search.h"

#define KEPT 16
#define HASH_SIZE 32
/* A pair is replaced so long before its end, or in the last third of its life. */
#define AHEAD_SECONDS (15 * 60)
#define PAUSE_FIRST_MS 1000
#define PAUSE_MOST_MS 30000

struct kept {
    bool filled; /* the hash is of something; there may be no pair yet */
    unsigned char hash[HASH_SIZE];
    struct dsql_credentials pair; /* access_key NULL: none */
    int64_t replace_at;           /* seconds since the epoch; 0: never */
    bool being_replaced;          /* by one caller, who has not the lock: it stays */
    int64_t leave_until;          /* milliseconds of the monotonic clock: the source failed */
    int pause_ms;
    struct dsql_error failure;
    unsigned long used;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t replaced = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct kept kept[KEPT];
static unsigned long uses;

extern char **environ;

static void
forget(struct kept *one)
{
    dsql_credentials_clear(&one->pair);
    OPENSSL_cleanse(one->hash, sizeof one->hash);
    memset(one, 0, sizeof *one);
}

/* -------------------------------------------------------------------- fork */

static void
before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void
after_fork_in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

/* Whoever replaced a pair is not here: begin anew. */
static void
after_fork_in_child(void)
{
    for (int i = 0; i < KEPT; i++) {
        forget(&kept[i]);
    }
    pthread_cond_init(&replaced, NULL);
    pthread_mutex_unlock(&lock);
}

static void
prepare(void)
{
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* -------------------------------------------------------------------- hash */

static void
put_value(struct dsql__buffer *buffer, const char *value)
{
    dsql__put_byte(buffer, value != NULL ? '=' : '-');
    dsql__put_string(buffer, value != NULL ? value : "");
}

static void
put_stamp(struct dsql__buffer *buffer, const char *path)
{
    struct stat facts;
    put_value(buffer, path);
    if (path != NULL && stat(path, &facts) == 0) {
        dsql__buffer_put(buffer, &facts.st_mtim, sizeof facts.st_mtim);
        dsql__buffer_put(buffer, &facts.st_size, sizeof facts.st_size);
        dsql__buffer_put(buffer, &facts.st_ino, sizeof facts.st_ino);
    }
}

/* All variables that sources look at begin with AWS_, but for HOME. */
static void
put_environment(struct dsql__buffer *buffer)
{
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, "AWS_", 4) == 0 || strncmp(*at, "HOME=", 5) == 0) {
            dsql__put_string(buffer, *at);
        }
    }
}

static int
take_hash(const struct dsql_credentials_options *options, const struct dsql_env *env,
          unsigned char hash[HASH_SIZE])
{
    struct dsql__buffer buffer = {0};
    char *credentials = NULL, *config = NULL;
    unsigned int size = HASH_SIZE;
    int failure = dsql__profile_paths(options, env, &credentials, &config);
    put_value(&buffer, options->profile);
    put_stamp(&buffer, credentials);
    put_stamp(&buffer, config);
    put_environment(&buffer);
    if (failure != 0 || buffer.failed ||
        EVP_Digest(buffer.data, dsql__buffer_length(&buffer), hash, &size, EVP_sha256(), NULL) !=
            1) {
        failure = DSQL_E_NOMEM;
    }
    free(credentials);
    free(config);
    dsql__buffer_clear(&buffer);
    return failure;
}

/* ------------------------------------------------------- under the lock */

static struct kept *
find(const unsigned char hash[HASH_SIZE])
{
    for (int i = 0; i < KEPT; i++) {
        if (kept[i].filled && memcmp(kept[i].hash, hash, HASH_SIZE) == 0) {
            kept[i].used = ++uses;
            return &kept[i];
        }
    }
    return NULL;
}

/* A free place, or that of the pair not used for longest; NULL when all are
 * being replaced. */
static struct kept *
make(const unsigned char hash[HASH_SIZE])
{
    struct kept *place = NULL;
    for (int i = 0; i < KEPT; i++) {
        if (!kept[i].being_replaced && (place == NULL || kept[i].used < place->used)) {
            place = &kept[i];
        }
    }
    if (place != NULL) {
        forget(place);
        place->filled = true;
        place->used = ++uses;
        memcpy(place->hash, hash, HASH_SIZE);
    }
    return place;
}

static bool
holds(const struct kept *one, int64_t now)
{
    return one != NULL && one->pair.access_key != NULL &&
           (one->pair.expires_at == 0 || one->pair.expires_at > now);
}

static int
copy(const struct dsql_credentials *from, struct dsql_credentials *to, struct dsql_error *error)
{
    int failure =
        dsql_credentials_set(to, from->access_key, from->secret_key, from->session_token, error);
    if (failure == 0) {
        to->expires_at = from->expires_at;
        to->source = from->source;
    }
    return failure;
}

/* Takes over what was found. */
static void
keep(struct kept *one, struct dsql_credentials *found, int64_t now)
{
    dsql_credentials_clear(&one->pair);
    one->pair = *found;
    one->failure = (struct dsql_error){0};
    one->pause_ms = 0;
    one->leave_until = 0;
    one->replace_at = 0;
    if (found->expires_at != 0) {
        int64_t life = found->expires_at - now;
        int64_t ahead = life / 3 < AHEAD_SECONDS ? life / 3 : AHEAD_SECONDS;
        one->replace_at = found->expires_at - ahead;
    }
    memset(found, 0, sizeof *found);
}

static void
note_failure(struct kept *one, const struct dsql_error *failure)
{
    one->pause_ms = one->pause_ms == 0                  ? PAUSE_FIRST_MS
                    : one->pause_ms * 2 < PAUSE_MOST_MS ? one->pause_ms * 2
                                                        : PAUSE_MOST_MS;
    one->leave_until = dsql__monotonic_ms() + one->pause_ms;
    one->failure = *failure;
}

/* ---------------------------------------------------------------- the whole */

/* Asks the sources for a pair that is marked so; has the lock before and after. */
static int
replace(struct kept *one, const struct dsql_credentials_options *options,
        const struct dsql_env *env, bool may_block, struct dsql_error *failure)
{
    struct dsql__outside outside = {.forbidden = !may_block};
    struct dsql_credentials found;
    one->being_replaced = true;
    pthread_mutex_unlock(&lock);
    int result = dsql__credentials_search(&found, options, env, &outside, failure);
    int64_t now = env->now(env->context);
    pthread_mutex_lock(&lock);
    one->being_replaced = false;
    pthread_cond_broadcast(&replaced);
    if (result == 0) {
        keep(one, &found, now);
    } else if (outside.asked) {
        note_failure(one, failure);
    } else if (one->pair.access_key == NULL && one->failure.code == 0) {
        forget(one); /* nothing but local files and variables: looking again costs little */
    }
    return result;
}

/* Has the lock. */
static int
get(struct dsql_credentials *credentials, const unsigned char hash[HASH_SIZE],
    const struct dsql_credentials_options *options, const struct dsql_env *env, bool may_block,
    struct dsql_error *error)
{
    struct dsql_error failure;
    for (;;) {
        int64_t now = env->now(env->context);
        struct kept *one = find(hash);
        bool held = holds(one, now);
        bool left_alone = one != NULL && one->leave_until > dsql__monotonic_ms();
        if (held &&
            (one->replace_at == 0 || now < one->replace_at || one->being_replaced || left_alone)) {
            return copy(&one->pair, credentials, error);
        }
        if (left_alone) {
            return dsql__fail(error, one->failure.code, "%s", one->failure.message);
        }
        if (one != NULL && one->being_replaced) {
            if (!may_block) {
                return 1;
            }
            pthread_cond_wait(&replaced, &lock);
            continue;
        }
        if (one == NULL && (one = make(hash)) == NULL) {
            return dsql__fail(error, DSQL_E_CREDENTIALS,
                              "%d sources of credentials are being asked at once: try again", KEPT);
        }
        int result = replace(one, options, env, may_block, &failure);
        if (result == DSQL__OUTSIDE) {
            return 1;
        }
        if (result != 0 && !holds(one, now)) {
            return dsql__fail(error, failure.code, "%s", failure.message);
        }
        return copy(&one->pair, credentials, error);
    }
}

int
dsql_credentials_get(struct dsql_credentials *credentials,
                     const struct dsql_credentials_options *options, const struct dsql_env *env,
                     int may_block, struct dsql_error *error)
{
    static const struct dsql_credentials_options none;
    struct dsql_env whole = dsql__env_complete(env);
    unsigned char hash[HASH_SIZE];
    options = options != NULL ? options : &none;
    memset(credentials, 0, sizeof *credentials);
    if (!dsql__env_is_real(&whole)) {
        struct dsql__outside outside = {.forbidden = !may_block};
        int result = dsql__credentials_search(credentials, options, &whole, &outside, error);
        return result == DSQL__OUTSIDE ? 1 : result;
    }
    pthread_once(&once, prepare);
    if (take_hash(options, &whole, hash) != 0) {
        return dsql__fail_nomem(error);
    }
    pthread_mutex_lock(&lock);
    int result = get(credentials, hash, options, &whole, may_block != 0, error);
    pthread_mutex_unlock(&lock);
    return result;
}
