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

static const char *
skip_blanks(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* Z, UTC, GMT, +HH:MM, +HHMM or +HH: seconds east of Greenwich. A time without
 * a zone could be any. The first byte behind it, or NULL. */
static const char *
parse_zone(const char *text, int64_t *offset)
{
    int hours, minutes = 0, length = 0;
    *offset = 0;
    if (*text == 'Z' || *text == 'z') {
        return text + 1;
    }
    if (strncmp(text, "UTC", 3) == 0 || strncmp(text, "GMT", 3) == 0) {
        return text + 3;
    }
    if (*text != '+' && *text != '-') {
        return NULL;
    }
    if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 &&
        sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &length) != 2) {
        minutes = 0;
        if (sscanf(text + 1, "%2d%n", &hours, &length) != 1) {
            return NULL;
        }
    }
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return NULL;
    }
    *offset = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
    return text + 1 + length;
}

/* 2026-11-25T12:00:00, without its seconds, or 20261125T120000: the first byte
 * behind it, or NULL. */
static const char *
parse_moment(const char *text, struct tm *tm)
{
    int length = 0;
    char between = ' ';
    if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm->tm_year, &tm->tm_mon, &tm->tm_mday,
               &between, &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &length) != 7 &&
        sscanf(text, "%4d%2d%2d%c%2d%2d%2d%n", &tm->tm_year, &tm->tm_mon, &tm->tm_mday, &between,
               &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &length) != 7) {
        tm->tm_sec = 0;
        if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d%n", &tm->tm_year, &tm->tm_mon, &tm->tm_mday,
                   &between, &tm->tm_hour, &tm->tm_min, &length) != 6) {
            return NULL;
        }
    }
    return between == 'T' || between == 't' || between == ' ' ? text + length : NULL;
}

bool
dsql__time_parse(const char *text, int64_t *seconds)
{
    struct tm tm = {0};
    int64_t offset;
    const char *at = parse_moment(skip_blanks(text), &tm);
    if (at == NULL || tm.tm_year < 1970) {
        return false;
    }
    if (*at == '.' || *at == ',') {
        at += 1 + strspn(at + 1, "0123456789");
    }
    at = parse_zone(skip_blanks(at), &offset);
    if (at == NULL || *skip_blanks(at) != '\0') {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    struct tm same = tm; /* timegm() counts on where a day or an hour is not there */
    *seconds = (int64_t)timegm(&same) - offset;
    return same.tm_mon == tm.tm_mon && same.tm_mday == tm.tm_mday && same.tm_hour == tm.tm_hour &&
           same.tm_min == tm.tm_min && same.tm_sec == tm.tm_sec;
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
    struct dsql__json value = dsql__json_member(object, names->expiration);
    bool empty = value.at != NULL && value.length == 2 && *value.at == '"';
    int failure = empty ? DSQL_E_PROTOCOL : read_text(object, names->expiration, &text);
    if (failure != 0) {
        return failure;
    }
    if (text == NULL && names->needs_expiration) {
        *wrong = "does not say when its keys expire";
        return DSQL_E_PROTOCOL;
    }
    if (text != NULL && !dsql__time_parse(text, expires)) {
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

bool
dsql__answer_may_pass(const struct dsql_http_response *response)
{
    struct dsql__json answer;
    return response->status != 200 ||
           dsql__json_parse(response->body, response->length, &answer) != 0;
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
