/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sizes of what goes into tables and indexes. An index has no hook for its
 * entries: where a table of ours gets a row, the insert function of its indexes
 * is wrapped, in the copy of the functions that the relation cache keeps for
 * each index. A change of that cache makes us look again. */
#include "occ.h"

#include "access/amapi.h"
#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "utils/inval.h"

/* What a live cluster takes for a key; a column, a row: user guide. */
#define KEY_MAX ((Size)1981)
#define COLUMN_MAX ((Size)1 << 20)
#define ROW_MAX ((Size)2 << 20)

static aminsert_function btree_insert; /* PostgreSQL's own */
static Oid wrapped_table;              /* whose indexes are known to be wrapped */

static Size
key_size(Relation index, const Datum *values, const bool *nulls)
{
    TupleDesc descriptor = RelationGetDescr(index);
    Size size = 0;
    for (int i = 0; i < index->rd_index->indnkeyatts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        if (nulls[i]) {
            continue;
        }
        size += attribute->attlen == -1 ? toast_raw_datum_size(values[i]) - VARHDRSZ
                                        : (Size)Max(attribute->attlen, 0);
    }
    return size;
}

static bool
insert_entry(Relation index, Datum *values, bool *nulls, ItemPointer tid, Relation table,
             IndexUniqueCheck check, bool unchanged, struct IndexInfo *info)
{
    if (check != UNIQUE_CHECK_EXISTING) {
        if (limits_apply() && key_size(index, values, nulls) > KEY_MAX) {
            occ_refuse(RULE_KEY_SIZE, NULL);
        }
        limits_count(0, heap_compute_data_size(RelationGetDescr(index), values, nulls));
    }
    return btree_insert(index, values, nulls, tid, table, check, unchanged, info);
}

void
entries_watch(Relation table)
{
    ListCell *cell;
    if (table->rd_id == wrapped_table || !table->rd_rel->relhasindex) {
        return;
    }
    List *oids = RelationGetIndexList(table);
    foreach (cell, oids) {
        Relation index = index_open(lfirst_oid(cell), NoLock);
        if (index->rd_indam->aminsert != insert_entry) {
            btree_insert = index->rd_indam->aminsert;
            index->rd_indam->aminsert = insert_entry;
        }
        index_close(index, NoLock);
    }
    list_free(oids);
    wrapped_table = table->rd_id;
}

static void
on_change(Datum argument, Oid relation)
{
    wrapped_table = InvalidOid;
}

void
entries_install(void)
{
    CacheRegisterRelcacheCallback(on_change, (Datum)0);
}

void
entries_check_row(TupleTableSlot *slot, Size size)
{
    if (size <= COLUMN_MAX || !limits_apply()) {
        return;
    }
    slot_getallattrs(slot);
    for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++) {
        if (!slot->tts_isnull[i] && TupleDescAttr(slot->tts_tupleDescriptor, i)->attlen == -1 &&
            toast_raw_datum_size(slot->tts_values[i]) - VARHDRSZ > COLUMN_MAX) {
            occ_refuse(RULE_COLUMN_SIZE, NULL);
        }
    }
    if (size > ROW_MAX) {
        occ_refuse(RULE_ROW_SIZE, NULL);
    }
}
