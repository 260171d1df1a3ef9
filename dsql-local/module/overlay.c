/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a transaction has done to rows: a log in the order of its doing, and a
 * table by row. Both live in the transaction's memory. */
#include "occ.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

struct row_key {
    Oid table;
    ItemPointerData tid; /* 6 bytes: the key has no holes but at its end */
    uint16 zero;
};

struct row {
    struct row_key key;
    struct overlay_row row;
};

struct note {
    struct row_key key;
    int bits; /* that this note has added */
    SubTransactionId sub;
};

static HTAB *rows;
static struct note *notes;
static size_t note_count, note_size;
static size_t written_count;

static struct row_key
key_of(Oid table, const ItemPointerData *tid)
{
    struct row_key key = {.table = table, .tid = *tid};
    return key;
}

static void
begin(void)
{
    HASHCTL control = {
        .keysize = sizeof(struct row_key),
        .entrysize = sizeof(struct row),
        .hcxt = TopTransactionContext,
    };
    rows = hash_create("dsql_local overlay", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    note_size = 256;
    notes = MemoryContextAllocHuge(TopTransactionContext, note_size * sizeof *notes);
    note_count = written_count = 0;
}

static void
add_note(struct row_key key, int bits)
{
    if (note_count == note_size) {
        note_size *= 2;
        notes = repalloc_huge(notes, note_size * sizeof *notes);
    }
    notes[note_count++] =
        (struct note){.key = key, .bits = bits, .sub = GetCurrentSubTransactionId()};
}

void
overlay_note(Relation table, const ItemPointerData *tid, int bits, CommandId cid,
             const ItemPointerData *replacement)
{
    struct row_key key = key_of(RelationGetRelid(table), tid);
    bool found;
    if (!IsolationUsesXactSnapshot() && limits_apply()) {
        occ_refuse(RULE_ISOLATION, "READ COMMITTED");
    }
    if (rows == NULL) {
        begin();
    }
    struct row *row = hash_search(rows, &key, HASH_ENTER, &found);
    if (!found) {
        row->row = (struct overlay_row){.table = key.table, .tid = *tid};
    }
    int added = bits & ~row->row.bits;
    if (added == 0) {
        return;
    }
    row->row.bits |= added;
    if (added & OVERLAY_WRITTEN) {
        row->row.cid = cid;
        if (replacement != NULL) {
            row->row.replacement = *replacement;
        } else {
            ItemPointerSetInvalid(&row->row.replacement);
        }
        written_count++;
    }
    add_note(key, added);
}

const struct overlay_row *
overlay_written(Oid table, const ItemPointerData *tid)
{
    if (written_count == 0) {
        return NULL;
    }
    struct row_key key = key_of(table, tid);
    const struct row *row = hash_search(rows, &key, HASH_FIND, NULL);
    return row != NULL && (row->row.bits & OVERLAY_WRITTEN) ? &row->row : NULL;
}

bool
overlay_hides(Oid table, const ItemPointerData *tid, CommandId curcid)
{
    const struct overlay_row *row = overlay_written(table, tid);
    return row != NULL && row->cid < curcid;
}

void
overlay_visit(void (*visit)(const struct overlay_row *row, int bits, void *context), void *context)
{
    for (size_t i = 0; i < note_count; i++) {
        const struct row *row = hash_search(rows, &notes[i].key, HASH_FIND, NULL);
        if (row != NULL && notes[i].bits != 0) {
            visit(&row->row, notes[i].bits, context);
        }
    }
}

bool
overlay_is_empty(void)
{
    return note_count == 0;
}

void
overlay_forget(void)
{
    rows = NULL;
    notes = NULL;
    note_count = note_size = written_count = 0;
}

void
overlay_end_sub(SubTransactionId sub, bool committed, SubTransactionId parent)
{
    for (size_t i = note_count; i > 0 && notes[i - 1].sub == sub; i--) {
        struct note *note = &notes[i - 1];
        if (committed) {
            note->sub = parent;
            continue;
        }
        struct row *row = hash_search(rows, &note->key, HASH_FIND, NULL);
        int undone = note->bits & (OVERLAY_WRITTEN | OVERLAY_KEY | OVERLAY_INSERTED);
        row->row.bits &= ~undone;
        written_count -= (undone & OVERLAY_WRITTEN) != 0;
        note->bits &= ~undone;
        note->sub = parent;
    }
}
