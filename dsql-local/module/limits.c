/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a transaction may be: rows, bytes, age. Source: Aurora DSQL user guide,
 * quotas; probes of a live cluster. */
#include "occ.h"

#include <limits.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define ROWS_MAX 3000
#define BYTES_MAX ((Size)10 << 20)

static int max_age_ms = 300000;
static bool enforced = true;

static int64 changed_rows;
static Size changed_bytes;

void
limits_define(void)
{
    DefineCustomIntVariable("dsql_local.max_transaction_age",
                            "How old a transaction may be at its COMMIT.", NULL, &max_age_ms,
                            300000, 1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
    DefineCustomBoolVariable("dsql_local.limits", "Whether there are limits at all.", NULL,
                             &enforced, true, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* PostgreSQL's own processes have transactions, too. */
bool
limits_apply(void)
{
    return enforced && MyBackendType == B_BACKEND;
}

void
limits_count(int rows, Size bytes)
{
    changed_rows += rows;
    changed_bytes += bytes;
    if (changed_rows > ROWS_MAX && limits_apply()) {
        occ_refuse(RULE_ROW_LIMIT, NULL);
    }
}

void
limits_check_age(void)
{
    if (limits_apply() && TimestampDifferenceExceeds(GetCurrentTransactionStartTimestamp(),
                                                     GetCurrentTimestamp(), max_age_ms)) {
        occ_refuse(RULE_TRANSACTION_AGE, psprintf("%d", max_age_ms / 1000));
    }
}

void
limits_check_commit(void)
{
    if (!limits_apply()) {
        return;
    }
    if (changed_bytes > BYTES_MAX) {
        occ_refuse(RULE_TRANSACTION_SIZE, NULL);
    }
    limits_check_age();
}

void
limits_forget(void)
{
    changed_rows = 0;
    changed_bytes = 0;
}
