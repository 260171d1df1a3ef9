/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How dsql-local judges tokens that libdsql has signed, and ones that were
 * changed on the way. */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "keys.h"

#define CLUSTER "abcdefghijklmnopqrstuvwx12"
#define NOW 1800000000

static struct local_keys *keys;

/* A token for a host and a user by these keys; free with dsql_token_free(). */
static char *
sign(const char *host, const char *region, const char *user, int64_t now, int64_t expires,
     const char *access_key, const char *session_token)
{
    struct dsql_credentials credentials;
    struct dsql_endpoint endpoint;
    char *token = NULL;
    CHECK(dsql_credentials_set(&credentials, access_key, "S1", session_token, NULL) == 0);
    CHECK(dsql_endpoint_parse(host, region, NULL, &endpoint, NULL) == 0);
    CHECK(dsql_token_sign(&credentials, &endpoint, user, now, expires, &token, NULL, NULL) == 0);
    dsql_credentials_clear(&credentials);
    return token;
}

/* The hint of the refusal, or "welcome ARN". */
static const char *
judge(const char *token, const char *user)
{
    static char said[600];
    char arn[100];
    struct dsql_error error = {0};
    struct local_sign_in sign_in = {
        .token = token,
        .token_length = strlen(token),
        .user = user,
        .sni = "localhost",
        .cluster_id = CLUSTER,
        .region = "us-east-1",
        .now = NOW,
    };
    if (local_sign_in_verify(keys, &sign_in, arn, sizeof arn, &error) == 0) {
        snprintf(said, sizeof said, "welcome %s", arn);
    } else {
        snprintf(said, sizeof said, "%s", error.message);
        CHECK(error.code == DSQL_E_CREDENTIALS);
    }
    return said;
}

static void
expect(char *token, const char *user, const char *begins)
{
    const char *said = judge(token, user);
    if (strncmp(said, begins, strlen(begins)) != 0) {
        CHECK_TEXT(said, begins);
    }
    dsql_token_free(token);
}

static void
good_tokens_are_welcome(void)
{
    expect(sign("localhost", NULL, "admin", NOW, 900, "AKIA1", NULL), "admin",
           "welcome arn:aws:iam::1:user/a");
    expect(sign(CLUSTER ".dsql.us-east-1.on.aws", NULL, "admin", NOW - 899, 900, "AKIA1", NULL),
           "admin", "welcome arn");
    expect(sign("localhost", NULL, "app", NOW + 200, 900, "AKIA1", NULL), "app", "welcome arn");
    expect(sign("localhost", NULL, "admin", NOW, 604800, "AKIA2", "T/2+="), "admin", "welcome ");
}

static void
wrong_times_are_refused(void)
{
    expect(sign("localhost", NULL, "admin", NOW - 900, 900, "AKIA1", NULL), "admin",
           "Signature expired: 20270115T074500Z is now earlier than 20270115T074500Z "
           "(20270115T080000Z - 900 s)");
    expect(sign("localhost", NULL, "admin", NOW + 400, 900, "AKIA1", NULL), "admin",
           "Signature not yet current: ");
}

static void
wrong_places_are_refused(void)
{
    expect(sign("12abcdefghijklmnopqrstuvwx.dsql.us-east-1.on.aws", NULL, "admin", NOW, 900,
                "AKIA1", NULL),
           "admin", "The token is for the host 12abcdefghijklmnopqrstuvwx.dsql");
    expect(sign("localhost", "eu-west-1", "admin", NOW, 900, "AKIA1", NULL), "admin",
           "Credential should be scoped to the region us-east-1");
}

static void
actions_belong_to_users(void)
{
    expect(sign("localhost", NULL, "app", NOW, 900, "AKIA1", NULL), "admin",
           "Wrong user to action mapping. user: admin, action: DbConnect");
    expect(sign("localhost", NULL, "admin", NOW, 900, "AKIA1", NULL), "app",
           "Wrong user to action mapping. user: app, action: DbConnectAdmin");
}

static void
foreign_keys_are_refused(void)
{
    expect(sign("localhost", NULL, "admin", NOW, 900, "AKIAX", NULL), "admin",
           "The security token included in the request is invalid");
    expect(sign("localhost", NULL, "admin", NOW, 900, "AKIA2", NULL), "admin",
           "The security token included in the request is invalid");
    expect(sign("localhost", NULL, "admin", NOW, 900, "AKIA3", NULL), "admin",
           "The request signature does not match");
}

static void
a_token_changed_anywhere_is_refused(void)
{
    char *token = sign("localhost", NULL, "admin", NOW, 900, "AKIA1", NULL);
    size_t length = token ? strlen(token) : 0, welcome = 0;
    for (size_t i = 0; i < length; i++) {
        char kept = token[i];
        token[i] = kept == 'x' ? 'y' : 'x';
        welcome += strncmp(judge(token, "admin"), "welcome", 7) == 0;
        token[i] = kept;
    }
    CHECK(length > 200);
    CHECK(welcome == 0);
    for (size_t cut = 0; cut < length; cut++) {
        char kept = token[cut];
        token[cut] = '\0';
        welcome += strncmp(judge(token, "admin"), "welcome", 7) == 0;
        token[cut] = kept;
    }
    CHECK(welcome == 0);
    dsql_token_free(token);
}

static void
what_is_no_token_is_refused(void)
{
    static const char *const texts[] = {"",
                                        "secret",
                                        "localhost/?",
                                        "localhost/?Action=DbConnect",
                                        "localhost/?a=%",
                                        "/?X-Amz-Date=1&X-Amz-Date=2",
                                        "localhost/?Action=%00",
                                        "two words/?",
                                        "caf\xc3\xa9/?"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK_TEXT(judge(texts[i], "admin"), "The password is not an authentication token.");
    }
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(good_tokens_are_welcome),     TEST(wrong_times_are_refused),
        TEST(wrong_places_are_refused),    TEST(actions_belong_to_users),
        TEST(foreign_keys_are_refused),    TEST(a_token_changed_anywhere_is_refused),
        TEST(what_is_no_token_is_refused),
    };
    static const char file[] =
        "[default]\naws_access_key_id=AKIA1\naws_secret_access_key=S1\n"
        "dsql_arn=arn:aws:iam::1:user/a\n"
        "[two]\naws_access_key_id=AKIA2\naws_secret_access_key=S1\naws_session_token=T/2+=\n"
        "[three]\naws_access_key_id=AKIA3\naws_secret_access_key=other\n"
        "[half]\naws_access_key_id=AKIA4\n";
    char path[] = "/tmp/dsql-test-keys-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, file, sizeof file - 1) != (ssize_t)sizeof file - 1 ||
        local_keys_open(path, &keys, NULL) != 0) {
        puts("Bail out! no file of keys");
        return 1;
    }
    close(fd);
    int status = RUN(tests);
    local_keys_close(keys);
    unlink(path);
    return status;
}
