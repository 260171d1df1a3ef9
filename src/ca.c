/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where this machine keeps the certificate authorities that it trusts. */
#include <stdio.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "env.h"
#include "error.h"

/* Debian, Ubuntu, Alpine, Arch; Fedora, RHEL, Amazon Linux; SUSE; the BSDs;
 * macOS with Homebrew. */
static const char *const places[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/opt/homebrew/etc/openssl@3/cert.pem",
};

static int
take(const char *found, char *path, size_t size)
{
    int length = snprintf(path, size, "%s", found);
    return length >= 0 && (size_t)length < size ? 0 : DSQL_E_TRUST;
}

int
dsql_ca_file_find(char *path, size_t size, const struct dsql_env *env, struct dsql_error *error)
{
    struct dsql_env whole = dsql__env_complete(env);
    const char *named = whole.get(whole.context, "SSL_CERT_FILE");
    if (named != NULL && *named != '\0') {
        if (access(named, R_OK) == 0 && take(named, path, size) == 0) {
            return 0;
        }
        return dsql__fail(error, DSQL_E_TRUST,
                          "SSL_CERT_FILE names %.300s, which cannot be read: correct or unset it",
                          named);
    }
    const char *usual = X509_get_default_cert_file();
    if (access(usual, R_OK) == 0 && take(usual, path, size) == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], R_OK) == 0 && take(places[i], path, size) == 0) {
            return 0;
        }
    }
    return dsql__fail(error, DSQL_E_TRUST,
                      "no file of certificate authorities on this machine: install the package "
                      "ca-certificates, or give sslrootcert=FILE");
}
