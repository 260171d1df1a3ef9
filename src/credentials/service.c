/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Endpoints of AWS STS and of IAM Identity Center's portal; see service.h. */
#include "service.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../env.h"
#include "../error.h"

/* ------------------------------------------------------ configured endpoints */

/* The value of a key within a value that is a section of its own. */
static int
copy_nested(struct dsql__ini_text text, const char *key, char **value)
{
    size_t wanted = strlen(key);
    *value = NULL;
    const char *at = text.at, *end = text.at + text.length;
    while (at < end) {
        const char *stop = dsql__ini_line_end(at, end);
        while (at < stop && isspace((unsigned char)*at)) {
            at++;
        }
        const char *equal = memchr(at, '=', (size_t)(stop - at));
        const char *name_end = equal;
        while (equal != NULL && name_end > at && isspace((unsigned char)name_end[-1])) {
            name_end--;
        }
        if (equal != NULL && (size_t)(name_end - at) == wanted && memcmp(at, key, wanted) == 0) {
            const char *from = equal + 1, *to = stop;
            while (from < to && isspace((unsigned char)*from)) {
                from++;
            }
            while (to > from && isspace((unsigned char)to[-1])) {
                to--;
            }
            dsql__wipe_free(*value); /* the last of that name */
            *value = strndup(from, (size_t)(to - from));
            if (*value == NULL) {
                return DSQL_E_NOMEM;
            }
        }
        at = stop < end ? stop + 1 : end;
    }
    return 0;
}

/* endpoint_url of the service in the section [services NAME] that the profile
 * names. */
static int
find_in_services(const struct dsql__source_request *request, const char *name, char **url,
                 struct dsql_error *error)
{
    char *services;
    *url = NULL;
    if (dsql__profile_copy(request->settings, "services", &services) != 0) {
        return dsql__fail_nomem(error);
    }
    if (services == NULL) {
        return 0;
    }
    int failure = 0;
    struct dsql__ini_text section = dsql__profile_section(request->settings, "services", services);
    if (section.at == NULL) {
        failure = dsql__fail(error, DSQL_E_CONFIG,
                             "the profile \"%.60s\" names services = %.60s, but the config file "
                             "has no section [services %.60s]: add it",
                             request->settings->name, services, services);
    } else {
        struct dsql__ini_text nested = dsql__ini_get(&request->settings->config.ini, section, name);
        if (nested.at != NULL && copy_nested(nested, "endpoint_url", url) != 0) {
            failure = dsql__fail_nomem(error);
        }
    }
    free(services);
    return failure;
}

/* *url NULL: none is configured. */
static int
find_configured(const struct dsql__source_request *request, const char *name, char **url,
                struct dsql_error *error)
{
    char variable[32];
    bool ignored;
    *url = NULL;
    if (dsql__setting_is(request, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                         "ignore_configured_endpoint_urls", "true", &ignored) != 0) {
        return dsql__fail_nomem(error);
    }
    if (ignored) {
        return 0;
    }
    snprintf(variable, sizeof variable, "AWS_ENDPOINT_URL_%s", name);
    for (char *at = variable; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    int failure = dsql__env_copy(request->env, variable, url);
    if (failure == 0 && *url == NULL) {
        failure = dsql__env_copy(request->env, "AWS_ENDPOINT_URL", url);
    }
    if (failure != 0) {
        return dsql__fail_nomem(error);
    }
    if (*url == NULL) {
        failure = find_in_services(request, name, url, error);
    }
    if (failure == 0 && *url == NULL &&
        dsql__profile_copy(request->settings, "endpoint_url", url) != 0) {
        failure = dsql__fail_nomem(error);
    }
    return failure;
}

/* -------------------------------------------------- endpoints of the regions */

/* By the beginning of a region's name; the last holds for all others. */
static const struct partition {
    const char *prefix, *suffix, *dual_stack;
} partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"", "amazonaws.com", "api.aws"},
};

static const struct partition *
partition_of(const char *region)
{
    const struct partition *partition = partitions;
    while (strncmp(region, partition->prefix, strlen(partition->prefix)) != 0) {
        partition++;
    }
    return partition;
}

/* Regions that legacy means the global endpoint for. */
static bool
is_legacy_region(const char *region)
{
    static const char *const regions[] = {
        "ap-northeast-1", "ap-south-1",   "ap-southeast-1", "ap-southeast-2",
        "aws-global",     "ca-central-1", "eu-central-1",   "eu-north-1",
        "eu-west-1",      "eu-west-2",    "eu-west-3",      "sa-east-1",
        "us-east-1",      "us-east-2",    "us-west-1",      "us-west-2",
    };
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        if (strcmp(region, regions[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct variants {
    bool fips, dual_stack, legacy;
};

static int
read_variants(const struct dsql__source_request *request, struct variants *variants)
{
    int failure = dsql__setting_is(request, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", "true",
                                   &variants->fips);
    if (failure == 0) {
        failure = dsql__setting_is(request, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint",
                                   "true", &variants->dual_stack);
    }
    return failure;
}

/* Whether STS is asked at its global endpoint for the regions that it once was the
 * only one of. */
static int
read_legacy(const struct dsql__source_request *request, bool *legacy, struct dsql_error *error)
{
    char *value;
    if (dsql__setting(request, "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints", &value) !=
        0) {
        return dsql__fail_nomem(error);
    }
    int failure = 0;
    *legacy = value != NULL && strcasecmp(value, "legacy") == 0;
    if (value != NULL && *value != '\0' && !*legacy && strcasecmp(value, "regional") != 0) {
        failure = dsql__fail(error, DSQL_E_CONFIG,
                             "AWS_STS_REGIONAL_ENDPOINTS or sts_regional_endpoints must be "
                             "regional or legacy, not %.60s",
                             value);
    }
    free(value);
    return failure;
}

/* The host, without its suffix, in front of the region. GovCloud's own endpoints
 * are FIPS without being called so. */
static const char *
label_of(const char *name, const char *region, const struct variants *variants)
{
    static const struct {
        const char *name, *plain, *fips;
    } labels[] = {
        {"sts", "sts", "sts-fips"},
        {"sso", "portal.sso", "portal.sso-fips"},
        {"sso_oidc", "oidc", "oidc-fips"},
    };
    bool fips = variants->fips && (variants->dual_stack || strncmp(region, "us-gov-", 7) != 0);
    size_t at = 0;
    while (strcmp(labels[at].name, name) != 0) {
        at++;
    }
    return fips ? labels[at].fips : labels[at].plain;
}

static int
build_url(const char *name, const struct variants *variants, struct dsql__service *service)
{
    char url[300];
    bool plain = !variants->fips && !variants->dual_stack;
    bool global = strcmp(service->region, "aws-global") == 0;
    bool is_sts = strcmp(name, "sts") == 0;
    if (is_sts && plain && (global || (variants->legacy && is_legacy_region(service->region)))) {
        snprintf(service->region, sizeof service->region, "us-east-1");
        service->url = strdup("https://sts.amazonaws.com");
        return service->url != NULL ? 0 : DSQL_E_NOMEM;
    }
    if (global) {
        snprintf(service->region, sizeof service->region, "us-east-1");
    }
    const struct partition *partition = partition_of(service->region);
    snprintf(url, sizeof url, "https://%s.%s.%s", label_of(name, service->region, variants),
             service->region, variants->dual_stack ? partition->dual_stack : partition->suffix);
    service->url = strdup(url);
    return service->url != NULL ? 0 : DSQL_E_NOMEM;
}

/* Of the environment or the caller's profile; aws-global where neither tells. */
static int
find_region(const struct dsql__source_request *request, char *region, size_t size)
{
    char *found;
    int failure = dsql__setting(request, "AWS_REGION", NULL, &found);
    if (failure == 0 && found == NULL) {
        failure = dsql__setting(request, "AWS_DEFAULT_REGION", "region", &found);
    }
    if (failure == 0) {
        snprintf(region, size, "%s", found != NULL && *found != '\0' ? found : "aws-global");
        free(found);
    }
    return failure;
}

/* us-east-1-fips and fips-us-east-1 are us-east-1 with FIPS. */
static void
split_fips(char *region, bool *fips)
{
    size_t length = strlen(region);
    if (strncmp(region, "fips-", 5) == 0) {
        memmove(region, region + 5, length - 5 + 1);
        *fips = true;
    } else if (length > 5 && strcmp(region + length - 5, "-fips") == 0) {
        region[length - 5] = '\0';
        *fips = true;
    }
}

/* A label of a host's name, and not a number. */
static bool
is_region(const char *region)
{
    size_t length = strlen(region), digits = strspn(region, "0123456789");
    size_t good = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return good == length && digits < length && *region != '-' && region[length - 1] != '-';
}

/* An endpoint of one's own is used as it is, FIPS or not. */
static void
use_configured(struct dsql__service *service)
{
    size_t length = strlen(service->url);
    while (length > 0 && service->url[length - 1] == '/') {
        service->url[--length] = '\0';
    }
    if (strcmp(service->region, "aws-global") == 0) {
        snprintf(service->region, sizeof service->region, "us-east-1");
    }
}

int
dsql__service_find(const struct dsql__source_request *request, const char *name, const char *region,
                   struct dsql__service *service, struct dsql_error *error)
{
    struct variants variants = {0};
    memset(service, 0, sizeof *service);
    int failure = read_variants(request, &variants);
    if (failure == 0 && region == NULL) {
        failure = find_region(request, service->region, sizeof service->region);
    } else if (failure == 0) {
        snprintf(service->region, sizeof service->region, "%s", region);
    }
    if (failure == 0) {
        failure = dsql__setting(request, "AWS_CA_BUNDLE", "ca_bundle", &service->ca_file);
    }
    if (failure != 0) {
        failure = dsql__fail_nomem(error);
    } else if (!is_region(service->region)) {
        failure =
            dsql__fail(error, DSQL_E_REGION, "%.60s is no AWS region: correct it", service->region);
    }
    split_fips(service->region, &variants.fips);
    if (failure == 0 && strcmp(name, "sts") == 0) {
        failure = read_legacy(request, &variants.legacy, error);
    }
    if (failure == 0) {
        failure = find_configured(request, name, &service->url, error);
    }
    if (failure == 0 && service->url != NULL && *service->url != '\0') {
        use_configured(service);
    } else if (failure == 0) {
        free(service->url);
        failure = build_url(name, &variants, service) == 0 ? 0 : dsql__fail_nomem(error);
    }
    if (failure != 0) {
        dsql__service_clear(service);
    }
    return failure;
}

void
dsql__service_clear(struct dsql__service *service)
{
    free(service->url);
    free(service->ca_file);
    memset(service, 0, sizeof *service);
}
