/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The greeting of a client without a PostgreSQL connection; see greeting.h. */
#include "greeting.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <openssl/rand.h>

#include "service.h"

#define NAME_LIMIT 63 /* PostgreSQL cuts an application_name there */

static bool
is_one_of(const char *value, const char *const *choices)
{
    while (*choices != NULL && strcasecmp(value, *choices) != 0) {
        choices++;
    }
    return *choices != NULL;
}

/* PostgreSQL replaces other characters. */
static bool
is_plain_name(const char *value)
{
    while (*value >= ' ' && *value <= '~') {
        value++;
    }
    return *value == '\0';
}

/* UTF8, utf-8, 'utf-8', unicode: PostgreSQL looks at letters and digits only. */
static bool
is_utf8(const char *value)
{
    static const char *const names[] = {"utf8", "unicode", NULL};
    char letters[16];
    size_t count = 0;
    for (; *value != '\0' && count < sizeof letters - 1; value++) {
        if (isalnum((unsigned char)*value)) {
            letters[count++] = *value;
        }
    }
    letters[count] = '\0';
    return *value == '\0' && is_one_of(letters, names);
}

/* A value that leaves the parameter as PostgreSQL has it anyway, or that
 * local_greeting_put() can show. */
static bool
is_foreseen(const char *name, const char *value)
{
    static const char *const date[] = {"ISO", "ISO, MDY", "ISO,MDY", NULL};
    static const char *const interval[] = {"postgres", NULL};
    static const char *const zone[] = {"UTC", NULL};
    static const char *const digits[] = {"0", "1", "2", "3", NULL}; /* not reported */
    if (strcasecmp(name, "application_name") == 0) {
        return is_plain_name(value);
    }
    if (strcasecmp(name, "client_encoding") == 0) {
        return is_utf8(value);
    }
    return (strcasecmp(name, "datestyle") == 0 && is_one_of(value, date)) ||
           (strcasecmp(name, "intervalstyle") == 0 && is_one_of(value, interval)) ||
           (strcasecmp(name, "timezone") == 0 && is_one_of(value, zone)) ||
           (strcasecmp(name, "extra_float_digits") == 0 && is_one_of(value, digits));
}

bool
local_greeting_suits(const struct local_startup *startup)
{
    struct dsql__reader reader;
    if (startup->database != NULL && strcmp(startup->database, "postgres") != 0) {
        return false;
    }
    dsql__reader_init(&reader, startup->settings, startup->settings_length);
    while (reader.at < reader.end) {
        const char *name = dsql__get_string(&reader);
        if (!is_foreseen(name, dsql__get_string(&reader))) {
            return false;
        }
    }
    return true;
}

/* The client's last word on application_name, or "". */
static const char *
application_name(const struct local_startup *startup)
{
    const char *found = "";
    struct dsql__reader reader;
    dsql__reader_init(&reader, startup->settings, startup->settings_length);
    while (reader.at < reader.end) {
        const char *name = dsql__get_string(&reader), *value = dsql__get_string(&reader);
        if (strcasecmp(name, "application_name") == 0) {
            found = value;
        }
    }
    return found;
}

static void
put_application_name(const struct local_startup *startup, struct dsql__buffer *out)
{
    const char *value = application_name(startup);
    size_t mark = dsql__message_begin(out, 'S');
    dsql__put_string(out, "application_name");
    dsql__buffer_put(out, value, strnlen(value, NAME_LIMIT));
    dsql__put_byte(out, '\0');
    dsql__message_end(out, mark);
}

void
local_greeting_put(const struct dsql__buffer *parameters, const struct local_startup *startup,
                   struct dsql__buffer *out)
{
    const char *at = dsql__buffer_begin(parameters);
    size_t left = dsql__buffer_length(parameters);
    struct dsql__message message;
    while (dsql__message_peek(at, left, left, false, &message) == 0) {
        if (strncmp(message.body, "application_name", message.length) == 0) {
            put_application_name(startup, out);
        } else {
            service_pass_parameter(out, &message);
        }
        at += message.total;
        left -= message.total;
    }
}

void
local_greeting_put_key(struct dsql__buffer *out)
{
    unsigned char random[8];
    size_t mark = dsql__message_begin(out, 'K');
    if (RAND_bytes(random, sizeof random) != 1) {
        memset(random, 0, sizeof random);
    }
    random[0] &= 0x7F; /* a process id is positive */
    dsql__buffer_put(out, random, sizeof random);
    dsql__message_end(out, mark);
}
