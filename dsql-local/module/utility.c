/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* DDL as it runs. */
#include "occ.h"

#include "jobs.h"

static ProcessUtility_hook_type utility_before;

static bool
is_ddl(const Node *statement)
{
    return GetCommandLogLevel((Node *)(uintptr_t)statement) == LOGSTMT_DDL;
}

static void
on_utility(PlannedStmt *statement, const char *sql, bool read_only_tree,
           ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment *environment,
           DestReceiver *receiver, QueryCompletion *completion)
{
    struct utility_call call = {
        .next = utility_before ? utility_before : standard_ProcessUtility,
        .statement = statement,
        .sql = sql,
        .read_only_tree = read_only_tree,
        .context = context,
        .parameters = parameters,
        .environment = environment,
        .receiver = receiver,
        .completion = completion,
    };
    int depth = occ_utility_depth;
    if (limits_apply()) {
        catalog_check(statement->utilityStmt);
    }
    occ_utility_depth += is_ddl(statement->utilityStmt);
    PG_TRY();
    {
        jobs_utility(&call);
    }
    PG_FINALLY();
    {
        occ_utility_depth = depth;
    }
    PG_END_TRY();
}

void
utility_install(void)
{
    utility_before = ProcessUtility_hook;
    ProcessUtility_hook = on_utility;
}
