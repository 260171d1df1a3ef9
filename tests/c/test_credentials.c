/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Key pairs and regions from an environment and files that the test makes up. */
#include <stdlib.h>

#include "check.h"
#include "credentials/ini.h"

/* Pairs of name and value; a path is a name that begins with a slash. */
static const char *const *world;

static const char *
fake_get(void *context, const char *name)
{
    (void)context;
    for (size_t i = 0; world[i] != NULL; i += 2) {
        if (strcmp(world[i], name) == 0) {
            return world[i + 1];
        }
    }
    return NULL;
}

static int
fake_read_file(void *context, const char *path, char **data, size_t *size)
{
    const char *text = fake_get(context, path);
    if (text == NULL) {
        return DSQL_E_IO;
    }
    *data = strdup(text);
    *size = strlen(text);
    return *data ? 0 : DSQL_E_NOMEM;
}

/* Nobody can be reached. */
static int
fake_request(void *context, const struct dsql_http_request *request,
             struct dsql_http_response *response, struct dsql_error *error)
{
    (void)context;
    (void)request;
    (void)response;
    *error = (struct dsql_error){.code = DSQL_E_IO, .message = "no network here"};
    return DSQL_E_IO;
}

static const struct dsql_http http = {.request = fake_request};
static const struct dsql_env env = {
    .get = fake_get,
    .read_file = fake_read_file,
    .http = &http,
};

/* "source access secret token", or the error's code and whether it says so. */
static void
expect_keys(const char *const *made_up, const char *profile, const char *wanted)
{
    struct dsql_credentials credentials;
    struct dsql_credentials_options options = {.profile = profile};
    struct dsql_error error = {0};
    char got[700];
    world = made_up;
    if (dsql_credentials_load(&credentials, &options, &env, &error) == 0) {
        snprintf(got, sizeof got, "%s %s %s %s", credentials.source, credentials.access_key,
                 credentials.secret_key,
                 credentials.session_token ? credentials.session_token : "-");
    } else {
        snprintf(got, sizeof got, "%s: %s", dsql_code_name(error.code), error.message);
        CHECK(credentials.access_key == NULL && credentials.secret_key == NULL);
        got[strlen(wanted)] = '\0';
    }
    CHECK_TEXT(got, wanted);
    dsql_credentials_clear(&credentials);
}

#define FILES                                                                                      \
    "HOME", "/h", "/h/.aws/credentials",                                                           \
        "[default]\naws_access_key_id = A1\naws_secret_access_key=S1\n"                            \
        "[work]\n AWS_Access_Key_Id : A2\n aws_secret_access_key = S2 # part\n"                    \
        "aws_session_token=T2\n[half]\naws_access_key_id=A3\n",                                    \
        "/h/.aws/config",                                                                          \
        "# comment\n[default]\nregion = eu-west-1\n[profile work]\nregion=us-west-2\n"             \
        "[profile \"in config\"]\naws_access_key_id=A4\naws_secret_access_key=S4\n"                \
        "s3 =\n  max_concurrent_requests = 20\n[profile role]\nrole_arn = arn:x\n"

static void
environment_comes_first(void)
{
    static const char *const made_up[] = {FILES, "AWS_ACCESS_KEY_ID", "E", "AWS_SECRET_ACCESS_KEY",
                                          "X",   "AWS_SESSION_TOKEN", "T", NULL,
                                          NULL};
    expect_keys(made_up, NULL, "environment E X T");
    expect_keys(made_up, "work", "shared-credentials-file A2 S2 # part T2");
}

static void
half_a_pair_in_the_environment_is_an_error(void)
{
    static const char *const made_up[] = {FILES, "AWS_ACCESS_KEY_ID", "E", NULL, NULL};
    expect_keys(made_up, NULL, "DSQL_E_CREDENTIALS: AWS_ACCESS_KEY_ID is set but");
}

static void
files_are_read_by_profile(void)
{
    static const char *const plain[] = {FILES, NULL, NULL};
    static const char *const named[] = {FILES, "AWS_PROFILE", "in config", NULL, NULL};
    static const char *const older[] = {FILES, "AWS_DEFAULT_PROFILE", "work", NULL, NULL};
    expect_keys(plain, NULL, "shared-credentials-file A1 S1 -");
    expect_keys(named, NULL, "config-file A4 S4 -");
    expect_keys(named, "work", "shared-credentials-file A2 S2 # part T2");
    expect_keys(older, NULL, "shared-credentials-file A2 S2 # part T2");
    expect_keys(plain, "half", "DSQL_E_CREDENTIALS: the profile \"half\"");
    expect_keys(plain, "nobody", "DSQL_E_CREDENTIALS: the profile \"nobody\" is neither in");
    expect_keys(plain, "role",
                "DSQL_E_CREDENTIALS: the profile \"role\" has role_arn with neither");
}

static void
files_can_be_elsewhere(void)
{
    static const char *const made_up[] = {
        "HOME",
        "/h",
        "AWS_SHARED_CREDENTIALS_FILE",
        "~/c",
        "AWS_CONFIG_FILE",
        "/etc/d",
        "/h/c",
        "[default]\naws_access_key_id=A\naws_secret_access_key=S\n",
        "/etc/d",
        "",
        NULL,
        NULL};
    expect_keys(made_up, NULL, "shared-credentials-file A S -");
}

static void
nothing_anywhere_says_where_keys_could_be(void)
{
    static const char *const nothing[] = {NULL, NULL};
    static const char *const home[] = {"HOME", "/h", NULL, NULL};
    expect_keys(nothing, NULL, "DSQL_E_CREDENTIALS: no AWS credentials: set AWS_ACCESS_KEY_ID");
    expect_keys(home, NULL, "DSQL_E_CREDENTIALS: no AWS credentials: set AWS_ACCESS_KEY_ID");
}

static void
broken_file_is_named_with_its_line(void)
{
    static const char *const made_up[] = {
        "HOME", "/h", "/h/.aws/credentials", "[default]\nnonsense\n", NULL, NULL};
    expect_keys(made_up, NULL, "DSQL_E_CONFIG: /h/.aws/credentials, line 2:");
}

static void
region_comes_from_environment_or_profile(void)
{
    static const char *const plain[] = {FILES, NULL, NULL};
    static const char *const set[] = {FILES, "AWS_DEFAULT_REGION", "ca-west-1", NULL, NULL};
    static const char *const nothing[] = {NULL, NULL};
    struct dsql_credentials_options work = {.profile = "work"};
    char region[64];
    world = plain;
    CHECK(dsql_region_load(region, sizeof region, NULL, &env, NULL) == 0);
    CHECK_TEXT(region, "eu-west-1");
    CHECK(dsql_region_load(region, sizeof region, &work, &env, NULL) == 0);
    CHECK_TEXT(region, "us-west-2");
    world = set;
    CHECK(dsql_region_load(region, sizeof region, &work, &env, NULL) == 0);
    CHECK_TEXT(region, "ca-west-1");
    world = nothing;
    CHECK(dsql_region_load(region, sizeof region, NULL, &env, NULL) == 0);
    CHECK_TEXT(region, "");
}

/* The whole file as "section.key=value;". */
static void
expect_ini(const char *text, const char *wanted)
{
    struct dsql__ini ini;
    size_t line;
    char got[1000] = "";
    if (dsql__ini_parse(text, strlen(text), &ini, &line) != 0) {
        snprintf(got, sizeof got, "line %zu", line);
    } else {
        for (size_t i = 0; i < ini.count; i++) {
            const struct dsql__ini_entry *entry = &ini.entries[i];
            size_t at = strlen(got);
            if (entry->key.at != NULL) {
                snprintf(got + at, sizeof got - at, "%.*s.%.*s=%.*s;", (int)entry->section.length,
                         entry->section.at, (int)entry->key.length, entry->key.at,
                         (int)entry->value.length, entry->value.at);
            }
        }
        dsql__ini_clear(&ini);
    }
    CHECK_TEXT(got, wanted);
}

static void
format_is_configparsers(void)
{
    expect_ini("", "");
    expect_ini("[a]\nk=v ;c\n;c\n  # c2\nq=v;c", "a.k=v ;c;a.q=v;c;");
    expect_ini("[ a ]\nK : 1\r\n", " a .K=1;");
    expect_ini("[a]b\nk=1\n", "a.k=1;");
    expect_ini("[a]\n x=1\n", "a.x=1;");
    expect_ini("[a]\nk =\n  s=1\n\n  t=2\nz=3", "a.k=\n  s=1\n\n  t=2;a.z=3;");
    expect_ini("\xEF\xBB\xBF[a]\nk=1\n", "a.k=1;");
    expect_ini("x=1\n", "line 1");
    expect_ini("[a\nk=1\n", "line 1");
    expect_ini("[]\nk=1\n", "line 1");
    expect_ini("[a]\nx=1\nz\n", "line 3");
    expect_ini("[a]\n=5\n", "line 2");
    expect_ini("[a]\nk=1\nK=2\n", "line 3");
    expect_ini("[a]\n[b]\n[a]\n", "line 3");
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(environment_comes_first),
        TEST(half_a_pair_in_the_environment_is_an_error),
        TEST(files_are_read_by_profile),
        TEST(files_can_be_elsewhere),
        TEST(nothing_anywhere_says_where_keys_could_be),
        TEST(broken_file_is_named_with_its_line),
        TEST(region_comes_from_environment_or_profile),
        TEST(format_is_configparsers),
    };
    return RUN(tests);
}
