/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The module's entry points: what PostgreSQL calls when it loads the module, and
 * at the ends of transactions. */
#include "occ.h"

#include "jobs.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
PG_FUNCTION_INFO_V1(dsql_local_table_am);

static shmem_request_hook_type request_before;
static shmem_startup_hook_type startup_before;

Datum
dsql_local_table_am(PG_FUNCTION_ARGS)
{
    PG_RETURN_POINTER(occ_table_am());
}

static void
on_request(void)
{
    if (request_before != NULL) {
        request_before();
    }
    record_request();
}

static void
on_startup(void)
{
    if (startup_before != NULL) {
        startup_before();
    }
    record_startup();
}

static void
on_transaction(XactEvent event, void *context)
{
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
        limits_check_commit();
        if (!overlay_is_empty()) {
            commit_overlay();
        }
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
        commit_running = false;
        occ_utility_depth = 0;
        overlay_forget();
        limits_forget();
        jobs_forget();
        break;
    default:
        break;
    }
}

static void
on_subtransaction(SubXactEvent event, SubTransactionId sub, SubTransactionId parent, void *context)
{
    if (event == SUBXACT_EVENT_COMMIT_SUB || event == SUBXACT_EVENT_ABORT_SUB) {
        overlay_end_sub(sub, event == SUBXACT_EVENT_COMMIT_SUB, parent);
    }
}

void
_PG_init(void)
{
    if (!process_shared_preload_libraries_in_progress) {
        ereport(ERROR, (errmsg("the module of dsql-local must be in shared_preload_libraries")));
    }
    limits_define();
    entries_install();
    planner_install();
    utility_install();
    jobs_install();
    request_before = shmem_request_hook;
    shmem_request_hook = on_request;
    startup_before = shmem_startup_hook;
    shmem_startup_hook = on_startup;
    RegisterXactCallback(on_transaction, NULL);
    RegisterSubXactCallback(on_subtransaction, NULL);
}
