/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A pool of connections for threads: a fixed table of places under one lock,
 * which nobody holds while the network is waited for. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "env.h"
#include "error.h"
#include "transaction.h"

#define SIZE 10
#define SIZE_MOST 10000
#define MAX_AGE_SECONDS 3300
#define WAIT_MS 30000

enum state {
    EMPTY, /* no connection */
    IDLE,
    TAKEN, /* somebody has it, or is opening or closing it */
};

struct place {
    enum state state;
    struct dsql_conn *conn;
    int64_t retire_at; /* of the monotonic clock, ms */
    uint64_t used;     /* when it was given back: the last one goes out first */
};

struct dsql_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a place became EMPTY or IDLE */
    pid_t process;
    struct dsql_conn_options connect; /* its strings are ours */
    struct dsql_credentials credentials;
    int64_t max_age_ms;
    int wait_ms;
    uint64_t uses;
    int size;
    struct place places[];
};

/* ------------------------------------------------------------- made and freed */

/* Each string of the options in turn, NULL behind the last. */
static const char **
string_of(struct dsql_conn_options *options, int number)
{
    const char **const strings[] = {&options->host,
                                    &options->hostaddr,
                                    &options->user,
                                    &options->dbname,
                                    &options->region,
                                    &options->cluster_id,
                                    &options->profile,
                                    &options->password,
                                    &options->ca_file,
                                    &options->application_name,
                                    &options->credentials_file,
                                    &options->settings};
    return number < (int)(sizeof strings / sizeof strings[0]) ? strings[number] : NULL;
}

static int
copy_options(struct dsql_pool *pool, const struct dsql_conn_options *connect,
             struct dsql_error *error)
{
    pool->connect = *connect;
    pool->connect.env = NULL;
    pool->connect.credentials = NULL;
    int failure = 0;
    for (int i = 0; string_of(&pool->connect, i) != NULL; i++) {
        const char **string = string_of(&pool->connect, i);
        if (*string != NULL) {
            *string = strdup(*string);
            failure = *string ? failure : DSQL_E_NOMEM;
        }
    }
    if (failure == 0 && connect->env != NULL) {
        struct dsql_env *env = malloc(sizeof *env);
        if (env != NULL) {
            *env = *connect->env;
        }
        failure = env ? 0 : DSQL_E_NOMEM;
        pool->connect.env = env;
    }
    if (failure != 0) {
        return dsql__fail_nomem(error);
    }
    const struct dsql_credentials *given = connect->credentials;
    if (given != NULL) {
        pool->connect.credentials = &pool->credentials;
        return dsql_credentials_set(&pool->credentials, given->access_key, given->secret_key,
                                    given->session_token, error);
    }
    return 0;
}

static void
free_options(struct dsql_pool *pool)
{
    for (int i = 0; string_of(&pool->connect, i) != NULL; i++) {
        dsql__wipe_free((char *)*string_of(&pool->connect, i));
    }
    free((void *)pool->connect.env);
    dsql_credentials_clear(&pool->credentials);
}

static int
check_options(const struct dsql_conn_options *connect, const struct dsql_pool_options *options,
              struct dsql_error *error)
{
    struct dsql_endpoint endpoint;
    if (options->size < 0 || options->size > SIZE_MOST) {
        return dsql__fail(error, DSQL_E_INVALID, "a pool has 1 to %d connections, not %d",
                          SIZE_MOST, options->size);
    }
    if (options->max_age_seconds < 0) {
        return dsql__fail(error, DSQL_E_INVALID, "max_age_seconds is 1 or more, not %d",
                          options->max_age_seconds);
    }
    if (connect->host == NULL) {
        return dsql__fail(error, DSQL_E_INVALID, "a pool needs a host to connect to");
    }
    /* What is wrong in any environment is said at once. */
    int failure =
        dsql_endpoint_parse(connect->host, connect->region, connect->cluster_id, &endpoint, error);
    return failure == DSQL_E_REGION ? 0 : failure;
}

int
dsql_pool_new(const struct dsql_conn_options *connect, const struct dsql_pool_options *options,
              struct dsql_pool **pool, struct dsql_error *error)
{
    static const struct dsql_pool_options usual;
    *pool = NULL;
    options = options ? options : &usual;
    int failure = check_options(connect, options, error);
    if (failure != 0) {
        return failure;
    }
    int size = options->size ? options->size : SIZE;
    struct dsql_pool *made = calloc(1, sizeof *made + (size_t)size * sizeof made->places[0]);
    if (made == NULL) {
        return dsql__fail_nomem(error);
    }
    made->size = size;
    made->process = getpid();
    made->wait_ms = options->wait_ms ? options->wait_ms : WAIT_MS;
    made->max_age_ms =
        (int64_t)(options->max_age_seconds ? options->max_age_seconds : MAX_AGE_SECONDS) * 1000;
    failure = copy_options(made, connect, error);
    if (failure != 0) {
        free_options(made);
        free(made);
        return failure;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *pool = made;
    return 0;
}

void
dsql_pool_free(struct dsql_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    bool ours = pool->process == getpid();
    for (int i = 0; i < pool->size; i++) {
        if (pool->places[i].state == IDLE) {
            if (!ours) {
                dsql_conn_abandon(pool->places[i].conn);
            }
            dsql_conn_free(pool->places[i].conn);
        }
    }
    if (ours) { /* a parent's lock may have been held while it forked */
        pthread_cond_destroy(&pool->freed);
        pthread_mutex_destroy(&pool->lock);
    }
    free_options(pool);
    free(pool);
}

/* ------------------------------------------------------------ out of the pool */

/* The idle place that was used last, else an empty one, else NULL. */
static struct place *
best_place(struct dsql_pool *pool)
{
    struct place *best = NULL;
    for (int i = 0; i < pool->size; i++) {
        struct place *place = &pool->places[i];
        if (place->state == TAKEN) {
            continue;
        }
        if (best == NULL ||
            (place->state == IDLE && (best->state == EMPTY || place->used > best->used))) {
            best = place;
        }
    }
    return best;
}

static struct timespec
moment(int64_t ms)
{
    return (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
}

/* Takes a place, or waits for one. */
static int
take_place(struct dsql_pool *pool, struct place **taken, struct dsql_error *error)
{
    struct timespec until = moment(dsql__monotonic_ms() + (pool->wait_ms > 0 ? pool->wait_ms : 0));
    int waited = 0;
    pthread_mutex_lock(&pool->lock);
    struct place *place = best_place(pool);
    while (place == NULL && waited == 0) {
        waited = pool->wait_ms < 0 ? pthread_cond_wait(&pool->freed, &pool->lock)
                                   : pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
        place = best_place(pool);
    }
    if (place != NULL) {
        place->state = TAKEN;
    }
    pthread_mutex_unlock(&pool->lock);
    *taken = place;
    return place != NULL ? 0
                         : dsql__fail(error, DSQL_E_TIMEOUT,
                                      "all %d connections of the pool were in use for %d ms: give "
                                      "them back sooner, or make the pool larger",
                                      pool->size, pool->wait_ms);
}

/* The connection of a place that is TAKEN: others compare it, so it changes under
 * the lock, and before it is freed. */
static void
set_connection(struct dsql_pool *pool, struct place *place, struct dsql_conn *conn)
{
    pthread_mutex_lock(&pool->lock);
    place->conn = conn;
    pthread_mutex_unlock(&pool->lock);
}

static void
leave_place(struct dsql_pool *pool, struct place *place)
{
    pthread_mutex_lock(&pool->lock);
    place->state = place->conn ? IDLE : EMPTY;
    place->used = ++pool->uses;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

static void
close_connection(struct dsql_pool *pool, struct place *place)
{
    struct dsql_conn *conn = place->conn;
    set_connection(pool, place, NULL);
    dsql_conn_free(conn);
}

/* Connections that were opened together do not end together. */
static int64_t
retirement(const struct dsql_pool *pool)
{
    int64_t less = (int64_t)((double)pool->max_age_ms * 0.1 * dsql__random() / UINT32_MAX);
    return dsql__monotonic_ms() + pool->max_age_ms - less;
}

static int
check_process(const struct dsql_pool *pool, struct dsql_error *error)
{
    return pool->process == getpid()
               ? 0
               : dsql__fail(error, DSQL_E_STATE,
                            "this pool is of the process that forked: make one of your own");
}

int
dsql_pool_get(struct dsql_pool *pool, struct dsql_conn **conn, struct dsql_error *error)
{
    struct place *place;
    *conn = NULL;
    int failure = check_process(pool, error);
    if (failure == 0) {
        failure = take_place(pool, &place, error);
    }
    if (failure != 0) {
        return failure;
    }
    if (place->conn != NULL &&
        (dsql__monotonic_ms() >= place->retire_at || !dsql_conn_is_alive(place->conn))) {
        close_connection(pool, place);
    }
    if (place->conn == NULL) {
        struct dsql_conn *made;
        failure = dsql_conn_open(&pool->connect, &made, error);
        if (failure != 0) {
            leave_place(pool, place);
            return failure;
        }
        set_connection(pool, place, made);
        place->retire_at = retirement(pool);
    }
    *conn = place->conn;
    return 0;
}

/* ---------------------------------------------------------- back to the pool */

static struct place *
place_of(struct dsql_pool *pool, const struct dsql_conn *conn)
{
    struct place *found = NULL;
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < pool->size && found == NULL; i++) {
        if (pool->places[i].state == TAKEN && pool->places[i].conn == conn) {
            found = &pool->places[i];
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

void
dsql_pool_put(struct dsql_pool *pool, struct dsql_conn *conn)
{
    if (check_process(pool, NULL) != 0) {
        dsql_conn_abandon(conn);
        dsql_conn_free(conn);
        return;
    }
    struct place *place = place_of(pool, conn);
    if (place == NULL) {
        return;
    }
    /* Answers that nobody read may be without end. */
    bool usable = conn->phase == DSQL__CONNECTED && conn->requests.count == 0 &&
                  dsql__settle(conn, NULL) == 0 && dsql__monotonic_ms() < place->retire_at &&
                  dsql_conn_is_alive(conn);
    if (!usable) {
        close_connection(pool, place);
    }
    leave_place(pool, place);
}

/* --------------------------------------------------------------- transactions */

static int
get_from_pool(void *context, struct dsql_conn **conn, struct dsql_error *error)
{
    return dsql_pool_get(context, conn, error);
}

static void
put_into_pool(void *context, struct dsql_conn *conn)
{
    dsql_pool_put(context, conn);
}

int
dsql_pool_run_transaction(struct dsql_pool *pool, const char *begin, dsql_work *work, void *context,
                          const struct dsql_retry *retry, struct dsql_error *error)
{
    const struct dsql__source source = {
        .context = pool, .get = get_from_pool, .put = put_into_pool, .renews = 1};
    return dsql__run(&source, begin, work, context, retry, error);
}
