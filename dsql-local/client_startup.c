/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The start-up packet; see client_startup.h. */
#include "client_startup.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/rules.h"

static int
refuse(struct dsql_error *error, int rule, const char *name)
{
    *error = (struct dsql_error){.code = DSQL_E_UNSUPPORTED};
    snprintf(error->sqlstate, sizeof error->sqlstate, "%s", rules_sqlstate(rule));
    char shown[128];
    snprintf(shown, sizeof shown, "%s", name);
    snprintf(error->message, sizeof error->message,
             "setting configuration parameter \"%s\" not supported", shown);
    return DSQL_E_UNSUPPORTED;
}

static int
put_setting(struct dsql__buffer *settings, const char *name, const char *value,
            struct dsql_error *error)
{
    if (strcasecmp(name, "amzn-cluster-id") == 0) {
        return 0; /* PrivateLink's way to name the cluster: there is only one here */
    }
    if (!rules_setting_is_allowed(name)) {
        return refuse(error, RULE_SETTING, name);
    }
    dsql__put_string(settings, name);
    dsql__put_string(settings, value);
    return 0;
}

/* The next word of `options`, with its backslashes resolved, in place. */
static char *
next_word(char **at)
{
    while (isspace((unsigned char)**at)) {
        (*at)++;
    }
    if (**at == '\0') {
        return NULL;
    }
    char *word = *at, *to = *at;
    while (**at != '\0' && !isspace((unsigned char)**at)) {
        if (**at == '\\' && (*at)[1] != '\0') {
            (*at)++;
        }
        *to++ = *(*at)++;
    }
    if (**at != '\0') {
        (*at)++;
    }
    *to = '\0';
    return word;
}

/* -c NAME=VALUE, -cNAME=VALUE, --NAME=VALUE */
static int
read_options(struct dsql__buffer *settings, const char *options, struct dsql_error *error)
{
    char *copy = strdup(options), *at = copy, *word;
    int failure = copy == NULL ? DSQL_E_NOMEM : 0;
    while (failure == 0 && (word = next_word(&at)) != NULL) {
        char *setting = NULL;
        if (strcmp(word, "-c") == 0) {
            setting = next_word(&at);
        } else if (strncmp(word, "-c", 2) == 0 || strncmp(word, "--", 2) == 0) {
            setting = word + 2;
        }
        char *equals = setting != NULL ? strchr(setting, '=') : NULL;
        if (equals == NULL) {
            failure = refuse(error, RULE_SETTING, word);
            break;
        }
        *equals = '\0';
        failure = put_setting(settings, setting, equals + 1, error);
    }
    free(copy);
    return failure;
}

static int
read_parameter(struct local_startup *startup, struct dsql__buffer *settings, const char *name,
               const char *value, struct dsql_error *error)
{
    if (strcmp(name, "user") == 0 || strcmp(name, "database") == 0) {
        char **to = name[0] == 'u' ? &startup->user : &startup->database;
        free(*to);
        *to = strdup(value);
        return *to ? 0 : DSQL_E_NOMEM;
    }
    if (strcmp(name, "options") == 0) {
        return read_options(settings, value, error);
    }
    if (strncmp(name, "_pq_.", 5) == 0) {
        return 0; /* answered by NegotiateProtocolVersion */
    }
    return put_setting(settings, name, value, error);
}

static int
read_parameters(struct dsql__reader *reader, struct local_startup *startup,
                struct dsql__buffer *settings, struct dsql_error *error)
{
    for (;;) {
        const char *name = dsql__get_string(reader);
        if (!reader->failed && *name == '\0') {
            return 0;
        }
        const char *value = dsql__get_string(reader);
        if (reader->failed) {
            snprintf(error->message, sizeof error->message, "invalid startup packet layout");
            return DSQL_E_PROTOCOL;
        }
        int failure = read_parameter(startup, settings, name, value, error);
        if (failure != 0) {
            return failure;
        }
    }
}

/* No larger than it has to be: a client may be idle for an hour. */
static int
keep_settings(struct local_startup *startup, const struct dsql__buffer *settings)
{
    startup->settings_length = dsql__buffer_length(settings);
    if (settings->failed) {
        return DSQL_E_NOMEM;
    }
    if (startup->settings_length == 0) {
        return 0;
    }
    startup->settings = malloc(startup->settings_length);
    if (startup->settings == NULL) {
        return DSQL_E_NOMEM;
    }
    memcpy(startup->settings, dsql__buffer_begin(settings), startup->settings_length);
    return 0;
}

int
local_startup_read(const char *body, size_t length, struct local_startup *startup,
                   struct dsql_error *error)
{
    struct dsql__reader reader;
    struct dsql__buffer settings = {0};
    dsql__reader_init(&reader, body, length);
    int32_t version = dsql__get_int32(&reader);
    *error = (struct dsql_error){.code = DSQL_E_PROTOCOL, .sqlstate = "08P01"};
    if (version >> 16 != 3) {
        snprintf(error->message, sizeof error->message,
                 "unsupported frontend protocol %d.%d: server supports 3.0",
                 (int)((uint32_t)version >> 16), (int)((uint32_t)version & 0xFFFF));
        return DSQL_E_PROTOCOL;
    }
    int failure = read_parameters(&reader, startup, &settings, error);
    if (failure == 0) {
        failure = keep_settings(startup, &settings);
    }
    dsql__buffer_clear(&settings);
    if (failure == DSQL_E_NOMEM) {
        snprintf(error->sqlstate, sizeof error->sqlstate, "53200");
        snprintf(error->message, sizeof error->message, "out of memory");
    } else if (failure == 0 && (startup->user == NULL || *startup->user == '\0')) {
        snprintf(error->sqlstate, sizeof error->sqlstate, "28000");
        snprintf(error->message, sizeof error->message,
                 "no PostgreSQL user name specified in startup packet");
        failure = DSQL_E_PROTOCOL;
    }
    return failure;
}

/* The newest minor version that we speak is 3.0, and no protocol option. */
void
local_startup_negotiate(const char *body, size_t length, struct dsql__buffer *out)
{
    struct dsql__buffer names = {0};
    int32_t count = 0;
    struct dsql__reader reader;
    dsql__reader_init(&reader, body, length);
    int32_t version = dsql__get_int32(&reader);
    for (;;) {
        const char *name = dsql__get_string(&reader);
        if (reader.failed || *name == '\0') {
            break;
        }
        if (strncmp(name, "_pq_.", 5) == 0) {
            dsql__put_string(&names, name);
            count++;
        }
        dsql__get_string(&reader);
    }
    if (version != DSQL__PROTOCOL_3_0 || count > 0) {
        size_t mark = dsql__message_begin(out, 'v');
        dsql__put_int32(out, DSQL__PROTOCOL_3_0);
        dsql__put_int32(out, count);
        if (count > 0) {
            dsql__buffer_put(out, dsql__buffer_begin(&names), dsql__buffer_length(&names));
        }
        dsql__message_end(out, mark);
    }
    out->failed |= names.failed;
    dsql__buffer_clear(&names);
}

void
local_startup_put(const struct local_startup *startup, struct dsql__buffer *out)
{
    size_t mark = dsql__message_begin(out, 0);
    dsql__put_int32(out, DSQL__PROTOCOL_3_0);
    dsql__put_string(out, "user");
    dsql__put_string(out, startup->user);
    dsql__put_string(out, "database");
    dsql__put_string(out, startup->database ? startup->database : "postgres");
    if (startup->settings_length > 0) {
        dsql__buffer_put(out, startup->settings, startup->settings_length);
    }
    dsql__put_byte(out, '\0');
    dsql__message_end(out, mark);
}

void
local_startup_clear(struct local_startup *startup)
{
    free(startup->user);
    free(startup->database);
    free(startup->settings);
    *startup = (struct local_startup){0};
}
