/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The state of a session: awaited replies, the transaction as the rules see
 * it, and the client's messages handed to the protocol they belong to. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "server.h"

/* The service closes the connection without a word above this size. */
#define MESSAGE_LIMIT ((size_t)10 << 20)
/* What a client may send ahead of a batch under way. */
#define AHEAD_LIMIT ((size_t)1 << 18)
/* Replies awaited at a time; more than fit into what PostgreSQL keeps back
 * (8 KB) until it is told to flush. */
#define REPLIES_LIMIT 4096

/* ------------------------------------------------------------ awaited replies */

static struct reply *
reply_at(struct local_session *session, size_t index)
{
    return &session->replies[(session->replies_first + index) % session->replies_size];
}

static bool
replies_grow(struct local_session *session)
{
    size_t size = session->replies_size ? session->replies_size * 2 : 16;
    struct reply *grown = calloc(size, sizeof *grown);
    if (grown == NULL) {
        session->broken = true;
        return false;
    }
    for (size_t i = 0; i < session->replies_count; i++) {
        grown[i] = *reply_at(session, i);
    }
    free(session->replies);
    session->replies = grown;
    session->replies_size = size;
    session->replies_first = 0;
    return true;
}

struct reply *
session_expect(struct local_session *session, enum reply_kind kind)
{
    if (session->replies_count == session->replies_size && !replies_grow(session)) {
        return NULL;
    }
    if (session->replies_count == 0) {
        session->busy_since = uv_now(&session->server->loop);
        session->look_at = session->busy_since + WATCH_FIRST_LOOK_MS;
        local_watch_busy(&session->server->watch);
    }
    struct reply *reply = reply_at(session, session->replies_count++);
    *reply = (struct reply){.kind = kind};
    if (kind == REPLY_EXECUTE || kind == REPLY_STATEMENT) {
        reply->sent_at = uv_hrtime();
    }
    return reply;
}

struct reply *
session_first(struct local_session *session)
{
    return session->replies_count ? reply_at(session, 0) : NULL;
}

struct reply *
session_last(struct local_session *session, size_t back)
{
    return reply_at(session, session->replies_count - 1 - back);
}

void
session_pop(struct local_session *session)
{
    struct reply *reply = reply_at(session, 0);
    local_text_free(reply->text);
    free(reply->name);
    *reply = (struct reply){0};
    session->replies_first = (session->replies_first + 1) % session->replies_size;
    session->replies_count--;
}

/* ---------------------------------------------------------------- life */

void
local_session_start(struct local_session *session, struct local_server *server,
                    struct local_stream *front, struct local_stream *back)
{
    *session = (struct local_session){
        .server = server,
        .front = front,
        .back = back,
        .status = 'I',
        .catalog_seen = server->catalog,
    };
}

void
local_session_clear(struct local_session *session)
{
    while (session->replies_count > 0) {
        session_pop(session);
    }
    free(session->replies);
    session->replies = NULL;
    session->replies_size = 0;
    session_keep_ddl(session, NULL, NULL);
    local_names_clear(&session->statements);
    local_names_clear(&session->portals);
    dsql__buffer_clear(&session->held);
}

/* ---------------------------------------------------------------- the rules */

struct refusal
session_refusal(int rule)
{
    return (struct refusal){.sqlstate = rules_sqlstate(rule), .message = rules_message(rule)};
}

bool
session_uses_catalog(const struct rules_statement *statement)
{
    return statement->kind == RULES_READ || statement->kind == RULES_DML ||
           statement->kind == RULES_DDL;
}

/* A catalog change that this session has not been told of. */
bool
session_judge_catalog(struct local_session *session, struct refusal *refusal)
{
    if (!session->doomed && session->catalog_seen >= session->server->catalog) {
        return false;
    }
    session->catalog_seen = session->server->catalog;
    session->doomed = false;
    *refusal = session_refusal(RULE_OC001);
    return true;
}

static enum verdict
judge_mix(const struct transaction *transaction, enum rules_kind kind, struct refusal *refusal)
{
    int rule = rules_beside(transaction->ddl, transaction->dml, kind);
    if (rule == RULES_ALLOWED) {
        return VERDICT_SEND;
    }
    *refusal = session_refusal(rule);
    return VERDICT_REFUSE;
}

enum verdict
session_judge(struct local_session *session, const struct rules_statement *statement,
              struct refusal *refusal)
{
    const struct transaction *transaction = &session->transaction;
    switch (statement->kind) {
    case RULES_COMMIT:
        if (transaction->block && (transaction->worked || session->doomed) &&
            session_judge_catalog(session, refusal)) {
            return VERDICT_ROLLBACK_INSTEAD;
        }
        return session_inject(session, statement, refusal);
    case RULES_ROLLBACK:
        session->doomed = false;
        return VERDICT_SEND;
    case RULES_READ:
    case RULES_DML:
    case RULES_DDL:
    case RULES_SESSION:
    case RULES_BEGIN:
    case RULES_EMPTY:
        break;
    }
    if (session->doomed && session_judge_catalog(session, refusal)) {
        return VERDICT_REFUSE;
    }
    if (transaction->failed) {
        return VERDICT_SEND; /* PostgreSQL answers 25P02 */
    }
    if (rules_refuses(statement)) {
        *refusal = (struct refusal){statement->sqlstate, statement->message, statement->hint};
        return VERDICT_REFUSE;
    }
    if (session_uses_catalog(statement)) {
        if (session_judge_catalog(session, refusal) ||
            judge_mix(transaction, statement->kind, refusal) == VERDICT_REFUSE) {
            return VERDICT_REFUSE;
        }
        return session_inject(session, statement, refusal);
    }
    return VERDICT_SEND;
}

void
session_note_sent(struct local_session *session, const struct rules_statement *statement)
{
    struct transaction *transaction = &session->transaction;
    switch (statement->kind) {
    case RULES_BEGIN:
        transaction->block = true;
        break;
    case RULES_COMMIT:
    case RULES_ROLLBACK:
        /* Its completion tells whether the catalog has changed. */
        *transaction = (struct transaction){.ddl_done = transaction->ddl_done};
        break;
    case RULES_DDL:
        transaction->ddl = transaction->worked = true;
        break;
    case RULES_DML:
        transaction->dml = transaction->worked = true;
        break;
    case RULES_READ:
        transaction->worked = true;
        break;
    case RULES_SESSION:
        transaction->kept |= transaction->ddl; /* a setting */
        break;
    case RULES_EMPTY:
        break;
    }
}

void
session_keep_ddl(struct local_session *session, const char *sql, const char *job)
{
    free(session->ddl);
    free(session->ddl_job);
    session->ddl = sql != NULL ? strdup(sql) : NULL;
    session->ddl_job = job != NULL ? strdup(job) : NULL;
    session->broken |=
        (sql != NULL && session->ddl == NULL) || (job != NULL && session->ddl_job == NULL);
}

bool
session_wants_savepoint(struct local_session *session)
{
    struct transaction *transaction = &session->transaction;
    bool wanted = transaction->block && !transaction->failed && !transaction->undo;
    transaction->undo |= wanted;
    return wanted;
}

/* ---------------------------------------------------------------- giving way */

bool
local_session_is_open(const struct local_session *session)
{
    return session->status != 'I' || session->unsynced;
}

/* Aborts what waits for its client; OC001 is told at its next statement. */
static void
doom(struct local_session *session)
{
    if (session->unsynced) {
        session->dooming = true;
        session_abort_extended(session);
    } else {
        session->doomed = true;
        session_query_hidden(session, SESSION_REFUSED);
    }
    local_stream_update(session->back);
}

static void
cancel_done(void *context, const struct dsql_error *error)
{
    (void)context;
    (void)error; /* it had ended by itself */
}

static void
cancel(struct local_session *session)
{
    static const struct local_upstream_events events = {.end = cancel_done};
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_catalog.pg_cancel_backend(%d)", session->backend_pid);
    session->cancelled =
        local_upstream_query(&session->server->watch.cancels, sql, &events, NULL) == 0;
}

void
local_session_give_way(struct local_session *session, const struct local_session *to)
{
    const struct transaction *transaction = &session->transaction;
    bool to_ddl = to == NULL || to->transaction.ddl;
    if (session->broken || session->doomed || session->dooming || session->deaf ||
        session->parked || session->skipping) {
        return;
    }
    if (session->replies_count > 0 && to_ddl && !transaction->ddl && !session->cancelled) {
        session->gave_way_to = to != NULL ? to->backend_pid : 0;
        session->server->gave_way |= to != NULL;
        cancel(session);
    }
    if (session->busy) {
        return;
    }
    if (session->status == 'T' && transaction->undo && transaction->ddl_done &&
        !transaction->kept) {
        session->parked = true;
        session_query_hidden(session, SESSION_TAKE_BACK);
        local_stream_update(session->back);
    } else if (local_session_is_open(session) && session->status != 'E') {
        session->gave_way_to = to != NULL ? to->backend_pid : 0;
        session->server->gave_way |= to != NULL;
        doom(session);
    }
}

bool
session_needs_ddl(const struct local_session *session, const struct rules_statement *statement)
{
    enum rules_kind kind = statement != NULL ? statement->kind : RULES_READ;
    if (!session->parked || kind == RULES_ROLLBACK) {
        return false;
    }
    return kind != RULES_COMMIT || session->catalog_seen >= session->server->catalog;
}

/* Who had to give way to this one and was told of it has been told of the change. */
void
session_catalog_changed(struct local_session *session)
{
    struct local_server *server = session->server;
    session->catalog_seen = ++server->catalog;
    for (struct local_client *client = server->sessions; client != NULL && server->gave_way;
         client = client->next_session) {
        struct local_session *other = &client->session;
        if (other != session && !other->doomed && other->gave_way_to == session->backend_pid) {
            other->catalog_seen = server->catalog;
        }
    }
    local_jobs_changed(&server->jobs, session->ddl_job != NULL);
}

void
session_ended(const struct local_session *session)
{
    struct local_server *server = session->server;
    bool others = false;
    for (struct local_client *client = server->sessions; client != NULL && server->gave_way;
         client = client->next_session) {
        if (client->session.gave_way_to == session->backend_pid) {
            client->session.gave_way_to = 0;
        }
        others |= client->session.gave_way_to != 0;
    }
    server->gave_way = others;
}

/* ---------------------------------------------------------------- jobs */

void
session_job_id(char job_id[27])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[26];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        memset(bytes, 0, sizeof bytes);
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        job_id[i] = alphabet[bytes[i] % 32];
    }
    job_id[26] = '\0';
}

void
session_job_call(const struct local_session *session, const char *job_id,
                 char call[SESSION_JOB_CALL_SIZE])
{
    snprintf(call, SESSION_JOB_CALL_SIZE, "SELECT pg_catalog.dsql_local_async('%.26s', %s)", job_id,
             session->server->options->job_delay_ms == 0 ? "true" : "false");
}

bool
session_is_verbatim(const struct rules_statement *statement, const char *sql)
{
    return strncmp(statement->sql, sql + statement->start, statement->length) == 0 &&
           statement->sql[statement->length] == '\0';
}

size_t
session_characters(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

void
session_report(struct local_session *session, const struct refusal *refusal)
{
    struct dsql_diagnostic diagnostic = {
        .severity = "ERROR",
        .sqlstate = refusal->sqlstate,
        .message = refusal->message,
        .hint = refusal->hint,
    };
    dsql__diagnostic_put(&session->front->out, 'E', &diagnostic);
    local_counters_error(&session->server->counters, refusal->sqlstate, refusal->message);
}

/* ---------------------------------------------------------------- the client */

static void
copy_message(struct local_session *session, const struct dsql__message *message)
{
    struct dsql__buffer *out = &session->back->out;
    dsql__buffer_put(out, message->body - 5, message->total);
    if (message->type == 'd' || !session->copy_in) {
        return;
    }
    session->copy_in = false;
}

static void
dispatch(struct local_session *session, const struct dsql__message *message)
{
    switch (message->type) {
    case 'Q':
        session_query(session, message->body, message->length);
        break;
    case 'd':
    case 'c':
    case 'f':
        copy_message(session, message);
        break;
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
    case 'H':
    case 'S':
        if (session->copy_in) {
            break; /* PostgreSQL, too, ignores them in the midst of a COPY */
        }
        session_extended(session, message);
        break;
    case 'F':
        /* Fast-path calls would pass the rules by. */
        session_query_refused(
            session, &(struct refusal){"0A000", "function call messages are not supported", NULL});
        break;
    case 'X':
    default:
        session->broken = true;
        break;
    }
}

bool
session_may_read_on(const struct local_session *session)
{
    return !session->broken && !session->dooming && !session->back->above_high &&
           session->replies_count < REPLIES_LIMIT && (!session->busy || session->copy_in);
}

void
local_session_from_client(struct local_session *session)
{
    struct local_stream *front = session->front;
    while (session_may_read_on(session)) {
        struct dsql__message message;
        int more =
            dsql__message_peek(dsql__buffer_begin(&front->in), dsql__buffer_length(&front->in),
                               MESSAGE_LIMIT, false, &message);
        if (more == DSQL__MORE) {
            break;
        }
        if (more != 0) {
            session->broken = true;
            break;
        }
        dispatch(session, &message);
        dsql__buffer_consume(&front->in, message.total);
    }
    dsql__buffer_trim(&front->in);
    if (session->back->out.failed || front->out.failed) {
        session->broken = true;
    }
    bool full = dsql__buffer_length(&front->in) > AHEAD_LIMIT;
    if (full && !session_may_read_on(session)) {
        front->paused = true;
    } else if (front->paused) {
        local_stream_resume(front);
    }
    local_stream_update(session->back);
    local_stream_update(front);
}
