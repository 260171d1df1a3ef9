/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Whole SQL texts: split, rewritten, parsed, judged. */
#include <stdint.h>
#include <string.h>

#include "rules/parser.h"
#include "rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules_text text;
    if (rules_text_read((const char *)data, size, &text) != 0) {
        return 0;
    }
    for (size_t i = 0; i < text.count; i++) {
        const struct rules_statement *statement = &text.statements[i];
        if (statement->start + statement->length > size || statement->sql == NULL ||
            (statement->rule != RULES_ALLOWED) != (statement->message != NULL) ||
            (statement->rule != RULES_ALLOWED) != (statement->sqlstate != NULL) ||
            statement->rule >= RULES_COUNT || statement->kind > RULES_SESSION ||
            (statement->same_positions && strlen(statement->sql) > statement->length)) {
            __builtin_trap();
        }
        if (statement->unread) {
            char message[100];
            size_t at;
            parser_explain(statement->sql, message, sizeof message, &at);
            if (at > strlen(statement->sql) || message[0] == '\0') {
                __builtin_trap();
            }
        }
        /* places of the rewritten text are places in the client's */
        size_t end = strlen(statement->sql);
        if (statement->rule == RULES_ALLOWED && !statement->same_positions &&
            rules_client_place(statement, end) > statement->length + 1) {
            __builtin_trap();
        }
    }
    rules_text_clear(&text);
    return 0;
}
