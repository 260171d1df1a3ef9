/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What is to be done about a transaction or a sign-in that failed: whether it
 * may be run again, and how long to wait before. */
#include <string.h>

#include "dsql.h"

/* The server answers with these when it has given the transaction up, at COMMIT
 * too. Of every other answer to a COMMIT (XX000 server unavailable, 08, 57, 58,
 * 40003) nobody can tell on which side of the COMMIT it was made. */
static const char *const decided_classes[] = {"0A", "21", "22", "23", "25", "2D",
                                              "40", "42", "44", "54", "55"};

static int
is_decided(const char *sqlstate)
{
    if (strcmp(sqlstate, "40003") == 0) { /* statement completion unknown */
        return 0;
    }
    for (size_t i = 0; i < sizeof decided_classes / sizeof decided_classes[0]; i++) {
        if (strncmp(sqlstate, decided_classes[i], 2) == 0) {
            return 1;
        }
    }
    return 0;
}

int
dsql_sqlstate_ends_connection(const char *sqlstate)
{
    if (sqlstate == NULL || strcmp(sqlstate, "08P01") == 0) { /* protocol violation: an ERROR */
        return 0;
    }
    return strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "57P", 3) == 0;
}

static int
says(const char *text, const char *words)
{
    return text != NULL && strcasestr(text, words) != NULL;
}

enum dsql_refusal
dsql_refusal_of(const char *sqlstate, const char *text)
{
    if ((sqlstate != NULL && strcmp(sqlstate, "53400") == 0) || says(text, "rate exceeded") ||
        says(text, "waking up cluster")) {
        return DSQL_REFUSED_FOR_NOW;
    }
    return says(text, "signature expired") ? DSQL_REFUSED_EXPIRED : DSQL_REFUSED;
}

enum dsql_outcome
dsql_outcome_of(const char *sqlstate, int flags)
{
    if (dsql_sqlstate_is_retryable(sqlstate)) {
        return DSQL_OUTCOME_RETRY;
    }
    int decided = sqlstate != NULL && is_decided(sqlstate);
    if ((flags & DSQL_COMMITTING) != 0) {
        return decided ? DSQL_OUTCOME_FAILED : DSQL_OUTCOME_UNKNOWN;
    }
    /* What a connection takes with it was not committed. */
    return (flags & DSQL_CONNECTION_LOST) != 0 && !decided ? DSQL_OUTCOME_RETRY
                                                           : DSQL_OUTCOME_FAILED;
}

int64_t
dsql_backoff_ms(const struct dsql_backoff *backoff, unsigned int attempt, uint32_t random)
{
    double longest = backoff->max_ms > 0 ? (double)backoff->max_ms : 0;
    double wait = backoff->first_ms > 0 ? (double)backoff->first_ms : 0;
    for (unsigned int i = 1; i < attempt && wait > 0 && wait < longest; i++) {
        if (!(backoff->multiplier > 1)) { /* NaN too */
            break;
        }
        wait *= backoff->multiplier;
    }
    if (wait > longest) {
        wait = longest;
    }
    double jitter = backoff->jitter > 0 ? backoff->jitter : 0;
    if (jitter > 1) {
        jitter = 1;
    }
    wait *= 1 - jitter * ((double)random / (double)UINT32_MAX);
    return wait < (double)INT64_MAX ? (int64_t)(wait + 0.5) : INT64_MAX;
}
