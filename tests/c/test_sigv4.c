/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Tokens, stage by stage, against the cases in tests/golden/token: each folder
 * holds the request and every value on the way to the token. */
#include "sigv4.h"

#include <stdlib.h>

#include "check.h"

static const char *golden; /* the folder of golden cases */

static char *
read_golden(const char *name, const char *file)
{
    static char text[4][8192];
    static size_t next;
    char path[1024], *to = text[next++ % 4];
    snprintf(path, sizeof path, "%s/token/%s/%s", golden, name, file);
    FILE *stream = fopen(path, "r");
    size_t size = stream != NULL ? fread(to, 1, sizeof text[0] - 1, stream) : 0;
    if (stream != NULL) {
        fclose(stream);
    }
    to[size] = '\0';
    CHECK(size > 0);
    return to;
}

/* "request" holds a value a line: access key, secret key, session token or -,
 * host, user, seconds since the epoch, expiry. */
static void
check_case(const char *name)
{
    char *line[7], *rest = read_golden(name, "request");
    for (size_t i = 0; i < 7; i++) {
        line[i] = strtok_r(i == 0 ? rest : NULL, "\n", &rest);
    }
    struct dsql_credentials credentials;
    struct dsql_endpoint endpoint;
    struct dsql_error error;
    const char *session = strcmp(line[2], "-") == 0 ? NULL : line[2];
    CHECK(dsql_credentials_set(&credentials, line[0], line[1], session, &error) == 0);
    CHECK(dsql_endpoint_parse(line[3], NULL, NULL, &endpoint, &error) == 0);
    struct dsql__sigv4 request = {
        .host = endpoint.sign_host,
        .region = endpoint.region,
        .action = strcmp(line[4], "admin") == 0 ? "DbConnectAdmin" : "DbConnect",
        .access_key = line[0],
        .secret_key = line[1],
        .session_token = session,
        .expires = strtoll(line[6], NULL, 10),
    };
    CHECK(dsql__sigv4_set_date(&request, strtoll(line[5], NULL, 10)) == 0);
    struct dsql__buffer canonical = {0}, string = {0};
    dsql__sigv4_canonical(&request, &canonical);
    CHECK(dsql__sigv4_string_to_sign(&request, canonical.data, dsql__buffer_length(&canonical),
                                     &string) == 0);
    dsql__put_byte(&canonical, '\0');
    dsql__put_byte(&string, '\0');
    CHECK_TEXT(canonical.data, read_golden(name, "canonical"));
    CHECK_TEXT(string.data, read_golden(name, "string-to-sign"));
    char *token;
    size_t length;
    CHECK(dsql_token_sign(&credentials, &endpoint, line[4], strtoll(line[5], NULL, 10),
                          request.expires, &token, &length, &error) == 0);
    CHECK_TEXT(token, read_golden(name, "token"));
    CHECK(token != NULL && length == strlen(token));
    dsql_token_free(token);
    dsql_credentials_clear(&credentials);
    dsql__buffer_clear(&canonical);
    dsql__buffer_clear(&string);
}

static void
published_vector_for_a_role(void)
{
    check_case("connect");
}

static void
published_vector_for_admin(void)
{
    check_case("connect-admin");
}

static void
token_without_a_session_token(void)
{
    check_case("no-session-token");
}

static void
longest_expiry_and_letters_that_need_encoding(void)
{
    check_case("expiry-max");
}

static int
try_sign(const char *user, int64_t now, int64_t expires, const char *says)
{
    struct dsql_credentials credentials;
    struct dsql_endpoint endpoint;
    struct dsql_error error = {0};
    char *token;
    CHECK(dsql_credentials_set(&credentials, "AKIA", "secret", NULL, NULL) == 0);
    CHECK(dsql_endpoint_parse("localhost", NULL, NULL, &endpoint, NULL) == 0);
    int failure =
        dsql_token_sign(&credentials, &endpoint, user, now, expires, &token, NULL, &error);
    CHECK((token == NULL) == (failure != 0));
    CHECK(strstr(error.message, says) != NULL);
    CHECK(strstr(error.message, "secret") == NULL);
    dsql_token_free(token);
    dsql_credentials_clear(&credentials);
    return failure;
}

static void
wrong_arguments_are_refused(void)
{
    CHECK(try_sign("admin", 0, 1, "") == 0);
    CHECK(try_sign("admin", 0, 0, "1 to 604800") == DSQL_E_INVALID);
    CHECK(try_sign("admin", 0, 604801, "1 to 604800") == DSQL_E_INVALID);
    CHECK(try_sign("admin", -1, 900, "1970") == DSQL_E_INVALID);
    CHECK(try_sign("admin", 253402300800, 900, "1970") == DSQL_E_INVALID);
    CHECK(try_sign("", 0, 900, "user") == DSQL_E_INVALID);
    CHECK(try_sign(NULL, 0, 900, "user") == DSQL_E_INVALID);
}

static void
keys_come_in_pairs(void)
{
    struct dsql_credentials credentials;
    CHECK(dsql_credentials_set(&credentials, "AKIA", NULL, NULL, NULL) == DSQL_E_CREDENTIALS);
    CHECK(dsql_credentials_set(&credentials, "", "x", NULL, NULL) == DSQL_E_CREDENTIALS);
    dsql_credentials_clear(&credentials);
    dsql_credentials_clear(NULL);
}

int
main(int argc, char **argv)
{
    static const struct check_test tests[] = {
        TEST(published_vector_for_a_role),   TEST(published_vector_for_admin),
        TEST(token_without_a_session_token), TEST(longest_expiry_and_letters_that_need_encoding),
        TEST(wrong_arguments_are_refused),   TEST(keys_come_in_pairs),
    };
    golden = argc > 1 ? argv[1] : "tests/golden";
    return RUN(tests);
}
