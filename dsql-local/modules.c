/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The modules for PostgreSQL (module/) that this program carries: one for each
 * version whose headers were there when it was built. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "files.h"
#include "postgres.h"

#define MODULE(version)                                                                            \
    extern const char local_module_##version[];                                                    \
    extern const size_t local_module_##version##_size;
MODULES
#undef MODULE

static const struct {
    int version;
    const char *name;
    const char *data;
    const size_t *size;
} modules[] = {
#define MODULE(version) {version, #version, local_module_##version, &local_module_##version##_size},
    MODULES
#undef MODULE
};

#define MODULE_COUNT (sizeof modules / sizeof modules[0])

static size_t
find(int version)
{
    size_t row = 0;
    while (row < MODULE_COUNT && modules[row].version != version) {
        row++;
    }
    return row;
}

bool
local_module_exists(int version)
{
    return find(version) < MODULE_COUNT;
}

const char *
local_module_versions(void)
{
    static char list[64];
    size_t length = 0;
    list[0] = '\0';
    for (size_t i = 0; i < MODULE_COUNT && length < sizeof list - 8; i++) {
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "",
                                   modules[i].name);
    }
    return list;
}

int
local_module_write(const struct local_postgres *postgres, struct dsql_error *error)
{
    char path[160];
    size_t row = find(postgres->version);
    if (row == MODULE_COUNT) {
        return dsql__fail(error, DSQL_E_IO,
                          "%.200s is PostgreSQL %d, and this dsql-local is built for %s: install "
                          "the extra \"local\", or name another with --postgres",
                          postgres->bindir, postgres->version, local_module_versions());
    }
    snprintf(path, sizeof path, "%s/dsql_local.so", postgres->socket_dir);
    int failure = local_file_write(path, modules[row].data, *modules[row].size, 0500, error);
    if (failure == 0 && local_user_own(&postgres->owner, path) != 0) {
        failure = dsql__fail(error, DSQL_E_IO, "cannot give %.150s to user %s", path,
                             postgres->owner.name);
    }
    return failure;
}
