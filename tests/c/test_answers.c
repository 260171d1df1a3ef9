/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The small parsers for what sources of credentials answer: JSON, XML, times,
 * URLs, command lines; and which proxy is used. */
#include <stdlib.h>

#include "check.h"
#include "credentials/source.h"
#include "credentials/words.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "xml.h"

/* ------------------------------------------------------------------- JSON */

static void
json_is_taken_or_refused_as_a_whole(void)
{
    static const char *const good[] = {
        "{}",      "[]",           " { } ",          "0",
        "-0.5e+7", "true",         "null",           "\"\"",
        "[1,[2]]", "{\"a\":[{}]}", "\"\\u00e4\\n\"", "\t[ 1 , 2 ]\r\n",
        "12E3",    "\"\\\\\\/\"",
    };
    static const char *const bad[] = {
        "",        "{",      "{]",        "[1,]",  "{\"a\"}",    "{\"a\":}", "{a:1}",
        "01",      "1.",     "+1",        "nul",   "NaN",        "'a'",      "\"a",
        "\"\\x\"", "\"\n\"", "\"\\u12\"", "{} {}", "{\"a\":1,}", "[1 2]",    "\"a\\\"",
        ".5",      "-",      "1e",        "tru e",
    };
    struct dsql__json value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(dsql__json_parse(good[i], strlen(good[i]), &value) == 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(dsql__json_parse(bad[i], strlen(bad[i]), &value) == DSQL_E_PROTOCOL);
    }
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    CHECK(dsql__json_parse(deep, sizeof deep, &value) == DSQL_E_PROTOCOL);
    CHECK(dsql__json_parse(deep + 100 - DSQL__JSON_DEPTH, (size_t)2 * DSQL__JSON_DEPTH, &value) ==
          0);
}

/* A member as text; its error's name where it is none. */
static void
expect_member(const char *text, const char *name, const char *wanted)
{
    struct dsql__json value;
    char *got;
    CHECK(dsql__json_parse(text, strlen(text), &value) == 0);
    int failure = dsql__json_string(dsql__json_member(value, name), &got);
    CHECK_TEXT(failure == 0 ? got : dsql_code_name(failure), wanted);
    dsql__wipe_free(got);
}

static void
json_members_are_found_and_decoded(void)
{
    expect_member("{\"a\": \"1\", \"b\": \"2\"}", "b", "2");
    expect_member("{\"a\": \"1\", \"a\": \"2\"}", "a", "2");
    expect_member("{\"x\": {\"a\": \"no\"}, \"a\": \"yes\"}", "a", "yes");
    expect_member("{\"a\": \"q\\\"\\\\\\/\\b\\f\\n\\r\\tz\"}", "a", "q\"\\/\b\f\n\r\tz");
    expect_member("{\"a\": \"\\u0041\\u00E4\\u20ac\\ud83d\\ude00\"}", "a", "Aä€😀");
    expect_member("{\"a\": \"\\ud83d\\u0041\\ude00\"}", "a", "?A?");
    expect_member("{\"a\": \"x\\u0000y\"}", "a", "DSQL_E_PROTOCOL");
    expect_member("{\"a\": 5}", "a", "DSQL_E_PROTOCOL");
    expect_member("{\"b\": \"5\"}", "a", "DSQL_E_PROTOCOL");
    expect_member("[\"a\"]", "a", "DSQL_E_PROTOCOL");
}

static void
json_numbers_are_whole_ones(void)
{
    static const struct {
        const char *text;
        bool good;
        int64_t number;
    } cases[] = {
        {"0", true, 0},      {"-12", true, -12}, {"1700000000123", true, 1700000000123},
        {"1.5", false, 0},   {"1e3", false, 0},  {"9999999999999999999", false, 0},
        {"\"1\"", false, 0}, {"true", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dsql__json value;
        int64_t number;
        CHECK(dsql__json_parse(cases[i].text, strlen(cases[i].text), &value) == 0);
        bool good = dsql__json_integer(value, &number);
        CHECK(good == cases[i].good && (!good || number == cases[i].number));
    }
}

/* -------------------------------------------------------------------- XML */

static void
expect_xml(const char *text, const char *path, const char *wanted)
{
    char *got;
    int failure = dsql__xml_text(text, strlen(text), path, &got);
    CHECK_TEXT(failure != 0 ? dsql_code_name(failure) : got != NULL ? got : "(none)", wanted);
    dsql__wipe_free(got);
}

static void
xml_elements_are_found_by_their_path(void)
{
    expect_xml("<?xml version='1.0'?><r xmlns='x'><a><b>1</b></a><b>2</b></r>", "r/b", "2");
    expect_xml("<r><a><b>1</b></a><b>2</b></r>", "a/b", "1");
    expect_xml("<r><a><b>1</b></a><b>2</b></r>", "b", "1");
    expect_xml("<r><a/></r>", "a", "");
    expect_xml("<r><a b=\"x>y\" c='/'></a ></r>", "a", "");
    expect_xml("<n:r xmlns:n='x'><n:a>1</n:a></n:r>", "r/a", "1");
    expect_xml("<r><a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</a></r>", "a", "<&>\"'AB");
    expect_xml("<r><a>x<![CDATA[<&]]>y<!-- no -->z</a></r>", "a", "x<&yz");
    expect_xml("<r>text</r>", "a", "(none)");
    expect_xml("", "a", "(none)");
}

static void
xml_that_is_not_well_formed_is_refused(void)
{
    static const char *const bad[] = {
        "<r>",
        "</r>",
        "<r></s>",
        "<r><a></r></a>",
        "<r a=\"></r>",
        "<r>&x;</r>",
        "<r>&#0;</r>",
        "<r>&#200;</r>",
        "<!DOCTYPE r><r/>",
        "<r><![CDATA[x</r>",
        "<r><!-- </r>",
        "<>x</>",
        "<r><a><b>1</b></a></r>",
        "<r>&#x;</r>",
        "<r",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_xml(bad[i], "a", "DSQL_E_PROTOCOL");
    }
}

/* ------------------------------------------------------------------ others */

static void
times_need_a_zone(void)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -1: refused */
    } cases[] = {
        {"2026-11-25T12:34:56Z", 1795610096},
        {"2026-11-25T12:34:56.789Z", 1795610096},
        {"2026-11-25 12:34:56UTC", 1795610096},
        {"2026-11-25T14:34:56+02:00", 1795610096},
        {"2026-11-25T12:04:56-0030", 1795610096},
        {"2026-11-25T13:34:56+01", 1795610096},
        {"2026-11-25T12:34:56", -1},
        {"2026-13-25T12:34:56Z", -1},
        {"2026-11-25T24:34:56Z", -1},
        {"2026-11-25T12:34:56ZZ", -1},
        {"2026-11-25T12:34:56+02:00x", -1},
        {"2026-11-25T12:34:56+", -1},
        {"soon", -1},
        {"", -1},
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-25x12:34:56Z", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t seconds = -1;
        bool good = dsql__time_parse(cases[i].text, &seconds);
        CHECK(good == (cases[i].seconds >= 0) && (!good || seconds == cases[i].seconds));
    }
}

static void
expect_url(const char *text, const char *wanted)
{
    struct dsql__url url;
    char got[700] = "refused";
    if (dsql__url_parse(text, &url)) {
        snprintf(got, sizeof got, "%d %s %s %s", url.secure, url.host, url.address, url.rest);
    }
    CHECK_TEXT(got, wanted);
}

static void
urls_are_taken_apart(void)
{
    expect_url("http://localhost", "0 localhost localhost ");
    expect_url("HTTPS://Sts.Test:443/a?b#c", "1 sts.test sts.test /a?b#c");
    expect_url("http://h:8080/", "0 h h:8080 /");
    expect_url("http://[FD00::1]:80/x", "0 fd00::1 [fd00::1] /x");
    expect_url("https://[::1]:80?x", "1 ::1 [::1]:80 ?x");
    static const char *const bad[] = {
        "",
        "localhost",
        "ftp://h/",
        "http://",
        "http:///x",
        "http://u@h/",
        "http://h:0/",
        "http://h:/",
        "http://h:65536/",
        "http://h:1x/",
        "http://[::1/",
        "http://a b/",
        "http://h/\n",
        "http://h/ä",
        "http://[::1]x/",
        "http://h:123456/",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_url(bad[i], "refused");
    }
}

static const char *const *variables; /* name, value, ..., NULL */

static const char *
fake_get(void *context, const char *name)
{
    (void)context;
    for (size_t i = 0; variables[i] != NULL; i += 2) {
        if (strcmp(variables[i], name) == 0) {
            return variables[i + 1];
        }
    }
    return NULL;
}

static void
expect_proxy(const char *const *set, const char *text, const char *wanted)
{
    static const struct dsql_env env = {.get = fake_get};
    struct dsql__url url;
    char *proxy = NULL;
    variables = set;
    CHECK(dsql__url_parse(text, &url) && dsql__http_proxy(&env, &url, &proxy) == 0);
    CHECK_TEXT(proxy != NULL ? proxy : "none", wanted);
    dsql__wipe_free(proxy);
}

static void
proxies_are_the_environments(void)
{
    static const char *const none[] = {NULL};
    static const char *const both[] = {"HTTPS_PROXY", "proxy:3128", "HTTP_PROXY", "http://plain:1",
                                       NULL};
    static const char *const small[] = {"HTTPS_PROXY", "large:1", "https_proxy", "//small:2", NULL};
    static const char *const except[] = {"HTTPS_PROXY", "http://p:1", "NO_PROXY",
                                         "other, .aws.test ,host.test:444", NULL};
    static const char *const all[] = {"https_proxy", "http://p:1", "no_proxy", "*", NULL};
    expect_proxy(none, "https://h/", "none");
    expect_proxy(both, "https://h/", "http://proxy:3128");
    expect_proxy(both, "http://h/", "http://plain:1");
    expect_proxy(small, "https://h/", "http://small:2");
    expect_proxy(except, "https://sts.AWS.test/", "none");
    expect_proxy(except, "https://aws.test/", "none");
    expect_proxy(except, "https://laws.test/", "http://p:1");
    expect_proxy(except, "https://host.test/", "http://p:1");
    expect_proxy(except, "https://host.test:444/", "none");
    expect_proxy(all, "https://h/", "none");
}

/* The words with bars between them. */
static void
expect_words(const char *line, const char *wanted)
{
    char **words, got[200] = "";
    int failure = dsql__words_split(line, &words);
    for (size_t i = 0; failure == 0 && words[i] != NULL; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%s|", words[i]);
    }
    CHECK_TEXT(failure == 0 ? got : dsql_code_name(failure), wanted);
    free(words);
}

static void
command_lines_are_split_as_by_a_shell(void)
{
    expect_words("", "");
    expect_words(" \t", "");
    expect_words("a", "a|");
    expect_words(" a  b\tc ", "a|b|c|");
    expect_words("a\\ b 'c \"d' \"e 'f\" g\"h\"'i'", "a b|c \"d|e 'f|ghi|");
    expect_words("'' \"\"", "||");
    expect_words("\"a\\\"b\\\\c\\d\" 'e\\'", "a\"b\\c\\d|e\\|");
    expect_words("#x $y *", "#x|$y|*|");
    expect_words("'a", "DSQL_E_CONFIG");
    expect_words("\"a\\\"", "DSQL_E_CONFIG");
    expect_words("a\\", "DSQL_E_CONFIG");
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(json_is_taken_or_refused_as_a_whole),
        TEST(json_members_are_found_and_decoded),
        TEST(json_numbers_are_whole_ones),
        TEST(xml_elements_are_found_by_their_path),
        TEST(xml_that_is_not_well_formed_is_refused),
        TEST(times_need_a_zone),
        TEST(urls_are_taken_apart),
        TEST(proxies_are_the_environments),
        TEST(command_lines_are_split_as_by_a_shell),
    };
    return RUN(tests);
}
