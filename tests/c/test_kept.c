/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The key pairs of the process: an instance's metadata that the test plays, a
 * clock that it sets, threads, and a child. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "dsql.h"

#define BEGIN 1700000000
#define LIFE 3600

static atomic_int asked;    /* times that keys were asked for */
static atomic_bool failing; /* the service is gone */
static _Atomic int64_t clock_now;
/* While it is held, the service does not answer. */
static pthread_mutex_t service = PTHREAD_MUTEX_INITIALIZER;

static int64_t
fake_now(void *context)
{
    (void)context;
    return clock_now;
}

static int
answer(struct dsql_http_response *response, const char *text)
{
    response->status = 200;
    response->body = strdup(text);
    response->length = strlen(text);
    return 0;
}

static int
fake_request(void *context, const struct dsql_http_request *request,
             struct dsql_http_response *response, struct dsql_error *error)
{
    char text[200], end[32];
    (void)context;
    if (strcmp(request->method, "PUT") == 0) {
        return answer(response, "session");
    }
    if (strstr(request->url, "the-role") == NULL) {
        return answer(response, "the-role");
    }
    asked++;
    pthread_mutex_lock(&service);
    pthread_mutex_unlock(&service);
    if (failing) {
        *error = (struct dsql_error){.code = DSQL_E_IO, .message = "gone"};
        return DSQL_E_IO;
    }
    time_t expires = (time_t)(clock_now + LIFE);
    struct tm tm;
    strftime(end, sizeof end, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&expires, &tm));
    snprintf(text, sizeof text,
             "{\"AccessKeyId\": \"A%d\", \"SecretAccessKey\": \"S\", \"Token\": \"T\", "
             "\"Expiration\": \"%s\"}",
             (int)asked, end);
    return answer(response, text);
}

static const struct dsql_http http = {.request = fake_request};
static const struct dsql_env env = {.now = fake_now, .http = &http};

/* A world of its own for a test: another hash. */
static void
begin(const char *name)
{
    setenv("AWS_TEST", name, 1);
    asked = 0;
    failing = false;
    clock_now = BEGIN;
}

/* The access key, or the error's message; "wait" where it would block. */
static const char *
get(int may_block)
{
    static _Thread_local char text[600];
    struct dsql_credentials credentials;
    struct dsql_error error;
    int result = dsql_credentials_get(&credentials, NULL, &env, may_block, &error);
    snprintf(text, sizeof text, "%s",
             result == 0  ? credentials.access_key
             : result > 0 ? "wait"
                          : error.message);
    dsql_credentials_clear(&credentials);
    return text;
}

static void
pair_is_kept_and_replaced_ahead_of_its_end(void)
{
    begin("kept");
    CHECK_TEXT(get(0), "wait");
    CHECK(asked == 0);
    CHECK_TEXT(get(1), "A1");
    CHECK_TEXT(get(0), "A1");
    clock_now = BEGIN + LIFE - 901;
    CHECK_TEXT(get(1), "A1");
    clock_now = BEGIN + LIFE - 900;
    CHECK_TEXT(get(0), "wait");
    CHECK_TEXT(get(1), "A2");
    CHECK(asked == 2);
}

static void
pair_that_holds_is_used_while_its_source_fails(void)
{
    begin("failing");
    CHECK_TEXT(get(1), "A1");
    failing = true;
    clock_now = BEGIN + LIFE - 5;
    CHECK_TEXT(get(1), "A1");
    CHECK(asked == 2);
    CHECK_TEXT(get(1), "A1"); /* the source is left alone */
    CHECK_TEXT(get(0), "A1");
    CHECK(asked == 2);
    clock_now = BEGIN + LIFE;
    const char *said = get(1);
    CHECK(strstr(said, "gone") != NULL && strstr(said, "no AWS credentials") != NULL);
    CHECK(asked == 2);
}

static void
source_that_fails_is_left_alone_for_a_while(void)
{
    begin("alone");
    failing = true;
    CHECK(strstr(get(1), "gone") != NULL);
    CHECK(strstr(get(1), "gone") != NULL);
    CHECK(strstr(get(0), "gone") != NULL);
    CHECK(asked == 1);
}

static void
change_of_the_environment_is_noticed(void)
{
    begin("change");
    CHECK_TEXT(get(1), "A1");
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "X", 1);
    CHECK_TEXT(get(0), "E");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    CHECK_TEXT(get(0), "A1");
    setenv("AWS_ACCESS_KEY_ID", "E2", 1);
    CHECK(strstr(get(1), "AWS_SECRET_ACCESS_KEY is not") != NULL);
    unsetenv("AWS_ACCESS_KEY_ID");
}

static void *
get_in_thread(void *text)
{
    snprintf(text, 600, "%s", get(1));
    return NULL;
}

static void
threads_wait_for_one_of_them(void)
{
    enum { THREADS = 4 };
    static char texts[THREADS][600];
    pthread_t threads[THREADS];
    begin("threads");
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, get_in_thread, texts[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_TEXT(texts[i], "A1");
    }
    CHECK(asked == 1);
}

static void
others_go_on_with_the_pair_that_is_being_replaced(void)
{
    static char text[600];
    pthread_t thread;
    begin("others");
    CHECK_TEXT(get(1), "A1");
    clock_now = BEGIN + LIFE - 100;
    pthread_mutex_lock(&service);
    CHECK(pthread_create(&thread, NULL, get_in_thread, text) == 0);
    while (asked < 2) {
        usleep(1000);
    }
    CHECK_TEXT(get(1), "A1");
    CHECK_TEXT(get(0), "A1");
    pthread_mutex_unlock(&service);
    pthread_join(thread, NULL);
    CHECK_TEXT(text, "A2");
    CHECK_TEXT(get(0), "A2");
}

static void
child_begins_anew_also_while_a_pair_is_being_replaced(void)
{
    static char text[600];
    pthread_t thread;
    int status = -1, ends[2];
    char said = 0;
    begin("child");
    CHECK_TEXT(get(1), "A1");
    clock_now = BEGIN + LIFE - 100;
    pthread_mutex_lock(&service);
    CHECK(pthread_create(&thread, NULL, get_in_thread, text) == 0);
    while (asked < 2) {
        usleep(1000);
    }
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_unlock(&service);
        bool anew = strcmp(get(0), "wait") == 0 && strcmp(get(1), "A3") == 0;
        (void)!write(ends[1], anew ? "y" : "n", 1);
        kill(getpid(), SIGKILL); /* what the thread that is not here had is no leak */
    }
    pthread_mutex_unlock(&service);
    pthread_join(thread, NULL);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(read(ends[0], &said, 1) == 1 && said == 'y');
    close(ends[0]);
    close(ends[1]);
    CHECK_TEXT(get(0), "A2");
}

static void
more_places_than_are_kept(void)
{
    for (int i = 0; i < 40; i++) {
        char name[20];
        snprintf(name, sizeof name, "many-%d", i);
        begin(name);
        CHECK_TEXT(get(1), "A1");
        CHECK_TEXT(get(0), "A1");
    }
}

int
main(void)
{
    static const struct check_test tests[] = {
        TEST(pair_is_kept_and_replaced_ahead_of_its_end),
        TEST(pair_that_holds_is_used_while_its_source_fails),
        TEST(source_that_fails_is_left_alone_for_a_while),
        TEST(change_of_the_environment_is_noticed),
        TEST(threads_wait_for_one_of_them),
        TEST(others_go_on_with_the_pair_that_is_being_replaced),
        TEST(child_begins_anew_also_while_a_pair_is_being_replaced),
        TEST(more_places_than_are_kept),
    };
    clearenv();
    setenv("HOME", "/nowhere", 1);
    return RUN(tests);
}
