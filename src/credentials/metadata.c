/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys and region of an EC2 instance, by version 2 of its metadata service: a
 * session token first. Version 1, which has none and can be tricked out of a
 * careless proxy, is used where AWS_EC2_METADATA_V1_DISABLED is false. */
#include "metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/rand.h>

#include "../env.h"
#include "../error.h"
#include "../http.h"

#define ENDPOINT_IPV4 "http://169.254.169.254"
#define ENDPOINT_IPV6 "http://[fd00:ec2::254]"
#define ROLE_PATH "latest/meta-data/iam/security-credentials/"
#define WHAT "EC2's metadata service"
#define MEMBER_HEADER "X-aws-ec2-metadata-token: "
/* Keys that are at their end are used on while the service brings no new ones,
 * and asked for again after so long. */
#define EXTENSION_SECONDS (15 * 60)
#define EXTENSION_MORE (5 * 60)

struct service {
    const struct dsql_env *env;
    char *base;   /* ends with a slash */
    char *header; /* with the session's token; NULL: version 1 */
    int timeout_ms, attempts;
};

static void
service_clear(struct service *service)
{
    free(service->base);
    dsql__wipe_free(service->header);
}

/* 1 where nothing is said. */
static int
read_number(const struct dsql__source_request *request, const char *variable, const char *key,
            long most, int *number, struct dsql_error *error)
{
    char *text, *end;
    if (dsql__setting(request, variable, key, &text) != 0) {
        return dsql__fail_nomem(error);
    }
    int failure = 0;
    *number = 1;
    if (text != NULL) {
        long read = strtol(text, &end, 10);
        if (end == text || end[strspn(end, " \t")] != '\0' || read < 0) {
            failure = dsql__fail(error, DSQL_E_CONFIG, "%s or %s is no number: %.60s", variable,
                                 key, text);
        }
        *number = (int)(read < most ? read : most);
    }
    free(text);
    return failure;
}

/* The endpoint that is configured, else by the mode. */
static int
find_base(const struct dsql__source_request *request, char **base, struct dsql_error *error)
{
    char *mode = NULL, *url = NULL;
    bool six = false;
    int failure = dsql__setting(request, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                "ec2_metadata_service_endpoint", &url);
    if (failure == 0) {
        failure = dsql__setting(request, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                                "ec2_metadata_service_endpoint_mode", &mode);
    }
    if (failure == 0) {
        failure = dsql__setting_is(request, "AWS_IMDS_USE_IPV6", "imds_use_ipv6", "true", &six);
    }
    if (failure == 0 && mode != NULL && strcasecmp(mode, "ipv4") != 0 &&
        strcasecmp(mode, "ipv6") != 0) {
        failure = dsql__fail(error, DSQL_E_CONFIG,
                             "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE must be IPv4 or IPv6, not "
                             "%.60s",
                             mode);
    } else if (failure == 0) {
        six = mode != NULL ? strcasecmp(mode, "ipv6") == 0 : six;
        const char *chosen = url != NULL && *url != '\0' ? url
                             : six                       ? ENDPOINT_IPV6
                                                         : ENDPOINT_IPV4;
        size_t length = strlen(chosen);
        *base = malloc(length + 2);
        failure = *base != NULL ? 0 : DSQL_E_NOMEM;
        if (failure == 0) {
            bool ends = length > 0 && chosen[length - 1] == '/';
            snprintf(*base, length + 2, "%s%s", chosen, ends ? "" : "/");
        }
    }
    free(mode);
    free(url);
    return failure == DSQL_E_NOMEM ? dsql__fail_nomem(error) : failure;
}

/* Not 200, or nothing in it. */
static bool
is_passing(const struct dsql_http_response *response)
{
    return response->status != 200 || response->length == 0;
}

/* The answers that say that there is no version 2, or that the request is wrong,
 * are final. */
static bool
is_passing_for_token(const struct dsql_http_response *response)
{
    int status = response->status;
    return status != 200 && status != 400 && status != 403 && status != 404 && status != 405;
}

static bool
is_one_line(const struct dsql_http_response *response)
{
    for (size_t i = 0; i < response->length; i++) {
        if ((unsigned char)response->body[i] <= ' ' || (unsigned char)response->body[i] >= 127) {
            return false;
        }
    }
    return response->length > 0;
}

/* path and name make the URL behind the endpoint. */
static int
ask(const struct service *service, const char *method, const char *path, const char *name,
    const char *header, bool (*passing)(const struct dsql_http_response *),
    struct dsql_http_response *response, struct dsql_error *error)
{
    size_t size = strlen(service->base) + strlen(path) + strlen(name) + 1;
    char *url = malloc(size);
    if (url == NULL) {
        return dsql__fail_nomem(error);
    }
    snprintf(url, size, "%s%s%s", service->base, path, name);
    const char *const headers[] = {header, NULL};
    struct dsql__exchange exchange = {
        .what = WHAT,
        .method = method,
        .url = url,
        .headers = headers,
        .direct = true,
        .timeout_ms = service->timeout_ms,
        .attempts = service->attempts,
        .is_passing = passing,
    };
    int failure = dsql__http_exchange(service->env, &exchange, response, error);
    free(url);
    return failure;
}

/* Without a session's token, where version 1 is allowed, header stays NULL. */
static int
begin_session(struct dsql__source_request *request, struct service *service,
              struct dsql_error *error)
{
    struct dsql_http_response response;
    bool version_1;
    if (dsql__setting_is(request, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled",
                         "false", &version_1) != 0) {
        return dsql__fail_nomem(error);
    }
    int failure =
        ask(service, "PUT", "latest/api/token", "", "X-aws-ec2-metadata-token-ttl-seconds: 21600",
            is_passing_for_token, &response, error);
    if (failure != 0) {
        return failure;
    }
    if (response.status == 200 && is_one_line(&response)) {
        size_t size = sizeof MEMBER_HEADER + response.length;
        service->header = malloc(size);
        if (service->header != NULL) {
            snprintf(service->header, size, MEMBER_HEADER "%s", response.body);
        }
        failure = service->header != NULL ? 0 : dsql__fail_nomem(error);
    } else if (!version_1 || response.status == 400) {
        failure = dsql__fail(error, DSQL_E_CREDENTIALS,
                             WHAT " gives no session token (HTTP status %d): enable IMDSv2, or set "
                                  "AWS_EC2_METADATA_V1_DISABLED=false",
                             response.status);
    }
    dsql__http_clear(&response);
    return failure;
}

/* 0: a session with the service; DSQL__NEXT: it is not to be asked. */
static int
service_open(struct dsql__source_request *request, struct service *service,
             struct dsql_error *error)
{
    bool disabled;
    *service = (struct service){.env = request->env};
    if (dsql__setting_is(request, "AWS_EC2_METADATA_DISABLED", NULL, "true", &disabled) != 0) {
        return dsql__fail_nomem(error);
    }
    if (disabled) {
        snprintf(request->no_metadata, sizeof request->no_metadata,
                 "AWS_EC2_METADATA_DISABLED is true");
        return DSQL__NEXT;
    }
    int failure = dsql__ask_outside(request);
    if (failure != 0) {
        return failure;
    }
    failure = read_number(request, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout", 60,
                          &service->timeout_ms, error);
    if (failure == 0) {
        failure = read_number(request, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                              "metadata_service_num_attempts", 10, &service->attempts, error);
    }
    if (failure == 0 && service->attempts == 0) {
        snprintf(request->no_metadata, sizeof request->no_metadata,
                 "AWS_METADATA_SERVICE_NUM_ATTEMPTS is 0");
        return DSQL__NEXT;
    }
    service->timeout_ms = service->timeout_ms > 0 ? service->timeout_ms * 1000 : 1000;
    if (failure == 0) {
        failure = find_base(request, &service->base, error);
    }
    if (failure == 0) {
        failure = begin_session(request, service, error);
    }
    if (failure != 0) {
        service_clear(service);
    }
    return failure;
}

/* The service is the last that is asked, and mostly not there or not meant: what
 * it does not tell is noted only. */
static int
note_failure(struct dsql__source_request *request, int failure, const struct dsql_error *said,
             struct dsql_error *error)
{
    if (failure == DSQL_E_NOMEM || failure == DSQL_E_CONFIG) {
        return dsql__fail(error, failure, "%s", said->message);
    }
    if (failure < 0) {
        snprintf(request->no_metadata, sizeof request->no_metadata, "%s", said->message);
        return DSQL__NEXT;
    }
    return failure;
}

/* Keys whose end is near: the service could not make new ones in time. */
static void
extend(const struct dsql_env *env, int64_t *expires_at)
{
    unsigned char random = 0;
    int64_t now = env->now(env->context);
    if (*expires_at <= now + EXTENSION_SECONDS) {
        (void)RAND_bytes(&random, 1);
        *expires_at = now + EXTENSION_SECONDS + EXTENSION_MORE + random;
    }
}

static int
ask_for_keys(struct dsql__source_request *request, const struct service *service,
             struct dsql_credentials *credentials, struct dsql_error *error)
{
    struct dsql_http_response role, keys;
    int failure = ask(service, "GET", ROLE_PATH, "", service->header, is_passing, &role, error);
    if (failure != 0) {
        return failure;
    }
    if (role.status == 404) {
        snprintf(request->no_metadata, sizeof request->no_metadata, "the EC2 instance has no role");
        failure = DSQL__NEXT;
    } else if (role.status != 200 || !is_one_line(&role)) {
        failure = dsql__fail(error, DSQL_E_CREDENTIALS, WHAT " tells no role (HTTP status %d)",
                             role.status);
    } else {
        failure = ask(service, "GET", ROLE_PATH, role.body, service->header, dsql__answer_may_pass,
                      &keys, error);
        if (failure == 0) {
            failure = dsql__answer_of_machine(WHAT, &keys, credentials, error);
            if (failure == 0) {
                extend(request->env, &credentials->expires_at);
            }
            dsql__http_clear(&keys);
        }
    }
    dsql__http_clear(&role);
    return failure;
}

int
dsql__source_metadata(struct dsql__source_request *request, struct dsql_credentials *credentials,
                      struct dsql_error *error)
{
    struct service service;
    struct dsql_error said;
    int failure = service_open(request, &service, &said);
    if (failure == 0) {
        failure = ask_for_keys(request, &service, credentials, &said);
        service_clear(&service);
    }
    credentials->source = "instance-metadata";
    return note_failure(request, failure, &said, error);
}

int
dsql__metadata_region(struct dsql__source_request *request, char *region, size_t size,
                      struct dsql_error *error)
{
    struct dsql_http_response response;
    struct service service;
    struct dsql_error said;
    int failure = service_open(request, &service, &said);
    if (failure == 0) {
        failure = ask(&service, "GET", "latest/meta-data/placement/region", "", service.header,
                      is_passing, &response, &said);
        if (failure == 0) {
            bool good = response.status == 200 && is_one_line(&response) && response.length < size;
            snprintf(region, size, "%s", good ? response.body : "");
            failure = good ? 0 : DSQL__NEXT;
            dsql__http_clear(&response);
        }
        service_clear(&service);
    }
    return note_failure(request, failure, &said, error);
}
