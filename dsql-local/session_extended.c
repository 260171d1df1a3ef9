/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The extended protocol: Parse, Bind, Describe, Execute, Close, Flush, Sync.
 * Our own statements and portals have names that no client uses. */
#include <stdlib.h>
#include <string.h>

#include "server.h"

#define HIDDEN_NAME "dsql_local_hidden"

static void
forward(struct local_session *session, const struct dsql__message *message)
{
    dsql__buffer_put(&session->back->out, message->body - 5, message->total);
}

static struct reply *
expect_hidden(struct local_session *session, enum reply_kind kind)
{
    struct reply *reply = session_expect(session, kind);
    if (reply != NULL) {
        reply->hidden = true;
    }
    return reply;
}

/* ------------------------------------------------------- statements of our own */

static void
put_parse(struct dsql__buffer *out, const char *name, const char *sql)
{
    size_t mark = dsql__message_begin(out, 'P');
    dsql__put_string(out, name);
    dsql__put_string(out, sql);
    dsql__put_int16(out, 0);
    dsql__message_end(out, mark);
}

static void
put_close(struct local_session *session, char kind, const char *name)
{
    struct dsql__buffer *out = &session->back->out;
    size_t mark = dsql__message_begin(out, 'C');
    dsql__put_byte(out, kind);
    dsql__put_string(out, name);
    dsql__message_end(out, mark);
    expect_hidden(session, REPLY_CLOSE);
}

/* Parse of a statement of ours; what its reply is, is the caller's to say. */
static void
put_hidden_parse(struct local_session *session, const char *sql)
{
    put_close(session, 'S', HIDDEN_NAME);
    put_parse(&session->back->out, HIDDEN_NAME, sql);
}

/* A statement of ours, in a portal of ours. */
static void
run_hidden(struct local_session *session, const char *sql)
{
    struct dsql__buffer *out = &session->back->out;
    put_hidden_parse(session, sql);
    expect_hidden(session, REPLY_PARSE);
    put_close(session, 'P', HIDDEN_NAME);
    size_t mark = dsql__message_begin(out, 'B');
    dsql__put_string(out, HIDDEN_NAME);
    dsql__put_string(out, HIDDEN_NAME);
    dsql__put_int16(out, 0);
    dsql__put_int16(out, 0);
    dsql__put_int16(out, 0);
    dsql__message_end(out, mark);
    expect_hidden(session, REPLY_BIND);
    mark = dsql__message_begin(out, 'E');
    dsql__put_string(out, HIDDEN_NAME);
    dsql__put_int32(out, 0);
    dsql__message_end(out, mark);
    expect_hidden(session, REPLY_EXECUTE);
}

/* The DDL that was taken back; its failure now is another session's doing. */
static void
run_again(struct local_session *session)
{
    size_t before = session->replies_count;
    if (session->ddl_job != NULL) {
        run_hidden(session, session->ddl_job);
    }
    run_hidden(session, session->ddl);
    for (size_t i = 0; !session->broken && i < session->replies_count - before; i++) {
        session_last(session, i)->refusal = session_refusal(RULE_OC001);
    }
}

/* ---------------------------------------------------------- the client's */

/* Registers text under a name, unless the name is taken: then PostgreSQL
 * refuses the message. The unnamed one is always replaced. */
static void
register_name(struct local_session *session, struct local_names *names, const char *name,
              struct local_text *text, struct reply *reply)
{
    if (*name != '\0' && local_names_get(names, name) != NULL) {
        return;
    }
    if (local_names_put(names, name, text) != 0 ||
        (reply != NULL && (reply->name = strdup(name)) == NULL)) {
        session->broken = true;
        return;
    }
    if (reply != NULL) {
        reply->forget_name = true;
    }
}

/* Whether a statement is refused whatever the transaction has done. */
static bool
refuse_at_parse(struct local_session *session, const struct local_text *text,
                struct refusal *refusal)
{
    if (text->rules.count != 1) {
        return false;
    }
    const struct rules_statement *statement = &text->rules.statements[0];
    if (!rules_refuses(statement) || session->transaction.failed) {
        return false;
    }
    return session_judge(session, statement, refusal) == VERDICT_REFUSE;
}

static void
send_parse(struct local_session *session, const struct dsql__message *message, const char *name,
           const char *sql, struct local_text *text)
{
    struct reply *reply = session_expect(session, REPLY_PARSE);
    if (reply == NULL) {
        return;
    }
    reply->text = local_text_share(text);
    const char *send = sql;
    if (text->rules.count == 1) {
        const struct rules_statement *statement = &text->rules.statements[0];
        reply->statement = statement;
        if (!session_is_verbatim(statement, sql)) {
            send = statement->sql;
            reply->original = session_characters(sql, statement->start);
        }
    }
    if (refuse_at_parse(session, text, &reply->refusal)) {
        put_parse(&session->back->out, name, SESSION_REFUSED);
        return;
    }
    register_name(session, &session->statements, name, text, reply);
    reply->length = session_characters(send, strlen(send));
    if (send == sql) {
        forward(session, message);
        return;
    }
    size_t head = (size_t)(sql - message->body) + strlen(sql) + 1;
    size_t mark = dsql__message_begin(&session->back->out, 'P');
    dsql__put_string(&session->back->out, name);
    dsql__put_string(&session->back->out, send);
    dsql__buffer_put(&session->back->out, message->body + head, message->length - head);
    dsql__message_end(&session->back->out, mark);
}

static void
parse(struct local_session *session, const struct dsql__message *message)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    const char *name = dsql__get_string(&reader);
    const char *sql = dsql__get_string(&reader);
    struct local_text *text;
    if (reader.failed || local_texts_get(&session->server->texts, sql, strlen(sql), &text) != 0) {
        session->broken = true;
        return;
    }
    send_parse(session, message, name, sql, text);
    local_text_free(text);
}

static const struct rules_statement *
statement_of(const struct local_text *text)
{
    return text != NULL && text->rules.count == 1 ? &text->rules.statements[0] : NULL;
}

/* An error of ours that PostgreSQL is made to report at this place. */
static void
refuse_execute(struct local_session *session, const struct refusal *refusal)
{
    put_hidden_parse(session, SESSION_REFUSED);
    struct reply *reply = session_expect(session, REPLY_PARSE);
    if (reply != NULL) {
        reply->refusal = *refusal;
    }
}

/* Whether a statement is to be refused before PostgreSQL meets a catalog that
 * does not suit its plan any more. */
static bool
is_outdated(struct local_session *session, const struct rules_statement *statement,
            struct refusal *refusal)
{
    /* Of one that was aborted for another session's DDL, PostgreSQL would say something else. */
    bool tells = session->doomed || !session->transaction.failed;
    return statement != NULL && tells && session_uses_catalog(statement) &&
           session_judge_catalog(session, refusal);
}

static void
bind_portal(struct local_session *session, const struct dsql__message *message)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    const char *portal = dsql__get_string(&reader);
    const char *name = dsql__get_string(&reader);
    struct local_text *text = reader.failed ? NULL : local_names_get(&session->statements, name);
    struct refusal refusal;
    if (is_outdated(session, statement_of(text), &refusal)) {
        refuse_execute(session, &refusal);
        return;
    }
    struct reply *reply = session_expect(session, REPLY_BIND);
    if (reader.failed || reply == NULL) {
        session->broken = true;
        return;
    }
    if (text != NULL) {
        register_name(session, &session->portals, portal, text, reply);
    }
    forward(session, message);
}

/* Describe and Close: a kind, S or P, and a name. */
static void
describe_or_close(struct local_session *session, const struct dsql__message *message)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    char kind = dsql__get_byte(&reader);
    const char *name = dsql__get_string(&reader);
    bool close = message->type == 'C';
    struct local_names *names = kind == 'S' ? &session->statements : &session->portals;
    struct reply *reply = session_expect(session, close ? REPLY_CLOSE : REPLY_DESCRIBE);
    if (reader.failed || reply == NULL) {
        session->broken = true;
        return;
    }
    reply->text = local_text_share(local_names_get(names, name));
    reply->statement = statement_of(reply->text);
    forward(session, message);
    if (close) {
        local_names_remove(names, name);
    }
}

void
session_abort_extended(struct local_session *session)
{
    put_hidden_parse(session, SESSION_REFUSED);
    struct reply *reply = expect_hidden(session, REPLY_PARSE);
    if (reply != NULL) {
        reply->quiet = true;
    }
    dsql__message_put_empty(&session->back->out, 'H');
}

/* A COMMIT that must fail: roll back, report, skip to Sync. */
static void
roll_back_instead(struct local_session *session, const struct refusal *refusal)
{
    run_hidden(session, "ROLLBACK");
    if (session->broken) {
        return;
    }
    struct reply *reply = session_last(session, 0);
    reply->hidden = false;
    reply->refusal = *refusal;
    reply->fail = true;
    session->skipping = true;
}

static void
run(struct local_session *session, const struct dsql__message *message, struct local_text *text,
    const struct rules_statement *statement)
{
    session_note_sent(session, statement);
    if (statement->kind == RULES_DDL) {
        if (session_wants_savepoint(session)) {
            run_hidden(session, SESSION_SAVEPOINT);
        }
        session_keep_ddl(session, statement->sql, NULL);
    }
    char job_id[27] = "", call[SESSION_JOB_CALL_SIZE];
    if (statement->job != RULES_JOB_NONE && !session->transaction.failed) {
        session_job_id(job_id);
        session_job_call(session, job_id, call);
        session_keep_ddl(session, statement->sql, call);
        run_hidden(session, call);
    }
    struct reply *reply = session_expect(session, REPLY_EXECUTE);
    if (reply == NULL) {
        return;
    }
    memcpy(reply->job_id, job_id, sizeof job_id);
    reply->text = local_text_share(text);
    reply->statement = statement;
    reply->length = SIZE_MAX / 2; /* all that PostgreSQL knows is the client's */
    reply->original = statement->verbatim ? 0 : statement->start_characters;
    forward(session, message);
}

static void
execute(struct local_session *session, const struct dsql__message *message)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    struct local_text *text = local_names_get(&session->portals, dsql__get_string(&reader));
    const struct rules_statement *statement = statement_of(text);
    if (reader.failed) {
        session->broken = true;
        return;
    }
    if (statement == NULL) {
        session_expect(session, REPLY_EXECUTE);
        forward(session, message);
        return;
    }
    struct refusal refusal = {0};
    switch (session_judge(session, statement, &refusal)) {
    case VERDICT_REFUSE:
        refuse_execute(session, &refusal);
        break;
    case VERDICT_ROLLBACK_INSTEAD:
        session_note_sent(session, statement);
        roll_back_instead(session, &refusal);
        break;
    case VERDICT_SEND:
        run(session, message, text, statement);
        break;
    }
}

/* The statement that a message is about, if it is known. */
static const struct rules_statement *
statement_in(struct local_session *session, const struct dsql__message *message,
             struct local_text **parsed)
{
    struct dsql__reader reader;
    dsql__reader_init(&reader, message->body, message->length);
    char kind = message->type == 'D' || message->type == 'C' ? dsql__get_byte(&reader) : 'P';
    const char *first = dsql__get_string(&reader);
    const char *second =
        message->type == 'P' || message->type == 'B' ? dsql__get_string(&reader) : NULL;
    if (reader.failed) {
        return NULL;
    }
    if (message->type == 'P') {
        struct local_texts *texts = &session->server->texts;
        return local_texts_get(texts, second, strlen(second), parsed) == 0 ? statement_of(*parsed)
                                                                           : NULL;
    }
    if (message->type == 'B' || kind == 'S') {
        return statement_of(local_names_get(&session->statements, second ? second : first));
    }
    return statement_of(local_names_get(&session->portals, first));
}

/* DDL that was taken back, before what may need it. */
static void
bring_back(struct local_session *session, const struct dsql__message *message)
{
    struct local_text *parsed = NULL;
    const struct rules_statement *statement = statement_in(session, message, &parsed);
    bool commits =
        statement != NULL && (statement->kind == RULES_COMMIT || statement->kind == RULES_ROLLBACK);
    if (session_needs_ddl(session, statement) && (!commits || message->type == 'E')) {
        session->parked = false;
        run_again(session);
    }
    local_text_free(parsed);
}

/* What the client sends to a PostgreSQL that ignores it. */
static void
answer_deaf(struct local_session *session)
{
    struct refusal refusal;
    if (session->doomed && session_judge_catalog(session, &refusal)) {
        session_report(session, &refusal);
        session->skipping = true;
    }
}

static void
sync_batch(struct local_session *session, const struct dsql__message *message)
{
    struct refusal refusal = {0};
    if (!session->deaf && session_inject_at_end(session, &refusal)) {
        refuse_execute(session, &refusal);
    }
    session->unsynced = session->deaf = session->skipping = false;
    session->busy = true;
    session_expect(session, REPLY_READY);
    forward(session, message);
}

void
session_extended(struct local_session *session, const struct dsql__message *message)
{
    if (session->deaf) {
        answer_deaf(session);
    }
    if (message->type == 'S') {
        sync_batch(session, message);
        return;
    }
    if (session->skipping || session->deaf) {
        return;
    }
    session->unsynced = true;
    if (session->parked) {
        bring_back(session, message);
    }
    switch (message->type) {
    case 'P':
        parse(session, message);
        break;
    case 'B':
        bind_portal(session, message);
        break;
    case 'E':
        execute(session, message);
        break;
    case 'H':
        forward(session, message);
        break;
    default:
        describe_or_close(session, message);
        break;
    }
}
