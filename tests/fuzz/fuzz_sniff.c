/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The first bytes of a connection, as they come one by one: what is decided stays
 * decided, and eight bytes are enough. */
#include <stdint.h>
#include <stdlib.h>

#include "sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum local_sniffed decided = SNIFFED_TOO_FEW;
    for (size_t length = 0; length <= size && length <= 64; length++) {
        enum local_sniffed now = local_sniff(data, length);
        if (length >= SNIFF_BYTES && now == SNIFFED_TOO_FEW) {
            abort();
        }
        if (decided != SNIFFED_TOO_FEW && now != decided) {
            abort();
        }
        decided = now;
    }
    return 0;
}
