/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a user calls a host, read into the name to connect to, the name to sign
 * and the region. Forms: Aurora DSQL user guide and the AWS connectors. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

#define CLUSTER_ID_LENGTH 26
#define LABELS_MAX 8
#define LOCAL_REGION "us-east-1"

static const char forms[] =
    "use ID.dsql.REGION.on.aws, a cluster id of 26 letters and digits with a region, a PrivateLink "
    "name, \"localhost\" or \"local\"";

/* A host name cut at its dots; the labels point into text. */
struct labels {
    char text[254];
    char *label[LABELS_MAX];
    size_t count;
};

static bool
is_cluster_id(const char *text)
{
    return strlen(text) == CLUSTER_ID_LENGTH &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") == CLUSTER_ID_LENGTH;
}

/* aa-word[-word...]-1: us-east-1, us-gov-west-1, ... */
static bool
is_region(const char *text)
{
    size_t length = strlen(text), words = 0, at = 0;
    while (at < length && islower((unsigned char)text[at])) {
        while (at < length && islower((unsigned char)text[at])) {
            at++;
        }
        words++;
        if (text[at] != '-') {
            return false;
        }
        at++;
    }
    size_t digits = strspn(text + at, "0123456789");
    return words >= 2 && digits >= 1 && digits <= 2 && at + digits == length && length < 64;
}

static bool
is_label(const char *text)
{
    size_t length = strlen(text);
    return length >= 1 && length <= 63 && text[0] != '-' && text[length - 1] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* "dsql" or "dsql-xxxx". */
static bool
is_service(const char *text)
{
    return strncmp(text, "dsql", 4) == 0 && (text[4] == '\0' || text[4] == '-') && is_label(text);
}

/* Lower case, without one trailing dot. */
static int
fold(const char *from, char *to, size_t size, struct dsql_error *error)
{
    size_t length = strlen(from);
    if (length > 0 && from[length - 1] == '.') {
        length--;
    }
    if (length == 0) {
        return dsql__fail(error, DSQL_E_ENDPOINT, "no host is given; %s", forms);
    }
    if (length >= size) {
        return dsql__fail(error, DSQL_E_ENDPOINT, "the host is longer than %zu characters; %s",
                          size - 1, forms);
    }
    for (size_t i = 0; i < length; i++) {
        to[i] = (char)tolower((unsigned char)from[i]);
    }
    to[length] = '\0';
    return 0;
}

static bool
split(const char *host, struct labels *labels)
{
    snprintf(labels->text, sizeof labels->text, "%s", host);
    labels->count = 0;
    for (char *at = labels->text; at != NULL;) {
        char *dot = strchr(at, '.');
        if (dot != NULL) {
            *dot = '\0';
        }
        if (labels->count == LABELS_MAX || !is_label(at)) {
            return false;
        }
        labels->label[labels->count++] = at;
        at = dot ? dot + 1 : NULL;
    }
    return true;
}

/* The region that the host tells must be a region, and the one that was given. */
static int
settle_region(const char *told, const char *given, struct dsql_endpoint *endpoint,
              struct dsql_error *error)
{
    if (*given != '\0' && !is_region(given)) {
        return dsql__fail(error, DSQL_E_REGION,
                          "\"%.60s\" is not an AWS region; write it like us-east-1", given);
    }
    if (told != NULL && !is_region(told)) {
        return dsql__fail(error, DSQL_E_REGION,
                          "the host names the region \"%.60s\", which is not an AWS region; "
                          "copy the endpoint from the console",
                          told);
    }
    if (told != NULL && *given != '\0' && strcmp(told, given) != 0) {
        return dsql__fail(error, DSQL_E_REGION,
                          "the host is in region %s but the region given is %s; leave the region "
                          "out or correct it",
                          told, given);
    }
    snprintf(endpoint->region, sizeof endpoint->region, "%s", told ? told : given);
    return 0;
}

static int
parse_cluster_id(const char *id, const char *region, struct dsql_endpoint *endpoint,
                 struct dsql_error *error)
{
    if (*region == '\0') {
        return dsql__fail(error, DSQL_E_REGION,
                          "the cluster id %s needs a region: give one, set AWS_REGION, or use the "
                          "whole endpoint %s.dsql.REGION.on.aws",
                          id, id);
    }
    int failure = settle_region(NULL, region, endpoint, error);
    if (failure != 0) {
        return failure;
    }
    endpoint->kind = DSQL_HOST_CLUSTER;
    snprintf(endpoint->cluster_id, sizeof endpoint->cluster_id, "%.26s", id);
    snprintf(endpoint->host, sizeof endpoint->host, "%s.dsql.%s.on.aws", endpoint->cluster_id,
             endpoint->region);
    return 0;
}

static int
parse_local(const char *host, const char *region, struct dsql_endpoint *endpoint,
            struct dsql_error *error)
{
    int failure = settle_region(NULL, *region ? region : LOCAL_REGION, endpoint, error);
    if (failure != 0) {
        return failure;
    }
    endpoint->kind = strcmp(host, "local") == 0 ? DSQL_HOST_LOCAL : DSQL_HOST_LOCALHOST;
    snprintf(endpoint->host, sizeof endpoint->host, "localhost");
    return 0;
}

/* vpce-....dsql-xxxx.REGION.vpce.amazonaws.com */
static int
parse_privatelink(const struct labels *labels, const char *host, const char *region,
                  const char *cluster_id, struct dsql_endpoint *endpoint, struct dsql_error *error)
{
    if (*cluster_id == '\0') {
        return dsql__fail(error, DSQL_E_ENDPOINT,
                          "the PrivateLink host %.200s does not tell the cluster: give its "
                          "cluster_id too",
                          host);
    }
    int failure = settle_region(labels->label[2], region, endpoint, error);
    if (failure != 0) {
        return failure;
    }
    endpoint->kind = DSQL_HOST_PRIVATELINK;
    snprintf(endpoint->cluster_id, sizeof endpoint->cluster_id, "%.26s", cluster_id);
    snprintf(endpoint->host, sizeof endpoint->host, "%s", host);
    snprintf(endpoint->sign_host, sizeof endpoint->sign_host, "%s.dsql.%s.on.aws",
             endpoint->cluster_id, endpoint->region);
    return 0;
}

/* NAME.dsql[-xxxx].REGION.on.aws */
static int
parse_name(const struct labels *labels, const char *host, const char *region,
           const char *cluster_id, struct dsql_endpoint *endpoint, struct dsql_error *error)
{
    const char *id = labels->label[0];
    if (*cluster_id != '\0' && strcmp(cluster_id, id) != 0) {
        return dsql__fail(error, DSQL_E_ENDPOINT,
                          "the host is of cluster %s but the cluster_id given is %s; leave the "
                          "cluster_id out or correct it",
                          id, cluster_id);
    }
    int failure = settle_region(labels->label[2], region, endpoint, error);
    if (failure != 0) {
        return failure;
    }
    endpoint->kind = DSQL_HOST_CLUSTER;
    if (is_cluster_id(id)) {
        snprintf(endpoint->cluster_id, sizeof endpoint->cluster_id, "%.26s", id);
    }
    snprintf(endpoint->host, sizeof endpoint->host, "%s", host);
    return 0;
}

static int
parse_labels(const char *host, const char *region, const char *cluster_id,
             struct dsql_endpoint *endpoint, struct dsql_error *error)
{
    struct labels labels;
    if (split(host, &labels) && labels.count >= 5 && is_service(labels.label[1])) {
        if (labels.count == 5 && strcmp(labels.label[3], "on") == 0 &&
            strcmp(labels.label[4], "aws") == 0) {
            return parse_name(&labels, host, region, cluster_id, endpoint, error);
        }
        if (labels.count == 6 && strncmp(labels.label[0], "vpce-", 5) == 0 &&
            strcmp(labels.label[3], "vpce") == 0 && strcmp(labels.label[4], "amazonaws") == 0 &&
            strcmp(labels.label[5], "com") == 0) {
            return parse_privatelink(&labels, host, region, cluster_id, endpoint, error);
        }
    }
    if (strchr(host, '/') != NULL) {
        return dsql__fail(error, DSQL_E_ENDPOINT,
                          "\"%.200s\" is not a host name: leave the scheme and the path out", host);
    }
    if (strchr(host, ':') != NULL) {
        return dsql__fail(error, DSQL_E_ENDPOINT,
                          "\"%.200s\" is not a host name: give the port on its own", host);
    }
    return dsql__fail(error, DSQL_E_ENDPOINT, "\"%.200s\" is not an Aurora DSQL host; %s", host,
                      forms);
}

int
dsql_endpoint_parse(const char *host, const char *region, const char *cluster_id,
                    struct dsql_endpoint *endpoint, struct dsql_error *error)
{
    char name[254], area[64] = "", id[64] = "";
    memset(endpoint, 0, sizeof *endpoint);
    int failure = fold(host ? host : "", name, sizeof name, error);
    if (failure == 0 && region != NULL && *region != '\0') {
        failure = fold(region, area, sizeof area, error);
    }
    if (failure == 0 && cluster_id != NULL && *cluster_id != '\0') {
        failure = fold(cluster_id, id, sizeof id, error);
        if (failure == 0 && !is_cluster_id(id)) {
            failure =
                dsql__fail(error, DSQL_E_ENDPOINT,
                           "\"%s\" is not a cluster id: those have 26 letters and digits", id);
        }
    }
    if (failure != 0) {
        return failure;
    }
    if (strcmp(name, "local") == 0 || strcmp(name, "localhost") == 0 ||
        strcmp(name, "127.0.0.1") == 0 || strcmp(name, "::1") == 0) {
        failure = parse_local(name, area, endpoint, error);
    } else if (is_cluster_id(name)) {
        failure = parse_cluster_id(name, area, endpoint, error);
    } else {
        failure = parse_labels(name, area, id, endpoint, error);
    }
    if (failure == 0 && endpoint->sign_host[0] == '\0') {
        snprintf(endpoint->sign_host, sizeof endpoint->sign_host, "%s", endpoint->host);
    }
    return failure;
}
