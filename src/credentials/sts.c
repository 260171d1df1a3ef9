/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* AssumeRole and AssumeRoleWithWebIdentity of AWS STS; see service.h. The
 * service's query interface: a form goes out, XML comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../env.h"
#include "../error.h"
#include "../http.h"
#include "../sigv4.h"
#include "../wire.h"
#include "../xml.h"
#include "service.h"

#define TIMEOUT_MS 10000
#define ATTEMPTS 3
#define CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

static void
put(struct dsql__buffer *buffer, const char *text)
{
    dsql__buffer_put(buffer, text, strlen(text));
}

static void
put_field(struct dsql__buffer *form, const char *name, const char *value)
{
    if (value != NULL) {
        put(form, "&");
        put(form, name);
        put(form, "=");
        dsql__put_encoded(form, value);
    }
}

static void
make_form(const struct dsql__role *role, int64_t now, struct dsql__buffer *form)
{
    char number[24], name[48];
    snprintf(name, sizeof name, "libdsql-%lld", (long long)now);
    put(form, role->web_token != NULL ? "Action=AssumeRoleWithWebIdentity" : "Action=AssumeRole");
    put(form, "&Version=2011-06-15");
    put_field(form, "RoleArn", role->arn);
    put_field(form, "RoleSessionName",
              role->session_name != NULL && *role->session_name != '\0' ? role->session_name
                                                                        : name);
    put_field(form, "ExternalId", role->external_id);
    put_field(form, "WebIdentityToken", role->web_token);
    if (role->duration != 0) {
        snprintf(number, sizeof number, "%ld", role->duration);
        put_field(form, "DurationSeconds", number);
    }
}

/* ----------------------------------------------------------------- signing */

enum { HEADER_TYPE, HEADER_DATE, HEADER_TOKEN, HEADER_AUTHORIZATION, HEADERS };

struct headers {
    struct dsql__buffer texts[HEADERS];
    const char *list[HEADERS + 1];
};

static void
headers_clear(struct headers *headers)
{
    for (int i = 0; i < HEADERS; i++) {
        dsql__buffer_clear(&headers->texts[i]);
    }
}

static void
set_header(struct headers *headers, int which, const char *name, const char *value)
{
    struct dsql__buffer *text = &headers->texts[which];
    put(text, name);
    put(text, ": ");
    dsql__put_string(text, value);
}

/* The header's fields that are signed, small and in order. */
static void
put_signed(struct dsql__buffer *canonical, const struct dsql__sigv4 *signing, const char *path,
           const char *hash)
{
    put(canonical, "POST\n");
    put(canonical, path);
    put(canonical, "\n\ncontent-type:" CONTENT_TYPE "\nhost:");
    put(canonical, signing->host);
    put(canonical, "\nx-amz-date:");
    put(canonical, signing->date);
    if (signing->session_token != NULL) {
        put(canonical, "\nx-amz-security-token:");
        put(canonical, signing->session_token);
    }
    put(canonical, "\n\ncontent-type;host;x-amz-date");
    put(canonical, signing->session_token != NULL ? ";x-amz-security-token\n" : "\n");
    put(canonical, hash);
}

static void
set_authorization(struct headers *headers, const struct dsql__sigv4 *signing, const char *signature)
{
    struct dsql__buffer *text = &headers->texts[HEADER_AUTHORIZATION];
    put(text, "Authorization: AWS4-HMAC-SHA256 Credential=");
    put(text, signing->access_key);
    put(text, "/");
    dsql__buffer_put(text, signing->date, 8);
    put(text, "/");
    put(text, signing->region);
    put(text, "/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date");
    put(text, signing->session_token != NULL ? ";x-amz-security-token" : "");
    put(text, ", Signature=");
    dsql__put_string(text, signature);
}

/* host: as the Host header has it; path: of the endpoint's URL. */
static int
sign(struct headers *headers, const struct dsql__buffer *form, const struct dsql__service *service,
     const char *host, const char *path, const struct dsql_credentials *keys, int64_t now)
{
    char hash[DSQL__SIGNATURE_SIZE], signature[DSQL__SIGNATURE_SIZE];
    struct dsql__buffer canonical = {0};
    struct dsql__sigv4 signing = {
        .host = host,
        .region = service->region,
        .service = "sts",
        .access_key = keys->access_key,
        .secret_key = keys->secret_key,
        .session_token = keys->session_token,
    };
    int failure = dsql__sigv4_set_date(&signing, now);
    if (failure == 0) {
        failure = dsql__sigv4_hash(dsql__buffer_begin(form), dsql__buffer_length(form), hash);
    }
    if (failure == 0) {
        put_signed(&canonical, &signing, path, hash);
        failure = canonical.failed
                      ? DSQL_E_NOMEM
                      : dsql__sigv4_sign_canonical(&signing, dsql__buffer_begin(&canonical),
                                                   dsql__buffer_length(&canonical), signature);
    }
    if (failure == 0) {
        set_header(headers, HEADER_DATE, "X-Amz-Date", signing.date);
        if (signing.session_token != NULL) {
            set_header(headers, HEADER_TOKEN, "X-Amz-Security-Token", signing.session_token);
        }
        set_authorization(headers, &signing, signature);
    }
    dsql__buffer_clear(&canonical);
    return failure;
}

static int
list_headers(struct headers *headers)
{
    int count = 0;
    for (int i = 0; i < HEADERS; i++) {
        if (headers->texts[i].failed) {
            return DSQL_E_NOMEM;
        }
        if (dsql__buffer_length(&headers->texts[i]) > 0) {
            headers->list[count++] = dsql__buffer_begin(&headers->texts[i]);
        }
    }
    headers->list[count] = NULL;
    return 0;
}

/* ------------------------------------------------------------------ answers */

static int
refused(const struct dsql__role *role, const struct dsql_http_response *response,
        struct dsql_error *error)
{
    char *code, *message = NULL;
    int failure = dsql__xml_text(response->body, response->length, "Error/Code", &code);
    if (failure == 0) {
        failure = dsql__xml_text(response->body, response->length, "Error/Message", &message);
    }
    if (failure == DSQL_E_NOMEM) {
        failure = dsql__fail_nomem(error);
    } else if (failure != 0 || code == NULL) {
        failure = dsql__fail(error, DSQL_E_CREDENTIALS,
                             "AWS STS answered HTTP status %d for the role %.200s",
                             response->status, role->arn);
    } else {
        failure = dsql__fail(error, DSQL_E_CREDENTIALS,
                             "AWS STS refuses the role %.150s: %.60s%s%.200s", role->arn, code,
                             message != NULL ? ": " : "", message != NULL ? message : "");
    }
    free(code);
    free(message);
    return failure;
}

static int
read_keys(const struct dsql_http_response *response, struct dsql_credentials *credentials)
{
    char *expiration = NULL;
    const struct {
        const char *path;
        char **value;
    } wanted[] = {
        {"Credentials/AccessKeyId", &credentials->access_key},
        {"Credentials/SecretAccessKey", &credentials->secret_key},
        {"Credentials/SessionToken", &credentials->session_token},
        {"Credentials/Expiration", &expiration},
    };
    int failure = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && failure == 0; i++) {
        failure = dsql__xml_text(response->body, response->length, wanted[i].path, wanted[i].value);
        if (failure == 0 && (*wanted[i].value == NULL || **wanted[i].value == '\0')) {
            failure = DSQL_E_PROTOCOL;
        }
    }
    if (failure == 0 && !dsql__time_parse(expiration, &credentials->expires_at)) {
        failure = DSQL_E_PROTOCOL;
    }
    free(expiration);
    return failure;
}

static int
read_answer(const struct dsql__role *role, const struct dsql_http_response *response,
            struct dsql_credentials *credentials, struct dsql_error *error)
{
    if (response->status != 200) {
        return refused(role, response, error);
    }
    int failure = read_keys(response, credentials);
    if (failure == DSQL_E_PROTOCOL) {
        return dsql__fail(error, failure, "AWS STS answered for the role %.200s without keys",
                          role->arn);
    }
    return failure == 0 ? 0 : dsql__fail_nomem(error);
}

static int
ask(const struct dsql__source_request *request, const struct dsql__role *role,
    const struct dsql_credentials *keys, const struct dsql__service *service,
    struct dsql_http_response *response, struct dsql_error *error)
{
    int64_t now = request->env->now(request->env->context);
    struct dsql__buffer form = {0};
    struct headers headers = {0};
    struct dsql__url url;
    int failure = 0;
    if (!dsql__url_parse(service->url, &url) || strpbrk(url.rest, "?#") != NULL) {
        return dsql__fail(error, DSQL_E_CONFIG,
                          "the endpoint URL for AWS STS is no http:// or https:// URL: correct it");
    }
    make_form(role, now, &form);
    set_header(&headers, HEADER_TYPE, "Content-Type", CONTENT_TYPE);
    if (keys != NULL && !form.failed) {
        failure = sign(&headers, &form, service, url.address, *url.rest != '\0' ? url.rest : "/",
                       keys, now);
    }
    if (failure == DSQL_E_CRYPTO || failure == DSQL_E_INVALID) {
        failure = dsql__fail(error, failure, "the request to AWS STS cannot be signed");
    } else if (failure != 0 || form.failed || list_headers(&headers) != 0) {
        failure = dsql__fail_nomem(error);
    } else {
        struct dsql__exchange exchange = {
            .what = "AWS STS",
            .method = "POST",
            .url = service->url,
            .headers = headers.list,
            .body = dsql__buffer_begin(&form),
            .body_length = dsql__buffer_length(&form),
            .ca_file = service->ca_file,
            .timeout_ms = TIMEOUT_MS,
            .attempts = ATTEMPTS,
        };
        failure = dsql__http_exchange(request->env, &exchange, response, error);
    }
    dsql__buffer_clear(&form);
    headers_clear(&headers);
    return failure;
}

int
dsql__sts_assume(const struct dsql__source_request *request, const struct dsql__role *role,
                 const struct dsql_credentials *keys, struct dsql_credentials *credentials,
                 struct dsql_error *error)
{
    struct dsql__service service;
    struct dsql_http_response response;
    int failure = dsql__ask_outside(request);
    if (failure != 0) {
        return failure;
    }
    failure = dsql__service_find(request, "sts", NULL, &service, error);
    if (failure != 0) {
        return failure;
    }
    failure = ask(request, role, keys, &service, &response, error);
    if (failure == 0) {
        failure = read_answer(role, &response, credentials, error);
        dsql__http_clear(&response);
    }
    dsql__service_clear(&service);
    return failure;
}
