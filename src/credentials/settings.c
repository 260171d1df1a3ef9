/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Settings that a variable of the environment or a key of the profile tells. */
#include <string.h>
#include <strings.h>

#include "../env.h"
#include "../error.h"
#include "source.h"

int
dsql__ask_outside(const struct dsql__source_request *request)
{
    if (request->outside->forbidden) {
        return DSQL__OUTSIDE;
    }
    request->outside->asked = true;
    return 0;
}

int
dsql__setting(const struct dsql__source_request *request, const char *variable, const char *key,
              char **value)
{
    *value = NULL;
    if (variable != NULL && dsql__env_copy(request->env, variable, value) != 0) {
        return DSQL_E_NOMEM;
    }
    if (*value == NULL && key != NULL) {
        return dsql__profile_copy(request->settings, key, value);
    }
    return 0;
}

int
dsql__setting_is(const struct dsql__source_request *request, const char *variable, const char *key,
                 const char *word, bool *is)
{
    char *value;
    if (dsql__setting(request, variable, key, &value) != 0) {
        return DSQL_E_NOMEM;
    }
    *is = value != NULL && strcasecmp(value, word) == 0;
    dsql__wipe_free(value);
    return 0;
}
