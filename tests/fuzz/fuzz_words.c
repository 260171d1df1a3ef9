/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What people write: command lines, times, URLs and lists of hosts without a
 * proxy. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "credentials/source.h"
#include "credentials/words.h"
#include "env.h"
#include "error.h"
#include "http.h"

static const char *excluded;

static const char *
fake_get(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "no_proxy") == 0 ? excluded : NULL;
}

static void
split(const char *line)
{
    char **words;
    size_t length = 0;
    if (dsql__words_split(line, &words) != 0) {
        return;
    }
    for (size_t i = 0; words[i] != NULL; i++) {
        length += strlen(words[i]);
    }
    if (length > strlen(line)) {
        __builtin_trap();
    }
    free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dsql_env env = {.get = fake_get};
    struct dsql__url url;
    int64_t seconds;
    char *proxy, *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    split(text);
    (void)dsql__time_parse(text, &seconds);
    if (dsql__url_parse(text, &url) && (url.host[0] == '\0' || url.rest < text)) {
        __builtin_trap();
    }
    excluded = text;
    if (dsql__url_parse("https://sts.eu-west-1.amazonaws.com/", &url)) {
        (void)!dsql__http_proxy(&env, &url, &proxy);
        dsql__wipe_free(proxy);
    }
    free(text);
    return 0;
}
