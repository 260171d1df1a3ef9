/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Contexts for the client's side of TLS, by the file of authorities; see
 * tls.h. Parsing a system's file takes some 25 ms, so that the contexts of the
 * last few files are kept for the life of the process, which is all that the
 * library keeps between calls. The lock is only tried: who does not get it, as
 * a child after fork() may not, does without what is kept. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

#include "error.h"
#include "tls.h"

#define KEPT 4
#define READ_BUFFER (4 * (16384 + 325)) /* four whole TLS records */

struct kept {
    char *ca_file; /* "": no authorities; NULL: free */
    struct stat stamp;
    SSL_CTX *context;
    unsigned long used;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept kept[KEPT];
static unsigned long uses;

static bool
is_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
           one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
           one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
           one->st_ctim.tv_sec == other->st_ctim.tv_sec &&
           one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static SSL_CTX *
find(const char *ca_file, const struct stat *stamp)
{
    SSL_CTX *found = NULL;
    if (pthread_mutex_trylock(&lock) != 0) {
        return NULL;
    }
    for (int i = 0; i < KEPT && found == NULL; i++) {
        if (kept[i].ca_file != NULL && strcmp(kept[i].ca_file, ca_file) == 0 &&
            is_same_file(&kept[i].stamp, stamp) && SSL_CTX_up_ref(kept[i].context) == 1) {
            found = kept[i].context;
            kept[i].used = ++uses;
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* The one of the same file, a free one, or the one not used for longest. */
static struct kept *
place_for(const char *ca_file)
{
    struct kept *place = &kept[0];
    for (int i = 0; i < KEPT; i++) {
        if (kept[i].ca_file != NULL && strcmp(kept[i].ca_file, ca_file) == 0) {
            return &kept[i];
        }
        if (kept[i].used < place->used) {
            place = &kept[i];
        }
    }
    return place;
}

static void
keep(const char *ca_file, const struct stat *stamp, SSL_CTX *context)
{
    struct kept old = {0};
    char *name = strdup(ca_file);
    if (name != NULL && pthread_mutex_trylock(&lock) == 0) {
        if (SSL_CTX_up_ref(context) == 1) {
            struct kept *place = place_for(ca_file);
            old = *place;
            *place =
                (struct kept){.ca_file = name, .stamp = *stamp, .context = context, .used = ++uses};
            name = NULL; /* kept owns it now */
        }
        pthread_mutex_unlock(&lock);
    }
    free(name);
    free(old.ca_file);
    SSL_CTX_free(old.context);
}

static int
load(SSL_CTX *context, const char *ca_file, struct dsql_error *error)
{
    if (*ca_file == '\0' || SSL_CTX_load_verify_file(context, ca_file) == 1) {
        return 0;
    }
    unsigned long reason = ERR_peek_last_error();
    ERR_clear_error();
    if (ERR_GET_REASON(reason) == ERR_R_MALLOC_FAILURE) {
        return dsql__fail_nomem(error);
    }
    return dsql__fail(error, DSQL_E_TRUST,
                      "the root certificate file %.300s holds no usable certificates: give "
                      "sslrootcert the path of a file of certificate authorities in PEM format, "
                      "or leave it out",
                      ca_file);
}

static int
make(const char *ca_file, SSL_CTX **context, struct dsql_error *error)
{
    ERR_clear_error();
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    if (made == NULL || SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(made, (const unsigned char *)DSQL__ALPN, sizeof DSQL__ALPN - 1) !=
            0) {
        ERR_clear_error();
        SSL_CTX_free(made);
        return dsql__fail(error, DSQL_E_CRYPTO, "OpenSSL cannot make a context for TLS");
    }
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_default_read_buffer_len(made, READ_BUFFER);
    int failure = load(made, ca_file, error);
    if (failure != 0) {
        SSL_CTX_free(made);
        return failure;
    }
    *context = made;
    return 0;
}

int
dsql__tls_client_context(const char *ca_file, SSL_CTX **context, struct dsql_error *error)
{
    struct stat stamp = {0};
    const char *name = ca_file ? ca_file : "";
    if (*name != '\0' && (stat(name, &stamp) != 0 || access(name, R_OK) != 0)) {
        return dsql__fail(error, DSQL_E_TRUST,
                          "the root certificate file %.300s cannot be read (%s): give sslrootcert "
                          "the path of a file of certificate authorities, or leave it out",
                          name, strerror(errno));
    }
    *context = find(name, &stamp);
    if (*context != NULL) {
        return 0;
    }
    int failure = make(name, context, error);
    if (failure == 0) {
        keep(name, &stamp, *context);
    }
    return failure;
}
