/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A machine without libcurl: what does not need it works, what does says which
 * package to install. dlopen() is replaced at link time. */
#include <stdlib.h>

#include "check.h"
#include "dsql.h"

static int asked;

void *__wrap_dlopen(const char *name, int flags);

void *
__wrap_dlopen(const char *name, int flags)
{
    (void)flags;
    asked += strncmp(name, "libcurl", 7) == 0;
    return NULL;
}

static void
keys_of_the_environment_need_no_http(void)
{
    struct dsql_credentials credentials;
    setenv("AWS_ACCESS_KEY_ID", "A", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
    CHECK(dsql_credentials_load(&credentials, NULL, NULL, NULL) == 0);
    dsql_credentials_clear(&credentials);
    unsetenv("AWS_ACCESS_KEY_ID");
    CHECK(asked == 0);
}

static void
package_is_named_when_http_is_needed(void)
{
    struct dsql_credentials credentials;
    struct dsql_error error;
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:1/", 1);
    CHECK(dsql_credentials_load(&credentials, NULL, NULL, &error) == DSQL_E_UNSUPPORTED);
    CHECK(strstr(error.message, "install the package libcurl4") != NULL);
    CHECK(asked > 0);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(keys_of_the_environment_need_no_http),
        TEST(package_is_named_when_http_is_needed),
    };
    clearenv();
    setenv("HOME", "/nowhere", 1);
    return RUN(tests);
}
