/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* DDL that a job was announced for; see jobs.h. */
#include "jobs.h"

#include "occ.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(dsql_local_async);
PG_FUNCTION_INFO_V1(dsql_local_index_set_valid);

/* A job to come. */
struct job {
    char id[64];
    bool announced;
    bool at_once; /* to be done by the end of the statement */
};

static struct job next_job;
static bool sync_disabled = true;
static bool batched_nestloop = true;

static object_access_hook_type access_before;
static Oid *made; /* where the first relation that is made is to be noted */

Datum
dsql_local_async(PG_FUNCTION_ARGS)
{
    text_to_cstring_buffer(PG_GETARG_TEXT_PP(0), next_job.id, sizeof next_job.id);
    next_job.at_once = PG_GETARG_BOOL(1);
    next_job.announced = true;
    PG_RETURN_VOID();
}

void
jobs_forget(void)
{
    next_job.announced = false;
    made = NULL;
}

static void
run(const struct utility_call *call, PlannedStmt *statement)
{
    call->next(statement, call->sql, call->read_only_tree, call->context, call->parameters,
               call->environment, call->receiver, call->completion);
}

/* ----------------------------------------------------------------- the jobs' table */

void
jobs_execute_as(Oid user, int restriction, const char *sql, int count, Oid *types, Datum *values)
{
    Oid user_before;
    int context;
    GetUserIdAndSecContext(&user_before, &context);
    SetUserIdAndSecContext(user, context | restriction);
    if (SPI_connect() != SPI_OK_CONNECT ||
        SPI_execute_with_args(sql, count, types, values, NULL, false, 0) < 0) {
        elog(ERROR, "cannot run %s", sql);
    }
    SPI_finish();
    SetUserIdAndSecContext(user_before, context);
}

static void
execute(const char *sql, int count, Oid *types, Datum *values)
{
    jobs_execute_as(BOOTSTRAP_SUPERUSERID, SECURITY_LOCAL_USERID_CHANGE, sql, count, types, values);
}

/* Records a job, and runs it if that is to be done at once; object may be invalid:
 * there is nothing to do. */
static void
submit(const struct job *job, const char *type, Oid class, Oid object)
{
    Oid types[] = {TEXTOID, TEXTOID, OIDOID, OIDOID};
    Datum values[] = {CStringGetTextDatum(job->id), CStringGetTextDatum(type),
                      ObjectIdGetDatum(class), ObjectIdGetDatum(object)};
    CommandCounterIncrement();
    execute(
        "INSERT INTO pg_dsql_local.jobs (job_id, status, job_type, class_id, object_id,"
        " object_name, start_time, update_time)"
        " VALUES ($1, 'submitted', $2, $3, nullif($4, 0), pg_catalog.dsql_local_job_object($3, $4),"
        " pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp())",
        4, types, values);
    if (job->at_once || !OidIsValid(object)) {
        execute("SELECT pg_catalog.dsql_local_job_run($1)", 1, types, values);
    }
    CommandCounterIncrement();
}

/* ------------------------------------------------------------------- CREATE INDEX */

static void
on_object_access(ObjectAccessType access, Oid class, Oid object, int part, void *argument)
{
    if (access_before != NULL) {
        access_before(access, class, object, part, argument);
    }
    if (made != NULL && access == OAT_POST_CREATE && class == RelationRelationId && part == 0) {
        *made = object;
        made = NULL;
    }
}

static void
set_flags(Oid index, bool unique, bool valid)
{
    Relation catalog = table_open(IndexRelationId, RowExclusiveLock);
    HeapTuple tuple = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple)) {
        elog(ERROR, "index %u is not there", index);
    }
    Form_pg_index form = (Form_pg_index)GETSTRUCT(tuple);
    form->indisunique |= unique;
    form->indisvalid = valid;
    CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
    CacheInvalidateRelcacheByRelid(form->indrelid);
    heap_freetuple(tuple);
    table_close(catalog, RowExclusiveLock);
    CommandCounterIncrement();
}

static void
create_index(const struct utility_call *call, const struct job *job)
{
    PlannedStmt *statement = copyObject(call->statement);
    IndexStmt *create = castNode(IndexStmt, statement->utilityStmt);
    bool unique = create->unique;
    Oid index = InvalidOid;
    create->unique = false; /* duplicates are for the job to find */
    made = &index;
    run(call, statement);
    made = NULL;
    if (OidIsValid(index)) { /* else IF NOT EXISTS, and it did */
        CommandCounterIncrement();
        set_flags(index, unique, false);
    }
    submit(job, "INDEX_BUILD", RelationRelationId, index);
}

Datum
dsql_local_index_set_valid(PG_FUNCTION_ARGS)
{
    set_flags(PG_GETARG_OID(0), false, true);
    PG_RETURN_VOID();
}

/* --------------------------------------------------------- CREATE INDEX without ASYNC */

static bool
is_empty(Oid oid)
{
    Relation table = table_open(oid, AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);
    TupleTableSlot *slot = table_slot_create(table, NULL);
    bool empty = !table_scan_getnextslot(scan, ForwardScanDirection, slot);
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(table, AccessShareLock);
    return empty;
}

/* Allowed on empty tables, where the session says so; a table that is not there,
 * or none, is PostgreSQL's to refuse. */
static void
check_sync_index(const IndexStmt *create)
{
    Oid table = InvalidOid;
    if (superuser()) {
        return; /* the endpoint itself */
    }
    if (!sync_disabled) {
        table = RangeVarGetRelid(create->relation, AccessShareLock, true);
        if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_RELATION || is_empty(table)) {
            return;
        }
    }
    occ_refuse(RULE_INDEX_SYNC, NULL);
}

/* ------------------------------------------------------------ VALIDATE CONSTRAINT */

/* The constraint that is to be validated; ends by ereport() where PostgreSQL could
 * not begin. */
static Oid
constraint_to_validate(Oid table, const char *name)
{
    Oid oid = get_relation_constraint_oid(table, name, true);
    if (!OidIsValid(oid)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("constraint \"%s\" of relation \"%s\" does not exist", name,
                               get_rel_name(table))));
    }
    HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(oid));
    if (!HeapTupleIsValid(tuple)) {
        elog(ERROR, "constraint %u is not there", oid);
    }
    char type = ((Form_pg_constraint)GETSTRUCT(tuple))->contype;
    ReleaseSysCache(tuple);
    if (type != CONSTRAINT_CHECK && type != CONSTRAINT_FOREIGN) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("constraint \"%s\" of relation \"%s\" is not a foreign key or "
                               "check constraint",
                               name, get_rel_name(table))));
    }
    return oid;
}

static void
validate_constraint(const struct utility_call *call, const struct job *job)
{
    AlterTableStmt *alter = castNode(AlterTableStmt, call->statement->utilityStmt);
    AlterTableCmd *command = linitial_node(AlterTableCmd, alter->cmds);
    if (list_length(alter->cmds) != 1 || command->subtype != AT_ValidateConstraint) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("ALTER TABLE ASYNC takes one VALIDATE CONSTRAINT and nothing "
                               "else")));
    }
    Oid table = AlterTableLookupRelation(alter, ShareUpdateExclusiveLock);
    if (!OidIsValid(table)) {
        run(call, call->statement); /* IF EXISTS: PostgreSQL says that there is none */
        submit(job, "VALIDATE_CONSTRAINT", ConstraintRelationId, InvalidOid);
        return;
    }
    submit(job, "VALIDATE_CONSTRAINT", ConstraintRelationId,
           constraint_to_validate(table, command->name));
    if (call->completion != NULL) {
        SetQueryCompletion(call->completion, CMDTAG_ALTER_TABLE, 0);
    }
}

/* ------------------------------------------------------------------------- hooks */

void
jobs_utility(const struct utility_call *call)
{
    const Node *node = call->statement->utilityStmt;
    struct job job = {.announced = false};
    if (call->context <= PROCESS_UTILITY_QUERY) { /* not a part of another statement */
        job = next_job;
        next_job.announced = false;
    }
    if (job.announced && IsA(node, IndexStmt)) {
        create_index(call, &job);
    } else if (job.announced && IsA(node, AlterTableStmt)) {
        validate_constraint(call, &job);
    } else {
        if (IsA(node, IndexStmt) && call->context <= PROCESS_UTILITY_QUERY) {
            check_sync_index((const IndexStmt *)node);
        }
        run(call, call->statement);
    }
}

void
jobs_install(void)
{
    DefineCustomBoolVariable("disable_sync_create_index",
                             "Whether CREATE INDEX without ASYNC is refused.", NULL, &sync_disabled,
                             true, PGC_USERSET, 0, NULL, NULL, NULL);
    DefineCustomBoolVariable("dsql.enable_batched_nestloop",
                             "Accepted; the planner does not know it.", NULL, &batched_nestloop,
                             true, PGC_USERSET, 0, NULL, NULL, NULL);
    access_before = object_access_hook;
    object_access_hook = on_object_access;
}
