/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys that stand in a profile of the shared credentials file or of the config
 * file. */
#include <string.h>

#include "../error.h"
#include "source.h"

static int
copy_value(const struct dsql__file *file, struct dsql__ini_text section, const char *key,
           char **value)
{
    struct dsql__ini_text found = dsql__ini_get(&file->ini, section, key);
    *value = NULL;
    if (found.at == NULL || found.length == 0) {
        return 0;
    }
    const char *end = found.at + found.length;
    if (dsql__ini_line_end(found.at, end) != end) {
        return DSQL_E_CONFIG; /* goes on over lines, or is a section within a section */
    }
    *value = dsql__ini_copy(found);
    return *value ? 0 : DSQL_E_NOMEM;
}

static int
read_section(const struct dsql__profile *profile, const struct dsql__file *file,
             struct dsql__ini_text section, struct dsql_credentials *credentials,
             struct dsql_error *error)
{
    if (section.at == NULL || dsql__ini_get(&file->ini, section, "aws_access_key_id").at == NULL) {
        return DSQL__NEXT;
    }
    int failure = copy_value(file, section, "aws_access_key_id", &credentials->access_key);
    if (failure == 0) {
        failure = copy_value(file, section, "aws_secret_access_key", &credentials->secret_key);
    }
    if (failure == 0) {
        failure = copy_value(file, section, "aws_security_token", &credentials->session_token);
    }
    if (failure == 0 && credentials->session_token == NULL) {
        failure = copy_value(file, section, "aws_session_token", &credentials->session_token);
    }
    if (failure == DSQL_E_CONFIG) {
        return dsql__fail(
            error, failure,
            "a key of the profile \"%.60s\" in %.300s goes on over lines: write it on "
            "one",
            profile->name, file->path);
    }
    if (failure != 0) {
        return dsql__fail_nomem(error);
    }
    if (credentials->access_key == NULL || credentials->secret_key == NULL) {
        return dsql__fail(error, DSQL_E_CREDENTIALS, "the profile \"%.60s\" in %.300s lacks its %s",
                          profile->name, file->path,
                          credentials->access_key ? "aws_secret_access_key" : "aws_access_key_id");
    }
    return 0;
}

int
dsql__source_credentials_file(struct dsql__source_request *request,
                              struct dsql_credentials *credentials, struct dsql_error *error)
{
    const struct dsql__profile *profile = request->profile;
    credentials->source = "shared-credentials-file";
    return read_section(profile, &profile->credentials, profile->in_credentials, credentials,
                        error);
}

int
dsql__source_config_file(struct dsql__source_request *request, struct dsql_credentials *credentials,
                         struct dsql_error *error)
{
    const struct dsql__profile *profile = request->profile;
    credentials->source = "config-file";
    return read_section(profile, &profile->config, profile->in_config, credentials, error);
}
