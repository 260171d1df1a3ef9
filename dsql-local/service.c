/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The service's identity; see service.h. */
#include "service.h"

#include <string.h>

static const struct {
    const char *name, *value;
} settings[] = {
    {"server_version", "16.15"},
    {"server_version_num", "160015"},
};

const char *
service_setting(const char *name)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return settings[i].value;
        }
    }
    return NULL;
}

void
service_pass_parameter(struct dsql__buffer *out, const struct dsql__message *message)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    const char *name = dsql__get_string(&reader);
    const char *value = reader.failed ? NULL : service_setting(name);
    if (value == NULL) {
        dsql__buffer_put(out, message->body - 5, message->total);
        return;
    }
    size_t mark = dsql__message_begin(out, 'S');
    dsql__put_string(out, name);
    dsql__put_string(out, value);
    dsql__message_end(out, mark);
}
