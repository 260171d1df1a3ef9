/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Optimistic concurrency inside PostgreSQL: the module that dsql-local loads
 * into its server.
 *
 * Tables of users are heaps whose rows nobody locks. What a transaction does to
 * rows that others can see (delete, update, FOR UPDATE, FOR KEY SHARE) is only
 * noted in its *overlay*; its own scans pass over the rows that it has deleted
 * or replaced. Nothing of it is visible to, or waited for by, anybody. At COMMIT,
 * one transaction at a time, the notes are compared with what others have
 * committed since the snapshot; if nothing stands against them they are carried
 * out, otherwise the transaction ends with 40001 (OC000).
 *
 * New rows, and new versions of rows, go into the heap at once: nobody else can
 * see them before COMMIT. A unique index asks the table which of the rows under
 * a key are alive; it is told of those of the transaction's own view, so it
 * neither waits nor sees what was committed since. Keys are compared once more
 * at COMMIT.
 *
 * Everything here runs in a PostgreSQL backend, under its memory contexts and
 * its error handling: functions end by ereport() where they cannot go on. */
#ifndef DSQL_OCC_H
#define DSQL_OCC_H

#include "postgres.h"

#include "access/tableam.h"
#include "nodes/nodes.h"
#include "storage/itemptr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "../rules/rules-table.h"

/* The rules of the endpoint's table that are raised here. */
enum occ_rule {
#define OCC_RULE(name, sqlstate, message, section) name,
    RULES_TABLE(OCC_RULE)
#undef OCC_RULE
};

/* Ends the statement by a rule; argument is what its message asks for, or NULL. */
pg_attribute_noreturn() void occ_refuse(enum occ_rule rule, const char *argument);

/* ---------------------------------------------------------------- the overlay */

enum overlay_bits {
    OVERLAY_WRITTEN = 1,    /* deleted or replaced by this transaction */
    OVERLAY_KEY = 2,        /* ... deleted, or replaced with other key columns */
    OVERLAY_FOR_UPDATE = 4, /* read FOR UPDATE */
    OVERLAY_KEY_SHARE = 8,  /* read FOR KEY SHARE, also by a foreign key's check */
    OVERLAY_INSERTED = 16,  /* a row of our own, whose unique keys are checked at COMMIT */
};

struct overlay_row {
    Oid table;
    ItemPointerData tid;
    int bits;
    CommandId cid;               /* WRITTEN: of the command that did it */
    ItemPointerData replacement; /* WRITTEN by an update: the new version */
};

/* Notes that the running subtransaction has done something to a row. The bits
 * are added to those that the row has. Where the subtransaction is rolled back,
 * changes are undone; what was read stays read, since its rows were shown.
 * replacement may be NULL. */
void overlay_note(Relation table, const ItemPointerData *tid, int bits, CommandId cid,
                  const ItemPointerData *replacement);
/* The row's note if it is WRITTEN, borrowed until the next call; else NULL. */
const struct overlay_row *overlay_written(Oid table, const ItemPointerData *tid);
/* Whether the row is deleted or replaced as seen by a command of this number. */
bool overlay_hides(Oid table, const ItemPointerData *tid, CommandId curcid);
/* Calls visit for each note in the order in which they were made. */
void overlay_visit(void (*visit)(const struct overlay_row *row, int bits, void *context),
                   void *context);
bool overlay_is_empty(void);
/* The end of a transaction (its memory goes with it), or of a subtransaction. */
void overlay_forget(void);
void overlay_end_sub(SubTransactionId sub, bool committed, SubTransactionId parent);

/* ---------------------------------------------------------------- the table */

extern const TableAmRoutine *occ_table_am(void);
/* Whether a relation is a table of this kind. */
bool occ_is_table(Relation relation);
/* While > 0, DDL runs: newest snapshots are what it looks through. */
extern int occ_utility_depth;

/* ---------------------------------------------------------------- COMMIT */

/* Compares and carries out the overlay; ends by ereport() on a conflict. */
void commit_overlay(void);
/* Whether commit_overlay() is at work, when a unique index that asks of a row is
 * to be told what has been committed. */
extern bool commit_running;

/* Rows that committed transactions have read FOR UPDATE or FOR KEY SHARE, which
 * their headers do not tell: shared memory, used under the commit lock only. */
void record_request(void); /* at start: how much shared memory */
void record_startup(void);
/* Whether a transaction that the snapshot does not see has left one of these
 * bits (FOR_UPDATE, KEY_SHARE) on the row. */
bool record_conflicts(Oid table, const ItemPointerData *tid, int bits, Snapshot snapshot);
void record_leave(Oid table, const ItemPointerData *tid, int bits, TransactionId xid);

/* ---------------------------------------------------------------- limits */

void limits_define(void); /* the settings */
/* Whether there are limits: for clients, unless they are off. */
bool limits_apply(void);
/* Counts changed rows and bytes of this transaction; ends by 54000 above the
 * limit of rows. */
void limits_count(int rows, Size bytes);
/* At COMMIT: bytes and age; ends by 54000. */
void limits_check_commit(void);
void limits_check_age(void); /* within a statement that takes its time */
void limits_forget(void);

/* Sees to it that entries of the table's indexes are measured. */
void entries_watch(Relation table);
void entries_install(void);
/* A row of so many bytes and its columns must not be too large. */
void entries_check_row(TupleTableSlot *slot, Size size);

/* ---------------------------------------------------------------- hooks */

/* Refuses DDL that goes against what the catalog holds. */
void catalog_check(const Node *statement);

void planner_install(void);
void utility_install(void);

#endif
