/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys of a container: ECS names a path at its agent, EKS Pod Identity and
 * others a whole URL with a token, which only goes to an address of this
 * machine, to the agents' own, or over TLS. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../env.h"
#include "../error.h"
#include "../http.h"
#include "source.h"

#define AGENT "http://169.254.170.2"
#define TIMEOUT_MS 2000
#define ATTEMPTS 3
#define WHAT "the container's credentials endpoint"

/* Without TLS. */
static bool
is_trusted(const char *host)
{
    static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23",
                                        "localhost"};
    struct in_addr four;
    struct in6_addr six;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        if (strcmp(host, hosts[i]) == 0) {
            return true;
        }
    }
    if (inet_pton(AF_INET, host, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static int
check_url(const char *text, const char *variable, struct dsql_error *error)
{
    struct dsql__url url;
    if (!dsql__url_parse(text, &url)) {
        return dsql__fail(error, DSQL_E_CREDENTIALS, "%s makes no URL: correct or unset it",
                          variable);
    }
    if (!url.secure && !is_trusted(url.host)) {
        return dsql__fail(error, DSQL_E_CREDENTIALS,
                          "%s leads to %.200s without TLS: that is allowed to this machine and to "
                          "the agents of ECS and EKS only",
                          variable, url.host);
    }
    return 0;
}

/* "Authorization: TOKEN" of the file that is read anew each time, or of the
 * variable; NULL without. */
static int
make_header(const struct dsql_env *env, char **header, struct dsql_error *error)
{
    static const char name[] = "Authorization: ";
    const char *path = env->get(env->context, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    char *token = NULL;
    size_t size = 0;
    *header = NULL;
    if (path != NULL) {
        int failure = env->read_file(env->context, path, &token, &size);
        if (failure != 0) {
            return failure == DSQL_E_NOMEM
                       ? dsql__fail_nomem(error)
                       : dsql__fail(error, DSQL_E_CREDENTIALS,
                                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names %.300s, which "
                                    "cannot be read",
                                    path);
        }
    } else {
        const char *set = env->get(env->context, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
        if (set == NULL) {
            return 0;
        }
        token = strdup(set);
        size = strlen(set);
    }
    int failure = 0;
    if (token != NULL && (strlen(token) != size || strpbrk(token, "\r\n") != NULL)) {
        failure = dsql__fail(error, DSQL_E_CREDENTIALS,
                             "the container's authorization token is not one line");
    } else if (token != NULL && (*header = malloc(sizeof name + size)) != NULL) {
        snprintf(*header, sizeof name + size, "%s%s", name, token);
    }
    if (token != NULL) {
        OPENSSL_cleanse(token, size);
        free(token);
    }
    return failure != 0 || *header != NULL ? failure : dsql__fail_nomem(error);
}

static int
ask(const struct dsql__source_request *request, const char *url,
    struct dsql_credentials *credentials, struct dsql_error *error)
{
    struct dsql_http_response response;
    char *header;
    int failure = make_header(request->env, &header, error);
    if (failure != 0) {
        return failure;
    }
    const char *const headers[] = {"Accept: application/json", header, NULL};
    struct dsql__exchange exchange = {
        .what = WHAT,
        .method = "GET",
        .url = url,
        .headers = headers,
        .direct = true,
        .timeout_ms = TIMEOUT_MS,
        .attempts = ATTEMPTS,
        .is_passing = dsql__answer_may_pass,
    };
    failure = dsql__http_exchange(request->env, &exchange, &response, error);
    if (failure == 0) {
        failure = dsql__answer_of_machine(WHAT, &response, credentials, error);
        dsql__http_clear(&response);
    }
    dsql__wipe_free(header);
    credentials->source = "container";
    return failure;
}

int
dsql__source_container(struct dsql__source_request *request, struct dsql_credentials *credentials,
                       struct dsql_error *error)
{
    const struct dsql_env *env = request->env;
    static const char by_path[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                      by_url[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const char *relative = env->get(env->context, by_path);
    char *url;
    if (relative != NULL) {
        size_t size = sizeof AGENT + strlen(relative);
        url = malloc(size);
        if (url != NULL) {
            snprintf(url, size, AGENT "%s", relative);
        }
    } else {
        const char *full = env->get(env->context, by_url);
        if (full == NULL) {
            return DSQL__NEXT;
        }
        url = strdup(full);
    }
    if (url == NULL) {
        return dsql__fail_nomem(error);
    }
    int failure = dsql__ask_outside(request);
    if (failure == 0) {
        failure = check_url(url, relative != NULL ? by_path : by_url, error);
    }
    if (failure == 0) {
        failure = ask(request, url, credentials, error);
    }
    free(url);
    return failure;
}
