/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Host names, regions and cluster ids, with a line each. */
#include <stdint.h>
#include <string.h>

#include "dsql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[1024], *line[3] = {0}, *rest = text;
    struct dsql_endpoint endpoint;
    struct dsql_error error;
    size = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = 0;
    for (size_t i = 0; i < 3; i++) {
        line[i] = strsep(&rest, "\n");
    }
    if (dsql_endpoint_parse(line[0], line[1], line[2], &endpoint, &error) != 0 &&
        (error.code >= 0 || error.message[0] == 0)) {
        __builtin_trap(); /* a refusal without its sentence */
    }
    return 0;
}
