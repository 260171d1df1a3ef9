/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The HTTP transport of C programs: libcurl, loaded when it is first needed, so
 * that nothing links it. What is declared here is part of libcurl's binary
 * interface since 7.32, which libcurl.so.4 keeps. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "http.h"
#include "wire.h"

/* Values of curl/curl.h: the kind of the argument (10000: pointer, 20000:
 * function) and a number. */
enum {
    OPT_WRITEDATA = 10001,
    OPT_URL = 10002,
    OPT_PROXY = 10004,
    OPT_ERRORBUFFER = 10010,
    OPT_POSTFIELDS = 10015,
    OPT_HTTPHEADER = 10023,
    OPT_CUSTOMREQUEST = 10036,
    OPT_CAINFO = 10065,
    OPT_NOPROXY = 10177,
    OPT_WRITEFUNCTION = 20011,
    OPT_POSTFIELDSIZE = 60,
    OPT_NOSIGNAL = 99,
    OPT_TIMEOUT_MS = 155,
    OPT_PROTOCOLS = 181,
    INFO_RESPONSE_CODE = 0x200002,
    GLOBAL_ALL = 3,
    PROTOCOLS_HTTP_AND_HTTPS = 3,
    ERROR_SIZE = 256,
};

/* Results that say more than that it failed. */
enum {
    CURL_OUT_OF_MEMORY = 27,
    CURL_TIMED_OUT = 28,
    CURL_TLS_CONNECT = 35,
    CURL_PEER_VERIFICATION = 60,
    CURL_CA_FILE = 77,
};

struct curl_list;

static struct {
    int (*global_init)(long flags);
    void *(*easy_init)(void);
    int (*easy_setopt)(void *curl, int option, ...);
    int (*easy_perform)(void *curl);
    int (*easy_getinfo)(void *curl, int info, ...);
    void (*easy_cleanup)(void *curl);
    const char *(*easy_strerror)(int result);
    struct curl_list *(*slist_append)(struct curl_list *list, const char *text);
    void (*slist_free_all)(struct curl_list *list);
} curl;

static bool is_loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool
find_functions(void *library)
{
    static const struct {
        const char *name;
        void *function; /* where the pointer goes */
    } functions[] = {
        {"curl_global_init", &curl.global_init},       {"curl_easy_init", &curl.easy_init},
        {"curl_easy_setopt", &curl.easy_setopt},       {"curl_easy_perform", &curl.easy_perform},
        {"curl_easy_getinfo", &curl.easy_getinfo},     {"curl_easy_cleanup", &curl.easy_cleanup},
        {"curl_easy_strerror", &curl.easy_strerror},   {"curl_slist_append", &curl.slist_append},
        {"curl_slist_free_all", &curl.slist_free_all},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *found = dlsym(library, functions[i].name);
        if (found == NULL) {
            return false;
        }
        memcpy(functions[i].function, &found, sizeof found);
    }
    return true;
}

/* The library stays: libcurl cannot be taken out of a process again. */
static void
load(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !is_loaded; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (library != NULL) {
            is_loaded = find_functions(library) && curl.global_init(GLOBAL_ALL) == 0;
        }
    }
}

struct answer {
    struct dsql__buffer body;
    size_t limit;
    bool too_long;
};

static size_t
take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t length = size * count;
    if (length > answer->limit - dsql__buffer_length(&answer->body)) {
        answer->too_long = true;
        return 0;
    }
    dsql__buffer_put(&answer->body, bytes, length);
    return answer->body.failed ? 0 : length;
}

/* "Expect:" alone: no waiting for 100 Continue. */
static int
make_list(const struct dsql_http_request *request, struct curl_list **list)
{
    *list = curl.slist_append(NULL, "Expect:");
    for (size_t i = 0; *list != NULL && request->headers != NULL && request->headers[i] != NULL;
         i++) {
        struct curl_list *longer = curl.slist_append(*list, request->headers[i]);
        if (longer == NULL) {
            curl.slist_free_all(*list);
        }
        *list = longer;
    }
    return *list != NULL ? 0 : DSQL_E_NOMEM;
}

static int
set_options(void *handle, const struct dsql_http_request *request, struct curl_list *headers,
            struct answer *answer, char *text)
{
    size_t (*write)(char *, size_t, size_t, void *) = take_bytes;
    int failure = curl.easy_setopt(handle, OPT_NOSIGNAL, 1L);
    failure |= curl.easy_setopt(handle, OPT_ERRORBUFFER, text);
    failure |= curl.easy_setopt(handle, OPT_URL, request->url);
    failure |= curl.easy_setopt(handle, OPT_PROTOCOLS, (long)PROTOCOLS_HTTP_AND_HTTPS);
    failure |= curl.easy_setopt(handle, OPT_CUSTOMREQUEST, request->method);
    failure |= curl.easy_setopt(handle, OPT_HTTPHEADER, headers);
    failure |= curl.easy_setopt(handle, OPT_PROXY, request->proxy != NULL ? request->proxy : "");
    failure |= curl.easy_setopt(handle, OPT_NOPROXY, "");
    failure |= curl.easy_setopt(handle, OPT_TIMEOUT_MS, (long)request->timeout_ms);
    failure |= curl.easy_setopt(handle, OPT_WRITEFUNCTION, write);
    failure |= curl.easy_setopt(handle, OPT_WRITEDATA, answer);
    if (request->ca_file != NULL) {
        failure |= curl.easy_setopt(handle, OPT_CAINFO, request->ca_file);
    }
    if (request->body != NULL) {
        failure |= curl.easy_setopt(handle, OPT_POSTFIELDSIZE, (long)request->body_length);
        failure |= curl.easy_setopt(handle, OPT_POSTFIELDS, request->body);
    }
    return failure;
}

static int
explain(int result, const struct answer *answer, const char *text, struct dsql_error *error)
{
    if (answer->body.failed || result == CURL_OUT_OF_MEMORY) {
        return dsql__fail_nomem(error);
    }
    if (answer->too_long) {
        return dsql__fail(error, DSQL_E_PROTOCOL, "its answer is longer than %zu bytes",
                          answer->limit);
    }
    int code =
        result == CURL_TIMED_OUT ? DSQL_E_TIMEOUT
        : result == CURL_TLS_CONNECT || result == CURL_PEER_VERIFICATION || result == CURL_CA_FILE
            ? DSQL_E_TLS
            : DSQL_E_IO;
    return dsql__fail(error, code, "%s", *text != '\0' ? text : curl.easy_strerror(result));
}

static int
perform(void *handle, const struct dsql_http_request *request, struct dsql_http_response *response,
        struct dsql_error *error)
{
    struct answer answer = {.limit = request->limit};
    struct curl_list *headers;
    char text[ERROR_SIZE] = "";
    long status = 0;
    if (make_list(request, &headers) != 0) {
        return dsql__fail_nomem(error);
    }
    int result = set_options(handle, request, headers, &answer, text);
    if (result != 0) {
        snprintf(text, sizeof text, "libcurl refuses an option: install a newer libcurl");
    } else {
        result = curl.easy_perform(handle);
    }
    if (result == 0) {
        result = curl.easy_getinfo(handle, INFO_RESPONSE_CODE, &status);
    }
    curl.slist_free_all(headers);
    dsql__put_byte(&answer.body, '\0');
    if (result != 0 || answer.body.failed) {
        int failure = explain(result, &answer, text, error);
        dsql__buffer_clear(&answer.body);
        return failure;
    }
    response->status = (int)status;
    response->length = dsql__buffer_length(&answer.body) - 1;
    response->body = answer.body.data; /* nothing was consumed; the caller owns it now */
    return 0;
}

static int
request_with_curl(void *context, const struct dsql_http_request *request,
                  struct dsql_http_response *response, struct dsql_error *error)
{
    (void)context;
    pthread_once(&once, load);
    if (!is_loaded) {
        return dsql__fail(error, DSQL_E_UNSUPPORTED,
                          "HTTP needs libcurl, which is not on this machine: install the package "
                          "libcurl4 (Debian, Ubuntu), libcurl (Fedora, Alpine) or curl (Arch)");
    }
    void *handle = curl.easy_init();
    if (handle == NULL) {
        return dsql__fail_nomem(error);
    }
    int failure = perform(handle, request, response, error);
    curl.easy_cleanup(handle);
    return failure;
}

const struct dsql_http dsql__curl = {.request = request_with_curl};
