/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* XML: whatever comes, a text without NUL that is no longer than the document. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"Credentials/AccessKeyId", "Code", "a/b/c"};
    char *text = malloc(size > 0 ? size : 1); /* of its own, so that a byte too many is noticed */
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char *value;
        if (dsql__xml_text(text, size, paths[i], &value) == 0 && value != NULL &&
            strlen(value) > size) {
            __builtin_trap();
        }
        dsql__wipe_free(value);
    }
    free(text);
    return 0;
}
