/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Messages of the protocol: framing, bodies, errors. */
#include <stdint.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    struct dsql__message message;
    struct dsql__reader reader;
    struct dsql_diagnostic diagnostic;
    while (dsql__message_peek(at, (size_t)(end - at), 1 << 20, false, &message) == 0) {
        dsql__reader_init(&reader, message.body, message.length);
        dsql__get_int16(&reader);
        while (!reader.failed) {
            dsql__get_string(&reader);
            dsql__get_int32(&reader);
        }
        if (dsql__diagnostic_read(message.body, message.length, &diagnostic) == 0) {
            struct dsql__buffer buffer = {0};
            dsql__diagnostic_put(&buffer, message.type, &diagnostic);
            dsql__buffer_clear(&buffer);
        }
        at += message.total;
    }
    if (dsql__packet_peek(at, (size_t)(end - at), 10000, &message) == 0) {
        dsql__reader_init(&reader, message.body, message.length);
        dsql__get_int32(&reader);
    }
    return 0;
}
