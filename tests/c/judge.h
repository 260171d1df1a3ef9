/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the rules make of one statement, for the tests of the rules. */
#ifndef DSQL_TESTS_JUDGE_H
#define DSQL_TESTS_JUDGE_H

#include "rules/rules.h"

#include "check.h"

static struct rules_text judge_text;

/* The only statement of a text; valid until the next call. */
static const struct rules_statement *
only(const char *sql)
{
    static const struct rules_statement none;
    rules_text_clear(&judge_text);
    CHECK(rules_text_read(sql, strlen(sql), &judge_text) == 0);
    if (judge_text.count != 1) {
        fprintf(stderr, "%zu statements in: %s\n", judge_text.count, sql);
        CHECK(judge_text.count == 1);
        return &none;
    }
    return &judge_text.statements[0];
}

/* A statement, the rule that refuses it (or RULES_ALLOWED), and the message's
 * variable part. */
struct judged {
    const char *sql;
    int rule;
    const char *argument;
};

static void
judge_all(const struct judged *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rules_statement *statement = only(rows[i].sql);
        char wanted[256] = "";
        if (statement->rule != rows[i].rule) {
            fprintf(stderr, "%s, not %s: %s\n", rules_name(statement->rule),
                    rules_name(rows[i].rule), rows[i].sql);
        }
        CHECK(statement->rule == rows[i].rule);
        if (statement->rule == RULES_ALLOWED || statement->rule != rows[i].rule) {
            continue;
        }
        const char *format = rules_message(statement->rule), *place = strstr(format, "%s");
        if (place != NULL && rows[i].argument != NULL) {
            snprintf(wanted, sizeof wanted, "%.*s%s%s", (int)(place - format), format,
                     rows[i].argument, place + 2);
        } else {
            snprintf(wanted, sizeof wanted, "%s", format);
        }
        CHECK_TEXT(statement->message, wanted);
        CHECK_TEXT(statement->sqlstate, rules_sqlstate(rows[i].rule));
    }
}

#define JUDGE(rows) judge_all(rows, sizeof rows / sizeof rows[0])

#endif
