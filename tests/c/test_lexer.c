/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How SQL is cut into words. */
#include "rules/lexer.h"

#include "check.h"

static void
expect_tokens(const char *sql, const char *wanted)
{
    static const char kinds[] = {[LEXER_WORD] = 'w',      [LEXER_QUOTED] = 'q',
                                 [LEXER_STRING] = 's',    [LEXER_NUMBER] = 'n',
                                 [LEXER_PARAMETER] = 'p', [LEXER_SYMBOL] = '.'};
    struct lexer lexer;
    struct lexer_token token;
    char got[500] = "";
    lexer_init(&lexer, sql, strlen(sql));
    while ((token = lexer_next(&lexer)).kind != LEXER_END) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%c%.*s|", kinds[token.kind], (int)token.length,
                 token.at);
    }
    CHECK_TEXT(got, wanted);
}

static void
words_numbers_and_symbols(void)
{
    expect_tokens("SELECT a.b, 1.5e-3+.5 FROM t$1",
                  "wSELECT|wa|..|wb|.,|n1.5e-3|.+|n.5|wFROM|wt$1|");
    expect_tokens("$1::int4<=$22", "p$1|.:|.:|wint4|.<|.=|p$22|");
    expect_tokens("\xC3\xA4_1 x", "w\xC3\xA4_1|wx|");
}

static void
strings_of_every_kind(void)
{
    expect_tokens("'a''b' E'\\'x' U&'\\0041' B'01' X'ff' n'x'",
                  "s'a''b'|sE'\\'x'|sU&'\\0041'|sB'01'|sX'ff'|sn'x'|");
    expect_tokens("\"a\"\"b\" U&\"x\"", "q\"a\"\"b\"|qU&\"x\"|");
    expect_tokens("$$ a;b $$ $t$ $$ $t$;", "s$$ a;b $$|s$t$ $$ $t$|.;|");
    expect_tokens("'a\\' b", "s'a\\'|wb|");
    /* in parts, on lines of their own */
    expect_tokens("E'a' -- c\n 'b\\'c'|", "sE'a' -- c\n 'b\\'c'|.||");
    expect_tokens("'a' 'b' \"c\"\n\"d\"", "s'a'|s'b'|q\"c\"|q\"d\"|");
}

static void
comments_are_passed_over(void)
{
    expect_tokens("a -- b\nc /* d /* e */ f */ g", "wa|wc|wg|");
    expect_tokens("/* open", "");
    expect_tokens("a--", "wa|");
}

static void
what_is_not_closed_ends_with_the_text(void)
{
    expect_tokens("'abc", "s'abc|");
    expect_tokens("\"abc", "q\"abc|");
    expect_tokens("$x$abc$x", "s$x$abc$x|");
    expect_tokens("E'\\", "sE'\\|");
    expect_tokens("$", ".$|");
}

static void
values_of_names_and_strings(void)
{
    static const struct {
        const char *sql, *value;
    } rows[] = {
        {"Role_A", "role_a"}, {"\"Ro\"\"le\"", "Ro\"le"},
        {"'it''s'", "it's"},  {"''", ""},
        {"E'x'", NULL},       {"'open", NULL},
        {"12", NULL},         {"'a'\n'b'", NULL},
        {"'a''", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lexer lexer;
        char value[20];
        lexer_init(&lexer, rows[i].sql, strlen(rows[i].sql));
        bool known = lexer_value(lexer_next(&lexer), value, sizeof value);
        CHECK(known == (rows[i].value != NULL));
        if (known && rows[i].value != NULL) {
            CHECK_TEXT(value, rows[i].value);
        }
    }
}

/* Marks the tokens that end a statement by a vertical bar. */
static void
expect_ends(const char *sql, const char *wanted)
{
    struct lexer lexer;
    struct lexer_place place = {0};
    struct lexer_token token;
    char got[200] = "";
    lexer_init(&lexer, sql, strlen(sql));
    while ((token = lexer_next(&lexer)).kind != LEXER_END) {
        bool ends = lexer_ends(&place, token);
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%.*s", ends ? 1 : (int)token.length,
                 ends ? "|" : token.at);
        if (ends) {
            place = (struct lexer_place){0};
        }
    }
    CHECK_TEXT(got, wanted);
}

static void
semicolons_that_end_statements(void)
{
    expect_ends("a; b;; c", "a|b||c");
    expect_ends("a (; b;) ; c", "a(;b;)|c");
    expect_ends(") a; b", ")a|b");
    expect_ends("CREATE F BEGIN ATOMIC a; CASE b END; END; c",
                "CREATEFBEGINATOMICa;CASEbEND;END|c");
    expect_ends("BEGIN ATOMIC; END", "BEGINATOMIC|END");
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(words_numbers_and_symbols),   TEST(strings_of_every_kind),
        TEST(comments_are_passed_over),    TEST(what_is_not_closed_ends_with_the_text),
        TEST(values_of_names_and_strings), TEST(semicolons_that_end_statements),
    };
    return RUN(tests);
}
