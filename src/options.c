/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The options of a connection: copied, checked and completed; see connect.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"
#include "error.h"

#define TIMEOUT_MS 30000
#define KEEPALIVE_IDLE 30
#define KEEPALIVE_INTERVAL 10
#define KEEPALIVE_COUNT 3

static bool
is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

static int
copy(char **to, const char *text, const char *otherwise)
{
    const char *from = is_given(text) ? text : otherwise;
    *to = from ? strdup(from) : NULL;
    return from == NULL || *to != NULL ? 0 : DSQL_E_NOMEM;
}

/* A file of credentials that was named is meant, whatever AWS_... say. */
static struct dsql_credentials_options
places(const struct dsql_conn_options *options)
{
    return (struct dsql_credentials_options){
        .profile = is_given(options->profile)            ? options->profile
                   : is_given(options->credentials_file) ? "default"
                                                         : NULL,
        .credentials_file = options->credentials_file,
    };
}

/* A host that does not tell its region takes the environment's. */
static int
parse_host(struct dsql__connecting *made, const struct dsql_conn_options *options,
           struct dsql_error *error)
{
    char region[64];
    int failure = dsql_endpoint_parse(options->host, options->region, options->cluster_id,
                                      &made->endpoint, error);
    if (failure == DSQL_E_REGION && !is_given(options->region)) {
        struct dsql_credentials_options where = places(options);
        int why = dsql_region_load(region, sizeof region, &where, &made->env, error);
        if (why != 0) {
            return why;
        }
        failure =
            dsql_endpoint_parse(options->host, region, options->cluster_id, &made->endpoint, error);
    }
    if (failure != 0) {
        return failure;
    }
    if (made->endpoint.kind == DSQL_HOST_LOCAL) {
        return dsql__fail(error, DSQL_E_UNSUPPORTED,
                          "\"local\" is found or started by the caller: run dsql-local "
                          "--background and give host=\"localhost\" with the port, the ca and the "
                          "credentials that it prints");
    }
    if (made->endpoint.kind == DSQL_HOST_PRIVATELINK && options->verify == DSQL_VERIFY_FULL) {
        return dsql__fail(error, DSQL_E_INVALID,
                          "the certificate of %s does not carry that name: use sslmode=verify-ca "
                          "with a PrivateLink endpoint",
                          made->endpoint.host);
    }
    return 0;
}

/* The cluster's id travels in the settings where the name does not tell it. */
static int
copy_settings(struct dsql__connecting *made, const char *settings)
{
    if (made->endpoint.kind != DSQL_HOST_PRIVATELINK) {
        return copy(&made->settings, settings, NULL);
    }
    static const char form[] = "%s%s-c amzn-cluster-id=%s";
    const char *given = settings ? settings : "", *space = is_given(settings) ? " " : "";
    size_t size = strlen(given) + sizeof form + sizeof made->endpoint.cluster_id;
    made->settings = malloc(size);
    if (made->settings == NULL) {
        return DSQL_E_NOMEM;
    }
    snprintf(made->settings, size, form, given, space, made->endpoint.cluster_id);
    return 0;
}

static int
copy_strings(struct dsql__connecting *made, const struct dsql_conn_options *options,
             struct dsql_error *error)
{
    if (copy(&made->user, options->user, "admin") != 0 ||
        copy(&made->dbname, options->dbname, "postgres") != 0 ||
        copy(&made->password, options->password, NULL) != 0 ||
        copy(&made->ca_file, options->ca_file, NULL) != 0 ||
        copy(&made->application_name, options->application_name, NULL) != 0 ||
        copy_settings(made, options->settings) != 0) {
        return dsql__fail_nomem(error);
    }
    return 0;
}

static int
copy_numbers(struct dsql__connecting *made, const struct dsql_conn_options *options,
             struct dsql_error *error)
{
    made->port = options->port ? options->port : 5432;
    made->verify = options->verify;
    made->classic_tls = options->classic_tls != 0;
    made->timeout_ms = options->connect_timeout_ms ? options->connect_timeout_ms : TIMEOUT_MS;
    made->token_seconds =
        options->token_seconds ? options->token_seconds : DSQL_TOKEN_EXPIRES_DEFAULT;
    made->sockets = (struct dsql__dial_options){
        .keepalive_idle = options->keepalive_idle ? options->keepalive_idle : KEEPALIVE_IDLE,
        .keepalive_interval =
            options->keepalive_interval ? options->keepalive_interval : KEEPALIVE_INTERVAL,
        .keepalive_count = options->keepalive_count ? options->keepalive_count : KEEPALIVE_COUNT,
        .user_timeout_ms = options->user_timeout_ms,
    };
    if (made->verify != DSQL_VERIFY_FULL && made->verify != DSQL_VERIFY_CA &&
        made->verify != DSQL_VERIFY_NONE) {
        return dsql__fail(error, DSQL_E_INVALID, "verify is no DSQL_VERIFY_... value");
    }
    if (made->token_seconds < 1 || made->token_seconds > DSQL_TOKEN_EXPIRES_MAX) {
        return dsql__fail(error, DSQL_E_INVALID,
                          "a token lasts 1 to %d seconds (one week), not %lld",
                          DSQL_TOKEN_EXPIRES_MAX, (long long)made->token_seconds);
    }
    return 0;
}

static int
load_credentials(struct dsql__connecting *made, const struct dsql_conn_options *options,
                 struct dsql_error *error)
{
    const struct dsql_credentials *given = options->credentials;
    if (made->password != NULL) {
        return 0;
    }
    if (given != NULL) {
        if (!is_given(given->access_key) || !is_given(given->secret_key)) {
            return dsql__fail(error, DSQL_E_CREDENTIALS,
                              "a connection needs an access key and a secret key");
        }
        return dsql_credentials_set(&made->credentials, given->access_key, given->secret_key,
                                    given->session_token, error);
    }
    struct dsql_credentials_options where = places(options);
    int result = dsql_credentials_get(&made->credentials, &where, &made->env, 0, error);
    if (result > 0) {
        result = dsql__fetch_start(&where, &made->env, options->env != NULL, &made->fetch, error);
    }
    return result;
}

static int
load_trust(struct dsql__connecting *made, struct dsql_error *error)
{
    char path[4096];
    if (made->verify == DSQL_VERIFY_NONE) {
        return dsql__tls_client_context(NULL, &made->tls, error);
    }
    if (made->ca_file == NULL) {
        int failure = dsql_ca_file_find(path, sizeof path, &made->env, error);
        if (failure != 0) {
            return failure;
        }
        made->ca_file = strdup(path);
        if (made->ca_file == NULL) {
            return dsql__fail_nomem(error);
        }
    }
    return dsql__tls_client_context(made->ca_file, &made->tls, error);
}

/* Numbers need no name server, nor does localhost. */
static int
settle_addresses(struct dsql__connecting *made, const struct dsql_conn_options *options,
                 struct dsql_error *error)
{
    const char *number = options->hostaddr;
    made->step = DSQL__STEP_DIAL;
    if (!is_given(number) &&
        (strcmp(options->host, "127.0.0.1") == 0 || strcmp(options->host, "::1") == 0)) {
        number = options->host;
    }
    if (is_given(number)) {
        return dsql__addresses_parse(number, made->port, &made->addresses, error);
    }
    if (made->endpoint.kind == DSQL_HOST_LOCALHOST) {
        dsql__addresses_local(made->port, &made->addresses);
        return 0;
    }
    made->step = DSQL__STEP_RESOLVE;
    return 0;
}

int
dsql__connecting_new(const struct dsql_conn_options *options, struct dsql__connecting **connecting,
                     struct dsql_error *error)
{
    struct dsql__connecting *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return dsql__fail_nomem(error);
    }
    made->env = dsql__env_complete(options->env);
    made->deadline = -1;
    made->pause_ms = DSQL__PAUSE_FIRST_MS;
    made->idle = -1;
    int failure = parse_host(made, options, error);
    if (failure == 0) {
        failure = copy_numbers(made, options, error);
    }
    if (failure == 0) {
        failure = copy_strings(made, options, error);
    }
    if (failure == 0) {
        failure = load_credentials(made, options, error);
    }
    if (failure == 0) {
        failure = load_trust(made, error);
    }
    if (failure == 0) {
        failure = settle_addresses(made, options, error);
    }
    if (failure == 0 && made->fetch != NULL) {
        made->after_keys = made->step;
        made->step = DSQL__STEP_KEYS;
    }
    if (failure != 0) {
        dsql__connecting_free(made);
        return failure;
    }
    *connecting = made;
    return 0;
}

void
dsql__connecting_free(struct dsql__connecting *connecting)
{
    if (connecting == NULL) {
        return;
    }
    dsql__fetch_free(connecting->fetch);
    dsql__resolver_free(connecting->resolver);
    dsql__dial_free(connecting->dial);
    SSL_CTX_free(connecting->tls);
    if (connecting->idle >= 0) {
        close(connecting->idle);
    }
    dsql_credentials_clear(&connecting->credentials);
    dsql__wipe_free(connecting->password);
    free(connecting->user);
    free(connecting->dbname);
    free(connecting->ca_file);
    free(connecting->application_name);
    free(connecting->settings);
    free(connecting);
}
