/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows that committed transactions have read FOR UPDATE or FOR KEY SHARE. For
 * each row the newest transaction of either kind is enough: commits are in one
 * order, and who sees the newest sees those before. When the table is full and
 * everything in it is still needed, the record falls back to "any row": too many
 * conflicts for a while, never one too few. */
#include "occ.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"

#define RECORD_ROWS 65536

enum kind { KIND_FOR_UPDATE, KIND_KEY_SHARE, KINDS };

struct record_key {
    Oid database, table;
    ItemPointerData tid;
    uint16 zero;
};

struct record_row {
    struct record_key key;
    TransactionId newest[KINDS]; /* invalid: none */
};

struct record_state {
    TransactionId any[KINDS]; /* newest transaction that found no room */
};

static HTAB *rows;
static struct record_state *state;

static Size
size(void)
{
    return add_size(hash_estimate_size(RECORD_ROWS, sizeof(struct record_row)),
                    MAXALIGN(sizeof(struct record_state)));
}

void
record_request(void)
{
    RequestAddinShmemSpace(size());
}

void
record_startup(void)
{
    HASHCTL control = {
        .keysize = sizeof(struct record_key),
        .entrysize = sizeof(struct record_row),
    };
    bool found;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    state = ShmemInitStruct("dsql_local record state", sizeof *state, &found);
    if (!found) {
        memset(state, 0, sizeof *state);
    }
    rows = ShmemInitHash("dsql_local record", RECORD_ROWS, RECORD_ROWS, &control,
                         HASH_ELEM | HASH_BLOBS);
    LWLockRelease(AddinShmemInitLock);
}

static bool
is_unseen(TransactionId xid, Snapshot snapshot)
{
    return TransactionIdIsNormal(xid) && XidInMVCCSnapshot(xid, snapshot);
}

static struct record_key
key_of(Oid table, const ItemPointerData *tid)
{
    struct record_key key = {.database = MyDatabaseId, .table = table, .tid = *tid};
    return key;
}

bool
record_conflicts(Oid table, const ItemPointerData *tid, int bits, Snapshot snapshot)
{
    struct record_key key = key_of(table, tid);
    const struct record_row *row = hash_search(rows, &key, HASH_FIND, NULL);
    static const int kind_bits[KINDS] = {OVERLAY_FOR_UPDATE, OVERLAY_KEY_SHARE};
    for (int kind = 0; kind < KINDS; kind++) {
        if ((bits & kind_bits[kind]) && ((row != NULL && is_unseen(row->newest[kind], snapshot)) ||
                                         is_unseen(state->any[kind], snapshot))) {
            return true;
        }
    }
    return false;
}

/* Forgets rows whose transactions every snapshot sees. */
static void
prune(void)
{
    TransactionId oldest = GetOldestNonRemovableTransactionId(NULL);
    HASH_SEQ_STATUS status;
    struct record_row *row;
    hash_seq_init(&status, rows);
    while ((row = hash_seq_search(&status)) != NULL) {
        bool needed = false;
        for (int kind = 0; kind < KINDS; kind++) {
            needed |= TransactionIdIsNormal(row->newest[kind]) &&
                      !TransactionIdPrecedes(row->newest[kind], oldest);
        }
        if (!needed) {
            hash_search(rows, &row->key, HASH_REMOVE, NULL);
        }
    }
}

void
record_leave(Oid table, const ItemPointerData *tid, int bits, TransactionId xid)
{
    static TransactionId full_at; /* no use in pruning again for the same transaction */
    struct record_key key = key_of(table, tid);
    bool found;
    struct record_row *row = hash_search(rows, &key, HASH_ENTER_NULL, &found);
    if (row == NULL && full_at != xid) {
        prune();
        row = hash_search(rows, &key, HASH_ENTER_NULL, &found);
        full_at = row == NULL ? xid : InvalidTransactionId;
    }
    TransactionId *newest = row != NULL ? row->newest : state->any;
    if (row != NULL && !found) {
        memset(row->newest, 0, sizeof row->newest);
    }
    if (bits & OVERLAY_FOR_UPDATE) {
        newest[KIND_FOR_UPDATE] = xid;
    }
    if (bits & OVERLAY_KEY_SHARE) {
        newest[KIND_KEY_SHARE] = xid;
    }
}
