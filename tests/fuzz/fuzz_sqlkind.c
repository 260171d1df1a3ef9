/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What SQL does: a text that is repeated behind a ";" does the same, and is several
 * statements when its end is not inside of a quote or a comment. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dsql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int all = DSQL_SQL_DDL | DSQL_SQL_DML | DSQL_SQL_CONTROL | DSQL_SQL_SEVERAL;
    int kind = dsql_sql_kind((const char *)data, size);
    char *twice = malloc(2 * size + 1);
    if (twice == NULL) {
        return 0;
    }
    memcpy(twice, data, size);
    twice[size] = ';';
    memcpy(twice + size + 1, data, size);
    int both = dsql_sql_kind(twice, 2 * size + 1);
    free(twice);
    /* What the first half does, the whole does. */
    if ((kind & ~all) != 0 || (both & kind) != kind) {
        __builtin_trap();
    }
    return 0;
}
