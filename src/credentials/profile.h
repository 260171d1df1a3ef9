/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The two files of profiles, read: what all sources that use them share. */
#ifndef DSQL_PROFILE_H
#define DSQL_PROFILE_H

#include "ini.h"

struct dsql__file {
    char *path; /* NULL: no home directory */
    char *text; /* NULL: the file is not there or not readable */
    size_t size;
    struct dsql__ini ini;
};

struct dsql__profile {
    char *name;
    bool named; /* by the caller or AWS_PROFILE: it must exist */
    bool by_caller;
    struct dsql__file credentials, config;
    struct dsql__ini_text in_credentials; /* section heading, at NULL: not there */
    struct dsql__ini_text in_config;
};

/* Reads both files and finds the profile in them. options (may be NULL) and
 * env as in dsql_credentials_load(); env must be complete. On success clear
 * with dsql__profile_clear(). A file that is there but is none of its kind is
 * DSQL_E_CONFIG; a named profile that stands in neither is
 * DSQL_E_CREDENTIALS. */
DSQL_MUST_CHECK int dsql__profile_open(const struct dsql_credentials_options *options,
                                       const struct dsql_env *env, struct dsql__profile *profile,
                                       struct dsql_error *error);
/* Where the two files are, as dsql__profile_open() finds them; NULL without a
 * home directory. Returned - caller frees with free(). */
DSQL_MUST_CHECK int dsql__profile_paths(const struct dsql_credentials_options *options,
                                        const struct dsql_env *env, char **credentials,
                                        char **config);
/* Another profile of the same files: a view, which borrows the files and the
 * name and is not cleared. false when no file has it. What it means is what the
 * caller means, whatever the environment says. */
bool dsql__profile_view(const struct dsql__profile *of, const char *name,
                        struct dsql__profile *view);
/* What the profile says, the credentials file first. at NULL: nothing. */
struct dsql__ini_text dsql__profile_get(const struct dsql__profile *profile, const char *key);
bool dsql__profile_has(const struct dsql__profile *profile, const char *key);
/* A copy of it; *value is NULL where it says nothing. 0 or DSQL_E_NOMEM; caller
 * frees with dsql__wipe_free(). */
DSQL_MUST_CHECK int dsql__profile_copy(const struct dsql__profile *profile, const char *key,
                                       char **value);
/* The section [WORD NAME] of the config file, as profiles have it; at NULL: none. */
struct dsql__ini_text dsql__profile_section(const struct dsql__profile *profile, const char *word,
                                            const char *name);
/* Wipes: the files hold secrets. */
void dsql__profile_clear(struct dsql__profile *profile);

#endif
