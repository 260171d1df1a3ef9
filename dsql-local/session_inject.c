/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* --inject carried out: faults that a session would otherwise see now and then.
 * What is decided before a message goes to PostgreSQL takes the way of a rule's
 * refusal; what is to happen after PostgreSQL has done its part waits in
 * session->fault until ReadyForQuery, and completions are kept back until then,
 * with all that comes behind them. */
#include "server.h"

/* Sets the fault of a COMMIT that goes through, or the refusal of one that does
 * not. False: no fault, or only after the COMMIT. */
static bool
fails_commit(struct local_session *session, struct refusal *refusal)
{
    struct local_inject *inject = &session->server->inject;
    if (local_inject_decides(inject, INJECT_OCC)) {
        *refusal = session_refusal(RULE_OC000);
        return true;
    }
    if (!local_inject_decides(inject, INJECT_UNAVAILABLE)) {
        return false;
    }
    if (local_inject_tosses(inject)) {
        session->fault.error = session_refusal(RULE_UNAVAILABLE);
        return false;
    }
    *refusal = session_refusal(RULE_UNAVAILABLE);
    return true;
}

/* The connection is to end, before the statement (true) or after it. */
static bool
drops_before(struct local_session *session)
{
    struct local_inject *inject = &session->server->inject;
    if (!local_inject_decides(inject, INJECT_DROP)) {
        return false;
    }
    if (local_inject_tosses(inject)) {
        session->fault.drop = true;
        return false;
    }
    session->broken = true;
    return true;
}

enum verdict
session_inject(struct local_session *session, const struct rules_statement *statement,
               struct refusal *refusal)
{
    const struct transaction *transaction = &session->transaction;
    if (!session->server->inject.any || transaction->failed) {
        return VERDICT_SEND;
    }
    if (drops_before(session)) {
        *refusal = session_refusal(RULE_OC001); /* nobody hears it */
        return VERDICT_REFUSE;
    }
    if (statement->kind == RULES_COMMIT) {
        bool wrote = transaction->block && transaction->dml;
        return wrote && fails_commit(session, refusal) ? VERDICT_ROLLBACK_INSTEAD : VERDICT_SEND;
    }
    if (local_inject_decides(&session->server->inject, INJECT_OC001)) {
        *refusal = session_refusal(RULE_OC001);
        return VERDICT_REFUSE;
    }
    return VERDICT_SEND;
}

/* A COPY of the extended protocol has been asked for: PostgreSQL takes nothing
 * else until it is through, and the Sync that counts is the one after it. */
static bool
copy_is_to_come(struct local_session *session)
{
    const struct reply *last = session->replies_count > 0 ? session_last(session, 0) : NULL;
    return last != NULL && last->kind == REPLY_EXECUTE && last->statement != NULL &&
           last->statement->copy == RULES_COPY_IN && !session->copy_extended;
}

bool
session_inject_at_end(struct local_session *session, struct refusal *refusal)
{
    const struct transaction *transaction = &session->transaction;
    if (!session->server->inject.any || session->broken || session->skipping ||
        transaction->block || transaction->failed || !transaction->dml ||
        copy_is_to_come(session)) {
        return false;
    }
    session->fault.failing = fails_commit(session, refusal);
    return session->fault.failing;
}

bool
session_fault_pending(const struct local_session *session)
{
    return session->fault.drop || session->fault.failing || session->fault.error.sqlstate != NULL;
}

void
session_fault_strike(struct local_session *session)
{
    struct session_fault fault = session->fault;
    session->fault = (struct session_fault){0};
    if (fault.drop) {
        session->broken = true;
    } else if (fault.error.sqlstate != NULL) {
        dsql__buffer_consume(&session->held, dsql__buffer_length(&session->held));
        session_report(session, &fault.error);
    }
}
