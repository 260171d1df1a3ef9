/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Requests of the sources of credentials; see http.h. */
#include "http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "env.h"
#include "error.h"

#define PAUSE_FIRST_MS 100

/* -------------------------------------------------------------------- URLs */

/* The port's digits behind a colon, or nothing. */
static bool
parse_port(const char *at, size_t length, bool secure, unsigned long *port)
{
    *port = secure ? 443 : 80;
    if (length == 0) {
        return true;
    }
    if (*at != ':' || length < 2 || length > 6) {
        return false;
    }
    unsigned long number = 0;
    for (size_t i = 1; i < length; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return false;
        }
        number = number * 10 + (unsigned long)(at[i] - '0');
    }
    *port = number;
    return number > 0 && number < 65536;
}

static bool
is_host(const char *host, size_t length, bool bracketed)
{
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)host[i]) && strchr(bracketed ? ":." : "-._", host[i]) == NULL) {
            return false;
        }
    }
    return length > 0 && length < sizeof(((struct dsql__url *)NULL)->host);
}

bool
dsql__url_parse(const char *text, struct dsql__url *url)
{
    unsigned long port;
    url->secure = strncasecmp(text, "https://", 8) == 0;
    if (!url->secure && strncasecmp(text, "http://", 7) != 0) {
        return false;
    }
    const char *host = text + (url->secure ? 8 : 7);
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 127) {
            return false;
        }
    }
    url->rest = host + strcspn(host, "/?#");
    bool bracketed = *host == '[';
    const char *stop = bracketed ? strchr(++host, ']') : host + strcspn(host, ":/?#");
    if (stop == NULL || stop > url->rest) {
        return false;
    }
    const char *behind = stop + bracketed;
    size_t length = (size_t)(stop - host);
    if (!is_host(host, length, bracketed) ||
        !parse_port(behind, (size_t)(url->rest - behind), url->secure, &port)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        url->host[i] = (char)tolower((unsigned char)host[i]);
    }
    url->host[length] = '\0';
    snprintf(url->address, sizeof url->address, bracketed ? "[%s]" : "%s", url->host);
    if (port != (url->secure ? 443 : 80)) {
        size_t end = strlen(url->address);
        snprintf(url->address + end, sizeof url->address - end, ":%lu", port);
    }
    return true;
}

/* ----------------------------------------------------------------- proxies */

/* The small name wins, as in other programs. */
static const char *
get_either(const struct dsql_env *env, const char *small, const char *large)
{
    const char *value = env->get(env->context, small);
    return value != NULL ? value : env->get(env->context, large);
}

static bool
ends_with_domain(const char *host, const char *domain, size_t length)
{
    size_t whole = strlen(host);
    if (whole < length || strncasecmp(host + whole - length, domain, length) != 0) {
        return false;
    }
    return whole == length || host[whole - length - 1] == '.';
}

static bool
is_excluded(const char *list, const struct dsql__url *url)
{
    if (strcmp(list, "*") == 0) {
        return true;
    }
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        const char *next = list + length + (list[length] == ',');
        while (length > 0 && isspace((unsigned char)*list)) {
            list++;
            length--;
        }
        while (length > 0 && isspace((unsigned char)list[length - 1])) {
            length--;
        }
        while (length > 0 && *list == '.') {
            list++;
            length--;
        }
        if (length > 0 && (ends_with_domain(url->host, list, length) ||
                           ends_with_domain(url->address, list, length))) {
            return true;
        }
        list = next;
    }
    return false;
}

int
dsql__http_proxy(const struct dsql_env *env, const struct dsql__url *url, char **proxy)
{
    *proxy = NULL;
    const char *not_for = get_either(env, "no_proxy", "NO_PROXY");
    if (not_for != NULL && is_excluded(not_for, url)) {
        return 0;
    }
    /* In a CGI program HTTP_PROXY is what the client sent as header "Proxy". */
    bool cgi = env->get(env->context, "REQUEST_METHOD") != NULL;
    const char *named = url->secure ? get_either(env, "https_proxy", "HTTPS_PROXY")
                        : cgi       ? env->get(env->context, "http_proxy")
                                    : get_either(env, "http_proxy", "HTTP_PROXY");
    if (named == NULL || *named == '\0') {
        return 0;
    }
    size_t size = strlen(named) + sizeof "http://";
    *proxy = malloc(size);
    if (*proxy == NULL) {
        return DSQL_E_NOMEM;
    }
    const char *before = strstr(named, "://") != NULL   ? ""
                         : strncmp(named, "//", 2) == 0 ? "http:"
                                                        : "http://";
    snprintf(*proxy, size, "%s%s", before, named);
    return 0;
}

/* SCHEME://[USER[:PASSWORD]@]HOST[:PORT]. What is none is refused here, since the words
 * of an HTTP client about it could hold the password. */
static bool
is_proxy(const char *proxy)
{
    char plain[300];
    struct dsql__url url;
    const char *at = strstr(proxy, "://");
    if (at == NULL || at == proxy) {
        return false;
    }
    at += 3;
    const char *end = at + strcspn(at, "/?#");
    for (const char *user = at; user < end; user++) {
        if ((unsigned char)*user <= ' ' || *user == 127) {
            return false;
        }
        at = *user == '@' ? user + 1 : at;
    }
    int length = snprintf(plain, sizeof plain, "http://%.*s", (int)(end - at), at);
    return length < (int)sizeof plain && dsql__url_parse(plain, &url);
}

static int
find_proxy(const struct dsql_env *env, const struct dsql__url *url, char **proxy,
           struct dsql_error *error)
{
    if (dsql__http_proxy(env, url, proxy) != 0) {
        return dsql__fail_nomem(error);
    }
    if (*proxy == NULL || is_proxy(*proxy)) {
        return 0;
    }
    return dsql__fail(error, DSQL_E_CONFIG,
                      "the proxy that %s names is no URL like http://HOST:PORT: correct it, or "
                      "exclude %s by NO_PROXY",
                      url->secure ? "HTTPS_PROXY" : "HTTP_PROXY", url->host);
}

/* ---------------------------------------------------------------- exchange */

void
dsql__http_clear(struct dsql_http_response *response)
{
    if (response->body != NULL) {
        OPENSSL_cleanse(response->body, response->length);
        free(response->body);
    }
    memset(response, 0, sizeof *response);
}

static void
rest(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&left, NULL);
}

static bool
is_passing(const struct dsql__exchange *exchange, const struct dsql_http_response *response)
{
    if (exchange->is_passing != NULL) {
        return exchange->is_passing(response);
    }
    return response->status == 429 || response->status >= 500;
}

/* A path may be a secret of its own: messages name the host only. */
static int
attempt(const struct dsql_env *env, const struct dsql__exchange *exchange, const char *address,
        const struct dsql_http_request *request, struct dsql_http_response *response,
        struct dsql_error *error)
{
    struct dsql_error said = {0};
    memset(response, 0, sizeof *response);
    int failure = env->http->request(env->http->context, request, response, &said);
    if (failure == 0 && response->body == NULL) {
        response->body = calloc(1, 1);
        failure = response->body != NULL ? 0 : DSQL_E_NOMEM;
    }
    if (failure == 0) {
        return 0;
    }
    dsql__http_clear(response);
    if (failure == DSQL_E_NOMEM) {
        return dsql__fail_nomem(error);
    }
    return dsql__fail(error, failure, "%s (%s) cannot be asked: %.200s", exchange->what, address,
                      said.message);
}

static int
find_authorities(const struct dsql_env *env, const struct dsql__exchange *exchange, char *path,
                 size_t size, struct dsql_error *error)
{
    if (exchange->ca_file != NULL) {
        snprintf(path, size, "%s", exchange->ca_file);
        return 0;
    }
    return dsql_ca_file_find(path, size, env, error);
}

int
dsql__http_exchange(const struct dsql_env *env, const struct dsql__exchange *exchange,
                    struct dsql_http_response *response, struct dsql_error *error)
{
    struct dsql__url url;
    char authorities[4096], *proxy = NULL;
    int failure = 0, pause = PAUSE_FIRST_MS;
    memset(response, 0, sizeof *response);
    if (!dsql__url_parse(exchange->url, &url)) {
        return dsql__fail(error, DSQL_E_CONFIG,
                          "the address of %s is not an http:// or https:// URL: correct it",
                          exchange->what);
    }
    if (url.secure) {
        failure = find_authorities(env, exchange, authorities, sizeof authorities, error);
    }
    if (failure == 0 && !exchange->direct) {
        failure = find_proxy(env, &url, &proxy, error);
    }
    struct dsql_http_request request = {
        .method = exchange->method,
        .url = exchange->url,
        .headers = exchange->headers,
        .body = exchange->body,
        .body_length = exchange->body_length,
        .proxy = proxy,
        .ca_file = url.secure ? authorities : NULL,
        .timeout_ms = exchange->timeout_ms,
        .limit = DSQL__HTTP_LIMIT,
    };
    for (int left = exchange->attempts; failure == 0 && left > 0; left--) {
        failure = attempt(env, exchange, url.address, &request, response, error);
        bool again = failure == 0 ? is_passing(exchange, response)
                                  : failure == DSQL_E_IO || failure == DSQL_E_TIMEOUT;
        if (!again || left == 1) {
            break;
        }
        dsql__http_clear(response);
        failure = 0;
        rest(pause);
        pause *= 2;
    }
    dsql__wipe_free(proxy);
    return failure;
}
