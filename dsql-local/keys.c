/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The credentials file of the endpoint; see keys.h. */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "credentials/ini.h"
#include "env.h"
#include "error.h"
#include "files.h"

struct local_keys {
    char *file;
    struct stat stamp; /* of the file when it was read */
    struct local_key *keys;
    size_t count;
};

/* ------------------------------------------------------------------- making */

static int
random_text(char *text, size_t length, const char *alphabet)
{
    size_t letters = strlen(alphabet);
    unsigned char random[64];
    if (RAND_bytes(random, (int)length) != 1) {
        return DSQL_E_CRYPTO;
    }
    for (size_t i = 0; i < length; i++) {
        text[i] = alphabet[random[i] % letters];
    }
    text[length] = '\0';
    OPENSSL_cleanse(random, sizeof random);
    return 0;
}

int
local_keys_make(const char *credentials_file, struct dsql_error *error)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char mixed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char access_key[17], secret_key[41], text[1024];
    if (access(credentials_file, F_OK) == 0) {
        return 0;
    }
    if (random_text(access_key, 16, upper) != 0 || random_text(secret_key, 40, mixed) != 0) {
        return dsql__fail(error, DSQL_E_CRYPTO, "OpenSSL gives no random bytes");
    }
    int length = snprintf(text, sizeof text,
                          "# Key pairs that this dsql-local accepts; they are worth nothing on "
                          "AWS.\n"
                          "# More may be added, each in a profile of its own; dsql_arn is the "
                          "principal\n"
                          "# that AWS IAM GRANT names.\n"
                          "[default]\n"
                          "aws_access_key_id = AKIA%s\n"
                          "aws_secret_access_key = %s\n"
                          "dsql_arn = arn:aws:iam::000000000000:user/local\n",
                          access_key, secret_key);
    int failure = local_file_write(credentials_file, text, (size_t)length, 0600, error);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(secret_key, sizeof secret_key);
    return failure;
}

/* ------------------------------------------------------------------ reading */

static void
forget_key(struct local_key *key)
{
    free(key->access_key);
    free(key->arn);
    dsql__wipe_free(key->secret_key);
    dsql__wipe_free(key->session_token);
}

static void
forget(struct local_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        forget_key(&keys->keys[i]);
    }
    free(keys->keys);
    keys->keys = NULL;
    keys->count = 0;
}

/* A value of the profile: "" when it has none, NULL when memory is out. */
static char *
copy(const struct dsql__ini *ini, struct dsql__ini_text section, const char *key)
{
    struct dsql__ini_text found = dsql__ini_get(ini, section, key);
    return found.at != NULL ? dsql__ini_copy(found) : strdup("");
}

/* One profile; one without a whole key pair is passed over. */
static int
take_section(struct local_keys *keys, const struct dsql__ini *ini, struct dsql__ini_text section)
{
    struct local_key key = {
        .access_key = copy(ini, section, "aws_access_key_id"),
        .secret_key = copy(ini, section, "aws_secret_access_key"),
        .session_token = copy(ini, section, "aws_session_token"),
        .arn = copy(ini, section, "dsql_arn"),
    };
    bool copied = key.access_key && key.secret_key && key.session_token && key.arn;
    if (copied && key.access_key[0] != '\0' && key.secret_key[0] != '\0') {
        keys->keys[keys->count++] = key;
        return 0;
    }
    forget_key(&key);
    return copied ? 0 : DSQL_E_NOMEM;
}

static int
take_file(struct local_keys *keys, const char *text, size_t size, struct dsql_error *error)
{
    struct dsql__ini ini;
    size_t line;
    int failure = dsql__ini_parse(text, size, &ini, &line);
    if (failure != 0) {
        return dsql__fail(error, failure, "%.300s, line %zu, cannot be read: correct it",
                          keys->file, line);
    }
    keys->keys = calloc(ini.count + 1, sizeof *keys->keys);
    failure = keys->keys ? 0 : DSQL_E_NOMEM;
    for (size_t i = 0; i < ini.count && failure == 0; i++) {
        if (ini.entries[i].key.at == NULL) {
            failure = take_section(keys, &ini, ini.entries[i].section);
        }
    }
    dsql__ini_clear(&ini);
    return failure == 0 ? 0 : dsql__fail_nomem(error);
}

static int
read_keys(struct local_keys *keys, struct dsql_error *error)
{
    struct dsql_env env = dsql__env_complete(NULL);
    char *text;
    size_t size;
    forget(keys);
    int failure = env.read_file(NULL, keys->file, &text, &size);
    if (failure != 0) {
        return failure == DSQL_E_NOMEM
                   ? dsql__fail_nomem(error)
                   : dsql__fail(error, failure, "cannot read %.300s", keys->file);
    }
    failure = take_file(keys, text, size, error);
    OPENSSL_cleanse(text, size);
    free(text);
    return failure;
}

static bool
is_unchanged(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int
local_keys_open(const char *credentials_file, struct local_keys **keys, struct dsql_error *error)
{
    *keys = calloc(1, sizeof **keys);
    if (*keys == NULL || ((*keys)->file = strdup(credentials_file)) == NULL) {
        local_keys_close(*keys);
        *keys = NULL;
        return dsql__fail_nomem(error);
    }
    (void)!stat(credentials_file, &(*keys)->stamp);
    int failure = read_keys(*keys, error);
    if (failure != 0) {
        local_keys_close(*keys);
        *keys = NULL;
    }
    return failure;
}

void
local_keys_close(struct local_keys *keys)
{
    if (keys != NULL) {
        forget(keys);
        free(keys->file);
        free(keys);
    }
}

const struct local_key *
local_keys_find(struct local_keys *keys, const char *access_key)
{
    struct stat now;
    if (stat(keys->file, &now) == 0 && !is_unchanged(&now, &keys->stamp)) {
        keys->stamp = now;
        (void)!read_keys(keys, NULL); /* a file that cannot be read names nobody */
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].access_key, access_key) == 0) {
            return &keys->keys[i];
        }
    }
    return NULL;
}
