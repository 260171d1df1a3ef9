/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* libdsql: sign in to Amazon Aurora DSQL from C.
 *
 * Reading order: errors, environment, endpoint, credentials, token, trust.
 *
 * Words used for every pointer: "borrowed" (the caller keeps it; until when is
 * said), "copied", "taken" and "returned - caller frees with X". Unless a
 * comment says otherwise, pointer arguments are borrowed for the call only and
 * strings are NUL-terminated UTF-8.
 *
 * Functions that can fail return 0 or a negative DSQL_E_... code and then fill
 * the caller's struct dsql_error (which may be NULL). No message ever holds a
 * secret key, a session token or a signature. The library never prints, never
 * exits, changes no signal and keeps no global state: every function may be
 * called from any thread, on objects that no other thread uses meanwhile. */
#ifndef DSQL_H
#define DSQL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DSQL_VERSION_MAJOR 2
#define DSQL_VERSION_MINOR 0
#define DSQL_VERSION_PATCH 0
#define DSQL_VERSION "2.0.0"

#if defined(__GNUC__) || defined(__clang__)
#define DSQL_API __attribute__((visibility("default")))
#define DSQL_MUST_CHECK __attribute__((warn_unused_result))
#else
#define DSQL_API
#define DSQL_MUST_CHECK
#endif

/* The version of the library at run time, as "MAJOR.MINOR.PATCH"; static. */
DSQL_API const char *dsql_version(void);

/* ------------------------------------------------------------------ errors */

/* code, value, what it means */
#define DSQL_ERRORS(X)                                                                             \
    X(DSQL_E_NOMEM, -1, "out of memory")                                                           \
    X(DSQL_E_INVALID, -2, "invalid argument")                                                      \
    X(DSQL_E_ENDPOINT, -3, "not an Aurora DSQL endpoint")                                          \
    X(DSQL_E_REGION, -4, "AWS region missing or wrong")                                            \
    X(DSQL_E_CREDENTIALS, -5, "no usable AWS credentials")                                         \
    X(DSQL_E_CONFIG, -6, "AWS configuration file cannot be used")                                  \
    X(DSQL_E_TRUST, -7, "no usable certificate authorities")                                       \
    X(DSQL_E_CRYPTO, -8, "cryptographic library failed")                                           \
    X(DSQL_E_IO, -9, "input or output failed")                                                     \
    X(DSQL_E_PROTOCOL, -10, "protocol violated by the peer")                                       \
    X(DSQL_E_UNSUPPORTED, -11, "not supported")

enum dsql_code {
    DSQL_OK = 0,
#define DSQL_ERROR_ENUM(name, value, text) name = value,
    DSQL_ERRORS(DSQL_ERROR_ENUM)
#undef DSQL_ERROR_ENUM
};

/* Caller's storage; filled only by a call that fails. */
struct dsql_error {
    int code;          /* DSQL_E_... */
    char sqlstate[6];  /* five characters where the server gave one, else "" */
    char message[512]; /* one sentence: what is wrong and what to do */
};

/* "DSQL_E_NOMEM" and the like; "DSQL_E_?" for a code that is none. Static. */
DSQL_API const char *dsql_code_name(int code);
/* The general meaning of a code in a few words. Static. */
DSQL_API const char *dsql_code_text(int code);

/* 1 when a transaction that failed with this SQLSTATE may be run again from
 * its start (40001: the service's OC000 and OC001), else 0. sqlstate may be
 * NULL. */
DSQL_API int dsql_sqlstate_is_retryable(const char *sqlstate);

/* ------------------------------------------------------------- environment */

/* Where the library gets what is not an argument: tests and programs with
 * their own configuration replace single members. Members that are NULL mean
 * the real thing. A NULL pointer to the struct means all of them. */
struct dsql_env {
    void *context; /* borrowed; handed to each function below */
    /* The value of an environment variable, or NULL. Borrowed until the next
     * call of this function. */
    const char *(*get)(void *context, const char *name);
    /* The whole file at *data (returned - caller frees with free()), with a
     * NUL behind its *size bytes. 0, DSQL_E_IO (no such file, or not
     * readable) or DSQL_E_NOMEM. */
    int (*read_file)(void *context, const char *path, char **data, size_t *size);
    /* Seconds since the epoch. */
    int64_t (*now)(void *context);
};

/* ---------------------------------------------------------------- endpoint */

enum dsql_host_kind {
    DSQL_HOST_CLUSTER = 1, /* ID.dsql[-xxxx].REGION.on.aws */
    DSQL_HOST_PRIVATELINK, /* vpce-....dsql-xxxx.REGION.vpce.amazonaws.com */
    DSQL_HOST_LOCALHOST,   /* a dsql-local whose port the caller knows */
    DSQL_HOST_LOCAL,       /* "local": the user's own dsql-local, found or started */
};

struct dsql_endpoint {
    enum dsql_host_kind kind;
    char host[254];      /* the name to resolve, to send as SNI and to verify */
    char sign_host[254]; /* the name that the token is signed for */
    char region[64];
    char cluster_id[27]; /* "" when not known */
};

/* Reads what a user calls a host: a full endpoint name with any suffix form, a
 * 26-character cluster id (region required), a PrivateLink name (cluster_id
 * required), "localhost", 127.0.0.1 and ::1 (region us-east-1 unless given), or "local".
 * region and cluster_id may be NULL or "": derived where that is possible. A
 * region that contradicts the host is DSQL_E_REGION. Letters are folded to
 * lower case, one trailing dot is dropped. */
DSQL_API DSQL_MUST_CHECK int dsql_endpoint_parse(const char *host, const char *region,
                                                 const char *cluster_id,
                                                 struct dsql_endpoint *endpoint,
                                                 struct dsql_error *error);

/* ------------------------------------------------------------- credentials */

/* A key pair. The strings belong to the struct; clear() wipes them. */
struct dsql_credentials {
    char *access_key;
    char *secret_key;
    char *session_token; /* NULL: none */
    int64_t expires_at;  /* seconds since the epoch, 0: never */
    const char *source;  /* "argument", "environment", "shared-credentials-file",
                            "config-file"; static */
};

struct dsql_credentials_options {
    const char *profile;          /* NULL: AWS_PROFILE, AWS_DEFAULT_PROFILE or "default" */
    const char *credentials_file; /* NULL: AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials */
    const char *config_file;      /* NULL: AWS_CONFIG_FILE, ~/.aws/config */
};

/* Copies a key pair that the caller already has. session_token may be NULL. */
DSQL_API DSQL_MUST_CHECK int dsql_credentials_set(struct dsql_credentials *credentials,
                                                  const char *access_key, const char *secret_key,
                                                  const char *session_token,
                                                  struct dsql_error *error);

/* Finds a key pair: the environment (unless options name a profile), then the
 * shared credentials file, then the config file. options and env may be NULL.
 * On success the caller clears the struct with dsql_credentials_clear(). */
DSQL_API DSQL_MUST_CHECK int dsql_credentials_load(struct dsql_credentials *credentials,
                                                   const struct dsql_credentials_options *options,
                                                   const struct dsql_env *env,
                                                   struct dsql_error *error);

/* Wipes and frees the strings; the struct may be used again. NULL is allowed,
 * and so is a struct of zeros. */
DSQL_API void dsql_credentials_clear(struct dsql_credentials *credentials);

/* The region that the environment (AWS_REGION, AWS_DEFAULT_REGION) or the
 * profile names, for hosts that do not tell. "" when there is none. */
DSQL_API DSQL_MUST_CHECK int dsql_region_load(char *region, size_t size,
                                              const struct dsql_credentials_options *options,
                                              const struct dsql_env *env, struct dsql_error *error);

/* ------------------------------------------------------------------- token */

#define DSQL_TOKEN_EXPIRES_DEFAULT 900
#define DSQL_TOKEN_EXPIRES_MAX 604800

/* Signs a token: the password of a connection as user. A pure function of its
 * arguments. now is seconds since the epoch, expires 1 to
 * DSQL_TOKEN_EXPIRES_MAX seconds; the action is DbConnectAdmin for "admin",
 * DbConnect for every other user. *token is a string of *length bytes:
 * returned - caller frees with dsql_token_free(). length may be NULL. */
DSQL_API DSQL_MUST_CHECK int dsql_token_sign(const struct dsql_credentials *credentials,
                                             const struct dsql_endpoint *endpoint, const char *user,
                                             int64_t now, int64_t expires, char **token,
                                             size_t *length, struct dsql_error *error);

/* Wipes and frees. NULL is allowed. */
DSQL_API void dsql_token_free(char *token);

/* ------------------------------------------------------------------- trust */

/* The file of certificate authorities that this machine trusts: SSL_CERT_FILE,
 * OpenSSL's own default, or the place where the known distributions keep it.
 * DSQL_E_TRUST with the packages' names when there is none. */
DSQL_API DSQL_MUST_CHECK int dsql_ca_file_find(char *path, size_t size, const struct dsql_env *env,
                                               struct dsql_error *error);

#ifdef __cplusplus
}
#endif

#endif
