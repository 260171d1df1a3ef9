/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How a script for psql is cut into what psql would send. */
#include "script.h"

#include <stdlib.h>

#include "check.h"

static const char *
item_name(enum script_item item, bool together)
{
    static const char *const names[] = {"end", "", "copy ", "file ", "connect ", "include "};
    return together ? "with " : names[item];
}

/* Items are written "LINE:COLUMN [kind]text|"; data of COPY as "[rows]". */
static void
expect_items(const char *sql, const char *wanted)
{
    char got[600] = "", *text = strdup(sql);
    struct script script;
    struct script_statement statement;
    enum script_item item;
    script_init(&script, text, strlen(text));
    while ((item = script_next(&script, &statement)) != SCRIPT_END) {
        size_t at = strlen(got);
        script_go_to(&script, statement.at);
        snprintf(got + at, sizeof got - at, "%zu:%zu %s%.*s|", script.line, script.column,
                 item_name(item, statement.together), (int)statement.length, statement.at);
        if (item == SCRIPT_COPY || strncmp(statement.at, "COPY", 4) == 0) {
            at = strlen(got);
            snprintf(got + at, sizeof got - at, "[%zu]", script_data(&script));
        }
    }
    CHECK_TEXT(got, wanted);
    free(text);
}

static void
statements_end_at_semicolons_and_at_the_end(void)
{
    expect_items("", "");
    expect_items(" ;; -- x\n", "");
    expect_items("a;b\n;\n  c", "1:1 a|1:3 b|3:3 c|");
    expect_items("a ';' $$;$$ (;) \";\" /* ; */; b", "1:1 a ';' $$;$$ (;) \";\"|1:30 b|");
    expect_items("CREATE FUNCTION f() BEGIN ATOMIC a; b; END; c",
                 "1:1 CREATE FUNCTION f() BEGIN ATOMIC a; b; END|1:45 c|");
}

static void
columns_are_characters(void)
{
    expect_items("'\xC3\xA4\xE2\x82\xAC'; b", "1:1 '\xC3\xA4\xE2\x82\xAC'|1:7 b|");
    expect_items("\xEF\xBB\xBF"
                 "a",
                 "1:1 a|");
    expect_items("a;\r\nb", "1:1 a|2:1 b|");
}

static void
commands_of_psql_are_no_sql(void)
{
    expect_items("\\timing on\na;", "2:1 a|");
    expect_items("\\echo it's ; here\na;", "2:1 a|");
    expect_items("\\echo 'a\\b' ; \\\\ a;", "1:18 a|");
    expect_items("a \\p\n b;", "1:1 a   \n b|");
    expect_items("\\", "");
    expect_items("a\\", "1:1 a|");
}

static void
commands_that_send_end_a_statement(void)
{
    expect_items("a \\g\nb \\gset x_\nc", "1:1 a|2:1 b|3:1 c|");
    expect_items("a \\bind 1 \\g\nb;", "1:1 a|2:1 b|");
    expect_items("a\\;b; c", "1:1 with a|1:4 b|1:7 c|");
    expect_items("a b \\r\nc;", "2:1 c|");
    expect_items("\\g\n\\;\na;", "3:1 a|");
    expect_items("a; \\c other\nb;", "1:1 a|1:4 connect \\c other|2:1 b|");
}

static void
data_of_copy_is_no_sql(void)
{
    expect_items("COPY t FROM STDIN;\n1;'\n2\n\\.\nb;", "1:1 COPY t FROM STDIN|[2]5:1 b|");
    expect_items("COPY t FROM STDIN; b;\n1\n\\.\r\nc;", "1:1 COPY t FROM STDIN|[1]1:20 b|4:1 c|");
    expect_items("COPY t FROM STDIN; COPY u FROM STDIN;\n1\n\\.\n2\n3\n\\.\nc",
                 "1:1 COPY t FROM STDIN|[1]1:20 COPY u FROM STDIN|[2]7:1 c|");
    expect_items("COPY t FROM STDIN;\n1\n2", "1:1 COPY t FROM STDIN|[2]");
    expect_items("COPY t FROM STDIN", "1:1 COPY t FROM STDIN|[0]");
    expect_items("\\copy t from stdin\n1\n\\.\nb", "1:1 copy \\copy t from stdin|[1]4:1 b|");
    expect_items("\\copy t from 'x' \nb", "1:1 file \\copy t from 'x' |2:1 b|");
    expect_items("\\copy (select a from stdin) to 'x'\nb", "2:1 b|");
    expect_items("\\copy (select ';') to 'x'\nb", "2:1 b|");
}

static void
included_scripts_are_told(void)
{
    expect_items("a;\n\\i 'x y.sql'\n\\ir z.sql\nb",
                 "1:1 a|2:1 include \\i 'x y.sql'|3:1 include \\ir z.sql|4:1 b|");
    expect_items("\\include x\n\\include_relative y", "1:1 include \\include x|"
                                                      "2:1 include \\include_relative y|");
    expect_items("\\if true \\\\ a;\n\\endif", "1:13 a|");
}

static void
open_comment_is_told(void)
{
    char text[] = "a; /* b /* c */ d;", closed[] = "a; /* b /* c */ */ d";
    struct script script;
    struct script_statement statement;
    script_init(&script, text, strlen(text));
    CHECK(script_next(&script, &statement) == SCRIPT_STATEMENT);
    CHECK(script_next(&script, &statement) == SCRIPT_END);
    CHECK(script.lexer.open_comment == text + 3);
    script_init(&script, closed, strlen(closed));
    while (script_next(&script, &statement) != SCRIPT_END) {
    }
    CHECK(script.lexer.open_comment == NULL);
}

static void
expect_replaced(const char *sql, const char *wanted)
{
    char text[200];
    snprintf(text, sizeof text, "%s", sql);
    bool replaced = script_replace_variables(text, strlen(text));
    CHECK_TEXT(text, wanted);
    CHECK(replaced == (strcmp(sql, wanted) != 0));
}

static void
variables_of_psql_become_sql(void)
{
    expect_replaced("a = :v AND b = :'v' AND :\"v\"", "a =  v AND b =  'v' AND  \"v\"");
    expect_replaced(":{?v} OR :{?long_name}", "true  OR true         ");
    expect_replaced("a::int", "a::int");
    expect_replaced("x := 1", "x := 1");
    expect_replaced("':v' :", "':v' :");
    expect_replaced(":{x} :{?}", ":{x} :{?}");
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(statements_end_at_semicolons_and_at_the_end),
        TEST(columns_are_characters),
        TEST(commands_of_psql_are_no_sql),
        TEST(commands_that_send_end_a_statement),
        TEST(data_of_copy_is_no_sql),
        TEST(included_scripts_are_told),
        TEST(open_comment_is_told),
        TEST(variables_of_psql_become_sql),
    };
    return RUN(tests);
}
