/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Memory that runs out while keys are asked for: every allocation is made to
 * fail in turn, in each source that asks somebody. What they would answer is
 * the test's. */
#include <stdlib.h>

#include "dsql.h"

#include "check.h"
#include "failing.h"

#define KEYS                                                                                       \
    "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":\"2999-01-"   \
    "01T00:00:00Z\"}"

static const char config[] =
    "[profile sso]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
    "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://start.test\n"
    "[profile role]\nrole_arn = arn:r\nsource_profile = sso\nexternal_id = e\n"
    "duration_seconds = 900\nservices = v\n[services v]\nsts =\n  endpoint_url = http://sts.test/\n"
    "[profile instance]\nrole_arn = arn:i\ncredential_source = Ec2InstanceMetadata\n"
    "[profile web]\nrole_arn = arn:w\nweb_identity_token_file = /token\nregion = eu-west-1\n"
    "[profile program]\ncredential_process = /bin/echo '{\"Version\": 1, \"AccessKeyId\": \"A\", "
    "\"SecretAccessKey\": \"S\"}'\n";

static const char sts[] =
    "<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
    "<SessionToken>T</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></R>";

static const char *profile;

static const char *
fake_get(void *context, const char *name)
{
    static const char *const variables[][2] = {
        {"HOME", "/h"},
        {"AWS_CA_BUNDLE", "/authorities"},
        {"HTTPS_PROXY", "proxy:1"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/container"},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"},
    };
    (void)context;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (strcmp(variables[i][0], name) == 0) {
            return variables[i][1];
        }
    }
    return NULL;
}

static int
copy(const char *text, char **data, size_t *size)
{
    *data = strdup(text);
    *size = strlen(text);
    return *data != NULL ? 0 : DSQL_E_NOMEM;
}

static int
fake_read_file(void *context, const char *path, char **data, size_t *size)
{
    (void)context;
    if (strcmp(path, "/h/.aws/config") == 0) {
        return copy(config, data, size);
    }
    if (strcmp(path, "/token") == 0) {
        return copy("token", data, size);
    }
    if (strncmp(path, "/h/.aws/sso/cache/", 18) == 0) {
        return copy(
            "{\"accessToken\":\"t\",\"expiresAt\":\"2001-01-01T00:00:00Z\",\"clientId\":\"i\","
            "\"clientSecret\":\"s\",\"refreshToken\":\"r\","
            "\"registrationExpiresAt\":\"2999-01-01T00:00:00Z\"}",
            data, size);
    }
    return DSQL_E_IO;
}

static int
fake_request(void *context, const struct dsql_http_request *request,
             struct dsql_http_response *response, struct dsql_error *error)
{
    static const struct {
        const char *part, *answer;
    } answers[] = {
        {"/api/token", "session"},
        {"/the-role", KEYS},
        {"/security-credentials/", "the-role"},
        {"/container", KEYS},
        {"/federation/credentials",
         "{\"roleCredentials\":{\"accessKeyId\":\"A\",\"secretAccessKey\":\"S\","
         "\"sessionToken\":\"T\",\"expiration\":32503680000000}}"},
        {"//oidc.", "{\"accessToken\":\"new\",\"expiresIn\":3600,\"refreshToken\":\"r2\"}"},
        {"//sts.", sts},
    };
    (void)context;
    response->status = 200;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (strstr(request->url, answers[i].part) != NULL) {
            return copy(answers[i].answer, &response->body, &response->length);
        }
    }
    *error = (struct dsql_error){.code = DSQL_E_UNSUPPORTED, .message = "nobody is there"};
    return DSQL_E_UNSUPPORTED;
}

static const struct dsql_http http = {.request = fake_request};
static const struct dsql_env env = {
    .get = fake_get,
    .read_file = fake_read_file,
    .http = &http,
};

static int
load(void)
{
    const struct dsql_credentials_options options = {.profile = profile};
    struct dsql_credentials credentials;
    struct dsql_error error;
    int failure = dsql_credentials_load(&credentials, &options, &env, &error);
    if (failure != 0 && failure != DSQL_E_NOMEM) {
        fprintf(stderr, "%s: %s\n", profile, error.message);
    }
    dsql_credentials_clear(&credentials);
    return failure;
}

static void
role_by_sso(void)
{
    profile = "role";
    fail_each(load, 45);
}

static void
role_of_an_instance(void)
{
    profile = "instance";
    fail_each(load, 35);
}

static void
web_identity(void)
{
    profile = "web";
    fail_each(load, 18);
}

static void
container(void)
{
    profile = NULL;
    fail_each(load, 12);
}

static void
process(void)
{
    profile = "program";
    fail_each(load, 10);
}

/* The thread's own allocations succeed: only those of this one fail. */
static int
begin_to_connect(void)
{
    const struct dsql_conn_options options = {
        .host = "abcdefghijklmnopqrstuvwxyz", /* whose region the profile tells */
        .hostaddr = "127.0.0.1",
        .port = 1,
        .profile = "web",
        .credentials_file = "/nowhere",
        .verify = DSQL_VERIFY_NONE,
        .env = &env,
    };
    struct dsql_conn *conn;
    struct dsql_error error;
    int failure = dsql_conn_start(&options, &conn, &error);
    if (failure == 0) {
        dsql_conn_free(conn);
    }
    return failure;
}

static void
thread_that_asks(void)
{
    CHECK(begin_to_connect() == 0); /* TLS keeps its context from now on */
    fail_each(begin_to_connect, 20);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(role_by_sso), TEST(role_of_an_instance), TEST(web_identity), TEST(container),
        TEST(process),     TEST(thread_that_asks),
    };
    return RUN(tests);
}
