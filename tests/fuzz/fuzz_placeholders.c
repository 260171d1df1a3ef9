/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Placeholders of other drivers: names lie in the text, and what has no "%" comes
 * back as it is. */
#include <stdint.h>
#include <string.h>

#include "placeholders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *sql = (const char *)data;
    struct dsql__placeholders found;
    if (dsql__placeholders_read(sql, size, &found) == 0) {
        for (size_t i = 0; i < found.count; i++) {
            if (found.names[i].at < sql || found.names[i].end > sql + size ||
                found.names[i].at > found.names[i].end) {
                __builtin_trap();
            }
        }
        if (size > 0 && memchr(sql, '%', size) == NULL && found.count != 0) {
            __builtin_trap();
        }
    }
    dsql__placeholders_clear(&found);
    return 0;
}
