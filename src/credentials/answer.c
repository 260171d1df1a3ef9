/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the sources outside of the process answer: keys as JSON, and when they
 * expire. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../error.h"
#include "source.h"

/* "", Z, UTC, +HH:MM, +HHMM or +HH: seconds east of Greenwich. A time without
 * a zone could be any. */
static bool
parse_zone(const char *text, int64_t *offset)
{
    int hours, minutes = 0, length = 0;
    *offset = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0 || strcmp(text, "UTC") == 0) {
        return true;
    }
    if (*text != '+' && *text != '-') {
        return false;
    }
    if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 &&
        sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &length) != 2) {
        minutes = 0;
        if (sscanf(text + 1, "%2d%n", &hours, &length) != 1) {
            return false;
        }
    }
    if (text[1 + length] != '\0' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    *offset = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
    return true;
}

bool
dsql__time_parse(const char *text, int64_t *seconds)
{
    struct tm tm = {0};
    int64_t offset;
    int length = 0;
    char between;
    if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &between,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &length) != 7 ||
        (between != 'T' && between != 't' && between != ' ')) {
        return false;
    }
    if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
        tm.tm_sec > 60) {
        return false;
    }
    const char *zone = text + length;
    if (*zone == '.') {
        zone += 1 + strspn(zone + 1, "0123456789");
    }
    if (!parse_zone(zone, &offset)) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *seconds = (int64_t)timegm(&tm) - offset;
    return true;
}

/* A text that is not empty; absent and null alike are *text NULL. */
static int
read_text(struct dsql__json object, const char *name, char **text)
{
    struct dsql__json value = dsql__json_member(object, name);
    *text = NULL;
    if (value.at == NULL || *value.at == 'n') {
        return 0;
    }
    int failure = dsql__json_string(value, text);
    if (failure == 0 && **text == '\0') {
        dsql__wipe_free(*text);
        *text = NULL;
    }
    return failure;
}

static int
read_expiration(struct dsql__json object, const struct dsql__answer_names *names, int64_t *expires,
                const char **wrong)
{
    char *text;
    *wrong = "has an expiration that is no time";
    *expires = 0;
    if (names->expires_in_milliseconds) {
        bool good = dsql__json_integer(dsql__json_member(object, names->expiration), expires);
        *expires /= 1000;
        return good ? 0 : DSQL_E_PROTOCOL;
    }
    int failure = read_text(object, names->expiration, &text);
    if (failure == 0 && text == NULL && names->needs_expiration) {
        *wrong = "does not say when its keys expire";
        return DSQL_E_PROTOCOL;
    }
    if (failure == 0 && text != NULL && !dsql__time_parse(text, expires)) {
        failure = DSQL_E_PROTOCOL;
    }
    free(text);
    return failure;
}

int
dsql__answer_read(struct dsql__json object, const struct dsql__answer_names *names,
                  struct dsql_credentials *credentials, const char **wrong)
{
    *wrong = "has something else than text where keys should be";
    int failure = read_text(object, names->access_key, &credentials->access_key);
    if (failure == 0) {
        failure = read_text(object, names->secret_key, &credentials->secret_key);
    }
    if (failure == 0) {
        failure = read_text(object, names->session_token, &credentials->session_token);
    }
    if (failure != 0) {
        return failure;
    }
    if (credentials->access_key == NULL || credentials->secret_key == NULL) {
        *wrong = "lacks an access key or its secret key";
        return DSQL_E_PROTOCOL;
    }
    if (names->needs_token && credentials->session_token == NULL) {
        *wrong = "lacks a session token";
        return DSQL_E_PROTOCOL;
    }
    return read_expiration(object, names, &credentials->expires_at, wrong);
}

int
dsql__answer_of_machine(const char *what, const struct dsql_http_response *response,
                        struct dsql_credentials *credentials, struct dsql_error *error)
{
    static const struct dsql__answer_names names = {
        "AccessKeyId", "SecretAccessKey", "Token", "Expiration", true, true, false,
    };
    struct dsql__json answer;
    const char *wrong = "is no JSON";
    if (response->status != 200) {
        return dsql__fail(error, DSQL_E_CREDENTIALS, "%s answers with HTTP status %d", what,
                          response->status);
    }
    int failure = dsql__json_parse(response->body, response->length, &answer);
    if (failure == 0) {
        failure = dsql__answer_read(answer, &names, credentials, &wrong);
    }
    return failure == DSQL_E_PROTOCOL
               ? dsql__fail(error, failure, "the answer of %s %s", what, wrong)
           : failure != 0 ? dsql__fail_nomem(error)
                          : 0;
}
