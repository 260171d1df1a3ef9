/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* HTTP as the sources of credentials use it, over whatever transport the
 * environment has: which proxy and authorities, trying again, wiping answers. */
#ifndef DSQL_HTTP_H
#define DSQL_HTTP_H

#include <stdbool.h>

#include "dsql.h"

/* The transport of C programs: libcurl, loaded when it is first needed. */
extern const struct dsql_http dsql__curl;

#define DSQL__HTTP_LIMIT ((size_t)256 << 10) /* no answer of a source is as long */

/* The parts of a URL. */
struct dsql__url {
    bool secure;       /* https */
    char host[256];    /* lower case, without brackets */
    char address[270]; /* as it goes into the Host header: with brackets, and with the port unless
                          it is the scheme's own */
    const char *rest;  /* path and query, borrowed from the text; perhaps "" */
};

/* false when it is no URL that we could ask: other schemes, user names, odd
 * characters. */
bool dsql__url_parse(const char *text, struct dsql__url *url);

struct dsql__exchange {
    const char *what; /* for messages: "AWS STS" */
    const char *method, *url;
    const char *const *headers;
    const char *body;
    size_t body_length;
    bool direct;         /* never over a proxy: an address of this machine or its network */
    const char *ca_file; /* from AWS_CA_BUNDLE or the profile; NULL: the machine's own */
    int timeout_ms;      /* of one attempt */
    int attempts;
    /* Whether the answer is worth another attempt; NULL: status 429, 500 or more. */
    bool (*is_passing)(const struct dsql_http_response *response);
};

/* Asks, again after growing pauses where it fails for now. 0: the last answer,
 * of whatever status; clear it with dsql__http_clear(). Else a failure with its
 * sentence. */
DSQL_MUST_CHECK int dsql__http_exchange(const struct dsql_env *env,
                                        const struct dsql__exchange *exchange,
                                        struct dsql_http_response *response,
                                        struct dsql_error *error);
/* Wipes and frees. */
void dsql__http_clear(struct dsql_http_response *response);

/* The proxy for a URL by HTTPS_PROXY, HTTP_PROXY and NO_PROXY, which may be
 * written small; *proxy NULL: none. Returned - caller frees with
 * dsql__wipe_free(). */
DSQL_MUST_CHECK int dsql__http_proxy(const struct dsql_env *env, const struct dsql__url *url,
                                     char **proxy);

#endif
