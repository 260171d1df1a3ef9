/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Passwords of a connection, as dsql-local judges them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct local_keys *
make_keys(void)
{
    static const char text[] = "[default]\naws_access_key_id=AKIA1\naws_secret_access_key=S1\n"
                               "dsql_arn=arn:aws:iam::1:user/a\n"
                               "[two]\naws_access_key_id=AKIA2\naws_secret_access_key=S1\n"
                               "aws_session_token=T/2+=\n";
    struct local_keys *keys;
    char path[] = "/tmp/dsql-fuzz-keys-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1 ||
        local_keys_open(path, &keys, NULL) != 0) {
        abort();
    }
    close(fd);
    unlink(path); /* they stay in memory */
    return keys;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct local_keys *keys;
    char arn[100];
    struct dsql_error error = {0};
    struct local_sign_in sign_in = {
        .token = (const char *)data,
        .token_length = size,
        .user = "admin",
        .sni = "localhost",
        .cluster_id = "abcdefghijklmnopqrstuvwx12",
        .region = "us-east-1",
        .now = 1800000000,
    };
    if (keys == NULL) {
        keys = make_keys();
    }
    if (local_sign_in_verify(keys, &sign_in, arn, sizeof arn, &error) == 0) {
        return 0;
    }
    if (error.code != DSQL_E_CREDENTIALS || error.message[0] == '\0') {
        __builtin_trap(); /* a refusal without its sentence */
    }
    for (const char *at = error.message; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            __builtin_trap(); /* it travels in a message and stands in the log */
        }
    }
    return 0;
}
