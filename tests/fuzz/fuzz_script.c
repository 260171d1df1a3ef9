/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Scripts for psql: statements lie one behind the other, lines stay, and every
 * step goes on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
lines(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += text[i] == '\n';
    }
    return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script;
    struct script_statement statement;
    enum script_item item;
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    size_t before = lines(text, size), items = 0;
    const char *behind = text;
    script_init(&script, text, size);
    while ((item = script_next(&script, &statement)) != SCRIPT_END) {
        if (++items > size || statement.at < behind || statement.at > text + size ||
            statement.length > (size_t)(text + size - statement.at)) {
            __builtin_trap();
        }
        behind = statement.at + statement.length;
        script_go_to(&script, statement.at);
        if (item == SCRIPT_COPY || (statement.length > 4 && memcmp(statement.at, "COPY", 4) == 0)) {
            if (script_data(&script) > size) {
                __builtin_trap();
            }
        }
    }
    if (script.line > before + 1 || lines(text, size) != before) {
        __builtin_trap();
    }
    memcpy(text, data, size);
    script_replace_variables(text, size);
    if (lines(text, size) != before) {
        __builtin_trap();
    }
    free(text);
    return 0;
}
