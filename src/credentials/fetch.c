/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Fetching keys beside the connection; see fetch.h. */
#include "fetch.h"

#include <stdlib.h>
#include <string.h>

#include "../errand.h"
#include "../error.h"

struct dsql__fetch {
    struct dsql__errand errand;
    struct dsql_env env;
    struct dsql_credentials_options options; /* copies */
    int failure;
    struct dsql_error error;
    struct dsql_credentials credentials;
};

static void
run(struct dsql__errand *errand)
{
    struct dsql__fetch *fetch = (struct dsql__fetch *)errand;
    fetch->failure =
        dsql_credentials_get(&fetch->credentials, &fetch->options, &fetch->env, 1, &fetch->error);
}

static void
clear(struct dsql__errand *errand)
{
    struct dsql__fetch *fetch = (struct dsql__fetch *)errand;
    dsql_credentials_clear(&fetch->credentials);
    free((char *)(uintptr_t)fetch->options.profile);
    free((char *)(uintptr_t)fetch->options.credentials_file);
}

static int
copy_text(const char *text, const char **copy)
{
    *copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *copy != NULL ? 0 : DSQL_E_NOMEM;
}

int
dsql__fetch_start(const struct dsql_credentials_options *options, const struct dsql_env *env,
                  bool borrowed, struct dsql__fetch **fetch, struct dsql_error *error)
{
    struct dsql__fetch *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return dsql__fail_nomem(error);
    }
    made->errand = (struct dsql__errand){.run = run, .clear = clear, .borrows = borrowed};
    made->env = *env;
    int failure = 0;
    if (copy_text(options->profile, &made->options.profile) != 0 ||
        copy_text(options->credentials_file, &made->options.credentials_file) != 0) {
        failure = dsql__fail_nomem(error);
    } else {
        failure = dsql__errand_start(&made->errand, "to ask for credentials", error);
    }
    if (failure != 0) {
        clear(&made->errand);
        free(made);
        return failure;
    }
    *fetch = made;
    return 0;
}

int
dsql__fetch_fd(const struct dsql__fetch *fetch)
{
    return dsql__errand_fd(&fetch->errand);
}

int
dsql__fetch_poll(struct dsql__fetch *fetch, struct dsql_credentials *credentials,
                 struct dsql_error *error)
{
    if (!dsql__errand_is_done(&fetch->errand)) {
        return DSQL_WANT_READ;
    }
    if (fetch->failure != 0) {
        return dsql__fail(error, fetch->failure, "%s", fetch->error.message);
    }
    *credentials = fetch->credentials;
    memset(&fetch->credentials, 0, sizeof fetch->credentials); /* they are the caller's now */
    return 0;
}

void
dsql__fetch_free(struct dsql__fetch *fetch)
{
    dsql__errand_free(fetch != NULL ? &fetch->errand : NULL);
}
