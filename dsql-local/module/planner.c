/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Plans that would answer without looking at the rows: index-only scans, and
 * bitmap scans that merely count, trust the visibility map, which knows nothing
 * of overlays. */
#include "occ.h"

#include "nodes/pathnodes.h"
#include "optimizer/plancat.h"
#include "access/table.h"

static get_relation_info_hook_type info_before;

static void
on_relation_info(PlannerInfo *root, Oid oid, bool inherited, RelOptInfo *info)
{
    if (info_before != NULL) {
        info_before(root, oid, inherited, info);
    }
    ListCell *cell;
    if (info->indexlist == NIL) {
        return;
    }
    Relation relation = table_open(oid, NoLock);
    bool ours = occ_is_table(relation);
    table_close(relation, NoLock);
    foreach (cell, ours ? info->indexlist : NIL) {
        IndexOptInfo *index = lfirst(cell);
        index->amhasgetbitmap = false;
        for (int i = 0; i < index->ncolumns; i++) {
            index->canreturn[i] = false;
        }
    }
}

void
planner_install(void)
{
    info_before = get_relation_info_hook;
    get_relation_info_hook = on_relation_info;
}
