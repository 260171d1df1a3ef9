/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What jobs do that SQL cannot: duplicates in an index, the validation of a
 * constraint as its table's owner, and a look at the jobs from a transaction whose
 * snapshot is older than their end. */
#include "jobs.h"

#include "occ.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

PG_FUNCTION_INFO_V1(dsql_local_index_check);
PG_FUNCTION_INFO_V1(dsql_local_run_as);
PG_FUNCTION_INFO_V1(dsql_local_wait_for_job);

#define LOOK_MS 10

/* --------------------------------------------------------------------- duplicates */

/* Whether two neighbours in an index have a key that they may not share. */
static bool
is_duplicate(Relation index, IndexTuple one, IndexTuple two)
{
    Datum values[2][INDEX_MAX_KEYS];
    bool nulls[2][INDEX_MAX_KEYS];
    index_deform_tuple(one, RelationGetDescr(index), values[0], nulls[0]);
    index_deform_tuple(two, RelationGetDescr(index), values[1], nulls[1]);
    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++) {
        if (nulls[0][i] != nulls[1][i] || (nulls[0][i] && !index->rd_index->indnullsnotdistinct)) {
            return false;
        }
        if (nulls[0][i]) {
            continue;
        }
        Datum order = FunctionCall2Coll(index_getprocinfo(index, (AttrNumber)(i + 1), BTORDER_PROC),
                                        index->rd_indcollation[i], values[0][i], values[1][i]);
        if (DatumGetInt32(order) != 0) {
            return false;
        }
    }
    return true;
}

pg_attribute_noreturn() static void report_duplicate(Relation index, IndexTuple tuple)
{
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    index_deform_tuple(tuple, RelationGetDescr(index), values, nulls);
    ereport(ERROR,
            (errcode(ERRCODE_UNIQUE_VIOLATION),
             errmsg("Found duplicate key while validating index for UCVs"),
             errdetail("Key %s is duplicated.", BuildIndexValueDescription(index, values, nulls))));
}

/* Walks a unique index whose rows were put in before it was unique. The newest
 * snapshot is what counts: the caller is either DDL or not REPEATABLE READ. */
static void
check_index(Relation table, Relation index)
{
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    IndexScanDesc scan = index_beginscan(table, index, snapshot, 0, 0);
    TupleTableSlot *slot = table_slot_create(table, NULL);
    IndexTuple last = NULL;
    scan->xs_want_itup = true;
    index_rescan(scan, NULL, 0, NULL, 0);
    while (index_getnext_tid(scan, ForwardScanDirection) != NULL) {
        CHECK_FOR_INTERRUPTS();
        if (!index_fetch_heap(scan, slot)) {
            continue;
        }
        if (last != NULL && is_duplicate(index, last, scan->xs_itup)) {
            report_duplicate(index, last);
        }
        if (last != NULL) {
            pfree(last);
        }
        last = CopyIndexTuple(scan->xs_itup);
    }
    ExecDropSingleTupleTableSlot(slot);
    index_endscan(scan);
    UnregisterSnapshot(snapshot);
}

/* dsql_local_index_check(index): fails if rows share a key of a unique index. */
Datum
dsql_local_index_check(PG_FUNCTION_ARGS)
{
    Oid oid = PG_GETARG_OID(0);
    Relation table = table_open(IndexGetRelation(oid, false), AccessShareLock);
    Relation index = index_open(oid, AccessShareLock);
    if (index->rd_index->indisunique) {
        check_index(table, index);
    }
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    PG_RETURN_VOID();
}

/* ----------------------------------------------------------- as somebody else */

/* dsql_local_run_as(role, sql): functions of users run under their own rights. */
Datum
dsql_local_run_as(PG_FUNCTION_ARGS)
{
    jobs_execute_as(PG_GETARG_OID(0), SECURITY_RESTRICTED_OPERATION,
                    text_to_cstring(PG_GETARG_TEXT_PP(1)), 0, NULL, NULL);
    PG_RETURN_VOID();
}

/* -------------------------------------------------------------- waiting for a job */

enum job_state { JOB_UNKNOWN, JOB_OWN, JOB_RUNNING, JOB_COMPLETED, JOB_ENDED };

static enum job_state
state_of(HeapTuple tuple, TupleDesc descriptor, const char *id)
{
    bool null;
    Datum value = heap_getattr(tuple, 1, descriptor, &null);
    if (null || strcmp(TextDatumGetCString(value), id) != 0) {
        return JOB_UNKNOWN;
    }
    value = heap_getattr(tuple, 2, descriptor, &null);
    const char *status = null ? "" : TextDatumGetCString(value);
    if (strcmp(status, "completed") == 0) {
        return JOB_COMPLETED;
    }
    if (strcmp(status, "submitted") != 0 && strcmp(status, "processing") != 0) {
        return JOB_ENDED;
    }
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)) ? JOB_OWN
                                                                                      : JOB_RUNNING;
}

/* How the job stands now, whatever the transaction's snapshot shows. */
static enum job_state
look_at_job(const char *id)
{
    enum job_state state = JOB_UNKNOWN;
    HeapTuple tuple;
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "dsql_local job", ALLOCSET_SMALL_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Oid oid = get_relname_relid("jobs", get_namespace_oid("pg_dsql_local", false));
    Relation jobs = table_open(oid, AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(jobs, InvalidOid, false, snapshot, 0, NULL);
    while (state == JOB_UNKNOWN && HeapTupleIsValid(tuple = systable_getnext(scan))) {
        state = state_of(tuple, RelationGetDescr(jobs), id);
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(jobs, AccessShareLock);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return state;
}

static void
nap(void)
{
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS,
                    PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

/* CALL sys.wait_for_job(id): one row, whether the job has ended well. */
Datum
dsql_local_wait_for_job(PG_FUNCTION_ARGS)
{
    const char *id = PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0));
    TupleDesc row;
    bool null = false;
    enum job_state state;
    bool waited = false;
    while ((state = look_at_job(id)) == JOB_RUNNING) {
        limits_check_age();
        nap();
        waited = true;
    }
    if (waited) {
        nap(); /* the endpoint hears of the change before our client goes on */
    }
    if (state == JOB_UNKNOWN) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("job \"%s\" does not exist", id),
                 errhint("sys.jobs lists the jobs that there are.")));
    }
    if (state == JOB_OWN) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("job \"%s\" begins when its transaction has been committed", id),
                        errhint("Wait for it in another transaction.")));
    }
    if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE) {
        elog(ERROR, "sys.wait_for_job() is not called as a procedure");
    }
    Datum well = BoolGetDatum(state == JOB_COMPLETED);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), &well, &null)));
}
