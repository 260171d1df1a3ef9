/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* PostgreSQL's replies on their way to the client: ours are swallowed, errors
 * put into the service's words, all else passes as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "service.h"

/* Larger than any message that is looked into; rows pass in pieces. */
#define LOOK_LIMIT ((size_t)64 << 20)

static void
pass(struct local_session *session, const struct dsql__message *message)
{
    dsql__buffer_put(&session->front->out, message->body - 5, message->total);
}

/* ------------------------------------------------------------------- errors */

/* Conflicts that PostgreSQL finds itself, in its catalogs. */
static bool
is_conflict(const char *sqlstate)
{
    return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}

/* P counts characters in what PostgreSQL got; the client counts in its own
 * text. NULL when the place is not the client's. */
static const char *
translate_position(const struct reply *reply, const char *position, char *text, size_t size)
{
    char *end;
    unsigned long place = strtoul(position, &end, 10);
    if (*end != '\0' || place <= reply->sent || place > reply->sent + reply->length + 1) {
        return NULL;
    }
    size_t in_statement = place - reply->sent;
    if (reply->statement != NULL) {
        in_statement = rules_client_place(reply->statement, in_statement);
        if (in_statement == 0) {
            return NULL;
        }
    }
    snprintf(text, size, "%zu", in_statement + reply->original);
    return text;
}

static void
pass_error(struct local_session *session, const struct dsql__message *message,
           const struct reply *reply, struct dsql_diagnostic *diagnostic)
{
    char position[24];
    local_counters_error(&session->server->counters, diagnostic->sqlstate, diagnostic->message);
    bool rewritten = reply != NULL && reply->statement != NULL && !reply->statement->same_positions;
    bool moved = reply != NULL && (rewritten || reply->sent != 0 || reply->original != 0);
    if (reply != NULL && !reply->hidden && (diagnostic->position == NULL || !moved)) {
        pass(session, message);
        return;
    }
    if (diagnostic->position != NULL) {
        diagnostic->position =
            reply != NULL && !reply->hidden
                ? translate_position(reply, diagnostic->position, position, sizeof position)
                : NULL;
    }
    if (reply != NULL && reply->hidden) {
        diagnostic->detail = NULL;
    }
    dsql__diagnostic_put(&session->front->out, 'E', diagnostic);
}

/* Another session's DDL has changed the same rows of the catalog. */
static bool
lost_race(const struct dsql_diagnostic *diagnostic)
{
    const char *schema = diagnostic->schema;
    return strncmp(diagnostic->message, "tuple concurrently ", 19) == 0 ||
           (strcmp(diagnostic->sqlstate, "23505") == 0 && schema != NULL &&
            strcmp(schema, "pg_catalog") == 0);
}

/* What is to be said instead of PostgreSQL's words, or sqlstate NULL. */
static struct refusal
replacement(const struct local_session *session, const struct reply *reply,
            const struct dsql_diagnostic *diagnostic)
{
    struct refusal none = {0};
    const char *sqlstate = diagnostic->sqlstate;
    if (reply == NULL) {
        return none;
    }
    bool ours =
        strcmp(sqlstate, "42883") == 0 || reply->refusal.message == rules_message(RULE_OC001);
    if (reply->refusal.sqlstate != NULL && ours) {
        return reply->refusal;
    }
    bool copy_failed = strncmp(diagnostic->message, "COPY from stdin failed", 22) == 0;
    if (strcmp(sqlstate, "57014") == 0 && !copy_failed) {
        return session_refusal(RULE_OC001); /* cancelled by ourselves: clients cannot */
    }
    if (is_conflict(sqlstate)) {
        return session_refusal(session->transaction.ddl ? RULE_OC001 : RULE_OC000);
    }
    if (strcmp(sqlstate, "53400") == 0 && strstr(diagnostic->message, "temp_file_limit") != NULL) {
        return session_refusal(RULE_TEMP_SPACE);
    }
    if (reply->statement != NULL && reply->statement->kind == RULES_DDL && lost_race(diagnostic)) {
        return session_refusal(RULE_OC001);
    }
    return none;
}

/* The messages behind an error are not answered, up to ReadyForQuery. */
static void
drop_unanswered(struct local_session *session)
{
    struct reply *reply;
    while ((reply = session_first(session)) != NULL && reply->kind != REPLY_READY) {
        if (reply->forget_name) {
            local_names_remove(
                reply->kind == REPLY_PARSE ? &session->statements : &session->portals, reply->name);
        }
        session_pop(session);
    }
}

static void
note_failure(struct local_session *session)
{
    session->transaction.failed = true;
    session->transaction.ddl_done = false;
    session->copy_in = false;
    session->fault.error = (struct refusal){0}; /* one error is enough */
    dsql__buffer_consume(&session->held, dsql__buffer_length(&session->held));
    drop_unanswered(session);
    session->skipping = session_first(session) == NULL;
}

/* The transaction has been aborted by ourselves; its client learns of it when it
 * sends something. */
static void
note_doom(struct local_session *session)
{
    drop_unanswered(session);
    session->transaction.failed = true;
    session->transaction.ddl_done = session->copy_in = session->dooming = false;
    session->doomed = session->deaf = true;
}

/* A statement of the client has its answer. */
static void
count_statement(struct local_session *session, const struct reply *reply)
{
    struct local_counters *counters = &session->server->counters;
    if (reply != NULL && reply->sent_at != 0 && !reply->hidden) {
        local_counters_statement(counters, uv_hrtime() - reply->sent_at);
    } else {
        counters->statements++;
    }
}

static void
on_error(struct local_session *session, const struct dsql__message *message)
{
    struct reply *reply = session_first(session);
    struct dsql_diagnostic diagnostic;
    if (dsql__diagnostic_read(message->body, message->length, &diagnostic) != 0 ||
        diagnostic.sqlstate == NULL || diagnostic.message == NULL) {
        session->broken = true;
        return;
    }
    if (reply != NULL && reply->quiet) {
        note_doom(session);
        return;
    }
    if (reply != NULL && reply->kind == REPLY_READY && !reply->hidden) {
        reply = NULL; /* at the COMMIT of an implicit transaction */
    }
    const struct reply *last = reply != NULL ? session_last(session, 0) : NULL;
    bool silent = last != NULL && last->kind == REPLY_READY && last->hidden;
    struct refusal instead = replacement(session, reply, &diagnostic);
    if (!silent) {
        count_statement(session, reply);
    }
    if (silent) {
        /* Our own Query: nobody asked. */
    } else if (instead.sqlstate != NULL) {
        session_report(session, &instead);
    } else {
        pass_error(session, message, reply, &diagnostic);
    }
    note_failure(session);
}

/* -------------------------------------------------------------- completions */

static void
note_completion(struct local_session *session, const struct rules_statement *statement,
                const char *tag)
{
    struct transaction *transaction = &session->transaction;
    if (statement->kind == RULES_DDL) {
        transaction->ddl_done = true;
    } else if (statement->kind == RULES_COMMIT || statement->kind == RULES_ROLLBACK) {
        if (transaction->ddl_done && strcmp(tag, "COMMIT") == 0) {
            session_catalog_changed(session);
        }
        transaction->ddl_done = false;
        local_counters_transaction(&session->server->counters, strcmp(tag, "COMMIT") == 0);
    }
}

static void
put_tag(struct dsql__buffer *out, const char *tag)
{
    size_t mark = dsql__message_begin(out, 'C');
    dsql__put_string(out, tag);
    dsql__message_end(out, mark);
}

/* RowDescription of one text column, as a job answers it. */
static void
put_job_description(struct dsql__buffer *out)
{
    size_t mark = dsql__message_begin(out, 'T');
    dsql__put_int16(out, 1);
    dsql__put_string(out, "job_id");
    dsql__put_int32(out, 0);
    dsql__put_int16(out, 0);
    dsql__put_int32(out, 25); /* text */
    dsql__put_int16(out, -1);
    dsql__put_int32(out, -1);
    dsql__put_int16(out, 0);
    dsql__message_end(out, mark);
}

static void
put_row(struct dsql__buffer *out, const char *value)
{
    size_t mark = dsql__message_begin(out, 'D');
    dsql__put_int16(out, 1);
    dsql__put_int32(out, (int32_t)strlen(value));
    dsql__buffer_put(out, value, strlen(value));
    dsql__message_end(out, mark);
}

static void
release(struct local_session *session)
{
    dsql__buffer_put(&session->front->out, dsql__buffer_begin(&session->held),
                     dsql__buffer_length(&session->held));
    dsql__buffer_consume(&session->held, dsql__buffer_length(&session->held));
}

/* The last Execute before the Sync of a transaction that ends with it: a COMMIT
 * that fails is that statement's failure, so it is not said to be complete before. */
static bool
ends_implicit(struct local_session *session, const struct reply *reply)
{
    return reply->kind == REPLY_EXECUTE && !session->transaction.block &&
           session->transaction.dml && session->replies_count == 2 &&
           session_last(session, 0)->kind == REPLY_READY;
}

static void
complete_visible(struct local_session *session, const struct reply *reply,
                 const struct dsql__message *message)
{
    bool held = ends_implicit(session, reply) || session_fault_pending(session);
    struct dsql__buffer *out = held ? &session->held : &session->front->out;
    if (reply->job_id[0] != '\0') {
        if (reply->kind == REPLY_STATEMENT) {
            put_job_description(out);
        }
        put_row(out, reply->job_id);
    }
    if (message->type == 'C' && reply->statement != NULL && reply->statement->tag != NULL) {
        put_tag(out, reply->statement->tag);
    } else {
        dsql__buffer_put(out, message->body - 5, message->total);
    }
}

/* CommandComplete, EmptyQueryResponse, PortalSuspended. */
static void
on_completion(struct local_session *session, const struct dsql__message *message)
{
    struct reply *reply = session_first(session);
    bool awaited =
        reply != NULL && (reply->kind == REPLY_EXECUTE || reply->kind == REPLY_STATEMENT);
    bool whole =
        message->type != 'C' || (message->length > 0 && message->body[message->length - 1] == '\0');
    if (!awaited || !whole) {
        session->broken = true;
        return;
    }
    session->transaction.kept |= message->type == 's'; /* an open portal */
    if (reply->statement != NULL && message->type == 'C') {
        note_completion(session, reply->statement, message->body);
    }
    if (!reply->hidden) {
        count_statement(session, reply);
    }
    if (reply->fail) {
        session_report(session, &reply->refusal);
    } else if (!reply->hidden) {
        complete_visible(session, reply, message);
    }
    session_pop(session);
}

/* ParseComplete, BindComplete, CloseComplete. */
static void
on_step(struct local_session *session, const struct dsql__message *message)
{
    struct reply *reply = session_first(session);
    if (reply == NULL || reply->kind > REPLY_CLOSE) {
        session->broken = true;
        return;
    }
    if (!reply->hidden) {
        pass(session, message);
    }
    session_pop(session);
}

/* RowDescription or NoData. */
static void
on_description(struct local_session *session, const struct dsql__message *message)
{
    struct reply *reply = session_first(session);
    if (reply == NULL) {
        session->broken = true;
        return;
    }
    bool job = reply->statement != NULL && reply->statement->job != RULES_JOB_NONE;
    if (job && message->type == 'n') {
        put_job_description(&session->front->out);
    } else if (!reply->hidden) {
        pass(session, message);
    }
    if (reply->kind == REPLY_DESCRIBE) {
        session_pop(session);
    }
}

static void
on_row(struct local_session *session, const struct dsql__message *message)
{
    const struct reply *reply = session_first(session);
    if (reply == NULL || !reply->hidden) {
        const char *show = reply != NULL && reply->statement ? reply->statement->show : NULL;
        const char *value = show ? service_setting(show) : NULL;
        if (value != NULL) {
            put_row(&session->front->out, value);
        } else {
            pass(session, message);
        }
    }
}

/* --------------------------------------------------------------------- COPY */

static void
on_copy_in(struct local_session *session, const struct dsql__message *message)
{
    struct reply *reply = session_first(session);
    if (reply == NULL || session->fault.drop) { /* its data would be waited for */
        session->broken = true;
        return;
    }
    pass(session, message);
    session->copy_in = true;
    session->copy_extended = reply->kind == REPLY_EXECUTE;
    if (session->copy_extended && session_last(session, 0)->kind == REPLY_READY) {
        /* PostgreSQL ignores a Sync while it copies; the client sends another. */
        session->replies_count--;
        session->busy = false;
    }
}

/* -------------------------------------------------------------- ReadyForQuery */

static void
begin_next(struct local_session *session, char status)
{
    session->status = status;
    session->busy = session->copy_in = session->copy_extended = session->skipping =
        session->cancelled = false;
    if (status == 'I') {
        if (session->transaction.ddl_done) {
            session_catalog_changed(session);
        }
        session_ended(session);
        if (session->transaction.worked || session->transaction.failed) {
            local_counters_transaction(&session->server->counters, !session->transaction.failed);
        }
        session->transaction = (struct transaction){0};
        session_keep_ddl(session, NULL, NULL);
        session->parked = false;
        local_names_clear(&session->portals);
        return;
    }
    session->transaction.block = true;
    session->transaction.failed = status == 'E';
}

static void
on_ready(struct local_session *session, const struct dsql__message *message)
{
    drop_unanswered(session);
    struct reply *reply = session_first(session);
    if (reply == NULL || message->length != 1) {
        session->broken = true;
        return;
    }
    bool hidden = reply->hidden;
    session_pop(session);
    session_fault_strike(session);
    if (session->broken) {
        return;
    }
    if (!hidden) {
        release(session);
        pass(session, message);
    }
    if (hidden && session->doomed) {
        session->status = 'E';
        session->busy = false;
        return; /* the client believes its transaction to be alive */
    }
    begin_next(session, message->body[0]);
}

/* ------------------------------------------------------------------ dispatch */

static void
handle(struct local_session *session, const struct dsql__message *message)
{
    const struct reply *reply = session_first(session);
    switch (message->type) {
    case 'D':
        on_row(session, message);
        break;
    case 'C':
    case 'I':
    case 's':
        on_completion(session, message);
        break;
    case '1':
    case '2':
    case '3':
        on_step(session, message);
        break;
    case 'T':
    case 'n':
        on_description(session, message);
        break;
    case 'E':
        on_error(session, message);
        break;
    case 'Z':
        on_ready(session, message);
        break;
    case 'G':
        on_copy_in(session, message);
        break;
    case 'S':
        service_pass_parameter(&session->front->out, message);
        break;
    case 'N':
        if (reply == NULL || !reply->hidden) {
            pass(session, message);
        }
        break;
    default: /* H, d, c, t, A and what a later version may add */
        pass(session, message);
        break;
    }
}

/* Rows and COPY data need not be complete to be passed on. */
static bool
pass_piece(struct local_session *session)
{
    struct dsql__buffer *in = &session->back->in;
    size_t piece = dsql__buffer_length(in);
    if (piece > session->passing) {
        piece = session->passing;
    }
    if (piece == 0) {
        return false;
    }
    dsql__buffer_put(&session->front->out, dsql__buffer_begin(in), piece);
    dsql__buffer_consume(in, piece);
    session->passing -= piece;
    return true;
}

/* False: more bytes are needed. */
static bool
take_message(struct local_session *session)
{
    struct dsql__buffer *in = &session->back->in;
    struct dsql__message message;
    if (session->passing > 0) {
        return pass_piece(session);
    }
    size_t length = dsql__buffer_length(in);
    int more = dsql__message_peek(dsql__buffer_begin(in), length, INT32_MAX, true, &message);
    if (more == 0 && length < message.total) {
        const struct reply *reply = session_first(session);
        bool row = message.type == 'D' && reply != NULL && !reply->hidden &&
                   (reply->statement == NULL || reply->statement->show == NULL);
        if (row || message.type == 'd') {
            session->passing = message.total;
            return pass_piece(session);
        }
        more = message.total > LOOK_LIMIT ? DSQL_E_PROTOCOL : DSQL__MORE;
    }
    if (more != 0) {
        session->broken |= more < 0;
        return false;
    }
    handle(session, &message);
    dsql__buffer_consume(in, message.total);
    return true;
}

/* Takes a message. What comes behind something that is held back is held back,
 * too, and nobody hears what comes before a connection that is to end. */
static bool
take_in_order(struct local_session *session)
{
    struct dsql__buffer *out = &session->front->out, *held = &session->held;
    size_t before = dsql__buffer_length(out);
    bool behind = dsql__buffer_length(held) > 0;
    bool took = take_message(session);
    size_t after = dsql__buffer_length(out);
    bool kept_back = behind && dsql__buffer_length(held) > 0;
    if (after > before && (session->fault.drop || kept_back)) {
        if (!session->fault.drop) {
            dsql__buffer_put(held, dsql__buffer_begin(out) + before, after - before);
        }
        out->end = out->start + before;
    }
    return took;
}

void
local_session_from_postgres(struct local_session *session)
{
    bool could_read_on = session_may_read_on(session);
    while (!session->broken && take_in_order(session)) {
    }
    if (session->front->out.failed || session->held.failed) {
        session->broken = true;
    }
    if (session->broken) {
        return;
    }
    dsql__buffer_trim(&session->back->in);
    local_stream_update(session->front);
    session->back->paused = session->front->above_high;
    if ((!could_read_on && session_may_read_on(session)) || session->copy_in) {
        local_session_from_client(session);
    } else {
        local_stream_update(session->back);
    }
}
