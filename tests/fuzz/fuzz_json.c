/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* JSON and keys read from it: values lie within the text, strings are decoded
 * into no more bytes than they are written with. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "credentials/source.h"
#include "error.h"

static void
check(struct dsql__json value, const char *text, size_t size)
{
    char *string;
    int64_t number;
    if (value.at == NULL) {
        return;
    }
    if (value.at < text || value.length == 0 || value.at + value.length > text + size) {
        __builtin_trap();
    }
    if (dsql__json_string(value, &string) == 0 && strlen(string) + 2 > value.length) {
        __builtin_trap();
    }
    dsql__wipe_free(string);
    (void)dsql__json_integer(value, &number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dsql__answer_names names = {
        "AccessKeyId", "SecretAccessKey", "Token", "Expiration", true, true, false,
    };
    struct dsql_credentials credentials = {0};
    struct dsql__json value;
    const char *wrong;
    char *text = malloc(size > 0 ? size : 1); /* of its own, so that a byte too many is noticed */
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    if (dsql__json_parse(text, size, &value) == 0) {
        check(value, text, size);
        check(dsql__json_member(value, "AccessKeyId"), text, size);
        (void)!dsql__answer_read(dsql__json_member(value, "keys"), &names, &credentials, &wrong);
        dsql_credentials_clear(&credentials);
        if (dsql__answer_read(value, &names, &credentials, &wrong) == 0 &&
            (credentials.access_key == NULL || credentials.session_token == NULL)) {
            __builtin_trap();
        }
        dsql_credentials_clear(&credentials);
    }
    free(text);
    return 0;
}
