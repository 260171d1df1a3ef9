/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The shared credentials file and the config file; see profile.h. */
#include "profile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../env.h"
#include "../error.h"
#include "words.h"

static int
copy(const char *from, char **to)
{
    *to = strdup(from);
    return *to ? 0 : DSQL_E_NOMEM;
}

/* By the caller, AWS_DEFAULT_PROFILE, AWS_PROFILE, or "default". */
static int
choose_name(const char *asked, const struct dsql_env *env, struct dsql__profile *profile)
{
    profile->by_caller = asked != NULL && *asked != '\0';
    profile->named = true;
    if (profile->by_caller) {
        return copy(asked, &profile->name);
    }
    int failure = dsql__env_copy(env, "AWS_DEFAULT_PROFILE", &profile->name);
    if (failure == 0 && profile->name == NULL) {
        failure = dsql__env_copy(env, "AWS_PROFILE", &profile->name);
    }
    if (failure == 0 && profile->name == NULL) {
        profile->named = false;
        failure = copy("default", &profile->name);
    }
    return failure;
}

static int
choose_path(const char *asked, const char *variable, const char *usual, const struct dsql_env *env,
            char **path)
{
    if (asked != NULL && *asked != '\0') {
        return copy(asked, path);
    }
    char *named;
    *path = NULL;
    int failure = dsql__env_copy(env, variable, &named);
    if (failure != 0) {
        return failure;
    }
    if (named == NULL) {
        return dsql__env_home_path(env, usual, path);
    }
    failure = dsql__env_expand(env, named, path);
    free(named);
    return failure;
}

static int
read_file(struct dsql__file *file, const struct dsql_env *env, struct dsql_error *error)
{
    size_t line;
    if (file->path == NULL) {
        return 0;
    }
    int failure = env->read_file(env->context, file->path, &file->text, &file->size);
    if (failure == DSQL_E_NOMEM) {
        return dsql__fail_nomem(error);
    }
    if (failure != 0) {
        file->text = NULL; /* not there: the other file, or another source, may do */
        return 0;
    }
    failure = dsql__ini_parse(file->text, file->size, &file->ini, &line);
    if (failure == DSQL_E_CONFIG) {
        return dsql__fail(error, DSQL_E_CONFIG,
                          "%.300s, line %zu: not [section] or key = value, or a name that stands "
                          "twice; correct the line",
                          file->path, line);
    }
    return failure == 0 ? 0 : dsql__fail_nomem(error);
}

static bool
next_word_is(struct dsql__word_reader *reader, const char *name)
{
    for (; *name != '\0'; name++) {
        if (dsql__words_next(reader) != (unsigned char)*name) {
            return false;
        }
    }
    return dsql__words_next(reader) == DSQL__WORD_END;
}

/* Whether a heading of the config file is of two words, one that begins with
 * `word` and the name. */
static bool
is_section(struct dsql__ini_text section, const char *word, const char *name)
{
    struct dsql__word_reader reader = {.at = section.at, .end = section.at + section.length};
    size_t length = strlen(word);
    if (section.length < length || memcmp(section.at, word, length) != 0) {
        return false;
    }
    int next;
    do {
        next = dsql__words_next(&reader);
    } while (next >= 0);
    return next == DSQL__WORD_END && next_word_is(&reader, name) &&
           dsql__words_next(&reader) == DSQL__WORDS_END;
}

struct dsql__ini_text
dsql__profile_section(const struct dsql__profile *profile, const char *word, const char *name)
{
    const struct dsql__ini *config = &profile->config.ini;
    struct dsql__ini_text found = {0};
    for (size_t i = 0; i < config->count; i++) {
        const struct dsql__ini_entry *entry = &config->entries[i];
        if (entry->key.at == NULL && is_section(entry->section, word, name)) {
            found = entry->section;
        }
    }
    return found;
}

/* A profile's section is [NAME] in the one file, [profile NAME] or [default] in
 * the other. */
static void
find_sections(struct dsql__profile *profile)
{
    struct dsql__ini_text name = {profile->name, strlen(profile->name)};
    profile->in_credentials = (struct dsql__ini_text){0}; /* [DEFAULT] is no profile */
    if (strcmp(profile->name, "DEFAULT") != 0 &&
        dsql__ini_has_section(&profile->credentials.ini, name)) {
        profile->in_credentials = name;
    }
    profile->in_config = dsql__profile_section(profile, "profile", profile->name);
    if (strcmp(profile->name, "default") == 0) {
        const struct dsql__ini *config = &profile->config.ini;
        for (size_t i = 0; i < config->count; i++) {
            struct dsql__ini_text section = config->entries[i].section;
            const struct dsql__ini_text *other = &profile->in_config;
            if (dsql__ini_equal(section, "default") &&
                (other->at == NULL || section.at > other->at)) {
                profile->in_config = section; /* the later of the two ways to write it */
            }
        }
    }
}

bool
dsql__profile_view(const struct dsql__profile *of, const char *name, struct dsql__profile *view)
{
    *view = *of;
    view->name = (char *)(uintptr_t)name;
    view->named = view->by_caller = true;
    find_sections(view);
    return view->in_credentials.at != NULL || view->in_config.at != NULL;
}

struct dsql__ini_text
dsql__profile_get(const struct dsql__profile *profile, const char *key)
{
    struct dsql__ini_text found = {0};
    if (profile->in_credentials.at != NULL) {
        found = dsql__ini_get(&profile->credentials.ini, profile->in_credentials, key);
    }
    if (found.at == NULL && profile->in_config.at != NULL) {
        found = dsql__ini_get(&profile->config.ini, profile->in_config, key);
    }
    return found;
}

bool
dsql__profile_has(const struct dsql__profile *profile, const char *key)
{
    return dsql__profile_get(profile, key).at != NULL;
}

int
dsql__profile_copy(const struct dsql__profile *profile, const char *key, char **value)
{
    struct dsql__ini_text found = dsql__profile_get(profile, key);
    *value = found.at != NULL ? dsql__ini_copy(found) : NULL;
    return found.at == NULL || *value != NULL ? 0 : DSQL_E_NOMEM;
}

int
dsql__profile_paths(const struct dsql_credentials_options *options, const struct dsql_env *env,
                    char **credentials, char **config)
{
    *config = NULL;
    int failure = choose_path(options->credentials_file, "AWS_SHARED_CREDENTIALS_FILE",
                              ".aws/credentials", env, credentials);
    if (failure == 0) {
        failure = choose_path(options->config_file, "AWS_CONFIG_FILE", ".aws/config", env, config);
    }
    return failure;
}

static int
fail_absent(const struct dsql__profile *profile, struct dsql_error *error)
{
    static const char unread[] = " (not there, or not readable)";
    const struct dsql__file *one = &profile->credentials, *other = &profile->config;
    return dsql__fail(error, DSQL_E_CREDENTIALS,
                      "the profile \"%.60s\" is neither in %.150s%s nor in %.150s%s", profile->name,
                      one->path ? one->path : "a file", one->text ? "" : unread,
                      other->path ? other->path : "another", other->text ? "" : unread);
}

int
dsql__profile_open(const struct dsql_credentials_options *options, const struct dsql_env *env,
                   struct dsql__profile *profile, struct dsql_error *error)
{
    static const struct dsql_credentials_options none;
    options = options ? options : &none;
    memset(profile, 0, sizeof *profile);
    int failure = choose_name(options->profile, env, profile);
    if (failure == 0) {
        failure =
            dsql__profile_paths(options, env, &profile->credentials.path, &profile->config.path);
    }
    if (failure != 0) {
        failure = dsql__fail_nomem(error);
    }
    if (failure == 0) {
        failure = read_file(&profile->credentials, env, error);
    }
    if (failure == 0) {
        failure = read_file(&profile->config, env, error);
    }
    if (failure == 0) {
        find_sections(profile);
        if (profile->named && profile->in_credentials.at == NULL && profile->in_config.at == NULL) {
            failure = fail_absent(profile, error);
        }
    }
    if (failure != 0) {
        dsql__profile_clear(profile);
    }
    return failure;
}

static void
file_clear(struct dsql__file *file)
{
    dsql__ini_clear(&file->ini);
    if (file->text != NULL) {
        OPENSSL_cleanse(file->text, file->size);
        free(file->text);
    }
    free(file->path);
}

void
dsql__profile_clear(struct dsql__profile *profile)
{
    file_clear(&profile->credentials);
    file_clear(&profile->config);
    free(profile->name);
    memset(profile, 0, sizeof *profile);
}
