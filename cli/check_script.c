/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A script's statements judged one after the other, by themselves and beside the
 * others of their transaction; see check.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "check.h"
#include "rules/parser.h"
#include "rules/rules.h"
#include "script.h"
#include "utf8.h"

#define MESSAGE_LIMIT ((size_t)10 << 20) /* the service closes the connection above it */
#define ROWS_LIMIT 3000

/* One script. */
struct judge {
    struct check_report *report;
    const char *file;
    struct script script;
    struct script_statement statement; /* the one that is judged */
    bool block, ddl, dml;              /* the transaction that it is in */
    size_t rows;                       /* that have been changed in it, as far as can be seen */
    bool rows_told;
    bool sync_index; /* the session may make indexes on empty tables without ASYNC */
};

/* ------------------------------------------------------------------- findings */

static void
tell(struct judge *judge, const char *at, struct check_finding finding)
{
    script_go_to(&judge->script, at);
    finding.file = judge->file;
    finding.line = judge->script.line;
    finding.column = judge->script.column;
    finding.statement = judge->statement.at;
    finding.length = judge->statement.length;
    check_report_finding(judge->report, &finding);
}

static void
tell_rule(struct judge *judge, int rule, const char *message, bool warning)
{
    tell(judge, judge->statement.at,
         (struct check_finding){.warning = warning,
                                .sqlstate = warning ? NULL : rules_sqlstate(rule),
                                .rule = rules_name(rule),
                                .section = rules_section(rule),
                                .message = message,
                                .instead = advice_for(rule, message)});
}

/* Bytes that are no UTF-8: the first of them, or NULL. */
static const char *
find_invalid(const char *text, size_t length)
{
    for (size_t i = 0, size; i < length; i += size) {
        size = utf8_character(text + i, length - i);
        if (size == 0 || text[i] == '\0') {
            return text + i;
        }
    }
    return NULL;
}

static void
tell_invalid(struct judge *judge, const char *at)
{
    char message[80];
    snprintf(message, sizeof message, "invalid byte sequence for encoding \"UTF8\": 0x%02x",
             (unsigned char)*at);
    tell(judge, at,
         (struct check_finding){.sqlstate = "22021",
                                .rule = "ENCODING",
                                .message = message,
                                .instead = "the file in UTF-8: iconv -f LATIN1 -t UTF-8"});
}

static void
tell_size(struct judge *judge)
{
    tell(judge, judge->statement.at,
         (struct check_finding){.sqlstate = "08P01",
                                .rule = "MESSAGE_SIZE",
                                .section = "limits",
                                .message = "a message of more than 10 MiB closes the connection",
                                .instead = "smaller statements, or COPY ... FROM STDIN"});
}

/* What the grammar does not know; with variables of psql in it nobody can tell. */
static void
tell_unread(struct judge *judge, const char *sql, bool variables)
{
    char message[200];
    size_t at = 0;
    parser_explain(sql, message, sizeof message, &at);
    struct check_finding finding = {.warning = variables,
                                    .sqlstate = variables ? NULL : "42601",
                                    .rule = variables ? "VARIABLE" : "SYNTAX",
                                    .message = message,
                                    .instead = "correct it: PostgreSQL's grammar does not know it"};
    if (variables) {
        snprintf(message, sizeof message, "%s",
                 "not judged: psql's variables stand where the grammar needs to know more");
        finding.instead = "run the script against dsql-local, where the variables have values";
        at = 0;
    }
    tell(judge, judge->statement.at + (at < judge->statement.length ? at : 0), finding);
}

/* COPY with a file of the server's, or a program: no role of a cluster may. */
static void
tell_file(struct judge *judge, bool from)
{
    tell(judge, judge->statement.at,
         (struct check_finding){.sqlstate = "42501",
                                .rule = "FILE",
                                .message = from ? "permission denied to COPY from a file"
                                                : "permission denied to COPY to a file",
                                .instead = from ? "COPY ... FROM STDIN, or psql's \\copy"
                                                : "COPY ... TO STDOUT, or psql's \\copy"});
}

static void
tell_include(struct judge *judge)
{
    tell(judge, judge->statement.at,
         (struct check_finding){.warning = true,
                                .rule = "INCLUDE",
                                .message = "not read: the file that is included here",
                                .instead = "give it to dsql check, too, each file by itself"});
}

/* A comment that goes to the end of the script takes all statements in it along. */
static void
tell_open_comment(struct judge *judge)
{
    const char *at = judge->script.lexer.open_comment;
    judge->statement.at = at;
    judge->statement.length = (size_t)(judge->script.end - at);
    tell(judge, at,
         (struct check_finding){.sqlstate = "42601",
                                .rule = "SYNTAX",
                                .message = "unterminated /* comment",
                                .instead = "end it: comments nest, each /* needs its */"});
}

static bool
is_copy(const char *sql, size_t length)
{
    struct lexer lexer;
    lexer_init(&lexer, sql, length);
    return lexer_is(lexer_next(&lexer), "copy");
}

/* --------------------------------------------------------------- transactions */

static void
begin_transaction(struct judge *judge, bool block)
{
    judge->block = block;
    judge->ddl = judge->dml = false;
    judge->rows = 0;
    judge->rows_told = false;
}

/* Rows that the statement shows to change: those of VALUES, in INSERT. */
static size_t
count_rows(const char *sql, size_t length)
{
    struct lexer lexer;
    struct lexer_token token;
    size_t depth = 0, rows = 0;
    bool values = false;
    lexer_init(&lexer, sql, length);
    if (!lexer_is(lexer_next(&lexer), "insert")) {
        return 0;
    }
    while ((token = lexer_next(&lexer)).kind != LEXER_END) {
        if (lexer_is_symbol(token, '(')) {
            rows += values && depth == 0;
            depth++;
        } else if (lexer_is_symbol(token, ')')) {
            depth -= depth > 0;
        } else if (depth == 0 && token.kind == LEXER_WORD) {
            if (values) {
                break; /* ON CONFLICT, RETURNING */
            }
            values = lexer_is(token, "values");
        }
    }
    return rows;
}

static void
add_rows(struct judge *judge, size_t rows)
{
    judge->rows += rows;
    if (judge->rows > ROWS_LIMIT && !judge->rows_told) {
        judge->rows_told = true;
        tell_rule(judge, RULE_ROW_LIMIT, rules_message(RULE_ROW_LIMIT), false);
    }
}

/* SET disable_sync_create_index = off. */
static bool
allows_sync_index(const char *sql, size_t length)
{
    static const char *const off[] = {"off", "false", "no", "0", "'off'", "'false'"};
    struct lexer lexer;
    lexer_init(&lexer, sql, length);
    struct lexer_token token = lexer_next(&lexer);
    if (!lexer_is(token, "set")) {
        return false;
    }
    token = lexer_next(&lexer);
    if (lexer_is(token, "session") || lexer_is(token, "local")) {
        token = lexer_next(&lexer);
    }
    if (!lexer_is(token, "disable_sync_create_index")) {
        return false;
    }
    lexer_next(&lexer); /* = or TO */
    token = lexer_next(&lexer);
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        if (token.length == strlen(off[i]) && strncmp(token.at, off[i], token.length) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a statement that is refused is DDL when it has been corrected: others of
 * its transaction will then be refused beside it. */
static bool
stays_ddl(const struct rules_statement *statement)
{
    static const char *const sections[] = {"tables", "types", "identity", "indexes", "limits"};
    const char *section = rules_section(statement->rule);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (strcmp(section, sections[i]) == 0) {
            return statement->kind == RULES_DDL;
        }
    }
    return false;
}

/* DDL or rows. */
static void
place_work(struct judge *judge, enum rules_kind kind, size_t rows)
{
    int rule = rules_beside(judge->ddl, judge->dml, kind);
    if (rule != RULES_ALLOWED) {
        tell_rule(judge, rule, rules_message(rule), false);
    }
    judge->ddl |= kind == RULES_DDL;
    judge->dml |= kind == RULES_DML;
    if (rule == RULES_ALLOWED) {
        add_rows(judge, rows);
    }
}

/* A statement that is not refused by itself. */
static void
place_in_transaction(struct judge *judge, const struct rules_statement *statement)
{
    const struct script_statement *at = &judge->statement;
    switch (statement->kind) {
    case RULES_BEGIN:
        begin_transaction(judge, true);
        return;
    case RULES_COMMIT:
    case RULES_ROLLBACK:
        begin_transaction(judge, judge->report->options->single_transaction);
        return;
    case RULES_SESSION:
        judge->sync_index |= allows_sync_index(at->at, at->length);
        break;
    case RULES_DDL:
    case RULES_DML:
        place_work(judge, statement->kind, count_rows(at->at, at->length));
        break;
    case RULES_READ:
    case RULES_EMPTY:
        break;
    }
}

/* -------------------------------------------------------------- one statement */

static void
judge_read(struct judge *judge, const struct rules_statement *statement, bool variables)
{
    if (statement->rule == RULES_ALLOWED && statement->unread) {
        tell_unread(judge, statement->sql, variables);
    } else if (statement->rule == RULES_ALLOWED && statement->copy == RULES_COPY_NONE &&
               is_copy(judge->statement.at, judge->statement.length)) {
        tell_file(judge, statement->kind == RULES_DML);
    } else if (statement->rule == RULES_ALLOWED) {
        place_in_transaction(judge, statement);
    } else if (statement->session_may_allow && judge->sync_index) {
        tell_rule(judge, statement->rule,
                  "works only while the table is empty: CREATE INDEX without ASYNC", true);
        place_in_transaction(judge, statement);
    } else {
        tell_rule(judge, statement->rule, statement->message, false);
        judge->ddl |= stays_ddl(statement);
        if (statement->kind == RULES_BEGIN) {
            begin_transaction(judge, true); /* as it will, once it is corrected */
        }
    }
    if (statement->copy == RULES_COPY_IN) {
        add_rows(judge, script_data(&judge->script));
    }
}

/* Once more, with something in the place of psql's variables. *text is replaced. */
static int
read_with_variables(const struct script_statement *at, struct rules_text *text, bool *variables)
{
    char *copy = strndup(at->at, at->length);
    int failure = copy != NULL ? 0 : DSQL_E_NOMEM;
    *variables = failure == 0 && script_replace_variables(copy, at->length);
    if (*variables) {
        rules_text_clear(text);
        failure = rules_text_read(copy, at->length, text);
    }
    free(copy);
    return failure;
}

static int
judge_statement(struct judge *judge)
{
    const struct script_statement *at = &judge->statement;
    struct rules_text text;
    bool variables = false;
    judge->report->file.statements++;
    const char *invalid = find_invalid(at->at, at->length);
    if (at->length >= MESSAGE_LIMIT || invalid != NULL) {
        if (invalid != NULL) {
            tell_invalid(judge, invalid);
        } else {
            tell_size(judge);
        }
        return 0;
    }
    int failure = rules_text_read(at->at, at->length, &text);
    if (failure == 0 && text.count == 1 && text.statements[0].unread &&
        text.statements[0].rule == RULES_ALLOWED) {
        failure = read_with_variables(at, &text, &variables);
    }
    if (failure == 0 && text.count == 1) {
        judge_read(judge, &text.statements[0], variables);
    }
    rules_text_clear(&text);
    return failure;
}

int
check_script(struct check_report *report, const char *name, char *text, size_t length)
{
    struct judge judge = {.report = report, .file = name};
    bool single = report->options->single_transaction;
    enum script_item item;
    int failure = 0;
    script_init(&judge.script, text, length);
    begin_transaction(&judge, single);
    while (failure == 0 && (item = script_next(&judge.script, &judge.statement)) != SCRIPT_END) {
        if (item == SCRIPT_STATEMENT) {
            failure = judge_statement(&judge);
        } else if (item == SCRIPT_INCLUDE) {
            tell_include(&judge);
        } else if (item == SCRIPT_CONNECT) {
            begin_transaction(&judge, single);
            judge.sync_index = false;
        } else {
            place_work(&judge, RULES_DML, item == SCRIPT_COPY ? script_data(&judge.script) : 0);
        }
        if (!judge.block && !(item == SCRIPT_STATEMENT && judge.statement.together)) {
            begin_transaction(&judge, false);
        }
    }
    if (failure == 0 && judge.script.lexer.open_comment != NULL) {
        tell_open_comment(&judge);
    }
    return failure;
}
