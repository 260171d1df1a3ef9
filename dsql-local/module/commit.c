/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* COMMIT: the overlay against what others have committed. One transaction at a
 * time, from the first comparison until all can see its commit, so that each
 * finds those before it whole. */
#include "occ.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"

bool commit_running;

static void
conflict(void)
{
    occ_refuse(RULE_OC000, NULL);
}

/* A table with what is needed to look into its unique indexes. */
struct table {
    struct table *next;
    Oid oid;
    Relation relation; /* NULL: dropped in the meantime */
    int count;         /* unique indexes */
    Relation *indexes;
    IndexInfo **infos;
    ExprState **predicates;
    EState *state;
    TupleTableSlot *slot;
    IndexFetchTableData *fetch;
};

struct commit {
    struct table *tables;
    Snapshot snapshot;
};

/* ---------------------------------------------------------------------- tables */

static void
open_indexes(struct table *table)
{
    List *oids = RelationGetIndexList(table->relation);
    ListCell *cell;
    table->state = CreateExecutorState();
    table->slot = table_slot_create(table->relation, NULL);
    table->fetch = table_index_fetch_begin(table->relation);
    table->indexes = palloc(list_length(oids) * sizeof(Relation));
    table->infos = palloc(list_length(oids) * sizeof(IndexInfo *));
    table->predicates = palloc0(list_length(oids) * sizeof(ExprState *));
    foreach (cell, oids) {
        Relation index = index_open(lfirst_oid(cell), NoLock);
        if (!index->rd_index->indisunique || !index->rd_index->indisready) {
            index_close(index, NoLock);
            continue;
        }
        IndexInfo *info = BuildIndexInfo(index);
        table->indexes[table->count] = index;
        table->infos[table->count] = info;
        if (info->ii_Predicate != NIL) {
            table->predicates[table->count] = ExecPrepareQual(info->ii_Predicate, table->state);
        }
        table->count++;
    }
    list_free(oids);
}

static struct table *
table_of(struct commit *commit, Oid oid)
{
    struct table *table = commit->tables;
    while (table != NULL && table->oid != oid) {
        table = table->next;
    }
    if (table == NULL) {
        table = palloc0(sizeof *table);
        table->oid = oid;
        table->relation = try_table_open(oid, NoLock);
        if (table->relation != NULL) {
            open_indexes(table);
        }
        table->next = commit->tables;
        commit->tables = table;
    }
    return table;
}

static void
close_tables(struct table *table)
{
    for (; table != NULL; table = table->next) {
        if (table->relation == NULL) {
            continue;
        }
        for (int i = 0; i < table->count; i++) {
            index_close(table->indexes[i], NoLock);
        }
        table_index_fetch_end(table->fetch);
        ExecDropSingleTupleTableSlot(table->slot);
        FreeExecutorState(table->state);
        table_close(table->relation, NoLock);
    }
}

/* ------------------------------------------------------------------- what is so */

struct header {
    TransactionId xmin, xmax; /* xmax invalid: nobody has deleted or replaced it */
    bool keys_updated;
    ItemPointerData next;
};

/* The state of a row as committed by others; false when it is gone. */
static bool
read_header(Relation relation, const ItemPointerData *tid, struct header *header)
{
    Buffer buffer = ReadBuffer(relation, ItemPointerGetBlockNumber(tid));
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    ItemId item = PageGetItemId(page, ItemPointerGetOffsetNumber(tid));
    bool there = ItemIdIsNormal(item);
    if (there) {
        HeapTupleHeader tuple = (HeapTupleHeader)PageGetItem(page, item);
        bool untouched =
            (tuple->t_infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_infomask);
        TransactionId xmax = untouched ? InvalidTransactionId : HeapTupleHeaderGetUpdateXid(tuple);
        /* Nobody else is between writing and commit: we hold the lock. */
        bool counts = TransactionIdIsCurrentTransactionId(xmax) || TransactionIdDidCommit(xmax);
        header->xmin = HeapTupleHeaderGetXmin(tuple);
        header->xmax = counts ? xmax : InvalidTransactionId;
        header->keys_updated = (tuple->t_infomask2 & HEAP_KEYS_UPDATED) != 0;
        header->next = tuple->t_ctid;
    }
    UnlockReleaseBuffer(buffer);
    return there;
}

/* A row that was read FOR UPDATE must be as it was. */
static void
check_for_update(struct commit *commit, struct table *table, const ItemPointerData *tid)
{
    struct header header;
    if (!read_header(table->relation, tid, &header) || TransactionIdIsValid(header.xmax) ||
        record_conflicts(table->oid, tid, OVERLAY_FOR_UPDATE, commit->snapshot)) {
        conflict();
    }
}

/* A row that was read FOR KEY SHARE must be there with the same key: it may have
 * newer versions. Calls back for each, so that who deletes the newest finds it. */
static void
follow_key(struct table *table, ItemPointerData tid,
           void (*visit)(struct table *table, const ItemPointerData *tid))
{
    struct header header;
    TransactionId maker = InvalidTransactionId;
    for (;;) {
        bool there = read_header(table->relation, &tid, &header);
        if (!there || (TransactionIdIsValid(maker) && header.xmin != maker) ||
            (TransactionIdIsValid(header.xmax) && header.keys_updated)) {
            conflict();
        }
        if (visit != NULL) {
            visit(table, &tid);
        }
        if (!TransactionIdIsValid(header.xmax)) {
            return;
        }
        maker = header.xmax;
        tid = header.next;
    }
}

/* ------------------------------------------------------------------ unique keys */

static void
check_index(struct table *table, int i, const ItemPointerData *tid)
{
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS], any_null = false;
    IndexInfo *info = table->infos[i];
    ExprContext *context = GetPerTupleExprContext(table->state);
    context->ecxt_scantuple = table->slot;
    if (table->predicates[i] != NULL && !ExecQual(table->predicates[i], context)) {
        return;
    }
    FormIndexDatum(info, table->slot, table->state, values, nulls);
    for (int key = 0; key < info->ii_NumIndexKeyAttrs; key++) {
        any_null |= nulls[key];
    }
    if (any_null && !table->indexes[i]->rd_index->indnullsnotdistinct) {
        return;
    }
    ItemPointerData place = *tid;
    index_insert(table->indexes[i], values, nulls, &place, table->relation, UNIQUE_CHECK_EXISTING,
                 false, info);
}

/* Has somebody else committed a row with a key of this one? index_fetch_tuple()
 * of the table ends by a conflict if so. */
static void
check_unique(struct table *table, const ItemPointerData *tid)
{
    ItemPointerData place = *tid;
    bool call_again = false;
    if (table->count == 0) {
        return;
    }
    bool alive =
        table_index_fetch_tuple(table->fetch, &place, SnapshotSelf, table->slot, &call_again, NULL);
    for (int i = 0; alive && i < table->count; i++) {
        check_index(table, i, tid);
    }
    ExecClearTuple(table->slot);
    table_index_fetch_reset(table->fetch);
    ResetPerTupleExprContext(table->state);
}

/* -------------------------------------------------------------------- writing */

/* An update that keeps the key leaves a way to the new version, for those who
 * hold the key. */
static void
link_replacement(struct table *table, const struct overlay_row *row)
{
    Buffer buffer = ReadBuffer(table->relation, ItemPointerGetBlockNumber(&row->tid));
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    Page page = BufferGetPage(buffer);
    ItemId item = PageGetItemId(page, ItemPointerGetOffsetNumber(&row->tid));
    HeapTupleHeader tuple = (HeapTupleHeader)PageGetItem(page, item);
    tuple->t_ctid = row->replacement;
    tuple->t_infomask2 &= ~HEAP_KEYS_UPDATED;
    MarkBufferDirtyHint(buffer, true);
    UnlockReleaseBuffer(buffer);
}

/* Whether the transaction has afterwards deleted the new version, or given it
 * another key. */
static bool
loses_key(struct table *table, ItemPointerData tid)
{
    struct header header;
    while (read_header(table->relation, &tid, &header) && TransactionIdIsValid(header.xmax)) {
        if (header.keys_updated) {
            return true;
        }
        tid = header.next;
    }
    return false;
}

static void
write_row(struct commit *commit, struct table *table, const struct overlay_row *row)
{
    TM_FailureData failure;
    ItemPointerData tid = row->tid;
    bool replaced = !(row->bits & OVERLAY_KEY);
    bool keeps = replaced && !loses_key(table, row->replacement);
    int against = OVERLAY_FOR_UPDATE | (keeps ? 0 : OVERLAY_KEY_SHARE);
    if (record_conflicts(table->oid, &tid, against, commit->snapshot) ||
        heap_delete(table->relation, &tid, GetCurrentCommandId(true), InvalidSnapshot, false,
                    &failure, false) != TM_Ok) {
        conflict();
    }
    if (replaced) {
        link_replacement(table, row);
    }
}

static void
check_row(const struct overlay_row *row, int bits, void *context)
{
    struct commit *commit = context;
    struct table *table = table_of(commit, row->table);
    CHECK_FOR_INTERRUPTS();
    if (table->relation == NULL) {
        return;
    }
    if (bits & OVERLAY_WRITTEN) {
        write_row(commit, table, row);
    } else if (row->bits & OVERLAY_WRITTEN) {
        return; /* read, then written: the writing is checked */
    } else if (bits & OVERLAY_FOR_UPDATE) {
        check_for_update(commit, table, &row->tid);
    } else if (bits & OVERLAY_KEY_SHARE) {
        follow_key(table, row->tid, NULL);
    }
}

static void
check_key(const struct overlay_row *row, int bits, void *context)
{
    struct table *table = table_of(context, row->table);
    if ((bits & OVERLAY_INSERTED) && table->relation != NULL) {
        check_unique(table, &row->tid);
    }
}

static void
leave_key(struct table *table, const ItemPointerData *tid)
{
    record_leave(table->oid, tid, OVERLAY_KEY_SHARE, GetTopTransactionId());
}

/* Nothing fails any more. */
static void
leave_trace(const struct overlay_row *row, int bits, void *context)
{
    struct table *table = table_of(context, row->table);
    if (table->relation == NULL || (row->bits & OVERLAY_WRITTEN)) {
        return;
    }
    if (bits & OVERLAY_FOR_UPDATE) {
        record_leave(table->oid, &row->tid, OVERLAY_FOR_UPDATE, GetTopTransactionId());
    }
    if (bits & OVERLAY_KEY_SHARE) {
        follow_key(table, row->tid, leave_key);
    }
}

static void
lock(void)
{
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0x4453514c, 0, 3); /* users' are 1 and 2 */
    (void)LockAcquire(&tag, ExclusiveLock, false, false);      /* until all see the commit */
}

void
commit_overlay(void)
{
    struct commit commit = {0};
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "dsql_local commit", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    lock();
    commit.snapshot = GetTransactionSnapshot();
    PushActiveSnapshot(commit.snapshot);
    commit_running = true;
    overlay_visit(check_row, &commit);
    overlay_visit(check_key, &commit);
    overlay_visit(leave_trace, &commit);
    commit_running = false;
    close_tables(commit.tables);
    PopActiveSnapshot();
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
}
