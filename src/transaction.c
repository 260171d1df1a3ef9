/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Transactions that are run again when the service gave them up, and never when
 * nobody knows whether they were committed. */
#include "transaction.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conn.h"
#include "env.h"
#include "error.h"

#define ATTEMPTS 5
static const struct dsql_backoff usual_waits = {
    .first_ms = 50, .max_ms = 5000, .multiplier = 2, .jitter = 0.5};

/* ------------------------------------------------------------------ one try */

/* Ends the last batch if the program has not. */
static int
end_batch(struct dsql_conn *conn, struct dsql_error *error)
{
    const struct dsql__requests *ring = &conn->requests;
    if (conn->copying_in) {
        int failure = dsql_send_copy_end(conn, "the program sent no data", error);
        if (failure != 0) {
            return failure;
        }
    }
    enum dsql__request_kind last =
        ring->items[(ring->first + ring->count - 1) & (ring->size - 1)].kind;
    return last == DSQL__REQUEST_SYNC || last == DSQL__REQUEST_SCRIPT ? 0
                                                                      : dsql_send_sync(conn, error);
}

static int
read_answers(struct dsql_conn *conn, struct dsql_error *error)
{
    int failure = conn->requests.count > 0 ? end_batch(conn, error) : 0;
    while (failure == 0 && conn->requests.count > 0) {
        failure = dsql__read_batch(conn, NULL, NULL, error);
        if (failure == DSQL_E_SERVER && conn->phase == DSQL__CONNECTED) {
            failure = 0; /* its transaction has failed with it */
        }
    }
    return failure;
}

int
dsql__settle(struct dsql_conn *conn, struct dsql_error *error)
{
    int failure = read_answers(conn, error);
    if (failure == 0) {
        failure = dsql_end(conn, 0, error);
    }
    return failure == 1 ? dsql__read_batch(conn, NULL, NULL, error) : failure;
}

/* The COMMIT, and what is known after it. */
static int
commit(struct dsql_conn *conn, enum dsql_outcome *outcome, struct dsql_error *error)
{
    int failure = read_answers(conn, error);
    int flags = DSQL_CONNECTION_LOST;
    if (failure == 0 && dsql_conn_transaction(conn) == 'E') {
        failure = dsql__fail(error, DSQL_E_STATE,
                             "a statement of the transaction failed and its failure was passed "
                             "over: nothing was committed");
        flags = 0;
    } else if (failure == 0 && !dsql_conn_is_alive(conn)) {
        failure = dsql__fail(error, DSQL_E_CLOSED, "the connection ended before COMMIT");
    } else if (failure == 0) {
        failure = dsql_end(conn, 1, error);
        if (failure == 1) {
            flags |= DSQL_COMMITTING;
            failure = dsql__read_batch(conn, NULL, NULL, error);
        }
        if (conn->phase == DSQL__CONNECTED) {
            flags &= ~DSQL_CONNECTION_LOST;
        }
    }
    if (failure != 0) {
        *outcome = dsql_outcome_of(error->sqlstate, flags);
    }
    return failure;
}

/* One sentence for what nobody knows; the SQLSTATE stays. */
static int
say_unknown(struct dsql_error *error)
{
    struct dsql_error before = *error;
    dsql__fail(error, DSQL_E_OUTCOME,
               "COMMIT failed (%.300s): whether the transaction was committed is not known; look "
               "for what it wrote before running it again",
               before.message);
    memcpy(error->sqlstate, before.sqlstate, sizeof error->sqlstate);
    return DSQL_E_OUTCOME;
}

/* Fills error and *outcome when it fails; leaves conn idle, or over. */
static int
run_once(struct dsql_conn *conn, const char *begin, dsql_work *work, void *context,
         enum dsql_outcome *outcome, struct dsql_error *error)
{
    *error = (struct dsql_error){0};
    *outcome = DSQL_OUTCOME_FAILED;
    int failure = dsql_begin(conn, begin ? begin : "BEGIN", error);
    if (failure != 0) {
        return failure; /* whatever is under way is the caller's: it is left alone */
    }
    failure = work(conn, context, error);
    if (failure != 0) {
        bool lost = conn->phase != DSQL__CONNECTED;
        *outcome = dsql_outcome_of(error->sqlstate, lost ? DSQL_CONNECTION_LOST : 0);
    } else {
        failure = commit(conn, outcome, error);
        if (failure != 0 && *outcome == DSQL_OUTCOME_UNKNOWN) {
            failure = say_unknown(error);
        }
    }
    if (failure != 0 && conn->phase == DSQL__CONNECTED && dsql__settle(conn, NULL) != 0) {
        dsql_conn_abandon(conn); /* the server rolls back what ends so */
    }
    return failure;
}

/* ------------------------------------------------------------------ the loop */

static void
sleep_ms(int64_t wait_ms)
{
    struct timespec left = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* The wait before the next try; below 0: there is none. */
static int64_t
next_wait(const struct dsql_retry *retry, unsigned int attempt, int64_t began)
{
    static const struct dsql_backoff none;
    const struct dsql_backoff *waits = &retry->backoff;
    if (attempt >= (retry->attempts ? retry->attempts : ATTEMPTS)) {
        return -1;
    }
    if (waits->first_ms == none.first_ms && waits->max_ms == none.max_ms &&
        waits->multiplier == none.multiplier && waits->jitter == none.jitter) {
        waits = &usual_waits;
    }
    int64_t wait = dsql_backoff_ms(waits, attempt, dsql__random());
    int64_t spent = dsql__monotonic_ms() - began;
    return retry->deadline_ms > 0 && wait > retry->deadline_ms - spent ? -1 : wait;
}

static void
say_tries(struct dsql_error *error, unsigned int attempts)
{
    size_t length = strlen(error->message);
    if (attempts > 1 && error->code != DSQL_E_OUTCOME) {
        snprintf(error->message + length, sizeof error->message - length,
                 " (given up after %u tries)", attempts);
    }
}

int
dsql__run(const struct dsql__source *source, const char *begin, dsql_work *work, void *context,
          const struct dsql_retry *retry, struct dsql_error *error)
{
    static const struct dsql_retry usual;
    struct dsql_error own;
    int64_t began = dsql__monotonic_ms();
    retry = retry ? retry : &usual;
    error = error ? error : &own;
    for (unsigned int attempt = 1;; attempt++) {
        struct dsql_conn *conn;
        enum dsql_outcome outcome;
        int failure = source->get(source->context, &conn, error);
        if (failure != 0) {
            return failure;
        }
        failure = run_once(conn, begin, work, context, &outcome, error);
        bool usable = source->renews || conn->phase == DSQL__CONNECTED;
        source->put(source->context, conn);
        if (failure == 0) {
            return 0;
        }
        int64_t wait =
            outcome == DSQL_OUTCOME_RETRY && usable ? next_wait(retry, attempt, began) : -1;
        if (wait < 0 || (retry->on_retry != NULL &&
                         retry->on_retry(retry->context, attempt, wait, error) != 0)) {
            say_tries(error, attempt);
            return failure;
        }
        sleep_ms(wait);
    }
}

/* ------------------------------------------------------------ one connection */

static int
same_connection(void *context, struct dsql_conn **conn, struct dsql_error *error)
{
    (void)error;
    *conn = context;
    return 0;
}

static void
keep_connection(void *context, struct dsql_conn *conn)
{
    (void)context;
    (void)conn;
}

int
dsql_run_transaction(struct dsql_conn *conn, const char *begin, dsql_work *work, void *context,
                     const struct dsql_retry *retry, struct dsql_error *error)
{
    const struct dsql__source source = {
        .context = conn, .get = same_connection, .put = keep_connection};
    return dsql__run(&source, begin, work, context, retry, error);
}
