/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Memory that runs out: every allocation of our own is made to fail in turn.
 * Each failure must be told as such and leave nothing behind (the leak checker
 * of the sanitizers judges that). */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dsql.h"
#include "wire.h"

#ifdef WITH_LOCAL
#include "keys.h"
#include "rules/rules.h"
#include "texts.h"
#endif

#include "check.h"
#include "failing.h"

static int
sign(void)
{
    struct dsql_credentials credentials;
    struct dsql_endpoint endpoint;
    struct dsql_error error;
    char *token;
    int failure = dsql_endpoint_parse("localhost", NULL, NULL, &endpoint, &error);
    if (failure == 0) {
        failure = dsql_credentials_set(&credentials, "AKIA", "secret", "session", &error);
    }
    if (failure == 0) {
        failure = dsql_token_sign(&credentials, &endpoint, "admin", 0, 900, &token, NULL, &error);
        if (failure == 0) {
            dsql_token_free(token);
        }
        dsql_credentials_clear(&credentials);
    }
    return failure;
}

static void
signing_tells_of_missing_memory(void)
{
    fail_each(sign, 5);
}

static const char *
fake_get(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "HOME") == 0 ? "/h" : strcmp(name, "AWS_PROFILE") == 0 ? "p" : NULL;
}

static int
fake_read_file(void *context, const char *path, char **data, size_t *size)
{
    static const char text[] = "[p]\naws_access_key_id=A\naws_secret_access_key=S\n"
                               "aws_session_token=T\nregion=us-east-1\n";
    (void)context;
    if (strstr(path, "config") != NULL) {
        return DSQL_E_IO;
    }
    *data = strdup(text);
    *size = sizeof text - 1;
    return *data ? 0 : DSQL_E_NOMEM;
}

static int
load(void)
{
    static const struct dsql_env env = {.get = fake_get, .read_file = fake_read_file};
    struct dsql_credentials credentials;
    struct dsql_error error;
    char region[64];
    int failure = dsql_credentials_load(&credentials, NULL, &env, &error);
    if (failure == 0) {
        dsql_credentials_clear(&credentials);
        failure = dsql_region_load(region, sizeof region, NULL, &env, &error);
    }
    return failure;
}

static void
loading_credentials_tells_of_missing_memory(void)
{
    fail_each(load, 15);
}

static int
fill(void)
{
    static const char block[5000];
    struct dsql__buffer buffer = {0};
    for (int i = 0; i < 5; i++) {
        size_t mark = dsql__message_begin(&buffer, 'Q');
        dsql__buffer_put(&buffer, block, sizeof block);
        dsql__message_end(&buffer, mark);
    }
    int failure = buffer.failed ? DSQL_E_NOMEM : 0;
    dsql__buffer_clear(&buffer);
    return failure;
}

static void
queues_tell_of_missing_memory(void)
{
    fail_each(fill, 3);
}

#ifdef WITH_LOCAL
static int
judge(void)
{
    static const char sql[] = "CREATE INDEX ASYNC i ON s.t (a); TRUNCATE t; SHOW timezone; "
                              "AWS IAM GRANT r TO 'arn'; SELECT 1 FROM t FOR SHARE; "
                              "CREATE TABLE t (a numeric STORAGE main); SELECT a IS JSON; "
                              "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    struct rules_text text;
    int failure = rules_text_read(sql, sizeof sql - 1, &text);
    if (failure == 0) {
        rules_text_clear(&text);
    }
    return failure;
}

static void
rules_tell_of_missing_memory(void)
{
    fail_each(judge, 2);
}

static int
keep(void)
{
    static const char sql[] = "SELECT 1";
    struct local_texts texts;
    struct local_text *text;
    local_texts_init(&texts, 5, 1 << 20);
    int failure = local_texts_get(&texts, sql, sizeof sql - 1, &text);
    if (failure == 0) {
        CHECK_TEXT(text->rules.statements[0].sql, sql);
        local_text_free(text);
    }
    local_texts_clear(&texts);
    return failure;
}

static void
cache_of_texts_does_without_memory_for_itself(void)
{
    bool reached = true;
    for (long number = 0; reached; number++) {
        until_failure = number;
        int result = keep();
        reached = until_failure < 0;
        until_failure = -1;
        CHECK(result == 0 || (reached && result == DSQL_E_NOMEM));
    }
}

static char keys_file[] = "/tmp/dsql-test-keys-XXXXXX";

static int
sign_in(void)
{
    static const char token[] =
        "localhost/?Action=DbConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=A%2F20270115%2Fus-east-1%2Fdsql%2Faws4_request"
        "&X-Amz-Date=20270115T080000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
        "&X-Amz-Security-Token=T&X-Amz-Signature=0";
    struct local_sign_in sign_in = {
        .token = token,
        .token_length = sizeof token - 1,
        .user = "u",
        .sni = "localhost",
        .cluster_id = "",
        .region = "us-east-1",
        .now = 1800000000,
    };
    struct local_keys *keys;
    struct dsql_error error;
    char arn[20];
    int failure = local_keys_open(keys_file, &keys, &error);
    if (failure == 0) {
        failure = local_sign_in_verify(keys, &sign_in, arn, sizeof arn, &error);
        local_keys_close(keys);
    }
    if (failure == DSQL_E_CREDENTIALS) {
        /* as far as the signature, which says that the key pair was found whole */
        CHECK(strstr(error.message, "signature does not match") != NULL);
        failure = 0;
    }
    return failure;
}

static void
signing_in_tells_of_missing_memory(void)
{
    static const char text[] = "[p]\naws_access_key_id=A\naws_secret_access_key=S\n"
                               "aws_session_token=T\ndsql_arn=arn\n[q]\naws_access_key_id=B\n";
    int fd = mkstemp(keys_file);
    CHECK(fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1);
    close(fd);
    fail_each(sign_in, 10);
    unlink(keys_file);
}
#endif

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(signing_tells_of_missing_memory),
        TEST(loading_credentials_tells_of_missing_memory),
        TEST(queues_tell_of_missing_memory),
#ifdef WITH_LOCAL
        TEST(rules_tell_of_missing_memory),
        TEST(cache_of_texts_does_without_memory_for_itself),
        TEST(signing_in_tells_of_missing_memory),
#endif
    };
    return RUN(tests);
}
