/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What users call a host. */
#include "dsql.h"

#include "check.h"

#define ID "abcdefghijklmnopqrstuvwx12"
#define VPCE "vpce-0a1b.dsql-fnh4.us-east-1.vpce.amazonaws.com"

static void
good_hosts_are_read(void)
{
    static const struct {
        const char *host, *region, *id;
        enum dsql_host_kind kind;
        const char *connect, *sign, *area, *cluster;
    } rows[] = {
        {ID ".dsql.us-east-1.on.aws", NULL, NULL, DSQL_HOST_CLUSTER, ID ".dsql.us-east-1.on.aws",
         ID ".dsql.us-east-1.on.aws", "us-east-1", ID},
        {ID ".dsql-fnh4.eu-west-3.on.aws", "eu-west-3", NULL, DSQL_HOST_CLUSTER,
         ID ".dsql-fnh4.eu-west-3.on.aws", ID ".dsql-fnh4.eu-west-3.on.aws", "eu-west-3", ID},
        {"ABCDEFGHIJKLMNOPQRSTUVWX12.DSQL.US-EAST-1.ON.AWS.", "", "", DSQL_HOST_CLUSTER,
         ID ".dsql.us-east-1.on.aws", ID ".dsql.us-east-1.on.aws", "us-east-1", ID},
        {"test.dsql.us-gov-west-1.on.aws", NULL, NULL, DSQL_HOST_CLUSTER,
         "test.dsql.us-gov-west-1.on.aws", "test.dsql.us-gov-west-1.on.aws", "us-gov-west-1", ""},
        {ID, "ap-southeast-4", NULL, DSQL_HOST_CLUSTER, ID ".dsql.ap-southeast-4.on.aws",
         ID ".dsql.ap-southeast-4.on.aws", "ap-southeast-4", ID},
        {VPCE, NULL, ID, DSQL_HOST_PRIVATELINK, VPCE, ID ".dsql.us-east-1.on.aws", "us-east-1", ID},
        {"localhost", NULL, NULL, DSQL_HOST_LOCALHOST, "localhost", "localhost", "us-east-1", ""},
        {"127.0.0.1", "eu-west-1", NULL, DSQL_HOST_LOCALHOST, "localhost", "localhost", "eu-west-1",
         ""},
        {"::1", NULL, NULL, DSQL_HOST_LOCALHOST, "localhost", "localhost", "us-east-1", ""},
        {"local", NULL, NULL, DSQL_HOST_LOCAL, "localhost", "localhost", "us-east-1", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dsql_endpoint endpoint;
        struct dsql_error error = {0};
        CHECK(dsql_endpoint_parse(rows[i].host, rows[i].region, rows[i].id, &endpoint, &error) ==
              0);
        CHECK(endpoint.kind == rows[i].kind);
        CHECK_TEXT(endpoint.host, rows[i].connect);
        CHECK_TEXT(endpoint.sign_host, rows[i].sign);
        CHECK_TEXT(endpoint.region, rows[i].area);
        CHECK_TEXT(endpoint.cluster_id, rows[i].cluster);
    }
}

static void
bad_hosts_are_refused_with_a_sentence(void)
{
    static const struct {
        const char *host, *region, *id;
        int code;
        const char *says;
    } rows[] = {
        {"", NULL, NULL, DSQL_E_ENDPOINT, "no host"},
        {NULL, NULL, NULL, DSQL_E_ENDPOINT, "no host"},
        {".", NULL, NULL, DSQL_E_ENDPOINT, "no host"},
        {"example.com", NULL, NULL, DSQL_E_ENDPOINT, "not an Aurora DSQL host"},
        {"abcdefghijklmnopqrstuvwx1", "us-east-1", NULL, DSQL_E_ENDPOINT, "not an Aurora DSQL"},
        {ID, NULL, NULL, DSQL_E_REGION, "needs a region"},
        {ID, "useast1", NULL, DSQL_E_REGION, "not an AWS region"},
        {ID ".dsql.us-east-1.on.aws", "us-east-2", NULL, DSQL_E_REGION, "leave the region out"},
        {ID ".dsql.nowhere.on.aws", NULL, NULL, DSQL_E_REGION, "not an AWS region"},
        {ID ".dsql.us-east-1.on.aws.example.com", NULL, NULL, DSQL_E_ENDPOINT, "not an Aurora"},
        {ID ".rds.us-east-1.on.aws", NULL, NULL, DSQL_E_ENDPOINT, "not an Aurora DSQL host"},
        {ID ".dsql.us-east-1.on.aws:5432", NULL, NULL, DSQL_E_ENDPOINT, "port on its own"},
        {"https://" ID ".dsql.us-east-1.on.aws", NULL, NULL, DSQL_E_ENDPOINT, "scheme"},
        {"a b.dsql.us-east-1.on.aws", NULL, NULL, DSQL_E_ENDPOINT, "not an Aurora DSQL host"},
        {VPCE, NULL, NULL, DSQL_E_ENDPOINT, "cluster_id"},
        {VPCE, NULL, "short", DSQL_E_ENDPOINT, "26"},
        {VPCE, "eu-west-1", ID, DSQL_E_REGION, "us-east-1"},
        {ID ".dsql.us-east-1.on.aws", NULL, "12abcdefghijklmnopqrstuvwx", DSQL_E_ENDPOINT,
         "cluster_id"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dsql_endpoint endpoint;
        struct dsql_error error = {0};
        CHECK(dsql_endpoint_parse(rows[i].host, rows[i].region, rows[i].id, &endpoint, &error) ==
              rows[i].code);
        CHECK(error.code == rows[i].code);
        CHECK(strstr(error.message, rows[i].says) != NULL);
        CHECK(dsql_endpoint_parse(rows[i].host, rows[i].region, rows[i].id, &endpoint, NULL) ==
              rows[i].code);
    }
}

static void
long_hosts_are_refused(void)
{
    char host[400];
    struct dsql_endpoint endpoint;
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    CHECK(dsql_endpoint_parse(host, NULL, NULL, &endpoint, NULL) == DSQL_E_ENDPOINT);
    CHECK(dsql_endpoint_parse(ID, host, NULL, &endpoint, NULL) == DSQL_E_ENDPOINT);
}

static void
codes_have_names_and_texts(void)
{
    CHECK_TEXT(dsql_code_name(DSQL_E_REGION), "DSQL_E_REGION");
    CHECK_TEXT(dsql_code_name(DSQL_OK), "DSQL_OK");
    CHECK_TEXT(dsql_code_name(-9999), "DSQL_E_?");
    CHECK_TEXT(dsql_code_text(DSQL_E_NOMEM), "out of memory");
    CHECK_TEXT(dsql_version(), DSQL_VERSION);
}

static void
only_conflicts_may_be_tried_again(void)
{
    CHECK(dsql_sqlstate_is_retryable("40001") == 1);
    CHECK(dsql_sqlstate_is_retryable("40P01") == 0);
    CHECK(dsql_sqlstate_is_retryable("23505") == 0);
    CHECK(dsql_sqlstate_is_retryable("") == 0);
    CHECK(dsql_sqlstate_is_retryable(NULL) == 0);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(good_hosts_are_read),
        TEST(bad_hosts_are_refused_with_a_sentence),
        TEST(long_hosts_are_refused),
        TEST(codes_have_names_and_texts),
        TEST(only_conflicts_may_be_tried_again),
    };
    return RUN(tests);
}
