/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Tables of users: PostgreSQL's heap, with the few functions replaced that look
 * at, or change, rows which others can see. */
#include "occ.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/snapmgr.h"

#if PG_VERSION_NUM < 160000
typedef bool TU_UpdateIndexes; /* an enumeration since */
#define TU_All true
#define TU_None false
#endif

static const TableAmRoutine *heap;
static TableAmRoutine routine;

int occ_utility_depth;

bool
occ_is_table(Relation relation)
{
    return relation->rd_tableam == &routine;
}

/* ------------------------------------------------------------------ snapshots */

/* The checks of foreign keys look through the newest snapshot; here they are to
 * see what the transaction sees, COMMIT does the rest. *copy holds the result
 * when it is not the snapshot itself. */
static Snapshot
own_snapshot(Snapshot snapshot, SnapshotData *copy)
{
    if (snapshot == NULL || snapshot->snapshot_type != SNAPSHOT_MVCC || !FirstSnapshotSet ||
        !IsolationUsesXactSnapshot() || occ_utility_depth > 0) {
        return snapshot;
    }
    Snapshot own = GetTransactionSnapshot();
    if (own->xmin == snapshot->xmin && own->xmax == snapshot->xmax && own->xcnt == snapshot->xcnt &&
        own->subxcnt == snapshot->subxcnt) {
        return snapshot;
    }
    *copy = *own;
    copy->curcid = snapshot->curcid;
    return copy;
}

/* What the transaction sees with all that it has done so far. */
static void
whole_view(SnapshotData *view)
{
    *view = *GetTransactionSnapshot();
    view->curcid = InvalidCommandId - 1;
}

static bool
is_hidden(Relation table, const ItemPointerData *tid, Snapshot snapshot)
{
    switch (snapshot->snapshot_type) {
    case SNAPSHOT_MVCC:
        return overlay_hides(RelationGetRelid(table), tid, snapshot->curcid);
    case SNAPSHOT_SELF:
    case SNAPSHOT_DIRTY:
        return overlay_hides(RelationGetRelid(table), tid, InvalidCommandId);
    default:
        return false; /* those look at what is physically there */
    }
}

/* ---------------------------------------------------------------------- scans */

static TableScanDesc
scan_begin(Relation table, Snapshot snapshot, int nkeys, struct ScanKeyData *key,
           ParallelTableScanDesc parallel, uint32 flags)
{
    if (!(flags & SO_TEMP_SNAPSHOT)) {
        SnapshotData copy;
        Snapshot own = own_snapshot(snapshot, &copy);
        if (own == &copy) {
            snapshot = palloc(sizeof *snapshot); /* as long as the scan's context */
            *snapshot = copy;
        }
    }
    return heap->scan_begin(table, snapshot, nkeys, key, parallel, flags);
}

static bool
scan_getnextslot(TableScanDesc scan, ScanDirection direction, TupleTableSlot *slot)
{
    while (heap->scan_getnextslot(scan, direction, slot)) {
        if (!is_hidden(scan->rs_rd, &slot->tts_tid, scan->rs_snapshot)) {
            return true;
        }
    }
    return false;
}

static bool
scan_getnextslot_tidrange(TableScanDesc scan, ScanDirection direction, TupleTableSlot *slot)
{
    while (heap->scan_getnextslot_tidrange(scan, direction, slot)) {
        if (!is_hidden(scan->rs_rd, &slot->tts_tid, scan->rs_snapshot)) {
            return true;
        }
    }
    return false;
}

/* At COMMIT: is a row under the same key alive for anybody but us? */
static bool
fetch_committed(struct IndexFetchTableData *scan, ItemPointer tid, TupleTableSlot *slot,
                bool *call_again, bool *all_dead)
{
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    if (!heap->index_fetch_tuple(scan, tid, &dirty, slot, call_again, all_dead)) {
        return false;
    }
    if (TransactionIdIsValid(dirty.xmin)) {
        return false; /* its maker has not committed: we are first */
    }
    bool null;
    TransactionId xmin =
        DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber, &null));
    if (!TransactionIdIsCurrentTransactionId(xmin) && TransactionIdIsNormal(xmin) &&
        XidInMVCCSnapshot(xmin, GetTransactionSnapshot())) {
        occ_refuse(RULE_OC000, NULL);
    }
    return true;
}

static bool
index_fetch_tuple(struct IndexFetchTableData *scan, ItemPointer tid, Snapshot snapshot,
                  TupleTableSlot *slot, bool *call_again, bool *all_dead)
{
    SnapshotData own;
    if (snapshot->snapshot_type == SNAPSHOT_DIRTY && IsolationUsesXactSnapshot()) {
        /* A unique index, or ON CONFLICT, asks. */
        snapshot->xmin = snapshot->xmax = InvalidTransactionId;
        snapshot->speculativeToken = 0;
        if (commit_running) {
            return fetch_committed(scan, tid, slot, call_again, all_dead);
        }
        whole_view(&own);
        snapshot = &own;
    } else {
        snapshot = own_snapshot(snapshot, &own);
    }
    return heap->index_fetch_tuple(scan, tid, snapshot, slot, call_again, all_dead) &&
           !is_hidden(scan->rel, &slot->tts_tid, snapshot);
}

static bool
tuple_fetch_row_version(Relation table, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot)
{
    SnapshotData copy;
    snapshot = own_snapshot(snapshot, &copy);
    return heap->tuple_fetch_row_version(table, tid, snapshot, slot) &&
           !is_hidden(table, tid, snapshot);
}

static bool
tuple_satisfies_snapshot(Relation table, TupleTableSlot *slot, Snapshot snapshot)
{
    SnapshotData copy;
    snapshot = own_snapshot(snapshot, &copy);
    return heap->tuple_satisfies_snapshot(table, slot, snapshot) &&
           !is_hidden(table, &slot->tts_tid, snapshot);
}

/* --------------------------------------------------------------------- changes */

/* Whether the row, which must be there, was made by this transaction. */
static bool
is_own(Relation table, const ItemPointerData *tid)
{
    if (!TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        return false;
    }
    Buffer buffer = ReadBuffer(table, ItemPointerGetBlockNumber(tid));
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    ItemId item = PageGetItemId(page, ItemPointerGetOffsetNumber(tid));
    bool own = ItemIdIsNormal(item) && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(
                                           (HeapTupleHeader)PageGetItem(page, item)));
    UnlockReleaseBuffer(buffer);
    return own;
}

static void
note_inserted(Relation table, TupleTableSlot *slot, CommandId cid)
{
    /* relhasindex tells enough: which indexes are unique is looked up at COMMIT. */
    if (table->rd_rel->relhasindex) {
        overlay_note(table, &slot->tts_tid, OVERLAY_INSERTED, cid, NULL);
    }
}

/* Puts a row, or a new version of one, into the heap. */
static void
insert(Relation table, TupleTableSlot *slot, CommandId cid, int options,
       struct BulkInsertStateData *bistate)
{
    bool free_it;
    HeapTuple tuple = ExecFetchSlotHeapTuple(slot, true, &free_it);
    slot->tts_tableOid = tuple->t_tableOid = RelationGetRelid(table);
    entries_watch(table);
    entries_check_row(slot, tuple->t_len);
    limits_count(1, tuple->t_len);
    heap_insert(table, tuple, cid, options, bistate);
    slot->tts_tid = tuple->t_self;
    if (free_it) {
        pfree(tuple);
    }
    note_inserted(table, slot, cid);
}

static void
tuple_insert(Relation table, TupleTableSlot *slot, CommandId cid, int options,
             struct BulkInsertStateData *bistate)
{
    insert(table, slot, cid, options, bistate);
}

static void
tuple_insert_speculative(Relation table, TupleTableSlot *slot, CommandId cid, int options,
                         struct BulkInsertStateData *bistate, uint32 token)
{
    entries_watch(table);
    heap->tuple_insert_speculative(table, slot, cid, options, bistate, token);
}

static void
tuple_complete_speculative(Relation table, TupleTableSlot *slot, uint32 token, bool succeeded)
{
    heap->tuple_complete_speculative(table, slot, token, succeeded);
    if (succeeded) {
        bool free_it;
        HeapTuple tuple = ExecFetchSlotHeapTuple(slot, false, &free_it);
        entries_check_row(slot, tuple->t_len);
        limits_count(1, tuple->t_len);
        if (free_it) {
            pfree(tuple);
        }
        note_inserted(table, slot, GetCurrentCommandId(true));
    }
}

static void
multi_insert(Relation table, TupleTableSlot **slots, int nslots, CommandId cid, int options,
             struct BulkInsertStateData *bistate)
{
    entries_watch(table);
    for (int i = 0; i < nslots; i++) {
        slot_getallattrs(slots[i]);
        Size size = heap_compute_data_size(slots[i]->tts_tupleDescriptor, slots[i]->tts_values,
                                           slots[i]->tts_isnull);
        entries_check_row(slots[i], size);
        limits_count(1, size);
    }
    heap->multi_insert(table, slots, nslots, cid, options, bistate);
    for (int i = 0; i < nslots; i++) {
        note_inserted(table, slots[i], cid);
    }
}

/* A row that this transaction has deleted or replaced already. */
static TM_Result
written_before(const struct overlay_row *row, CommandId cid, TM_FailureData *tmfd)
{
    tmfd->ctid = row->tid;
    tmfd->xmax = GetCurrentTransactionId();
    tmfd->cmax = row->cid;
    tmfd->traversed = false;
    return row->cid >= cid ? TM_SelfModified : TM_Invisible;
}

static TM_Result
tuple_delete(Relation table, ItemPointer tid, CommandId cid, Snapshot snapshot, Snapshot crosscheck,
             bool wait, TM_FailureData *tmfd, bool changing_part)
{
    const struct overlay_row *row = overlay_written(RelationGetRelid(table), tid);
    if (row != NULL) {
        return written_before(row, cid, tmfd);
    }
    limits_count(1, 0);
    if (is_own(table, tid)) {
        return heap->tuple_delete(table, tid, cid, snapshot, InvalidSnapshot, wait, tmfd,
                                  changing_part);
    }
    overlay_note(table, tid, OVERLAY_WRITTEN | OVERLAY_KEY, cid, NULL);
    return TM_Ok;
}

/* Whether a new version has other key columns: those of unique, non-partial,
 * non-expression indexes. Source: Aurora DSQL user guide. */
static bool
changes_key(Relation table, ItemPointer tid, TupleTableSlot *slot)
{
    Bitmapset *keys = RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_KEY);
    TupleDesc descriptor = RelationGetDescr(table);
    bool changed = false;
    if (bms_is_empty(keys)) {
        return false;
    }
    TupleTableSlot *old = table_slot_create(table, NULL);
    if (!heap->tuple_fetch_row_version(table, tid, SnapshotAny, old)) {
        elog(ERROR, "the row to be updated is not there");
    }
    for (int member = -1; !changed && (member = bms_next_member(keys, member)) >= 0;) {
        AttrNumber number = member + FirstLowInvalidHeapAttributeNumber;
        bool old_null, new_null;
        if (number <= 0) {
            continue;
        }
        Datum before = slot_getattr(old, number, &old_null);
        Datum after = slot_getattr(slot, number, &new_null);
        Form_pg_attribute attribute = TupleDescAttr(descriptor, number - 1);
        changed =
            old_null != new_null ||
            (!old_null && !datum_image_eq(before, after, attribute->attbyval, attribute->attlen));
    }
    ExecDropSingleTupleTableSlot(old);
    bms_free(keys);
    return changed;
}

static TM_Result
update_own(Relation table, ItemPointer otid, TupleTableSlot *slot, CommandId cid, Snapshot snapshot,
           TM_FailureData *tmfd, LockTupleMode *lockmode, TU_UpdateIndexes *update_indexes)
{
    TM_Result result = heap->tuple_update(table, otid, slot, cid, snapshot, InvalidSnapshot, true,
                                          tmfd, lockmode, update_indexes);
    if (result == TM_Ok && *update_indexes != TU_None) {
        note_inserted(table, slot, cid);
    }
    return result;
}

static TM_Result
tuple_update(Relation table, ItemPointer otid, TupleTableSlot *slot, CommandId cid,
             Snapshot snapshot, Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
             LockTupleMode *lockmode, TU_UpdateIndexes *update_indexes)
{
    const struct overlay_row *row = overlay_written(RelationGetRelid(table), otid);
    if (row != NULL) {
        return written_before(row, cid, tmfd);
    }
    if (is_own(table, otid)) {
        entries_watch(table);
        limits_count(1, 0);
        return update_own(table, otid, slot, cid, snapshot, tmfd, lockmode, update_indexes);
    }
    bool key = changes_key(table, otid, slot);
    insert(table, slot, cid, 0, NULL);
    overlay_note(table, otid, OVERLAY_WRITTEN | (key ? OVERLAY_KEY : 0), cid, &slot->tts_tid);
    *lockmode = key ? LockTupleExclusive : LockTupleNoKeyExclusive;
    *update_indexes = TU_All;
    return TM_Ok;
}

static TM_Result
tuple_lock(Relation table, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot, CommandId cid,
           LockTupleMode mode, LockWaitPolicy wait_policy, uint8 flags, TM_FailureData *tmfd)
{
    const struct overlay_row *row = overlay_written(RelationGetRelid(table), tid);
    if (row != NULL) {
        return written_before(row, cid, tmfd);
    }
    if (is_own(table, tid)) {
        return heap->tuple_lock(table, tid, snapshot, slot, cid, mode, wait_policy, flags, tmfd);
    }
    if (!heap->tuple_fetch_row_version(table, tid, SnapshotAny, slot)) {
        elog(ERROR, "the row to be locked is not there");
    }
    tmfd->traversed = false;
    overlay_note(table, tid, mode == LockTupleKeyShare ? OVERLAY_KEY_SHARE : OVERLAY_FOR_UPDATE,
                 cid, NULL);
    return TM_Ok;
}

/* ---------------------------------------------------------------- other things */

/* Values out of line are a heap of PostgreSQL's own kind. */
static Oid
relation_toast_am(Relation table)
{
    return HEAP_TABLE_AM_OID;
}

/* The heap's functions for building an index insist on a table of their kind. */
#define AS_HEAP(table, call)                                                                       \
    do {                                                                                           \
        (table)->rd_tableam = heap;                                                                \
        PG_TRY();                                                                                  \
        {                                                                                          \
            call;                                                                                  \
        }                                                                                          \
        PG_FINALLY();                                                                              \
        {                                                                                          \
            (table)->rd_tableam = &routine;                                                        \
        }                                                                                          \
        PG_END_TRY();                                                                              \
    } while (0)

static double
index_build_range_scan(Relation table, Relation index, struct IndexInfo *info, bool allow_sync,
                       bool anyvisible, bool progress, BlockNumber start, BlockNumber count,
                       IndexBuildCallback callback, void *callback_state, TableScanDesc scan)
{
    double tuples = 0;
    AS_HEAP(table, tuples = heap->index_build_range_scan(table, index, info, allow_sync, anyvisible,
                                                         progress, start, count, callback,
                                                         callback_state, scan));
    return tuples;
}

static void
index_validate_scan(Relation table, Relation index, struct IndexInfo *info, Snapshot snapshot,
                    struct ValidateIndexState *state)
{
    AS_HEAP(table, heap->index_validate_scan(table, index, info, snapshot, state));
}

static bool
scan_bitmap_next_tuple(TableScanDesc scan, struct TBMIterateResult *tbmres, TupleTableSlot *slot)
{
    while (heap->scan_bitmap_next_tuple(scan, tbmres, slot)) {
        if (!is_hidden(scan->rs_rd, &slot->tts_tid, scan->rs_snapshot)) {
            return true;
        }
    }
    return false;
}

const TableAmRoutine *
occ_table_am(void)
{
    if (heap != NULL) {
        return &routine;
    }
    heap = GetHeapamTableAmRoutine();
    routine = *heap;
    routine.scan_begin = scan_begin;
    routine.scan_getnextslot = scan_getnextslot;
    routine.scan_getnextslot_tidrange = scan_getnextslot_tidrange;
    routine.scan_bitmap_next_tuple = scan_bitmap_next_tuple;
    routine.index_fetch_tuple = index_fetch_tuple;
    routine.tuple_fetch_row_version = tuple_fetch_row_version;
    routine.tuple_satisfies_snapshot = tuple_satisfies_snapshot;
    routine.tuple_insert = tuple_insert;
    routine.tuple_insert_speculative = tuple_insert_speculative;
    routine.tuple_complete_speculative = tuple_complete_speculative;
    routine.multi_insert = multi_insert;
    routine.tuple_delete = tuple_delete;
    routine.tuple_update = tuple_update;
    routine.tuple_lock = tuple_lock;
    routine.relation_toast_am = relation_toast_am;
    routine.index_build_range_scan = index_build_range_scan;
    routine.index_validate_scan = index_validate_scan;
    return &routine;
}
