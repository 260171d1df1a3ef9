/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Asynchronous DDL, and the building of indexes in general.
 *
 * The endpoint announces a job by SELECT dsql_local_async('id', at_once); the DDL
 * that follows becomes the job's. CREATE INDEX builds the index right away, but
 * without looking for duplicates, so that it never fails for the rows that are
 * there; then the index becomes unique if it is to be, enforced for new rows, and
 * is not valid until the job has ended well. ALTER TABLE ... VALIDATE CONSTRAINT
 * only sees whether it could begin. At once means: the job runs at the end of the
 * statement, in its transaction. Else the endpoint runs it later. What the job does
 * is in bootstrap.sql, which calls back here for what SQL cannot do. */
#ifndef DSQL_JOBS_H
#define DSQL_JOBS_H

#include "postgres.h"

#include "tcop/utility.h"

/* A call of ProcessUtility: all borrowed. */
struct utility_call {
    ProcessUtility_hook_type next; /* what is to run it */
    PlannedStmt *statement;
    const char *sql;
    bool read_only_tree;
    ProcessUtilityContext context;
    ParamListInfo parameters;
    QueryEnvironment *environment;
    DestReceiver *receiver;
    QueryCompletion *completion;
};

void jobs_install(void);
/* Runs a utility statement, as a job's if one was announced. */
void jobs_utility(const struct utility_call *call);
/* Runs a text as another user, under a restriction (SECURITY_...); types and values
 * are those of its count parameters. */
void jobs_execute_as(Oid user, int restriction, const char *sql, int count, Oid *types,
                     Datum *values);
/* The end of a transaction: what was announced is forgotten. */
void jobs_forget(void);

#endif
