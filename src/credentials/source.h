/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A source of key pairs. The chain asks one after the other; a new source is a
 * file here and a row in the chain's table (credentials.c). */
#ifndef DSQL_SOURCE_H
#define DSQL_SOURCE_H

#include "../json.h"
#include "profile.h"

#define DSQL__NEXT 1    /* this source has nothing to say: ask the next */
#define DSQL__OUTSIDE 2 /* it would ask somebody outside of the process, which it may not */

struct dsql__outside {
    bool forbidden; /* whoever needs it returns DSQL__OUTSIDE */
    bool asked;     /* set by whoever does it */
};

struct dsql__source_request {
    const struct dsql_env *env;           /* complete */
    const struct dsql__profile *profile;  /* open; whose keys are looked for */
    const struct dsql__profile *settings; /* the caller's own: region, endpoints, ... */
    struct dsql__outside *outside;
    char no_metadata[200]; /* why EC2's metadata told nothing; "": it was not asked */
};

/* Fills credentials (zeroed before): 0, DSQL__NEXT, DSQL__OUTSIDE, or a failure
 * that ends the search, with its sentence. */
typedef int dsql__source(struct dsql__source_request *request, struct dsql_credentials *credentials,
                         struct dsql_error *error);

dsql__source dsql__source_environment;
dsql__source dsql__source_role;         /* role_arn of the profile */
dsql__source dsql__source_web_identity; /* of the environment or the profile */
dsql__source dsql__source_sso;
dsql__source dsql__source_credentials_file;
dsql__source dsql__source_login; /* only says that it cannot be used */
dsql__source dsql__source_process;
dsql__source dsql__source_config_file;
dsql__source dsql__source_container;
dsql__source dsql__source_metadata;

/* The sources that are asked for a profile, for that of a role too. */
DSQL_MUST_CHECK int dsql__profile_keys(struct dsql__source_request *request,
                                       struct dsql_credentials *credentials,
                                       struct dsql_error *error);

/* The keys that stand in the environment, for whomever. */
DSQL_MUST_CHECK int dsql__environment_keys(const struct dsql_env *env,
                                           struct dsql_credentials *credentials,
                                           struct dsql_error *error);

/* DSQL__OUTSIDE, or 0 and noted. */
DSQL_MUST_CHECK int dsql__ask_outside(const struct dsql__source_request *request);

/* What the environment or else the caller's profile says; *value NULL: nothing.
 * variable or key may be NULL. 0 or DSQL_E_NOMEM; free with dsql__wipe_free(). */
DSQL_MUST_CHECK int dsql__setting(const struct dsql__source_request *request, const char *variable,
                                  const char *key, char **value);
/* Whether it says this word, in any case of letters. */
DSQL_MUST_CHECK int dsql__setting_is(const struct dsql__source_request *request,
                                     const char *variable, const char *key, const char *word,
                                     bool *is);

/* Seconds since the epoch of a time of ISO 8601 with its zone, such as
 * 2026-11-25T12:00:00Z; UTC and GMT are zones, too. false for anything else. */
bool dsql__time_parse(const char *text, int64_t *seconds);

/* The names of an answer's members. */
struct dsql__answer_names {
    const char *access_key, *secret_key, *session_token, *expiration;
    bool needs_token, needs_expiration;
    bool expires_in_milliseconds; /* a number since the epoch, not a text */
};

/* Keys out of an answer. 0, DSQL_E_NOMEM, or DSQL_E_PROTOCOL and what is wrong
 * with it, static: "has no AccessKeyId". */
DSQL_MUST_CHECK int dsql__answer_read(struct dsql__json object,
                                      const struct dsql__answer_names *names,
                                      struct dsql_credentials *credentials, const char **wrong);
/* Whether the response of a service that gives this machine its keys (containers,
 * EC2) is anything but keys, which may be a moment's weakness of it. */
bool dsql__answer_may_pass(const struct dsql_http_response *response);
/* Keys out of such a response, with the failure's sentence; what: the service. */
DSQL_MUST_CHECK int dsql__answer_of_machine(const char *what,
                                            const struct dsql_http_response *response,
                                            struct dsql_credentials *credentials,
                                            struct dsql_error *error);

#endif
