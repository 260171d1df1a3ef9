/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Error codes, their names and texts, and what may be tried again. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static const struct {
    int code;
    const char *name, *text;
} errors[] = {
#define ROW(name, value, text) {name, #name, text},
    DSQL_ERRORS(ROW)
#undef ROW
};

const char *
dsql_version(void)
{
    return DSQL_VERSION;
}

const char *
dsql_code_name(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == code) {
            return errors[i].name;
        }
    }
    return code == DSQL_OK ? "DSQL_OK" : "DSQL_E_?";
}

const char *
dsql_code_text(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == code) {
            return errors[i].text;
        }
    }
    return code == DSQL_OK ? "success" : "unknown error";
}

int
dsql_sqlstate_is_retryable(const char *sqlstate)
{
    return sqlstate != NULL && strcmp(sqlstate, "40001") == 0;
}

/* A message that was cut off does not end within a character. */
static void
trim(char *message, size_t size)
{
    size_t at = size - 1;
    while (at > 0 && ((unsigned char)message[at - 1] & 0xC0) == 0x80) {
        at--;
    }
    if (at > 0 && (unsigned char)message[at - 1] >= 0xC0) {
        at--;
    }
    message[at] = '\0';
}

int
dsql__fail(struct dsql_error *error, int code, const char *format, ...)
{
    if (error != NULL) {
        *error = (struct dsql_error){.code = code};
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        if (length >= (int)sizeof error->message) {
            trim(error->message, sizeof error->message);
        }
    }
    return code;
}

int
dsql__fail_nomem(struct dsql_error *error)
{
    return dsql__fail(error, DSQL_E_NOMEM, "out of memory");
}

void
dsql__wipe_free(char *string)
{
    if (string != NULL) {
        OPENSSL_cleanse(string, strlen(string));
        free(string);
    }
}
