/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The key pair of the last token, used again while neither the environment nor
 * the files have changed. What it depends on is kept as a hash only. */
#include "module.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "credentials/profile.h"
#include "env.h"
#include "wire.h"

/* All that dsql_credentials_load() looks at. */
static const char *const variables[] = {
    "AWS_PROFILE",           "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",   "AWS_SECURITY_TOKEN",
};

static void
put_value(struct dsql__buffer *buffer, const char *value)
{
    dsql__put_byte(buffer, value ? '=' : '-');
    dsql__put_string(buffer, value ? value : "");
}

static void
put_stamp(struct dsql__buffer *buffer, const char *path)
{
    struct stat facts;
    put_value(buffer, path);
    if (path != NULL && stat(path, &facts) == 0) {
        dsql__buffer_put(buffer, &facts.st_mtim, sizeof facts.st_mtim);
        dsql__buffer_put(buffer, &facts.st_size, sizeof facts.st_size);
        dsql__buffer_put(buffer, &facts.st_ino, sizeof facts.st_ino);
    }
}

static int
take_fingerprint(const struct dsql_credentials_options *options, unsigned char fingerprint[32])
{
    struct dsql__buffer buffer = {0};
    struct dsql_env env = dsql__env_complete(NULL);
    char *credentials = NULL, *config = NULL;
    unsigned int size = 32;
    int failure = dsql__profile_paths(options, &env, &credentials, &config);
    put_value(&buffer, options->profile);
    put_stamp(&buffer, credentials);
    put_stamp(&buffer, config);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        put_value(&buffer, env.get(env.context, variables[i]));
    }
    if (failure != 0 || buffer.failed ||
        EVP_Digest(buffer.data, dsql__buffer_length(&buffer), fingerprint, &size, EVP_sha256(),
                   NULL) != 1) {
        failure = DSQL_E_NOMEM;
    }
    free(credentials);
    free(config);
    dsql__buffer_clear(&buffer);
    return failure;
}

void
credentials_cache_clear(struct credentials_cache *cache)
{
    dsql_credentials_clear(&cache->credentials);
    OPENSSL_cleanse(cache->fingerprint, sizeof cache->fingerprint);
    cache->filled = false;
}

int
cached_credentials(struct module_state *state, const struct dsql_credentials_options *options,
                   const struct dsql_credentials **credentials)
{
    struct credentials_cache *cache = &state->cache;
    unsigned char fingerprint[32];
    struct dsql_credentials found;
    struct dsql_error error;
    int failure;
    if (take_fingerprint(options, fingerprint) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    *credentials = &cache->credentials;
    if (cache->filled && memcmp(cache->fingerprint, fingerprint, sizeof fingerprint) == 0) {
        return 0;
    }
    Py_BEGIN_ALLOW_THREADS failure = dsql_credentials_load(&found, options, NULL, &error);
    Py_END_ALLOW_THREADS if (failure != 0)
    {
        raise_error(state, &error);
        return -1;
    }
    credentials_cache_clear(cache);
    cache->credentials = found; /* the cache owns them now */
    memcpy(cache->fingerprint, fingerprint, sizeof fingerprint);
    cache->filled = true;
    return 0;
}
