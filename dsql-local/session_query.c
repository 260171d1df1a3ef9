/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Query messages (the simple protocol). Several statements in one text are one
 * implicit transaction, here as in PostgreSQL: the text that PostgreSQL gets is
 * put together from the client's statements and ours, in one message. */
#include <stdlib.h>
#include <string.h>

#include "server.h"

/* A Query message under construction. */
struct draft {
    struct local_session *session;
    struct dsql__buffer *out;
    size_t mark;       /* of the message */
    size_t characters; /* put so far */
};

static struct draft
draft_begin(struct local_session *session)
{
    struct draft draft = {.session = session, .out = &session->back->out};
    draft.mark = dsql__message_begin(draft.out, 'Q');
    session->busy = true;
    return draft;
}

/* The reply to come for a statement just put, or NULL without memory. */
static struct reply *
draft_put(struct draft *draft, const char *sql, size_t length)
{
    struct reply *reply = session_expect(draft->session, REPLY_STATEMENT);
    size_t characters = session_characters(sql, length);
    if (reply != NULL) {
        reply->sent = draft->characters;
        reply->length = characters;
    }
    dsql__buffer_put(draft->out, sql, length);
    /* The statement may end in a comment: the semicolon goes on a new line. */
    dsql__buffer_put(draft->out, "\n;", 2);
    draft->characters += characters + 2;
    return reply;
}

static void
draft_put_hidden(struct draft *draft, const char *sql)
{
    struct reply *reply = draft_put(draft, sql, strlen(sql));
    if (reply != NULL) {
        reply->hidden = true;
    }
}

static void
draft_end(struct draft *draft)
{
    dsql__put_byte(draft->out, '\0');
    dsql__message_end(draft->out, draft->mark);
    session_expect(draft->session, REPLY_READY);
}

static struct reply *
draft_put_statement(struct draft *draft, struct local_text *text,
                    const struct rules_statement *statement, const char *sql, const char *client)
{
    struct reply *reply = draft_put(draft, sql, strlen(sql));
    if (reply != NULL) {
        reply->text = local_text_share(text);
        reply->statement = statement;
        reply->original = session_characters(client, statement->start);
    }
    return reply;
}

static void
draft_put_job(struct draft *draft, struct local_text *text, const struct rules_statement *statement,
              const char *client)
{
    char job_id[27], call[SESSION_JOB_CALL_SIZE];
    session_job_id(job_id);
    session_job_call(draft->session, job_id, call);
    session_keep_ddl(draft->session, statement->sql, call);
    draft_put_hidden(draft, call);
    struct reply *reply = draft_put_statement(draft, text, statement, statement->sql, client);
    if (reply != NULL) {
        memcpy(reply->job_id, job_id, sizeof job_id);
    }
}

/* One statement with what belongs to it. False: the rest will not run. */
static bool
add(struct draft *draft, struct local_text *text, const struct rules_statement *statement,
    const char *client)
{
    struct local_session *session = draft->session;
    struct refusal refusal = {0};
    struct reply *reply;
    switch (session_judge(session, statement, &refusal)) {
    case VERDICT_REFUSE:
        reply = draft_put_statement(draft, text, statement, SESSION_REFUSED, client);
        if (reply != NULL) {
            reply->refusal = refusal;
        }
        return false;
    case VERDICT_ROLLBACK_INSTEAD:
        session_note_sent(session, statement);
        reply = draft_put_statement(draft, text, statement, "ROLLBACK", client);
        if (reply != NULL) {
            reply->refusal = refusal;
            reply->fail = true;
        }
        return false;
    case VERDICT_SEND:
        break;
    }
    session_note_sent(session, statement);
    if (session->transaction.failed) {
        draft_put_statement(draft, text, statement, statement->sql, client);
        return true;
    }
    if (statement->kind == RULES_DDL) {
        if (session_wants_savepoint(session)) {
            draft_put_hidden(draft, SESSION_SAVEPOINT);
        }
        session_keep_ddl(session, statement->sql, NULL);
    }
    if (statement->job != RULES_JOB_NONE) {
        draft_put_job(draft, text, statement, client);
        return true;
    }
    draft_put_statement(draft, text, statement, statement->sql, client);
    return true;
}

/* The DDL that was taken back; its failure now is another session's doing. */
static void
draft_put_again(struct draft *draft)
{
    struct local_session *session = draft->session;
    const char *const texts[] = {session->ddl_job, session->ddl};
    for (size_t i = 0; i < 2; i++) {
        if (texts[i] != NULL) {
            draft_put_hidden(draft, texts[i]);
            session_last(session, 0)->refusal = session_refusal(RULE_OC001);
        }
    }
}

/* A text that PostgreSQL may run as it is: nothing to add, nothing to change. */
static bool
is_plain(const struct rules_text *rules, const char *sql)
{
    if (rules->count != 1) {
        return rules->count == 0;
    }
    const struct rules_statement *statement = &rules->statements[0];
    return statement->rule == RULES_ALLOWED && statement->kind != RULES_DDL &&
           session_is_verbatim(statement, sql);
}

/* A Query message with one statement; the reply to it, or NULL. */
static struct reply *
send_one(struct local_session *session, const char *sql, size_t length)
{
    struct dsql__buffer *out = &session->back->out;
    size_t mark = dsql__message_begin(out, 'Q');
    dsql__buffer_put(out, sql, length);
    dsql__put_byte(out, '\0');
    dsql__message_end(out, mark);
    session->busy = true;
    struct reply *reply = session_expect(session, REPLY_STATEMENT);
    if (reply == NULL || session_expect(session, REPLY_READY) == NULL) {
        return NULL;
    }
    /* The ring may have moved. */
    reply = session_last(session, 1);
    reply->length = session_characters(sql, length);
    return reply;
}

static void
send_plain(struct local_session *session, struct local_text *text, const char *sql, size_t length)
{
    if (text->rules.count == 0) {
        send_one(session, sql, length); /* EmptyQueryResponse */
        return;
    }
    struct refusal refusal = {0};
    const struct rules_statement *statement = text->rules.statements;
    enum verdict verdict = session_judge(session, statement, &refusal);
    if (verdict == VERDICT_ROLLBACK_INSTEAD) {
        sql = "ROLLBACK";
    } else if (verdict == VERDICT_REFUSE) {
        sql = SESSION_REFUSED;
    }
    if (verdict != VERDICT_REFUSE) {
        session_note_sent(session, statement);
    }
    struct reply *reply = send_one(session, sql, verdict == VERDICT_SEND ? length : strlen(sql));
    if (reply != NULL) {
        reply->text = local_text_share(text);
        reply->statement = statement;
        reply->refusal = refusal;
        reply->fail = verdict == VERDICT_ROLLBACK_INSTEAD;
    }
}

/* --inject: the COMMIT that ends the text fails. */
static void
draft_put_fault(struct draft *draft)
{
    struct refusal refusal = {0};
    if (session_inject_at_end(draft->session, &refusal)) {
        struct reply *reply = draft_put(draft, SESSION_REFUSED, sizeof SESSION_REFUSED - 1);
        if (reply != NULL) {
            reply->refusal = refusal;
        }
    }
}

void
session_query(struct local_session *session, const char *sql, size_t length)
{
    const char *nul = memchr(sql, 0, length);
    struct local_text *text;
    if (nul == NULL) {
        session->broken = true;
        return;
    }
    length = (size_t)(nul - sql);
    if (local_texts_get(&session->server->texts, sql, length, &text) != 0) {
        session->broken = true;
        return;
    }
    bool again = session_needs_ddl(session, text->rules.count ? text->rules.statements : NULL);
    session->parked = false;
    bool inject = session->server->inject.any; /* something may have to be added */
    if (is_plain(&text->rules, sql) && !again && !inject) {
        send_plain(session, text, sql, length);
    } else {
        struct draft draft = draft_begin(session);
        if (again) {
            draft_put_again(&draft);
        }
        for (size_t i = 0; i < text->rules.count; i++) {
            if (!add(&draft, text, &text->rules.statements[i], sql)) {
                break;
            }
        }
        draft_put_fault(&draft);
        draft_end(&draft);
    }
    local_text_free(text);
}

void
session_query_hidden(struct local_session *session, const char *sql)
{
    struct reply *reply = send_one(session, sql, strlen(sql));
    if (reply != NULL) {
        reply->hidden = true;
        session_last(session, 0)->hidden = true;
    }
}

void
session_query_refused(struct local_session *session, const struct refusal *refusal)
{
    struct reply *reply = send_one(session, SESSION_REFUSED, sizeof SESSION_REFUSED - 1);
    if (reply != NULL) {
        reply->refusal = *refusal;
    }
}
