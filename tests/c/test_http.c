/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* HTTP by libcurl, against a server of the test's own that misbehaves as its
 * paths say; and keys of a container and an instance over it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "env.h"
#include "http.h"

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n"
#define KEYS                                                                                       \
    "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\", \"Token\": \"T\", \"Expiration\": "      \
    "\"2999-01-01T00:00:00Z\"}"

static int listener;
static char base[40]; /* http://127.0.0.1:PORT */
static atomic_int requests;
static char seen[4096]; /* the last request; read when its answer has come */

static const struct {
    const char *path, *answer;
} answers[] = {
    {"/hello", OK "Content-Type: image/png\r\n\r\nhello"},
    {"/nothing", OK "Content-Length: 0\r\n\r\n"},
    {"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"},
    {"/broken", "HTTP/1.1 503 Later\r\nContent-Length: 5\r\n\r\nlater"},
    {"/elsewhere", "HTTP/1.1 302 Found\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n"},
    {"/short", OK "Content-Length: 100\r\n\r\nshort"},
    {"/not-http", "220 mail.test ESMTP\r\n"},
    {"/keys", OK "Content-Type: text/html\r\n\r\n" KEYS},
    {"/page", OK "Content-Type: application/json\r\n\r\n<html>sign in first</html>"},
    {"/half", OK "\r\n{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\"}"},
    {"/ended", OK "\r\n{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\", \"Token\": \"T\", "
                  "\"Expiration\": \"2001-01-01T00:00:00Z\"}"},
    {"/latest/api/token", OK "\r\nsession"},
    {"/latest/meta-data/iam/security-credentials/the-role", OK "\r\n" KEYS},
    {"/latest/meta-data/iam/security-credentials/", OK "\r\nthe-role"},
    {"/latest/meta-data/placement/region", OK "\r\nsa-east-1"},
};

static void
send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void
send_without_end(int fd)
{
    static char zeros[65536];
    send_all(fd, OK "\r\n", strlen(OK "\r\n"));
    for (int i = 0; i < 100; i++) {
        send_all(fd, zeros, sizeof zeros);
    }
}

/* "slow" answers when the other side has gone. */
static void
serve(int fd)
{
    char text[sizeof seen];
    ssize_t got = recv(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    snprintf(seen, sizeof seen, "%s", text);
    requests++;
    const char *path = strchr(text, ' ') != NULL ? strchr(text, ' ') + 1 : text;
    path = strncmp(path, "http://far.test", 15) == 0 ? path + 15 : path; /* we are the proxy */
    if (strncmp(path, "/slow", 5) == 0) {
        (void)!recv(fd, text, 1, 0);
    } else if (strncmp(path, "/endless", 8) == 0) {
        send_without_end(fd);
    }
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        size_t length = strlen(answers[i].path);
        if (strncmp(path, answers[i].path, length) == 0 && path[length] == ' ') {
            send_all(fd, answers[i].answer, strlen(answers[i].answer));
        }
    }
}

static void *
run_server(void *unused)
{
    (void)unused;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        serve(fd);
        close(fd);
    }
}

static void
start_server(pthread_t *thread)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t length = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 16) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&name, &length) == 0);
    snprintf(base, sizeof base, "http://127.0.0.1:%u", ntohs(name.sin_port));
    CHECK(pthread_create(thread, NULL, run_server, NULL) == 0);
}

/* ---------------------------------------------------------------- requests */

/* "STATUS BODY", or the error's name and the beginning of its sentence. */
static const char *
ask(const char *path, int attempts)
{
    static char text[800];
    char url[200];
    const struct dsql_env env = dsql__env_complete(NULL);
    struct dsql_http_response response;
    struct dsql_error error;
    snprintf(url, sizeof url, "%s%s", strncmp(path, "http", 4) == 0 ? "" : base, path);
    struct dsql__exchange exchange = {
        .what = "the test",
        .method = "GET",
        .url = url,
        .timeout_ms = strcmp(path, "/slow") == 0 ? 200 : 20000,
        .attempts = attempts,
    };
    requests = 0;
    if (dsql__http_exchange(&env, &exchange, &response, &error) == 0) {
        snprintf(text, sizeof text, "%d %.100s", response.status, response.body);
        dsql__http_clear(&response);
    } else {
        snprintf(text, sizeof text, "%s: %s", dsql_code_name(error.code), error.message);
    }
    return text;
}

static bool
begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void
answers_of_any_status_are_given(void)
{
    CHECK_TEXT(ask("/hello", 1), "200 hello");
    CHECK_TEXT(ask("/nothing", 1), "200 ");
    CHECK_TEXT(ask("/missing", 3), "404 no");
    CHECK(requests == 1);
}

static void
redirects_are_not_followed(void)
{
    CHECK_TEXT(ask("/elsewhere", 3), "302 ");
    CHECK(requests == 1);
}

static void
what_fails_for_now_is_tried_again(void)
{
    CHECK_TEXT(ask("/broken", 3), "503 later");
    CHECK(requests == 3);
    CHECK(begins(ask("/not-http", 2), "DSQL_E_IO: the test (127.0.0.1:"));
    CHECK(requests == 2);
    CHECK(begins(ask("/short", 1), "DSQL_E_IO: "));
}

static void
slow_and_endless_answers_have_limits(void)
{
    CHECK(begins(ask("/slow", 1), "DSQL_E_TIMEOUT: the test"));
    const char *said = ask("/endless", 3);
    CHECK(begins(said, "DSQL_E_PROTOCOL: ") && strstr(said, "longer than") != NULL);
    CHECK(requests == 1);
}

static void
nobody_there_is_an_io_failure(void)
{
    CHECK(begins(ask("http://127.0.0.1:1/", 2), "DSQL_E_IO: the test (127.0.0.1:1) cannot be"));
    CHECK(begins(ask("https://127.0.0.1:1/", 1), "DSQL_E_IO: "));
    CHECK(begins(ask("http:///x", 1), "DSQL_E_CONFIG: "));
}

static void
headers_and_body_arrive(void)
{
    const struct dsql_env env = dsql__env_complete(NULL);
    const char *const headers[] = {"X-One: 1", "Content-Type: text/x", NULL};
    struct dsql_http_response response;
    struct dsql_error error;
    char url[80];
    snprintf(url, sizeof url, "%s/hello", base);
    struct dsql__exchange exchange = {
        .what = "the test",
        .method = "POST",
        .url = url,
        .headers = headers,
        .body = "a=b&c",
        .body_length = 5,
        .timeout_ms = 20000,
        .attempts = 1,
    };
    CHECK(dsql__http_exchange(&env, &exchange, &response, &error) == 0);
    dsql__http_clear(&response);
    CHECK(begins(seen, "POST /hello HTTP/1.1\r\n"));
    CHECK(strstr(seen, "\r\nX-One: 1\r\n") != NULL);
    CHECK(strstr(seen, "\r\nContent-Type: text/x\r\n") != NULL);
    CHECK(strstr(seen, "Expect:") == NULL);
    CHECK_TEXT(strstr(seen, "\r\n\r\n"), "\r\n\r\na=b&c");
}

static void
proxy_of_the_environment_is_used_but_for_what_is_excluded(void)
{
    setenv("http_proxy", base, 1);
    CHECK_TEXT(ask("http://far.test/hello", 1), "200 hello");
    setenv("no_proxy", "far.test", 1);
    CHECK(begins(ask("http://far.test/hello", 1), "DSQL_E_"));
    CHECK(requests == 0);
    unsetenv("no_proxy");
    unsetenv("http_proxy");
}

/* ------------------------------------------------------------------- sources */

/* The keys' source, or the error's sentence. */
static const char *
load(const char *path)
{
    static char text[600];
    char url[200];
    struct dsql_credentials credentials;
    struct dsql_error error;
    snprintf(url, sizeof url, "%s%s", base, path);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer secret-of-ours", 1);
    int failure = dsql_credentials_load(&credentials, NULL, NULL, &error);
    snprintf(text, sizeof text, "%s", failure == 0 ? credentials.source : error.message);
    dsql_credentials_clear(&credentials);
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    CHECK(strstr(text, "secret-of-ours") == NULL);
    return text;
}

static void
keys_of_a_container(void)
{
    CHECK_TEXT(load("/keys"), "container");
    CHECK(strstr(seen, "\r\nAuthorization: Bearer secret-of-ours\r\n") != NULL);
    requests = 0;
    CHECK(strstr(load("/page"), "is no JSON") != NULL);
    CHECK(requests == 3);
    CHECK(strstr(load("/half"), "lacks a session token") != NULL);
    CHECK(strstr(load("/ended"), "expired already") != NULL);
    CHECK(strstr(load("/missing"), "HTTP status 404") != NULL);
}

static void
keys_and_region_of_an_instance(void)
{
    struct dsql_credentials credentials;
    struct dsql_error error;
    char region[64];
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", base, 1);
    CHECK(dsql_credentials_load(&credentials, NULL, NULL, &error) == 0);
    CHECK_TEXT(credentials.source, "instance-metadata");
    CHECK_TEXT(credentials.session_token, "T");
    dsql_credentials_clear(&credentials);
    CHECK(dsql_region_load(region, sizeof region, NULL, NULL, &error) == 0);
    CHECK_TEXT(region, "");
    CHECK(dsql_region_find(region, sizeof region, NULL, NULL, &error) == 0);
    CHECK_TEXT(region, "sa-east-1");
    unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(answers_of_any_status_are_given),
        TEST(redirects_are_not_followed),
        TEST(what_fails_for_now_is_tried_again),
        TEST(slow_and_endless_answers_have_limits),
        TEST(nobody_there_is_an_io_failure),
        TEST(headers_and_body_arrive),
        TEST(proxy_of_the_environment_is_used_but_for_what_is_excluded),
        TEST(keys_of_a_container),
        TEST(keys_and_region_of_an_instance),
    };
    pthread_t thread;
    clearenv();
    setenv("HOME", "/nowhere", 1);
    setenv("AWS_METADATA_SERVICE_TIMEOUT", "30", 1);
    start_server(&thread);
    int failed = RUN(tests);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    return failed;
}
