/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* AWS configuration files: no entry may point outside of the text. */
#include <stdint.h>

#include "credentials/ini.h"

static void
check(struct dsql__ini_text text, const char *from, size_t size)
{
    if (text.at != NULL && (text.at < from || text.at + text.length > from + size)) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dsql__ini ini;
    size_t line;
    const char *text = (const char *)data;
    if (dsql__ini_parse(text, size, &ini, &line) == 0) {
        for (size_t i = 0; i < ini.count; i++) {
            check(ini.entries[i].section, text, size);
            check(ini.entries[i].key, text, size);
            check(ini.entries[i].value, text, size);
            dsql__ini_get(&ini, ini.entries[i].section, "aws_access_key_id");
        }
        dsql__ini_clear(&ini);
    }
    return 0;
}
