/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A signed-in client: its messages go to a PostgreSQL connection of its own,
 * the replies come back, and the rules of Aurora DSQL apply in between.
 *
 * How a rule is applied without copying PostgreSQL's transaction logic: a
 * statement that is refused is replaced by one that PostgreSQL is sure to
 * refuse (a call of a function that does not exist), and the error that comes
 * back is replaced by the service's. Skipping to Sync, aborted transactions and
 * the order of replies thus remain PostgreSQL's own.
 *
 * Every message sent to PostgreSQL that has a reply leaves a struct reply in a
 * queue; replies to messages of our own (`hidden`) never reach the client. One
 * batch (a Query, or all up to a Sync) is under way at a time: the state of the
 * transaction is then known when the next one is judged. */
#ifndef DSQL_LOCAL_SESSION_H
#define DSQL_LOCAL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "names.h"
#include "stream.h"
#include "wire.h"

struct local_server;
struct local_session;

enum reply_kind {
    REPLY_PARSE,
    REPLY_BIND,
    REPLY_CLOSE,
    REPLY_DESCRIBE,
    REPLY_EXECUTE,   /* one Execute message */
    REPLY_STATEMENT, /* one statement of a Query message */
    REPLY_READY,     /* ReadyForQuery, after Sync or at the end of a Query */
};

/* The service's words for a refusal; strings borrowed from a text or static. */
struct refusal {
    const char *sqlstate; /* NULL: not refused */
    const char *message;
    const char *hint;
};

struct reply {
    enum reply_kind kind;
    bool hidden;      /* ours: swallow it */
    bool quiet;       /* ... and an error, which is what we want, too */
    bool forget_name; /* REPLY_PARSE, REPLY_BIND: name is registered, and wrong if this fails */
    bool fail;        /* report `refusal` when this completes (a COMMIT that became ROLLBACK) */
    struct refusal refusal;                  /* replaces the error that comes back */
    struct local_text *text;                 /* shared; NULL for hidden ones */
    const struct rules_statement *statement; /* of text, or NULL */
    char *name;                              /* with forget_name; owned */
    uint64_t sent_at;                        /* uv_hrtime(), of what completes */
    char job_id[27];
    /* For the P field of errors, in characters: the statement stands at sent in
     * what PostgreSQL got, length long, and at original in the client's text. */
    size_t sent, length, original;
};

/* What the transaction under way has done, as far as the rules care. */
struct transaction {
    bool block;    /* BEGIN was sent: it lasts until COMMIT or ROLLBACK */
    bool worked;   /* a statement that takes a snapshot was sent */
    bool ddl;      /* one was sent: no second, and no DML */
    bool undo;     /* behind a savepoint of ours, so that it can be taken back for a while */
    bool kept;     /* what came behind the DDL would be lost with it: it cannot be taken back */
    bool dml;      /* sent: no DDL */
    bool ddl_done; /* completed: COMMIT changes the catalog */
    bool failed;   /* an error came back: PostgreSQL answers 25P02 until the end */
};

/* --inject: what is to happen when the batch under way has been carried out. */
struct session_fault {
    struct refusal error; /* reported in place of the completion */
    bool drop;            /* the connection is closed without a word */
    bool failing;         /* an error of ours is on its way: keep completions back */
};

struct local_session {
    struct local_server *server;
    struct local_stream *front, *back;
    struct local_names statements, portals;
    struct reply *replies; /* ring */
    size_t replies_first, replies_count, replies_size;
    struct transaction transaction;
    char status;         /* of the last ReadyForQuery: I, T or E */
    bool busy;           /* a batch is under way: its ReadyForQuery is awaited */
    bool copy_in;        /* CopyData goes through as it comes */
    bool copy_extended;  /* the COPY was started by Execute: its Sync is still to come */
    bool skipping;       /* an error was reported: ignore messages up to Sync */
    bool unsynced;       /* messages of the extended protocol were sent since the last Sync */
    bool doomed;         /* aborted for another session's DDL: OC001 is still to be told */
    bool dooming;        /* ... in the midst of messages without a Sync: not yet done */
    bool deaf;           /* ... done: PostgreSQL ignores all up to a Sync */
    int gave_way_to;     /* backend_pid of that session while it has not ended; 0: none */
    bool cancelled;      /* its statement was cancelled for another session's DDL */
    bool parked;         /* its DDL is taken back: run it again before anything else */
    char *ddl, *ddl_job; /* what is then run: the statement, the call for its job or NULL */
    int backend_pid;     /* of its PostgreSQL process */
    uint64_t busy_since, look_at; /* uv_now(): for watch.h */
    uint64_t catalog_seen;        /* server->catalog at the last OC001 or sign-in */
    struct session_fault fault;
    struct dsql__buffer held; /* completion waiting for what belongs to it */
    size_t passing;           /* bytes of a large message still to be passed on */
    bool broken;              /* out of memory or protocol violated: close */
};

/* Starts relaying; both streams are ready. catalog_seen becomes current. */
void local_session_start(struct local_session *session, struct local_server *server,
                         struct local_stream *front, struct local_stream *back);
void local_session_clear(struct local_session *session);

/* Bytes came from the client, or room to handle more. */
void local_session_from_client(struct local_session *session);
/* Bytes came from PostgreSQL. */
void local_session_from_postgres(struct local_session *session);
/* This session holds up another one; NULL: work of our own, which is DDL. */
void local_session_give_way(struct local_session *session, const struct local_session *to);
/* Whether a transaction is open that may hold others up. */
bool local_session_is_open(const struct local_session *session);

/* ------------------------------------------------ between the session's files */

/* The new last reply, zeroed; NULL (and broken) without memory. */
struct reply *session_expect(struct local_session *session, enum reply_kind kind);
struct reply *session_first(struct local_session *session);
/* The last but `back` of the awaited replies, which must be there. */
struct reply *session_last(struct local_session *session, size_t back);
void session_pop(struct local_session *session);

/* What is to become of a statement, given the transaction it comes into. */
enum verdict {
    VERDICT_SEND,
    VERDICT_REFUSE,          /* send the sure refusal instead */
    VERDICT_ROLLBACK_INSTEAD /* a COMMIT that must fail: roll back, then report */
};
enum verdict session_judge(struct local_session *session, const struct rules_statement *statement,
                           struct refusal *refusal);
/* --inject (session_inject.c): the verdict on a statement that the rules allow;
 * refusal is set unless it is VERDICT_SEND. */
enum verdict session_inject(struct local_session *session, const struct rules_statement *statement,
                            struct refusal *refusal);
/* Whether the implicit transaction that ends now fails; refusal says why. */
bool session_inject_at_end(struct local_session *session, struct refusal *refusal);
/* Whether completions are kept back until ReadyForQuery, and what then happens. */
bool session_fault_pending(const struct local_session *session);
void session_fault_strike(struct local_session *session);
/* Notes that the statement is being sent. */
void session_note_sent(struct local_session *session, const struct rules_statement *statement);
/* Keeps what is needed to run DDL once more; job may be NULL. */
void session_keep_ddl(struct local_session *session, const char *sql, const char *job);
/* Whether the DDL just noted is to be put behind a savepoint; says so once. */
bool session_wants_savepoint(struct local_session *session);
/* The service's form of a refusal by a rule without arguments. */
struct refusal session_refusal(int rule);

/* The statement that PostgreSQL surely refuses. */
#define SESSION_REFUSED "SELECT pg_catalog.dsql_local_refused()"
#define SESSION_SAVEPOINT "SAVEPOINT dsql_local_ddl"
#define SESSION_TAKE_BACK "ROLLBACK TO SAVEPOINT dsql_local_ddl"

/* The call that makes the DDL behind it a job's. */
#define SESSION_JOB_CALL_SIZE 96
void session_job_call(const struct local_session *session, const char *job_id,
                      char call[SESSION_JOB_CALL_SIZE]);
/* A new job id: 26 letters of lower-case base32. */
void session_job_id(char job_id[27]);

/* Whether PostgreSQL is to run just the client's bytes. */
bool session_is_verbatim(const struct rules_statement *statement, const char *sql);

/* Characters (not bytes) of UTF-8 text. */
size_t session_characters(const char *text, size_t length);

/* Whether another message of the client may be looked at. */
bool session_may_read_on(const struct local_session *session);

/* A whole Query message (session_query.c). */
void session_query(struct local_session *session, const char *sql, size_t length);
/* A Query of our own whose replies are all swallowed. */
void session_query_hidden(struct local_session *session, const char *sql);
/* Answers a message as a Query that is refused. */
void session_query_refused(struct local_session *session, const struct refusal *refusal);
/* One message of the extended protocol (session_extended.c). */
void session_extended(struct local_session *session, const struct dsql__message *message);
/* Aborts a transaction in the midst of the extended protocol, unheard. */
void session_abort_extended(struct local_session *session);
/* Whether a statement needs a catalog that is up to date. */
bool session_uses_catalog(const struct rules_statement *statement);
/* Tells of a catalog change that the session must know of. False: there is none. */
bool session_judge_catalog(struct local_session *session, struct refusal *refusal);
/* Whether DDL that was taken back must run again before the statement (NULL: one
 * that is not known). */
bool session_needs_ddl(const struct local_session *session,
                       const struct rules_statement *statement);
/* The catalog has changed by this session's commit. */
void session_catalog_changed(struct local_session *session);
/* A transaction of this session has ended. */
void session_ended(const struct local_session *session);
/* Sends an error to the client. */
void session_report(struct local_session *session, const struct refusal *refusal);

#endif
