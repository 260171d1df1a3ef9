/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a text of SQL does, without parsing it: the first word of each
 * statement, and the words behind a WITH. In doubt a text does more than it
 * does in truth: whoever asks then is the more careful. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "dsql.h"
#include "sqlscan.h"

static bool
is(struct dsql__text token, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(token.end - token.at) == length && strncasecmp(token.at, word, length) == 0;
}

static const struct {
    const char *word;
    int kind;
} words[] = {
    {"ALTER", DSQL_SQL_DDL},        {"AWS", DSQL_SQL_DDL},           {"COMMENT", DSQL_SQL_DDL},
    {"CREATE", DSQL_SQL_DDL},       {"DROP", DSQL_SQL_DDL},          {"GRANT", DSQL_SQL_DDL},
    {"REVOKE", DSQL_SQL_DDL},       {"COPY", DSQL_SQL_DML},          {"DELETE", DSQL_SQL_DML},
    {"INSERT", DSQL_SQL_DML},       {"MERGE", DSQL_SQL_DML},         {"UPDATE", DSQL_SQL_DML},
    {"ABORT", DSQL_SQL_CONTROL},    {"BEGIN", DSQL_SQL_CONTROL},     {"COMMIT", DSQL_SQL_CONTROL},
    {"END", DSQL_SQL_CONTROL},      {"PREPARE", DSQL_SQL_CONTROL},   {"RELEASE", DSQL_SQL_CONTROL},
    {"ROLLBACK", DSQL_SQL_CONTROL}, {"SAVEPOINT", DSQL_SQL_CONTROL}, {"START", DSQL_SQL_CONTROL},
};

static int
kind_of(struct dsql__text token)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is(token, words[i].word)) {
            return words[i].kind;
        }
    }
    return 0;
}

/* Reads to behind the ';' of a statement. behind_with: look for writing parts,
 * which FOR UPDATE and FOR NO KEY UPDATE are not. */
static int
read_rest(struct dsql__text *text, bool behind_with)
{
    int kind = 0;
    bool locking = false;
    for (;;) {
        struct dsql__text token = dsql__sql_next(text);
        if (token.at == token.end || *token.at == ';') {
            return kind;
        }
        if (behind_with && !locking) {
            kind |= kind_of(token) & DSQL_SQL_DML;
        }
        locking = is(token, "FOR") || (locking && (is(token, "NO") || is(token, "KEY")));
    }
}

int
dsql_sql_kind(const char *sql, size_t length)
{
    struct dsql__text text = {sql, sql + length};
    int kind = 0, statements = 0;
    for (;;) {
        struct dsql__text token = dsql__sql_next(&text);
        if (token.at == token.end) {
            return kind | (statements > 1 ? DSQL_SQL_SEVERAL : 0);
        }
        if (*token.at == ';' || *token.at == '(') {
            continue;
        }
        statements++;
        kind |= kind_of(token);
        /* EXPLAIN ANALYZE does what it explains. */
        kind |= read_rest(&text, is(token, "WITH") || is(token, "EXPLAIN"));
    }
}
