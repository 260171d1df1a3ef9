/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Nothing of a secret stays in the process's memory, not in what was freed
 * either, when keys have been used and cleared: what a core dump would show. The
 * secret is put together at run time, and looked for without being there. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "dsql.h"

#define MASK 0x55
#define LENGTH 24

static const char *source; /* whose keys are asked for */

/* The letters a to x, but not in the order in which a library's tables have them. */
__attribute__((no_sanitize("address"))) static char
letter(int i)
{
    return (char)('a' + i * 7 % LENGTH);
}

/* Each letter masked: the secret is nowhere until it is unmasked. */
static void
put_secret(char *to)
{
    for (int i = 0; i < LENGTH; i++) {
        to[i] = (char)(letter(i) ^ MASK);
    }
    for (volatile char *at = to; at < to + LENGTH; at++) {
        *at = (char)(*at ^ MASK);
    }
}

__attribute__((no_sanitize("address"))) static bool
is_secret(const char *at)
{
    for (int i = 0; i < LENGTH; i++) {
        if (at[i] != letter(i)) {
            return false;
        }
    }
    return true;
}

/* A copy with the secret in the place of the dollar sign. */
static char *
with_secret(const char *text)
{
    size_t before = strcspn(text, "$"), after = strlen(text) - before - 1;
    char *made = malloc(before + LENGTH + after + 1);
    memcpy(made, text, before);
    put_secret(made + before);
    memcpy(made + before + LENGTH, text + before + 1, after + 1);
    return made;
}

/* ------------------------------------------------------------- the world */

static const char *
fake_get(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "HOME") == 0) {
        return "/h";
    }
    bool container = strcmp(source, "container") == 0;
    return container && strcmp(name, "AWS_CONTAINER_CREDENTIALS_FULL_URI") == 0
               ? "http://localhost/"
               : NULL;
}

static int
fake_read_file(void *context, const char *path, char **data, size_t *size)
{
    static const char config[] = "[profile role]\nrole_arn=r\nsource_profile=files\n";
    static const char credentials[] = "[files]\naws_access_key_id=A\naws_secret_access_key=$\n";
    (void)context;
    bool is_config = strstr(path, "config") != NULL;
    *data = is_config ? strdup(config) : with_secret(credentials);
    *size = strlen(*data);
    return 0;
}

static int
fake_request(void *context, const struct dsql_http_request *request,
             struct dsql_http_response *response, struct dsql_error *error)
{
    (void)context;
    (void)error;
    bool container = strstr(request->url, "localhost") != NULL;
    response->status = 200;
    response->body =
        with_secret(container ? "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"$\",\"Token\":\"T\","
                                "\"Expiration\":\"2999-01-01T00:00:00Z\"}"
                              : "<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>$"
                                "</SecretAccessKey><SessionToken>T</SessionToken><Expiration>"
                                "2999-01-01T00:00:00Z</Expiration></Credentials></R>");
    response->length = strlen(response->body);
    return 0;
}

static void
use_and_clear(void)
{
    static const struct dsql_http http = {.request = fake_request};
    static const struct dsql_env env = {
        .get = fake_get,
        .read_file = fake_read_file,
        .http = &http,
    };
    bool container = strcmp(source, "container") == 0;
    const struct dsql_credentials_options options = {.profile = container ? NULL : source};
    struct dsql_credentials credentials;
    struct dsql_endpoint endpoint;
    char *token = NULL;
    CHECK(dsql_credentials_load(&credentials, &options, &env, NULL) == 0);
    CHECK(credentials.secret_key != NULL && is_secret(credentials.secret_key));
    CHECK(dsql_endpoint_parse("localhost", NULL, NULL, &endpoint, NULL) == 0);
    CHECK(dsql_token_sign(&credentials, &endpoint, "admin", 0, 900, &token, NULL, NULL) == 0);
    dsql_token_free(token);
    dsql_credentials_clear(&credentials);
}

/* --------------------------------------------------------------- the search */

__attribute__((no_sanitize("address"))) static int
count_in(const char *from, const char *to)
{
    int found = 0;
    for (const char *at = from; at + LENGTH <= to; at++) {
        if (*at == letter(0) && is_secret(at)) {
            found++;
            at += LENGTH - 1;
        }
    }
    return found;
}

/* In all that can be written to, but for the shadow memory of the sanitizers
 * and what is not there. */
static int
count_in_memory(void)
{
    char line[500];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && rights[0] == 'r' &&
            rights[1] == 'w' && to - from < (256UL << 20)) {
            found += count_in((const char *)from, (const char *)to);
        }
    }
    CHECK(maps != NULL);
    if (maps != NULL) {
        fclose(maps);
    }
    return found;
}

static void
search_finds_what_is_there(void)
{
    char *text = with_secret("x$y");
    CHECK(count_in_memory() >= 1);
    memset(text, 0, strlen(text));
    free(text);
    CHECK(count_in_memory() == 0);
}

static void
keys_of_a_file(void)
{
    source = "files";
    use_and_clear();
    CHECK(count_in_memory() == 0);
}

static void
keys_of_a_container(void)
{
    source = "container";
    use_and_clear();
    CHECK(count_in_memory() == 0);
}

static void
keys_of_a_role(void)
{
    source = "role";
    use_and_clear();
    CHECK(count_in_memory() == 0);
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(search_finds_what_is_there),
        TEST(keys_of_a_file),
        TEST(keys_of_a_container),
        TEST(keys_of_a_role),
    };
    return RUN(tests);
}
