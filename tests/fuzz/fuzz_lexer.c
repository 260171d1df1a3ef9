/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SQL words: tokens lie in the text, one behind the other. */
#include <stdint.h>

#include "rules/lexer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *before = text;
    struct lexer lexer;
    struct lexer_token token;
    char value[64];
    lexer_init(&lexer, text, size);
    while ((token = lexer_next(&lexer)).kind != LEXER_END) {
        if (token.at < before || token.length == 0 || token.at + token.length > text + size) {
            __builtin_trap();
        }
        lexer_value(token, value, sizeof value);
        before = token.at + token.length;
    }
    return 0;
}
