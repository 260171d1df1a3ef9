/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The body of a start-up packet: what is read from it, and what is made of it for
 * PostgreSQL and for the client. */
#include <stdint.h>
#include <stdlib.h>

#include "client_startup.h"
#include "greeting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* What we make is a packet that we ourselves can read. */
static void
read_back(const struct local_startup *startup)
{
    struct dsql__buffer out = {0};
    struct dsql__message packet;
    struct dsql_error error;
    struct local_startup again = {0};
    local_startup_put(startup, &out);
    require(dsql__packet_peek(dsql__buffer_begin(&out), dsql__buffer_length(&out), 1 << 24,
                              &packet) == 0);
    require(packet.total == dsql__buffer_length(&out));
    require(local_startup_read(packet.body, packet.length, &again, &error) == 0);
    require(again.settings_length == startup->settings_length);
    local_startup_clear(&again);
    dsql__buffer_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char status[] = "S\0\0\0\x16"
                                 "application_name\0\0"
                                 "S\0\0\0\x17"
                                 "client_encoding\0UTF8"; /* the last lacks its end */
    struct dsql__buffer parameters = {0}, out = {0};
    struct dsql_error error;
    struct local_startup startup = {0};
    dsql__buffer_put(&parameters, status, sizeof status - 2);
    local_startup_negotiate((const char *)data, size, &out);
    if (local_startup_read((const char *)data, size, &startup, &error) == 0) {
        require(startup.user != NULL && *startup.user != '\0');
        read_back(&startup);
        if (local_greeting_suits(&startup)) {
            local_greeting_put(&parameters, &startup, &out);
        }
        local_greeting_put_key(&out);
    } else {
        require(error.message[0] != '\0' && error.sqlstate[0] != '\0');
    }
    local_startup_clear(&startup);
    dsql__buffer_clear(&parameters);
    dsql__buffer_clear(&out);
    return 0;
}
